import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import {
  ANNA,
  authorizationUrl,
  basic,
  CALLBACK,
  CLIENT,
  client,
  codeOf,
  logIn,
  openStage,
  redeem,
  userinfo,
} from './harness.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({ clients: [client(), client({ clientId: 'second' })] });
});
afterAll(() => stage.close());

test('5 parallel redemptions of one code give at most one token set, and none is alive afterwards (40 rounds)', async () => {
  const browser = new Browser();
  await logIn(stage, browser);
  for (let round = 0; round < 40; round++) {
    const code = codeOf((await browser.follow(authorizationUrl(stage), CALLBACK)).location);
    const answers = await Promise.all(Array.from({ length: 5 }, () => redeem(stage, code)));
    const won = answers.filter((answer) => answer.status === 200);
    expect(won.length).toBeLessThanOrEqual(1);
    for (const lost of answers.filter((answer) => answer.status !== 200)) {
      expect(lost.status).toBe(400);
      expect(lost.json().error).toBe('invalid_grant');
    }
    for (const winner of won)
      expect((await userinfo(stage, String(winner.json().access_token))).status).toBe(401);
  }
});

test('two apps opened at once in one session both get codes that work (25 rounds)', async () => {
  const browser = new Browser();
  await logIn(stage, browser);
  for (let round = 0; round < 25; round++) {
    const clients = [CLIENT.id, 'second'];
    const ends = await Promise.all(
      clients.map((client_id) => browser.copy().follow(authorizationUrl(stage, { client_id }), CALLBACK)),
    );
    const tokens = await Promise.all(
      ends.map((end, i) =>
        new Browser().visit(`${stage.issuer}/token`, {
          form: {
            grant_type: 'authorization_code',
            code: codeOf(end.location),
            redirect_uri: CALLBACK,
            code_verifier: 'v'.repeat(64),
          },
          headers: basic(clients[i]),
        }),
      ),
    );
    expect(tokens.map((answer) => answer.status)).toEqual([200, 200]);
    for (const answer of tokens)
      expect((await userinfo(stage, String(answer.json().access_token))).status).toBe(200);
  }
});

test('six simultaneous returns from one login page give exactly one code, and a replay gives none', async () => {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(stage), CALLBACK);
  const form = { username: ANNA.login, password: ANNA.password, form_token: field(page.body, 'form_token')! };
  const back = (await browser.visit(page.url, { form })).location!;
  const replay = browser.copy();
  const ends = await Promise.all(Array.from({ length: 6 }, () => browser.copy().visit(back)));
  expect(ends.filter((end) => codeOf(end.location) !== '')).toHaveLength(1);
  expect(ends.filter((end) => end.status === 400)).toHaveLength(5);
  for (const lost of ends.filter((end) => end.status === 400))
    expect(lost.headers['set-cookie']).toBeUndefined();
  expect((await replay.visit(back)).status).toBe(400);
});

test('a login page of one browser is of no use in another', async () => {
  const mine = new Browser();
  const page = await mine.follow(authorizationUrl(stage), CALLBACK);
  const victim = new Browser();
  const form = { username: ANNA.login, password: ANNA.password, form_token: field(page.body, 'form_token')! };
  expect((await victim.visit(page.url, { form })).status).toBe(400);
  const back = (await mine.visit(page.url, { form })).location!;
  expect((await victim.visit(back)).status).toBe(400);
});

/** Opens the account page of somebody who is logged in, and presses "continue"; the way back is left to the caller. */
async function wayBack(browser: Browser) {
  const page = await browser.follow(authorizationUrl(stage, { prompt: 'select_account' }), CALLBACK);
  const form = { form_token: field(page.body, 'form_token')!, choice: 'continue' };
  return (await browser.visit(page.url, { form })).location!;
}

test('a logout that meets a return from a login page leaves no session alive (15 rounds)', async () => {
  for (let round = 0; round < 15; round++) {
    const browser = new Browser();
    await logIn(stage, browser);
    const back = await wayBack(browser);
    const ask = await browser.visit(`${stage.issuer}/session/end?client_id=${CLIENT.id}`);
    const form = { xsrf: field(ask.body, 'xsrf')!, logout: 'yes' };
    const [tab, other] = [browser.copy(), browser.copy()];
    const [end] = await Promise.all([
      other.visit(`${stage.issuer}/session/end/confirm`, { form }),
      tab.visit(back),
    ]);
    if (end.status !== 303) continue; // The return won, and the logout was refused: nothing was promised.
    for (const jar of [browser, tab, other]) {
      const silent = await jar.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
      expect(codeOf(silent.location)).toBe('');
    }
  }
});

test('two tabs that return at once leave one session, not two (15 rounds)', async () => {
  for (let round = 0; round < 15; round++) {
    await execute(stage.databaseUrl, `delete from oidc_records where kind = 'Session'`);
    const browser = new Browser();
    await logIn(stage, browser);
    const ways = [await wayBack(browser), await wayBack(browser)];
    const ends = await Promise.all(ways.map((back) => browser.copy().visit(back)));
    expect(ends.some((end) => codeOf(end.location) !== '')).toBe(true);
    expect(
      await execute(stage.databaseUrl, `select 1 from oidc_records where kind = 'Session'`),
    ).toHaveLength(1);
  }
});
