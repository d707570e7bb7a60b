/** People and organizations of a legacy store in memory, and a real database in which their links are. */
import { randomBytes } from 'node:crypto';
import { FootbridgeError } from '../../../src/errors.ts';
import type { Directory } from '../../../src/legacy/directory.ts';
import type { ClaimTokenSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import type { NewClaimToken } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import { issueClaimToken } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import type { IssuingDeps } from '../../../src/migration/claim-tokens/issuing.ts';
import { move } from '../../../src/migration/ledger.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import type { LegacyEntry, LegacyOrganization, User } from '../../../src/user.ts';
import { execute } from '../../support/database.ts';
import { findBySubsWith } from '../../support/find-by-subs.ts';
import { NO_WRITES } from '../../support/no-writes.ts';
import { testDatabase } from '../../support/postgres.ts';

export const ISSUER = 'https://id.example.com';
export const HOUR = 3_600;

export interface ClaimantsOptions {
  readonly claimTokens?: readonly object[];
}

export type Claimants = Awaited<ReturnType<typeof openClaimants>>;

export async function openClaimants({ claimTokens = [{ target: 'main' }] }: ClaimantsOptions = {}) {
  const database = await testDatabase();
  const db = openDb({ url: database.url, poolSize: 20 });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const audit = openAuditLog({ db, keyring });
  const people = new Map<string, LegacyEntry>();
  const state = { isLegacyDown: false };
  const directory = directoryOf(people, state);
  const settings: readonly ClaimTokenSettings[] = claimTokensSettings.parse(claimTokens);
  const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
  const deps: IssuingDeps = {
    db,
    directory,
    claimTokens: settings,
    issuer: ISSUER,
    pseudonym: audit.pseudonym,
  };
  let serial = 0;
  return {
    ...{ db, keyring, audit, people, state, directory, settings, sql, deps },
    databaseUrl: database.url,
    /** The subject of somebody new. */
    someone(more: Partial<User> = {}): string {
      const id = `p${++serial}`;
      const user = userOf(id, more);
      people.set(user.sub, { user, credentials: { passwords: [] } });
      return user.sub;
    },
    issue: (token: Pick<NewClaimToken, 'sub'> & Partial<NewClaimToken>) =>
      issueClaimToken(db, {
        ...{
          target: 'main',
          purpose: 'person',
          origin: 'operator',
          ttlSeconds: HOUR,
          actor: 'operator:test',
        },
        subject: audit.pseudonym(token.sub),
        ...token,
      }),
    /** By the road of an operator, as far as the ledger is concerned. */
    async linked(sub: string, targetUserId = `there-${sub}`): Promise<void> {
      const common = { target: 'main', sub, actor: 'test', subject: audit.pseudonym(sub) };
      await move(db, { ...common, event: 'enqueue', legacyId: sub });
      await move(db, { ...common, event: 'create', targetUserId });
      await move(db, { ...common, event: 'confirm' });
    },
    /** A step of somebody, whatever the ledger says of it. */
    happens: (sub: string, event: 'exclude' | 'delete' | 'revert') =>
      move(db, { target: 'main', sub, event, actor: 'test', subject: audit.pseudonym(sub) }),
    /** Makes it this much older, so that time has passed. */
    age: (id: string, seconds: number) =>
      sql(
        `update claim_tokens set issued_at = issued_at - make_interval(secs => $2),
           expires_at = expires_at - make_interval(secs => $2), held_until = held_until - make_interval(secs => $2)
         where id = $1`,
        [id, seconds],
      ),
    audited: async (action: string, sub?: string) =>
      audit.records({ action, ...(sub ? { sub } : {}), limit: 1_000 }),
    async close(): Promise<void> {
      await db.close();
      await database.drop();
    },
  };
}

export function userOf(id: string, more: Partial<User> = {}): User {
  return {
    sub: `shop:${id}`,
    legacyId: id,
    username: `user-${id}`,
    email: `${id}@example.com`,
    emailVerified: true,
    phoneNumberVerified: false,
    name: `Person ${id}`,
    state: 'active',
    roles: [],
    attributes: {},
    ...more,
  };
}

export const organizationOf = (id: string, more: Partial<LegacyOrganization> = {}): LegacyOrganization => ({
  id,
  name: `Works ${id}`,
  kinds: [],
  roles: ['owner'],
  isOwner: true,
  ...more,
});

function directoryOf(
  people: ReadonlyMap<string, LegacyEntry>,
  state: { readonly isLegacyDown: boolean },
): Directory {
  const ask = async <T>(found: () => T): Promise<T> => {
    if (state.isLegacyDown) throw new FootbridgeError('legacy_unavailable', { retryAfterSeconds: 2 });
    return found();
  };
  const bySub = (sub: string) => ask(() => people.get(sub));
  return {
    legacyIdOf: (sub) => (sub.startsWith('shop:') ? sub.slice(5) : undefined),
    findByLogin: (login) => ask(() => [...people.values()].find(({ user }) => user.username === login)),
    findBySub: bySub,
    findBySubs: findBySubsWith(bySub),
    userBySub: (sub) => ask(() => people.get(sub)?.user),
    count: () => ask(() => people.size),
    forget: () => undefined,
    ...NO_WRITES,
    check: async () => undefined,
    close: async () => undefined,
  };
}
