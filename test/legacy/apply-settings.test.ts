import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnPlace } from '../../src/legacy/apply-settings.ts';
import { isAlike, rolesValueOf, storeValueOf } from '../../src/legacy/apply-values.ts';
import { textFrom, textsFrom } from '../../src/legacy/fields.ts';
import { appliesOf, legacySettings } from '../../src/legacy/legacy-settings.ts';
import { field } from '../../src/legacy/mapping-settings.ts';
import { sqlApply, sqlMapping } from './apply-stores.ts';

const sql = (apply: object, mapping: object = {}, part: object = {}) => ({
  store: 'shop',
  mapping,
  sql: {
    engine: 'postgresql',
    connection: 'postgres://h/d',
    table: 'people',
    login: ['login'],
    apply,
    ...part,
  },
});
/** Of a union, what each of its branches says. */
const issues = (settings: object) =>
  (legacySettings.safeParse(settings).error?.issues ?? []).map((issue) => {
    const nested = issue.code === 'invalid_union' ? issue.errors.flat().map(({ message }) => message) : [];
    return `${issue.path.join('.')}: ${[issue.message, ...nested].join(', ')}`;
  });

describe('what sync writes', () => {
  test('is what the settings name', () => {
    const settings = legacySettings.parse(sql(sqlApply, sqlMapping));
    expect(Object.keys(appliesOf(settings)!)).toContain('roles');
    expect(appliesOf(legacySettings.parse(sql(undefined as never)))).toBeUndefined();
    expect(issues(sql({}))).toEqual([]);
  });

  test('has no role of its own in SQLite', () => {
    const settings = {
      ...sql({}),
      sql: { engine: 'sqlite', file: 'f', table: 't', login: ['l'], apply: { connection: 'x' } },
    };
    expect(issues(settings)[0]).toContain('sql.apply.connection');
  });

  const yes = { true: 1, false: 0 };
  test.each([
    // As it stands.
    [{ email: 'mail' }, { email: 'mail' }],
    [{ email: 'mail' }, { email: { column: 'mail', transform: ['trim', 'lower'] } }],
    [{ username: 'login' }, { username: { column: 'login', transform: ['upper'] } }],
    [{ nickname: 'nick' }, { nickname: { column: 'nick', default: 'nobody' } }],
    // Steps backwards.
    [{ locale: 'lang' }, { locale: { column: 'lang', transform: [{ map: { 1: 'de', 2: 'en' } }] } }],
    [{ phoneNumber: 'phone' }, { phoneNumber: { column: 'phone', transform: [{ prefix: '+' }] } }],
    [
      { nickname: 'nick' },
      { nickname: { column: 'nick', transform: ['lower', { map: { a: 'x' } }, { prefix: 'y' }] } },
    ],
    // Said in the settings.
    [
      { email: { column: 'mail', prefix: 'SMTP:' } },
      { email: { column: 'mail', transform: [{ after: ':' }] } },
    ],
    [{ email: { column: 'mail', suffix: '|' } }, { email: { column: 'mail', transform: [{ before: '|' }] } }],
    [
      { email: { column: 'doc', prefix: '{"mail":"', suffix: '"}' } },
      { email: { column: 'doc', transform: [{ jsonPath: 'mail' }] } },
    ],
    [
      { locale: { column: 'lang', values: { de: 3 } } },
      { locale: { column: 'lang', transform: [{ map: { 1: 'de', 3: 'de' } }] } },
    ],
    [{ nickname: { column: 'nick', none: '' } }, { nickname: 'nick' }],
    [
      { nickname: { column: 'nick', none: '-' } },
      { nickname: { column: 'nick', transform: [{ map: { a: 'b' } }] } },
    ],
    // Proofs.
    [{ emailVerified: { column: 'ok', values: yes } }, { emailVerified: 'ok' }],
    [
      { emailVerified: { column: 'ok', values: { true: 'Y', false: 'N' } } },
      { emailVerified: { column: 'ok', equals: 'Y' } },
    ],
    [
      { emailVerified: { column: 'ok', values: { true: null, false: 'token' } } },
      { emailVerified: { column: 'ok', present: false } },
    ],
    [
      { emailVerified: { column: 'at', values: { true: 'now', false: null } } },
      { emailVerified: { column: 'at', present: true } },
    ],
    [
      { emailVerified: { column: 'at', values: { true: 'now', false: null } } },
      { emailVerified: { column: 'at', past: true } },
    ],
    [
      { emailVerified: { column: 'at', values: { true: 'nowSeconds', false: 0 } } },
      { emailVerified: { column: 'at', noneOf: [0] } },
    ],
    [
      { phoneNumberVerified: { column: 'at', values: { true: 'nowMilliseconds', false: null } } },
      { phoneNumberVerified: { column: 'at', past: true } },
    ],
    [
      { state: { column: 's', values: { active: 'A', disabled: 'D' } } },
      { disabled: { column: 's', oneOf: ['D', 'X'] } },
    ],
    [
      { state: { column: 's', values: { active: 1, disabled: 0 } } },
      { disabled: { column: 's', truthy: false } },
    ],
    [
      { state: { column: 's', values: { active: 'on', disabled: 'off' } } },
      {
        disabled: {
          any: [
            { column: 's', equals: 'off' },
            { column: 's', startsWith: 'ban' },
          ],
        },
      },
    ],
    [
      { state: { column: 's', values: { active: null, disabled: '9999-12-31' } } },
      { disabled: { column: 's', future: true } },
    ],
    // Roles.
    [{ roles: 'r' }, { roles: { column: 'r', transform: [{ split: ',' }, 'trim'] } }],
    [
      { roles: 'r' },
      { roles: { column: 'r', transform: [{ split: '|' }, { map: { 1: 'admin', 2: 'user' } }] } },
    ],
    [
      { roles: { column: 'r', values: { admin: 2 } } },
      { roles: { column: 'r', transform: [{ map: { 1: 'admin', 2: 'admin' } }] } },
    ],
    [
      { password: { column: 'pw', format: 'bcrypt' } },
      { password: [{ format: 'auto', columns: { hash: 'pw' } }] },
    ],
    [{ password: { column: 'pw', format: 'clear' } }, {}],
  ])('comes back through the mapping: %j ↔ %j', (apply, mapping) => {
    expect(issues(sql(apply, mapping))).toEqual([]);
  });

  test.each([
    [{ email: 'mail' }, {}, 'email: the mapping does not say where it is read from'],
    [{ email: 'mail' }, { email: 'address' }, 'email: the mapping reads it from address'],
    [{ name: 'full' }, { givenName: 'g', familyName: 'f' }, 'name: the mapping does not say where'],
    [
      { name: 'g' },
      { name: { columns: ['g', 'f'], join: ' ' } },
      'name: the mapping does not read it from one column',
    ],
    [
      { email: 'mail' },
      { email: { columns: ['mail', 'other'] } },
      'email: the mapping does not read it from one column',
    ],
    [
      { email: 'mail' },
      { email: { value: 'a@b.example' } },
      'email: the mapping does not read it from one column',
    ],
    [
      { givenName: 'n' },
      { givenName: { column: 'n', transform: ['firstWord'] } },
      'givenName: the mapping’s firstWord cannot be undone',
    ],
    [
      { familyName: 'n' },
      { familyName: { column: 'n', transform: ['restWords'] } },
      'restWords cannot be undone',
    ],
    [{ nickname: 'n' }, { nickname: { column: 'n', transform: ['hex'] } }, 'hex cannot be undone'],
    [
      { email: 'm' },
      { email: { column: 'm', transform: [{ before: '|' }] } },
      'before leaves out a part of the column, which would be lost',
    ],
    [
      { email: 'm' },
      { email: { column: 'm', transform: [{ after: ':' }] } },
      'after leaves out a part of the column',
    ],
    [
      { email: 'm' },
      { email: { column: 'm', transform: [{ jsonPath: 'mail' }] } },
      'jsonPath leaves out a part of the column',
    ],
    [
      { email: 'm' },
      { email: { column: 'm', transform: [{ extract: '\\S+@\\S+' }] } },
      'extract leaves out a part of the column',
    ],
    [
      { email: 'm' },
      { email: { column: 'm', transform: [{ split: ',' }] } },
      'split leaves out a part of the column',
    ],
    [
      { locale: 'l' },
      { locale: { column: 'l', transform: [{ map: { 1: 'de', 3: 'de' } }] } },
      'locale: the mapping makes de of several values',
    ],
    [
      { locale: { column: 'l', values: { de: 2 } } },
      { locale: { column: 'l', transform: [{ map: { 1: 'de', 2: 'en' } }] } },
      'locale: de would come back through the mapping',
    ],
    [
      { locale: { column: 'l', values: { de: 1, en: 3 } } },
      { locale: { column: 'l', transform: [{ map: { 1: 'de', 2: 'en' } }] } },
      'locale: en would come back through the mapping as something else',
    ],
    [{ email: { column: 'm', prefix: 'SMTP:' } }, { email: 'm' }, 'email: '],
    [
      { nickname: { column: 'n', prefix: 'x-' } },
      { nickname: 'n' },
      'nickname: what is written would come back through the mapping as something else',
    ],
    [
      { nickname: { column: 'n', none: 'none' } },
      { nickname: 'n' },
      '`none` would come back through the mapping as a value',
    ],
    [{ emailVerified: 'ok' }, { emailVerified: 'ok' }, 'emailVerified: expected `values` for true and false'],
    [
      { emailVerified: { column: 'ok', values: { true: 1 } } },
      { emailVerified: 'ok' },
      'expected `values` for true and false',
    ],
    [
      { emailVerified: { column: 'ok', values: { true: 1, false: 0, maybe: 2 } } },
      { emailVerified: 'ok' },
      'expected `values` for true and false',
    ],
    [
      { emailVerified: { column: 'ok', values: { true: 0, false: 1 } } },
      { emailVerified: 'ok' },
      'true and false would come back',
    ],
    [
      { emailVerified: { column: 'ok', values: { true: 1, false: 'no idea' } } },
      { emailVerified: 'ok' },
      'false would come back through the mapping as something else',
    ],
    [
      { emailVerified: { column: 'ok', values: yes } },
      { emailVerified: true },
      'the mapping does not read it from one column',
    ],
    [
      { emailVerified: { column: 'ok', values: yes } },
      {
        emailVerified: {
          all: [
            { column: 'ok', equals: 1 },
            { column: 'at', present: true },
          ],
        },
      },
      'the mapping does not read it from one column',
    ],
    [
      { emailVerified: { column: 'at', values: { true: 'now', false: null } } },
      { emailVerified: { column: 'at', future: true } },
      'true would come back',
    ],
    [
      { state: { column: 's', values: { active: 1, locked: 2 } } },
      { disabled: 's' },
      'state: expected `values` for active and disabled',
    ],
    [
      { state: { column: 's', values: { active: 1, disabled: 1 } } },
      { disabled: 's' },
      'active would come back',
    ],
    [{ roles: 'r' }, { roles: ['r', 'other'] }, 'roles: the mapping does not read it from one column'],
    [
      { roles: 'r' },
      { roles: { from: 'roles', column: 'r' } },
      'roles: the mapping does not read it from one column',
    ],
    [
      { roles: 'r' },
      { roles: { column: 'r', transform: [{ split: ',' }, { split: ';' }] } },
      'the mapping splits it more than once',
    ],
    [
      { email: 'a', nickname: 'A' },
      { email: 'a', nickname: 'A' },
      'nickname: email is written to this column already',
    ],
    [
      { nickname: 'a.b', givenName: 'a' },
      { nickname: 'a.b', givenName: 'a' },
      'nickname: givenName is written to this column already',
    ],
    [
      { nickname: 'pw', password: { column: 'pw', format: 'bcrypt' } },
      { nickname: 'pw', password: [{ format: 'bcrypt', columns: { h: 'pw' } }] },
      'password: nickname is written to this column already',
    ],
    [{ username: 'id' }, { username: 'id' }, 'username: this column is the id, which never changes'],
    [
      { password: { column: 'pw', format: 'bcrypt' } },
      { password: [{ format: 'bcrypt', columns: { h: 'other' } }] },
      'reads no password of format bcrypt from pw',
    ],
    [
      { password: { column: 'pw', format: 'bcrypt' } },
      { password: [{ format: 'phpass', columns: { h: 'pw' } }] },
      'reads no password of format bcrypt from pw',
    ],
    [{ password: { column: 'pw', format: 'auto' } }, {}, 'expected one format, or `clear`'],
    [{ password: { column: 'pw', format: 'bycrypt' } }, {}, 'no password format has this name'],
    [{ nickname: { statement: 'select :id, :value' } }, {}, 'starts with update'],
    [{ nickname: { statement: 'update t set a = :value' } }, {}, 'the bind :id is missing'],
    [{ remove: { statement: 'update t set gone = 1' } }, {}, 'the bind :id is missing'],
    [{ nonsense: 'x' }, {}, 'Unrecognized key: "nonsense"'],
    [{ marks: 'Bobby"; drop table x' }, {}, 'sql.apply.marks: '],
  ])('is refused where it would not: %j ↔ %j', (apply, mapping, why) => {
    const found = issues(
      sql(
        apply,
        { ...mapping },
        'roles' in mapping ? { queries: { related: { roles: 'select 1 from r where id = :id' } } } : {},
      ),
    );
    expect(found.join('\n')).toContain(why);
    expect(found.every((issue) => issue.startsWith('sql.apply'))).toBe(true);
  });

  test('needs a table for a column, and none for statements', () => {
    const part = {
      table: undefined,
      login: undefined,
      queries: { byLogin: 'select 1 where 1 = :login', byId: 'select 1 where 1 = :id' },
    };
    expect(issues(sql({ nickname: 'nick' }, { nickname: 'nick' }, part))).toEqual([
      'sql.apply.nickname: a column needs `table`: without it, expected a `statement`',
    ]);
    const statement = 'update x set nick = :value where id = :id';
    expect(issues(sql({ nickname: { statement } }, { nickname: 'nick' }, part))).toEqual([]);
  });

  test.each([
    [{ nickname: 'not an attribute' }, 'ldap.apply.nickname: not the name of an attribute'],
    [{ nickname: 'entryUUID' }, 'ldap.apply.nickname: this attribute never changes'],
    [{ nickname: 'objectClass' }, 'this attribute never changes'],
    [{ password: { format: 'bcrypt' } }, 'needs `format: clear`'],
    [{ nickname: { statement: 'update' } }, 'ldap.apply.nickname'],
  ] as [{ nickname?: unknown }, string][])('of a directory is refused: %j', (apply, why) => {
    const nickname = typeof apply.nickname === 'string' ? apply.nickname : 'title';
    const ldap = { url: 'ldap://h', base: 'dc=x', apply };
    expect(issues({ store: 'shop', ldap, mapping: { nickname } }).join('\n')).toContain(why);
  });

  test.each([
    [{ path: 'x', body: '{changes}' }, 'the value {id} is missing'],
    [{ path: '{id}', body: { a: '{before}' } }, 'the value {changes} is missing'],
    [{ path: '{id}', form: { a: '{id}' } }, 'expected JSON'],
    [{ path: '{id}/{changes}' }, 'there is no {changes} here'],
    [{ path: '{id}', body: ['{changes}', '{changes:json}'] }, 'have to stand alone'],
    [{ path: '{id}', method: 'GET' }, 'http.apply.request.method'],
    [undefined, 'http.apply.request'],
  ])('of an API is refused: %j', (request, why) => {
    const http = {
      url: 'https://api',
      login: ['l'],
      byLogin: { path: '{login}' },
      byId: { path: '{id}' },
      apply: { request },
    };
    expect(issues({ store: 'shop', http }).join('\n')).toContain(why);
  });
});

const scope = (value: unknown) => ({ row: { c: value }, related: {}, sparse: false, nowMs: 0 });

describe('a value', () => {
  const steps = fc.array(
    fc.oneof(
      fc.constantFrom('trim' as const, 'lower' as const, 'upper' as const),
      fc.record({ prefix: fc.string({ minLength: 1, maxLength: 5 }) }),
      fc.record({
        map: fc
          .uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.string({ minLength: 1 })), {
            selector: ([, to]) => to,
            maxLength: 5,
          })
          .map((pairs) => Object.fromEntries(pairs)),
      }),
    ),
    { maxLength: 4 },
  );

  test('that the store can have at all comes back as it went', () => {
    fc.assert(
      fc.property(steps, fc.string({ unit: 'grapheme' }), (transform, raw) => {
        const source = field.parse({ column: 'c', transform });
        const value = textFrom(source, scope(raw));
        if (value === undefined) return;
        const written = storeValueOf(value, columnPlace.parse('c'), { source, nowMs: 0 });
        // `upper` of a letter that has none of its own kind is two letters, which `lower` does not undo.
        if (written === undefined) return;
        const back = textFrom(source, scope(written));
        if (transform.every((step) => typeof step !== 'string')) expect(back).toBe(value);
      }),
    );
  });

  test('of a list keeps what is not ours, in its order', () => {
    const role = fc.stringMatching(/^[a-z]{1,4}$/);
    fc.assert(
      fc.property(
        fc.array(role),
        fc.uniqueArray(role),
        fc.constantFrom(',', ';', undefined),
        (present, changed, split) => {
          const source = field.parse({ column: 'c', transform: split ? [{ split }] : [] });
          const added = changed.filter((one) => !present.includes(one));
          const removed = changed.filter((one) => present.includes(one));
          const raw = split ? present.join(split) : present;
          const written = rolesValueOf(
            raw,
            { added, removed },
            { place: columnPlace.parse('c'), source, nowMs: 0 },
          );
          const kept = present.filter((one) => !removed.includes(one));
          expect(textsFrom(source, scope(written))).toEqual([...kept, ...added]);
        },
      ),
    );
  });

  test('of a list is none where a name has the separator in it', () => {
    const source = field.parse({ column: 'c', transform: [{ split: ',' }] });
    const options = { place: columnPlace.parse('c'), source, nowMs: 0 };
    expect(rolesValueOf('a', { added: ['b,c'], removed: [] }, options)).toBeUndefined();
    expect(rolesValueOf('a,b', { added: [], removed: ['a', 'b'] }, options)).toBeNull();
    expect(
      rolesValueOf(
        'a',
        { added: [], removed: ['a'] },
        { ...options, place: columnPlace.parse({ column: 'c', none: '' }) },
      ),
    ).toBe('');
  });

  test.each([
    ['email', 'Anna@Example.com', 'anna@example.com', true],
    ['email', 'anna@example.com', 'ann@example.com', false],
    ['givenName', 'Zoe\u0308', 'Zoë', true],
    ['givenName', 'Anna  Maria', ' Anna Maria', true],
    ['givenName', 'Anna', 'anna', false],
    ['phoneNumber', '+49 (0)30 / 12-34', '+49301234', true],
    ['phoneNumber', '+49301234', '49301234', false],
    ['locale', 'de_CH', 'de-ch', true],
    ['emailVerified', null, 'false', true],
    ['emailVerified', 'true', null, false],
    ['nickname', null, '', true],
    ['state', 'active', 'disabled', false],
  ] as const)('of %s: %j and %j are the same: %s', (name, one, other, same) => {
    expect(isAlike(name, one, other)).toBe(same);
  });
});
