/** Several stores behind one facade. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { legacyStores } from '../../src/legacy/legacy-settings.ts';
import { openStores } from '../../src/legacy/stores.ts';
import type { Store } from './stores.ts';
import { sqliteStore } from './stores.ts';

const people = (...rows: [id: number, login: string][]) =>
  `create table people (id integer primary key, login text, moved integer default 0);
   ${rows.map(([id, login]) => `insert into people (id, login) values (${id}, '${login}');`).join('\n')}`;

let shop: Store;
let crm: Store;
beforeAll(() => {
  shop = sqliteStore(people([1, 'anna'], [2, 'bob@shop.example'], [3, 'both']));
  crm = sqliteStore(people([1, 'carl@crm.example'], [2, 'both'], [3, 'dora@shop.example']));
});
afterAll(() => {
  shop.drop();
  crm.drop();
});

const store = (name: string, file: string, more: object = {}) => ({
  store: name,
  sql: { engine: 'sqlite', file, table: 'people', login: ['login'] },
  ...more,
});
const open = (settings: object) => openStores(legacyStores.parse(settings));
const both = (more: object = {}, crmMore: object = {}) => ({
  stores: [store('shop', shop.file), store('crm', crm.file, crmMore)],
  ...more,
});

describe('several stores', () => {
  test('are asked in their order, and the first that knows the login answers', async () => {
    const directory = open(both());
    expect((await directory.findByLogin('anna'))?.user.sub).toBe('shop:1');
    expect((await directory.findByLogin('carl@crm.example'))?.user.sub).toBe('crm:1');
    expect((await directory.findByLogin('both'))?.user.sub).toBe('shop:3');
    expect(await directory.findByLogin('nobody')).toBeUndefined();
    await directory.close();
  });

  test('refuse a login that two of them know, where told to', async () => {
    const directory = open(both({ collisions: 'refuse' }));
    await expect(directory.findByLogin('both')).rejects.toMatchObject({ code: 'user_ambiguous' });
    expect((await directory.findByLogin('anna'))?.user.sub).toBe('shop:1');
    await directory.close();
  });

  test('are chosen by the domain of a login where one of them claims it', async () => {
    const directory = open(both({}, { domains: ['CRM.example'] }));
    expect((await directory.findByLogin('carl@crm.example'))?.user.sub).toBe('crm:1');
    // Not claimed by crm, so never asked there.
    expect(await directory.findByLogin('dora@shop.example')).toBeUndefined();
    expect((await directory.findByLogin('both'))?.user.sub).toBe('shop:3');
    await directory.close();
  });

  test('each know their own subjects', async () => {
    const directory = open(both());
    expect((await directory.findBySub('crm:1'))?.user.username).toBe('1');
    expect((await directory.userBySub('shop:1'))?.legacyId).toBe('1');
    expect(await directory.findBySub('attic:1')).toBeUndefined();
    expect(directory.legacyIdOf('crm:7')).toBe('7');
    expect(directory.legacyIdOf('attic:7')).toBeUndefined();
    await directory.close();
  });

  test('are read one after the other', async () => {
    const directory = open(both());
    const subs: string[] = [];
    for await (const { sub } of directory.entries!()) subs.push(sub);
    expect(subs).toEqual(['shop:1', 'shop:2', 'shop:3', 'crm:1', 'crm:2', 'crm:3']);
    await directory.close();
  });

  test('say that they are unavailable when the first does not answer, and ask no other', async () => {
    const directory = open({ stores: [store('shop', `${shop.file}.gone`), store('crm', crm.file)] });
    await expect(directory.findByLogin('both')).rejects.toMatchObject({ code: 'legacy_unavailable' });
    await expect(directory.check()).rejects.toMatchObject({ code: 'legacy_unavailable' });
    expect((await directory.findBySub('crm:2'))?.user.sub).toBe('crm:2');
    await directory.close();
  });

  test.each([
    ['two of one name', { stores: [store('shop', 'a'), store('shop', 'b')] }, 'two stores named shop'],
    [
      'bare subjects',
      { stores: [store('a', 'a', { subjects: 'bare' }), store('b', 'b')] },
      'only where there is one',
    ],
    ['none at all', { stores: [] }, 'stores'],
  ])('refuse %s', (_what, settings, why) => {
    expect(JSON.stringify(legacyStores.safeParse(settings).error?.issues)).toContain(why);
  });
});
