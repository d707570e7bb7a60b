/** Spring Security's `{id}value` (DelegatingPasswordEncoder). Iterations of PBKDF2 come from the encoder's version. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { decoded } from '../columns.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format, formats } from '../format.ts';
import { hashOf } from '../hash.ts';
import { parseArgon2, parsePbkdf2 } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';
import type { Source } from '../source.ts';

/** hex(salt ‖ digest). The encoder's secret is digested as part of the salt. */
function saltedHex(text: string | undefined, saltBytes: number, { setting }: Source) {
  const bytes = hex(text);
  const secret = setting('secret') ?? '';
  const salt = bytes && Buffer.concat([bytes.subarray(0, saltBytes), Buffer.from(secret, 'utf8')]);
  return {
    salt,
    digest: bytes?.subarray(saltBytes),
    caveat: secret ? ('site_key_disclosed' as const) : undefined,
  };
}

const PBKDF2 = [
  ['spring-pbkdf2-v5_5', 'pbkdf2', 'sha1', 185_000, 8],
  ['spring-pbkdf2-v5_8', 'pbkdf2@SpringSecurity_v5_8', 'sha256', 310_000, 16],
] as const;

const pbkdf2 = PBKDF2.map(([name, id, digest, iterations, saltBytes]) =>
  format({
    name,
    pattern: new RegExp(`^\\{${id}\\}([0-9a-f]+)$`),
    mark: true,
    read: ([, text], source) => parsePbkdf2(digest, iterations, saltedHex(text, saltBytes, source)),
  }),
);

/** MessageDigestPasswordEncoder: the salt is digested with its braces, after the password. */
const MESSAGE_DIGESTS: readonly (readonly [id: string, digest: DigestName])[] = [
  ['MD5', 'md5'],
  ['SHA-1', 'sha1'],
  ['SHA-256', 'sha256'],
  ['SHA-512', 'sha512'],
];

const messageDigests = MESSAGE_DIGESTS.map(([id, digest]) =>
  format({
    name: `spring-${id}`,
    pattern: new RegExp(`^\\{${id}\\}(\\{[^}]*\\})?([0-9a-f]+)$`),
    mark: true,
    read: ([, salt = '', text]) =>
      digestHash(digest, { salt: utf8(salt), digest: hex(text) }, { salt: 'suffix' }),
  }),
);

/** `$` hex(log2 N ‖ r ‖ p) `$salt$key`: 16, 8 and 8 bits. */
const scrypt = formats(['spring-scrypt-v4_1', 'spring-scrypt-v5_8'], {
  pattern: /^\{scrypt(?:@SpringSecurity_v5_8)?\}\$([0-9a-f]{1,8})\$([^$]+)\$([^$]+)$/,
  mark: true,
  read([, parameters = '', salt, key]) {
    const bits = Number.parseInt(parameters, 16);
    const costs = { log2N: bits >>> 16, blockSize: (bits >> 8) & 0xff, parallelism: bits & 0xff };
    return hashOf('scrypt', costs, { salt: base64(salt), digest: base64(key) });
  },
});

const members = [
  format({
    name: 'spring-bcrypt',
    pattern: /^\{bcrypt\}(.+)$/,
    mark: true,
    read: ([, text]) => parseBcrypt(text),
  }),
  ...pbkdf2,
  ...scrypt,
  format({
    name: 'spring-argon2-v5_2',
    pattern: /^\{argon2\}(.+)$/,
    mark: true,
    read: ([, text]) => parseArgon2(text),
  }),
  format({
    name: 'spring-argon2-v5_8',
    pattern: /^\{argon2@SpringSecurity_v5_8\}(.+)$/,
    mark: true,
    read: ([, text]) => parseArgon2(text),
  }),
  format({
    name: 'spring-sha256',
    pattern: /^\{sha256\}([0-9a-f]{80})$/,
    mark: true,
    read: ([, text], source) => digestHash('sha256', saltedHex(text, 8, source), { iterations: 1024 }),
  }),
  ...messageDigests,
  format({
    name: 'spring-noop',
    pattern: /^\{noop\}(.+)$/s,
    mark: true,
    read: ([, text]) => hashOf('plaintext', {}, { digest: utf8(text) }),
  }),
];

/** LdapShaPasswordEncoder, in either case: `{SHA}digest`, `{SSHA}` with the salt behind the digest. */
const ldap = format({
  name: 'spring-ldap',
  pattern: /^\{ldap\}\{(S?)SHA\}([A-Za-z0-9+/]+={0,2})$/i,
  mark: true,
  read([, salted, text]) {
    const bytes = base64(text);
    if (!bytes || bytes.length < 20 || bytes.length > 20 !== Boolean(salted)) return refuse('malformed');
    return digestHash(
      'sha1',
      { salt: bytes.subarray(20), digest: bytes.subarray(0, 20) },
      { salt: 'suffix' },
    );
  },
});

/** `{salt}` is digested with its braces, as in the other message digests. */
const md4 = recipeFormat({
  name: 'spring-MD4',
  pattern: /^\{MD4\}(\{[^}]*\})?([0-9a-f]+)$/,
  mark: true,
  recipe: 'hex(md4(password . $1)) = $2',
});

const delegated = [...members, ldap, md4];

/** Encoders used without `{id}`; what their constructors took is a setting. */
const bareDigests = (['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const).map((digest) =>
  format({
    name: `spring-message-digest-${digest}`,
    pattern: /^(\{[^}]*\})?([A-Za-z0-9+/]+={0,2})$/,
    read: ([, salt = '', text], { setting }) =>
      digestHash(
        digest,
        { salt: utf8(salt), digest: decoded(text, DIGEST_BYTES[digest]) },
        { salt: 'suffix', iterations: integer(setting('iterations') ?? '1') },
      ),
  }),
);

/** Before Spring Security 5: password{salt}, the salt from the user (his name, a column); without salt no braces. */
const oldDigests = (['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const).map((digest) =>
  format({
    name: `spring-old-${digest}`,
    pattern: /^[A-Za-z0-9+/]+={0,2}$/,
    read: ([text], { salt, setting, column }) =>
      digestHash(
        digest,
        { salt: utf8(salt ? `{${salt}}` : ''), digest: decoded(text, DIGEST_BYTES[digest]) },
        { salt: 'suffix', iterations: integer(column('iterations') ?? setting('iterations') ?? '1') },
      ),
  }),
);

const barePbkdf2 = (['sha1', 'sha256', 'sha512'] as const).map((digest) =>
  format({
    name: `spring-pbkdf2-${digest}`,
    pattern: /^(?:\{pbkdf2[^}]*\})?([A-Za-z0-9+/]+={0,2})$/,
    settings: ['iterations'],
    read: ([, text], source) => {
      const bytes = decoded(text)?.toString('hex');
      const saltBytes = integer(source.setting('saltLength') ?? '16');
      return parsePbkdf2(digest, integer(source.setting('iterations')), saltedHex(bytes, saltBytes, source));
    },
  }),
);

const standard = format({
  name: 'spring-standard',
  pattern: /^[0-9a-f]{80}$/i,
  read: ([text], source) => digestHash('sha256', saltedHex(text, 8, source), { iterations: 1024 }),
});

const bareScrypt = format({
  name: 'spring-scrypt',
  pattern: /^(?:\{scrypt\})?\$[0-9a-f]{1,8}\$[^$]+\$[^$]+$/,
  read: ([text = ''], source) =>
    scrypt[0]!.parse({ ...source, hash: `{scrypt}${text.replace('{scrypt}', '')}` }),
});

export const springFormats = [
  ...delegated,
  anyOf('spring', delegated),
  ...bareDigests,
  ...oldDigests,
  ...barePbkdf2,
  standard,
  bareScrypt,
];
