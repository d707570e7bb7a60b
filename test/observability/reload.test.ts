/** Another configuration while people log in. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Person } from '../../example/demo/people.ts';
import type { App } from '../../src/app.ts';
import { openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import type { Town } from '../flows/batch/town.ts';
import { openTown, SHOP } from '../flows/batch/town.ts';
import { startServer } from '../flows/server.ts';
import type { Settings } from '../flows/zitadel/settings.ts';
import { Browser, field } from '../support/browser.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Together they hash little: it is not their number that is looked at. */
const AT_ONCE = 3;
const RELOADS = 10;
const WAIT = { timeout: 60_000 };

let town: Town;
let app: App;
beforeAll(async () => {
  town = await openTown({
    target: { kind: 'generic' },
    app: false,
  });
  await town.settle(Array.from({ length: AT_ONCE }, () => ({ kind: 'md5' as const })));
  app = await openApp(loadConfig(town.configFile));
});
afterAll(async () => {
  await app?.close();
  await town?.close();
});

const write = (change: (settings: Settings) => void) => {
  const settings = structuredClone(town.settings);
  change(settings);
  writeFileSync(town.configFile, stringify(settings));
};
const reload = () => app.reload(() => loadConfig(town.configFile));

/** All the way, until the browser is back at the app: with a code, or else with what it was shown. */
async function logIn({ login, password }: Person): Promise<string> {
  const browser = new Browser();
  const query = new URLSearchParams({
    client_id: 'legacy-shop',
    redirect_uri: SHOP,
    response_type: 'code',
    scope: 'openid',
    state: 's',
  });
  const page = await browser.follow(`${town.issuer}/auth?${query}`, SHOP);
  const form = { username: login, password, form_token: field(page.body, 'form_token') ?? '' };
  const end = await browser.follow(page.url.split('?')[0]!, SHOP, { form });
  return end.location ?? `${end.status} ${end.body}`;
}

const status = async (clientId: string, issuer = town.issuer) => {
  const query = new URLSearchParams({
    client_id: clientId,
    redirect_uri: 'https://later.example/callback',
    response_type: 'code',
    scope: 'openid',
  });
  return (await new Browser().visit(`${issuer}/auth?${query}`)).status;
};
const addClient = (settings: Settings) =>
  settings.provider.clients.push({
    clientId: 'came-later',
    secret: 'secret-of-the-client-that-came-later',
    redirectUris: ['https://later.example/callback'],
    pkce: 'optional',
  });
const metric = async (name: string) => {
  const { body } = await new Browser().visit(`http://127.0.0.1:${app.privatePort}/metrics`);
  return body.split('\n').filter((line) => line.startsWith(name));
};

test('a client that was added is known after a reload, and one that was taken away is not', async () => {
  expect(await status('came-later')).toBe(400);
  write(addClient);
  expect(await reload()).toBe(true);
  expect(await status('came-later')).toBe(303);
  write(() => undefined);
  expect(await reload()).toBe(true);
  expect(await status('came-later')).toBe(400);
});

test('no login fails while it is read anew ten times, and a login goes on across it', async () => {
  const state = { isOver: false };
  const ends: string[] = [];
  const people = town.people.map(async (person) => {
    while (!state.isOver) ends.push(await logIn(person));
  });
  const backends = async () => {
    const [row] = await town.sql(
      `select count(*)::int as backends from pg_stat_activity where datname = current_database() and application_name like 'footbridge%'`,
    );
    return Number(row?.backends);
  };
  const before = { backends: await backends(), timers: timers() };
  for (let times = 0; times < RELOADS; times += 1) {
    write(times % 2 === 0 ? addClient : () => undefined);
    const seen = ends.length;
    expect(await reload()).toBe(true);
    await vi.waitFor(() => expect(ends.length).toBeGreaterThan(seen), WAIT);
  }
  state.isOver = true;
  await Promise.all(people);
  expect(ends.length).toBeGreaterThanOrEqual(RELOADS);
  expect(ends.filter((end) => !/[?&]code=/.test(end))).toEqual([]);
  // Nothing of ten generations is left: neither connections nor timers nor workers.
  await vi.waitFor(async () => expect(await backends()).toBeLessThanOrEqual(before.backends + AT_ONCE), WAIT);
  await vi.waitFor(() => expect(timers()).toBeLessThanOrEqual(before.timers + AT_ONCE), WAIT);
});

const timers = () =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'MessagePort').length;

describe('the configuration before goes on', () => {
  test('where the file is broken, and it is counted', async () => {
    const before = readFileSync(town.configFile, 'utf8');
    writeFileSync(town.configFile, 'provider: [\n');
    expect(await reload()).toBe(false);
    writeFileSync(town.configFile, before);
    expect(await logIn(town.people[0]!)).toMatch(/[?&]code=/);
    expect(await metric('footbridge_config_reloads_total{result="refused"}')).toEqual([
      'footbridge_config_reloads_total{result="refused"} 1',
    ]);
  });

  test.each<[string, (settings: Settings) => void]>([
    [
      'its port',
      (settings) => {
        settings.listen.public.port += 1;
      },
    ],
    [
      'its database',
      (settings) => {
        settings.database.url += '?application_name=other';
      },
    ],
    [
      'its master key',
      (settings) => {
        settings.masterKey = Buffer.alloc(32, 7).toString('base64');
      },
    ],
    [
      'its issuer',
      (settings) => {
        settings.provider.issuer = 'http://elsewhere.example';
      },
    ],
  ])('where %s would be another', async (_what, change) => {
    write((settings) => {
      change(settings);
      addClient(settings);
    });
    expect(await reload()).toBe(false);
    expect(await status('came-later')).toBe(400);
  });

  test('where what it names cannot be opened', async () => {
    write((settings) => {
      settings.pages = { theme: '/there/is/no/such/folder' };
      addClient(settings);
    });
    expect(await reload()).toBe(false);
    expect(await status('came-later')).toBe(400);
    write(() => undefined);
    expect(await reload()).toBe(true);
  });
});

describe('a server as a process', () => {
  test('reads its file anew at SIGHUP, says where a broken one is wrong, and ends with 0 when it is told to stop', async () => {
    write(() => undefined);
    const server = await startServer(town);
    const file = join(town.data, `server-${server.port}.yaml`);
    const settings = parse(readFileSync(file, 'utf8')) as Settings;
    const known = () => status('came-later', server.issuer);
    try {
      writeFileSync(file, stringify({ ...settings, provider: { ...settings.provider, clients: 7 } }));
      server.process.kill('SIGHUP');
      await vi.waitFor(() => expect(server.output()).toContain('is not taken over'), WAIT);
      expect(server.output()).toMatch(/server-\d+\.yaml:\d+:\d+ provider\.clients: /);
      expect(await known()).toBe(400);
      addClient(settings);
      writeFileSync(file, stringify(settings));
      server.process.kill('SIGHUP');
      await vi.waitFor(async () => expect(await known()).toBe(303), WAIT);
    } finally {
      server.process.kill('SIGTERM');
    }
    expect(await server.exited).toBe(0);
  });
});
