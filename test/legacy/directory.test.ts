import { beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import type { Connector, LegacyRow } from '../../src/legacy/connector.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

const settings = (changes: object = {}) =>
  legacySettings.parse({
    store: 'shop',
    sql: { engine: 'sqlite', file: 'unused', table: 'users', login: ['login'] },
    mapping: {
      username: 'login',
      password: [{ format: 'generic-plaintext', columns: { password: 'password' } }],
    },
    timeoutMs: 100,
    ...changes,
  });

class FakeStore implements Connector {
  rows: LegacyRow[] = [];
  asked: string[] = [];
  mode: 'up' | 'down' | 'silent' = 'up';
  sawFlag: unknown[] = [];

  async answer<T>(question: string, value: () => T): Promise<T> {
    this.asked.push(question);
    if (this.mode === 'silent') return new Promise(() => undefined);
    if (this.mode === 'down')
      throw new FootbridgeError('legacy_unavailable', { detail: 'ECONNREFUSED', retryAfterSeconds: 2 });
    return value();
  }
  findByLogin(login: string) {
    return this.answer(`login ${login}`, () => this.rows.filter((row) => row.columns.login === login));
  }
  findById(id: string) {
    return this.answer(`id ${id}`, () => this.rows.filter((row) => row.id === id));
  }
  ping() {
    return this.answer('ping', () => undefined);
  }
  async close() {}
  async flag(id: string, migrated: boolean) {
    this.sawFlag.push([id, migrated]);
  }
}

let store: FakeStore;
let clockMs: number;
const row = (id: string, login: string, more: object = {}) => ({
  id,
  columns: { login, password: 'hash-canary', ...more },
});
const open = (changes: object = {}): Directory =>
  openDirectory(settings(changes), { connector: store, elapsed: () => clockMs });
const UNAVAILABLE = { code: 'legacy_unavailable', status: 503, retryAfterSeconds: 2 };

beforeEach(() => {
  store = new FakeStore();
  store.rows = [row('1', 'anna'), row('2', 'bob')];
  clockMs = 0;
});

describe('the directory', () => {
  test('finds by login and by subject', async () => {
    const directory = open();
    const found = await directory.findByLogin('anna');
    expect(found).toMatchObject({
      user: { sub: 'shop:1', legacyId: '1', username: 'anna', state: 'active' },
      credentials: { passwords: [{ format: 'generic-plaintext', columns: { password: 'hash-canary' } }] },
    });
    expect(await directory.findBySub('shop:1')).toEqual(found);
    expect(await directory.findByLogin('carl')).toBeUndefined();
    expect(await directory.findBySub('shop:3')).toBeUndefined();
  });

  test('leaves out the prefix where the operator says so', async () => {
    const directory = open({ subjects: 'bare' });
    expect((await directory.findByLogin('anna'))?.user.sub).toBe('1');
    expect((await directory.findBySub('1'))?.user.username).toBe('anna');
  });

  test.each(['', 'a\0b', 'x'.repeat(321), '\ud800'])('does not ask the store who %j is', async (login) => {
    expect(await open().findByLogin(login)).toBeUndefined();
    expect(store.asked).toEqual([]);
  });

  test.each(['other:1', 'shop:', 'shop', '', 'shop:1\0', 'shop:ü', `shop:${'1'.repeat(300)}`])(
    'does not ask the store for the subject %j',
    async (sub) => {
      expect(await open().findBySub(sub)).toBeUndefined();
      expect(await open().userBySub(sub)).toBeUndefined();
      expect(store.asked).toEqual([]);
    },
  );

  test('refuses a row whose id makes no subject', async () => {
    store.rows = [row('', 'anna'), row('a b', 'bob')];
    await expect(open().findByLogin('anna')).rejects.toMatchObject({ code: 'mapping_failed' });
    await expect(open().findByLogin('bob')).rejects.toMatchObject({ code: 'mapping_failed' });
  });

  test('refuses one id in two rows', async () => {
    store.rows = [row('1', 'anna'), row('1', 'bob')];
    await expect(open().findBySub('shop:1')).rejects.toMatchObject({ code: 'user_ambiguous' });
  });

  test('marks a user, and forgets what it knew', async () => {
    const directory = open();
    await directory.userBySub('shop:1');
    await directory.flag?.('shop:1', true);
    expect(store.sawFlag).toEqual([['1', true]]);
    await directory.userBySub('shop:1');
    expect(store.asked).toEqual(['id 1', 'id 1']);
    await expect(directory.flag?.('other:1', true)).rejects.toMatchObject({ code: 'user_not_found' });
  });
});

describe('a user from memory', () => {
  test('saves the store a question for some seconds, and carries no secret', async () => {
    const directory = open();
    const first = await directory.userBySub('shop:1');
    clockMs = 14_999;
    expect(await directory.userBySub('shop:1')).toBe(first);
    expect(JSON.stringify(first)).not.toContain('canary');
    clockMs = 15_000;
    await directory.userBySub('shop:1');
    expect(store.asked).toEqual(['id 1', 'id 1']);
  });

  test('is known from a login', async () => {
    const directory = open();
    await directory.findByLogin('anna');
    await directory.userBySub('shop:1');
    expect(store.asked).toEqual(['login anna']);
  });

  test('is never used where secrets are asked for', async () => {
    const directory = open();
    await directory.userBySub('shop:1');
    await directory.findBySub('shop:1');
    expect(store.asked).toEqual(['id 1', 'id 1']);
  });

  test('bridges an outage, but not for ever', async () => {
    const directory = open();
    await directory.userBySub('shop:1');
    store.mode = 'down';
    clockMs = 299_999;
    expect((await directory.userBySub('shop:1'))?.username).toBe('anna');
    clockMs = 300_000;
    await expect(directory.userBySub('shop:1')).rejects.toMatchObject(UNAVAILABLE);
  });

  test('does not bridge an outage for who is not in it, nor for secrets', async () => {
    const directory = open();
    await directory.userBySub('shop:1');
    store.mode = 'down';
    await expect(directory.userBySub('shop:2')).rejects.toMatchObject({ code: 'legacy_unavailable' });
    await expect(directory.findBySub('shop:1')).rejects.toMatchObject({ code: 'legacy_unavailable' });
    await expect(directory.findByLogin('anna')).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });

  test('is gone when forgotten, or when the store no longer has them', async () => {
    const directory = open();
    await directory.userBySub('shop:1');
    await directory.userBySub('shop:2');
    directory.forget('shop:1');
    store.rows = [];
    expect(await directory.userBySub('shop:1')).toBeUndefined();
    clockMs = 20_000;
    expect(await directory.userBySub('shop:2')).toBeUndefined();
    store.mode = 'down';
    await expect(directory.userBySub('shop:2')).rejects.toMatchObject({ code: 'legacy_unavailable' });
  });

  test('is not kept when they were forgotten while being read', async () => {
    const directory = open();
    let answer: (rows: LegacyRow[]) => void = () => undefined;
    store.findById = () => new Promise((resolve) => (answer = resolve));
    const early = directory.userBySub('shop:1');
    directory.forget('shop:1');
    answer([row('1', 'old name')]);
    expect((await early)?.username).toBe('old name');
    store.findById = async () => [row('1', 'new name')];
    expect((await directory.userBySub('shop:1'))?.username).toBe('new name');
  });

  test('costs one question however many ask at once', async () => {
    const directory = open();
    const users = await Promise.all(Array.from({ length: 50 }, () => directory.userBySub('shop:1')));
    expect(new Set(users.map((user) => user?.sub))).toEqual(new Set(['shop:1']));
    expect(store.asked).toEqual(['id 1']);
  });
});

describe('a store that does not answer', () => {
  test('is unavailable after the deadline, though its promise never settles', async () => {
    store.mode = 'silent';
    await expect(open().findByLogin('anna')).rejects.toMatchObject({
      ...UNAVAILABLE,
      detail: 'no answer within 100 ms',
    });
    await expect(open().findBySub('shop:1')).rejects.toMatchObject(UNAVAILABLE);
    await expect(open().userBySub('shop:1')).rejects.toMatchObject(UNAVAILABLE);
    await expect(open().check()).rejects.toMatchObject(UNAVAILABLE);
  });

  test('is no longer asked after five failures, except now and then', async () => {
    const directory = open();
    store.mode = 'down';
    const fails = () => expect(directory.findByLogin('anna')).rejects.toMatchObject(UNAVAILABLE);
    for (let failure = 0; failure < 8; failure++) await fails();
    expect(store.asked).toHaveLength(5);
    clockMs = 1_999;
    await fails();
    expect(store.asked).toHaveLength(5);
    clockMs = 2_000;
    await Promise.all([fails(), fails(), fails()]);
    expect(store.asked).toHaveLength(6);
  });

  test('is asked by everybody again once it answers', async () => {
    const directory = open();
    store.mode = 'down';
    for (let failure = 0; failure < 5; failure++) await directory.check().catch(() => undefined);
    store.mode = 'up';
    await expect(directory.findByLogin('anna')).rejects.toMatchObject({
      detail: expect.stringContaining('ECONNREFUSED'),
    });
    clockMs = 2_000;
    expect(await directory.findByLogin('anna')).toBeDefined();
    expect(await directory.findByLogin('bob')).toBeDefined();
  });

  test('is not taken for down because of records that cannot be mapped or told apart', async () => {
    store.rows = [row('1', 'anna'), row('2', 'anna'), row('', 'bob'), row('4', 'carl')];
    const directory = open();
    for (let attempt = 0; attempt < 6; attempt++) {
      await expect(directory.findByLogin('anna')).rejects.toMatchObject({ code: 'user_ambiguous' });
      await expect(directory.findByLogin('bob')).rejects.toMatchObject({ code: 'mapping_failed' });
    }
    expect(await directory.findByLogin('carl')).toBeDefined();
  });

  test('keeps nobody out because it cannot be marked', async () => {
    const directory = open();
    store.flag = async () => {
      throw new FootbridgeError('legacy_unavailable', { detail: '42501' });
    };
    for (let attempt = 0; attempt < 6; attempt++) {
      await expect(directory.flag?.('shop:1', true)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    }
    expect(await directory.findByLogin('anna')).toBeDefined();
  });
});

describe('all entries', () => {
  test('come page by page, with those that cannot be mapped', async () => {
    const many = Array.from({ length: 1_050 }, (_, index) =>
      row(String(index).padStart(4, '0'), `user${index}`),
    );
    store.rows = many.map((one, index) => (index === 7 ? { id: one.id, columns: { login: 'x' } } : one));
    const paged = Object.assign(store, {
      page: async (after: string, limit: number) => store.rows.filter(({ id }) => id > after).slice(0, limit),
    });
    const directory = openDirectory(settings(), { connector: paged });
    const subs: string[] = [];
    const problems: string[] = [];
    for await (const { sub, error } of directory.entries!()) {
      subs.push(sub);
      if (error) problems.push(`${sub} ${error.code}`);
    }
    expect(new Set(subs).size).toBe(1_050);
    expect(problems).toEqual(['shop:0007 mapping_failed']);
  });

  test('end with an error where a page repeats itself', async () => {
    const page = async () => Array.from({ length: 500 }, (_, index) => row(String(index), 'x'));
    const directory = openDirectory(settings(), { connector: Object.assign(store, { page }) });
    const readAll = async () => {
      let count = 0;
      for await (const _entry of directory.entries!()) count += 1;
      return count;
    };
    await expect(readAll()).rejects.toMatchObject({
      code: 'mapping_failed',
      detail: expect.stringContaining(':after'),
    });
  });
});
