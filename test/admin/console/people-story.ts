/**
 * People in the middle of a move, in a world with a ZITADEL: one who has arrived, one whom a batch could not move, one for whom
 * sync has given up; and letters, links and messages that reached nobody. Also for whoever takes pictures of it.
 */
import { loadConfig } from '../../../src/config.ts';
import type { ErrorCode } from '../../../src/errors.ts';
import { keepPlan, turnPhase } from '../../../src/rollout/phases.ts';
import { planShape } from '../../../src/rollout/plan.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import type { Settings } from '../../flows/zitadel/settings.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { addIdp } from '../../targets/zitadel/connected.ts';
import type { ConsoleWorld } from './world.ts';
import { openConsoleWorld } from './world.ts';

export const TARGET = 'new-one';
const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
/** Nothing of these may be on any page. */
export const SECRETS = [
  SEED,
  'anna-crosses-the-bridge',
  '$2a$',
  '$2b$',
  '$2y$',
  'secret-of-the-target-0123456789',
];

const person = (id: number, login: string, givenName: string) => ({
  ...{ id, login, givenName, familyName: 'Sommerfeld', email: `${login}@example.com` },
  ...({ password: `${login}-crosses-the-bridge`, kind: 'bcrypt', role: 'clerk', language: 'en' } as const),
  ...{ emailConfirmed: true, active: true },
});
/** Has arrived; in a batch and given up; nobody’s favourite; and one whose name is an attack. */
export const PEOPLE = [
  { ...person(1, 'anna', 'Anna'), otpSeed: SEED },
  person(2, 'otto', 'Otto'),
  person(3, 'erika', 'Erika'),
  person(4, 'mallory', '<script>alert(1)</script>'),
];

export interface StoryWorld extends ConsoleWorld {
  readonly zitadel: Zitadel;
}

export async function openStoryWorld(
  change: (settings: Settings) => void = () => undefined,
): Promise<StoryWorld> {
  const zitadel = await openZitadel();
  const world = await openConsoleWorld({
    change: (settings) => {
      Object.assign(settings.targets[0], {
        kind: 'zitadel',
        api: {
          url: zitadel.url,
          token: zitadel.token,
          perSecond: 1_000,
          identityProvider: addIdp(zitadel, 'footbridge'),
        },
        move: {},
        sessions: { end: false, follow: false },
      });
      settings.admin.fourEyes = false;
      settings.legacy.cacheSeconds = 0;
      settings.legacy.staleSeconds = 0;
      settings.sync = { pairs: [{ target: TARGET }] };
      change(settings);
    },
  });
  return {
    ...world,
    zitadel,
    close: async () => {
      await world.close();
      await zitadel.close();
    },
  };
}

const PLAN = planShape.parse({
  ...{ name: 'autumn', target: TARGET },
  segments: { clerks: { roles: ['clerk'] } },
  phases: [{ name: 'staff', segments: ['clerks'] }],
});

/** Whatever of it is not told by what the world does itself is written as its tables have it. */
export async function tellPeople(world: StoryWorld): Promise<{ readonly targetUserId: string }> {
  const { sql, db } = world;
  await world.shop.seed(PEOPLE);
  await tellRecords(world);
  await db.transaction((tx) => keepPlan(tx, { plan: PLAN, source: '', actor: 'operator:ada' }));
  await turnPhase(db, {
    target: TARGET,
    phase: 'staff',
    to: 'running',
    cause: 'operator',
    actor: 'operator:ada',
    nowMs: Date.now(),
  });
  await sql(
    `insert into rollout_assignments (target, sub, phase, attempt, segment, bucket, version, way)
      values ($1, 'shop:1', 'staff', 1, 'clerks', 4711, 1, 'decision')`,
    [TARGET],
  );
  await world.api('user move', { user: 'shop:1', target: TARGET, execute: true });
  const [row] = await sql(`select target_user_id as id from ledger where sub = 'shop:1'`);
  await tellBatch(world);
  await tellSync(world);
  await tellMessages(world);
  return { targetUserId: String(row?.id) };
}

const problem = (code: ErrorCode | string, sentence: string) => JSON.stringify({ code, sentence });

async function tellBatch({ sql }: ConsoleWorld): Promise<void> {
  await sql(
    `insert into batches (id, target, state, plan, size, workers, actor, started_at)
      values ('pilot', $1, 'paused', $2, 100, 2, 'operator:ada', now() - interval '1 hour'),
        ('later', $1, 'planned', $2, 100, 2, 'operator:ada', null)`,
    [TARGET, JSON.stringify({ target: TARGET, states: ['legacy'], order: 'id' })],
  );
  await sql(
    `insert into batch_users (batch, rank, sub, legacy_id, outcome, problem, attempts, finished_at)
      values ('pilot', 1, 'shop:2', '2', 'failed', $1, 3, now()), ('pilot', 2, 'shop:3', '3', null, null, 0, null)`,
    [problem('email_missing', 'There is no address.')],
  );
  await sql(`insert into batch_counts values ('pilot', 'plan', 'users', 2), ('pilot', 'one', 'failed', 1)`);
  await sql(
    `insert into target_work (target, sub, road, actor, attempts, due_at, problem)
      values ($1, 'shop:2', 'login', 'user', 8, 'infinity', $2)`,
    [TARGET, problem('target_refused', 'The target refused what it was asked for.')],
  );
}

async function tellSync({ sql, configFile }: ConsoleWorld): Promise<void> {
  const keyring = openKeyring(loadConfig(configFile).masterKey);
  const values = JSON.stringify({ legacy: 'CANARY of the legacy store', target: 'CANARY of the target' });
  const sealed = keyring.seal('sync-conflict', values, JSON.stringify([TARGET, 'shop:1', 'email']));
  await sql(
    `insert into sync_pairs (target, state, actor, sweep_due_at, lease, leased_until)
    values ($1, 'paused', 'operator:ada', 'infinity', 'nobody', 'infinity')`,
    [TARGET],
  );
  await sql(
    `insert into sync_conflicts (target, sub, field, kind, sealed) values ($1, 'shop:1', 'email', 'both-changed', $2)`,
    [TARGET, sealed],
  );
  await sql(
    `insert into sync_turns (target, person, lane, hint, due_at, attempts, problem, died_at)
      values ($1, 'shop:3', 0, '{}', 'infinity', 8, $2, now())`,
    [TARGET, problem('target_unavailable', 'The target does not answer at the moment.')],
  );
}

async function tellMessages({ sql }: ConsoleWorld): Promise<void> {
  const ending = '5f5e1000-0000-4000-8000-000000000001';
  await sql(
    `insert into session_endings (id, cause, actor, scope, sub, ended) values
      ($1, 'operator', 'operator:ada', 'person', 'shop:1', '{"opSessions": 2, "legacySessions": 1, "targetSessions": 0}')`,
    [ending],
  );
  await sql(
    `insert into logout_deliveries (ending, kind, name, sub, handle, due_at, attempts, problem) values
      ($1, 'client', 'new-one', 'shop:1', 'CANARY of a handle', 'infinity', 8, $2)`,
    [ending, problem('timeout', 'It did not answer.')],
  );
  await sql(
    `insert into mailings (campaign, target, sub, remedy, state, due_at, problem) values
      ('autumn', $1, 'shop:2', 'claim', 'failed', now(), '{"code": "address_invalid"}'),
      ('autumn', $1, 'shop:1', 'claim', 'sent', now(), null)`,
    [TARGET],
  );
  await sql(`insert into mailing_campaigns (campaign, target) values ('autumn', $1)`, [TARGET]);
  await sql(
    `insert into claim_notices (target, sub, notice, state, problem, ended_at) values
      ($1, 'shop:3', 'link-tried', 'unsure', '{"code": "process_ended"}', now())`,
    [TARGET],
  );
  await sql(
    `insert into legacy_writes (key, what, vals, attempts, due_at, problem) values
      ('shop:3', 'linkPerson', '{"targetUserId": "CANARY of a value"}', 4, now() + interval '1 day', '{"code": "legacy_unavailable"}')`,
  );
}

/** Some of the past: more than a page of logins, and something that nobody has words for. */
async function tellRecords({ sql, configFile, db }: ConsoleWorld): Promise<void> {
  const audit = openAuditLog({ db, keyring: openKeyring(loadConfig(configFile).masterKey) });
  const subject = audit.pseudonym('shop:1');
  await sql(
    `insert into audit_log (actor, action, subject, detail, at) select 'user', 'ledger.prove', $1, '{"target": "new-one", "amr": ["pwd"]}',
      now() - make_interval(hours => 24 * 60 - n) from generate_series(1, 120) n`,
    [subject],
  );
  await sql(
    `insert into audit_log (actor, action, subject, detail) values ('somebody:new', 'moon.landed', $1, '{"crater": "Tycho"}')`,
    [subject],
  );
}
