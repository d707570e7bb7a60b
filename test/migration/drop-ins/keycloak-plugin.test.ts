/** What the keycloak-user-migration plugin is told before it has a password, and what it does with that. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Stage } from './stage.ts';
import { BEARER, openStage, PASSWORD, SEED } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  const plugin = { kind: 'keycloak', auth: BEARER, target: 'main' };
  stage = await openStage([
    { ...plugin, name: 'plain' },
    { ...plugin, name: 'by-id', userId: true },
    { ...plugin, name: 'with-seeds', totp: true },
    { ...plugin, name: 'without-factors', secondFactors: 'allow' },
  ]);
});
afterAll(() => stage.close());
afterEach(() => {
  stage.isDown = false;
  stage.calls.length = 0;
  stage.errors.length = 0;
});

/** As Java's URLEncoder writes a path segment. */
const encoded = (text: string) => new URLSearchParams({ _: text }).toString().slice(2);
const at = (login: string, name = 'plain') => `/drop-ins/keycloak/${name}/users/${encoded(login)}`;
const lookUp = (login: string, name?: string) => stage.send('GET', at(login, name));
const prove = (login: string, name?: string, password = PASSWORD) =>
  stage.send('POST', at(login, name), { password });

describe('a lookup', () => {
  test('tells who somebody is, in the plugin’s words, and nothing that they prove themselves with', async () => {
    const answer = await lookUp('anna');
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        // As Keycloak writes it, or the plugin would fail.
        username: 'anna',
        email: 'anna@example.com',
        firstName: 'Given',
        lastName: 'Family',
        enabled: true,
        emailVerified: true,
        attributes: { locale: ['de-AT'], phoneNumber: ['+4930123456'], phoneNumberVerified: ['false'] },
        roles: ['buyer'],
        groups: [],
        requiredActions: [],
      },
    ]);
    expect(stage.calls).toEqual([{ dropIn: 'plain', result: 'found' }]);
    expect(await stage.row('shop:1')).toBeUndefined();
  });

  test.each([
    ['by email', 'ANNA@Example.com', 'anna'],
    ['with a blank in it', 'with blank', 'with blank'],
    ['with a plus sign in it', 'with+plus@example.com', 'with blank'],
    ['who has no email', 'nomail', 'nomail'],
  ])('finds somebody %s', async (_how, login, username) => {
    expect((await lookUp(login)).json).toMatchObject({ username });
  });

  test('takes a plus sign for what it is where the path was written by another rule', async () => {
    const answer = await stage.send('GET', '/drop-ins/keycloak/plain/users/with+plus@example.com');
    expect(answer.json).toMatchObject({ username: 'with blank' });
  });

  test('finds nobody who is not there, and refuses a path that is no text', async () => {
    expect((await lookUp('nobody')).status).toBe(404);
    expect(stage.calls).toEqual([{ dropIn: 'plain', result: 'unknown' }]);
    for (const path of ['%ff', 'a%00b', 'x'.repeat(401)])
      expect((await stage.send('GET', `/drop-ins/keycloak/plain/users/${path}`)).status).toBe(400);
  });

  test('tells of the disabled that they are', async () => {
    expect((await lookUp('dora')).json).toMatchObject({ username: 'dora', enabled: false });
  });

  test('tells of nobody whom the ledger keeps out', async () => {
    expect((await lookUp('excluded')).status).toBe(200);
    await stage.happens('shop:3', 'exclude');
    expect((await lookUp('excluded')).status).toBe(404);
    await stage.happens('shop:4', 'delete');
    expect((await lookUp('gone')).status).toBe(404);
    expect((await prove('gone')).status).toBe(403);
    await stage.happens('shop:3', 'revert');
    expect((await lookUp('excluded')).status).toBe(200);
  });

  test('is an error while the legacy store is down, and its path is in no log', async () => {
    stage.isDown = true;
    const answer = await lookUp('anna@example.com');
    expect([answer.status, answer.json.code]).toEqual([503, 'legacy_unavailable']);
    expect(stage.errors.map(({ where }) => where)).toEqual(['drop-in plain']);
    expect(stage.calls).toEqual([{ dropIn: 'plain', result: 'unavailable' }]);
  });

  test('of a caller without the secret leads to nothing', async () => {
    expect((await stage.send('GET', at('anna'), undefined, {})).status).toBe(401);
  });
});

describe('ids', () => {
  test('are our subjects where the settings say so, and the password is proved by them', async () => {
    expect((await lookUp('known')).json.id).toBeUndefined();
    const { id } = (await lookUp('known', 'by-id')).json;
    expect(id).toBe('shop:9');
    expect((await prove(id, 'by-id')).status).toBe(200);
    expect((await prove(id, 'by-id', 'wrong')).status).toBe(403);
    // A login is no id, nor an id a login.
    expect((await prove('known', 'by-id')).status).toBe(403);
    expect((await prove(id, 'plain')).status).toBe(403);
  });
});

describe('a second factor', () => {
  const tina = 'tina';
  const seeds = async () => (await stage.auditRecords()).filter(({ action }) => action === 'drop-in.seeds');

  test('that is not handed out keeps its owner out: looked up, and with the right password', async () => {
    const answers = [await lookUp(tina), await prove(tina)];
    expect(answers.map(({ status }) => status)).toEqual([404, 403]);
    expect(await stage.row('shop:6')).toBeUndefined();
  });

  test('that is not handed out has to be made anew where that is allowed', async () => {
    const answer = await lookUp(tina, 'without-factors');
    expect(answer.json).toMatchObject({ username: tina, requiredActions: ['CONFIGURE_TOTP'] });
    expect(answer.text).not.toContain(SEED);
    expect((await prove(tina, 'without-factors')).status).toBe(200);
    expect(await seeds()).toEqual([]);
  });

  test('goes along where the settings hand it out, and is in the audit log before', async () => {
    const { json } = await lookUp(tina, 'with-seeds');
    expect(json.totps).toEqual([
      { name: 'TOTP', secret: SEED, digits: 6, period: 30, algorithm: 'HmacSHA1', encoding: 'BASE32' },
    ]);
    expect(json.requiredActions).toEqual([]);
    expect(await seeds()).toMatchObject([
      { actor: 'drop-in:with-seeds', detail: { target: 'main', seeds: 1 } },
    ]);
    expect(JSON.stringify(await stage.auditRecords())).not.toContain(SEED);
    expect((await prove(tina, 'with-seeds')).status).toBe(200);
    // Whoever has none is asked for none.
    expect((await lookUp('anna', 'with-seeds')).json.totps).toBeUndefined();
  });

  test('stays here once the day’s releases are used up', async () => {
    const used = `insert into release_volume (caller, day, releases)
      values ('drop-in:with-seeds', (now() at time zone 'utc')::date, 10000)
      on conflict (caller, day) do update set releases = excluded.releases`;
    await stage.sql(used);
    const answer = await lookUp(tina, 'with-seeds');
    expect([answer.status, answer.json.code]).toEqual([429, 'volume_exceeded']);
    expect(answer.text).not.toContain(SEED);
    expect(await seeds()).toHaveLength(1);
  });
});
