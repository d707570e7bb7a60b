/** People whose password is newer at a target: at our page and where it is typed elsewhere, with the limits of all others. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import { passwordProof } from '../../src/provider/password-proof.ts';
import type { ThroughTarget } from '../../src/sync/passwords/through-target.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage } from './harness.ts';
import { ANNA, authorizationUrl, BOB, CALLBACK, openStage, submitLogin } from './harness.ts';

const EVE: Person = { login: 'eve', password: 'pw of eve' };
const LARS: Person = { login: 'lars', password: 'pw of lars', state: 'disabled' };
const NEW = 'chosen at the target';

let stage: Stage;
let outage: FootbridgeError | undefined;
const asked: string[] = [];
/** All but Bob have another password there. */
const throughTarget: ThroughTarget = async ({ entry, password }) => {
  asked.push(password);
  if (outage) throw outage;
  if (entry.user.sub === 'shop:bob') return undefined;
  return password === NEW ? { kind: 'right', entry, opened: undefined } : { kind: 'wrong' };
};
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, BOB, EVE, LARS],
    settings: { login: { failureFloorMs: 0, accountFailures: 3, networkFailures: 1000, blockSeconds: 60 } },
    overrides: { throughTarget },
  });
});
afterAll(() => stage.close());
afterEach(async () => {
  outage = undefined;
  asked.length = 0;
  await execute(stage.databaseUrl, 'truncate login_attempts');
});

async function atThePage(login: string, password: string) {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(stage), CALLBACK);
  return submitLogin(browser, page, { login, password });
}
const prove = (who: object, password: string) =>
  passwordProof({ ...stage.parts, throughTarget })({ ...who, password, network: '192.0.2.9' });

describe('at our page', () => {
  test('the new password opens, and the old one does not any more', async () => {
    expect((await atThePage('anna', NEW)).location).toMatch(CALLBACK);
    expect((await atThePage('anna', ANNA.password)).status).toBe(401);
  });

  test('whoever has none there is let in as ever', async () => {
    expect((await atThePage('bob', BOB.password)).location).toMatch(CALLBACK);
    expect((await atThePage('bob', NEW)).status).toBe(401);
  });

  test('a target that does not answer is an outage, and counts as no failure', async () => {
    outage = new FootbridgeError('target_unavailable');
    const answer = await atThePage('anna', NEW);
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBeTruthy();
    expect(await execute(stage.databaseUrl, 'select 1 from login_attempts')).toEqual([]);
  });

  test('a disabled user stays out with the right one', async () => {
    expect((await atThePage('lars', NEW)).status).toBe(403);
  });

  test('guessing has to wait, and is not passed on to the target then', async () => {
    const people = Array.from({ length: 5 }, () => atThePage('eve', 'guess'));
    const statuses = (await Promise.all(people)).map(({ status }) => status).sort();
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect(asked).toHaveLength(3);
  });

  test('what is no password is never asked for there', async () => {
    for (const password of ['', 'x'.repeat(1_025), 'a\0b'])
      await atThePage('anna', password).catch(() => undefined);
    expect(asked).toEqual([]);
  });
});

describe('where it is typed elsewhere', () => {
  test('the same holds', async () => {
    expect(await prove({ sub: 'shop:anna' }, NEW)).toMatchObject({ kind: 'proved', amr: ['pwd'] });
    expect(await prove({ login: 'anna' }, ANNA.password)).toEqual({ kind: 'wrong' });
    expect(await prove({ login: 'bob' }, BOB.password)).toMatchObject({ kind: 'proved' });
    expect(await prove({ login: 'nobody' }, NEW)).toEqual({ kind: 'wrong' });
    outage = new FootbridgeError('target_unavailable');
    await expect(prove({ login: 'anna' }, NEW)).rejects.toMatchObject({ code: 'target_unavailable' });
  });
});
