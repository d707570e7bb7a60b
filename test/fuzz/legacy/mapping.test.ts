import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { isFootbridgeError } from '../../../src/errors.ts';
import { mapRecord } from '../../../src/legacy/mapping.ts';
import { mapping } from '../../../src/legacy/mapping-settings.ts';
import { fixture } from '../../legacy/stores.ts';
import { anyBytes, anyJson, anyText, damaged, fuzz, NAMES } from '../hostile.ts';

const SEEDS = JSON.parse(fixture('encrypted-seeds.json'));
const COLUMNS = ['email', 'name', 'login', 'seed', 'code', 'key', 'at', 'doc', ...NAMES] as const;

/** Every reading of a column that there is. */
const ALL = mapping.parse({
  username: { column: 'login', transform: ['trim', 'lower'] },
  email: 'email',
  emailVerified: { column: 'at', truthy: true },
  phoneNumber: 'code',
  name: { columns: ['name', 'login'], join: ' ' },
  givenName: { column: 'name', transform: ['firstWord'] },
  familyName: { column: 'name', transform: [{ after: ' ' }] },
  locale: 'name',
  zoneinfo: 'name',
  picture: 'doc',
  updatedAt: 'at',
  lastLogin: { column: 'doc', transform: [{ split: ',' }] },
  disabled: { column: 'code', equals: 'x' },
  roles: { column: 'doc', transform: [{ split: ',' }] },
  attributes: { doc: 'doc', inside: { column: 'email', transform: [{ extract: '([a-z]+)@' }] } },
  metadata: { at: { column: 'at', list: true } },
  password: [{ format: 'auto', columns: { hash: 'key', salt: 'seed' } }],
});
const FACTORS = [
  { totp: { secret: 'seed', encoding: { column: 'name' } } },
  { totp: { secret: 'seed', encoding: 'otpauth' } },
  { totp: { secret: 'seed', encryption: { scheme: 'laravel', key: SEEDS.laravel.key } } },
  { totp: { secret: 'seed', encryption: { scheme: 'fernet', key: SEEDS.fernet.key } } },
  { passkeys: { credentialId: 'code', publicKey: 'key', signCount: 'at', transports: 'doc' } },
  {
    passkeys: {
      credentialId: 'code',
      publicKey: 'key',
      encoding: 'hex',
      userHandle: 'doc',
      userHandleEncoding: 'text',
    },
  },
  { recoveryCodes: { codes: 'code' } },
  { identityProviderLinks: [{ provider: { value: 'google' }, userId: 'code' }] },
].map((settings) => mapping.parse(settings));

const GOOD = [
  'otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DP&digits=6&period=30&algorithm=SHA1',
  'JBSWY3DPEHPK3PXPJBSWY3DP',
  SEEDS.laravel.serialised as string,
  'a:2:{i:0;s:3:"one";i:1;s:3:"two";}',
  '["one","two"]',
  '{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}',
  '2024-01-31 12:30:00.123456+01',
  'anna.müller@example.com',
  'de_CH.UTF-8',
];
const DEEP = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
const value = fc.oneof(
  { weight: 6, arbitrary: fc.oneof(damaged(...GOOD), anyText({ maxLength: 60, longest: 6_000 })) },
  { weight: 2, arbitrary: anyJson },
  {
    weight: 2,
    arbitrary: fc.oneof(
      anyBytes(),
      fc.constantFrom(null, undefined, DEEP, 2n ** 70n, Number.NaN, -0, new Date(Number.NaN), true),
    ),
  },
);
const row = fc.record(Object.fromEntries(COLUMNS.map((name) => [name, value])));

/** The entry, or nothing where the record is refused; any other error is thrown. */
function mapped(settings: typeof ALL, columns: object) {
  try {
    const record = {
      sub: 'shop:1',
      row: { id: '1', columns: columns as Readonly<Record<string, unknown>> },
      related: {},
    };
    return mapRecord(settings, { ...record, sparse: true, nowMs: 0 });
  } catch (error) {
    if (isFootbridgeError(error, 'mapping_failed')) return undefined;
    throw error;
  }
}

describe('whatever a record holds', () => {
  fuzz(
    'becomes claims of their types and of bounded length, or is refused',
    600,
    fc.property(row, (columns) => {
      const { user } = mapped(ALL, columns) ?? {};
      if (!user) return;
      const { attributes, metadata, roles, ...claims } = user;
      for (const claim of Object.values(claims))
        expect(['string', 'boolean', 'number']).toContain(typeof claim);
      for (const text of [...Object.values(claims), ...roles].filter((one) => typeof one === 'string')) {
        expect(text.isWellFormed() && !text.includes('\0')).toBe(true);
        expect(text.length).toBeLessThan(10_000);
      }
      expect(JSON.stringify([attributes, metadata]).length).toBeLessThan(100_000);
      expect(user.emailVerified && user.email === undefined).toBe(false);
      if (user.email !== undefined) expect(user.email).toMatch(/^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u);
    }),
  );

  fuzz(
    'is a second factor that can be asked for, or refuses the person',
    800,
    fc.property(fc.constantFrom(...FACTORS), row, (settings, columns) => {
      const { credentials } = mapped(settings, columns) ?? {};
      for (const { secret, digits, periodSeconds } of [credentials?.totp ?? []].flat()) {
        expect(secret.length).toBeGreaterThanOrEqual(10);
        expect([6, 8]).toContain(digits);
        expect(periodSeconds).toBeGreaterThanOrEqual(15);
      }
      for (const { credentialId, signCount } of credentials?.passkeys ?? []) {
        expect(credentialId).toMatch(/^[\w-]+$/);
        expect(Number.isInteger(signCount)).toBe(true);
      }
    }),
  );

  fuzz(
    'a sealed seed of which one letter is another opens to nothing else',
    300,
    fc.property(damaged(SEEDS.laravel.serialised, SEEDS.laravel.plain), (seed) => {
      const [, , laravel] = FACTORS;
      const whole = mapped(laravel!, { seed: SEEDS.laravel.serialised });
      // Nothing at all is nobody's second factor.
      if (seed === '') return;
      const found = mapped(laravel!, { seed });
      // Base 64 can be written in several ways; what is inside is under the MAC.
      if (found) expect(found.credentials).toEqual(whole?.credentials);
    }),
  );
});
