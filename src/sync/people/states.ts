/**
 * What is known of each person who is kept equal: the table `sync_people`. Whoever writes says which version they have read: of
 * two who were at it at the same time, the second writes nothing and looks again.
 */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { Base, Side } from './deciding.ts';
import type { SyncField } from './fields.ts';

/** Writes that were under way, by side: what each field was to become, as a digest. */
export type Intended = Readonly<Partial<Record<Side, Base>>>;

/** A field that a side does not keep however often it is written: for these two values, until then. */
export type Refused = Readonly<
  Partial<Record<SyncField, { readonly pair: string; readonly tries: number; readonly untilMs: number }>>
>;

export interface PersonState {
  readonly targetUserId: string;
  /** 0: there is none yet. */
  readonly version: number;
  /** Which master key its digests are of. */
  readonly of: string | undefined;
  readonly fields: Base;
  /** The fingerprint of the legacy password that was dealt with last. */
  readonly password: string | undefined;
  readonly refused: Refused;
  readonly intended: Intended | undefined;
  readonly readAt: Date | null;
  readonly wroteAt: Date | null;
  readonly goneSince: Date | null;
  /** The legacy store had them no longer, and what was to be done at the target was done. */
  readonly hasLeft: boolean;
  /** Of fields that were never equal, what each side had when both were looked at last, and whose word counted. */
  readonly unequal: Intended;
}

interface Row {
  readonly sub: string;
  readonly targetUserId: string;
  readonly version: string;
  readonly base: {
    readonly of?: string;
    readonly fields?: Base;
    readonly password?: string;
    readonly refused?: Refused;
    readonly hasLeft?: boolean;
    readonly unequal?: Intended;
  };
  readonly intended: Intended | null;
  readonly readAt: Date | null;
  readonly wroteAt: Date | null;
  readonly goneSince: Date | null;
}

const COLUMNS = `sub, target_user_id as "targetUserId", version, base, intended, read_at as "readAt", wrote_at as "wroteAt",
  gone_since as "goneSince"`;
const READ = statement(`select ${COLUMNS} from sync_people where target = $1 and sub = any($2::text[])`);

export async function statesOf(
  q: Queryable,
  target: string,
  subs: readonly string[],
): Promise<ReadonlyMap<string, PersonState>> {
  const rows = await q.run<Row>(READ, [target, subs]);
  return new Map(rows.map((row) => [row.sub, stateOf(row)]));
}

const stateOf = ({ sub: _, version, base, intended, ...row }: Row): PersonState => ({
  ...row,
  version: Number(version),
  of: base.of,
  fields: base.fields ?? {},
  password: base.password,
  refused: base.refused ?? {},
  hasLeft: base.hasLeft ?? false,
  unequal: base.unequal ?? {},
  intended: intended ?? undefined,
});

export const NEW_STATE = (targetUserId: string): PersonState => ({
  targetUserId,
  version: 0,
  of: undefined,
  fields: {},
  password: undefined,
  refused: {},
  intended: undefined,
  readAt: null,
  wroteAt: null,
  goneSince: null,
  hasLeft: false,
  unequal: {},
});

export interface Written {
  readonly sub: string;
  /** With the version that was read. */
  readonly state: PersonState;
  /** Both sides have been looked at and are equal, as far as they can be. */
  readonly isSynced: boolean;
}

/**
 * A part named `people_written` with sub and version of those who were still as they were read. With `hasWritten`, `readAt`
 * and `wroteAt` of each state are kept as well.
 */
export function writePart(target: string, people: readonly Written[]): Part {
  const column = <T>(of: (one: Written) => T) => people.map(of);
  return {
    name: 'people_written',
    text: `insert into sync_people as p (target, sub, target_user_id, version, base, intended, read_at, wrote_at, gone_since, synced_at)
      select $1::text, w.sub, w.user_id, 1, w.base::jsonb, w.intended::jsonb, w.read_at, w.wrote_at, w.gone_since,
        case when w.synced then now() end
      from unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
        $9::timestamptz[], $10::boolean[])
        as w(sub, user_id, version, base, intended, read_at, wrote_at, gone_since, synced)
      order by w.sub
      on conflict (target, sub) do update set target_user_id = excluded.target_user_id, version = p.version + 1,
        base = excluded.base, intended = excluded.intended, read_at = excluded.read_at, wrote_at = excluded.wrote_at,
        gone_since = excluded.gone_since, synced_at = coalesce(excluded.synced_at, p.synced_at)
      where p.version = (select w.version from unnest($2::text[], $4::bigint[]) as w(sub, version) where w.sub = excluded.sub)
      returning sub, version`,
    values: [
      target,
      column(({ sub }) => sub),
      column(({ state }) => state.targetUserId),
      column(({ state }) => state.version),
      column(({ state }) => JSON.stringify(baseOf(state))),
      column(({ state }) => (state.intended ? JSON.stringify(state.intended) : null)),
      column(({ state }) => state.readAt),
      column(({ state }) => state.wroteAt),
      column(({ state }) => state.goneSince),
      column(({ isSynced }) => isSynced),
    ],
  };
}

const baseOf = ({ of, fields, password, refused, hasLeft, unequal }: PersonState) => ({
  of,
  fields,
  ...(password === undefined ? {} : { password }),
  ...(Object.keys(refused).length > 0 ? { refused } : {}),
  ...(hasLeft ? { hasLeft } : {}),
  ...(Object.keys(unequal).length > 0 ? { unequal } : {}),
});

/** Writes them; the new versions by subject, without those whom somebody else has written meanwhile. */
export async function writeStates(
  q: Queryable,
  target: string,
  people: readonly Written[],
): Promise<ReadonlyMap<string, number>> {
  if (people.length === 0) return new Map();
  const rows = await q.runParts<{ sub: string; version: string }>(
    [writePart(target, people)],
    'select * from people_written',
  );
  return new Map(rows.map(({ sub, version }) => [sub, Number(version)]));
}

const SEEN = statement(`update sync_people set seen_at = $3 where target = $1 and sub = any($2::text[])`);
/** A reading of the whole target that began then has met them. */
export const markSeen = async (
  q: Queryable,
  target: string,
  subs: readonly string[],
  begunAt: Date,
): Promise<void> => {
  await q.run(SEEN, [target, subs, begunAt]);
};

const UNSEEN = statement(`select sub from sync_people where target = $1 and sub > $2
    and (seen_at is null or seen_at < $3) order by sub limit $4`);
/** Whom it has not met, after this subject. */
export async function unseenAfter(
  q: Queryable,
  target: string,
  { after, begunAt, limit }: { readonly after: string; readonly begunAt: Date; readonly limit: number },
): Promise<readonly string[]> {
  return (await q.run<{ sub: string }>(UNSEEN, [target, after, begunAt, limit])).map(({ sub }) => sub);
}

const FORGET = statement('delete from sync_people where target = $1 and sub = $2');
export const forgetState = async (q: Queryable, target: string, sub: string): Promise<void> => {
  await q.run(FORGET, [target, sub]);
};

const GONE = statement(`select count(*)::int as gone, (select count(*)::int from (select 1 from sync_people
      where target = $1 limit $4) p) as people
  from (select 1 from sync_people where target = $1 and gone_since > $2::timestamptz limit $3) g`);
/** Who has been missed since then, and of how many; both no further than asked for. */
export async function countGone(
  q: Queryable,
  target: string,
  {
    since,
    gone: mostGone,
    people: mostPeople,
  }: Readonly<Record<'gone' | 'people', number>> & { readonly since: Date },
): Promise<{ readonly gone: number; readonly people: number }> {
  const [row] = await q.run<{ gone: number; people: number }>(GONE, [target, since, mostGone, mostPeople]);
  return row!;
}

const MISS_ANEW = statement(
  'update sync_people set gone_since = null where target = $1 and gone_since is not null',
);
/** Whoever is missed is missed anew from their next turn on. */
export const missAnew = async (q: Queryable, target: string): Promise<void> => {
  await q.run(MISS_ANEW, [target]);
};

const SYNCED = statement(
  'select count(*)::int as people, count(synced_at)::int as synced from sync_people where target = $1',
);
export async function countStates(q: Queryable, target: string) {
  const [row] = await q.run<{ people: number; synced: number }>(SYNCED, [target]);
  return row ?? { people: 0, synced: 0 };
}
