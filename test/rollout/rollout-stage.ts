/** A plan in a database of its own, and what nodes and operators do to it. */
import type { PhaseState } from '../../src/rollout/deciding.ts';
import type { Person } from '../../src/rollout/membership.ts';
import { keepPlan, phaseRows, turnPhase } from '../../src/rollout/phases.ts';
import { planShape } from '../../src/rollout/plan.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { openRollout } from '../../src/rollout/rollout.ts';
import { openDb } from '../../src/store/db.ts';
import { execute } from '../support/database.ts';
import { testDatabase } from '../support/postgres.ts';

export const TARGET = 'new';
export const person = (sub: string, more: Partial<Person> = {}): Person => ({
  ...{ sub, email: `${sub}@example.com`, emailVerified: true, roles: [] },
  ...more,
});

export type RolloutStage = Awaited<ReturnType<typeof openRolloutStage>>;

export async function openRolloutStage() {
  const database = await testDatabase();
  const db = openDb({ url: database.url, poolSize: 6 });
  const clock = { ms: Date.parse('2026-12-15T12:00:00Z') };
  const nowMs = () => clock.ms;
  return {
    db,
    clock,
    nowMs,
    url: database.url,
    sql: (text: string, values?: unknown[]) => execute(database.url, text, values),
    plan: (plan: object, target = TARGET) =>
      db.transaction((tx) =>
        keepPlan(tx, {
          plan: planShape.parse({ name: 'move', target, ...plan }),
          ...{ source: JSON.stringify(plan), actor: 'test' },
        }),
      ),
    turn: (phase: string, to: PhaseState) =>
      turnPhase(db, { target: TARGET, phase, to, cause: 'operator', actor: 'test', nowMs: nowMs() }),
    states: async () =>
      Object.fromEntries((await phaseRows(db, TARGET)).map(({ phase, state }) => [phase, state])),
    row: async (phase: string) => (await phaseRows(db, TARGET)).find((one) => one.phase === phase)!,
    /** Another server, which has a memory of its own. */
    node: (): Rollout => openRollout({ db, targets: [TARGET], nowMs }),
    async close() {
      await db.close();
      await database.drop();
    },
  };
}
