/** The differences that a reconciliation has found, and what became of each. */
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { Difference, Kind } from './classify.ts';
import type { Repair } from './repair-kinds.ts';
import { REPAIRS } from './repair-kinds.ts';

export interface KeptDifference extends Difference {
  readonly repairedAt: Date | null;
  /** Why it could not be repaired, at the last try. */
  readonly problem: { readonly code: string; readonly sentence?: string } | null;
}

/** Written down, if the earlier part `after` returned a row. */
export function differencesPart(
  reconciliation: string,
  differences: readonly Difference[],
  after: string,
): Part {
  const keyOf = ({ sub, kind, repair }: Difference) => JSON.stringify([sub, kind, repair]);
  const unique = [...new Map(differences.map((one) => [keyOf(one), one])).values()];
  return {
    name: 'differences_written',
    text: `insert into differences (reconciliation, sub, kind, repair, detail)
      select $1::text, d.sub, d.kind, d.repair, d.detail::jsonb
      from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as d(sub, kind, repair, detail)
      where exists (select from ${after})
      on conflict (reconciliation, sub, kind, repair) do update set detail = excluded.detail`,
    values: [
      reconciliation,
      unique.map(({ sub }) => sub),
      unique.map(({ kind }) => kind),
      unique.map(({ repair }) => repair),
      unique.map(({ fields, left, right, targetUserIds }) =>
        JSON.stringify({ fields, left, right, targetUserIds }),
      ),
    ],
  };
}

interface Row extends Pick<KeptDifference, 'sub' | 'kind' | 'repair' | 'repairedAt' | 'problem'> {
  readonly detail: Pick<Difference, 'fields' | 'left' | 'right' | 'targetUserIds'>;
}
const kept = ({ detail, ...row }: Row): KeptDifference => ({ ...row, ...detail });

const COLUMNS = `sub, kind, repair, detail, repaired_at as "repairedAt", problem`;
const ORDER = `array_position(array[${REPAIRS.map((repair) => `'${repair}'`).join(', ')}], repair)`;
const PAGE = statement(`select ${COLUMNS} from differences
  where reconciliation = $1 and (sub, ${ORDER}, kind) > ($2, $3::int, $4) order by sub, ${ORDER}, kind limit $5`);

const PAGE_DIFFERENCES = 500;

/** All of them by subject, each person's in the order in which they are to be repaired. */
export async function* differencesOf(q: Queryable, reconciliation: string): AsyncGenerator<KeptDifference> {
  let after: readonly [sub: string, order: number, kind: string] = ['', 0, ''];
  for (;;) {
    const rows = await q.run<Row>(PAGE, [reconciliation, ...after, PAGE_DIFFERENCES]);
    yield* rows.map(kept);
    const last = rows.at(-1);
    if (!last || rows.length < PAGE_DIFFERENCES) return;
    after = [last.sub, REPAIRS.indexOf(last.repair) + 1, last.kind];
  }
}

const OF_PERSON = statement(
  `select ${COLUMNS} from differences where reconciliation = $1 and sub = $2 and kind = $3 order by ${ORDER}`,
);

/** A person's differences of one kind: one per repair. */
export async function differencesOfPerson(
  q: Queryable,
  reconciliation: string,
  { sub, kind }: Pick<Difference, 'sub' | 'kind'>,
): Promise<KeptDifference[]> {
  return (await q.run<Row>(OF_PERSON, [reconciliation, sub, kind])).map(kept);
}

export interface Attempt {
  readonly sub: string;
  readonly kind: Kind;
  /** As it was found, whatever the operator chose instead. */
  readonly repair: Repair;
  /** Undefined: it was repaired. */
  readonly problem: KeptDifference['problem'] | undefined;
}

/** A part named `difference_tried`. */
export function triedPart(reconciliation: string, { sub, kind, repair, problem }: Attempt): Part {
  return {
    name: 'difference_tried',
    text: `update differences set problem = $5::jsonb, repaired_at = case when $5::jsonb is null then now() else repaired_at end
      where reconciliation = $1::text and sub = $2::text and kind = $3::text and repair = $4::text returning sub`,
    values: [reconciliation, sub, kind, repair, problem ? JSON.stringify(problem) : null],
  };
}

/** At most $1 rows of $2. */
export const CLEAR_DIFFERENCES = statement(`with gone as (delete from differences where ctid = any(array(
    select ctid from differences where reconciliation = $2 limit $1)) returning 1)
  select count(*)::int as gone from gone`);
