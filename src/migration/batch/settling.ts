/**
 * What becomes of a chunk, written down: each step is one statement for all its people, with the ledger, the outbox, the
 * audit log, the lease and the batch's counts in it, or nothing.
 */
import { auditDetail } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Part } from '../../store/statement.ts';
import { rowsPart } from '../../store/statement.ts';
import type { TargetUser } from '../../targets/connection.ts';
import { moveEachParts } from '../ledger.ts';
import { finishEachParts, heldEachPart } from '../moving/target-work.ts';
import type { Person } from '../moving/try.ts';
import { comparedManyPart } from '../reconcile/compared.ts';
import { digestsOf } from '../reconcile/marks.ts';
import type { Event } from '../states.ts';
import type { Outcome, UserProblem } from './batch.ts';
import { countPart } from './batch-rows.ts';
import { LEASE_SECONDS, postponePart, tellPart } from './batch-users.ts';
import type { Chunk, Taken } from './chunk.ts';

export interface SettlingDeps {
  readonly db: Queryable;
  readonly keyring: Keyring;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** Names this worker in the counts. */
  readonly worker: string;
}

export interface Ready {
  readonly taken: Taken;
  readonly person: Person;
}

/** Somebody who is at the target now. */
export interface Arrived {
  readonly sub: string;
  readonly targetUserId: string;
  /** By us, in this try or an earlier one. */
  readonly made: boolean;
  readonly outcome: 'migrated' | 'created';
  readonly problem?: UserProblem;
  /** What they were given. */
  readonly user: TargetUser;
}

/** Somebody of whom something is known for good. */
export interface Told {
  readonly sub: string;
  readonly outcome: Outcome;
  readonly problem?: UserProblem;
  readonly targetUserId?: string;
}

/** Somebody who is tried again. */
export interface Postponed {
  readonly sub: string;
  readonly seconds: number;
  /** Whether it counts as a failed try. */
  readonly counts: boolean;
  readonly problem: UserProblem;
}

const leaseOf = ({ batch, lease }: Chunk) => ({
  target: batch.target,
  actor: batch.actor,
  lease,
  leaseSeconds: LEASE_SECONDS,
});

/** Of the rows of `from`, those whose work is still ours. */
const heldOf = (chunk: Chunk, from: string): Part[] => [
  heldEachPart(leaseOf(chunk)),
  { name: 'still_ours', text: `select f.* from ${from} f join work_held using (sub)`, values: [] },
];

/** What a target says may hold what PostgreSQL cannot. */
const json = (value: UserProblem | undefined) =>
  value === undefined ? null : auditDetail(value as unknown as Parameters<typeof auditDetail>[0]);
const column = <T, V>(rows: readonly T[], value: (row: T) => V): V[] => rows.map(value);

/** From here on the target may have these people's secrets: recorded before it is asked. Who may be sent. */
export async function releaseEach(
  { db, pseudonym }: SettlingDeps,
  chunk: Chunk,
  ready: readonly Ready[],
): Promise<ReadonlySet<string>> {
  const { target, id, actor } = chunk.batch;
  const detailOf = ({ person: { password, user } }: Ready) =>
    auditDetail({ target, road: 'batch', batch: id, password, totp: user.totpSecret !== undefined });
  const rows = rowsPart('people', {
    sub: ['text', column(ready, ({ taken }) => taken.sub)],
    subject: ['bytea', column(ready, ({ taken }) => pseudonym(taken.sub))],
    legacy_id: ['text', column(ready, ({ taken }) => taken.legacyId)],
    password: ['text', column(ready, ({ person }) => person.outcome)],
    released_of: ['text', column(ready, ({ person }) => person.madeOf)],
    detail: ['jsonb', column(ready, detailOf)],
  });
  const events: readonly Event[] = ['enqueue', 'release'];
  const moves = moveEachParts({ target, actor, events, action: 'secrets.released' }, 'still_ours');
  const released = await db.runParts<{ sub: string }>(
    [rows, ...heldOf(chunk, 'people'), ...moves],
    'select sub from ledger_row',
  );
  return new Set(released.map(({ sub }) => sub));
}

/** They are there: `create`, and for those who lack nothing `confirm`. Who was recorded. Throws a unique violation. */
export async function recordEach(
  deps: SettlingDeps,
  chunk: Chunk,
  arrived: readonly Arrived[],
): Promise<ReadonlySet<string>> {
  const recorded = new Set<string>();
  for (const [outcome, events] of ARRIVALS) {
    const some = arrived.filter((one) => one.outcome === outcome);
    if (some.length === 0) continue;
    for (const sub of await record(deps, chunk, { some, events })) recorded.add(sub);
  }
  return recorded;
}

const ARRIVALS: readonly (readonly [Arrived['outcome'], readonly Event[]])[] = [
  ['migrated', ['create', 'confirm']],
  ['created', ['create']],
];

async function record(
  { db, pseudonym, keyring }: SettlingDeps,
  chunk: Chunk,
  { some, events }: { readonly some: readonly Arrived[]; readonly events: readonly Event[] },
): Promise<readonly string[]> {
  const { target, id, actor } = chunk.batch;
  const detailOf = ({ targetUserId, made, problem }: Arrived) => {
    const missing = problem?.missing?.map(({ what, code }) => `${what}: ${code}`);
    return auditDetail({ target, road: 'batch', batch: id, targetUserId, made, ...(missing && { missing }) });
  };
  const rows = rowsPart('people', {
    sub: ['text', column(some, ({ sub }) => sub)],
    subject: ['bytea', column(some, ({ sub }) => pseudonym(sub))],
    target_user_id: ['text', column(some, ({ targetUserId }) => targetUserId)],
    made: ['boolean', column(some, ({ made }) => made)],
    detail: ['jsonb', column(some, detailOf)],
  });
  const moves = moveEachParts({ target, actor, events, action: `ledger.${events.at(-1)}` }, 'still_ours');
  const compared = ({ sub, targetUserId, user }: Arrived) => ({
    sub,
    digests: digestsOf(keyring, target, { ...user, targetUserId }),
  });
  const moved = await db.runParts<{ sub: string }>(
    [rows, ...heldOf(chunk, 'people'), ...moves, comparedManyPart(target, some.map(compared), 'ledger_row')],
    'select sub from ledger_row',
  );
  return moved.map(({ sub }) => sub);
}

/** Their outcomes, for good; whoever failed is `failed` in the ledger where they are not at the target. */
export async function tellEach(
  { db, pseudonym, worker }: SettlingDeps,
  chunk: Chunk,
  told: readonly Told[],
): Promise<void> {
  if (told.length === 0) return;
  const { batch, lease } = chunk;
  const { target, id, actor } = batch;
  const detailOf = ({ problem }: Told) =>
    auditDetail({ target, road: 'batch', batch: id, code: problem?.code ?? '' });
  const rows = rowsPart('people', {
    sub: ['text', column(told, ({ sub }) => sub)],
    // Only who failed goes into the audit log here.
    subject: ['bytea', column(told, ({ sub, outcome }) => (outcome === 'failed' ? pseudonym(sub) : null))],
    outcome: ['text', column(told, ({ outcome }) => outcome)],
    problem: ['jsonb', column(told, ({ problem }) => json(problem))],
    target_user_id: ['text', column(told, ({ targetUserId }) => targetUserId ?? null)],
    detail: ['jsonb', column(told, (one) => (one.outcome === 'failed' ? detailOf(one) : null))],
  });
  const failed: Part = {
    name: 'people_failed',
    // Of whoever is somebody else's by now nothing is said here.
    text: `select p.* from people p join chunk_told using (sub) where p.outcome = 'failed'`,
    values: [],
  };
  const fails = told.some(({ outcome }) => outcome === 'failed')
    ? [failed, ...moveEachParts({ target, actor, events: ['fail'], action: 'ledger.fail' }, 'people_failed')]
    : [];
  await db.runParts(
    [
      rows,
      tellPart(id, lease, 'people'),
      ...fails,
      ...finishEachParts(leaseOf(chunk), chunk.askedAt, 'people'),
      countPart(id, worker, 'chunk_told'),
    ],
    'select 1',
  );
}

export async function postponeEach(
  { db }: SettlingDeps,
  chunk: Chunk,
  postponed: readonly Postponed[],
): Promise<void> {
  if (postponed.length === 0) return;
  const rows = rowsPart('people', {
    sub: ['text', column(postponed, ({ sub }) => sub)],
    seconds: ['float8', column(postponed, ({ seconds }) => seconds)],
    counts: ['int', column(postponed, ({ counts }) => Number(counts))],
    problem: ['jsonb', column(postponed, ({ problem }) => json(problem))],
  });
  await db.runParts(
    [
      rows,
      postponePart(chunk.batch.id, chunk.lease, 'people'),
      ...finishEachParts(leaseOf(chunk), chunk.askedAt, 'people'),
    ],
    'select 1',
  );
}
