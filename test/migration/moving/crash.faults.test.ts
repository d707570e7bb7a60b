/** Killed with -9 at every step, a move goes on in another process and ends with one user at the target, complete. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Step } from '../../../src/migration/moving/try.ts';
import { STEPS } from '../../../src/migration/moving/try.ts';
import { inParallel } from '../../../src/targets/in-parallel.ts';
import { tellFault } from '../../support/fault-row.ts';
import type { MovingStage } from './stage.ts';
import { expectMoved, OLD, openMovingStage, request } from './stage.ts';

let stage: MovingStage;
beforeAll(async () => {
  stage = await openMovingStage();
});
afterAll(() => stage.close());
afterEach(() => stage.sql('delete from target_work'));

/** Each is a process of its own; more at once only wait for one another. */
const AT_ONCE = 2;
/** Only somebody whom the target has made is completed. */
const MAKING = STEPS.filter((step) => step !== 'completed');

const killed = (
  steps: readonly Step[],
  errand: (step: Step) => Omit<Parameters<MovingStage['errand']>[0], 'dieAfter'>,
) =>
  inParallel(steps, AT_ONCE, async (step) => {
    const { signal } = await stage.errand({ ...errand(step), dieAfter: step });
    expect([step, signal]).toEqual([step, 'SIGKILL']);
  });

/** What the ledger tells others of this person's way: each move once. */
async function expectToldOnce(subs: readonly string[]): Promise<void> {
  const told = await stage.sql(
    'select sub, to_state from ledger_outbox where sub = any($1) group by sub, to_state having count(*) > 1',
    [subs],
  );
  expect(told).toEqual([]);
}

const tell = (fault: string, steps: readonly Step[], what: string) =>
  tellFault({
    ...{ id: 'R2', fault, lost: 0, doubled: 0, unexplained5xx: 0 },
    load: `${what}, killed after ${steps.join(', ')}`,
    recovery: 'once the lease of half a minute has run out, the next process ends it; nothing is told twice',
  });

test('a process that is killed while it makes somebody leaves them to another one, at whatever step', async () => {
  const subs = new Map<Step, string>();
  for (const step of MAKING) subs.set(step, await stage.someone(`made-${step}`));
  await killed(MAKING, (step) => ({ request: request(subs.get(step)!) }));
  // Until the test says so, nobody can know that they are dead, however slow the machine is.
  await stage.sql(`update target_work set leased_until = now() + interval '1 hour' where lease is not null`);
  for (const [step, sub] of subs)
    if (step !== 'finished') expect(await stage.work(sub)).toMatchObject({ isUnderWay: true });
  expect(await stage.mover.resume()).toBe(0);
  await stage.leasesRunOut();
  expect(await stage.mover.resume()).toBe(MAKING.length - 1);
  for (const sub of subs.values()) {
    await expectMoved(stage, sub);
    expect(stage.linkedTo(sub)[0]?.id).toBe(stage.idOf(sub));
  }
  await expectToldOnce([...subs.values()]);
  tell('kill -9 while somebody is made at the target', MAKING, `${MAKING.length} people`);
}, 300_000);

test('one person whose process is killed at one step after the other is made once', async () => {
  const sub = await stage.someone('made-unlucky');
  const before = stage.calls('AddHumanUser');
  for (const step of STEPS.slice(0, -1)) {
    const { signal } = await stage.errand({ dieAfter: step });
    expect([step, signal]).toEqual([step, 'SIGKILL']);
    await stage.leasesRunOut();
  }
  expect(await stage.errand({})).toEqual({ signal: null, result: 1 });
  await expectMoved(stage, sub);
  expect(stage.calls('AddHumanUser') - before).toBe(1);
  await expectToldOnce([sub]);
  tell('kill -9 of one process after the other that moves the same person', STEPS.slice(0, -1), 'one person');
}, 300_000);

test('a process that is killed while it completes whom the target has made leaves them to another one', async () => {
  const made = new Map<Step, { readonly sub: string; readonly id: string }>();
  for (const step of STEPS) {
    const sub = await stage.someone(`there-${step}`, {}, { totp: undefined as never });
    made.set(step, { sub, id: await stage.makeThere(sub) });
  }
  const users = stage.zitadel.instance.users.size;
  await killed(STEPS, (step) => {
    const { sub, id } = made.get(step)!;
    return { request: request(sub, { road: 'event', targetUserId: id }) };
  });
  await stage.leasesRunOut();
  expect(await stage.mover.resume()).toBe(STEPS.length - 1);
  expect(stage.zitadel.instance.users.size).toBe(users);
  for (const { sub, id } of made.values()) {
    expect(await stage.row(sub)).toMatchObject({ state: 'migrated', targetUserId: id, made: false });
    expect(await stage.zitadel.opens(id, OLD.password)).toBe(true);
    expect(stage.flags(sub)).toContain(`${sub} true`);
    expect(await stage.work(sub)).toBeUndefined();
  }
  await expectToldOnce([...made.values()].map(({ sub }) => sub));
  tell('kill -9 while somebody is completed whom the target has made', STEPS, `${STEPS.length} people`);
}, 300_000);
