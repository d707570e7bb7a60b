/** Where the people of phases stand in the ledger: the half of their figures that is not the plan's. */
import type { PeopleAsked } from '../rollout/assignments.ts';
import { phasePeoplePart } from '../rollout/assignments.ts';
import type { PhaseStandings } from '../rollout/figures.ts';
import type { Db, Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import { peoplePart } from './ledger.ts';
import type { State } from './states.ts';
import { hasTargetUser, STATES } from './states.ts';

interface Row {
  readonly phase: string;
  readonly state: State;
  readonly people: number;
}

/**
 * A plan for this very question, and time for it: one that was made for a handful of people asks for each of a million alone.
 * They are put together in a second or two.
 */
const PATIENTLY = statement(`select set_config('plan_cache_mode', 'force_custom_plan', true),
  set_config('enable_nestloop', 'off', true), set_config('statement_timeout', '60s', true)`);

/** In a transaction of its own; in the caller's it stays so until that ends. */
function patiently<R extends object>(q: Queryable, parts: readonly Part[], final: string): Promise<R[]> {
  const ask = async (tx: Queryable) => {
    await tx.run(PATIENTLY);
    return tx.runParts<R>(parts, final);
  };
  return isDb(q) ? q.transaction(ask) : ask(q);
}

const isDb = (q: Queryable): q is Db => 'transaction' in q;

/** Each phase once, though nobody is assigned to it. */
export async function phaseStandings(
  q: Queryable,
  asked: PeopleAsked,
): Promise<ReadonlyMap<string, PhaseStandings>> {
  const rows = await patiently<Row>(
    q,
    [phasePeoplePart(asked), peoplePart(asked.target)],
    `select phase, coalesce(state, 'legacy') as state, count(*)::int as people
      from phase_people left join ledger_people using (sub) group by 1, 2`,
  );
  return new Map(
    asked.phases.map(({ phase }) => {
      const own = rows.filter((row) => row.phase === phase);
      const sum = (fits: (state: State) => boolean) =>
        own.filter(({ state }) => fits(state)).reduce((all, { people }) => all + people, 0);
      const standings = {
        assigned: sum(() => true),
        there: sum(hasTargetUser),
        failed: sum((state) => state === 'failed'),
      };
      return [phase, standings];
    }),
  );
}

export interface PersonThere {
  readonly sub: string;
  /** Since when they are at the target, as far as we know. */
  readonly since: Date;
}

const THERE = STATES.filter(hasTargetUser)
  .map((state) => `'${state}'`)
  .join(', ');

/** Of those who are at the target so many, as the hash that shares people out has it: as good as chance. */
export function someThere(q: Queryable, asked: PeopleAsked, limit: number): Promise<PersonThere[]> {
  const most = { name: 'most', text: 'select $1::int as people', values: [limit] };
  return patiently<PersonThere>(
    q,
    [phasePeoplePart(asked), peoplePart(asked.target), most],
    `select sub, min(coalesce(created_at, assigned_at)) as since from phase_people join ledger_people using (sub)
      where state in (${THERE}) group by sub order by min(bucket), sub limit (select people from most)`,
  );
}
