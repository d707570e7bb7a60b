import { beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import type { ApplyInput, ApplyOutcome, ColumnsInput } from '../../src/legacy/apply.ts';
import type { Connector, LegacyRow, Row } from '../../src/legacy/connector.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings, legacyStores } from '../../src/legacy/legacy-settings.ts';
import { openStores } from '../../src/legacy/stores.ts';

class FakeStore implements Connector {
  columns: Row = {
    login: 'anna',
    mail: 'Anna@Example.com',
    ok: '2024-01-31 12:30:00',
    given: null,
    nick: 'ann',
    roles: ['a', 'b'],
    pw: 'x',
    off: 0n,
  };
  rows: readonly string[] = ['1'];
  given: ColumnsInput[] = [];
  done = new Set<string>();
  outcome: ApplyOutcome | Error = 'applied';
  isSilent = false;

  async findByLogin() {
    return this.findById();
  }
  async findById(): Promise<LegacyRow[]> {
    return this.rows.map((id) => ({ id, columns: this.columns }));
  }
  async apply(input: ColumnsInput) {
    if (this.isSilent) return new Promise<ApplyOutcome>(() => undefined);
    if (this.outcome instanceof Error) throw this.outcome;
    this.given.push(input);
    return this.outcome;
  }
  async applied(mark: string) {
    return this.done.has(mark);
  }
  async ping() {}
  async close() {}
}

const MAPPING = {
  username: 'login',
  email: { column: 'mail', transform: ['lower'] },
  emailVerified: { column: 'ok', present: true },
  givenName: 'given',
  nickname: 'nick',
  roles: 'roles',
  disabled: 'off',
  password: [{ format: 'bcrypt', columns: { hash: 'pw' } }],
};
const APPLY = {
  email: 'mail',
  emailVerified: { column: 'ok', values: { true: 'now', false: null } },
  givenName: 'given',
  nickname: 'nick',
  roles: 'roles',
  state: { column: 'off', values: { active: false, disabled: true } },
  password: { column: 'pw', format: 'bcrypt' },
  remove: { statement: 'delete from people where id = :id' },
};
const settings = (changes: object = {}, apply: object = APPLY) => ({
  store: 'shop',
  sql: { engine: 'sqlite', file: 'unused', table: 'people', login: ['login'], apply },
  mapping: MAPPING,
  timeoutMs: 100,
  ...changes,
});

const NOW = Date.parse('2026-11-22T05:00:00.987Z');
let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});
const open = (changes: object = {}, apply: object = APPLY) =>
  openDirectory(legacySettings.parse(settings(changes, apply)), { connector: store, now: () => NOW });
const apply = (input: Partial<ApplyInput>, directory = open()) =>
  directory.apply('shop:1', { fields: {}, mark: 'm1', ...input });
const change = (before: string | null, after: string | null) => ({ before, after });

describe('a write of sync', () => {
  test('compares what the row has with what it had, in its own types', async () => {
    expect(
      await apply({
        fields: {
          email: change('anna@example.com', 'b@example.com'),
          emailVerified: change('true', 'false'),
          givenName: change(null, 'Anna'),
          state: change('active', 'disabled'),
          roles: change('["a","b"]', '["b","c"]'),
        },
        password: 'hash',
      }),
    ).toBe('applied');
    expect(store.given).toEqual([
      {
        id: '1',
        mark: 'm1',
        columns: {
          mail: { before: 'Anna@Example.com', after: 'b@example.com' },
          ok: { before: '2024-01-31 12:30:00', after: null },
          given: { before: null, after: 'Anna' },
          off: { before: 0n, after: true },
          roles: { before: ['a', 'b'], after: ['b', 'c'] },
          pw: { after: 'hash' },
        },
      },
    ]);
  });

  test('says the moment in whole seconds', async () => {
    store.columns = { ...store.columns, ok: null };
    await apply({ fields: { emailVerified: change('false', 'true') } });
    expect(store.given[0]?.columns.ok).toEqual({ before: null, after: new Date('2026-11-22T05:00:00Z') });
  });

  test.each([
    ['what stands in for a missing name', { givenName: change('-', 'Anna') }],
    ['another case of an address', { email: change('ANNA@example.com', 'b@example.com') }],
    ['nothing said as an empty text', { givenName: change('', 'Anna') }],
  ])('is not kept from it by %s', async (_what, fields) => {
    expect(await apply({ fields })).toBe('applied');
  });

  test('gives nobody a first address that the store takes for proved', async () => {
    store.columns = { ...store.columns, mail: null };
    await expect(apply({ fields: { email: change(null, 'new@example.com') } })).rejects.toMatchObject({
      code: 'bad_request',
    });
    const fields = { email: change(null, 'new@example.com'), emailVerified: change('false', 'false') };
    await apply({ fields }).catch(() => undefined);
    expect(store.given.every(({ columns }) => columns.ok?.after === null)).toBe(true);
  });

  test('writes an address as it is, though the mapping makes it small', async () => {
    expect(await apply({ fields: { email: change('anna@example.com', 'New@Example.com') } })).toBe('applied');
    expect(store.given[0]?.columns.mail?.after).toBe('New@Example.com');
  });

  test.each([
    [{ nickname: change('other', 'new') }, 'changed'],
    [{ nickname: change('other', 'new'), givenName: change(null, 'Anna') }, 'changed'],
    [{ nickname: change('other', 'ann') }, 'changed'],
    [{ nickname: change('x', 'x') }, 'changed'],
    [{ nickname: change('ann', 'ann') }, 'already'],
    [{}, 'already'],
    [{ roles: change('["a","b"]', '["b","a"]') }, 'already'],
    [{ roles: change('["z"]', '[]') }, 'changed'],
    [{ roles: change('[]', '["a"]') }, 'changed'],
  ] as const)('is not asked for where %j is %s', async (fields, outcome) => {
    expect(await apply({ fields })).toBe(outcome);
    store.done.add('m1');
    expect(await apply({ fields })).toBe('already');
    expect(store.given).toEqual([]);
  });

  test('of a store without marks leaves out what is there already', async () => {
    Object.assign(store, { applied: undefined });
    expect(await apply({ fields: { nickname: change('other', 'ann') } })).toBe('already');
    const fields = { nickname: change('other', 'ann'), givenName: change(null, 'Anna') };
    expect(await apply({ fields })).toBe('applied');
    expect(store.given.map(({ columns }) => columns)).toEqual([{ given: { before: null, after: 'Anna' } }]);
    expect(await apply({ fields: { nickname: change('other', 'new') } })).toBe('changed');
  });

  test('is done where the person is gone since', async () => {
    store.rows = [];
    expect(await apply({ fields: { nickname: change('ann', 'x') } })).toBe('gone');
    store.done.add('m1');
    expect(await apply({ fields: { nickname: change('ann', 'x') } })).toBe('already');
  });

  test('takes nobody whose id only looks alike', async () => {
    store.rows = ['1 ', '01', '1.0'];
    expect(await apply({ password: 'hash' })).toBe('gone');
    store.rows = ['1', '1'];
    await expect(apply({ password: 'hash' })).rejects.toMatchObject({ code: 'user_ambiguous' });
  });

  test('ends somebody without looking at what they are', async () => {
    store.columns = {};
    expect(await apply({ remove: true })).toBe('applied');
    expect(store.given).toEqual([{ id: '1', columns: {}, remove: true, mark: 'm1' }]);
  });

  test.each([
    ['a column that is not there', { login: 'anna' }, { nickname: change('ann', 'x') }, 'mapping_failed'],
    ['a document', { nick: { a: 1 } }, { nickname: change(null, 'x') }, 'bad_request'],
    ['several values', { nick: ['ann', 'b'] }, { nickname: change('ann', 'x') }, 'bad_request'],
  ])('is refused for %s', async (_what, columns, fields, code) => {
    const whole = Object.keys(columns)[0] === 'login' ? columns : { ...store.columns, ...columns };
    store.columns = whole;
    await expect(apply({ fields })).rejects.toMatchObject({ code });
    expect(store.given).toEqual([]);
  });

  test.each([
    [{ fields: { username: change('a', 'b') } }, 'not_found'],
    [{ fields: { nickname: change('ann', 'x') }, mark: '' }, 'internal'],
    [{ fields: { nickname: change('ann', 'x') }, mark: 'a b' }, 'internal'],
    [{ fields: { nickname: change('ann', 'x') }, mark: 'a\r\nb' }, 'internal'],
    [{ fields: { nickname: change('ann', 'x') }, mark: 'x'.repeat(65) }, 'internal'],
    [{ remove: true as const, password: 'x' }, 'internal'],
    [{ remove: true as const, fields: { nickname: change('ann', 'x') } }, 'internal'],
    [{ password: '' }, 'bad_request'],
    [{ password: 'a\0b' }, 'bad_request'],
    [{ fields: { nickname: change('ann', 'x'.repeat(4_097)) } }, 'bad_request'],
    [{ fields: { roles: change('["a"]', `["${'x'.repeat(70_000)}"]`) } }, 'bad_request'],
    [{ fields: { roles: change('["a"]', '["a\\u0000"]') } }, 'bad_request'],
  ])('of %o is refused', async (input, code) => {
    await expect(apply(input)).rejects.toMatchObject({ code });
    expect(store.given).toEqual([]);
  });

  test('of another store’s subject is nobody’s', async () => {
    for (const sub of ['1', 'other:1', 'shop:', 'shop:a b'])
      await expect(open().apply(sub, { fields: {}, password: 'x', mark: 'm' })).rejects.toMatchObject({
        code: 'user_not_found',
      });
  });

  test('that never ends is an outage after the deadline, and keeps nobody from logging in', async () => {
    store.isSilent = true;
    const directory = open();
    for (let attempt = 0; attempt < 5; attempt++)
      await expect(apply({ password: 'x' }, directory)).rejects.toMatchObject({
        code: 'legacy_unavailable',
        detail: 'no answer within 100 ms',
      });
    store.isSilent = false;
    await expect(apply({ password: 'x' }, directory)).rejects.toMatchObject({
      detail: expect.stringContaining('not asked again'),
    });
    expect(await directory.findByLogin('anna')).toBeDefined();
  });

  test('that is refused counts as an answer', async () => {
    const directory = open();
    store.outcome = new FootbridgeError('bad_request');
    for (let attempt = 0; attempt < 6; attempt++)
      await expect(apply({ password: 'x' }, directory)).rejects.toMatchObject({ code: 'bad_request' });
    store.outcome = 'applied';
    expect(await apply({ password: 'x' }, directory)).toBe('applied');
  });

  test('makes memory forget the person, even where it has failed', async () => {
    const directory = open({ cacheSeconds: 60 });
    expect((await directory.userBySub('shop:1'))?.nickname).toBe('ann');
    store.columns = { ...store.columns, nick: 'new' };
    expect((await directory.userBySub('shop:1'))?.nickname).toBe('ann');
    store.outcome = new FootbridgeError('legacy_unavailable');
    await expect(apply({ password: 'x' }, directory)).rejects.toBeDefined();
    expect((await directory.userBySub('shop:1'))?.nickname).toBe('new');
  });

  test('says what a password needs, with its secrets, to whoever makes the hash', () => {
    const password = { column: 'pw', format: 'bcrypt', settings: { pepper: 'canary', rounds: 3 } };
    const directory = open({}, { password });
    expect(directory.applies('shop:1').password).toEqual({
      format: 'bcrypt',
      settings: { pepper: 'canary', rounds: '3' },
    });
    expect(JSON.stringify(legacySettings.parse(settings({}, { password })))).not.toContain('canary');
  });
});

describe('several stores', () => {
  test('are each written to what is theirs', async () => {
    const other = { ...settings(), store: 'crm', sql: { ...settings().sql, apply: undefined } };
    const directory = openStores(legacyStores.parse({ stores: [settings(), other] }), { connector: store });
    expect([directory.applies('shop:1').fields.size, directory.applies('crm:1').fields.size]).toEqual([6, 0]);
    expect(directory.applies('attic:1').fields.size).toBe(0);
    const input = { fields: {}, password: 'x', mark: 'm' };
    expect(await directory.apply('shop:1', input)).toBe('applied');
    await expect(directory.apply('crm:1', input)).rejects.toMatchObject({ code: 'not_found' });
    await expect(directory.apply('attic:1', input)).rejects.toMatchObject({ code: 'user_not_found' });
  });
});
