/** Calls to what a node stands on are measured where they are made, and say how it is. */
import { expect, test } from 'vitest';
import type { Passwords } from '../../src/credentials/passwords.ts';
import { FootbridgeError } from '../../src/errors.ts';
import type { Connector } from '../../src/legacy/connector.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { openMetrics } from '../../src/observability/metrics.ts';
import { openTracing } from '../../src/observability/tracing.ts';
import { observing } from '../../src/observed.ts';
import type { Targets } from '../../src/targets/target.ts';
import type { LegacyEntry } from '../../src/user.ts';

const open = () => {
  const metrics = openMetrics();
  return { metrics, observed: observing(openTracing(), metrics) };
};
const linesOf = async ({ registry }: ReturnType<typeof openMetrics>, name: string) =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(`footbridge_${name}`));
const down = new FootbridgeError('legacy_unavailable');

test('a call to the legacy store is counted as answered, whatever it says, and as unavailable where it does not', async () => {
  const { metrics, observed } = open();
  const answers: (() => Promise<undefined>)[] = [
    async () => undefined,
    () => Promise.reject(new FootbridgeError('user_ambiguous')),
    () => Promise.reject(down),
  ];
  const directory = observed.directory(
    () =>
      ({
        findByLogin: () => answers.shift()!(),
        findBySub: async () => undefined,
        legacyIdOf: () => '1',
      }) as unknown as Directory,
  );
  expect(await directory.findByLogin('anna')).toBeUndefined();
  await expect(directory.findByLogin('anna')).rejects.toMatchObject({ code: 'user_ambiguous' });
  await expect(directory.findByLogin('anna')).rejects.toBe(down);
  expect(directory.legacyIdOf('shop:1')).toBe('1');
  expect(await linesOf(metrics, 'legacy_seconds_count')).toEqual([
    'footbridge_legacy_seconds_count{call="findByLogin",result="answered"} 2',
    'footbridge_legacy_seconds_count{call="findByLogin",result="unavailable"} 1',
  ]);
});

test('a user is counted where the store is asked for them, not where memory answers, fresh or as they were last', async () => {
  const { metrics, observed } = open();
  const store = { isDown: false };
  const [row, time] = [{ id: '1', columns: { id: '1', login: 'anna', password: 'x' } }, { now: 0 }];
  const connector = {
    findById: () => (store.isDown ? Promise.reject(down) : Promise.resolve([row])),
  } as unknown as Connector;
  const settings = legacySettings.parse({
    store: 'shop',
    cacheSeconds: 60,
    staleSeconds: 600,
    sql: { engine: 'sqlite', file: 'unused', table: 'users', login: ['login'] },
    mapping: {
      username: 'login',
      password: [{ format: 'generic-plaintext', columns: { password: 'password' } }],
    },
  });
  const elapsed = () => time.now;
  const directory = observed.directory((around) => openDirectory(settings, { connector, around, elapsed }));
  for (let times = 0; times < 3; times += 1)
    expect(await directory.userBySub('shop:1')).toMatchObject({ username: 'anna' });
  store.isDown = true;
  time.now = 61_000;
  expect(await directory.userBySub('shop:1')).toMatchObject({ username: 'anna' });
  expect(await linesOf(metrics, 'legacy_seconds_count')).toEqual([
    'footbridge_legacy_seconds_count{call="userBySub",result="answered"} 1',
    'footbridge_legacy_seconds_count{call="userBySub",result="unavailable"} 1',
  ]);
});

test('a store that checks passwords itself is measured where it does', async () => {
  const { metrics, observed } = open();
  const verify = async (password: string) => password === 'right';
  const entry = { credentials: { storeCheck: { only: true, verify } } } as unknown as LegacyEntry;
  const directory = observed.directory(() => ({ findByLogin: async () => entry }) as unknown as Directory);
  const found = await directory.findByLogin('anna');
  expect(await found?.credentials.storeCheck?.verify('right')).toBe(true);
  expect(await found?.credentials.storeCheck?.verify('wrong')).toBe(false);
  expect(await linesOf(metrics, 'legacy_seconds_count{call="verifyPassword"')).toEqual([
    'footbridge_legacy_seconds_count{call="verifyPassword",result="answered"} 2',
  ]);
});

test('methods that a store does not have are not there afterwards either', () => {
  const { observed } = open();
  const directory = observed.directory(
    () => ({ findByLogin: async () => undefined }) as unknown as Directory,
  );
  expect(directory.flag).toBeUndefined();
  expect(directory.entries).toBeUndefined();
});

test('a hash that is computed is timed, one that is refused is counted, and when it was is known', async () => {
  const { metrics, observed } = open();
  const passwords = observed.passwords({
    verify: async () => ({ verified: true, format: 'bcrypt', algorithm: 'bcrypt' }),
    decoy: () => Promise.reject(new FootbridgeError('hashing_overloaded')),
    stats: () => ({ slots: 2, running: 0, queued: 0 }),
  } as unknown as Passwords);
  await passwords.verify({ format: 'bcrypt' } as never, 'x');
  expect(observed.hashing.refusedAt).toBe(Number.NEGATIVE_INFINITY);
  await expect(passwords.decoy('x')).rejects.toMatchObject({ code: 'hashing_overloaded' });
  expect(observed.hashing.refusedAt).toBeGreaterThan(0);
  expect(passwords.stats().slots).toBe(2);
  expect(await linesOf(metrics, 'password_hashing_seconds_count')).toEqual([
    'footbridge_password_hashing_seconds_count{call="verify"} 1',
  ]);
  expect(await linesOf(metrics, 'password_hashing_refused_total')).toEqual([
    'footbridge_password_hashing_refused_total 1',
  ]);
});

const away = { kind: 'unavailable', code: 'timeout' };
const busy = { ...away, isThrottled: true };

test('a target is silent after three calls in a row without an answer, and not after the next one with', async () => {
  const { metrics, observed } = open();
  const answers: (() => Promise<unknown>)[] = [
    async () => [away, away],
    () => Promise.reject(new FootbridgeError('target_unavailable')),
    async () => [away],
    async () => [away, { kind: 'created' }],
  ];
  const connection = { importUsers: () => answers.shift()!() };
  const asked: string[] = [];
  const targets = observed.targets({
    connection: (name: string) => {
      asked.push(name);
      return name === 'main' ? connection : undefined;
    },
    signIn: () => undefined,
    organizations: () => undefined,
  } as unknown as Targets);
  const main = targets.connection('main');
  expect(targets.connection('main')).toBe(main);
  expect(targets.connection('nobody')).toBeUndefined();
  await main?.importUsers([]);
  await main?.importUsers([]).catch(() => undefined);
  expect(observed.silentTargets()).toEqual([]);
  await main?.importUsers([]);
  expect(observed.silentTargets()).toEqual(['main']);
  await main?.importUsers([]);
  expect(observed.silentTargets()).toEqual([]);
  expect(await linesOf(metrics, 'target_seconds_count')).toEqual([
    'footbridge_target_seconds_count{target="main",result="unavailable"} 3',
    'footbridge_target_seconds_count{target="main",result="answered"} 1',
  ]);
});

test('a target that wants fewer calls, or has no answer for one person, is not silent', async () => {
  const { observed } = open();
  const connection = {
    importUsers: async () => [busy],
    userById: () => Promise.reject(new FootbridgeError('target_refused')),
  };
  const targets = observed.targets({ connection: () => connection } as unknown as Targets);
  for (let times = 0; times < 5; times += 1) {
    await targets.connection('main')?.importUsers([]);
    await targets
      .connection('main')
      ?.userById('1')
      .catch(() => undefined);
  }
  expect(observed.silentTargets()).toEqual([]);
});
