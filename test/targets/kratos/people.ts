/** People to move to a Kratos, and the Kratos: the stand-in, or the real one that KRATOS_ADMIN_URL and KRATOS_PUBLIC_URL name. */
import type { TargetConnection, TargetUser } from '../../../src/targets/connection.ts';
import { connectKratos } from '../../../src/targets/kratos/connection.ts';
import { kratos as kind } from '../../../src/targets/kratos/index.ts';
import type { Target } from '../../../src/targets/target.ts';
import { oneTargetSettings } from '../../../src/targets/target-settings.ts';
import type { KratosOptions, StandInKratos } from '../../support/kratos/index.ts';
import { startKratos } from '../../support/kratos/index.ts';
import type { LoggedIn } from '../../support/kratos/sessions.ts';
import { realLogIn } from './real-login.ts';

export const ADMIN_URL = process.env.KRATOS_ADMIN_URL;
/** What only the stand-in can be made to do. */
export const needsStandIn = ADMIN_URL !== undefined;
export const PROVIDER = 'footbridge';
export const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
/** Where each piece goes in `test/support/kratos/person.schema.json`. */
export const TRAITS = {
  username: 'username',
  givenName: 'name.first',
  familyName: 'name.last',
  nickname: 'nickname',
  displayName: 'display_name',
  locale: 'locale',
  phone: 'phone',
};

/** Of `opensesame`, cost 4. */
export const HASH = '$2b$04$7ZOnFwFHfJHmrfms2vHwiOUZYxS08ZeqRa62tWZMmb6OXMUpUojau';
export const PASSWORD = 'opensesame';
export const bcryptHash = { format: 'bcrypt', encoded: HASH } as const;

/** `passkeyIsFactor` as `hasKeyFactor` of the kind reads it. */
type More = Partial<TargetUser> & { readonly passkeyIsFactor?: boolean };

export const someone = (name: string, more: More = {}): TargetUser => ({
  sub: `shop:${name}`,
  legacyId: name,
  targetUserId: externalId(name),
  username: name,
  givenName: 'Some',
  familyName: 'One',
  email: { address: `${name}@example.test`, isVerified: true },
  password: bcryptHash,
  identityProviderLinks: [],
  metadata: { legacy_id: name },
  grants: [],
  ...more,
});

/** As `migration/moving/target-user.ts` has them: 32 characters, the same at every try. */
export const externalId = (name: string) => Buffer.from(name).toString('hex').padStart(32, '0').slice(-32);

export const passkey = (credentialId: string, userHandle: string | Buffer) => ({
  credentialId,
  publicKey: new Uint8Array([1, 2, 3]),
  signCount: 3,
  transports: ['internal'],
  userHandle: Buffer.from(userHandle).toString('base64url'),
});

export const someones = (count: number, prefix: string): TargetUser[] =>
  Array.from({ length: count }, (_none, at) => someone(`${prefix}-${at}`));

export interface At {
  readonly connection: TargetConnection;
  readonly target: Target;
  readonly url: string;
  /** Throws where the real one is asked for what only the stand-in has. */
  readonly kratos: StandInKratos;
  admin<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
  logIn(identifier: string, password: string, code?: string): Promise<LoggedIn>;
  close(): Promise<void>;
}

export interface OpenOptions extends KratosOptions {
  readonly api?: Readonly<Record<string, unknown>>;
  readonly settings?: Readonly<Record<string, unknown>>;
}

export function targetAt(url: string, { api = {}, settings = { traits: TRAITS } }: OpenOptions = {}): Target {
  const target = oneTargetSettings.parse({
    name: 'ory',
    kind: 'kratos',
    displayName: 'New',
    loginUrl: 'https://id.example/',
    api: { url, open: true, identityProvider: PROVIDER, perSecond: 1_000, ...api },
    kratos: { publicUrl: process.env.KRATOS_PUBLIC_URL ?? url, ...settings },
  });
  const { accepts, ...own } = target;
  return { ...kind, ...own, accepts: accepts ?? kind.accepts };
}

export async function openKratos(options: OpenOptions = {}): Promise<At> {
  const standIn = ADMIN_URL === undefined ? await startKratos(options) : undefined;
  const url = ADMIN_URL ?? standIn!.url;
  const target = targetAt(url, options);
  const connection = connectKratos(target, {
    issuer: 'https://login.example',
    ourIdp: async () => target.api?.identityProvider,
  });
  return {
    connection,
    target,
    url,
    get kratos() {
      if (standIn) return standIn;
      throw new Error('the real Kratos cannot be made to do this');
    },
    async admin<T>(method: string, path: string, body?: unknown) {
      const response = await fetch(`${url}/admin${path}`, {
        method,
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path} answers ${response.status}: ${text}`);
      return (text === '' ? undefined : JSON.parse(text)) as T;
    },
    logIn: standIn ? standIn.login : realLogIn,
    close: async () => {
      await connection.close();
      await standIn?.close();
    },
  };
}
