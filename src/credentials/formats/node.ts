/** Node frameworks. Several use the hex text of the salt, not the bytes it writes. */
import { parseBcryptParts } from '../bcrypt-parts.ts';
import { decoded, documentFormat } from '../columns.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { hexOf } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { anyOf, format, formats } from '../format.ts';
import { hashOf } from '../hash.ts';
import { digestOf, parameterMap, parseArgon2, parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

const BCRYPT = /^\$2.+$/;

/** With padding, so that it is not taken for crypt(3)'s characters of the same length. */
const asStandard = (text: string | undefined) => text?.padEnd(Math.ceil(text.length / 4) * 4, '=');

/** `crypto.scrypt` with Node's N, r = 16, 64 bytes of key; the password in NFKC. */
const oslo = formats(['better-auth', 'lucia-scrypt'], {
  pattern: /^(?:s2:)?([0-9a-f]{32}|[A-Za-z0-9]{16}):([0-9a-f]{128})$/,
  read: ([, salt, key]) =>
    parseScrypt(16_384, ['16', '1'], {
      salt: utf8(salt),
      digest: hex(key),
      preparation: [{ step: 'normalize', form: 'NFKC' }],
    }),
});

const PASSPORT: readonly (readonly [name: string, digest?: string])[] = [
  ['passport-local-mongoose'],
  ['payload-cms'],
  ...['sha1', 'sha256', 'sha384', 'sha512'].map(
    (digest) => [`passport-local-mongoose-${digest}`, digest] as const,
  ),
];

/** passport-local-mongoose and its heirs; digest, iterations and encoding are options of the plugin. */
const passport = PASSPORT.map(([name, digest]) =>
  format({
    name,
    pattern: /^[A-Za-z0-9+/]{43,1024}={0,2}$/,
    read: ([key], { salt, setting }) =>
      parsePbkdf2(
        setting('digestAlgorithm') ?? digest ?? 'sha256',
        integer(setting('iterations') ?? '25000'),
        { salt: utf8(salt), digest: decoded(key) },
      ),
  }),
);

/** The browser sends the SHA-256 of the password. */
const meteor = [
  format({ name: 'meteor', pattern: BCRYPT, read: ([text]) => parseBcrypt(text, [hexOf('sha256')]) }),
  format({
    name: 'meteor-argon2',
    pattern: /^\$argon2.+$/,
    read: ([text]) => parseArgon2(text, [hexOf('sha256')]),
  }),
];

/** `algorithm$salt$iterations$hex`, HMAC keyed with the salt over the previous hex text; once without iterations. */
const passwordHashOnce = format({
  name: 'password-hash',
  pattern: /^(md5|sha\d+)\$([^$]+)\$(?:1\$)?([0-9a-f]+)$/,
  read([, name, salt, text]) {
    const digest = digestOf(name);
    return digest
      ? hashOf('hmac', { digest }, { salt: utf8(salt), digest: hex(text) })
      : refuse('unsupported_algorithm');
  },
});
const passwordHash: Format[] = [
  passwordHashOnce,
  ...['md5', 'sha1', 'sha256', 'sha512'].map((digest) =>
    recipeFormat({
      name: 'password-hash',
      pattern: new RegExp(`^${digest}\\$([^$]+)\\$(\\d+)\\$([0-9a-f]+)$`),
      recipe: `iterate(int($2), password, hex(hmac_${digest}($1, it))) = $3`,
    }),
  ),
];

/** npm `credential`: a JSON text; the salt's base64 text is the salt. */
const credential = documentFormat({
  name: 'credential',
  hash: ['hash'],
  read: (text, fields) =>
    fields('hashMethod') === 'pbkdf2'
      ? parsePbkdf2('sha1', integer(fields('iterations')), {
          salt: utf8(fields('salt')),
          digest: decoded(text),
        })
      : refuse('malformed'),
});

/** `digest$iterations$length$salt$key` in base64. */
const pbkdf2PasswordHash = format({
  name: 'pbkdf2-password-hash',
  pattern: /^(sha\d+)\$(\d+)\$\d+\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)$/,
  read: ([, digest, iterations, salt, key]) =>
    parsePbkdf2(digest, integer(iterations), { salt: base64(salt), digest: base64(key) }),
});

/** npm `pbkdf2-password`: hash and salt in columns, both in base64. */
const pbkdf2Password = format({
  name: 'pbkdf2-password',
  pattern: /^[A-Za-z0-9+/]+={0,2}$/,
  read: ([key], { salt, setting }) =>
    parsePbkdf2(setting('digest') ?? 'sha1', integer(setting('iterations') ?? '10000'), {
      salt: base64(salt),
      digest: base64(key),
    }),
});

/** npm `easy-pbkdf2`: the salt column is `iterations.digest.salt`, in hex and base64; before 1.0 without the digest. */
const easyPbkdf2 = format({
  name: 'easy-pbkdf2',
  pattern: /^[A-Za-z0-9+/]+={0,2}$/,
  read([key], { salt: column }) {
    const [, iterations = '', digest = 'sha1', salt] =
      /^([0-9a-f]+)\.(?:(\w+)\.)?(.+)$/i.exec(column ?? '') ?? [];
    return parsePbkdf2(digest, Number.parseInt(iterations, 16), { salt: utf8(salt), digest: base64(key) });
  },
});

/** The scrypt file header: magic, log2 N, r, p, salt and checksum, under an HMAC with half of the derived key. */
const scryptKdf = ['base64', 'hex'].map((encoding) =>
  recipeFormat({
    name: 'scrypt-kdf',
    pattern: encoding === 'base64' ? /^c2NyeXB0[A-Za-z0-9+/]{120}$/ : /^736372797074[0-9a-f]{180}$/i,
    mark: true,
    recipe: `hmac_sha256(slice(scrypt(password, slice(un${encoding}(hash), 16, 32), pow2(uint_be(slice(un${encoding}(hash), 7, 1))), uint_be(slice(un${encoding}(hash), 8, 4)), uint_be(slice(un${encoding}(hash), 12, 4)), 64), 32), slice(un${encoding}(hash), 0, 64)) = slice(un${encoding}(hash), 64)`,
  }),
);

/** The @phc packages: parameters by name, base64 without padding. */
const phc = [
  format({
    name: 'phc-pbkdf2',
    pattern: /^\$pbkdf2-(sha\d+)\$i=(\d+)\$([^$]+)\$([^$]+)$/,
    mark: true,
    read: ([, digest, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: base64(salt), digest: base64(key) }),
  }),
];

const BARE_BCRYPT = [
  ...['strapi', 'ghost', 'loopback', 'parse-server', 'keystone', 'feathers', 'sails', 'n8n', 'bcrypt-nodejs'],
  ...['waterlock', 'cal-com', 'medusa-bcrypt'],
];

/** `password` in Rocket.Chat's documents is Meteor's. */
const rocketchat = format({
  name: 'rocketchat',
  pattern: BCRYPT,
  read: ([text]) => parseBcrypt(text, [hexOf('sha256')]),
});

export const nodeFormats = [
  ...oslo,
  ...passport,
  format({
    name: 'adonis-scrypt',
    pattern: /^\$scrypt\$(n=[^$]+)\$([^$]+)\$([^$]+)$/,
    mark: true,
    read([, list, salt, key]) {
      const parameters = parameterMap(list);
      return parseScrypt(integer(parameters?.get('n')), [parameters?.get('r'), parameters?.get('p')], {
        salt: base64(salt),
        digest: base64(key),
      });
    },
  }),
  format({ name: 'adonis-argon2', pattern: /^\$argon2.+$/, read: ([text]) => parseArgon2(text) }),
  /** The Node manual's example: `hex(key).hex(salt)` with the default costs. */
  format({
    name: 'node-scrypt-hex',
    pattern: /^([0-9a-f]{128})\.([0-9a-f]{16,64})$/,
    read: ([, key, salt]) => parseScrypt(16_384, ['8', '1'], { salt: utf8(salt), digest: hex(key) }),
  }),
  ...meteor,
  rocketchat,
  anyOf('password-hash', passwordHash),
  credential,
  pbkdf2PasswordHash,
  pbkdf2Password,
  easyPbkdf2,
  anyOf('scrypt-kdf', scryptKdf),
  ...phc,
  /** AdonisJS’s bcrypt: crypt(3)'s cost, and its bytes in plain base64. */
  format({
    name: 'adonis-bcrypt',
    pattern: /^\$bcrypt\$v=\d{1,3}\$r=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{31})$/,
    mark: true,
    read: ([, cost, salt, key]) => parseBcryptParts(cost, asStandard(salt), asStandard(key)),
  }),
  format({
    name: 'passport-sequelize-pbkdf2',
    pattern: /^[0-9a-f]{1024}$/,
    read: ([text], { salt }) => parsePbkdf2('sha1', 12_000, { salt: utf8(salt), digest: hex(text) }),
  }),
  /** `key|N|r|p`; the salt's hex text is the salt. */
  format({
    name: 'redwoodjs-scrypt',
    pattern: /^([0-9a-f]{64})\|(\d{1,8})\|(\d{1,3})\|(\d{1,3})$/,
    read: ([, key, n, r, p], { salt }) =>
      parseScrypt(integer(n), [r, p], { salt: utf8(salt), digest: hex(key) }),
  }),
  ...formats(BARE_BCRYPT, { pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
  ...formats(['directus', 'medusa-argon2', 'lucia-argon2'], {
    pattern: /^\$argon2.+$/,
    read: ([text]) => parseArgon2(text),
  }),
];
