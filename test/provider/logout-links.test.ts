/** Links to our logout that somebody else has made: whoever follows one and agrees is logged out, and everybody is told. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import { ANNA, BOB, client, codeOf, logIn, openStage, redeem } from './harness.ts';

const BYE = 'http://127.0.0.1:9/bye';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, BOB],
    clients: [client({ backchannelLogoutUri: 'http://127.0.0.1:9/backchannel' })],
  });
});
afterAll(() => stage.close());

/** Logs in, and brings the ID token along. */
async function loggedIn(person = ANNA, browser = new Browser()) {
  const code = codeOf((await logIn(stage, browser, { person })).location);
  const { id_token: idToken } = (await redeem(stage, code)).json<{ id_token: string }>();
  return { browser, idToken };
}
/** By a link with these parameters; who is told then. */
async function toldAfter(browser: Browser, params: Record<string, string>) {
  await execute(stage.databaseUrl, 'truncate logout_deliveries');
  const page = await browser.visit(`${stage.issuer}/session/end?${new URLSearchParams(params)}`);
  const form = { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' };
  const { status } = await browser.visit(`${stage.issuer}/session/end/confirm`, { form });
  expect(status).toBe(303);
  const rows = await execute(stage.databaseUrl, 'select name from logout_deliveries');
  return rows.map(({ name }) => name);
}

test('a client is told of a logout that a link claims it has asked for', async () => {
  const named = { client_id: 'app', post_logout_redirect_uri: BYE };
  expect(await toldAfter((await loggedIn()).browser, named)).toEqual(['app']);
  const { idToken: foreign } = await loggedIn(BOB);
  expect(await toldAfter((await loggedIn()).browser, { id_token_hint: foreign })).toEqual(['app']);
});

test('one that brings the person’s own ID token knows already', async () => {
  const { browser, idToken } = await loggedIn();
  expect(await toldAfter(browser, { id_token_hint: idToken, post_logout_redirect_uri: BYE })).toEqual([]);
});
