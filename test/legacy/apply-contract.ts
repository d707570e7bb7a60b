/**
 * What every store does that sync writes to: the person 1 as `ANNA`, the person 2 beside them, through the whole directory. The
 * store's columns are its own; what is asked for and read back is in our words.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApplyField, ApplyInput, FieldChange } from '../../src/legacy/apply.ts';
import type { AppliedValues } from '../../src/legacy/apply-reading.ts';
import { appliedValues } from '../../src/legacy/apply-reading.ts';
import type { Connector } from '../../src/legacy/connector.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { openConnector, openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

/** How a person is when nobody has touched them. */
export const ANNA: AppliedValues = {
  username: 'anna',
  email: 'anna@example.com',
  emailVerified: 'false',
  phoneNumber: '+49 30 1234567',
  phoneNumberVerified: 'false',
  name: 'Anna A.',
  givenName: 'Anna',
  familyName: 'Alt',
  nickname: 'ann',
  locale: 'de',
  state: 'active',
  roles: '["author","editor"]',
};
export const HASH = '$2b$04$abcdefghijklmnopqrstuuN9b4gS5T1U1G8n8QH4Vd3S9X0cQ5u1a';

export interface ApplyStore {
  /** The store's settings, mapping and all. */
  readonly settings: Record<string, unknown>;
  /** Somebody else’s change, behind our back: a new given name. */
  rename(id: string, givenName: string): void | Promise<void>;
  /** What stands where the password is. */
  password(id: string): Promise<unknown>;
  drop(): void | Promise<void>;
}

interface Abilities {
  /** The store keeps marks: what was done once is known for ever. */
  readonly marks: boolean;
  /** An address belongs to one person only. */
  readonly unique: boolean;
}

const HOSTILE = [
  "o'hara",
  "'; drop table people; --",
  '"; \\',
  '{id} {changes} ${x}',
  ':id ? $1',
  '%00 ../x',
  'ü🔐 李小龙',
  'e\u0301',
  '*)(uid=*',
  'null',
  'true',
  '0',
  'x'.repeat(90),
];

export function applyContract(
  name: string,
  openStore: () => Promise<ApplyStore>,
  { marks, unique }: Abilities,
): void {
  describe(`what sync writes to ${name}`, () => {
    let store: ApplyStore;
    let directory: Directory;
    let count = 0;
    const settings = () => legacySettings.parse({ store: 'shop', cacheSeconds: 60, ...store.settings });
    beforeAll(async () => {
      store = await openStore();
      directory = openDirectory(settings());
    });
    afterAll(async () => {
      await directory?.close();
      await store?.drop();
    });

    const nextMark = () => `mark-${++count}`;
    const read = async (id: string, from = directory) => {
      const entry = await from.findBySub(`shop:${id}`);
      return entry && appliedValues(entry.user);
    };
    const apply = (id: string, input: Partial<ApplyInput>, to = directory) =>
      to.apply(`shop:${id}`, { fields: {}, mark: nextMark(), ...input });
    /** From what is there to what is asked for. */
    const set = async (id: string, values: Partial<AppliedValues>, more: Partial<ApplyInput> = {}) => {
      const present = (await read(id))!;
      const changes = Object.entries(values).map(([field, after]): [string, FieldChange] => [
        field,
        { before: present[field as ApplyField], after },
      ]);
      return apply(id, { fields: Object.fromEntries(changes), ...more });
    };
    /** A directory between whose look and write something happens. */
    const between = (happens: () => void | Promise<void>): Directory => {
      const connector = openConnector(settings());
      const findById: Connector['findById'] = async (id) => {
        const rows = await connector.findById(id);
        await happens();
        return rows;
      };
      return openDirectory(settings(), { connector: { ...connector, findById } });
    };

    test('is every field that the settings name', () => {
      const { fields, password, removes } = directory.applies('shop:1');
      expect([...fields].sort()).toEqual(Object.keys(ANNA).sort());
      expect([password, removes]).toEqual([{ format: 'bcrypt' }, true]);
      expect(directory.applies('other:1').fields.size).toBe(0);
    });

    test('is read back as it is, field by field, and nobody else has changed', async () => {
      expect(await read('1')).toEqual(ANNA);
      const bob = await read('2');
      const other: Partial<AppliedValues> = {
        username: 'anna2',
        email: 'zoë+tag@exämple.com',
        emailVerified: 'true',
        phoneNumber: '+41441234567',
        phoneNumberVerified: 'true',
        name: 'Anna-Zoë N.',
        givenName: 'Zoë',
        familyName: "D'Arcy, jr.",
        nickname: '李',
        locale: 'en',
        state: 'disabled',
        roles: '["author","reader"]',
      };
      for (const [field, value] of Object.entries(other)) {
        expect(await set('1', { [field]: value }), field).toBe('applied');
        expect((await read('1'))?.[field as ApplyField], field).toBe(value);
      }
      expect(await read('1')).toEqual(other);
      expect(await set('1', ANNA)).toBe('applied');
      expect(await read('1')).toEqual(ANNA);
      expect(await read('2')).toEqual(bob);
    });

    test.each(HOSTILE)('is a value and nothing more: %j', async (value) => {
      expect(await set('1', { familyName: value, nickname: value })).toBe('applied');
      expect(await read('1')).toEqual({
        ...ANNA,
        familyName: value,
        nickname: value,
      });
      expect(await set('1', { familyName: ANNA.familyName, nickname: ANNA.nickname })).toBe('applied');
      expect(await read('1')).toEqual(ANNA);
    });

    test('is taken away where there is to be nothing', async () => {
      const nothing = { phoneNumber: null, nickname: null, givenName: null, roles: '[]' } as const;
      expect(await set('1', nothing)).toBe('applied');
      const without = await directory.findBySub('shop:1');
      expect(without?.user).toMatchObject({ givenName: '-', roles: [] });
      expect(without?.user.phoneNumber ?? without?.user.nickname).toBeUndefined();
      const { phoneNumber, nickname, givenName, roles } = ANNA;
      // What stands in for a name may be taken for what was there.
      expect(await set('1', { phoneNumber, nickname, givenName, roles })).toBe('applied');
      expect(await read('1')).toEqual(ANNA);
    });

    test('is nothing where the store has another value by now', async () => {
      const fields = {
        givenName: { before: 'Berta', after: 'Carla' },
        nickname: { before: 'ann', after: 'x' },
      };
      expect(await apply('1', { fields })).toBe('changed');
      expect(await read('1')).toEqual(ANNA);
    });

    test('is nothing where somebody else is quicker, and all of theirs stays', async () => {
      const racing = between(() => store.rename('1', 'Quick'));
      const fields = {
        givenName: { before: 'Anna', after: 'Slow' },
        familyName: { before: 'Alt', after: 'Neu' },
        emailVerified: { before: 'false', after: 'true' },
      };
      expect(await apply('1', { fields }, racing)).toBe('changed');
      expect(await read('1')).toEqual({ ...ANNA, givenName: 'Quick' });
      await racing.close();
      await store.rename('1', 'Anna');
    });

    test('leaves fields alone that somebody else changes meanwhile', async () => {
      const racing = between(() => store.rename('1', 'Quick'));
      expect(await apply('1', { fields: { nickname: { before: 'ann', after: 'nick' } } }, racing)).toBe(
        'applied',
      );
      expect(await read('1')).toEqual({ ...ANNA, givenName: 'Quick', nickname: 'nick' });
      await racing.close();
      await store.rename('1', 'Anna');
      await set('1', { nickname: 'ann' });
    });

    test('is one of two that come at the same time, and the other hears of it', async () => {
      const to = (after: string) => apply('1', { fields: { nickname: { before: 'ann', after } } });
      expect((await Promise.all([to('one'), to('two')])).sort()).toEqual(['applied', 'changed']);
      expect((await read('1'))?.nickname).toMatch(/^(one|two)$/);
      await set('1', { nickname: 'ann' });
    });

    test('is done once, however often it is asked for', async () => {
      const input = { fields: { nickname: { before: 'ann', after: 'once' } }, mark: nextMark() };
      expect(await apply('1', input)).toBe('applied');
      expect(await apply('1', input)).toBe('already');
      expect(await set('1', { nickname: 'ann' })).toBe('applied');
      // Without marks it is another change from what was there: it says what it wants, and that is done.
      expect(await apply('1', input)).toBe(marks ? 'already' : 'applied');
      expect((await read('1'))?.nickname).toBe(marks ? 'ann' : 'once');
      await set('1', { nickname: 'ann' });
    });

    test('is done once when it is asked for twice at the same time', async () => {
      const input = { fields: { nickname: { before: 'ann', after: 'twice' } }, mark: nextMark() };
      const outcomes = await Promise.all([apply('1', input), apply('1', input)]);
      expect(outcomes).toContain('applied');
      expect((await read('1'))?.nickname).toBe('twice');
      expect(await apply('1', input)).toBe('already');
      await set('1', { nickname: 'ann' });
    });

    test('keeps roles that are none of its own', async () => {
      const { added, kept } = { added: '["author","editor","reader"]', kept: '["editor","reader"]' };
      const fields = (before: string, after: string) => ({ fields: { roles: { before, after } } });
      expect(await apply('1', fields('[]', '["reader"]'))).toBe('applied');
      expect((await read('1'))?.roles).toBe(added);
      expect(await apply('1', fields('["author"]', '[]'))).toBe('applied');
      expect((await read('1'))?.roles).toBe(kept);
      expect(await apply('1', fields('["author"]', '["chief"]'))).toBe('changed');
      expect((await read('1'))?.roles).toBe(kept);
      await set('1', { roles: ANNA.roles });
      expect(await read('1')).toEqual(ANNA);
    });

    test('makes memory forget the person', async () => {
      expect((await directory.userBySub('shop:1'))?.nickname).toBe('ann');
      await set('1', { nickname: 'new' });
      expect((await directory.userBySub('shop:1'))?.nickname).toBe('new');
      await set('1', { nickname: 'ann' });
    });

    test('is a password, alone or beside fields', async () => {
      expect(await apply('1', { password: HASH })).toBe('applied');
      expect(await store.password('1')).toBe(HASH);
      const other = HASH.replace('abc', 'xyz');
      const fields = { nickname: { before: 'ann', after: 'both' } };
      expect(await apply('1', { password: other, fields })).toBe('applied');
      expect([await store.password('1'), (await read('1'))?.nickname]).toEqual([other, 'both']);
      const late = { nickname: { before: 'ann', after: 'late' } };
      expect(await apply('1', { password: HASH, fields: late })).toBe('changed');
      expect(await store.password('1')).toBe(other);
      await set('1', { nickname: 'ann' });
    });

    test('is nothing for nobody', async () => {
      expect(await apply('404', { fields: { nickname: { before: null, after: 'x' } } })).toBe('gone');
      expect(await apply('404', { password: HASH })).toBe('gone');
      expect(await apply('404', { remove: true })).toBe('gone');
      for (const id of ['01', '1 ', '1abc', 'x'])
        expect(
          await apply(id, { fields: { nickname: { before: 'ann', after: 'x' } } }).catch(() => 'gone'),
        ).toBe('gone');
      await expect(
        directory.apply('other:1', { fields: {}, password: HASH, mark: 'm' }),
      ).rejects.toMatchObject({ code: 'user_not_found' });
      expect(await read('1')).toEqual(ANNA);
    });

    test.each([
      [{ nickname: 'a\0b' }],
      [{ nickname: '\ud800' }],
      [{ nickname: 'canary'.repeat(1_000) }],
      [{ email: 'no address canary' }],
      [{ locale: 'fr' }],
      [{ state: 'canary' }],
      [{ emailVerified: 'canary' }],
      [{ roles: '["canary' }],
      [{ roles: '[1]' }],
    ] as const)('is refused where it would not come back: %o', async (values) => {
      const error = await set('1', values as Partial<AppliedValues>).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'bad_request', detail: expect.stringContaining('apply.') });
      expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('canary');
      expect(await read('1')).toEqual(ANNA);
    });

    test.runIf(unique)('tells a value that somebody else has from an outage', async () => {
      const { email } = (await read('2'))!;
      const error = await set('1', { email, nickname: 'x' }).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'user_ambiguous' });
      expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('@');
      expect(await read('1')).toEqual(ANNA);
    });

    test('is nothing that the settings do not name', async () => {
      const part = store.settings;
      const kind = ['sql', 'ldap', 'http'].find((key) => key in part)!;
      const own = part[kind] as { apply: Record<string, unknown> };
      const { nickname: _nickname, password: _password, remove: _remove, ...less } = own.apply;
      const bare = openDirectory(
        legacySettings.parse({ store: 'shop', ...part, [kind]: { ...own, apply: less } }),
      );
      expect(bare.applies('shop:1')).toMatchObject({ password: undefined, removes: false });
      for (const input of [
        { fields: { nickname: { before: 'ann', after: 'x' } } },
        { password: HASH },
        { remove: true },
      ] as const)
        await expect(apply('1', input, bare)).rejects.toMatchObject({ code: 'not_found' });
      await bare.close();
      const none = openDirectory(
        legacySettings.parse({ store: 'shop', ...part, [kind]: { ...own, apply: undefined } }),
      );
      expect(none.applies('shop:1').fields.size).toBe(0);
      await expect(apply('1', { password: HASH }, none)).rejects.toMatchObject({ code: 'not_found' });
      await none.close();
      expect(await read('1')).toEqual(ANNA);
    });

    test('is an end, which stays one', async () => {
      const remove = { remove: true, mark: nextMark() } as const;
      expect(await apply('2', remove)).toBe('applied');
      expect(await read('2')).toBeUndefined();
      expect(await apply('2', remove)).toBe(marks ? 'already' : 'gone');
      expect(await apply('2', { remove: true })).toBe('gone');
      expect(await read('1')).toEqual(ANNA);
    });
  });
}
