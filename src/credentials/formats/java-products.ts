/** Products written in Java that keep users of their own. */
import { DIGEST_BYTES } from '../algorithm.ts';
import { parseBcryptParts } from '../bcrypt-parts.ts';
import { decoded, hashFrom } from '../columns.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { append, digestHash, hexOf, template } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { anyOf, format } from '../format.ts';
import { digestOf, parseArgon2, parsePbkdf2 } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

const BCRYPT = /^\$2.+$/;

/** Crowd, Jira, Confluence: base64(salt (16) ‖ key (32)), PBKDF2-HMAC-SHA1, 10,000 iterations. */
const atlassian = format({
  name: 'atlassian-pkcs5s2',
  pattern: /^\{PKCS5S2\}([A-Za-z0-9+/]{64})$/,
  mark: true,
  read([, text]) {
    const bytes = base64(text, 48);
    return parsePbkdf2('sha1', 10_000, { salt: bytes?.subarray(0, 16), digest: bytes?.subarray(16) });
  },
});

/** `#jbcrypt:…`; `$PBKDF2$HMACSHA512:iterations:salt$key` in hex; before 2011 `salt:hex(sha256(password{salt}))`. */
const jenkins = [
  format({
    name: 'jenkins-bcrypt',
    pattern: /^#jbcrypt:(\$2.+)$/,
    mark: true,
    read: ([, text]) => parseBcrypt(text),
  }),
  format({
    name: 'jenkins-pbkdf2',
    pattern: /^(?:#PBKDF2:|\$PBKDF2)?\$HMACSHA512:(\d+):([0-9a-f]+)\$([0-9a-f]+)$/,
    mark: true,
    read: ([, iterations, salt, key]) =>
      parsePbkdf2('sha512', integer(iterations), { salt: hex(salt), digest: hex(key) }),
  }),
  format({
    name: 'jenkins-sha256',
    pattern: /^([^:]+):([0-9a-f]{64})$/,
    read: ([, salt, key]) =>
      digestHash('sha256', { salt: utf8(`{${salt}}`), digest: hex(key, 32) }, { salt: 'suffix' }),
  }),
];

/** The column `hash_method` says which; SHA-1 digests `--salt--password--`, PBKDF2 keeps `iterations$key`. */
const sonarqube = [
  format({
    name: 'sonarqube-pbkdf2',
    pattern: /^(\d+)\$([A-Za-z0-9+/]+=*)$/,
    read: ([, iterations, key], { salt }) =>
      parsePbkdf2('sha512', integer(iterations), { salt: base64(salt), digest: base64(key) }),
  }),
  format({ name: 'sonarqube-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
  format({
    name: 'sonarqube-sha1',
    pattern: /^[0-9a-f]{40}$/i,
    read: ([text], { salt }) =>
      digestHash(
        'sha1',
        { salt: utf8(salt), digest: hex(text) },
        { message: template`--${'salt'}--${'password'}--` },
      ),
  }),
].map((row) => hashFrom(['crypted_password'], row));

/** hex(sha512(password ‖ salt)), once SHA-1; Argon2id since 2.8. */
const openmrs = (['sha512', 'sha1'] as const).map((digest) =>
  format({
    name: `openmrs-${digest}`,
    pattern: /^[0-9a-f]+$/,
    read: ([text], { salt }) =>
      digestHash(
        digest,
        { salt: utf8(salt ?? ''), digest: hex(text, DIGEST_BYTES[digest]) },
        { salt: 'suffix' },
      ),
  }),
);
const openmrsArgon2 = format({
  name: 'openmrs-argon2',
  pattern: /^\$argon2.+$/,
  read: ([text]) => parseArgon2(text),
});

/** HashCrypt: `$SHA$salt$base64url`, `{SHA}hex`, `{PBKDF2-SHA512}iterations$base64(salt)$key` (MIME: with line ends). */
const ofbiz = [
  format({
    name: 'ofbiz-salted',
    pattern: /^\$((?:SHA|MD5)[-\d]*)\$([^$]*)\$([A-Za-z0-9_.+/-]+)$/,
    read([, name, salt, text]) {
      const digest = digestOf(name === 'SHA' ? 'sha1' : name);
      return digest ? digestHash(digest, { salt: utf8(salt), digest: decoded(text) }) : refuse('malformed');
    },
  }),
  format({
    name: 'ofbiz-sha',
    pattern: /^\{((?:SHA|MD5)[-\d]*)\}([0-9a-f]+)$/i,
    read([, name, text]) {
      const digest = digestOf(name?.toUpperCase() === 'SHA' ? 'sha1' : name);
      return digest ? digestHash(digest, { digest: hex(text, DIGEST_BYTES[digest]) }) : refuse('malformed');
    },
  }),
  format({
    name: 'ofbiz-pbkdf2',
    pattern: /^\{PBKDF2-(SHA\d+)\}(\d+)\$([A-Za-z0-9+/=\s]+)\$([A-Za-z0-9+/=]+)$/,
    mark: true,
    read: ([, digest, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), {
        salt: base64(salt?.replaceAll(/\s/g, '')),
        digest: base64(key),
      }),
  }),
];

/** u32(key bits) ‖ u32(iterations) ‖ salt ‖ key; the key has 160 bits, the salt had 8 bytes and has 16. */
const liferayPbkdf2 = format({
  name: 'liferay-pbkdf2',
  pattern: /^(?:\{PBKDF2WithHmacSHA1[^}]*\})?([A-Za-z0-9+/]+={0,2})$/,
  read([, text]) {
    const bytes = base64(text);
    if (!bytes || bytes.length < 36 || bytes[0] !== 0) return refuse('malformed');
    const saltEnd = bytes.length - bytes.readUInt32BE(0) / 8;
    if (saltEnd < 16 || !Number.isInteger(saltEnd)) return refuse('malformed');
    return parsePbkdf2('sha1', bytes.readUInt32BE(4), {
      salt: bytes.subarray(8, saltEnd),
      digest: bytes.subarray(saltEnd),
    });
  },
});
/** A single digest in base64, for `SSHA` with the salt behind it; `{SHA-256}` and its like in front since 7. */
const liferayDigests = (['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const).map((digest) =>
  format({
    name: `liferay-${digest}`,
    pattern: /^(?:\{(?:MD5|SHA)[-\d]*\})?([A-Za-z0-9+/]+={0,2}|[0-9a-f]+)$/,
    read: ([, text]) => digestHash(digest, { digest: decoded(text, DIGEST_BYTES[digest]) }),
  }),
);
const liferay: Format[] = [
  liferayPbkdf2,
  format({
    name: 'liferay-bcrypt',
    pattern: /^(?:\{BCRYPT[^}]*\})?(\$2.+)$/,
    read: ([, text]) => parseBcrypt(text),
  }),
  format({
    name: 'liferay-ssha',
    pattern: /^(?:\{SSHA\})?([A-Za-z0-9+/]{38,}={0,2})$/,
    read([, text]) {
      const bytes = base64(text);
      const parts = { salt: bytes?.subarray(20), digest: bytes?.subarray(0, 20) };
      return digestHash('sha1', parts, { salt: 'suffix' });
    },
  }),
];

/** Spring's old ShaPasswordEncoder: hex(sha256(password{salt})). */
const alfresco = [
  format({
    name: 'alfresco-sha256',
    pattern: /^[0-9a-f]{64}$/,
    read: ([text], { salt }) =>
      digestHash(
        'sha256',
        { salt: utf8(salt), digest: hex(text) },
        { message: template`${'password'}{${'salt'}}` },
      ),
  }),
  format({ name: 'alfresco-bcrypt10', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
];

/** `bcrypt0:cost:salt:digest` in base64. Its forerunner `bcrypt:` leaves out the password's closing NUL. */
const gerrit = format({
  name: 'gerrit-bcrypt0',
  pattern: /^bcrypt0:(\d{1,2}):([A-Za-z0-9+/]+=*):([A-Za-z0-9+/]+=*)$/,
  mark: true,
  read: ([, cost, salt, digest]) => parseBcryptParts(cost, salt, digest),
});

/** Play's Silhouette: bcrypt over the password's SHA-256 in hex. */
const silhouette = [
  format({ name: 'silhouette-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
  format({
    name: 'silhouette-bcrypt-sha256',
    pattern: BCRYPT,
    read: ([text]) => parseBcrypt(text, [hexOf('sha256')]),
  }),
].map((row) => hashFrom(['password'], row));

/** RuoYi: hex(md5(login name ‖ password ‖ salt)). */
const ruoyi = format({
  name: 'ruoyi-md5',
  pattern: /^[0-9a-f]{32}$/i,
  needsUsername: true,
  read: ([text], { username, salt }) =>
    digestHash('md5', {
      salt: utf8(username),
      digest: hex(text),
      preparation: salt === undefined ? [] : [append(salt)],
    }),
});

/** Elasticsearch's file and native realms; STRETCH digests the password to hex first. */
const elasticsearch = [
  ...(
    [
      ['elasticsearch-pbkdf2', 'PBKDF2', []],
      ['elasticsearch-pbkdf2-stretch', 'PBKDF2_STRETCH', [hexOf('sha512')]],
    ] as const
  ).map(([name, scheme, preparation]) =>
    format({
      name,
      pattern: new RegExp(`^\\{${scheme}\\}(\\d+)\\$([A-Za-z0-9+/]+=*)\\$([A-Za-z0-9+/]+=*)$`),
      mark: true,
      read: ([, iterations, salt, key]) =>
        parsePbkdf2('sha512', integer(iterations), {
          salt: base64(salt),
          digest: base64(key),
          preparation,
        }),
    }),
  ),
  format({
    name: 'elasticsearch-ssha256',
    pattern: /^\{SSHA256\}([A-Za-z0-9+/]{11}=)([A-Za-z0-9+/]{43}=)$/,
    read: ([, salt, key]) =>
      digestHash('sha256', { salt: base64(salt, 8), digest: base64(key, 32) }, { salt: 'suffix' }),
  }),
  format({ name: 'elasticsearch-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
];

export const javaProductFormats = [
  atlassian,
  ...jenkins,
  anyOf('jenkins', jenkins),
  ...sonarqube,
  anyOf('sonarqube', sonarqube),
  ...openmrs,
  openmrsArgon2,
  anyOf('openmrs', [...openmrs, openmrsArgon2]),
  ...ofbiz,
  anyOf('ofbiz', ofbiz),
  ...liferay,
  ...liferayDigests,
  anyOf('liferay', liferay),
  ...alfresco,
  gerrit,
  ...silhouette,
  ruoyi,
  ...elasticsearch,
  anyOf('elasticsearch', elasticsearch),
];
