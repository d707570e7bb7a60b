import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect } from 'vitest';
import type { AcceptedFormat } from '../../../src/credentials/accepted-format.ts';
import { FORMATS } from '../../../src/credentials/formats/index.ts';
import type { ParsedHash } from '../../../src/credentials/hash.ts';
import { algorithmOf } from '../../../src/credentials/hash.ts';
import { KNOWN_ANSWERS } from '../../../src/credentials/known-answers.ts';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { prepare } from '../../../src/credentials/preparation.ts';
import { readBack } from '../../../src/credentials/read-back.ts';
import { isRefusal, REASONS } from '../../../src/credentials/reasons.ts';
import { sourceOf } from '../../../src/credentials/source.ts';
import { holdsFor, translateHash } from '../../../src/credentials/translation.ts';
import type { StoredPassword } from '../../../src/user.ts';
import type { Vector } from '../../credentials/vectors.ts';
import { corpus, fixture, storedOf } from '../../credentials/vectors.ts';
import { anyJson, anyText, damaged, fuzz } from '../hostile.ts';

/** Costs that let a hash that damage has made be computed in no time. */
const caps = {
  bcryptCost: 4,
  argon2MemoryKib: 64,
  argon2Passes: 1,
  scryptMemoryKib: 64,
  pbkdf2Iterations: 1_000,
  cryptRounds: 1_000,
};
const decoy = { format: 'generic-hex_md5', columns: { password: '5f4dcc3b5aa765d61d8327deb882cf99' } };
const passwords = openPasswords(passwordSettings.parse({ slots: 1, caps, decoy }));
afterAll(() => passwords.close());

const FAMILIES = [
  'appliances',
  'argon2',
  'aspnet',
  'cms',
  'database',
  'forums',
  'identity-vendors',
  'java',
  'keycloak',
  'node',
  'ruby',
  'shops',
  'windows',
];
const VECTORS: readonly Vector[] = [
  ...FAMILIES.flatMap(fixture),
  ...corpus().flatMap(({ vectors }) => vectors),
];
/** Formats that keep the password itself: there any text is a hash. */
const KEEPS_PASSWORD = /plaintext|clear|noop/;
const ACCEPTED = Object.values<{ accepted: AcceptedFormat; encoded: string | object }>(KNOWN_ANSWERS);

/** A real hash of which one column is damaged. */
const damagedRow: fc.Arbitrary<StoredPassword> = fc
  .constantFrom(
    ...VECTORS.filter(({ columns }) =>
      Object.values(columns).some((value) => typeof value === 'string' && value !== ''),
    ),
  )
  .chain((vector) => {
    const texts = Object.entries(vector.columns).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
    );
    return fc.constantFrom(...texts).chain(([name, text]) =>
      damaged(text).map((value) => ({
        ...storedOf(vector),
        columns: { ...vector.columns, [name]: value },
      })),
    );
  });

const anyRow: fc.Arbitrary<StoredPassword> = fc.record({
  format: fc.constantFrom(...FORMATS.map(({ name }) => name)),
  columns: fc.dictionary(
    fc.constantFrom(
      'password',
      'hash',
      'salt',
      'secretData',
      'credentialData',
      'algorithm',
      'services',
      '__proto__',
    ),
    fc.oneof(anyText(), anyJson, fc.uint8Array({ maxLength: 64 })),
    { maxKeys: 4 },
  ),
  settings: fc.constant({ pepper: 'p', iterations: 1 }),
});

const parsedWith = (format: string, stored: StoredPassword) =>
  FORMATS.find(({ name }) => name === format)?.parse(sourceOf(stored));
const plain = (hash: ParsedHash) => JSON.stringify(hash);

describe('whatever stands in a stored hash', () => {
  fuzz(
    'is parsed to a hash of bounded size or refused with a known reason, and the same each time',
    2_500,
    fc.property(fc.oneof(damagedRow, anyRow), (stored) => {
      const found = parsedWith(stored.format, stored);
      if (found === undefined) return;
      if (isRefusal(found)) expect(Object.keys(REASONS)).toContain(found.reason);
      else {
        expect(plain(found).length).toBeLessThan(200_000);
        expect(plain(found)).toBe(plain(parsedWith(stored.format, stored) as ParsedHash));
      }
    }),
  );

  fuzz(
    'opens with no password that did not open it before',
    1_500,
    fc.asyncProperty(
      damagedRow.filter(({ format }) => !KEEPS_PASSWORD.test(format)),
      fc.string({ maxLength: 8 }),
      async (stored, suffix) => {
        const { verified, reason } = await passwords.verify(stored, `nobody's password ${suffix}`);
        expect(verified).toBe(false);
        expect(reason === undefined || reason in REASONS).toBe(true);
      },
    ),
  );

  fuzz(
    'is recognised by `auto` only as what its own format reads',
    2_000,
    fc.property(damagedRow, (stored) => {
      const identified = passwords.identify({ ...stored, format: 'auto' });
      if (isRefusal(identified)) return;
      expect(isRefusal(parsedWith(identified.format, stored) ?? {})).toBe(false);
    }),
  );
});

/** Of what costs nothing to compute: whether both come to the same with a password that the store leaves as it is. */
async function derivesAlike(hash: ParsedHash, read: ParsedHash, accepted: AcceptedFormat): Promise<boolean> {
  const password = Buffer.from('any password');
  if (!holdsFor(hash, accepted, password)) return true;
  const derived = async (one: ParsedHash) =>
    Buffer.from(await algorithmOf(one).derive(prepare(password, one.preparation), one));
  return (await derived(hash)).equals(await derived(read));
}

/** Whether what is read back derives as what was parsed does; a key may have been cut. */
function isSame(hash: ParsedHash, read: ParsedHash): boolean {
  const digest = Buffer.from(hash.digest).subarray(0, read.digest.length);
  return (
    hash.algorithm === read.algorithm &&
    digest.equals(read.digest) &&
    isDeepStrictEqual(numbersOf(hash), numbersOf(read))
  );
}
const numbersOf = ({ parameters }: ParsedHash) =>
  Object.entries(parameters)
    .filter(([, value]) => typeof value === 'number')
    .toSorted();

describe('what is written for a target', () => {
  fuzz(
    'is read there as the very hash that was parsed, whatever the row held',
    2_500,
    fc.asyncProperty(
      fc.oneof({ weight: 4, arbitrary: damagedRow }, { weight: 1, arbitrary: anyRow }),
      async (stored) => {
        const hash = parsedWith(stored.format, stored);
        if (hash === undefined || isRefusal(hash)) return;
        for (const { accepted } of ACCEPTED) {
          const written = translateHash(hash, [accepted]);
          if (isRefusal(written)) continue;
          const read = readBack(accepted, written.encoded);
          if (isRefusal(read))
            throw new Error(`${accepted.write} cannot read ${JSON.stringify(written.encoded)}`);
          const isCheap = hash.algorithm === 'digest' || hash.algorithm === 'hmac';
          const same = isCheap ? await derivesAlike(hash, read, accepted) : isSame(hash, read);
          expect(same, accepted.write).toBe(true);
          expect(JSON.stringify(written.encoded).length).toBeLessThan(20_000);
        }
      },
    ),
  );

  const encoded = fc
    .constantFrom(...ACCEPTED)
    .chain(({ accepted, encoded }) =>
      damaged(JSON.stringify(encoded)).map((text) => ({ accepted, text, whole: encoded })),
    );
  fuzz(
    'and was changed on the way is another hash, or none',
    2_000,
    fc.property(encoded, ({ accepted, text, whole }) => {
      let given: unknown;
      try {
        given = JSON.parse(text);
      } catch {
        given = text;
      }
      if (typeof given !== 'string' && (typeof given !== 'object' || given === null)) return;
      const read = readBack(accepted, given);
      if (isRefusal(read)) {
        expect(Object.keys(REASONS)).toContain(read.reason);
        return;
      }
      expect(plain(read).length).toBeLessThan(100_000);
      // Of the same bytes only where it says the same: letters of hex are the same in either case.
      if (plain(read) === plain(readBack(accepted, whole) as ParsedHash))
        expect(JSON.stringify(given).length).toBeLessThan(20_000);
    }),
  );
});

describe('a hash for a store', () => {
  const FORMAT_NAMES = [
    'bcrypt',
    'laravel',
    'spring',
    'django',
    'django-bcrypt',
    'pbkdf2',
    'argon2',
    'ldap-crypt-bcrypt',
    'passlib-scrypt',
  ];
  const foreign = fc.oneof(
    damaged(
      '$2a$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
      `$pbkdf2-sha256$29$c2FsdHNhbHQ$${'A'.repeat(43)}`,
    ),
    damaged(
      `$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQxMjM0NTY$${'A'.repeat(43)}`,
      `$scrypt$ln=4,r=1,p=1$c2FsdA$${'A'.repeat(43)}`,
    ),
    anyText(),
  );

  fuzz(
    'from elsewhere is carried as what its format reads, or refused',
    1_500,
    fc.property(fc.constantFrom(...FORMAT_NAMES), foreign, (format, hash) => {
      const carried = passwords.translateFor({ format }, hash);
      if (isRefusal(carried)) {
        expect(Object.keys(REASONS)).toContain(carried.reason);
        return;
      }
      expect(isRefusal(passwords.identify({ format, columns: { hash: carried.encoded } }))).toBe(false);
      expect(carried.encoded.length).toBeLessThan(5_000);
    }),
  );

  fuzz(
    'that is made beside whatever stands there opens with the password, or is not made',
    300,
    fc.asyncProperty(
      fc.constantFrom('ldap', 'ldap-ssha256', 'openldap-ssha512'),
      fc.oneof(damaged(`{SSHA}${Buffer.alloc(28, 7).toString('base64')}`), anyText()),
      async (format, hash) => {
        const made = await passwords.hashFor({ format }, 'Neues Pässwort', {
          stored: [{ format, columns: { userPassword: hash } }],
        });
        if (isRefusal(made)) {
          expect(Object.keys(REASONS)).toContain(made.reason);
          return;
        }
        const { verified } = await passwords.verify(
          { format, columns: { userPassword: made.encoded } },
          'Neues Pässwort',
        );
        expect(verified).toBe(true);
      },
    ),
  );
});
