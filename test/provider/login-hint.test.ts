/** The name that a client hints at: what a target has stored with its link to us may be our subject. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import { ANNA, authorizationUrl, CALLBACK, codeOf, legacyDown, openStage, submitLogin } from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({
    settings: { login: { failureFloorMs: 0, accountFailures: 3, networkFailures: 1000, blockSeconds: 60 } },
  });
});
afterAll(() => stage.close());
afterEach(async () => {
  stage.outage = undefined;
  await execute(stage.databaseUrl, 'truncate login_attempts');
});

async function hinted(hint: string | undefined) {
  const browser = new Browser();
  return { browser, page: await browser.follow(authorizationUrl(stage, { login_hint: hint }), CALLBACK) };
}

test.each(['anna', 'anna@example.com', 'shop:anna'])('%s is filled in, and logs in', async (hint) => {
  const { browser, page } = await hinted(hint);
  expect(field(page.body, 'username')).toBe(hint);
  const end = await submitLogin(browser, page, { login: hint, password: ANNA.password });
  expect(codeOf(end.location)).not.toBe('');
});

test('a subject says nothing of its owner before the password', async () => {
  const { page } = await hinted('shop:anna');
  expect(page.body).not.toContain('anna@example.com');
  const nobody = (await hinted('shop:nobody')).page;
  expect(nobody.body.replaceAll('shop:nobody', 'shop:anna').length).toBe(page.body.length);
});

test('a subject that nobody hinted at is nobody’s login', async () => {
  const { browser, page } = await hinted(undefined);
  const answer = await submitLogin(browser, page, { login: 'shop:anna', password: ANNA.password });
  expect(answer.status).toBe(401);
  const other = await hinted('shop:bob');
  expect((await submitLogin(other.browser, other.page, { ...ANNA, login: 'shop:anna' })).status).toBe(401);
});

test('guessing by subject is guessing at the account', async () => {
  const person = { login: 'gwen', password: 'pw of gwen' };
  stage.people.push(person);
  const { browser, page } = await hinted('shop:gwen');
  for (let i = 0; i < 3; i++)
    expect((await submitLogin(browser, page, { login: 'shop:gwen', password: 'wrong' })).status).toBe(401);
  expect((await submitLogin(browser, page, person)).status).toBe(429);
});

test('an outage is told as one, also of a subject', async () => {
  const { browser, page } = await hinted('shop:anna');
  stage.outage = legacyDown();
  const answer = await submitLogin(browser, page, { login: 'shop:anna', password: ANNA.password });
  expect(answer.status).toBe(503);
});
