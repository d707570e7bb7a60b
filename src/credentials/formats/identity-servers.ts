/** Identity servers' own texts as a source: Ory Kratos, passwap (ZITADEL), Supabase, Clerk, Stytch, cidaas. */
import type { DigestName } from '../algorithm.ts';
import type { MessagePart } from '../algorithms/digest.ts';
import { decoded, documentFormat } from '../columns.ts';
import { parseBcrypt, parseMd5crypt, parsePhpass, parseShaCrypt } from '../crypt-strings.ts';
import { digestHash, hexOf } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { anyOf, format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { digestOf, parseArgon2, parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';

type Groups = readonly (string | undefined)[];
type Parsed = ParsedHash | Refusal;

/** `{SALT}` and `{PASSWORD}` in a template, with fixed text between. */
function messageOf(template: string | undefined): readonly MessagePart[] {
  const pieces = (template ?? '').split(/(\{SALT\}|\{PASSWORD\})/).filter((piece) => piece !== '');
  return pieces.map((piece) => {
    if (piece === '{SALT}') return 'salt';
    return piece === '{PASSWORD}' ? 'password' : Buffer.from(piece, 'utf8');
  });
}

const templated = ([, name, pf, salt, text]: Groups): Parsed => {
  const digest = digestOf(name);
  const message = messageOf(base64(pf)?.toString('utf8'));
  if (!digest || !message.includes('password')) return refuse('malformed');
  return digestHash(digest, { salt: base64(salt), digest: base64(text) }, { message });
};

/** ZITADEL has no such texts; scrypt's `ln` is N itself, and SHA-224 and 384 under PBKDF2 are SHA-3. */
const kratos: Format[] = [
  format({ name: 'kratos-bcrypt', pattern: /^\$2.+$/, read: ([text]) => parseBcrypt(text) }),
  ...['argon2id', 'argon2i'].map((id) =>
    format({
      name: `kratos-${id}`,
      pattern: new RegExp(`^\\$${id}\\$.+$`),
      read: ([text]) => parseArgon2(text),
    }),
  ),
  ...['sha1', 'sha256', 'sha512'].map((digest) =>
    format({
      name: `kratos-pbkdf2-${digest}`,
      pattern: new RegExp(`^\\$pbkdf2-${digest}\\$i=(\\d+),l=\\d+\\$([^$]+)\\$([^$]+)$`),
      mark: true,
      read: ([, iterations, salt, key]) =>
        parsePbkdf2(digest, integer(iterations), { salt: base64(salt), digest: base64(key) }),
    }),
  ),
  format({
    name: 'kratos-scrypt',
    pattern: /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/,
    read: ([, n, r, p, salt, key]) =>
      parseScrypt(integer(n), [r, p], { salt: base64(salt), digest: base64(key) }),
  }),
  format({
    name: 'kratos-firescrypt',
    pattern: /^\$firescrypt\$ln=(\d+),r=(\d+),p=1\$([^$]+)\$([^$]+)\$([^$]*)\$([^$]+)$/,
    mark: true,
    read: ([, log2N, r, salt, key, separator, signer]) =>
      firebaseScrypt({ log2N, r, separator, signer }, salt, key),
  }),
  ...['md5', 'sha1', 'sha256', 'sha512'].map((digest) =>
    format({
      name: `kratos-${digest}`,
      pattern: new RegExp(`^\\$(${digest})\\$pf=([^$]+)\\$([^$]*)\\$([^$]+)$`),
      mark: true,
      read: templated,
    }),
  ),
  format({
    name: 'kratos-md5-plain',
    pattern: /^\$md5\$([A-Za-z0-9+/]{22}==)$/,
    read: ([, text]) => digestHash('md5', { digest: base64(text, 16) }),
  }),
  /** The HMAC's hex text, once more in base64. */
  ...['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'].map((digest) =>
    format({
      name: `kratos-hmac-${digest}`,
      pattern: new RegExp(`^\\$hmac-${digest}\\$([^$]+)\\$([^$]+)$`),
      mark: true,
      read: ([, text, key]) =>
        hashOf(
          'hmac',
          { digest: digest as DigestName },
          { salt: base64(key), digest: hex(base64(text)?.toString('latin1')) },
        ),
    }),
  ),
  ...(
    [
      ['ssha', '', 'sha1', 20],
      ['ssha256', '256', 'sha256', 32],
      ['ssha512', '512', 'sha512', 64],
    ] as const
  ).map(([id, bits, digest, length]) =>
    format({
      name: `kratos-${id}`,
      pattern: new RegExp(`^\\{SSHA${bits}\\}([A-Za-z0-9+/]+={0,2})$`),
      read([, text]) {
        const bytes = base64(text);
        return digestHash(
          digest,
          { salt: bytes?.subarray(length), digest: bytes?.subarray(0, length) },
          { salt: 'suffix' },
        );
      },
    }),
  ),
  ...(
    [
      ['md5', '1', parseMd5crypt],
      ['sha256', '5', parseShaCrypt],
      ['sha512', '6', parseShaCrypt],
    ] as const
  ).map(([id, prefix, parse]) =>
    format({
      name: `kratos-${id}-crypt`,
      pattern: new RegExp(`^\\$${id}-crypt(\\$.+)$`),
      mark: true,
      read: ([, text]) => parse(`$${prefix}${text}`),
    }),
  ),
];

function firebaseScrypt(
  costs: Readonly<Record<'log2N' | 'r' | 'separator' | 'signer', string | undefined>>,
  salt: string | undefined,
  key: string | undefined,
): Parsed {
  const saltSeparator = decoded(costs.separator ?? '');
  const signerKey = decoded(costs.signer);
  if (!saltSeparator || !signerKey) return refuse('malformed');
  const parameters = { log2N: integer(costs.log2N), blockSize: integer(costs.r), saltSeparator, signerKey };
  return hashOf('firebase-scrypt', parameters, { salt: decoded(salt), digest: decoded(key) });
}

const passwap = (['prefix', 'suffix'] as const).map((position) =>
  format({
    name: `passwap-md5salted-${position}`,
    pattern: new RegExp(`^\\$md5salted-${position}\\$([^$]+)\\$([^$]+)$`),
    mark: true,
    read: ([, salt, text]) =>
      digestHash('md5', { salt: utf8(salt), digest: base64(text, 16) }, { salt: position }),
  }),
);

/** Supabase carries Firebase's scrypt with all its parameters. */
const supabase = [
  format({
    name: 'supabase-fbscrypt',
    pattern: /^\$fbscrypt\$(v=1,[^$]+)\$([^$]+)\$(.+)$/,
    mark: true,
    read([, list = '', salt, key]) {
      const values = new Map(
        list.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      );
      const [log2N, r] = [values.get('n'), values.get('r')];
      return firebaseScrypt({ log2N, r, separator: values.get('ss'), signer: values.get('sk') }, salt, key);
    },
  }),
  format({ name: 'supabase-bcrypt', pattern: /^\$2.+$/, read: ([text]) => parseBcrypt(text) }),
  format({ name: 'supabase-argon2', pattern: /^\$argon2.+$/, read: ([text]) => parseArgon2(text) }),
];

/** Clerk's `password_hasher`, each over its `password_digest`. */
const CLERK = new Map<string, (text: string) => Parsed>(
  Object.entries({
    md5: (text) => digestHash('md5', { digest: hex(text, 16) }),
    sha256: (text) => digestHash('sha256', { digest: hex(text, 32) }),
    bcrypt: (text) => parseBcrypt(text),
    bcrypt_sha256_django: (text) => parseBcrypt(text.replace(/^bcrypt_sha256\$/, ''), [hexOf('sha256')]),
    argon2i: (text) => parseArgon2(text),
    argon2id: (text) => parseArgon2(text),
    phpass: (text) => parsePhpass(text),
    pbkdf2_sha256: (text) => clerkPbkdf2('sha256', text, (salt) => base64(salt)),
    pbkdf2_sha256_django: (text) => clerkPbkdf2('sha256', text, utf8),
    pbkdf2_sha1: (text) => clerkPbkdf2('sha1', text, utf8),
    scrypt_firebase(text) {
      const [key, salt, signer, separator, r, log2N] = text.split('$');
      return firebaseScrypt({ log2N, r, separator, signer }, salt, key);
    },
    scrypt_werkzeug(text) {
      const [, n, r, p, salt, key] = /^scrypt:(\d+):(\d+):(\d+)\$([^$]+)\$([0-9a-f]+)$/.exec(text) ?? [];
      return parseScrypt(integer(n), [r, p], { salt: utf8(salt), digest: hex(key) });
    },
  } satisfies Record<string, (text: string) => Parsed>),
);

function clerkPbkdf2(
  digest: string,
  text: string,
  saltOf: (salt: string | undefined) => Buffer | undefined,
): Parsed {
  const [, iterations, salt, key] = /^pbkdf2_\w+\$(\d+)\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  return parsePbkdf2(digest, integer(iterations), { salt: saltOf(salt), digest: decoded(key) });
}

const clerk = [
  ...[...CLERK].map(([hasher, read]) =>
    documentFormat({
      name: `clerk-${hasher}`,
      hash: ['passwordDigest', 'password'],
      read: (text) => read(text),
    }),
  ),
  documentFormat({
    name: 'clerk',
    hash: ['passwordDigest'],
    read: (text, fields) =>
      CLERK.get(fields('passwordHasher') ?? 'bcrypt')?.(text) ?? refuse('unsupported_algorithm'),
  }),
];

/** cidaas's `password_hash_info`: hex, and the key or salt in `hData`. */
const cidaas = documentFormat({
  name: 'cidaas',
  hash: ['passwordHash'],
  read(text, fields) {
    const type = fields('algorithmTypeId', 'algorithm')?.toUpperCase() ?? '';
    if (type.startsWith('BCRYPT')) return parseBcrypt(text);
    if (type.startsWith('ARGON')) return parseArgon2(text);
    const [, hmac, name] = /^(HMAC[-_]?)?(SHA-?\d+|MD5)$/.exec(type) ?? [];
    const digest = digestOf(name);
    if (!digest) return refuse('unsupported_algorithm');
    if (!hmac) return digestHash(digest, { digest: decoded(text) });
    return hashOf('hmac', { digest }, { salt: utf8(fields('key', 'salt')), digest: decoded(text) });
  },
});

export const identityServerFormats: readonly Format[] = [
  ...kratos,
  anyOf('kratos', kratos),
  ...passwap,
  ...supabase,
  anyOf('supabase', supabase),
  ...clerk,
  cidaas,
];
