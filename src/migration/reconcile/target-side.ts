/** The target's users while a reconciliation is under way: written down page by page, and found again by who they could be. */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Part } from '../../store/statement.ts';
import type { FoundUser } from '../../targets/connection.ts';
import type { Marks } from './marks.ts';
import { foundProfile, markingOf } from './marks.ts';

/** A user of the target, without anything raw of theirs but ids. */
export interface Right {
  readonly targetUserId: string;
  readonly externalId: string | null;
  /** Whom the link to us names. */
  readonly sub: string | null;
  /** In our metadata. */
  readonly legacyId: string | null;
  readonly state: 'active' | 'inactive';
  /** The profile, `password` and `totp`. */
  readonly marks: Marks;
}

export interface Reading {
  readonly keyring: Keyring;
  /** The target's name. */
  readonly target: string;
  /** The id of our identity provider there. */
  readonly ourIdp: string | undefined;
  /** The metadata key of the legacy id. */
  readonly legacyIdKey: string;
}

/** A lock of the target's own passes, and whoever was never active yet will be. */
export function rightOf(
  { keyring, target, ourIdp, legacyIdKey }: Reading,
  found: FoundUser,
  options: { readonly isShort?: boolean } = {},
): Right {
  const { targetUserId, externalId, state, links, metadata, hasPassword, hasTotp } = found;
  const link = ourIdp === undefined ? undefined : links.find(({ idpId }) => idpId === ourIdp);
  const legacyId = Object.hasOwn(metadata, legacyIdKey) ? metadata[legacyIdKey] : undefined;
  return {
    targetUserId,
    externalId: storable(externalId),
    sub: storable(link?.userId),
    legacyId: storable(legacyId),
    state: state === 'inactive' ? 'inactive' : 'active',
    marks: {
      ...foundProfile(markingOf(keyring, target, targetUserId), found, options),
      password: hasPassword ? 'set' : '',
      totp: hasTotp ? 'set' : '',
    },
  };
}

/** PostgreSQL stores neither NUL nor half a surrogate pair: nobody of ours is called so. */
function storable(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text.toWellFormed().replaceAll('\0', '\ufffd');
}

/** Writes down a page, if the earlier part `after` returned a row; a user who comes twice is as they were the second time. */
export function rightsPart(reconciliation: string, rights: readonly Right[], after: string): Part {
  const unique = [...new Map(rights.map((right) => [right.targetUserId, right])).values()];
  const column = (key: Exclude<keyof Right, 'marks'>) => unique.map((right) => right[key]);
  return {
    name: 'rights_written',
    text: `insert into reconciled_users (reconciliation, target_user_id, external_id, sub, legacy_id, state, marks)
      select $1::text, r.id, r.external_id, r.sub, r.legacy_id, r.state, r.marks::jsonb
      from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        as r(id, external_id, sub, legacy_id, state, marks)
      where exists (select from ${after})
      on conflict (reconciliation, target_user_id) do update set external_id = excluded.external_id, sub = excluded.sub,
        legacy_id = excluded.legacy_id, state = excluded.state, marks = excluded.marks`,
    values: [
      reconciliation,
      column('targetUserId'),
      column('externalId'),
      column('sub'),
      column('legacyId'),
      column('state'),
      unique.map(({ marks }) => JSON.stringify(marks)),
    ],
  };
}

/** Stands for all the others: it is gone when they are. */
export const SENTINEL: Right = {
  targetUserId: '',
  externalId: null,
  sub: null,
  legacyId: null,
  state: 'active',
  marks: {},
};

/** These have been compared with somebody, if the earlier part `after` returned a row. */
export function metPart(reconciliation: string, targetUserIds: readonly string[], after: string): Part {
  return {
    name: 'rights_met',
    text: `update reconciled_users set met = true where reconciliation = $1::text
      and target_user_id = any($2::text[]) and exists (select from ${after})`,
    values: [reconciliation, targetUserIds],
  };
}

const COLUMNS = `target_user_id as "targetUserId", external_id as "externalId", sub, legacy_id as "legacyId", state, marks`;
/** One index each. */
const FOUND_BY = [
  'sub = any($2::text[])',
  'target_user_id = any($3::text[])',
  'external_id = any($3::text[])',
];
const CANDIDATES = statement(
  [...FOUND_BY, 'legacy_id = any($4::text[]) and sub is null', `target_user_id = ''`]
    .map(
      (condition) => `select ${COLUMNS} from reconciled_users
        where reconciliation = $1 and ${condition} and not (met and $5::boolean)`,
    )
    .join(' union all '),
);

export interface Wanted {
  readonly subs: readonly string[];
  /** Of the target's users, as the ledger has them or as we asked for them. */
  readonly ids: readonly string[];
  readonly legacyIds: readonly string[];
  /** Only those who were compared with nobody yet. */
  readonly onlyUnmet?: boolean;
}

/** Whoever could be one of them, each once; undefined: the server has crashed since, and everything is to be read again. */
export async function candidates(
  q: Queryable,
  reconciliation: string,
  { subs, ids, legacyIds, onlyUnmet = false }: Wanted,
): Promise<Right[] | undefined> {
  const rows = await q.run<Right>(CANDIDATES, [reconciliation, subs, ids, legacyIds, onlyUnmet]);
  const unique = new Map(rows.map((right) => [right.targetUserId, right]));
  return unique.delete('') ? [...unique.values()] : undefined;
}

const UNMET = statement(`with page as (
    select * from reconciled_users where reconciliation = $1 and target_user_id > $2 order by target_user_id limit $3),
  ends as (select max(target_user_id) as last, count(*) filter (where not met)::int as unmet,
    exists (select from reconciled_users where reconciliation = $1 and target_user_id = '') as whole from page)
  select ends.last, ends.unmet, ends.whole, ${COLUMNS} from ends
  left join page on not met and (sub is not null or legacy_id is not null)`);

export interface UnmetPage {
  /** With our link or our metadata, and compared with nobody. */
  readonly rights: readonly Right[];
  /** Where the next page begins; undefined: there is none. */
  readonly last: string | undefined;
  /** All that were compared with nobody. */
  readonly unmet: number;
}

/** Undefined: the server has crashed since. */
export async function unmetPage(
  q: Queryable,
  reconciliation: string,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<UnmetPage | undefined> {
  const rows = await q.run<
    Partial<Right> & { readonly last: string | null; readonly unmet: number; readonly whole: boolean }
  >(UNMET, [reconciliation, after, limit]);
  const [first] = rows;
  if (!first?.whole) return undefined;
  const rights = rows.flatMap(({ last: _, unmet: __, whole: ___, ...right }) =>
    typeof right.targetUserId === 'string' ? [right as Right] : [],
  );
  return { rights, last: first.last ?? undefined, unmet: first.unmet };
}

/** At most $1 rows of $2. */
export const CLEAR_TARGET_SIDE = statement(`with gone as (delete from reconciled_users where ctid = any(array(
    select ctid from reconciled_users where reconciliation = $2 limit $1)) returning 1)
  select count(*)::int as gone from gone`);

/** Written by the million a moment ago: without it nobody is found by an index. */
export const ANALYZE_TARGET_SIDE = statement('analyze reconciled_users');
