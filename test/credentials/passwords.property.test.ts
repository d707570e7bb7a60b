import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { FORMATS } from '../../src/credentials/formats/index.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { REASONS } from '../../src/credentials/reasons.ts';
import { fixture, storedOf, ZITADEL_READS } from './vectors.ts';

/** Costs that let a hash found by chance be computed in no time. */
const caps = {
  bcryptCost: 4,
  argon2MemoryKib: 64,
  argon2Passes: 1,
  scryptMemoryKib: 64,
  pbkdf2Iterations: 1000,
  cryptRounds: 1000,
};
const decoy = {
  format: 'generic-hex_md5',
  columns: { password: '5f4dcc3b5aa765d61d8327deb882cf99' },
};
const passwords = openPasswords(passwordSettings.parse({ slots: 1, caps, decoy }));
afterAll(() => passwords.close());

/** Formats that keep the password itself: there any text is a hash. */
const KEEPS_PASSWORD = /plaintext|clear|noop/;
const names = [
  'auto',
  'no-such-format',
  ...FORMATS.map(({ name }) => name).filter((name) => !KEEPS_PASSWORD.test(name)),
];

const settings = { pepper: 'p', secret: 's', key_hex: '00', _COOKIE_KEY_: 'k', iterations: 1 };
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.base64String({ maxLength: 200 }));
const value = fc.oneof(text, fc.uint8Array({ maxLength: 64 }), fc.constant(null), fc.integer(), fc.object());
const columns = fc.oneof(
  fc.record({ password: value }),
  fc.record({ password_hash: value, salt: value }),
  fc.record({ secret_data: fc.oneof(fc.json(), value), credential_data: fc.oneof(fc.json(), value) }),
  fc.dictionary(fc.string(), value, { maxKeys: 4 }),
);

/** Real hashes with a piece cut out and another put in: they come far into the parsers. */
const damaged = fc
  .tuple(
    fc.constantFrom(...['django', 'ldap', 'passlib', 'php', 'spring', 'unix'].flatMap(fixture)),
    fc.nat(80),
    fc.nat(4),
    fc.string({ minLength: 1, maxLength: 4 }),
  )
  .map(([vector, at, cut, put]) => {
    const damage = (hash: unknown) =>
      typeof hash === 'string' ? hash.slice(0, at) + put + hash.slice(at + cut) : hash;
    const entries = Object.entries(vector.columns).map(([name, hash]) => [name, damage(hash)]);
    return { ...storedOf(vector), columns: Object.fromEntries(entries) };
  })
  .filter(({ format }) => !KEEPS_PASSWORD.test(format));

describe('whatever the store holds', () => {
  test('a verification answers, and never yes', async () => {
    const stored = fc.record({ format: fc.constantFrom(...names), columns, settings: fc.constant(settings) });
    await fc.assert(
      fc.asyncProperty(fc.oneof(stored, damaged), fc.string(), async (hash, suffix) => {
        const { verified, reason } = await passwords.verify(hash, `nobody's password ${suffix}`);
        expect(verified).toBe(false);
        expect(reason === undefined || reason in REASONS).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test('identifying and translating never throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), columns, (format, hash) => {
        const stored = { format, columns: hash, settings };
        expect(passwords.identify(stored)).toBeTypeOf('object');
        expect(passwords.translate(stored, ZITADEL_READS)).toBeTypeOf('object');
      }),
      { numRuns: 5000 },
    );
  });

  test('any password is answered', async () => {
    const stored = { format: 'generic-hex_md5', columns: { password: '5f4dcc3b5aa765d61d8327deb882cf99' } };
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (password) => {
        const { verified } = await passwords.verify(stored, password);
        expect(verified).toBe(password === 'password');
      }),
    );
  });
});
