/**
 * People of a batch who are at a target without all that they had: a real ledger and real mail; the batch, the legacy
 * store and the target are lists. Needs nothing of vitest, so that a process of its own can have the same world.
 */
import { randomBytes } from 'node:crypto';
import { FootbridgeError } from '../../../src/errors.ts';
import type { MailLocale } from '../../../src/mail/letters.ts';
import { mailSettings } from '../../../src/mail/mail-settings.ts';
import { openMailer } from '../../../src/mail/mailer.ts';
import type { Clock } from '../../../src/mail/pace.ts';
import type { BatchState, BatchUser } from '../../../src/migration/batch/batch.ts';
import type { Batches } from '../../../src/migration/batch/batches.ts';
import type { CampaignDeps, CampaignRequest } from '../../../src/migration/remedies/campaign.ts';
import type { RunContext } from '../../../src/migration/remedies/run.ts';
import { runCampaign } from '../../../src/migration/remedies/run.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import type { FoundUser, TargetConnection } from '../../../src/targets/connection.ts';
import { openTargets } from '../../../src/targets/index.ts';
import type { Capabilities, Target } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { User } from '../../../src/user.ts';

export interface WorldOptions {
  readonly databaseUrl: string;
  readonly smtpPort: number;
  readonly reset: Capabilities['reset'];
  readonly masterKey?: string;
  readonly mail?: object;
}

/** What a link must never be seen as, but in the mail. */
export const CANARY = 'link-canary';
export const BATCH = 'spring';
const BATCHED_AT = new Date('2026-02-01T00:00:00Z');

export type World = Awaited<ReturnType<typeof openWorld>>;

export function openWorld({ databaseUrl, smtpPort, reset, masterKey, mail }: WorldOptions) {
  const db = openDb({ url: databaseUrl });
  const keyring = openKeyring(new Secret(masterKey ?? randomBytes(32).toString('base64')));
  const audit = openAuditLog({ db, keyring });
  const users = new Map<string, User>();
  const batch: BatchUser[] = [];
  const state: { batch: BatchState; legacyDown: boolean } = { batch: 'done', legacyDown: false };
  const target = targetWith(reset);
  const there = openTarget(reset);
  const mailer = openMailer(
    mailSettings.parse({
      smtp: { url: `smtp://127.0.0.1:${smtpPort}` },
      from: 'Shop <accounts@shop.example>',
      perMinute: 6_000,
      ...mail,
    }),
    { nowMs: () => Date.now(), sleep: async () => undefined },
  );
  const deps: CampaignDeps = {
    db,
    directory: {
      findBySub: async (sub) => {
        if (state.legacyDown) throw new FootbridgeError('legacy_unavailable');
        const user = users.get(sub);
        return user && { user, credentials: { passwords: [] } };
      },
    },
    targets: {
      byName: (name) => (name === 'main' ? target : undefined),
      connection: (name) => (name === 'main' ? there.connection : undefined),
    },
    batches: batchesOver(batch, state),
    mailer,
    pseudonym: audit.pseudonym,
  };
  return {
    db,
    audit,
    deps,
    users,
    batch,
    state,
    there,
    target,
    /** So many people whose password could not come along, in the ledger and everywhere. */
    async people(count: number, more: PersonOptions = {}): Promise<string[]> {
      const first = batch.length;
      const subs = Array.from({ length: count }, (_, i) => `shop:${String(first + i).padStart(4, '0')}`);
      for (const [i, sub] of subs.entries()) put({ users, batch, there }, { sub, rank: first + i, ...more });
      await db.run(INTO_LEDGER, [subs, subs.map(idOf)]);
      return subs;
    },
    run: (request: Partial<CampaignRequest> = {}, clock?: Clock, context: Partial<RunContext> = {}) =>
      runCampaign({ ...deps, ...(clock ? { clock } : {}) }, requestOf(request), {
        actor: 'operator:test',
        ...context,
      }),
    async close() {
      await mailer.close();
      await db.close();
    },
  };
}

export const requestOf = (more: Partial<CampaignRequest> = {}): CampaignRequest => ({
  batch: BATCH,
  remedy: 'reset',
  campaign: 'spring-reset',
  perHour: 36_000,
  alsoCapturable: false,
  announce: false,
  repeatUnsure: false,
  repeatFailed: false,
  ...more,
});

export const idOf = (sub: string) => `there-${sub.slice(5)}`;
export const emailOf = (sub: string) => `${sub.slice(5)}@example.com`;

const INTO_LEDGER = statement(`insert into ledger (target, sub, state, from_state, target_user_id)
  select 'main', u.sub, 'created', 'queued', u.id from unnest($1::text[], $2::text[]) u(sub, id)
  on conflict do nothing`);

interface PersonOptions {
  readonly user?: Partial<User>;
  readonly found?: Partial<FoundUser>;
  readonly problem?: Partial<BatchUser>;
  readonly locale?: MailLocale;
}

function put(
  {
    users,
    batch,
    there,
  }: { users: Map<string, User>; batch: BatchUser[]; there: ReturnType<typeof openTarget> },
  { sub, rank, user, found, problem }: PersonOptions & { readonly sub: string; readonly rank: number },
): void {
  const email = emailOf(sub);
  users.set(sub, {
    ...{ sub, legacyId: sub.slice(5), username: sub.slice(5), email, emailVerified: true },
    ...{
      phoneNumberVerified: false,
      name: `Person ${sub.slice(5)}`,
      state: 'active',
      roles: [],
      attributes: {},
    },
    ...user,
  });
  there.users.set(idOf(sub), {
    ...{ targetUserId: idOf(sub), username: sub, loginName: `${sub.slice(5)}@main`, state: 'active' },
    ...{
      email: { address: email, isVerified: true },
      hasPassword: false,
      hasTotp: false,
      links: [],
      metadata: {},
    },
    ...found,
  });
  const missing = [{ what: 'password', code: 'unsupported_algorithm' }] as const;
  batch.push({
    ...{ rank: String(rank), sub, legacyId: sub.slice(5), outcome: 'created', attempts: 0 },
    problem: { code: 'incomplete', sentence: 'Something is missing.', missing },
    ...{ targetUserId: idOf(sub), finishedAt: BATCHED_AT, undone: null },
    ...problem,
  });
}

function targetWith(reset: Capabilities['reset']): Target {
  const settings = {
    name: 'main',
    kind: 'zitadel',
    displayName: 'New & Co',
    loginUrl: 'https://new.example/login?hint={login_hint}',
    api: { url: 'http://127.0.0.1:9', token: 'unused' },
  };
  const targets = openTargets(targetSettings.parse([settings]), {
    issuer: 'https://id.example',
    ourIdp: async () => undefined,
  });
  const capabilities: Capabilities = {
    ...{ ids: 'ours', uniqueBy: 'user-id', passkeys: false, recoveryCodes: false, links: true },
    ...{ metadata: true, grants: true, typedPasswords: 'no', reset },
    batch: { users: 10, max: 100, rowErrors: true, usersPerSecond: 10 },
  };
  return { ...targets.byName('main')!, capabilities };
}

/** A target's ways to a new password. It refuses whom it does not know, and whom it has no address of. */
function openTarget(reset: Capabilities['reset']) {
  const users = new Map<string, FoundUser>();
  const stand = {
    users,
    /** Whom it has mailed, and whom it has given a link of. */
    mailed: [] as string[],
    linked: [] as string[],
    /** Thrown instead of an answer. */
    trouble: undefined as ((call: string, targetUserId: string) => Error | undefined) | undefined,
    linkOf: (targetUserId: string) => `https://new.example/reset?code=${CANARY}-${targetUserId}&x=1`,
    connection: {} as TargetConnection,
  };
  const asked = (call: string, targetUserId: string) => {
    const error = stand.trouble?.(call, targetUserId);
    if (error) throw error;
    const user = users.get(targetUserId);
    if (!user) throw new FootbridgeError('target_refused', { detail: 'not_found' });
    return user;
  };
  stand.connection = {
    userById: async (id: string) => {
      const error = stand.trouble?.('userById', id);
      if (error) throw error;
      return users.get(id);
    },
    ...(reset === 'mail' && {
      mailReset: async (id: string) => {
        if (!asked('mailReset', id).email)
          throw new FootbridgeError('target_refused', { detail: 'no_email' });
        stand.mailed.push(id);
      },
    }),
    ...(reset === 'link' && {
      resetLink: async (id: string) => {
        asked('resetLink', id);
        stand.linked.push(id);
        return { url: new Secret(stand.linkOf(id)), expiresAt: new Date('2026-05-04T10:00:00Z') };
      },
    }),
  } as unknown as TargetConnection;
  return stand;
}

function batchesOver(batch: BatchUser[], state: { batch: BatchState }): CampaignDeps['batches'] {
  const known = (id: string) => {
    if (id !== BATCH) throw new FootbridgeError('batch_not_found');
  };
  return {
    status: async (id) => {
      known(id);
      return { id, target: 'main', state: state.batch } as Awaited<ReturnType<Batches['status']>>;
    },
    users: async (id, { outcome, code, after, limit }) => {
      known(id);
      const place = (user: Pick<BatchUser, 'rank' | 'sub'>) => [Number(user.rank), user.sub] as const;
      const isAfter = (user: BatchUser) => {
        if (!after) return true;
        const [[rank, sub], [lastRank, lastSub]] = [place(user), place(after)];
        return rank > lastRank || (rank === lastRank && sub > lastSub);
      };
      return batch
        .filter((user) => outcome === undefined || (user.outcome ?? 'waiting') === outcome)
        .filter((user) => code === undefined || user.problem?.code === code)
        .filter(isAfter)
        .sort((a, b) => Number(a.rank) - Number(b.rank) || (a.sub < b.sub ? -1 : 1))
        .slice(0, Math.min(limit, 1_000));
    },
  };
}
