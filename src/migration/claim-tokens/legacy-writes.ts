/**
 * What the legacy store is to be told of a link. It is asked for in the statement that makes the link, and done until it
 * works: an outage of the store loses nothing, and holds up nobody.
 */
import { randomUUID } from 'node:crypto';
import { isFootbridgeError } from '../../errors.ts';
import type { LegacyWrite, WriteValues } from '../../legacy/connector.ts';
import type { Directory } from '../../legacy/directory.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';

export interface WantedWrite {
  /** A subject or an organization's key. */
  readonly key: string;
  readonly what: LegacyWrite;
  readonly values: WriteValues;
}

/** With `after`, the name of an earlier part, only if that part returned a row. */
export const legacyWritePart = ({ key, what, values }: WantedWrite, after?: string): Part => ({
  name: 'legacy_write_wanted',
  text: `insert into legacy_writes as w (key, what, vals) select $1::text, $2::text, $3::jsonb
    ${after ? `where exists (select from ${after})` : ''}
    on conflict (key, what) do update set vals = excluded.vals, version = w.version + 1, asked_at = now(),
      due_at = now(), attempts = 0, problem = null`,
  values: [key, what, JSON.stringify(values)],
});

const LEASE_SECONDS = 120;
const DUE = statement(`with due as materialized (
    select key, what from legacy_writes where due_at <= now() and (leased_until is null or leased_until < now())
      and ($3::text is null or key = $3) order by due_at limit $2 for update skip locked)
  update legacy_writes w set lease = $1, leased_until = now() + interval '${LEASE_SECONDS} seconds' from due
  where w.key = due.key and w.what = due.what
  returning w.key, w.what, w.vals as values, w.version, w.attempts, w.lease`);
const DONE = statement(
  `with gone as (delete from legacy_writes where key = $1 and what = $2 and version = $3 returning 1)
   update legacy_writes set lease = null, leased_until = null where key = $1 and what = $2 and version <> $3`,
);
const LATER = statement(`update legacy_writes set attempts = attempts + 1, lease = null, leased_until = null,
    due_at = now() + make_interval(secs => least(3600, 5 * power(2, least(attempts, 10)))), problem = $4
  where key = $1 and what = $2 and lease = $3`);

interface DueWrite extends WantedWrite {
  readonly version: number;
  readonly attempts: number;
  readonly lease: string;
}

export interface LegacyWriteDeps {
  readonly db: Db;
  readonly directory: Pick<Directory, 'writes' | 'write'>;
  /** The audit log's pseudonym of a key. */
  readonly pseudonym: (key: string) => Buffer;
}

/** Writes at once: a round has no more of them. */
const ROUND = 100;

/** Does what is due, or what is due of one key. How many were done. Throws storage_unavailable. */
export async function writeLegacy(deps: LegacyWriteDeps, key?: string): Promise<number> {
  const due = await deps.db.run<DueWrite>(DUE, [randomUUID(), ROUND, key ?? null]);
  let done = 0;
  for (const one of due) done += (await writeOne(deps, one)) ? 1 : 0;
  return done;
}

async function writeOne({ db, directory, pseudonym }: LegacyWriteDeps, due: DueWrite): Promise<boolean> {
  const { key, what, values, version, lease } = due;
  try {
    // The settings may have changed since it was asked for: then nobody wants it any more.
    const changed = directory.writes(key).has(what) ? await directory.write(key, what, values) : undefined;
    // What a statement does not find there is nobody to be told of, today or tomorrow.
    if (changed === 0) await note(db, { ...due, code: 'nothing_changed' }, pseudonym);
    await db.run(DONE, [key, what, version]);
    return true;
  } catch (error) {
    const code = isFootbridgeError(error) ? error.code : 'internal';
    if (due.attempts === 0) await note(db, { ...due, code }, pseudonym);
    await db.run(LATER, [key, what, lease, JSON.stringify({ code })]);
    return false;
  }
}

const note = (
  db: Queryable,
  { key, what, code }: WantedWrite & { readonly code: string },
  pseudonym: (key: string) => Buffer,
) =>
  appendAudit(db, {
    actor: 'node',
    action: 'legacy.write-failed',
    subject: pseudonym(key),
    detail: { what, code },
  });

/** Whom somebody at the target is about to be given an account as; it waits for nobody. */
export interface Creation {
  readonly target: string;
  readonly targetUserId: string;
  readonly email: string;
}

const keyOf = ({ target, targetUserId }: Omit<Creation, 'email'>) => `creation\n${target}\n${targetUserId}`;
const BEGIN =
  statement(`insert into legacy_writes (key, what, vals, due_at) values ($1, 'creation', $2, 'infinity')
  on conflict (key, what) do update set vals = excluded.vals, asked_at = now()`);
const BEGUN =
  statement(`select 1 from legacy_writes where key = $1 and what = 'creation' and vals ->> 'email' = $2
  and asked_at > now() - interval '1 day'`);

/** Before the account is made: should we fall silent afterwards, it is still known whose it is. */
export const beginCreation = async (q: Queryable, creation: Creation): Promise<void> => {
  await q.run(BEGIN, [keyOf(creation), JSON.stringify({ email: creation.email })]);
};
export const wasBegun = async (q: Queryable, creation: Creation): Promise<boolean> =>
  (await q.run(BEGUN, [keyOf(creation), creation.email])).length > 0;
export const endCreation = (q: Queryable, creation: Omit<Creation, 'email'>): Promise<void> =>
  forgetLegacyWrites(q, keyOf(creation));

const FAILING =
  statement(`select key, what, attempts, problem->>'code' as code, asked_at as "askedAt", due_at as "dueAt"
  from legacy_writes where attempts > 0 and due_at < 'infinity' order by asked_at limit $1`);
/** Those that came to nothing so far, and are tried again; the longest waiting first. */
export const failingWrites = (
  q: Queryable,
  limit: number,
): Promise<
  {
    readonly key: string;
    readonly what: LegacyWrite;
    readonly attempts: number;
    readonly code: string | null;
    readonly askedAt: Date;
    readonly dueAt: Date;
  }[]
> => q.run(FAILING, [limit]);

const COUNT = statement("select count(*)::int as waiting from legacy_writes where due_at < 'infinity'");
export async function countLegacyWrites(q: Queryable): Promise<number> {
  const [row] = await q.run<{ waiting: number }>(COUNT);
  return row?.waiting ?? 0;
}

const OLDEST = statement(`select coalesce(extract(epoch from now() - min(asked_at)), 0)::float8 as seconds
  from legacy_writes where due_at < 'infinity'`);
/** For how long the one that waits longest has waited; 0: none waits. For metrics. */
export async function oldestLegacyWriteSeconds(q: Queryable): Promise<number> {
  return (await q.run<{ seconds: number }>(OLDEST))[0]?.seconds ?? 0;
}

const FORGET = statement('delete from legacy_writes where key = $1');
export const forgetLegacyWrites = async (q: Queryable, key: string): Promise<void> => {
  await q.run(FORGET, [key]);
};
