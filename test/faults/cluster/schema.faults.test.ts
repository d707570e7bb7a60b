/** A version with one schema step more comes while people log in, and goes again: both are live beside one another. */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { schemaStatus, schemaUp } from '../../../src/store/schema.ts';
import type { Server } from '../../flows/server.ts';
import { startServer, until } from '../../flows/server.ts';
import type { NodesStage } from '../../flows/sessions/nodes-stage.ts';
import { openNodes } from '../../flows/sessions/nodes-stage.ts';
import type { Settings } from '../../flows/zitadel/settings.ts';
import { Browser } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { tellFault } from '../../support/fault-row.ts';
import { MAX_TURNED_AWAY, OPENS_WITHIN_MS, openTraffic, patient } from './traffic.ts';

const isLong = Boolean(process.env.FOOTBRIDGE_LONG);
const ROOT = resolve(import.meta.dirname, '../../..');
const PEOPLE = 12;
const PER_SECOND = 10;
const STARTING = 5;
const WITHIN_MS = 60_000;
const STEP = '9001_next';
/** What everybody works with, and a table of its own. */
const NEXT = 'alter table oidc_records add column next text; create table next_things (id int primary key);';

let stage: NodesStage;
let next: string;
const running: Server[] = [];
beforeAll(async () => {
  stage = await openNodes({ clients: ['mail'], people: PEOPLE, nodes: 1, change: patient });
  next = nextVersion();
}, OPENS_WITHIN_MS);
afterAll(async () => {
  for (const { process, exited } of running) {
    process.kill('SIGKILL');
    await exited;
  }
  await stage?.close();
  rmSync(next ?? '', { recursive: true, force: true });
});

/** A checkout beside this one, with the step. */
function nextVersion(): string {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-next-'));
  for (const name of ['bin', 'src', 'migrations', 'package.json'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'migrations', `${STEP}.sql`), NEXT);
  return folder;
}

async function start(root: string): Promise<Server> {
  const place = { configFile: stage.configFile, data: dirname(stage.configFile) };
  const change = (settings: Settings) => {
    settings.provider.issuer = stage.issuer;
  };
  const server = await startServer(place, change, { entry: join(root, 'bin/footbridge.js') });
  running.push(server);
  return server;
}

async function stopInOrder(node: Server): Promise<void> {
  node.process.kill('SIGTERM');
  await until(async () => (await new Browser().visit(`${node.inside}/readyz`)).status !== 200, WITHIN_MS);
  stage.balancer.nodes = stage.balancer.nodes.filter((port) => port !== node.port);
  expect(await node.exited).toBe(0);
}
const takesTurns = (node: Server) => {
  stage.balancer.nodes = [...stage.balancer.nodes, node.port];
};

/** Somebody reads for long: the step cannot have the table. */
async function readForLong() {
  const reader = new pg.Client({ connectionString: stage.databaseUrl });
  await reader.connect();
  await reader.query('begin; select 1 from oidc_records limit 1');
  return { done: () => reader.end() };
}
const waitsForTheTable = async () =>
  (
    await execute(
      stage.databaseUrl,
      `select 1 from pg_locks where relation = 'oidc_records'::regclass and mode = 'AccessExclusiveLock' and not granted`,
    )
  ).length > 0;

/** Five nodes of the next version that start at once: which of them has applied the step. */
async function startAtOnce(): Promise<readonly (readonly string[])[]> {
  const folder = join(next, 'migrations');
  const steps = () => schemaUp({ url: stage.databaseUrl, folder });
  if (!isLong) return Promise.all(Array.from({ length: STARTING }, steps));
  const servers = await Promise.all(Array.from({ length: STARTING }, () => start(next)));
  for (const server of servers) server.process.kill('SIGTERM');
  await Promise.all(servers.map(({ exited }) => exited));
  return servers.map((server) => (server.output().includes(`schema step ${STEP} applied`) ? [STEP] : []));
}

test('a schema step comes, both versions are live, and the older one is gone back to: no login fails', async () => {
  const first = stage.nodeAt(stage.balancer.nodes[0]!);
  const [anna, ...others] = stage.people;
  const inSession = await stage.logInAt(anna!, 'mail');
  const isThere = async () => {
    const page = await stage.logIn(anna!, 'mail', inSession);
    return page.location?.includes('code=') === true;
  };
  const traffic = openTraffic({
    perSecond: PER_SECOND,
    logIn: (n) => stage.logIn(others[n % others.length]!, 'mail'),
  });
  await until(async () => traffic.done > PER_SECOND, WITHIN_MS);

  const reader = await readForLong();
  const startedAt = performance.now();
  const starting = startAtOnce();
  await until(waitsForTheTable, WITHIN_MS);
  // It gives up after a moment, and lets pass whoever queued up behind it.
  await until(async () => !(await waitsForTheTable()), WITHIN_MS);
  const before = traffic.done;
  await until(async () => traffic.done > before, WITHIN_MS);
  await reader.done();
  const applied = await starting;
  const stepMs = performance.now() - startedAt;
  expect(applied.flat()).toEqual([STEP]);
  expect((await schemaStatus({ url: stage.databaseUrl })).newer).toEqual([STEP]);

  // There: the next version beside this one, then alone. And back.
  const there = await start(next);
  takesTurns(there);
  expect(await isThere()).toBe(true);
  const withBoth = traffic.done;
  await until(async () => traffic.done > withBoth + PER_SECOND, WITHIN_MS);
  await stopInOrder(first);
  expect(await isThere()).toBe(true);
  const back = await start(ROOT);
  takesTurns(back);
  await stopInOrder(there);
  const withBack = traffic.done;
  await until(async () => traffic.done > withBack + PER_SECOND, WITHIN_MS);
  expect(await isThere()).toBe(true);
  await traffic.stop();

  expect(traffic.failures).toEqual([]);
  expect(traffic.turnedAway).toBeLessThanOrEqual(MAX_TURNED_AWAY * traffic.done);
  tellFault({
    id: 'R20',
    fault: 'a schema step comes with both versions live, and the older version is gone back to',
    load: `${traffic.done} logins, ${traffic.perSecond}/s, ${traffic.turnedAway} told to come back; ${STARTING} nodes apply it at once while a reader holds the table`,
    lost: traffic.failures.length,
    doubled: applied.flat().length - 1,
    unexplained5xx: traffic.unexplained5xx,
    recovery: `the step after ${(stepMs / 1_000).toFixed(1)} s; the slowest login took ${Math.round(traffic.slowestMs)} ms`,
  });
}, 600_000);
