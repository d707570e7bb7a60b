/** Which targets are being kept equal right now: the table `sync_pairs`. */
import { FootbridgeError } from '../errors.ts';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';

/**
 * `aligning`: both sides are read from end to end for the first time, while changes are followed already; `paused`: changes are
 * taken down and wait; `draining`: before the end, what waits is done and neither side is swept any more; `stopped`: nothing is
 * taken down any more.
 */
export const PAIR_STATES = ['aligning', 'running', 'paused', 'draining', 'stopped'] as const;
export type PairState = (typeof PAIR_STATES)[number];

/** In which turns are taken, and in which changes are taken down. */
export const TAKES_TURNS: ReadonlySet<PairState> = new Set(['aligning', 'running', 'draining']);
export const HEARS: ReadonlySet<PairState> = new Set(['aligning', 'running', 'paused', 'draining']);

/** How far a reading of both sides from end to end has come. */
export interface SweepPlace {
  /** One side after the other, and then whoever was not met at the target. */
  readonly side?: 'legacy' | 'target' | 'unseen';
  readonly after?: string;
  readonly legacyPeople?: number;
  readonly targetPeople?: number;
  /** Who differed, or was never compared. */
  readonly found?: number;
  /** ISO 8601. */
  readonly begunAt?: string;
}

export interface Pair {
  readonly target: string;
  readonly state: PairState;
  readonly since: Date;
  readonly actor: string;
  readonly sweep: SweepPlace;
  readonly sweptAt: Date | null;
}

const COLUMNS = 'target, state, since, actor, sweep, swept_at as "sweptAt"';
const ALL = statement(`select ${COLUMNS} from sync_pairs order by target`);
export const allPairs = (q: Queryable): Promise<Pair[]> => q.run<Pair>(ALL);

const FROM: Readonly<Record<PairState, readonly (PairState | null)[]>> = {
  aligning: [null, 'stopped'],
  running: ['aligning', 'paused', 'draining'],
  paused: ['aligning', 'running', 'draining'],
  draining: ['running', 'paused', 'aligning'],
  stopped: ['draining'],
};

const SET = statement(`insert into sync_pairs as p (target, state, actor) select $1, $2, $3 where $5::boolean
  on conflict (target) do update set state = excluded.state, actor = excluded.actor, since = now(),
    sweep = case when excluded.state = 'aligning' then '{}' else p.sweep end,
    swept_at = case when excluded.state = 'aligning' then null else p.swept_at end,
    sweep_due_at = case when excluded.state = 'aligning' then now() else p.sweep_due_at end
  where p.state = any($4::text[]) returning ${COLUMNS}`);
/** Whoever was stopped in the first reading goes on with it; whoever goes on counts anew whom it lets go. */
const SET_KNOWN = statement(`update sync_pairs set actor = $3, since = now(),
    let_go = case when $2 = 'running' then 0 else let_go end,
    state = case when $2 = 'running' and swept_at is null then 'aligning' else $2 end
  where target = $1 and state = any($4::text[]) returning ${COLUMNS}`);

/** Whether there is a way; undefined: it was never started. */
export const canBecome = (from: PairState | undefined, to: PairState): boolean =>
  FROM[to].includes(from ?? null);

/** Throws sync_state where there is no way from the present state. */
export async function setPair(
  q: Queryable,
  { target, state, actor }: Pick<Pair, 'target' | 'state' | 'actor'>,
): Promise<Pair> {
  const from = FROM[state];
  const known = from.filter((one) => one !== null);
  const [pair] = from.includes(null)
    ? await q.run<Pair>(SET, [target, state, actor, known, true])
    : await q.run<Pair>(SET_KNOWN, [target, state, actor, known]);
  if (pair) return pair;
  const now = (await allPairs(q)).find((one) => one.target === target)?.state ?? 'not started';
  throw new FootbridgeError('sync_state', { detail: `it is ${now}` });
}

const LEASE_SECONDS = 120;
const LEASE =
  statement(`update sync_pairs set lease = $1, leased_until = now() + interval '${LEASE_SECONDS} seconds'
  where target = $2 and state in ('aligning', 'running') and sweep_due_at <= now()
    and (leased_until is null or leased_until < now()) returning ${COLUMNS}`);
/** Whose turn it is to read both sides on; undefined: nobody's, or somebody else's. */
export async function leaseSweep(q: Queryable, target: string, lease: string): Promise<Pair | undefined> {
  return (await q.run<Pair>(LEASE, [lease, target]))[0];
}

const KEEP = statement(`update sync_pairs set sweep = $3::jsonb,
    leased_until = now() + interval '${LEASE_SECONDS} seconds'
  where target = $1 and lease = $2 and state in ('aligning', 'running') returning 1`);
/** False: it is somebody else's by now, or nobody's. */
export const keepSweep = async (
  q: Queryable,
  target: string,
  lease: string,
  place: SweepPlace,
): Promise<boolean> => (await q.run(KEEP, [target, lease, JSON.stringify(place)])).length > 0;

const FINISH =
  statement(`update sync_pairs set sweep = $3::jsonb, swept_at = now(), lease = null, leased_until = null,
    sweep_due_at = case when $4::float8 > 0 then now() + make_interval(secs => $4) else 'infinity' end,
    state = case when state = 'aligning' then 'running' else state end,
    since = case when state = 'aligning' then now() else since end
  where target = $1 and lease = $2 returning 1`);
/** The next one begins after so long; 0: when somebody asks. */
export async function finishSweep(
  q: Queryable,
  target: string,
  {
    lease,
    place,
    nextSeconds,
  }: { readonly lease: string; readonly place: SweepPlace; readonly nextSeconds: number },
): Promise<void> {
  await q.run(FINISH, [target, lease, JSON.stringify(place), nextSeconds]);
}

const RELEASE = statement(`update sync_pairs set lease = null, leased_until = null,
    sweep_due_at = now() + make_interval(secs => $3) where target = $1 and lease = $2`);
/** Goes on after so long. */
export const releaseSweep = async (
  q: Queryable,
  target: string,
  lease: string,
  seconds: number,
): Promise<void> => {
  await q.run(RELEASE, [target, lease, seconds]);
};

const ASK = statement(`update sync_pairs set sweep_due_at = now(), sweep = '{}' where target = $1
  and state in ('aligning', 'running') and (leased_until is null or leased_until < now()) returning 1`);
/** Both sides are read from end to end now. False: somebody is at it. */
export const askSweep = async (q: Queryable, target: string): Promise<boolean> =>
  (await q.run(ASK, [target])).length > 0;

/** Whoever is at it has read people of whom we have lost what came after: their lease is over. A pause has it wait. */
const ANEW =
  statement(`update sync_pairs set sweep_due_at = now(), sweep = '{}', lease = null, leased_until = null
  where target = $1 and state <> 'stopped'`);
/** Changes were lost: both sides are read from the beginning, as soon as they may be. */
export const sweepAnew = async (q: Queryable, target: string): Promise<void> => {
  await q.run(ANEW, [target]);
};

const LET_GO = statement(`update sync_pairs set
    let_go = case when let_go_since > $3::timestamptz - interval '1 hour' then let_go + 1 else 1 end,
    let_go_since = case when let_go_since > $3::timestamptz - interval '1 hour' then let_go_since else $3 end
  where target = $1 and state <> 'paused' and (may_go_until > now() or
    case when let_go_since > $3::timestamptz - interval '1 hour' then let_go + 1 else 1 end <= $2::int) returning 1`);
/** One more person may be let go; false: as many have been within an hour as `most`, or somebody has paused it. */
export const letGo = async (
  q: Queryable,
  { target, most, now }: { readonly target: string; readonly most: number; readonly now: Date },
): Promise<boolean> => (await q.run(LET_GO, [target, most, now])).length > 0;

const MAY_GO = statement('select may_go_until > now() as may from sync_pairs where target = $1');
/** Whether an operator has said that those who are gone are gone indeed. */
export const mayAnyGo = async (q: Queryable, target: string): Promise<boolean> =>
  (await q.run<{ may: boolean | null }>(MAY_GO, [target]))[0]?.may ?? false;

const ALLOW = statement(`update sync_pairs set may_go_until = now() + interval '24 hours' where target = $1`);
/** For a day any number may be let go. */
export const allowGoing = async (q: Queryable, target: string): Promise<void> => {
  await q.run(ALLOW, [target]);
};
