/** How logins and moves went, in steps of five minutes: counted in memory, and added up in our database by all nodes. */
import type { Db, Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';

/**
 * `facade`: a login at our pages; `brokered`: one for a target's client; `recognised`: by the session of an old app; `typed`:
 * the password was typed at the target; `ensure`: an app asked; `drop-in`: a password contract of another system; `claim`: their
 * own link; `redirected`: sent on to the target.
 */
export const PATHS = [
  'facade',
  'brokered',
  'recognised',
  'typed',
  'ensure',
  'drop-in',
  'claim',
  'redirected',
] as const;
export type CountPath = (typeof PATHS)[number];

/**
 * One for each try. `ok`: it went well, and there was nothing to move; `wrong`: the password was; `refused`: they may not;
 * `outage`: something did not answer; `moved`: it went well, and they are at the target; `move-failed`: they are not, for good;
 * `move-later`: not yet.
 */
export const OUTCOMES = ['ok', 'wrong', 'refused', 'outage', 'moved', 'move-failed', 'move-later'] as const;
export type CountOutcome = (typeof OUTCOMES)[number];

export interface Counted {
  /** Absent where no target is meant, no app known, no phase asked. */
  readonly target?: string | undefined;
  readonly app?: string | undefined;
  readonly phase?: string | undefined;
  readonly path: CountPath;
  readonly outcome: CountOutcome;
}

export interface Counts {
  /** Costs nothing: it is in memory until the next flush. */
  count(one: Counted): void;
  /** Every few seconds, and before the process ends. What could not be stored is kept. Throws storage_unavailable. */
  flush(): Promise<void>;
  /** How many were not counted, because too many different ones waited. */
  dropped(): number;
}

export const STEP_MINUTES = 5;
const STEP_MS = STEP_MINUTES * 60_000;
/** A day without our database, with a hundred apps: about 5 MB. What comes on top of it is not counted. */
const MAX_KEYS = 50_000;
/** Rows per statement: each takes some milliseconds. */
const ROWS = 1_000;

/** Always in the same order, so that two nodes that add to the same rows never wait for one another in a circle. */
const ADD = statement(`insert into rollout_counts as c (at, target, app, phase, path, outcome, count)
  select * from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
    as r(at, target, app, phase, path, outcome, count) order by 1, 2, 3, 4, 5, 6
  on conflict (at, target, app, phase, path, outcome) do update set count = c.count + excluded.count`);

interface Row extends Required<{ [K in keyof Counted]: string }> {
  readonly atMs: number;
  count: number;
}

export function openCounts({
  db,
  nowMs = Date.now,
  maxKeys = MAX_KEYS,
}: {
  readonly db: Pick<Db, 'run'>;
  readonly nowMs?: () => number;
  readonly maxKeys?: number;
}): Counts {
  const rows = new Map<string, Row>();
  let lost = 0;
  let underWay: Promise<void> | undefined;

  const add = (row: Row) => {
    const { atMs, target, app, phase, path, outcome, count } = row;
    const key = JSON.stringify([atMs, target, app, phase, path, outcome]);
    const known = rows.get(key);
    if (known) known.count += count;
    else if (rows.size < maxKeys) rows.set(key, row);
    else lost += count;
  };
  const send = async (some: readonly Row[]) => {
    const column = (of: (row: Row) => unknown) => some.map(of);
    await db.run(ADD, [
      column(({ atMs }) => new Date(atMs)),
      column(({ target }) => target),
      column(({ app }) => app),
      column(({ phase }) => phase),
      column(({ path }) => path),
      column(({ outcome }) => outcome),
      column(({ count }) => count),
    ]);
  };
  const flushAll = async () => {
    const waiting = [...rows.values()];
    rows.clear();
    for (let from = 0; from < waiting.length; from += ROWS) {
      try {
        await send(waiting.slice(from, from + ROWS));
      } catch (error) {
        // If it was stored and only the answer was lost, these count twice: figures, and not the ledger.
        for (const row of waiting.slice(from)) add(row);
        throw error;
      }
    }
  };

  return {
    count({ target = '', app = '', phase = '', path, outcome }) {
      const atMs = Math.floor(nowMs() / STEP_MS) * STEP_MS;
      add({ atMs, target, app, phase, path, outcome, count: 1 });
    },
    async flush() {
      while (underWay) await underWay.catch(() => undefined);
      underWay = flushAll().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    dropped: () => lost,
  };
}

export interface CountRow {
  /** When the step began. */
  readonly at: Date;
  readonly app: string;
  readonly phase: string;
  readonly path: CountPath;
  readonly outcome: CountOutcome;
  readonly count: number;
}

/** Of one answer: a month by the hour with some forty different ones. Whoever looks at more takes longer steps. */
const MAX_ROWS = 50_000;
const BETWEEN =
  statement(`select to_timestamp(floor(extract(epoch from at) / $4::int) * $4::int) as at, app, phase, path,
    outcome, sum(count)::float8 as count
  from rollout_counts where at >= $2 and at < $3 and ($1::text is null or target = $1)
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5 limit ${MAX_ROWS}`);

export interface Between {
  readonly target?: string | undefined;
  readonly from: Date;
  readonly to: Date;
  readonly stepMinutes: number;
}

/** In order of time. Steps without anything are left out. */
export const countsBetween = (
  q: Queryable,
  { target, from, to, stepMinutes }: Between,
): Promise<CountRow[]> =>
  q.run<CountRow>(BETWEEN, [target ?? null, from, to, Math.max(STEP_MINUTES, stepMinutes) * 60]);

const SINCE =
  statement(`select p.phase, outcome, sum(count)::float8 as count from unnest($2::text[], $3::timestamptz[]) as p(phase, since)
  join rollout_counts c on c.phase = p.phase and c.at >= p.since and c.at < $4 and c.target = $1 group by 1, 2`);

/** How the tries of each phase went since its moment. */
export async function outcomesSince(
  q: Queryable,
  {
    target,
    phases,
    to,
  }: {
    readonly target: string;
    readonly phases: readonly { readonly phase: string; readonly since: Date }[];
    readonly to: Date;
  },
): Promise<ReadonlyMap<string, Readonly<Partial<Record<CountOutcome, number>>>>> {
  const values = [target, phases.map(({ phase }) => phase), phases.map(({ since }) => since), to];
  const rows = await q.run<{ phase: string; outcome: CountOutcome; count: number }>(SINCE, values);
  const found = new Map<string, Partial<Record<CountOutcome, number>>>();
  for (const { phase, outcome, count } of rows) found.set(phase, { ...found.get(phase), [outcome]: count });
  return found;
}

/** A year, and a month to look back at it. */
const KEEP_DAYS = 400;
export const SWEEP_COUNTS =
  statement(`with gone as (delete from rollout_counts where (at, target, app, phase, path, outcome) in (
    select at, target, app, phase, path, outcome from rollout_counts where at < now() - interval '${KEEP_DAYS} days' limit $1) returning 1)
  select count(*)::int as gone from gone`);
