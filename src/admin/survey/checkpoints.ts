/** Where a survey stands, in our database: killed at any moment, it goes on after the last user it has counted. */
import { FootbridgeError } from '../../errors.ts';
import type { Db } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Report } from './report.ts';
import type { Tally } from './tally.ts';

export interface Checkpoint {
  readonly version: number;
  readonly after: string;
  readonly tally: Tally;
  readonly startedAt: Date;
}

/** What somebody logs in with, as MACs. */
export interface SurveyLogin {
  readonly kind: 'login' | 'local' | 'id';
  readonly folded: Buffer;
  readonly exact: Buffer;
  readonly sub: string;
}

export interface SharedLogins {
  readonly kind: SurveyLogin['kind'];
  /** More than one spelling of it. */
  readonly differs: boolean;
  readonly users: number;
  readonly examples: string[];
}

const COLUMNS = 'version, after, tally, started_at as "startedAt"';
const CONTINUE = statement(
  `select ${COLUMNS} from surveys where name = $1 and settings = $2 and report is null`,
);
const BEGIN = statement(`insert into surveys as s (name, settings, tally) values ($1, $2, $3)
  on conflict (name) do update set settings = excluded.settings, version = s.version + 1, after = '',
    tally = excluded.tally, started_at = now(), updated_at = now(), report = null
  returning ${COLUMNS}`);
/** There is one survey at a time: of two, the one that was begun later goes on. */
const EMPTY = statement('truncate survey_logins');
const STEP =
  statement(`with moved as (update surveys set version = version + 1, after = $3, tally = $4, updated_at = now()
    where name = $1 and version = $2 returning version),
  kept as (insert into survey_logins (kind, folded, exact, sub)
    select l.kind, l.folded, l.exact, l.sub from moved, unnest($5::text[], $6::bytea[], $7::bytea[], $8::text[]) as l(kind, folded, exact, sub))
  select version from moved`);
const SHARED = statement(`with groups as (
    select kind, count(distinct exact) > 1 as differs, count(distinct sub) as users, count(*) as times,
      (array_agg(sub order by sub))[1:2] as subs
    from survey_logins group by kind, folded)
  select kind, differs, sum(users)::int as users, (array_agg(array_to_string(subs, ', ')))[1:5] as examples
  from groups where users > 1 or (kind = 'id' and times > 1) group by kind, differs`);
const FINISH = statement(
  'update surveys set report = $3, updated_at = now() where name = $1 and version = $2 returning version',
);
/** Millions of logins are sorted once; every other statement of ours is over in a second. */
const PATIENCE = [statement("set local statement_timeout = '1h'"), statement("set local work_mem = '64MB'")];
const LAST = statement('select report from surveys where name = $1 and report is not null');

/** `settings`: a fingerprint of what the survey depends on. */
export async function openCheckpoint(
  db: Db,
  { name, settings, restart }: { name: string; settings: Buffer; restart: boolean },
  empty: Tally,
): Promise<Checkpoint> {
  const [known] = restart ? [] : await db.run<Checkpoint>(CONTINUE, [name, settings]);
  if (known) return known;
  return db.transaction(async (tx) => {
    const [fresh] = await tx.run<Checkpoint>(BEGIN, [name, settings, JSON.stringify(empty)]);
    await tx.run(EMPTY);
    return fresh as Checkpoint;
  });
}

/** Everything or nothing: the tally, the cursor and the logins. Throws survey_running. */
export async function keepCheckpoint(
  db: Db,
  name: string,
  { version, after, tally }: Omit<Checkpoint, 'startedAt'>,
  logins: readonly SurveyLogin[],
): Promise<number> {
  const [row] = await db.run<{ version: number }>(STEP, [
    name,
    version,
    after,
    JSON.stringify(tally),
    logins.map(({ kind }) => kind),
    logins.map(({ folded }) => folded),
    logins.map(({ exact }) => exact),
    logins.map(({ sub }) => sub),
  ]);
  if (!row) throw new FootbridgeError('survey_running');
  return row.version;
}

export function sharedLogins(db: Db): Promise<SharedLogins[]> {
  return db.transaction(async (tx) => {
    for (const setting of PATIENCE) await tx.run(setting);
    return tx.run<SharedLogins>(SHARED);
  });
}

export async function finishCheckpoint(
  db: Db,
  { name, version }: { name: string; version: number },
  report: Report,
): Promise<void> {
  await db.transaction(async (tx) => {
    const rows = await tx.run(FINISH, [name, version, JSON.stringify(report)]);
    if (rows.length === 0) throw new FootbridgeError('survey_running');
    await tx.run(EMPTY);
  });
}

export async function lastReport(db: Db, name: string): Promise<Report | undefined> {
  const [row] = await db.run<{ report: Report }>(LAST, [name]);
  return row?.report;
}
