/** Whose old login goes on: who says so, until when, and what is kept of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as exceptions from '../../../src/migration/claim-tokens/exceptions.ts';
import type { Claimants } from './claimants.ts';
import { openClaimants } from './claimants.ts';

let stage: Claimants;
beforeAll(async () => {
  stage = await openClaimants();
});
afterAll(() => stage.close());

const doing = (sub: string) => ({
  target: 'main',
  sub,
  actor: 'operator:test',
  subject: stage.deps.pseudonym(sub),
});
const add = (sub: string, more: { until?: Date | null; reason?: string; target?: string } = {}) =>
  exceptions.addException(stage.db, { ...doing(sub), reason: 'Uses a screen reader', until: null, ...more });
const among = async (...subs: string[]) => [...(await exceptions.exceptedAmong(stage.db, 'main', subs))];
const HOUR_MS = 3_600_000;
const fromNow = (ms: number) => new Date(Date.now() + ms);

describe('an exception', () => {
  test('is one person’s at one target', async () => {
    const [sub, other] = [stage.someone(), stage.someone()];
    await add(sub);
    await add(other, { target: 'elsewhere' });
    expect(await among(sub, other, 'shop:nobody')).toEqual([sub]);
    expect(await exceptions.exceptedAmong(stage.db, 'elsewhere', [sub, other])).toEqual(new Set([other]));
    expect(await among()).toEqual([]);
  });

  test('counts until its time has come, by the database’s clock', async () => {
    const [over, still] = [stage.someone(), stage.someone()];
    await add(over, { until: fromNow(HOUR_MS) });
    await add(still, { until: fromNow(3 * HOUR_MS) });
    expect((await among(over, still)).toSorted()).toEqual([over, still].toSorted());
    await stage.sql(`update claim_exceptions set until = until - interval '2 hours'`);
    expect(await among(over, still)).toEqual([still]);
    const listed = await exceptions.listExceptions(stage.db, { target: 'main' }, 100);
    expect(listed.map(({ sub }) => sub)).not.toContain(over);
  });

  test('takes the place of the one before', async () => {
    const sub = stage.someone();
    await add(sub, { until: fromNow(HOUR_MS) });
    await add(sub, { reason: 'On a journey' });
    expect(await exceptions.listExceptions(stage.db, { sub }, 10)).toEqual([
      {
        target: 'main',
        sub,
        reason: 'On a journey',
        until: null,
        actor: 'operator:test',
        at: expect.any(Date),
      },
    ]);
  });

  test('is taken back once', async () => {
    const sub = stage.someone();
    await add(sub);
    expect(await exceptions.removeException(stage.db, doing(sub))).toBe(true);
    expect(await among(sub)).toEqual([]);
    expect(await exceptions.removeException(stage.db, doing(sub))).toBe(false);
  });

  test('and its end are in the audit log, once each', async () => {
    const sub = stage.someone();
    const until = fromNow(HOUR_MS);
    await add(sub, { until });
    await exceptions.removeException(stage.db, doing(sub));
    await exceptions.removeException(stage.db, doing(sub));
    const records = await stage.audit.records({ sub });
    expect(records.map(({ actor, action, detail }) => ({ actor, action, detail }))).toEqual([
      {
        actor: 'operator:test',
        action: 'claim-exception.added',
        detail: { target: 'main', reason: 'Uses a screen reader', until: until.toISOString() },
      },
      { actor: 'operator:test', action: 'claim-exception.removed', detail: { target: 'main' } },
    ]);
  });

  test('is forgotten with its person', async () => {
    const [sub, other] = [stage.someone(), stage.someone()];
    await add(sub);
    await add(other);
    await exceptions.forgetException(stage.db, 'main', sub);
    expect(await among(sub, other)).toEqual([other]);
  });
});

test('exceptions are listed newest first, no more than asked for, and counted', async () => {
  const subs = [stage.someone(), stage.someone(), stage.someone()];
  for (const sub of subs) await add(sub, { target: 'listed' });
  const listed = await exceptions.listExceptions(stage.db, { target: 'listed' }, 2);
  expect(listed.map(({ sub }) => sub)).toEqual([subs[2], subs[1]]);
  expect(await exceptions.countExceptions(stage.db, 'listed')).toBe(3);
  expect(await exceptions.countExceptions(stage.db, 'nowhere')).toBe(0);
});
