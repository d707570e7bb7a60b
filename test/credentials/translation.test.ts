import { afterAll, describe, expect, test } from 'vitest';
import type { AcceptedFormat } from '../../src/credentials/accepted-format.ts';
import { append, digestHash, hexOf, prepend, template } from '../../src/credentials/digests.ts';
import type { ParsedHash } from '../../src/credentials/hash.ts';
import { hashOf } from '../../src/credentials/hash.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { readBack } from '../../src/credentials/read-back.ts';
import type { Refusal } from '../../src/credentials/reasons.ts';
import { isRefusal } from '../../src/credentials/reasons.ts';
import { holdsFor, translateHash } from '../../src/credentials/translation.ts';
import { HASH_READERS } from '../../src/targets/index.ts';
import { everyHash } from '../targets/target-kind-contract.ts';
import { logsIn } from './target-verifiers.ts';
import { acceptedOf, differences, expectedOf, TARGETS, translated, wanted } from './translations.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

const vectors = everyHash();
const hash = (made: ParsedHash | Refusal) => made as ParsedHash;
const salt = Buffer.from('s4lt');
const md5 = Buffer.from('5f4dcc3b5aa765d61d8327deb882cf99', 'hex');
const kratos = (made: ParsedHash) => translateHash(made, HASH_READERS.kratos.accepts);
const zitadel = (made: ParsedHash) => translateHash(made, HASH_READERS.zitadel.accepts);
const auth0 = (made: ParsedHash) => translateHash(made, HASH_READERS.auth0.accepts);
const patternOf = (made: object) =>
  Buffer.from(/pf=([^$]+)/.exec((made as { encoded: string }).encoded)?.[1] ?? '', 'base64').toString();

describe.each(TARGETS)('a translation for %s', (target) => {
  test('is what the target was seen to read, to the byte, or refused for a reason of that kind', () => {
    expect(vectors.filter((vector) => expectedOf(vector, target)).length).toBeGreaterThan(200);
    expect(differences(passwords, vectors, target)).toEqual([]);
  });

  test('is refused where the target refused the import', () => {
    const refused = vectors.filter((vector) => expectedOf(vector, target)?.accepted_at_import === false);
    for (const vector of refused) {
      expect(translated(passwords, vector, target), vector.id).toHaveProperty('reason', 'target_bounds');
      expect(wanted(expectedOf(vector, target)!)).toBeNull();
    }
    expect(refused.length > 0).toBe(target === 'zitadel' || target === 'kratos');
  });
});

/** One hash a format: the dear ones take their time. */
const oneEach = [...new Map(vectors.map((vector) => [vector.format, vector])).values()];

describe.each(Object.keys(HASH_READERS))('what is written for %s', (target) => {
  test('opens with the password wherever its conditions are met, by a computation of its own', {
    timeout: 240_000,
  }, () => {
    let opened = 0;
    for (const vector of oneEach) {
      const made = translated(passwords, vector, target);
      if (isRefusal(made) || vector.password === null) continue;
      const verdict = logsIn(target, made, vector.password);
      const isConditional = made.caveats?.includes('unchanged_passwords_only') ?? false;
      if (verdict === false) expect(isConditional, vector.id).toBe(true);
      if (verdict) opened += 1;
    }
    expect(opened).toBeGreaterThan(10);
  });

  test('is read back as what was written', () => {
    let read = 0;
    for (const vector of vectors) {
      const made = translated(passwords, vector, target);
      if (isRefusal(made)) continue;
      const accepted = acceptedOf(target, made.format);
      const back = readBack(accepted, made.encoded);
      expect(back, vector.id).not.toHaveProperty('reason');
      // Auth0 has two places for bcrypt: what was moved into one may be written into the other next time.
      const again = translateHash(hash(back), [accepted]);
      expect(again, vector.id).toHaveProperty('format', made.format);
      if ('encoded' in again) expect(readBack(accepted, again.encoded), vector.id).toEqual(back);
      read += 1;
    }
    expect(read).toBeGreaterThan(20);
  });
});

/** Not a realm or a number of rounds, which everybody may know. */
const SECRET = /pepper|key|salt|secret/i;

describe('a site-wide secret', () => {
  /** Base64 in targets' strings hides nothing from whoever reads the target's database. */
  const shown = (back: ParsedHash) => [
    back.salt,
    ...(back.algorithm === 'digest'
      ? back.parameters.message.filter((part) => typeof part !== 'string')
      : []),
  ];

  test('is never written into a hash without being said', () => {
    let said = 0;
    for (const vector of vectors.filter(({ settings }) => settings)) {
      const secrets = Object.entries(vector.settings!).flatMap(([name, value]) =>
        SECRET.test(name) && String(value).length > 4 ? [Buffer.from(String(value))] : [],
      );
      for (const target of Object.keys(HASH_READERS)) {
        const made = translated(passwords, vector, target);
        if (isRefusal(made)) continue;
        const back = hash(readBack(acceptedOf(target, made.format), made.encoded));
        const isShown = shown(back).some((bytes) =>
          secrets.some((secret) => Buffer.from(bytes).includes(secret)),
        );
        if (isShown) expect(made.caveats, vector.id).toContain('site_key_disclosed');
        said += Number(isShown);
      }
    }
    expect(said).toBeGreaterThan(5);
  });
});

describe('a digest over more than salt and password', () => {
  test('is a template for Kratos, in any order', () => {
    const message = template`a-${'password'}-${'salt'}-b${'password'}`;
    expect(patternOf(kratos(hash(digestHash('md5', { salt, digest: md5 }, { message }))))).toBe(
      'a-{PASSWORD}-{SALT}-b{PASSWORD}',
    );
  });

  test('takes what the store puts around every password into the template', () => {
    const preparation = [append('x'), prepend('y'), append('z')];
    const made = digestHash('sha1', { salt, digest: Buffer.alloc(20), preparation }, { salt: 'suffix' });
    expect(patternOf(kratos(hash(made)))).toBe('y{PASSWORD}xz{SALT}');
  });

  test('is refused where fixed text holds a mark that Kratos would replace', () => {
    const message = template`{SALT}${'password'}`;
    expect(kratos(hash(digestHash('sha1', { digest: Buffer.alloc(20) }, { message })))).toMatchObject({
      reason: 'salt_not_representable',
    });
  });

  test('is one salt where a target knows only one side of the password', () => {
    const behind = hash(
      digestHash('md5', { salt, digest: md5, preparation: [append('-pepper')] }, { salt: 'suffix' }),
    );
    expect(zitadel(behind)).toMatchObject({
      encoded: `$md5salted-suffix$-peppers4lt$${md5.toString('base64')}`,
    });
    expect(auth0(behind)).toMatchObject({
      encoded: { custom_password_hash: { salt: { value: '-peppers4lt', position: 'suffix' } } },
    });
  });

  test('is refused there where it stands on both sides', () => {
    const around = hash(digestHash('md5', { salt, digest: md5, preparation: [append('-pepper')] }));
    for (const made of [zitadel(around), auth0(around)]) {
      expect(made).toHaveProperty('reason', 'salt_not_representable');
    }
    expect(patternOf(kratos(around))).toBe('{SALT}{PASSWORD}-pepper');
  });

  test('without a salt in this row is the plain digest', () => {
    const made = hash(digestHash('md5', { salt: Buffer.alloc(0), digest: md5 }));
    expect(zitadel(made)).toMatchObject({ encoded: md5.toString('hex') });
    expect(kratos(made)).toMatchObject({ encoded: `$md5$${md5.toString('base64')}` });
  });

  test.each([
    ['an inner digest', { preparation: [hexOf('md5'), append('-')] }, {}],
    ['UTF-16', { preparation: [{ step: 'utf16le' } as const] }, {}],
    ['more than one round', {}, { iterations: 2 }],
  ])('is refused by all with %s', (_what, parts, construction) => {
    const made = hash(digestHash('md5', { salt, digest: md5, ...parts }, construction));
    for (const { accepts } of Object.values<{ accepts: readonly AcceptedFormat[] }>(HASH_READERS)) {
      expect(translateHash(made, accepts)).toHaveProperty('reason');
    }
  });

  test('of a binary salt is hex for Auth0 and refused by passwap', () => {
    const made = hash(digestHash('md5', { salt: Buffer.from('ff00', 'hex'), digest: md5 }));
    expect(auth0(made)).toMatchObject({
      encoded: { custom_password_hash: { salt: { value: 'ff00', encoding: 'hex' } } },
    });
    expect(zitadel(made)).toHaveProperty('reason', 'salt_not_representable');
  });
});

describe('a target’s own ways', () => {
  const pbkdf2 = (digest: 'sha256' | 'sha384') =>
    hash(
      hashOf(
        'pbkdf2',
        { digest, iterations: 1000 },
        { salt, digest: Buffer.alloc(digest === 'sha256' ? 32 : 48, 7) },
      ),
    );

  test('Kratos is never given the PBKDF2 digests that are SHA-3 there', () => {
    expect(kratos(pbkdf2('sha256'))).toHaveProperty('encoded');
    expect(kratos(pbkdf2('sha384'))).toHaveProperty('reason', 'untranslatable_algorithm');
    expect(zitadel(pbkdf2('sha384'))).toHaveProperty('encoded');
  });

  test('cidaas is given PBKDF2 only once the digest is named, and only that', () => {
    const { accepts } = HASH_READERS.cidaas;
    expect(translateHash(pbkdf2('sha256'), accepts)).toHaveProperty('reason', 'target_unclear');
    const named = { write: 'pbkdf2-cidaas', digest: 'sha256', iterations: [1, 10_000] } as const;
    expect(translateHash(pbkdf2('sha256'), [named])).toMatchObject({
      encoded: {
        algorithmTypeId: 'PBKDF2',
        passwordHash: '07'.repeat(32),
        hData: { salt: 's4lt', iterations: 1000, keylen: 32 },
      },
    });
    expect(translateHash(pbkdf2('sha384'), [named])).toHaveProperty('reason', 'target_unclear');
  });

  test('Keycloak alone takes Argon2 of before 2015', () => {
    const parameters = { variant: 'id', version: 0x10, memoryKib: 65_536, passes: 3, lanes: 1 } as const;
    const old = hash(hashOf('argon2', parameters, { salt: Buffer.alloc(16), digest: Buffer.alloc(32) }));
    const made = translateHash(old, HASH_READERS.keycloak.accepts);
    expect(made).toHaveProperty('encoded.credentialData', expect.stringContaining('"version":["1.0"]'));
    expect(kratos(old)).toHaveProperty('reason', 'target_bounds');
  });

  test('Kratos reads no crypt string without a salt', () => {
    const made = hash(
      hashOf('md5crypt', { magic: '1' }, { salt: Buffer.alloc(0), digest: Buffer.from('x'.repeat(22)) }),
    );
    expect(kratos(made)).toHaveProperty('reason', 'salt_not_representable');
    expect(zitadel(made)).toHaveProperty('encoded');
  });
});

describe('the conditions of a translation', () => {
  const steps = [{ step: 'normalize', form: 'NFC' }, { step: 'escape-html' }] as const;
  const bcrypt = hash(
    hashOf(
      'bcrypt',
      { variant: '2b', cost: 10 },
      { salt: Buffer.from('C'.repeat(22)), digest: Buffer.from('E'.repeat(31)), preparation: steps },
    ),
  );
  const accepted = acceptedOf('kratos', 'bcrypt');
  const holds = (password: string, by = accepted) => holdsFor(bcrypt, by, Buffer.from(password));

  test('are all named, the gravest first', () => {
    expect(kratos(bcrypt)).toMatchObject({
      caveat: 'unchanged_passwords_only',
      caveats: ['unchanged_passwords_only', 'password_length_limited'],
    });
    expect(translateHash({ ...bcrypt, preparation: [] }, HASH_READERS.zitadel.accepts)).not.toHaveProperty(
      'caveats',
    );
  });

  test('are met by a password that the store leaves alone and the target takes', () => {
    expect(holds('correct horse')).toBe(true);
    expect(holds('ä'.repeat(36))).toBe(true);
  });

  test.each([
    ['with a character that is escaped', 'horse & cart'],
    ['that is not normalised', 'a\u0308'],
    ['beyond 72 bytes', 'ä'.repeat(37)],
  ])('are not met by one %s', (_what, password) => {
    expect(holds(password)).toBe(false);
  });

  test('do not limit the length where the target ignores the rest', () => {
    expect(holds('ä'.repeat(37), acceptedOf('zitadel', 'bcrypt'))).toBe(true);
  });
});
