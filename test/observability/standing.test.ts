/** What probes are told of a node as its operator starts it: of what it stands on, and of nothing else. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { App } from '../../src/app.ts';
import { openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { FootbridgeError } from '../../src/errors.ts';
import type { Health, Part } from '../../src/observability/health.ts';
import { unobserved } from '../../src/observed.ts';
import type { Standing } from '../../src/standing.ts';
import { partsOf, tellOfLegacy } from '../../src/standing.ts';
import { openDb } from '../../src/store/db.ts';
import type { Town } from '../flows/batch/town.ts';
import { openTown } from '../flows/batch/town.ts';
import { Browser } from '../support/browser.ts';

vi.setConfig({ testTimeout: 60_000 });
const WAIT = { timeout: 30_000 };

let town: Town;
let app: App;
let isClosed = false;
beforeAll(async () => {
  town = await openTown({
    target: { kind: 'generic' },
    app: false,
    change: (settings) => {
      settings.legacy.timeoutMs = 500;
    },
  });
  app = await openApp(loadConfig(town.configFile));
});
afterAll(async () => {
  // The last test has closed it, unless something went wrong before.
  if (!isClosed) await app?.close();
  await town?.close();
});

const ask = async (path: string) => {
  const answer = await new Browser().visit(`http://127.0.0.1:${app.privatePort}${path}`);
  return { status: answer.status, body: answer.json<Health>() };
};

test('a node whose parts are all well is ready', async () => {
  const parts = { storage: 'up', schema: 'up', legacy: 'up', hashing: 'up', audit: 'up' };
  expect(await ask('/readyz')).toEqual({ status: 200, body: { status: 'ready', ready: true, parts } });
});

test.each(['/livez', '/healthz'])('%s says that the process lives', async (path) => {
  expect(await ask(path)).toEqual({ status: 200, body: { status: 'alive' } });
});

test('whoever opens the private port in a browser is led to the console', async () => {
  const { status, location } = await new Browser().visit(`http://127.0.0.1:${app.privatePort}/`);
  expect([status, new URL(String(location)).pathname]).toEqual([302, '/admin']);
});

test('a legacy store that is down makes it degraded, which takes logins, and it is ready again by itself', async () => {
  await town.shop.switchTo(false);
  try {
    await vi.waitFor(async () => {
      const { status, body } = await ask('/readyz');
      expect(status).toBe(200);
      expect(body).toMatchObject({ status: 'degraded', ready: true });
      expect(body.parts.legacy).toMatch(/^down/);
    }, WAIT);
    expect((await ask('/livez')).status).toBe(200);
    const metrics = await new Browser().visit(`http://127.0.0.1:${app.privatePort}/metrics`);
    expect(metrics.body).toContain('footbridge_part_up{part="legacy"} 0');
    expect(metrics.body).toContain('footbridge_part_up{part="storage"} 1');
  } finally {
    await town.shop.switchTo(true);
  }
  await vi.waitFor(async () => expect((await ask('/readyz')).body.status).toBe('ready'), WAIT);
});

/** What a node stands on, with all of it well but for what a test says. */
async function standing(change: (parts: Standing) => Partial<Record<keyof Standing, unknown>>) {
  const settings = loadConfig(town.configFile);
  const db = openDb({ url: settings.database.url.reveal(), poolSize: 1 });
  const parts = {
    settings,
    db,
    watch: { up: true },
    observed: unobserved,
    directory: { check: async () => undefined },
    passwords: { stats: () => ({ slots: 2, running: 0, queued: 0 }) },
    targets: { connection: () => ({}) },
    retired: { isAllOver: () => false },
  } as unknown as Standing;
  const wrong = async (part: Part) => [part.name, await part.ask()] as const;
  try {
    const asked = partsOf({ ...parts, ...change(parts) } as Standing);
    return Object.fromEntries(await Promise.all(asked.map(wrong)));
  } finally {
    await db.close();
  }
}

test('a legacy store that was retired is asked nothing, and is no reason to be degraded', async () => {
  const check = vi.fn(() => Promise.reject(new Error('refused')));
  const over = await standing(() => ({ directory: { check }, retired: { isAllOver: () => true } }));
  expect(over.legacy).toBeUndefined();
  expect(check).not.toHaveBeenCalled();
  const before = await standing(() => ({ directory: { check } }));
  expect(before.legacy).toMatch(/^down/);
});

test('a database that lacks a schema step cannot be served from', async () => {
  expect((await standing(() => ({}))).schema).toBeUndefined();
  const [last] = await town.sql(
    'delete from schema_steps where number = (select max(number) from schema_steps) returning *',
  );
  try {
    expect((await standing(() => ({}))).schema).toBe(`older than this version: ${last?.name}`);
  } finally {
    await town.sql('insert into schema_steps (number, name, checksum, applied_at) values ($1, $2, $3, $4)', [
      last?.number,
      last?.name,
      last?.checksum,
      last?.applied_at,
    ]);
  }
});

test('hashing is saturated when half of the queue is full, or somebody was just turned away', async () => {
  const { queueLength } = loadConfig(town.configFile).passwords;
  const queued = (count: number) => ({
    passwords: { stats: () => ({ slots: 2, running: 2, queued: count }) },
  });
  expect((await standing(() => queued(queueLength / 2))).hashing).toBeUndefined();
  expect((await standing(() => queued(queueLength / 2 + 1))).hashing).toMatch(/^saturated/);
  const refusedAt = (at: number) => ({ observed: { ...unobserved, hashing: { refusedAt: at } } });
  expect((await standing(() => refusedAt(performance.now()))).hashing).toMatch(/^saturated/);
  expect((await standing(() => refusedAt(performance.now() - 60_000))).hashing).toBeUndefined();
});

test('a target that is silent is told by its name', async () => {
  const silent = (names: string[]) => ({ observed: { ...unobserved, silentTargets: () => names } });
  expect((await standing(() => silent(['generic'])))['target generic']).toMatch(/^down/);
  expect((await standing(() => silent(['another'])))['target generic']).toBeUndefined();
});

test('an audit log that is not sealed any more is told, until it is sealed again', async () => {
  const audit = async () => (await standing(() => ({}))).audit;
  const held = openDb({ url: String(town.settings.database.url), poolSize: 1 });
  try {
    // Sealers take turns under this lock.
    await held.connection(async (client) => {
      await client.query('select pg_advisory_lock(7310294488120156)');
      await town.sql(
        `insert into audit_log (actor, action, at, detail) values ('test', 'test.done', now() - interval '1 hour', '{}')`,
      );
      expect(await audit()).toBe('the log is not sealed any more');
    });
  } finally {
    await held.close();
  }
  await vi.waitFor(async () => expect(await audit()).toBeUndefined(), WAIT);
});

test('a node that is told to stop says so before it takes no more connections', async () => {
  isClosed = true;
  const closing = app.close();
  expect(await ask('/readyz')).toMatchObject({
    status: 503,
    body: { status: 'stopping', ready: false, parts: { process: 'stopping' } },
  });
  expect((await new Browser().visit(`${town.issuer}/jwks`)).status).toBe(200);
  await closing;
  await expect(ask('/livez')).rejects.toThrow();
});

test.each([
  ['is told of', false, ['legacy_unavailable']],
  ['is nobody’s business any more when the old login is over', true, []],
])('a legacy store that cannot be asked at the start %s', async (_, isAllOver, told) => {
  const seen: unknown[] = [];
  const findByLogin = async () => {
    throw new FootbridgeError('legacy_unavailable');
  };
  await tellOfLegacy(
    { directory: { findByLogin }, retired: { isAllOver: () => isAllOver } } as unknown as Standing,
    (error) => seen.push((error as FootbridgeError).code),
  );
  expect(seen).toEqual(told);
});
