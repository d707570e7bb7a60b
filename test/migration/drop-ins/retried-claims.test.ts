import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../../src/migration/drop-ins/drop-in.ts';
import { openRetriedClaims } from '../../../src/migration/drop-ins/retried-claims.ts';
import { userOf } from '../stage.ts';

const WRONG: Verdict = { kind: 'wrong' };
const RIGHT: Verdict = { kind: 'right', user: userOf('anna') };

function counted(verdict: Verdict) {
  let proofs = 0;
  return {
    prove: async () => {
      proofs += 1;
      return verdict;
    },
    proofs: () => proofs,
  };
}

describe('a failure', () => {
  test('is remembered for ten seconds, and no longer', async () => {
    let now = 0;
    const once = openRetriedClaims(() => now);
    const { prove, proofs } = counted(WRONG);
    await once('a', prove);
    now = 9_999;
    expect(await once('a', prove)).toEqual(WRONG);
    expect(proofs()).toBe(1);
    now = 10_000;
    await once('a', prove);
    expect(proofs()).toBe(2);
  });

  test('is forgotten first of ten thousand others, and the last is not', async () => {
    const once = openRetriedClaims(() => 0);
    const { prove, proofs } = counted(WRONG);
    for (let i = 0; i <= 10_000; i++) await once(`claim ${i}`, prove);
    const before = proofs();
    await once('claim 10000', prove);
    expect(proofs()).toBe(before);
    await once('claim 0', prove);
    expect(proofs()).toBe(before + 1);
  });
});

test('the same at the same time is one proof, and another is another', async () => {
  const once = openRetriedClaims(() => 0);
  const { prove, proofs } = counted(RIGHT);
  expect(await Promise.all([once('a', prove), once('a', prove), once('b', prove)])).toEqual([
    RIGHT,
    RIGHT,
    RIGHT,
  ]);
  expect(proofs()).toBe(2);
});

describe('what is no failure', () => {
  test.each([
    ['a right password', RIGHT],
    ['a throttled try', { kind: 'throttled', waitSeconds: 5 } as const],
  ])('is not remembered: %s', async (_what, verdict) => {
    const once = openRetriedClaims(() => 0);
    const { prove, proofs } = counted(verdict);
    await once('a', prove);
    await once('a', prove);
    expect(proofs()).toBe(2);
  });

  test('an outage is told to all who wait, and is over for who comes then', async () => {
    const once = openRetriedClaims(() => 0);
    const fail = async (): Promise<Verdict> => {
      throw new Error('down');
    };
    const both = await Promise.allSettled([once('a', fail), once('a', fail)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await once('a', counted(RIGHT).prove)).toEqual(RIGHT);
  });
});
