/** Database servers' own accounts. */
import { documentFormat } from '../columns.ts';
import { digestHash, hexOf, prepend } from '../digests.ts';
import { hex, utf8 } from '../encoding.ts';
import { format, formats } from '../format.ts';
import { hashOf } from '../hash.ts';
import { refuse } from '../reasons.ts';
import { parseScram } from '../scram-keys.ts';

const UTF16 = [{ step: 'utf16le' }] as const;

/**
 * sha256crypt and sha512crypt with 20 bytes of salt, written as such or, as hash crackers do, in hex. `A`: the number
 * is thousands of rounds in hex.
 */
function parseMysqlSha2(rounds: string, salt: Buffer | undefined, digest: Buffer | undefined) {
  const parameters = {
    digest: 'sha256',
    rounds: 1000 * Number.parseInt(rounds, 16),
    saysRounds: false,
  } as const;
  return hashOf('sha-crypt', parameters, { salt, digest });
}

const mysql8 = [
  ...formats(
    [
      'mysql-caching_sha2',
      'mysql8',
      'mysql8-caching_sha2',
      'caching_sha2_password',
      'mysql-caching_sha2_password',
    ],
    {
      pattern: /^\$A\$([0-9A-Fa-f]{3})\$(.{20})([./0-9A-Za-z]{43})$/s,
      mark: true,
      read: ([, rounds = '', salt, digest]) => parseMysqlSha2(rounds, utf8(salt), utf8(digest)),
    },
  ),
  /** `HEX(authentication_string)`, SHOW CREATE USER's `0x…`, and hashcat's `$mysql$A$005*salt*digest`. */
  ...formats(['mysql-caching_sha2-hex', 'mysql8-hex'], {
    pattern:
      /^(?:(?:0x)?2441243([0-9])3([0-9])3([0-9])24|\$mysql\$A\$([0-9A-Fa-f]{3})\*)([0-9A-Fa-f]{40})\*?([0-9A-Fa-f]{86})$/,
    mark: true,
    read: ([, a = '', b = '', c = '', rounds = a + b + c, salt, digest]) =>
      parseMysqlSha2(rounds, hex(salt), hex(digest)),
  }),
  /** The plugin of MySQL 5.6 to 8: five thousand rounds, which its hash does not say. */
  ...formats(['mysql-sha256_password', 'sha256_password'], {
    pattern: /^\$5\$(.{20})\$([./0-9A-Za-z]{43})$/s,
    read: ([, salt, digest]) => parseMysqlSha2('5', utf8(salt), utf8(digest)),
  }),
];

/** MongoDB's `credentials`: of several mechanisms the strongest. SHA-1 takes a digest with the user's name in it. */
const mongodb = [
  'mongodb',
  'mongodb-scram',
  'mongodb-scram-sha-256',
  'mongodb-scram-sha-1',
  'mongodb-scram-sha256',
  'mongodb-scram-sha1',
].map((name) =>
  documentFormat({
    name,
    hash: ['SCRAM-SHA-256.storedKey', 'SCRAM-SHA-1.storedKey', 'storedKey'],
    read(storedKey, fields, { username, columns }) {
      const inDocument = fields('SCRAM-SHA-256.storedKey')
        ? 'SCRAM-SHA-256'
        : fields('SCRAM-SHA-1.storedKey') && 'SCRAM-SHA-1';
      const named = /sha-?1$/.test(name) ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256';
      const mechanism = inDocument ?? fields('mechanism') ?? named;
      const of = (field: string) => fields(`${mechanism}.${field}`, field);
      const keys = { digest: mechanism, iterations: of('iterationCount'), salt: of('salt'), storedKey };
      if (mechanism !== 'SCRAM-SHA-1') return parseScram(keys);
      const user =
        username ?? fields('user') ?? (typeof columns.user === 'string' ? columns.user : undefined);
      if (user === undefined) return refuse('username_missing');
      return parseScram(keys, [prepend(`${user}:mongo:`), hexOf('md5')]);
    },
  }),
);

const scram = [
  ...formats(
    [
      'postgres-scram',
      'postgres_scram',
      'postgres-scram-sha-256',
      'postgres_scram_sha256',
      'postgres-scram-sha256',
      'postgresql-scram-sha-256',
      'scram-sha-256',
    ],
    {
      pattern:
        /^(SCRAM-SHA-256|SCRAM-SHA-1|SCRAM-SHA-512)\$(\d{1,10}):([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2}):([A-Za-z0-9+/]+={0,2})$/,
      mark: true,
      read: ([, digest, iterations, salt, storedKey]) => parseScram({ digest, iterations, salt, storedKey }),
    },
  ),
  ...mongodb,
];

const oracle = [
  /** The user's name is the salt, and capitals all the same to it. */
  ...formats(['oracle10', 'oracle10g', 'passlib-oracle10'], {
    pattern: /^[0-9A-F]{16}$/i,
    needsUsername: true,
    read: ([text], { username = '' }) =>
      hashOf(
        'oracle10',
        {},
        {
          digest: hex(text),
          preparation: [prepend(username), { step: 'uppercase' }, { step: 'utf16be' }],
        },
      ),
  }),
  /** Of several verifiers in `spare4` the one that 12c added. */
  ...formats(['oracle12', 'oracle12c'], {
    pattern: /^(?:.*;)?T:([0-9A-F]{128})([0-9A-F]{32})(?:;.*)?$/i,
    mark: true,
    read: ([, digest, salt]) => hashOf('oracle12', {}, { salt: hex(salt), digest: hex(digest) }),
  }),
];

/** SQL Server. 2000 adds a digest of the password in capitals, which is all it ever compares with. */
const mssql = [
  ...formats(['mssql2000', 'passlib-mssql2000'], {
    pattern: /^0x0100([0-9A-F]{8})[0-9A-F]{40}([0-9A-F]{40})$/i,
    mark: true,
    read: ([, salt, digest]) =>
      digestHash(
        'sha1',
        { salt: hex(salt), digest: hex(digest), preparation: [{ step: 'uppercase' }, ...UTF16] },
        { salt: 'suffix' },
      ),
  }),
  ...formats(['mssql2012', 'mssql2014', 'mssql2016', 'mssql2019', 'mssql'], {
    pattern: /^0x0200([0-9A-F]{8})([0-9A-F]{128})$/i,
    mark: true,
    read: ([, salt, digest]) =>
      digestHash('sha512', { salt: hex(salt), digest: hex(digest), preparation: UTF16 }, { salt: 'suffix' }),
  }),
];

export const databaseFormats = [
  ...mysql8,
  ...scram,
  ...oracle,
  ...mssql,
  format({
    name: 'mysql41',
    pattern: /^\*([0-9A-F]{40})$/i,
    mark: true,
    read: ([, text]) => digestHash('sha1', { digest: hex(text) }, { iterations: 2 }),
  }),
  format({
    name: 'mysql323',
    pattern: /^[0-9a-f]{16}$/i,
    read: ([text]) => hashOf('mysql323', {}, { digest: hex(text), preparation: [{ step: 'remove-blanks' }] }),
  }),
  /** The role's name is the salt. */
  format({
    name: 'postgres_md5',
    pattern: /^md5([0-9a-f]{32})$/,
    needsUsername: true,
    read: ([, text], { username }) =>
      digestHash(
        'md5',
        { salt: utf8(username), digest: hex(text), caveat: 'username_is_salt' },
        { salt: 'suffix' },
      ),
  }),
  format({
    name: 'oracle11',
    pattern: /^S:([0-9A-F]{40})([0-9A-F]{20})(?:;.*)?$/i,
    mark: true,
    read: ([, digest, salt]) =>
      digestHash('sha1', { salt: hex(salt), digest: hex(digest) }, { salt: 'suffix' }),
  }),
  format({
    name: 'mssql2005',
    pattern: /^0x0100([0-9A-F]{8})([0-9A-F]{40})$/i,
    mark: true,
    read: ([, salt, digest]) =>
      digestHash('sha1', { salt: hex(salt), digest: hex(digest), preparation: UTF16 }, { salt: 'suffix' }),
  }),
];
