/** How many of a phase may go back, are back, and could not go; and what was kept of them. */
import { readAssigned, writeAssigned } from '../../rollout/assignments.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { UserProblem } from '../batch/batch.ts';
import type { Back, ReturnMember, ReturnScope } from './return-rows.ts';
import { BACKS } from './return-rows.ts';

const SCOPE = `a.target = $1::text and a.phase = any($2::text[]) and ($3::text is null or a.segment = $3::text)
  and ($4::text is null or a.sub = $4::text)`;
const valuesOf = ({ target, phases, segment, user }: ReturnScope) => [target, phases, segment, user];
/** Everybody who would be asked, or is on the way. */
const CANDIDATES = `${SCOPE} and (a.back is null or a.back in ('asked', 'refused', 'failed'))`;

const NO_TIMEOUT = statement('set local statement_timeout = 0');
/** What runs through all of a phase: some seconds for millions. */
const unhurried = <T>(db: Db, ask: (tx: Queryable) => Promise<T>): Promise<T> =>
  db.transaction(async (tx) => {
    await tx.run(NO_TIMEOUT);
    return ask(tx);
  });

const COUNT = statement(readAssigned('count(*)::int as people', `where ${CANDIDATES}`));
export async function countReturning(db: Db, scope: ReturnScope): Promise<number> {
  const [row] = await unhurried(db, (tx) => tx.run<{ people: number }>(COUNT, valuesOf(scope)));
  return row?.people ?? 0;
}

const SAMPLE = statement(
  readAssigned(
    `a.sub, a.phase, a.first_at as "firstAt", coalesce(a.back_detail, '{}') as detail`,
    `where ${CANDIDATES} order by md5(a.sub), a.phase limit $5`,
  ),
);
/** So many of them, as chance has it, and always the same. */
export const sampleReturning = (db: Db, scope: ReturnScope, limit: number): Promise<ReturnMember[]> =>
  unhurried(db, (tx) => tx.run<ReturnMember>(SAMPLE, [...valuesOf(scope), limit]));

export interface ReturnTally extends Readonly<Record<Back, number>> {
  /** Still on the way. */
  readonly open: number;
  /** Of whom something could only be kept, and of whom something came back to the legacy store. */
  readonly withKept: number;
  readonly withBrought: number;
}

const TALLY = statement(
  readAssigned(
    `a.back, count(*)::int as people, count(*) filter (where a.back_detail->>'kept' is not null)::int as kept,
     count(*) filter (where jsonb_array_length(coalesce(a.back_detail->'brought', '[]')) > 0)::int as brought`,
    `where ${SCOPE} and a.back is not null group by a.back`,
  ),
);
interface Tallied {
  readonly back: Back | 'asked';
  readonly people: number;
  readonly kept: number;
  readonly brought: number;
}
export async function tallyReturning(db: Db, scope: ReturnScope): Promise<ReturnTally> {
  const rows = await unhurried(db, (tx) => tx.run<Tallied>(TALLY, valuesOf(scope)));
  const of = (back: Tallied['back']) => rows.find((row) => row.back === back);
  const counts = Object.fromEntries(BACKS.map((back) => [back, of(back)?.people ?? 0])) as Record<
    Back,
    number
  >;
  return {
    ...counts,
    open: of('asked')?.people ?? 0,
    withKept: rows.reduce((sum, { kept }) => sum + kept, 0),
    withBrought: rows.reduce((sum, { brought }) => sum + brought, 0),
  };
}

const PROBLEMS = statement(
  readAssigned(
    `a.sub, a.phase, a.back, a.back_detail->'problem' as problem`,
    `where ${SCOPE} and a.back in ('refused', 'failed') order by a.back, a.phase, a.sub limit $5`,
  ),
);
export interface ReturnProblem extends Pick<ReturnMember, 'sub' | 'phase'> {
  readonly back: 'refused' | 'failed';
  readonly problem: UserProblem | null;
}
export const returnProblems = (q: Queryable, scope: ReturnScope, limit: number): Promise<ReturnProblem[]> =>
  q.run<ReturnProblem>(PROBLEMS, [...valuesOf(scope), limit]);

/** Somebody of whom something was kept. */
export interface KeptOfPhase extends Pick<ReturnMember, 'sub' | 'phase'> {
  readonly kept: string;
}
const KEPT = statement(
  readAssigned(
    `a.sub, a.phase, a.back_detail->>'kept' as kept`,
    `where a.target = $1 and a.phase = $2 and a.sub > $3 and a.back_detail->>'kept' is not null order by a.sub limit $4`,
  ),
);
export const keptOfPhase = (
  q: Queryable,
  { target, phase }: { readonly target: string; readonly phase: string },
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<KeptOfPhase[]> => q.run<KeptOfPhase>(KEPT, [target, phase, after, limit]);

/** A part named `phase_assigned (sub)`: a page of who is assigned to the phase, and was not taken back. */
export const phaseAssigned = (
  { target, phase }: { readonly target: string; readonly phase: string },
  { after, limit }: { readonly after: string; readonly limit: number },
): Part => ({
  name: 'phase_assigned',
  text: readAssigned(
    'a.sub',
    `where a.target = $1::text and a.phase = $2::text and a.sub > $3::text and a.back is null
      order by a.sub limit $4::int`,
  ),
  values: [target, phase, after, limit],
});

const FORGET = statement(
  writeAssigned(
    `back_detail = a.back_detail - 'kept'`,
    `where a.target = $1 and a.sub = $2 and a.back_detail ? 'kept'`,
  ),
);
/** Somebody is forgotten: what was kept of them goes. */
export const forgetKeptOfPhases = async (q: Queryable, target: string, sub: string): Promise<void> => {
  await q.run(FORGET, [target, sub]);
};
