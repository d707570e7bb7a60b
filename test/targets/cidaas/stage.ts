/** Footbridge's connection to a stand-in for cidaas, and people on their way there. */
import { createHash, createHmac } from 'node:crypto';
import { afterEach } from 'vitest';
import type { AcceptedFormat } from '../../../src/credentials/accepted-format.ts';
import { connectCidaas } from '../../../src/targets/cidaas/connection.ts';
import { cidaas } from '../../../src/targets/cidaas/index.ts';
import { referenceOf } from '../../../src/targets/cidaas/password-reference.ts';
import type { TargetConnection, TargetUser } from '../../../src/targets/connection.ts';
import type { Target } from '../../../src/targets/target.ts';
import { oneTargetSettings } from '../../../src/targets/target-settings.ts';
import type { CidaasStandIn } from '../../support/cidaas/index.ts';
import { APP, openCidaas } from '../../support/cidaas/index.ts';
import type { TenantOptions } from '../../support/cidaas/tenant.ts';

/** `correct horse` at cost 4. */
export const PASSWORD = 'correct horse';
export const BCRYPT = {
  format: 'bcrypt-cidaas',
  encoded: {
    algorithmTypeId: 'BCRYPT_4',
    passwordHash: '$2b$04$N6AR..ZSnvVk7DnReGjCNOykJ3ZKSdncSnSQZFExuly2YeUz3qM3W',
  },
} as const;

export const mac = (text: string) => createHmac('sha256', 'a key of the tests').update(text).digest();
export const TARGET = 'new';
export const PROVIDER = 'footbridge';

export interface StageOptions {
  readonly tenant?: TenantOptions;
  /** Of the target’s own settings. */
  readonly cidaas?: object;
  readonly api?: object;
  readonly hasReference?: boolean;
  readonly ourIdp?: string | null;
  readonly accepts?: readonly AcceptedFormat[];
}

export interface Stage {
  readonly standIn: CidaasStandIn;
  readonly connection: TargetConnection;
}

const opened: Stage[] = [];
afterEach(async () => {
  for (const { standIn, connection } of opened.splice(0)) {
    await connection.close();
    await standIn.close();
  }
});

export async function stage(options: StageOptions = {}): Promise<Stage> {
  const { tenant = {}, hasReference = true, ourIdp = PROVIDER } = options;
  const standIn = await openCidaas(tenant);
  const settings = oneTargetSettings.parse({
    name: TARGET,
    kind: 'cidaas',
    displayName: 'New',
    loginUrl: 'https://new.example/',
    api: { url: standIn.url, clientCredentials: APP, perSecond: 1_000, ...options.api },
    ...(options.cidaas && { cidaas: options.cidaas }),
  });
  const { accepts: _default, ...own } = settings;
  const target: Target = { ...cidaas, ...own, accepts: options.accepts ?? cidaas.accepts };
  const connection = connectCidaas(target, {
    issuer: 'https://login.example',
    ourIdp: async () => ourIdp ?? undefined,
    ...(hasReference && { reference: (sub: string) => referenceOf(mac, TARGET, sub) }),
  });
  const whole = { standIn, connection };
  opened.push(whole);
  return whole;
}

const idOf = (name: string) => createHash('sha256').update(name).digest('hex').slice(0, 32);

/** A person called so. */
export const person = (name: string, more: Partial<TargetUser> = {}): TargetUser => ({
  sub: `shop:${name}`,
  legacyId: name,
  targetUserId: idOf(name),
  username: name,
  givenName: 'Anna',
  familyName: 'Able',
  email: { address: `${name}@example.com`, isVerified: true },
  identityProviderLinks: [],
  metadata: { legacy_id: name },
  grants: [],
  ...more,
});

export const people = (count: number, more: Partial<TargetUser> = {}) =>
  Array.from({ length: count }, (_one, index) => person(`p${index}`, more));
