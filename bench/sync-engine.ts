/**
 * How many people one node keeps equal in a second, from the legacy store's triggers to a target that takes fifty at once, and how
 * long somebody who has just changed something waits while a backlog is worked off. `node bench/sync-engine.ts [people]`; 100,000
 * by default, 1,000,000 for the backlog that is spoken of. The target is in memory and answers at once: what is measured is ours.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectory } from '../src/legacy/directory.ts';
import { Secret } from '../src/settings.ts';
import { openAuditLog } from '../src/store/audit-log.ts';
import { openDb, statement } from '../src/store/db.ts';
import { startEmbeddedPostgres } from '../src/store/embedded.ts';
import { openKeyring } from '../src/store/encryption.ts';
import { schemaUp } from '../src/store/schema.ts';
import { openFeeds } from '../src/sync/intake/feeds.ts';
import { setPair } from '../src/sync/pairs.ts';
import type { TurnsDeps } from '../src/sync/people/turns.ts';
import { openPostgresQueue } from '../src/sync/queue/postgres-queue.ts';
import { sweepRound } from '../src/sync/sweeping.ts';
import { pairSettings } from '../src/sync/sync-settings.ts';
import { openSyncing } from '../src/sync/syncing.ts';
import type { TargetConnection, UserUpdate } from '../src/targets/connection.ts';
import { openTargets } from '../src/targets/index.ts';
import { targetSettings } from '../src/targets/target-settings.ts';
import { fillPeople, legacyOf } from '../test/migration/batch/people.ts';
import { execute } from '../test/support/database.ts';

const PEOPLE = Number(process.argv[2] ?? 100_000);
const LIVE = 200;
const NAME = 'target';

const data = mkdtempSync(join(tmpdir(), 'footbridge-sync-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(data, 'postgres') });
for (const name of ['footbridge', 'shop']) await execute(postgres.url('postgres'), `create database ${name}`);
await schemaUp({ url: postgres.url('footbridge') });
await fillPeople(postgres.url('shop'), PEOPLE);
const shop = (text: string, values?: unknown[]) => execute(postgres.url('shop'), text, values);
const ours = (text: string) => execute(postgres.url('footbridge'), text);
await ours(`insert into ledger (target, sub, state, from_state, target_user_id, legacy_id, made)
  select '${NAME}', 'shop:' || n, 'migrated', 'created', 't-' || n, n::text, true from generate_series(1, ${PEOPLE}) n`);
await ours('analyze ledger');

const db = openDb({ url: postgres.url('footbridge') });
const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
const directory = openDirectory(
  legacyOf(postgres.url('shop'), { changes: { by: 'outbox', columns: ['given', 'family'] } }),
);
for (const { setup } of directory.setups) await setup.install();
const [target] = openTargets(
  targetSettings.parse([
    { name: NAME, kind: 'generic', displayName: 'T', loginUrl: 'https://target.example/' },
  ]),
).all;

/** What the target has: only what was changed since everybody was equal. */
const there = new Map<string, string>();
const calls: number[] = [];
let arrived = 0;
const waitingFor = new Map<string, (at: number) => void>();
const userOf = (id: string) => {
  const n = id.slice(2);
  return {
    targetUserId: id,
    username: `user${n}`,
    loginName: `user${n}`,
    state: 'active',
    email: { address: `user${n}@example.com`, isVerified: true },
    givenName: there.get(id) ?? `Given${n}`,
    familyName: `Family${n}`,
    hasPassword: true,
    hasTotp: false,
    links: [],
    metadata: {},
  } as const;
};
const connection = {
  userById: async (id: string) => userOf(id),
  usersByIds: async (ids: readonly string[]) => new Map(ids.map((id) => [id, userOf(id)])),
  update: async () => undefined,
  updateMany: async (updates: readonly UserUpdate[]) => {
    calls.push(updates.length);
    arrived += updates.length;
    return updates.map(({ targetUserId, user }) => {
      there.set(targetUserId, user.givenName);
      waitingFor.get(`${targetUserId} ${user.givenName}`)?.(performance.now());
      return { kind: 'updated' as const };
    });
  },
  users: async ({ after, limit }: { after?: string; limit: number }) => {
    const from = Number(after ?? 0);
    const users = Array.from({ length: Math.min(limit, PEOPLE - from) }, (_, n) =>
      userOf(`t-${from + n + 1}`),
    );
    return { users, ...(from + limit < PEOPLE ? { next: String(from + limit) } : {}) };
  },
} as unknown as TargetConnection;

const pair = pairSettings.parse({ target: NAME });
const queue = openPostgresQueue(db);
const { pseudonym } = openAuditLog({ db, keyring });
const onError = (error: unknown) => console.error(error);
const turns: TurnsDeps = {
  ...{ db, keyring, directory, target: target!, connection, pair, pseudonym },
  nowMs: Date.now,
  targets: { connection: () => connection },
  password: async () => ({ kind: 'equal' }),
};
const syncing = openSyncing({
  db,
  queue,
  pairs: new Map([[NAME, turns]]),
  onStranger: async (turn) => ({ turn, result: 'done' }),
  onError,
});
const feeds = openFeeds({
  db,
  queue,
  feeds: directory.feeds,
  targets: async () => [NAME],
  isFull: async () => false,
  onLost: async () => undefined,
  onError,
});
const words = (value: number) => Math.round(value).toLocaleString('en');
const memory = () => Math.round(process.memoryUsage().rss / 1_048_576);
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
};
const readFeeds = async () => {
  while (await feeds.round());
};
const waiting = async () => {
  const [stats] = await queue.stats();
  return (stats?.live ?? 0) + (stats?.backlog ?? 0);
};

console.log(`${words(PEOPLE)} people; legacy store, our database and the node share the machine`);
await setPair(db, { target: NAME, state: 'aligning', actor: 'bench' });
await readFeeds();
const reading = await seconds(async () => {
  while (await sweepRound({ ...turns, queue, hasBegun: feeds.hasBegun, onError }));
});
await db.run(statement('analyze sync_turns'));
const aligning = await seconds(() => syncing.round());
await ours('vacuum analyze sync_people, sync_turns, sync_changes');
console.log(
  `alignment: read ${words(PEOPLE / reading)}/s, compared ${words(PEOPLE / aligning)}/s; written: ${arrived}`,
);

// Everybody changes at once: from the trigger's table to the target.
await shop(`update people set given = 'A' || id`);
const heard = await seconds(readFeeds);
const before = memory();
const stop = new AbortController();
const followed = syncing.follow(stop.signal);
const latencies: number[] = [];
const start = performance.now();
const live = (async () => {
  for (let n = 0; n < LIVE && (await waiting()) > 0; n += 1) {
    const id = 1 + Math.floor((n / LIVE) * PEOPLE);
    const arrivedAt = new Promise<number>((resolve) => waitingFor.set(`t-${id} Live${n}`, resolve));
    const at = performance.now();
    await shop(`update people set given = $2 where id = $1`, [id, `Live${n}`]);
    await readFeeds();
    latencies.push((await arrivedAt) - at);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
})();
await live;
while ((await waiting()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
const working = (performance.now() - start) / 1_000;
stop.abort();
await followed;
latencies.sort((a, b) => a - b);
const percentile = (share: number) =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
console.log(`feed: ${words(PEOPLE / heard)} changes/s from the outbox into the queue`);
console.log(
  `turns: ${words(arrived / working)} people/s from the queue to the target, ${words(calls.length)} calls of at most ${Math.max(...calls)}`,
);
console.log(
  `live edits meanwhile (${latencies.length}): p50 ${words(percentile(0.5))} ms, p95 ${words(percentile(0.95))} ms, from the shop's update to the target`,
);
console.log(`memory: ${before} MB with everything waiting, ${memory()} MB at the end`);
const wrong = await shop(`select count(*)::int as people from people`);
const left = Array.from({ length: PEOPLE }, (_, n) => `t-${n + 1}`).filter((id) => !there.has(id)).length;
console.log(`equal: ${words(Number(wrong[0]?.people) - left)} of ${words(PEOPLE)}`);

await feeds.close();
await directory.close();
await db.close();
await postgres.stop();
rmSync(data, { recursive: true, force: true });
if (left > 0) process.exitCode = 1;
