/** Home-made schemes on top of a key derivation or a cipher: columns of their own, a pepper, a digest first. */
import type { DecipherGCM } from 'node:crypto';
import { createDecipheriv } from 'node:crypto';
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import type { Fields } from '../columns.ts';
import { decoded, documentFormat } from '../columns.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { append, hexOf, prepend } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { anyOf, format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { parseArgon2, parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import type { PreparationStep } from '../preparation.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';

const DIGESTS = Object.keys(DIGEST_BYTES) as DigestName[];
const HASH = ['hash', 'passwordHash', 'password', 'derivedKey', 'key', 'value', 'pwd'];

/** How the salt's text becomes bytes; the same text means different bytes in each. */
const SALTS: Readonly<Record<string, (text: string | undefined) => Buffer | undefined>> = {
  '': (text) => (text?.startsWith('\\x') ? decoded(text) : utf8(text)),
  '-hex-salt': (text) => decoded(text),
  '-base64-salt': (text) => (text?.startsWith('\\x') ? decoded(text) : base64(text)),
};

const saltOf = (fields: Fields) => fields('salt', 'passwordSalt');
const iterationsOf = (fields: Fields) => integer(fields('iterations', 'iterationCount', 'rounds', 'cost'));

const PEPPERS: Readonly<Record<string, (pepper: string) => PreparationStep>> = {
  '-pepper-prefix': prepend,
  '-pepper-suffix': append,
};

type Prepared = (preparation: readonly PreparationStep[]) => ParsedHash | Refusal;

function withPepper(fields: Fields, step: (pepper: string) => PreparationStep, read: Prepared) {
  const pepper = fields('pepper');
  return pepper === undefined ? refuse('setting_missing') : read([step(pepper)]);
}

const pbkdf2 = DIGESTS.flatMap((digest) =>
  Object.entries(SALTS).flatMap(([suffix, salt]) => {
    const read = (text: string, fields: Fields, preparation: readonly PreparationStep[] = []) =>
      parsePbkdf2(digest, iterationsOf(fields), {
        salt: salt(saltOf(fields)),
        digest: decoded(text),
        preparation,
      });
    const name = `generic-pbkdf2-${digest}${suffix}`;
    return [
      documentFormat({ name, hash: HASH, read: (text, fields) => read(text, fields) }),
      ...Object.entries(PEPPERS).map(([where, step]) =>
        documentFormat({
          name: `${name}${where}`,
          hash: HASH,
          read: (text, fields) => withPepper(fields, step, (steps) => read(text, fields, steps)),
        }),
      ),
    ];
  }),
);

/** Node's defaults unless columns or settings say otherwise. */
const scrypt = Object.entries(SALTS).map(([suffix, salt]) =>
  documentFormat({
    name: `generic-scrypt${suffix}`,
    hash: HASH,
    read: (text, fields) =>
      parseScrypt(
        integer(fields('N', 'cost') ?? '16384'),
        [fields('r', 'blockSize') ?? '8', fields('p', 'parallelization', 'parallelism') ?? '1'],
        { salt: salt(saltOf(fields)), digest: decoded(text) },
      ),
  }),
);

const argon2 = (['id', 'i', 'd'] as const).flatMap((variant) =>
  Object.entries(SALTS).map(([suffix, salt]) =>
    documentFormat({
      name: `generic-argon2${variant}${suffix}`,
      hash: HASH,
      read: (text, fields) =>
        hashOf(
          'argon2',
          {
            variant,
            version: 0x13,
            memoryKib: integer(fields('m', 'memory', 'memoryCost', 'memoryKib')),
            passes: integer(fields('t', 'iterations', 'timeCost', 'passes')),
            lanes: integer(fields('p', 'parallelism', 'lanes', 'threads')),
          },
          { salt: salt(saltOf(fields)), digest: decoded(text) },
        ),
    }),
  ),
);

/** Before bcrypt or Argon2: a digest's text, a pepper, an HMAC under the pepper. */
const PHC = { bcrypt: parseBcrypt, argon2: parseArgon2 } as const;

type Before = readonly [suffix: string, steps: (key: string) => readonly PreparationStep[], setting?: string];

const BEFORE: readonly Before[] = [
  ...DIGESTS.flatMap((digest): Before[] => [
    [digest, () => [hexOf(digest)]],
    [`${digest}-hex`, () => [hexOf(digest)]],
    [`${digest}-base64`, () => [{ step: 'digest', digest, as: 'base64' }]],
    [`hmac-${digest}`, (pepper) => [hmacStep(digest, pepper, 'hex')], 'pepper'],
    [`hmac-${digest}-hex`, (pepper) => [hmacStep(digest, pepper, 'hex')], 'pepper'],
    [`hmac-${digest}-base64`, (pepper) => [hmacStep(digest, pepper, 'base64')], 'pepper'],
  ]),
  ['pepper', (pepper) => [append(pepper)], 'pepper'],
  ['pepper-suffix', (pepper) => [append(pepper)], 'pepper'],
  ['pepper-prefix', (pepper) => [prepend(pepper)], 'pepper'],
  ['salt-suffix', (salt) => [append(salt)], 'salt'],
  ['salt-prefix', (salt) => [prepend(salt)], 'salt'],
];

function hmacStep(digest: DigestName, key: string, as: 'hex' | 'base64'): PreparationStep {
  return { step: 'hmac', digest, key: Buffer.from(key, 'utf8'), as };
}

const prehashed = Object.entries(PHC).flatMap(([algorithm, parse]) =>
  BEFORE.map(([suffix, steps, needed]) =>
    documentFormat({
      name: `generic-${algorithm}-${suffix}`,
      hash: HASH,
      read(text, fields) {
        const key = needed === 'salt' ? saltOf(fields) : fields(needed ?? '');
        if (needed && key === undefined) return refuse(needed === 'salt' ? 'malformed' : 'setting_missing');
        return parse(text, steps(key ?? ''));
      },
    }),
  ),
);

/** Ciphers by the names they have in `generic-<cipher>`, and OpenSSL's; the IV in a column, a setting or in front. */
const CIPHERS: readonly (readonly [name: string, cipher: string, ivBytes: number, keyBytes: number])[] = [
  ...[128, 192, 256].flatMap((bits) =>
    (
      [
        ['cbc', 16],
        ['ecb', 0],
        ['ctr', 16],
        ['gcm', 12],
      ] as const
    ).map(([mode, ivBytes]) => [`aes${bits}${mode}`, `aes-${bits}-${mode}`, ivBytes, bits / 8] as const),
  ),
  ['3descbc', 'des-ede3-cbc', 8, 24],
  ['3desecb', 'des-ede3', 0, 24],
];

/** `key_hex`, or `key` as text or encoded; two-key Triple DES repeats its first half. */
function cipherKey(fields: Fields, length: number): Buffer | undefined {
  const text = fields('keyHex', 'key_hex', 'key', 'encryptionKey');
  const key = [decoded(text, length), utf8(text), decoded(text)].find(
    (bytes) => bytes?.length === length || (length === 24 && bytes?.length === 16),
  );
  return key?.length === 16 && length === 24 ? Buffer.concat([key, key.subarray(0, 8)]) : key;
}

const TAG_BYTES = 16;

/** What the ciphertext hides, or `undefined` where it was not made with this key. */
function deciphered(cipher: string, key: Buffer, iv: Buffer, body: Buffer, tag?: Buffer): Buffer | undefined {
  try {
    const decipher = createDecipheriv(cipher, key, iv.length > 0 ? iv : null);
    if (tag) (decipher as DecipherGCM).setAuthTag(tag);
    const password = Buffer.concat([decipher.update(body), decipher.final()]);
    return password.length > 0 ? password : undefined;
  } catch {
    return undefined;
  }
}

const encrypted = CIPHERS.map(
  ([name, cipher, ivBytes, keyBytes]): Format =>
    documentFormat({
      name: `generic-${name}`,
      hash: ['passwordEnc', 'password_enc', 'encryptedPassword', 'ciphertext', ...HASH],
      read(text, fields) {
        const key = cipherKey(fields, keyBytes);
        if (!key) return refuse('setting_missing');
        const parts = text.split(/[:.$]/).map((part) => decoded(part));
        const separate = fields('iv', 'nonce', 'iv_hex');
        const bytes =
          parts.length === 1 ? parts[0] : Buffer.concat(parts.map((part) => part ?? Buffer.alloc(0)));
        const iv =
          ivBytes === 0 ? Buffer.alloc(0) : (decoded(separate, ivBytes) ?? bytes?.subarray(0, ivBytes));
        const isGlued = ivBytes > 0 && separate === undefined;
        let body = isGlued ? bytes?.subarray(ivBytes) : bytes;
        if (!body || !iv) return refuse('malformed');
        let tag: Buffer | undefined;
        if (cipher.endsWith('gcm')) {
          const column = decoded(fields('tag', 'authTag'), TAG_BYTES);
          // Node's examples write iv:tag:text, Java's and Go's libraries text ‖ tag.
          const isInFront = !column && parts.length === 3;
          tag = column ?? (isInFront ? body.subarray(0, TAG_BYTES) : body.subarray(-TAG_BYTES));
          if (!column) body = isInFront ? body.subarray(TAG_BYTES) : body.subarray(0, -TAG_BYTES);
        }
        return hashOf('plaintext', {}, { digest: deciphered(cipher, key, iv, body, tag) });
      },
    }),
);

/** The IV in a column of its own: compared as a ciphertext, so that nothing is deciphered before a password is right. */
const aes256cbc = format({
  name: 'generic-aes256cbc',
  pattern: /^[A-Za-z0-9+/]+={0,2}$/,
  settings: ['key_hex'],
  read: ([text], { column, setting }) => {
    const key = hex(setting('key_hex'), 32);
    return hashOf('aes-cbc', { key: key! }, { salt: hex(column('iv'), 16), digest: base64(text) });
  },
});

/** `iterations:salt:key` in hex or base64, as the well-known Java, C# and PHP examples of PBKDF2 write it. */
const crackstation = format({
  name: 'generic-pbkdf2-colons',
  pattern: /^(?:(sha\d+):)?(\d+):(?:\d+:)?([^:]+):([^:]+)$/i,
  read: ([, digest = 'sha1', iterations, salt, key]) =>
    parsePbkdf2(digest, integer(iterations), { salt: decoded(salt), digest: decoded(key) }),
});

/** `salt:key` or `key.salt` of Node's scrypt examples; the salt's hex text is the salt, or with `-raw` its bytes. */
const nodeScrypt = (['', '-raw'] as const).flatMap((suffix) =>
  (
    [
      ['node-scrypt-salt-hash', /^([0-9a-f]{16,64})[:.$]([0-9a-f]{64,128})$/i, [1, 2]],
      ['node-scrypt-hash-salt', /^([0-9a-f]{64,128})[:.$]([0-9a-f]{16,64})$/i, [2, 1]],
    ] as const
  ).map(([name, pattern, [salt, key]]) =>
    format({
      name: `${name}${suffix}`,
      pattern,
      read: (groups, { setting }) =>
        parseScrypt(integer(setting('N') ?? '16384'), [setting('r') ?? '8', setting('p') ?? '1'], {
          salt: suffix ? decoded(groups[salt]) : utf8(groups[salt]),
          digest: decoded(groups[key]),
        }),
    }),
  ),
);

export const genericDerivedFormats: readonly Format[] = [
  ...pbkdf2,
  ...scrypt,
  ...argon2,
  ...prehashed,
  ...encrypted.map((row) => (row.name === aes256cbc.name ? anyOf(row.name, [aes256cbc, row]) : row)),
  crackstation,
  ...nodeScrypt,
  anyOf('node-scrypt', nodeScrypt),
];
