/**
 * What both sides have changed, and what became of it: the table `sync_conflicts`. Nothing that somebody has typed is lost
 * without a record; the values are sealed, and opened for an operator alone.
 */
import { FootbridgeError } from '../../errors.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Part } from '../../store/statement.ts';
import type { Side } from './deciding.ts';
import type { SyncField } from './fields.ts';

export type ConflictKind = 'both-changed' | 'overruled' | 'unseen' | 'password';

export interface NewConflict {
  readonly sub: string;
  /** `profile`: of what was changed nothing is known. */
  readonly field: SyncField | 'password' | 'profile';
  readonly kind: ConflictKind;
  readonly values?: { readonly legacy: string; readonly target: string };
  readonly legacyAt?: Date | undefined;
  readonly targetAt?: Date | undefined;
  /** Undefined: a person has to decide. */
  readonly winner: Side | undefined;
}

const PURPOSE = 'sync-conflict';
const aad = (target: string, sub: string, field: string) => JSON.stringify([target, sub, field]);

/** One that is open already is brought up to date. */
export function conflictsPart(keyring: Keyring, target: string, conflicts: readonly NewConflict[]): Part {
  const column = <T>(of: (one: NewConflict) => T) => conflicts.map(of);
  return {
    name: 'conflicts_kept',
    text: `insert into sync_conflicts as c (target, sub, field, kind, sealed, legacy_at, target_at, decided, decided_by, decided_at)
      select $1::text, n.sub, n.field, n.kind, n.sealed, n.legacy_at, n.target_at, n.winner,
        case when n.winner is not null then 'rule' end, case when n.winner is not null then now() end
      from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::text[])
        as n(sub, field, kind, sealed, legacy_at, target_at, winner)
      on conflict (target, sub, field) where decided is null do update set sealed = excluded.sealed,
        legacy_at = excluded.legacy_at, target_at = excluded.target_at`,
    values: [
      target,
      column(({ sub }) => sub),
      column(({ field }) => field),
      column(({ kind }) => kind),
      column(({ sub, field, values }) =>
        values ? keyring.seal(PURPOSE, JSON.stringify(values), aad(target, sub, field)) : null,
      ),
      column(({ legacyAt }) => legacyAt ?? null),
      column(({ targetAt }) => targetAt ?? null),
      column(({ winner }) => winner ?? null),
    ],
  };
}

const ASKED = statement(`select sub, field, coalesce(decided, 'open') as word from sync_conflicts
  where target = $1 and sub = any($2::text[]) and (decided is null or decided_by = 'waits')`);

export type Asked = ReadonlyMap<SyncField, Side | 'open'>;

/** What people have to decide of these, or have decided and is still to be done. */
export async function askedOf(
  q: Queryable,
  target: string,
  subs: readonly string[],
): Promise<ReadonlyMap<string, Asked>> {
  const rows = await q.run<{ sub: string; field: SyncField; word: Side | 'open' }>(ASKED, [target, subs]);
  const bySub = Map.groupBy(rows, ({ sub }) => sub);
  return new Map([...bySub].map(([sub, own]) => [sub, new Map(own.map(({ field, word }) => [field, word]))]));
}

/** Both sides are equal there by now, or have been made so. */
export const settledPart = (
  target: string,
  fields: readonly { sub: string; field: NewConflict['field']; by: Side }[],
): Part => ({
  name: 'conflicts_settled',
  text: `update sync_conflicts c set decided = coalesce(c.decided, s.side), decided_at = now(),
      decided_by = case when c.decided_by = 'waits' then 'person' else 'equal' end
    from unnest($2::text[], $3::text[], $4::text[]) as s(sub, field, side)
    where c.target = $1::text and c.sub = s.sub and c.field = s.field and (c.decided is null or c.decided_by = 'waits')`,
  values: [
    target,
    fields.map(({ sub }) => sub),
    fields.map(({ field }) => field),
    fields.map(({ by }) => by),
  ],
});

export interface Conflict {
  readonly id: string;
  readonly target: string;
  readonly sub: string;
  readonly field: string;
  readonly kind: ConflictKind;
  readonly values: { readonly legacy: string; readonly target: string } | undefined;
  readonly legacyAt: Date | null;
  readonly targetAt: Date | null;
  readonly decided: Side | null;
  readonly decidedBy: string | null;
  readonly at: Date;
}

const LIST =
  statement(`select id::text, target, sub, field, kind, sealed, legacy_at as "legacyAt", target_at as "targetAt",
    decided, decided_by as "decidedBy", at from sync_conflicts
  where target = $1 and ($2::text is null or sub = $2) and (not $3::boolean or decided is null) order by id desc limit $4`);

/** Newest first. The values are opened: for whoever may see people's data. */
export async function listConflicts(
  q: Queryable,
  keyring: Keyring,
  {
    target,
    sub,
    onlyOpen,
    limit,
  }: { target: string; sub?: string | undefined; onlyOpen: boolean; limit: number },
): Promise<Conflict[]> {
  const rows = await q.run<Omit<Conflict, 'values'> & { sealed: string | null }>(LIST, [
    target,
    sub ?? null,
    onlyOpen,
    limit,
  ]);
  return rows.map(({ sealed, ...row }) => {
    const opened = sealed ? keyring.open(PURPOSE, sealed, aad(row.target, row.sub, row.field)) : undefined;
    return { ...row, values: opened && JSON.parse(opened.toString('utf8')) };
  });
}

const BY_ID =
  statement(`select target, sub, field, kind, decided, decided_by as "decidedBy" from sync_conflicts
  where id = $1::bigint`);
const isId = (id: string) => /^\d{1,18}$/.test(id);

/** Without its values. Throws conflict_not_found. */
export async function conflictById(q: Queryable, id: string) {
  const rows = isId(id)
    ? await q.run<Pick<Conflict, 'target' | 'sub' | 'field' | 'kind' | 'decided' | 'decidedBy'>>(BY_ID, [id])
    : [];
  if (rows[0]) return rows[0];
  throw new FootbridgeError('conflict_not_found');
}

const DECIDE = statement(`update sync_conflicts set decided = $2, decided_by = 'waits', decided_at = now()
  where id = $1::bigint and decided is null returning target, sub, field`);

/** It is done in the person's next turn. Throws conflict_not_found. */
export async function decideConflict(q: Queryable, id: string, winner: Side) {
  const [row] = isId(id)
    ? await q.run<{ target: string; sub: string; field: string }>(DECIDE, [id, winner])
    : [];
  if (row) return row;
  throw new FootbridgeError('conflict_not_found');
}

const COUNT_BY =
  statement(`select target, kind, case when decided is null then 'open' when decided_by in ('waits', 'person')
      then 'person' else decided_by end as "by", count(*)::int as conflicts
  from sync_conflicts group by 1, 2, 3 order by 1, 2, 3`);
/** Of the last quarter. `open`: a person has to decide; `person`, `rule`: has decided; `equal`: both became so by themselves. */
export const countConflictsBy = (
  q: Queryable,
): Promise<
  {
    readonly target: string;
    readonly kind: ConflictKind;
    readonly by: 'open' | 'person' | 'rule' | 'equal';
    readonly conflicts: number;
  }[]
> => q.run(COUNT_BY);

/** At most $1 of those that were decided a quarter ago. */
export const SWEEP_CONFLICTS = statement(`with gone as (delete from sync_conflicts where id = any(array(
    select id from sync_conflicts where decided_at < now() - interval '90 days' limit $1)) returning 1)
  select count(*)::int as gone from gone`);
