/** Servers with users of their own: CouchDB, RabbitMQ, XMPP and Kafka (SCRAM), hMailServer, Jupyter, Sybase ASE. */
import type { DigestName } from '../algorithm.ts';
import { DIGEST_BYTES } from '../algorithm.ts';
import { decoded, documentFormat } from '../columns.ts';
import { digestHash } from '../digests.ts';
import { base64, hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format } from '../format.ts';
import { digestOf, parsePbkdf2 } from '../phc-strings.ts';
import { refuse } from '../reasons.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';
import { parseScram } from '../scram-keys.ts';

const OLD = ['md5', 'sha1', 'sha256', 'sha512'] as const;

/** `_users` documents; the salt's text is the salt. `pbkdf2_prf` came with 3.4. */
const couchdb = [
  documentFormat({
    name: 'couchdb-pbkdf2',
    hash: ['derived_key'],
    read: (text, fields) =>
      parsePbkdf2(
        digestOf(fields('pbkdf2_prf')?.replace(/^sha$/, 'sha1') ?? 'sha1'),
        integer(fields('iterations')),
        {
          salt: utf8(fields('salt')),
          digest: hex(text),
        },
      ),
  }),
  documentFormat({
    name: 'couchdb-simple',
    hash: ['password_sha'],
    read: (text, fields) =>
      digestHash('sha1', { salt: utf8(fields('salt')), digest: hex(text, 20) }, { salt: 'suffix' }),
  }),
  /** The `[admins]` section of its configuration. */
  format({
    name: 'couchdb-admin',
    pattern: /^-pbkdf2-([0-9a-f]{40}),([^,]+),(\d{1,9})$/,
    mark: true,
    read: ([, key, salt, iterations]) =>
      parsePbkdf2('sha1', integer(iterations), { salt: utf8(salt), digest: hex(key) }),
  }),
];

/** Four bytes of salt in front, in the digest's message as well. */
const rabbitmq = (['md5', 'sha256', 'sha512'] as const).map((digest) =>
  format({
    name: `rabbitmq-${digest}`,
    pattern: new RegExp(`^[A-Za-z0-9+/]{${Math.ceil(((DIGEST_BYTES[digest] + 4) * 4) / 3)}}={0,2}$`),
    read([text]) {
      const bytes = base64(text, DIGEST_BYTES[digest] + 4);
      return digestHash(digest, { salt: bytes?.subarray(0, 4), digest: bytes?.subarray(4) });
    },
  }),
);

/** ejabberd and Openfire: keys and salt in base64. Prosody: keys in hex, the salt's text is the salt. */
const scram = (['sha1', 'sha256', 'sha512'] as const).flatMap((digest) => [
  documentFormat({
    name: `ejabberd-scram-${digest}`,
    hash: ['storedkey', 'password'],
    read: (storedKey, fields) =>
      parseScram({ digest, iterations: fields('iterationcount'), salt: fields('salt'), storedKey }),
  }),
  documentFormat({
    name: `prosody-scram-${digest}`,
    hash: ['stored_key'],
    read: (text, fields) =>
      parseScram({
        digest,
        iterations: fields('iteration_count'),
        salt: utf8(fields('salt'))?.toString('base64'),
        storedKey: hex(text, DIGEST_BYTES[digest])?.toString('base64'),
      }),
  }),
]);
const openfire = documentFormat({
  name: 'openfire-scram',
  hash: ['storedKey'],
  read: (storedKey, fields) =>
    parseScram({ digest: 'sha1', iterations: fields('iterations'), salt: fields('salt'), storedKey }),
});

/** ZooKeeper's user configuration. Kafka does not prepare the password. */
const kafka = (['sha256', 'sha512'] as const).map((digest) =>
  format({
    name: `kafka-scram-${digest}`,
    pattern: /^salt=([^,]+),stored_key=([^,]+),server_key=[^,]+,iterations=(\d{1,9})$/,
    read: ([, salt, storedKey, iterations]) => parseScram({ digest, iterations, salt, storedKey }, []),
  }),
);

const jupyter = OLD.map((digest: DigestName) =>
  format({
    name: `jupyter-${digest}`,
    pattern: new RegExp(`^${digest}:([0-9a-f]{1,32}):([0-9a-f]{${2 * DIGEST_BYTES[digest]}})$`),
    read: ([, salt, text]) => digestHash(digest, { salt: utf8(salt), digest: hex(text) }, { salt: 'suffix' }),
  }),
);

/** MongoDB before 3.0. */
const mongodbCr = documentFormat({
  name: 'mongodb-cr',
  hash: ['MONGODB-CR', 'pwd'],
  read(text, _, { username }) {
    if (username === undefined) return refuse('username_missing');
    return digestHash('md5', {
      salt: utf8(`${username}:mongo:`),
      digest: decoded(text, 16),
      caveat: 'username_is_salt',
    });
  },
});

export const serverFormats = [
  ...couchdb,
  anyOf('couchdb', couchdb),
  ...rabbitmq,
  anyOf('rabbitmq', rabbitmq),
  ...scram,
  openfire,
  ...kafka,
  ...jupyter,
  anyOf('jupyter', jupyter),
  mongodbCr,
  /** Six characters of salt in front of the hex text. */
  recipeFormat({
    name: 'hmailserver-sha256',
    pattern: /^([0-9a-f]{6})([0-9a-f]{64})$/i,
    recipe: 'hex(sha256($1 . password)) = $2',
  }),
  /** UTF-16, most significant byte first, filled up to 510 bytes; eight bytes of salt stand in front of the digest. */
  recipeFormat({
    name: 'sybase-ase',
    pattern: /^0xc007([0-9a-f]{16})([0-9a-f]{64})$/i,
    mark: true,
    recipe: 'hex(sha256(pad(utf16be(password), 510) . unhex($1))) = $2',
  }),
];
