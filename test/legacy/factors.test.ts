/** Second factors and accounts elsewhere, out of every dress stores keep them in. */
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { findRecoveryCode } from '../../src/credentials/recovery-codes.ts';
import { mapRecord } from '../../src/legacy/mapping.ts';
import { mapping } from '../../src/legacy/mapping-settings.ts';
import { expected, fixture } from './stores.ts';

type Columns = Readonly<Record<string, unknown>>;
function mapped(
  settings: object,
  columns: Columns = {},
  related: Readonly<Record<string, readonly Columns[]>> = {},
) {
  return mapRecord(mapping.parse(settings), {
    sub: 'shop:1',
    row: { id: '1', columns },
    related,
    sparse: false,
    nowMs: 0,
  });
}
const credentials = (...args: Parameters<typeof mapped>) => mapped(...args).credentials;
const refusal = (...args: Parameters<typeof mapped>): string => {
  try {
    mapped(...args);
  } catch (error) {
    return (error as { detail?: string }).detail ?? String(error);
  }
  return 'accepted';
};

const SEEDS = JSON.parse(fixture('encrypted-seeds.json'));
const SEED: string = SEEDS.seed;
const SEED_BYTES = Buffer.from('48656c6c6f21deadbeef48656c6c6f21deadbeef', 'hex');

/** Base 64 with one bit turned in the middle. */
function turned(text: string): string {
  const at = Math.floor(text.length / 2);
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
}

describe('an encrypted seed', () => {
  const { laravel, rails, fernet } = SEEDS;
  const SCHEMES: [string, object, string, string][] = [
    [
      'Laravel’s encrypt',
      { scheme: 'laravel', key: laravel.key },
      laravel.serialised,
      turned(laravel.serialised),
    ],
    [
      'Laravel’s encryptString',
      { scheme: 'laravel', key: laravel.key },
      laravel.plain,
      turned(laravel.plain),
    ],
    [
      'Laravel with AES-128',
      { scheme: 'laravel', key: laravel.key128 },
      laravel.cbc128,
      turned(laravel.cbc128),
    ],
    ['Laravel with GCM', { scheme: 'laravel', key: laravel.key }, laravel.gcm, turned(laravel.gcm)],
    [
      'Rails 7.0',
      { scheme: 'rails', key: rails.key, salt: rails.salt, digest: 'SHA1' },
      rails.sha1,
      rails.sha1.replace(/"p":"./, '"p":"_'),
    ],
    [
      'Rails 7.1',
      { scheme: 'rails', key: rails.key, salt: rails.salt },
      rails.sha256,
      rails.sha256.replace(/"at":"../, '"at":"AA'),
    ],
    ['Fernet', { scheme: 'fernet', key: fernet.key }, fernet.token, turned(fernet.token)],
    [
      'django-fernet-fields',
      { scheme: 'fernet', key: fernet.djangoKey, derivation: 'django-fernet-fields' },
      fernet.djangoToken,
      turned(fernet.djangoToken),
    ],
  ];

  describe.each(SCHEMES)('of %s', (_what, encryption, stored, changed) => {
    const settings = (more: object = {}) => ({
      totp: { secret: 'seed', encryption: { ...encryption, ...more } },
    });

    test('is read', () => {
      expect(credentials(settings(), { seed: stored }).totp?.secret).toEqual(Uint8Array.from(SEED_BYTES));
    });

    test('is read with the older of two keys, and from bytes', () => {
      const { key } = encryption as { key: string };
      const other = turned(key);
      const two = settings({ key: [other, key] });
      expect(credentials(two, { seed: Buffer.from(stored) }).totp?.secret).toEqual(
        Uint8Array.from(SEED_BYTES),
      );
    });

    test.each([
      ['with another key', (key: string) => ({ key: turned(key) }), stored],
      ['with one that is no key', () => ({ key: 'x' }), stored],
      ['when it was changed', () => ({}), changed],
      ['when it was never encrypted', () => ({}), SEED],
    ])('lets nobody in %s', (_when, more, value) => {
      const { key } = encryption as { key: string };
      const why = refusal(settings(more(key)), { seed: value });
      expect(why).toBe('totp: the secret cannot be decrypted with this key');
    });
  });

  test('that Rails compressed is inflated, to a bounded size', () => {
    const encryption = { scheme: 'rails', key: rails.key, salt: rails.salt };
    const settings = { recoveryCodes: { codes: 'codes', encryption } };
    expect(credentials(settings, { codes: rails.compressed }).recoveryCodes).toEqual([
      { code: rails.compressedSeed },
    ]);
  });

  test('that Fortify wrote as recovery codes is a list of them', () => {
    const settings = {
      recoveryCodes: { codes: 'codes', encryption: { scheme: 'laravel', key: laravel.key } },
    };
    expect(credentials(settings, { codes: laravel.codes }).recoveryCodes).toEqual(
      laravel.readableCodes.map((code: string) => ({ code })),
    );
    expect(refusal(settings, { codes: turned(laravel.codes) })).toMatch(/^recoveryCodes: .*decrypted/);
  });
});

describe('a seed as an otpauth URL', () => {
  const totp = { secret: 'url', encoding: 'otpauth' };
  const url = (query: string) => `otpauth://totp/Shop:anna?secret=${SEED}${query}`;

  test('brings its own parameters, and what it does not say comes from the mapping', () => {
    expect(credentials({ totp }, { url: url('&algorithm=sha256&digits=8&period=60') }).totp).toEqual({
      secret: Uint8Array.from(SEED_BYTES),
      algorithm: 'SHA256',
      digits: 8,
      periodSeconds: 60,
    });
    expect(credentials({ totp: { ...totp, digits: 8 } }, { url: url('&issuer=Shop') }).totp).toMatchObject({
      algorithm: 'SHA1',
      digits: 8,
      periodSeconds: 30,
    });
  });

  test.each([
    ['of a counter', `otpauth://hotp/x?secret=${SEED}&counter=1`],
    ['without a secret', 'otpauth://totp/x?issuer=Shop'],
    ['of another kind', `https://totp/x?secret=${SEED}`],
    ['that is none', SEED],
    ['with 7 digits', url('&digits=7')],
    ['with MD5', url('&algorithm=MD5')],
    ['with an odd period', url('&period=1')],
  ])('%s lets nobody in', (_what, value) => {
    expect(refusal({ totp }, { url: value })).toMatch(/^totp: /);
    expect(refusal({ totp }, { url: value })).not.toContain(SEED);
  });
});

describe('seeds of other frameworks', () => {
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

  test.each([
    ['ascii', 'raw'],
    ['hex', 'hex'],
    ['base32', 'base32'],
    ['otpauth_url', 'otpauth'],
  ])('speakeasy’s document is read by its %s', (name, encoding) => {
    const ascii = '12345678901234567890';
    const document = {
      ascii,
      hex: Buffer.from(ascii).toString('hex'),
      base32: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      otpauth_url: 'otpauth://totp/Key?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    };
    const totp = { secret: { column: 'twofa', transform: [{ jsonPath: name }] }, encoding };
    expect(credentials({ totp }, { twofa: document }).totp?.secret).toEqual(bytes(ascii));
  });

  test('Keycloak says by row whether a seed is text or base 32', () => {
    const totp = {
      from: 'credentials',
      secret: { column: 'secret_data', transform: [{ jsonPath: 'value' }] },
      encoding: {
        column: 'credential_data',
        transform: [{ jsonPath: 'secretEncoding' }, { map: { BASE32: 'base32', ODD: 'odd' } }],
        default: 'raw',
      },
    };
    const row = (value: string, data: object) => ({
      secret_data: JSON.stringify({ value }),
      credential_data: JSON.stringify(data),
    });
    const rows = [row('F3HB3DV7AUA7LH3C5OUV', {}), row(SEED, { secretEncoding: 'BASE32' })];
    const found = credentials({ totp }, {}, { credentials: rows });
    expect(found.totp?.secret).toEqual(bytes('F3HB3DV7AUA7LH3C5OUV'));
    expect(found.furtherTotp).toMatchObject([{ secret: Uint8Array.from(SEED_BYTES) }]);
    const odd = [row(SEED, { secretEncoding: 'ODD' })];
    expect(refusal({ totp }, {}, { credentials: odd })).toMatch(/^totp: encoding is none of/);
  });

  test('a second device that cannot be read lets nobody in', () => {
    const totp = { from: 'devices', secret: 'key' };
    expect(refusal({ totp }, {}, { devices: [{ key: SEED }, { key: '!' }] })).toBe(
      'totp: the secret is not base32',
    );
    const many = Array.from({ length: 11 }, () => ({ key: SEED }));
    expect(refusal({ totp }, {}, { devices: many })).toMatch(/more than 10/);
  });
});

describe('passkeys', () => {
  const [stored] = expected('keycloak').flatMap(({ passkeys = [] }) => passkeys);
  const { credential_id: id, public_key_cose: cose, private_key_pem: pem } = stored!;
  const bytes = Buffer.from(cose, 'base64url');
  const key = createPublicKey(pem);
  const rows = { from: 'keys', credentialId: 'id', publicKey: 'key' };
  const first = (settings: object, row: Columns) =>
    credentials({ passkeys: { ...rows, ...settings } }, {}, { keys: [row] }).passkeys?.[0];
  const idBytes = Buffer.from(id, 'base64url');

  test.each<[string, object, Columns]>([
    ['bytes', {}, { id: idBytes, key: bytes }],
    ['base64url', {}, { id, key: cose }],
    ['base 64 with padding', {}, { id: idBytes.toString('base64'), key: bytes.toString('base64') }],
    [
      'hex',
      { encoding: 'hex' },
      { id: idBytes.toString('hex').toUpperCase(), key: `\\x${bytes.toString('hex')}` },
    ],
    ['SPKI', {}, { id, key: key.export({ format: 'der', type: 'spki' }).toString('base64') }],
    ['PEM', {}, { id, key: key.export({ format: 'pem', type: 'spki' }) }],
    ['a JWK', {}, { id, key: key.export({ format: 'jwk' }) }],
    ['a JWK as text', {}, { id, key: JSON.stringify(key.export({ format: 'jwk' })) }],
  ])('come out the same from %s', (_what, settings, row) => {
    expect(first(settings, row)).toEqual({
      credentialId: id,
      publicKey: Uint8Array.from(bytes),
      signCount: 0,
      transports: [],
    });
  });

  test.each<[string, unknown, string[]]>([
    ['a list', ['usb', 'nfc'], ['usb', 'nfc']],
    ['JSON', '["internal", "hybrid"]', ['internal', 'hybrid']],
    ['words in capitals', 'INTERNAL, SMART-CARD', ['internal', 'smart-card']],
    ['unknown ones', ['usb', 'telepathy'], ['usb']],
  ])('have their transports from %s', (_what, transports, wanted) => {
    expect(first({ transports: 'transports' }, { id, key: cose, transports })?.transports).toEqual(wanted);
  });

  test('have counter, domain and user handle as the mapping says', () => {
    const settings = { signCount: 'n', rpId: { value: 'Legacy.Example' }, userHandle: 'h' };
    const more = { signCount: 7, rpId: 'legacy.example', userHandle: 'AQID' };
    expect(first(settings, { id, key: cose, n: '7', h: 'AQID' })).toMatchObject(more);
    const text = { ...settings, userHandleEncoding: 'text' };
    expect(first(text, { id, key: cose, n: 7, h: '42' })?.userHandle).toBe('NDI');
  });

  test('may stand in a JSON list of the user’s row, as document stores have them', () => {
    const list = [
      { id, key: cose, counter: 3 },
      { id: 'AAAA', key: cose },
    ];
    const settings = { each: 'keys', credentialId: 'id', publicKey: 'key', signCount: 'counter' };
    for (const keys of [list, JSON.stringify(list)]) {
      const found = credentials({ passkeys: settings }, { keys }).passkeys;
      expect(found?.map(({ credentialId, signCount }) => [credentialId, signCount])).toEqual([
        [id, 3],
        ['AAAA', 0],
      ]);
    }
    expect(credentials({ passkeys: settings }, { keys: null })).not.toHaveProperty('passkeys');
    expect(refusal({ passkeys: settings }, { keys: 'no list' })).toMatch(/not JSON/);
    expect(refusal({ passkeys: settings }, { keys: '[1]' })).toMatch(/no list of JSON objects/);
  });

  test('are a factor unless the mapping says whose are not', () => {
    const settings = { ...rows, secondFactor: { column: 'two_factor', truthy: true } };
    const related = { keys: [{ id, key: cose }] };
    expect(credentials({ passkeys: rows }, {}, related).passkeyIsFactor).toBe(true);
    expect(credentials({ passkeys: settings }, { two_factor: 0 }, related).passkeyIsFactor).toBe(false);
  });

  test.each<[string, object, Columns]>([
    ['an id that is none', {}, { id: '%%', key: cose }],
    ['a key that is none', {}, { id, key: 'AAAA' }],
    ['a key that is missing', {}, { id, key: null }],
    ['a counter that is none', { signCount: 'n' }, { id, key: cose, n: 'x' }],
    ['hex that is not', { encoding: 'hex' }, { id, key: cose }],
  ])('with %s let nobody in', (_what, settings, row) => {
    const why = refusal({ passkeys: { ...rows, ...settings } }, {}, { keys: [row] });
    expect(why).toMatch(/^passkeys: /);
    expect(why).not.toContain(cose);
  });

  test('are not looked for in two places at once', () => {
    expect(() => mapping.parse({ passkeys: { ...rows, each: 'keys' } })).toThrow('not both');
  });
});

describe('recovery codes', () => {
  const codes = (settings: object, value: unknown) =>
    credentials({ recoveryCodes: { codes: 'codes', ...settings } }, { codes: value }).recoveryCodes;

  test.each<[string, object, unknown]>([
    ['a JSON list', {}, '["one-1","two-2"]'],
    ['a list', {}, ['one-1', 'two-2']],
    ['PHP’s list', {}, 'a:2:{i:0;s:5:"one-1";i:1;s:5:"two-2";}'],
    ['text with separators', { codes: { column: 'codes', transform: [{ split: ';' }] } }, 'one-1;two-2'],
  ])('are read from %s', (_what, settings, value) => {
    expect(codes(settings, value)).toEqual([{ code: 'one-1' }, { code: 'two-2' }]);
  });

  test('may be hashed, with a site-wide setting', () => {
    const settings = { format: 'generic-hex_sha256', settings: { pepper: 'p' } };
    expect(codes(settings, '["aa","bb"]')).toEqual(
      ['aa', 'bb'].map((hash) => ({
        hash: { format: 'generic-hex_sha256', columns: { hash }, settings: { pepper: 'p' } },
      })),
    );
  });

  test('may be hashed by a recipe, as Keycloak does, and open', async () => {
    const hashes = ['K7PQ2MXD', 'AB12CD34'].map((code) => createHash('sha512').update(code).digest('base64'));
    const document = {
      codes: hashes.map((encodedHashedValue, i) => ({ number: i + 1, encodedHashedValue })),
    };
    const settings = {
      codes: { column: 'codes', transform: [{ extract: '"encodedHashedValue":"([^"]+)"' }] },
      recipe: 'base64(sha512(password))',
    };
    const found = codes(settings, JSON.stringify(document)) ?? [];
    const passwords = openPasswords(passwordSettings.parse({}));
    expect(await findRecoveryCode(passwords, found, 'AB12-CD34')).toBe(found[1]);
    expect(await findRecoveryCode(passwords, found, 'AB12CD35')).toBeUndefined();
    await passwords.close();
    const both = { recoveryCodes: { codes: 'codes', format: 'auto', recipe: 'hex(md5(password))' } };
    expect(() => mapping.parse(both)).toThrow('exactly one of format and recipe');
  });

  test('are none where there is nothing, and refused where they are no texts or too many', () => {
    expect(codes({}, null)).toBeUndefined();
    expect(codes({}, '[]')).toBeUndefined();
    const settings = { recoveryCodes: { codes: 'codes' } };
    expect(refusal(settings, { codes: '[{"number":1}]' })).toBe('recoveryCodes: a code is no text');
    expect(refusal(settings, { codes: '["unclosed' })).toMatch(/not JSON/);
    expect(refusal(settings, { codes: Array.from({ length: 51 }, String) })).toMatch(/more than 50/);
  });
});

test('accounts elsewhere come from rows, lists and columns, and a row without an id links nothing', () => {
  const settings = {
    identityProviderLinks: [
      { from: 'links', provider: 'p', userId: 'id', username: 'name' },
      { each: 'social', provider: 'kind', userId: 'uid' },
      { provider: { value: 'facebook' }, userId: 'facebook_id' },
    ],
  };
  const columns = { social: '[{"kind":"github","uid":583231}]', facebook_id: null };
  const links = [
    { p: 'google', id: '1067', name: 'anna@gmail.example' },
    { p: 'google', id: null, name: 'x' },
  ];
  expect(credentials(settings, columns, { links }).identityProviderLinks).toEqual([
    { provider: 'google', userId: '1067', username: 'anna@gmail.example' },
    { provider: 'github', userId: '583231' },
  ]);
});

test('groups and metadata are the target’s, not claims', () => {
  const { user } = mapped(
    { groups: { from: 'groups', column: 'name' }, metadata: { customer: 'nr', none: 'empty' } },
    { nr: 1007, empty: null },
    { groups: [{ name: 'staff' }, { name: 'staff' }, { name: 'board' }] },
  );
  expect(user.groups).toEqual(['staff', 'board']);
  expect(user.metadata).toEqual({ customer: 1007 });
  expect(user.attributes).toEqual({});
  expect(mapped({}).user).not.toHaveProperty('groups');
});

test('the examples of the docs are mappings', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/second-factors.md'), 'utf8');
  const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => parse(text!));
  expect(examples).toHaveLength(6);
  for (const example of examples) expect(mapping.safeParse(example).error?.issues).toBeUndefined();
});
