/** What comes after a block; the tests end it by moving its end in the database, so that no clock decides. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import { ANNA, authorizationUrl, BOB, CALLBACK, codeOf, openStage, submitLogin } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({
    settings: { login: { failureFloorMs: 0, accountFailures: 3, networkFailures: 1000, blockSeconds: 60 } },
  });
});
afterAll(() => stage.close());
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

async function attempts() {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(stage), CALLBACK);
  return (login: string, password: string) => submitLogin(browser.copy(), page, { login, password });
}

/** The block runs out: in the database, and for a node that remembers it. */
async function endBlocks() {
  await execute(
    stage.databaseUrl,
    `update login_attempts set blocked_until = now() - interval '1 second' where blocked_until is not null`,
  );
  vi.setSystemTime(Date.now() + 61_000);
}

test('after a block the right password opens, and what was counted is forgotten', async () => {
  const attempt = await attempts();
  for (let i = 0; i < 3; i++) expect((await attempt('anna', 'wrong')).status).toBe(401);
  expect((await attempt('anna', ANNA.password)).status).toBe(429);
  await endBlocks();
  expect(codeOf((await attempt('anna', ANNA.password)).location)).not.toBe('');
  for (let i = 0; i < 2; i++) expect((await attempt('anna', 'wrong')).status).toBe(401);
});

test('after a block a wrong password blocks again, for longer', async () => {
  const attempt = await attempts();
  for (let i = 0; i < 3; i++) expect((await attempt('bob', 'wrong')).status).toBe(401);
  await endBlocks();
  expect((await attempt('bob', 'wrong')).status).toBe(401);
  expect((await attempt('bob', BOB.password)).status).toBe(429);
  const [row] = await execute(
    stage.databaseUrl,
    'select failures, extract(epoch from blocked_until - failed_at)::int as block from login_attempts where failures = 4',
  );
  expect(row).toEqual({ failures: 4, block: 120 });
});

test('after a block, of many tries at once one is looked at before the next', async () => {
  for (let round = 0; round < 5; round++) {
    const attempt = await attempts();
    const name = `carol${round}`;
    for (let i = 0; i < 3; i++) expect((await attempt(name, 'wrong')).status).toBe(401);
    await endBlocks();
    const answers = await Promise.all(Array.from({ length: 10 }, () => attempt(name, 'wrong')));
    expect(answers.map((answer) => answer.status).sort()).toEqual([401, ...Array(9).fill(429)]);
  }
});
