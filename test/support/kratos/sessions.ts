/** Sessions and logins of a Kratos: a typed password is really computed, or asked for at the migration hook. */
import { randomUUID } from 'node:crypto';
import bcrypt from 'bcrypt';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import { opens } from './hashes.ts';
import type { Identities, Identity } from './identities.ts';
import { normalized } from './identity-schema.ts';

export interface Session {
  readonly id: string;
  readonly identityId: string;
  readonly issuedAt: Date;
  isActive: boolean;
}

/** Kratos' `migrate_hook`. */
export interface MigrationHook {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type LoggedIn =
  | { readonly outcome: 'in'; readonly identityId: string; readonly sessionId: string }
  /** The password was right, and a code is asked for. */
  | { readonly outcome: 'code-wanted' }
  | { readonly outcome: 'refused' }
  /** The hook cannot be reached, or answers neither 200 nor 403: "try again later". */
  | { readonly outcome: 'unavailable' };

export interface Logins {
  readonly sessions: Map<string, Session>;
  /** By the password alone, before anything else is asked for; `unavailable`: the hook does not answer. */
  firstFactor(identifier: string, password: string): Promise<FirstFactor>;
  begin(identity: Identity): Session;
  logIn(identifier: string, password: string, code?: string): Promise<LoggedIn>;
}

export type FirstFactor =
  | { readonly outcome: 'right'; readonly identity: Identity; readonly wantsCode: boolean }
  | { readonly outcome: 'wrong' | 'unavailable' };

const FRESH_COST = 4;
const RETRIES = 2;

export function openLogins(
  identities: Identities,
  { hook, now }: { readonly hook: () => MigrationHook | undefined; readonly now: () => Date },
): Logins {
  const sessions = new Map<string, Session>();

  /** `undefined`: nobody can say. */
  async function isRight(
    identity: Identity,
    identifier: string,
    password: string,
  ): Promise<boolean | undefined> {
    const { config = {} } = identity.credentials.password ?? {};
    if (typeof config.hashed_password === 'string' && config.hashed_password !== '')
      return opens(config.hashed_password, password);
    if (config.use_password_migration_hook !== true) return false;
    const asked = hook();
    const answer = asked && (await askHook(asked, { identifier, password }));
    if (answer === true) keep(identity, await bcrypt.hash(password, FRESH_COST));
    return answer;
  }
  const keep = (identity: Identity, hashed_password: string) => {
    const { identifiers = [] } = identity.credentials.password ?? {};
    const credentials = { ...identity.credentials, password: { identifiers, config: { hashed_password } } };
    identities.replace({ ...identity, credentials });
  };

  const begin = ({ id: identityId }: Identity): Session => {
    const session = { id: randomUUID(), identityId, issuedAt: now(), isActive: true };
    sessions.set(session.id, session);
    return session;
  };

  return {
    sessions,
    begin,
    async firstFactor(identifier, password) {
      const identity = identities.byIdentifier('password', normalized(identifier));
      const right = identity && (await isRight(identity, identifier, password));
      if (identity && right === undefined) return { outcome: 'unavailable' };
      if (!identity || !right) return { outcome: 'wrong' };
      const wantsCode = seedOf(identity) !== undefined || hasKeys(identity);
      return { outcome: 'right', identity, wantsCode };
    },
    async logIn(identifier, password, code) {
      const identity = identities.byIdentifier('password', normalized(identifier));
      if (identity?.state !== 'active') return { outcome: 'refused' };
      const right = await isRight(identity, identifier, password);
      if (right === undefined) return { outcome: 'unavailable' };
      if (!right) return { outcome: 'refused' };
      const seed = seedOf(identity);
      if ((seed || hasKeys(identity)) && code === undefined) return { outcome: 'code-wanted' };
      const expected = seed && codeOfStep(seed, stepAt(now().getTime() / 1_000));
      if ((seed || hasKeys(identity)) && code !== expected) return { outcome: 'refused' };
      return { outcome: 'in', identityId: identity.id, sessionId: begin(identity).id };
    },
  };
}

/** Asked up to three times, as Kratos does it. */
async function askHook({ url, headers = {} }: MigrationHook, body: object): Promise<boolean | undefined> {
  for (let attempt = 0; attempt <= RETRIES; attempt++) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }).catch(() => undefined);
    if (!response || response.status === 429 || response.status >= 500) continue;
    if (response.status === 403) return false;
    if (response.status !== 200) return undefined;
    const answer = (await response.json().catch(() => undefined)) as { status?: unknown } | undefined;
    return answer?.status === 'password_match';
  }
  return undefined;
}

/** Keys are asked for as well, and no code is right for them. */
const hasKeys = ({ credentials }: Identity): boolean =>
  ((credentials.webauthn?.config.credentials ?? []) as { is_passwordless?: boolean }[]).some(
    ({ is_passwordless }) => !is_passwordless,
  );

/** Kratos computes SHA-1, six digits and 30 seconds, whatever the URL says. */
function seedOf({ credentials }: Identity): string | undefined {
  const url = credentials.totp?.config.totp_url;
  return typeof url === 'string' ? (new URL(url).searchParams.get('secret') ?? '') : undefined;
}
