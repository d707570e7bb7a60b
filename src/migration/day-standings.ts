/** Where everybody stands at a target, counted: all people, and those of each phase and segment of the plan. */
import type { PhaseAttempt } from '../rollout/assignments.ts';
import { phasePeoplePart } from '../rollout/assignments.ts';
import type { Standing } from '../rollout/days.ts';
import type { Db } from '../store/db.ts';
import { statement } from '../store/db.ts';
import { counts, peoplePart } from './ledger.ts';

/** Millions of rows are counted once an hour; every other statement of ours is over in a second. */
const PATIENCE = statement("set local statement_timeout = '10min'");

/** Of those who have a row; `legacy` among all people are those who came back, within a phase whoever has not moved. */
export function dayStandings(
  db: Db,
  { target, phases }: { readonly target: string; readonly phases: readonly PhaseAttempt[] },
): Promise<Standing[]> {
  return db.transaction(async (tx) => {
    await tx.run(PATIENCE);
    const all = (await counts(tx)).filter((row) => row.target === target);
    const ofPhases = await tx.runParts<Standing>(
      [phasePeoplePart({ target, phases }), peoplePart(target)],
      `select phase, coalesce(segment, '') as segment, coalesce(state, 'legacy') as state, count(*)::int as people
        from phase_people left join ledger_people using (sub) group by 1, 2, 3`,
    );
    const whole = Map.groupBy(ofPhases, ({ phase, state }) => JSON.stringify([phase, state]));
    return [
      ...all.map(({ state, users }) => ({ phase: '', segment: '', state, people: users })),
      ...[...whole.values()].map((rows) => ({
        phase: rows[0]!.phase,
        segment: '',
        state: rows[0]!.state,
        people: rows.reduce((sum, { people }) => sum + people, 0),
      })),
      ...ofPhases.filter(({ segment }) => segment !== ''),
    ];
  });
}
