/**
 * The demo's rollout plan, so that the console has something to show from the first minute. Its three phases run at once and
 * together are for everybody: each person is moved at their first login, as they would be without a plan.
 */
import { parse } from 'yaml';
import { keepPlan, readSnapshot } from '../../src/rollout/phases.ts';
import { planShape } from '../../src/rollout/plan.ts';
import { noteStep } from '../../src/rollout/steps.ts';
import { takeStep } from '../../src/rollout/turning.ts';
import type { Db } from '../../src/store/db.ts';

const SOURCE = `# Here everybody may go at once.
# Change it, and see what it would mean.
name: moving-day
target: demo

segments:
  staff: { roles: [clerk, admin] }
  one-in-five: { percentage: 20 }

phases:
  - name: staff
    title: The shop’s own people
    segments: [staff]
    finish: { coverage: 0.8, of: everybody }

  - name: pilot
    title: One customer in five
    segments: [one-in-five]
    finish: { coverage: 0.8, of: everybody }

  - name: everybody
    title: Everybody else
    # Report three calls to the support, and it stops by itself.
    pause: { supportPerThousand: 500, minAttempts: 2 }
`;

/** Once, and as a whole: whatever was made of it since then stays. */
export const planDemo = (db: Db): Promise<void> =>
  db.transaction((tx) => begin({ ...db, ...tx, transaction: (work) => work(tx) }));

async function begin(db: Db): Promise<void> {
  const plan = planShape.parse(parse(SOURCE));
  const { target } = plan;
  if (await readSnapshot(db, target)) return;
  const [actor, at, note] = ['operator:demo', new Date(), 'As the demo begins'];
  const version = await keepPlan(db, { plan, source: SOURCE, note, actor });
  const detail = { plan: plan.name, version, reason: note };
  await noteStep(db, { target, actor, action: 'rollout.set', at, detail });
  for (const { name: phase } of plan.phases)
    await takeStep(db, { step: 'start', target, phase, cause: 'operator', actor, nowMs: at.getTime() });
}
