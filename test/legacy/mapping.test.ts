import { describe, expect, test } from 'vitest';
import type { Related, Row } from '../../src/legacy/connector.ts';
import { mapRecord } from '../../src/legacy/mapping.ts';
import { mapping } from '../../src/legacy/mapping-settings.ts';

const NOW = Date.UTC(2026, 0, 1);

function mapped(
  settings: object,
  columns: Row,
  { related = {}, sparse = false }: { related?: Related; sparse?: boolean } = {},
) {
  return mapRecord(mapping.parse(settings), {
    sub: 'shop:7',
    row: { id: '7', columns },
    related,
    sparse,
    nowMs: NOW,
  });
}
const user = (...args: Parameters<typeof mapped>) => mapped(...args).user;
const refusal = (...args: Parameters<typeof mapped>) => {
  try {
    return mapped(...args).user;
  } catch (error) {
    return error;
  }
};

describe('a user', () => {
  test('has a preferred username whatever the record lacks', () => {
    expect(user({ username: 'u', email: 'e' }, { u: 'anna', e: 'a@example.com' }).username).toBe('anna');
    expect(user({ username: 'u', email: 'e' }, { u: null, e: 'a@example.com' }).username).toBe(
      'a@example.com',
    );
    expect(user({ username: 'u', email: 'e' }, { u: '', e: null }).username).toBe('7');
  });

  test('has claims of the right type or none', () => {
    const made = user(
      { givenName: 'a', familyName: 'b', nickname: 'c', attributes: { d: 'd' } },
      { a: 42, b: 10n, c: Buffer.from('nick'), d: new Date(NOW) },
    );
    expect(made).toMatchObject({
      givenName: '42',
      familyName: '10',
      nickname: 'nick',
      attributes: { d: '2026-01-01T00:00:00.000Z' },
    });
  });

  test.each([
    ['anna@example.com', 'anna@example.com'],
    ['lena@exämple.com', 'lena@exämple.com'],
    ['çağla+x@example.com', 'çağla+x@example.com'],
    [' anna@example.com', undefined],
    ['anna@example.com\nBcc: x', undefined],
    ['anna', undefined],
    ['a@b@example.com', undefined],
    ['.a@example.com', undefined],
    ['a..b@example.com', undefined],
    ['a@-', undefined],
    ['anna@exa\0mple.com', undefined],
    [`${'a'.repeat(65)}@example.com`, undefined],
    [null, undefined],
  ])('with the address %j has the email %j', (stored, email) => {
    const made = user({ email: 'e', emailVerified: true }, { e: stored });
    expect(made.email).toBe(email);
    expect(made.emailVerified).toBe(email !== undefined);
  });

  test.each([
    ['de', 'de'],
    ['de_CH', 'de-CH'],
    ['de_CH.UTF-8', 'de-CH'],
    ['de_DE@euro', 'de-DE'],
    ['german', 'german'],
    ['Deutsch (Schweiz)', undefined],
    ['', undefined],
    [7, undefined],
  ])('with the language %j has the locale %j', (stored, locale) => {
    expect(user({ locale: 'l' }, { l: stored }).locale).toBe(locale);
  });

  test('has a time zone, a picture and a number only where they are ones', () => {
    const settings = { zoneinfo: 'z', picture: 'p', phoneNumber: 't', phoneNumberVerified: true };
    expect(
      user(settings, { z: 'Europe/Zurich', p: 'https://example.com/a.png', t: '+41 44 000' }),
    ).toMatchObject({
      zoneinfo: 'Europe/Zurich',
      picture: 'https://example.com/a.png',
      phoneNumber: '+41 44 000',
      phoneNumberVerified: true,
    });
    const bare = user(settings, { z: 'Mars/Base', p: 'javascript:alert(1)', t: 'ask Bob' });
    expect([bare.zoneinfo, bare.picture, bare.phoneNumber, bare.phoneNumberVerified]).toEqual([
      undefined,
      undefined,
      undefined,
      false,
    ]);
  });

  test.each([
    ['2026-01-01 00:00:00', NOW / 1_000],
    ['2026-01-01T01:00:00.123456+01', NOW / 1_000],
    ['2026-01-01 05:30:00+0530', NOW / 1_000],
    ['2026-01-01', NOW / 1_000],
    [NOW / 1_000, NOW / 1_000],
    [BigInt(NOW), NOW / 1_000],
    ['0000-00-00 00:00:00', undefined],
    ['yesterday', undefined],
    ['infinity', undefined],
  ])('changed at %s has updatedAt %s', (stored, seconds) => {
    expect(user({ updatedAt: 'u' }, { u: stored }).updatedAt).toBe(seconds);
  });

  test('without names gets what the operator wants to stand in for them', () => {
    const settings = { username: 'u', givenName: 'g', familyName: 'f' };
    const row = { u: 'bob', g: 'Bob', f: null };
    expect(user(settings, row)).toMatchObject({ givenName: 'Bob', familyName: '-', name: 'Bob' });
    expect(user({ ...settings, names: { placeholder: 'username' } }, row)).toMatchObject({
      familyName: 'bob',
    });
    expect(user({ ...settings, names: { placeholder: 'none' } }, row).familyName).toBeUndefined();
  });

  test('has each role once', () => {
    const related = { groups: [{ name: 'a' }, { name: 'b' }, { name: 'a' }] };
    const settings = {
      roles: [
        { from: 'groups', column: 'name' },
        { column: 'list', transform: [{ split: ',' }, 'trim'] },
      ],
    };
    expect(user(settings, { list: 'b, c,' }, { related }).roles).toEqual(['a', 'b', 'c']);
  });

  test('has attributes as JSON, a list where that is said', () => {
    const related = { teams: [{ name: 'red' }] };
    const attributes = {
      one: { from: 'teams', column: 'name' },
      many: { from: 'teams', column: 'name', list: true },
      none: { column: 'empty', list: true },
      gone: 'empty',
      flag: 'flag',
      big: 'big',
      inside: { column: 'doc', transform: [{ jsonPath: 'a.0.b' }] },
      all: { column: 'doc', transform: [{ jsonPath: '.' }] },
    };
    const row = { empty: null, flag: true, big: 2n ** 60n, doc: '{"a":[{"b":1.5}]}' };
    expect(user({ attributes }, row, { related }).attributes).toEqual({
      one: 'red',
      many: ['red'],
      none: [],
      flag: true,
      big: '1152921504606846976',
      inside: 1.5,
      all: { a: [{ b: 1.5 }] },
    });
  });

  test('is refused where the mapping names a column that is not there', () => {
    expect(
      refusal(
        { emailVerified: { column: 'confirmd_at', present: true }, email: 'e' },
        { e: 'a@example.com' },
      ),
    ).toMatchObject({
      code: 'mapping_failed',
      detail: 'the record has no column confirmd_at',
    });
  });

  test('of a store without columns may lack attributes', () => {
    expect(user({ nickname: 'displayName' }, {}, { sparse: true }).nickname).toBeUndefined();
  });
});

describe('a field', () => {
  test.each([
    [{ column: 'a', transform: ['trim'] }, ' Anna ', 'Anna'],
    [{ column: 'a', transform: ['lower'] }, 'ANNA', 'anna'],
    [{ column: 'a', transform: ['upper'] }, 'anna', 'ANNA'],
    [{ column: 'a', transform: ['firstWord'] }, 'Maria José García', 'Maria'],
    [{ column: 'a', transform: ['restWords'] }, 'Maria José García', 'José García'],
    [{ column: 'a', transform: ['restWords'] }, 'Plato', undefined],
    [{ column: 'a', transform: [{ before: '@' }] }, 'anna@example.com', 'anna'],
    [{ column: 'a', transform: [{ after: '@' }] }, 'anna@example.com', 'example.com'],
    [{ column: 'a', transform: [{ after: '@' }] }, 'anna', undefined],
    [{ column: 'a', transform: [{ prefix: 'x-' }] }, 'anna', 'x-anna'],
    [{ column: 'a', transform: ['hex'] }, Buffer.from([1, 255]), '01ff'],
    [{ column: 'a', transform: [{ map: { 1: 'one' } }] }, 1, 'one'],
    [{ column: 'a', transform: [{ map: { 1: 'one' } }] }, 2, undefined],
    [{ column: 'a', transform: [{ map: { 1: 'one' } }] }, 'constructor', undefined],
    [{ column: 'a', transform: [{ extract: '<(\\w+)>' }] }, 'a <b> <c>', 'b'],
    [{ column: 'a', transform: [{ jsonPath: 'b' }] }, '{"b":"c"}', 'c'],
    [{ column: 'a', transform: [{ jsonPath: '__proto__' }] }, '{"b":"c"}', undefined],
    [{ column: 'a', default: 'x' }, null, 'x'],
    [{ value: 'x' }, 'y', 'x'],
    ['a', 'a\0b', undefined],
    ['a', Buffer.from('anna\0\0\0'), 'anna'],
    ['a', Buffer.from([0xff, 0xfe]), undefined],
    ['a', { an: 'object' }, undefined],
    ['a', 'x'.repeat(5_000), undefined],
    ['a', '\ud800', '\ufffd'],
  ])('%o of %o is %o', (field, stored, text) => {
    expect(user({ nickname: field }, { a: stored }).nickname).toBe(text);
  });

  test('takes the first of several columns that is not empty, or joins them', () => {
    const row = { a: '', b: 'Anna', c: 'Müller' };
    expect(user({ name: { columns: ['a', 'b', 'c'] } }, row).name).toBe('Anna');
    expect(user({ name: { columns: ['a', 'b', 'c'], join: ' ' } }, row).name).toBe('Anna Müller');
  });

  test('is refused where its document is none, without a word of it', () => {
    const error = refusal({ name: { column: 'a', transform: [{ jsonPath: 'b' }] } }, { a: 'secret{' });
    expect(error).toMatchObject({ code: 'mapping_failed' });
    expect(JSON.stringify(error)).not.toContain('secret{');
  });
});

describe('a proof', () => {
  const disabled = (proof: unknown, row: Row, related: Related = {}) =>
    user({ disabled: proof }, row, { related }).state === 'disabled';

  test.each([
    ['x', 1, true],
    ['x', 0n, false],
    ['x', 't', true],
    ['x', 'N', false],
    ['x', 'J', true],
    ['x', null, false],
    ['x', Buffer.from([1]), true],
    ['x', Buffer.from([0]), false],
    [{ column: 'x', truthy: false }, 0, true],
    [{ column: 'x', truthy: false }, 1, false],
    [{ column: 'x', present: true }, '2020-01-01', true],
    [{ column: 'x', present: true }, '', false],
    [{ column: 'x', present: true }, '0000-00-00 00:00:00', false],
    [{ column: 'x', present: false }, null, true],
    [{ column: 'x', equals: 'N' }, 'N', true],
    [{ column: 'x', equals: 'N' }, 'N  ', false],
    [{ column: 'x', transform: ['trim'], equals: 'N' }, 'N  ', true],
    [{ column: 'x', equals: '' }, '', true],
    [{ column: 'x', equals: '' }, null, true],
    [{ column: 'x', equals: 2 }, '2', true],
    [{ column: 'x', equals: true }, 1, true],
    [{ column: 'x', equals: false }, 1, false],
    [{ column: 'x', equals: false }, null, false],
    [{ column: 'x', oneOf: ['a', 'b'] }, 'b', true],
    [{ column: 'x', oneOf: ['a', 'b'] }, 'c', false],
    [{ column: 'x', noneOf: ['a', 'b'] }, 'c', true],
    [{ column: 'x', noneOf: ['a', 'b'] }, 'a', false],
    [{ column: 'x', startsWith: 'ab' }, 'abc', true],
    [{ column: 'x', startsWith: 'ab' }, null, false],
    [{ column: 'x', matches: '^a+$' }, 'aaa', true],
    [{ column: 'x', matches: '^a+$' }, 'aab', false],
    [{ column: 'x', future: true }, '2026-01-02', true],
    [{ column: 'x', future: true }, '2025-12-31 23:59:59', false],
    [{ column: 'x', future: true }, 'infinity', true],
    [{ column: 'x', future: true }, null, false],
    [{ column: 'x', past: true }, '2025-12-31', true],
    [{ column: 'x', past: true }, null, false],
    [
      {
        all: [
          { column: 'x', present: true },
          { column: 'x', equals: 1 },
        ],
      },
      1,
      true,
    ],
    [
      {
        all: [
          { column: 'x', present: true },
          { column: 'x', equals: 1 },
        ],
      },
      2,
      false,
    ],
    [
      {
        any: [
          { column: 'x', equals: 1 },
          { column: 'x', equals: 2 },
        ],
      },
      2,
      true,
    ],
    [
      {
        any: [
          { column: 'x', equals: 1 },
          { column: 'x', equals: 2 },
        ],
      },
      3,
      false,
    ],
    [true, 0, true],
  ])('%o of %o is %o', (proof, stored, answer) => {
    expect(disabled(proof, { x: stored })).toBe(answer);
  });

  test('looks into related rows', () => {
    const proof = { from: 'meta', where: { key: 'locked' }, column: 'value', equals: 'yes' };
    expect(
      disabled(
        proof,
        {},
        {
          meta: [
            { key: 'other', value: 'yes' },
            { key: 'locked', value: 'yes' },
          ],
        },
      ),
    ).toBe(true);
    expect(
      disabled(
        proof,
        {},
        {
          meta: [
            { key: 'other', value: 'yes' },
            { key: 'locked', value: 'no' },
          ],
        },
      ),
    ).toBe(false);
  });

  test.each([
    ['x', 'perhaps'],
    [{ column: 'x', future: true }, 'soon'],
    [{ column: 'x', past: true }, 'long ago'],
  ])('%o that %o does not answer refuses the record', (proof, stored) => {
    expect(refusal({ locked: proof }, { x: stored })).toMatchObject({ code: 'mapping_failed' });
  });

  test('of being disabled outdoes that of being locked', () => {
    expect(user({ disabled: 'd', locked: 'l' }, { d: 1, l: 1 }).state).toBe('disabled');
    expect(user({ disabled: 'd', locked: 'l' }, { d: 0, l: 1 }).state).toBe('locked');
  });
});

describe('a stored password', () => {
  const passwords = (password: object[], row: Row, related: Related = {}) =>
    mapped({ password }, row, { related }).credentials.passwords;

  test('keeps its columns as they came', () => {
    const bytes = Buffer.from([0, 1, 255]);
    expect(
      passwords([{ format: 'bcrypt', columns: { hash: 'h', salt: 's', rounds: 'r' } }], {
        h: bytes,
        s: '',
        r: 5n,
      }),
    ).toEqual([{ format: 'bcrypt', columns: { hash: bytes, salt: '', rounds: 5n } }]);
  });

  test('is none where the hash is empty', () => {
    expect(
      passwords([{ format: 'bcrypt', columns: { hash: 'h', salt: 's' } }], { h: '', s: 'salt' }),
    ).toEqual([]);
    expect(passwords([{ format: 'bcrypt', columns: { hash: 'h' } }], { h: null })).toEqual([]);
  });

  test('is of the format whose condition it meets', () => {
    const two = [
      { format: 'bcrypt', when: { column: 's', present: true }, columns: { hash: 'h', salt: 's' } },
      { format: 'argon2', when: { column: 's', equals: '' }, columns: { hash: 'h' } },
    ];
    expect(passwords(two, { h: 'x', s: 'y' }).map(({ format }) => format)).toEqual(['bcrypt']);
    expect(passwords(two, { h: 'x', s: '' }).map(({ format }) => format)).toEqual(['argon2']);
  });

  test('may be one of several rows', () => {
    const one = {
      format: 'bcrypt',
      from: 'credentials',
      when: { column: 'type', equals: 'password' },
      columns: { hash: 'data' },
    };
    const credentials = [
      { type: 'password', data: 'a' },
      { type: 'otp', data: 'b' },
      { type: 'password', data: 'c' },
    ];
    expect(passwords([one], {}, { credentials }).map(({ columns }) => columns.hash)).toEqual(['a', 'c']);
    const many = Array.from({ length: 6 }, () => ({ type: 'password', data: 'a' }));
    expect(() => passwords([one], {}, { credentials: many })).toThrow('cannot be mapped');
  });

  test('comes with the site’s settings and the name its hash depends on', () => {
    const one = {
      format: 'bcrypt',
      columns: { hash: 'h' },
      settings: { pepper: 'p', rounds: 10 },
      username: 'u',
    };
    expect(passwords([one], { h: 'x', u: 'anna' })).toEqual([
      { format: 'bcrypt', columns: { hash: 'x' }, settings: { pepper: 'p', rounds: '10' }, username: 'anna' },
    ]);
  });
});

describe('a second factor', () => {
  const SEED = '12345678901234567890';
  const totp = (settings: object, row: Row, related: Related = {}) =>
    mapped({ totp: settings }, row, { related }).credentials.totp;

  test.each([
    ['base32', 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'],
    ['base32', 'gezd gnbv gy3t qojq gezd gnbv gy3t qojq===='],
    ['hex', '3132333435363738393031323334353637383930'],
    ['base64', 'MTIzNDU2Nzg5MDEyMzQ1Njc4OTA='],
    ['raw', SEED],
    ['raw', Buffer.from(SEED)],
  ])('is read from %s %s', (encoding, stored) => {
    expect(totp({ secret: 's', encoding }, { s: stored })).toEqual({
      secret: Uint8Array.from(Buffer.from(SEED)),
      digits: 6,
      periodSeconds: 30,
      algorithm: 'SHA1',
    });
  });

  test('has the parameters of its row', () => {
    const settings = {
      secret: 's',
      encoding: 'raw',
      digits: 'd',
      periodSeconds: 'p',
      algorithm: { column: 'a' },
    };
    expect(totp(settings, { s: SEED, d: 8n, p: 60, a: 'sha256' })).toMatchObject({
      digits: 8,
      periodSeconds: 60,
      algorithm: 'SHA256',
    });
  });

  test('is none where there is no secret', () => {
    expect(totp({ secret: 's' }, { s: null })).toBeUndefined();
    expect(totp({ secret: 's', when: 'on' }, { s: SEED, on: 0 })).toBeUndefined();
    expect(totp({ secret: 's', from: 'devices' }, {}, { devices: [] })).toBeUndefined();
  });

  test.each([
    ['cannot be decoded', { secret: 's' }, { s: 'not base32!' }],
    ['is hex but said to be base32', { secret: 's' }, { s: '3132333435363738393031323334353637383930' }],
    ['stops in the middle', { secret: 's', encoding: 'base64' }, { s: 'MTIzNDU2Nzg5MDEyMzQ1Njc4OTA*' }],
    ['is too short', { secret: 's', encoding: 'raw' }, { s: '123' }],
    ['is missing though required', { secret: 's', when: 'on' }, { s: null, on: 1 }],
    ['has seven digits', { secret: 's', encoding: 'raw', digits: 'd' }, { s: SEED, d: 7 }],
    ['has no period', { secret: 's', encoding: 'raw', periodSeconds: 'p' }, { s: SEED, p: null }],
    [
      'has an unknown algorithm',
      { secret: 's', encoding: 'raw', algorithm: { column: 'a' } },
      { s: SEED, a: 'MD5' },
    ],
  ])('that %s refuses the record', (_why, settings, row) => {
    const error = refusal({ totp: settings }, row);
    expect(error).toMatchObject({ code: 'mapping_failed', detail: expect.stringMatching(/^totp: /) });
  });
});
