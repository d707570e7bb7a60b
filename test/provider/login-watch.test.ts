/** Whose session begins is watched from then on, by what the login has read of them. */
import { afterEach, expect, test } from 'vitest';
import { openLoginWatch } from '../../src/provider/login-watch.ts';
import type { PeopleWatch } from '../../src/sessions/people-watch.ts';
import { openPeopleWatch } from '../../src/sessions/people-watch.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage } from './harness.ts';
import { ANNA, authorizationUrl, CALLBACK, logIn, openStage } from './harness.ts';

let stage: Stage;
let watch: PeopleWatch;
afterEach(() => stage.close());

const open = async (watchSeconds: number) => {
  stage = await openStage({
    overrides: (parts) => {
      const onError = (error: unknown) => stage.errors.push(error);
      watch = openPeopleWatch({ ...parts, watchSeconds, watchPerSecond: 100_000, onError });
      return { watch: openLoginWatch(watch, 86_400) };
    },
  });
};

const watched = () => execute(stage.databaseUrl, 'select sub, mark from watched_people');

/** It is time to look at everybody, and everybody is looked at. */
async function looks(): Promise<void> {
  await execute(stage.databaseUrl, `update watched_people set checked_at = now() - interval '1 day'`);
  await watch.round();
}

const becomes = (person: Person) => stage.people.splice(0, stage.people.length, person);

/** Whether the browser's session lets it in without a password. */
async function isLoggedIn(browser: Browser): Promise<boolean> {
  const { location } = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
  return new URL(location ?? 'x:').searchParams.has('code');
}

/** Types the password, and gets no further. */
async function typePassword(browser: Browser) {
  const page = await browser.follow(authorizationUrl(stage), CALLBACK);
  const form_token = field(page.body, 'form_token') ?? '';
  const form = { username: ANNA.login, password: ANNA.password, form_token };
  const answer = await browser.visit(page.url.split('?')[0]!, { form });
  expect(answer.status).toBe(303);
  return new URL(answer.location ?? '', stage.issuer).href;
}

test('a session ends once its person has a new password, and not before', async () => {
  await open(60);
  const browser = new Browser();
  await logIn(stage, browser);
  await looks();
  expect(await isLoggedIn(browser)).toBe(true);
  becomes({ ...ANNA, password: 'another' });
  await looks();
  expect(await isLoggedIn(browser)).toBe(false);
  expect(await watched()).toEqual([]);
});

test('nobody is watched before their session begins', async () => {
  await open(60);
  const browser = new Browser();
  const onward = await typePassword(browser);
  expect(await watched()).toEqual([]);
  await browser.follow(onward, CALLBACK);
  expect(await watched()).toHaveLength(1);
});

test('a password that becomes another between its being typed and the session ends that session', async () => {
  await open(60);
  const browser = new Browser();
  const onward = await typePassword(browser);
  becomes({ ...ANNA, password: 'another' });
  await looks();
  await browser.follow(onward, CALLBACK);
  expect(await isLoggedIn(browser)).toBe(true);
  await looks();
  expect(await isLoggedIn(browser)).toBe(false);
});

test('where nobody is to be watched nothing is written of anybody', async () => {
  await open(0);
  const browser = new Browser();
  await logIn(stage, browser);
  expect(await isLoggedIn(browser)).toBe(true);
  expect(await watched()).toEqual([]);
});
