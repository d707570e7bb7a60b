/** Random pairs of sides: every difference is found and none is invented, and what is repaired stays repaired. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { comparingWith } from '../../../src/migration/reconcile/deps.ts';
import { parseLine, planOf } from '../../../src/migration/reconcile/plan.ts';
import { reconcile } from '../../../src/migration/reconcile/reconcile.ts';
import { doneRun } from '../../../src/migration/reconcile/reconciliations.ts';
import type { LineOutcome } from '../../../src/migration/reconcile/repair.ts';
import { repairLine } from '../../../src/migration/reconcile/repair.ts';
import { expectedOf, leftValues, sides, writeSides } from './sides.ts';
import type { World } from './world.ts';
import { openWorld, ownIdOf, subOf } from './world.ts';

const RUNS = 60;
const MINUTES = 3 * 60_000;
/** A person whom the ledger learns of is compared in the next round, and repaired in it. */
const ROUNDS = 4;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

async function planned() {
  const { id } = await reconcile(world.deps, { actor: 'operator:test' });
  const comparing = await comparingWith(world.deps, { leads: undefined, batch: undefined });
  const lines = [];
  for await (const line of planOf(comparing, id, { showValues: false }))
    lines.push(parseLine(JSON.stringify(line))!);
  return { id, comparing, lines };
}

test(
  'every difference is found, none is invented, and each is of its class',
  async () => {
    await fc.assert(
      fc.asyncProperty(sides, async (people) => {
        await writeSides(world, people);
        const { lines } = await planned();
        const found = lines.flatMap(({ sub, kind, fields }) =>
          fields.length > 0 ? fields.map((field) => `${sub} ${kind} ${field}`) : [`${sub} ${kind}`],
        );
        const expected = people.flatMap((one, at) =>
          expectedOf(at + 1, one).map((difference) => `${subOf(at + 1)} ${difference}`),
        );
        expect(found.sort()).toEqual(expected.sort());
      }),
      { numRuns: RUNS },
    );
  },
  MINUTES,
);

test(
  'what is repaired is equal in the end, in few rounds, and only what a person decides is left',
  async () => {
    await fc.assert(
      fc.asyncProperty(sides, async (people) => {
        await writeSides(world, people);
        const left = await repairedInRounds();
        expect(left.map(({ repair }) => repair)).toEqual(left.map(() => 'none'));
        for (const [at, one] of people.entries()) {
          const isDecided = left.some(({ sub }) => sub === subOf(at + 1));
          const user = world.memory.users.get(ownIdOf(at + 1));
          expect(world.memory.linkedTo(subOf(at + 1)).length).toBeLessThanOrEqual(1);
          if (user) expect(user).toMatchObject(leftValues(at + 1, one));
          if (!isDecided && one.left !== 'active' && user) expect(user.state).toBe('inactive');
        }
      }),
      { numRuns: RUNS },
    );
  },
  MINUTES,
);

async function repairedInRounds() {
  const outcomes: LineOutcome[] = [];
  for (let round = 1; ; round += 1) {
    const { id, comparing, lines } = await planned();
    const open = lines.filter(({ repair }) => repair !== 'none');
    if (open.length === 0 || round > ROUNDS) {
      expect(outcomes.filter(({ result }) => result !== 'repaired')).toEqual([]);
      return lines;
    }
    const run = await doneRun(world.db, id);
    const { mover, passwords, audit } = world;
    const deps = { comparing, mover, passwords, pseudonym: audit.pseudonym, actor: 'operator:test' };
    for (const line of open) outcomes.push(await repairLine(deps, run, { line, execute: true }));
  }
}
