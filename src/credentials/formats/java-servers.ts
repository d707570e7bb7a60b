/** Application servers of the Java world: Tomcat, Jetty, WildFly and Elytron, GlassFish. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { parseBcryptParts } from '../bcrypt-parts.ts';
import { decoded, documentFormat } from '../columns.ts';
import { digestHash } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { hashOf } from '../hash.ts';
import { digestOf, parsePbkdf2 } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

const DIGESTS = Object.keys(DIGEST_BYTES) as DigestName[];

/** MessageDigestCredentialHandler: `hex(salt)$iterations$hex(digest)`, or the digest alone. */
const tomcatDigests = DIGESTS.map((digest) =>
  format({
    name: `tomcat-${digest}`,
    pattern: /^(?:([0-9a-f]*)\$(\d+)\$)?([0-9a-f]+)$/i,
    read: ([, salt = '', iterations = '1', text]) =>
      digestHash(
        digest,
        { salt: hex(salt), digest: hex(text, DIGEST_BYTES[digest]) },
        { iterations: integer(iterations) },
      ),
  }),
);

/** SecretKeyCredentialHandler, by default with SHA-1: the digest is its configuration's. */
const tomcatPbkdf2 = DIGESTS.map((digest) =>
  format({
    name: `tomcat-pbkdf2-${digest}`,
    pattern: /^([0-9a-f]+)\$(\d+)\$([0-9a-f]+)$/i,
    read: ([, salt, iterations, text]) =>
      parsePbkdf2(digest, integer(iterations), { salt: hex(salt), digest: hex(text) }),
  }),
);

/** `{MD5}` and `{SHA}` over base64, `{SSHA}` over base64(digest ‖ salt). */
const tomcatLdap = format({
  name: 'tomcat-ldap',
  pattern: /^\{(MD5|SHA|SSHA)\}(.+)$/,
  read([, scheme, text]) {
    const digest = scheme === 'MD5' ? 'md5' : 'sha1';
    const bytes = base64(text);
    const length = DIGEST_BYTES[digest];
    if (!bytes || (scheme !== 'SSHA' && bytes.length !== length)) return refuse('malformed');
    return digestHash(
      digest,
      { salt: bytes.subarray(length), digest: bytes.subarray(0, length) },
      { salt: 'suffix' },
    );
  },
});

/** Jetty's obfuscation: four digits in base 36 for a character and its mirror image, five after `U` for a lone byte. */
function deobfuscated(text: string): Buffer | undefined {
  if (!/^(?:U[0-9a-z]{4}|[0-9a-z]{4})+$/.test(text)) return undefined;
  const digits = text.match(/U?[0-9a-z]{4}/g) ?? [];
  const bytes = digits.map((group) => {
    const value = Number.parseInt(group.replace('U', ''), 36);
    return group.startsWith('U') ? value >> 8 : (Math.floor(value / 256) + (value % 256) - 254) / 2;
  });
  return Buffer.from(bytes.map((byte) => byte & 0xff));
}

const jettyObfuscated = format({
  name: 'jetty-obf',
  pattern: /^OBF:(.+)$/,
  mark: true,
  read: ([, text = '']) => hashOf('plaintext', {}, { digest: deobfuscated(text) }),
});

/** Jetty takes ISO 8859-1. */
const jettyMd5 = recipeFormat({
  name: 'jetty-md5',
  pattern: /^MD5:([0-9a-f]{32})$/i,
  recipe: 'hex(md5(latin1(password))) = $1',
});

/** GlassFish's file realm: `{SSHA}` is LDAP's; `{SSHA256}` digests a hundred times. */
const glassfish = (
  [
    ['ssha', 'SSHA', 'sha1', 1],
    ['ssha256', 'SSHA256', 'sha256', 100],
  ] as const
).map(([id, scheme, digest, iterations]) =>
  format({
    name: `glassfish-${id}`,
    pattern: new RegExp(`^\\{${scheme}\\}(.+)$`),
    read([, text]) {
      const bytes = base64(text);
      const length = DIGEST_BYTES[digest];
      return digestHash(
        digest,
        { salt: bytes?.subarray(length), digest: bytes?.subarray(0, length) },
        { salt: 'suffix', iterations },
      );
    },
  }),
);

/** WildFly's property realms (and HTTP Digest): hex(md5(user:realm:password)). */
const wildflyProperties = format({
  name: 'wildfly-properties',
  pattern: /^[0-9a-f]{32}$/i,
  needsUsername: true,
  read: ([text], { username, column, setting }) => {
    const realm = column('realm') ?? setting('realm') ?? 'ManagementRealm';
    return digestHash('md5', { salt: utf8(`${username}:${realm}:`), digest: hex(text, 16) });
  },
});

/** Elytron's JDBC realm: mappers read digest, salt and iterations from columns, in hex or base64. */
const elytronBcrypt = documentFormat({
  name: 'elytron-bcrypt',
  hash: ['password', 'hash'],
  read: (text, fields) => {
    const bytes = (value: string | undefined) => decoded(value)?.toString('base64');
    return parseBcryptParts(
      fields('iterationCount', 'iterations', 'cost'),
      bytes(fields('salt')),
      bytes(text),
    );
  },
});

const elytronSalted = DIGESTS.flatMap((digest) =>
  (['password-salt', 'salt-password'] as const).map((order) =>
    documentFormat({
      name: `elytron-${order}-digest-${digest}`,
      hash: ['password', 'hash'],
      read: (text, fields) =>
        digestHash(
          digest,
          { salt: decoded(fields('salt')), digest: decoded(text, DIGEST_BYTES[digest]) },
          { salt: order === 'password-salt' ? 'suffix' : 'prefix' },
        ),
    }),
  ),
);

const elytronSimple = DIGESTS.map((digest) =>
  documentFormat({
    name: `elytron-simple-digest-${digest}`,
    hash: ['password', 'hash'],
    read: (text) => digestHash(digest, { digest: decoded(text, DIGEST_BYTES[digest]) }),
  }),
);

/** Vert.x: `$sha512$$salt$digest` and `$pbkdf2$it=…$salt$key` of its hashing strategies, base64 without padding. */
const vertx = format({
  name: 'vertx',
  pattern: /^\$(md5|sha1|sha256|sha512|pbkdf2)\$([^$]*)\$([^$]*)\$([^$]+)$/,
  read([, id, parameters = '', salt, text]) {
    const parts = { salt: decoded(salt), digest: decoded(text) };
    const [, iterations] = /(?:^|,)it=(\d+)/.exec(parameters) ?? [];
    if (id === 'pbkdf2') return parsePbkdf2('sha512', integer(iterations ?? '10000'), parts);
    const digest = digestOf(id);
    return digest ? digestHash(digest, parts) : refuse('unsupported_algorithm');
  },
});

export const javaServerFormats = [
  ...tomcatDigests,
  ...tomcatPbkdf2,
  tomcatLdap,
  anyOf('tomcat', [...tomcatDigests, tomcatLdap]),
  jettyObfuscated,
  jettyMd5,
  anyOf('jetty', [jettyObfuscated, jettyMd5]),
  ...glassfish,
  anyOf('glassfish', glassfish),
  wildflyProperties,
  elytronBcrypt,
  ...elytronSalted,
  ...elytronSimple,
  vertx,
];
