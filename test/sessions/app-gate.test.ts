/** How much of us an app has to bear, and when it is left alone. */
import { describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import { openGate } from '../../src/sessions/app-gate.ts';

function stage() {
  const clock = { ms: 0 };
  const gate = openGate('forum', () => clock.ms);
  const limits = { timeoutMs: 1_000 };
  let asked = 0;
  return {
    clock,
    asked: () => asked,
    fail: () =>
      gate
        .run(() => {
          asked += 1;
          return Promise.reject(new FootbridgeError('legacy_unavailable'));
        }, limits)
        .catch((error: FootbridgeError) => error.code),
    answer: (wasAsked = true) =>
      gate
        .run(
          async () => {
            asked += 1;
            return 'yes';
          },
          { ...limits, wasAsked: () => wasAsked },
        )
        .catch((error: FootbridgeError) => error.code),
    hang: (until: Promise<void>) =>
      gate.run(() => until, limits).catch((error: FootbridgeError) => error.code),
    late: () => gate.run(() => new Promise(() => undefined), { timeoutMs: 1 }).catch((error) => error.code),
  };
}

const times = async (count: number, work: () => Promise<unknown>) => {
  for (let i = 0; i < count; i += 1) await work();
};

describe('an app that fails', () => {
  test('is asked on until it has failed five times in a row', async () => {
    const { fail, answer, asked } = stage();
    await times(4, fail);
    expect(await answer()).toBe('yes');
    await times(4, fail);
    expect(await answer()).toBe('yes');
    expect(asked()).toBe(10);
  });

  test('is asked once every two seconds then, until it answers', async () => {
    const { fail, answer, asked, clock } = stage();
    await times(5, fail);
    expect(await answer()).toBe('legacy_unavailable');
    clock.ms += 2_000;
    await fail();
    expect(asked()).toBe(6);
    clock.ms += 1_999;
    expect(await answer()).toBe('legacy_unavailable');
    clock.ms += 1;
    expect([await answer(), await answer()]).toEqual(['yes', 'yes']);
    expect(asked()).toBe(8);
  });

  test('is asked by one at a time to see', async () => {
    const { fail, hang, answer, clock } = stage();
    await times(5, fail);
    clock.ms += 2_000;
    let free: (() => void) | undefined;
    const first = hang(
      new Promise<void>((resolve) => {
        free = resolve;
      }),
    );
    expect(await answer()).toBe('legacy_unavailable');
    free!();
    expect(await first).toBeUndefined();
    expect(await answer()).toBe('yes');
  });

  test('is not well again because somebody came with nothing to ask', async () => {
    const { fail, answer, clock } = stage();
    await times(4, fail);
    expect(await answer(false)).toBe('yes');
    await fail();
    expect(await answer()).toBe('legacy_unavailable');
    clock.ms += 2_000;
    expect(await answer(false)).toBe('yes');
    expect(await answer(true)).toBe('yes');
  });

  test('has failed when it is late', async () => {
    const { late, answer } = stage();
    await times(5, late);
    expect(await answer()).toBe('legacy_unavailable');
  });
});

test('an app is asked 32 things at once, and whoever comes then is not kept waiting', async () => {
  const { hang, answer } = stage();
  let free: (() => void) | undefined;
  const freed = new Promise<void>((resolve) => {
    free = resolve;
  });
  const all = Array.from({ length: 32 }, () => hang(freed));
  expect(await answer()).toBe('legacy_unavailable');
  free!();
  await Promise.all(all);
  expect(await answer()).toBe('yes');
});
