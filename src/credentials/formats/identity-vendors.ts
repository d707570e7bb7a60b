/** Identity vendors' import and export objects: Okta, Auth0, Firebase, FusionAuth. */
import { parseBcryptParts } from '../bcrypt-parts.ts';
import type { Fields } from '../columns.ts';
import { decoded, documentFormat, fieldsOf } from '../columns.ts';
import { parseBcrypt, parsePhpass } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { base64, integer } from '../encoding.ts';
import type { Format } from '../format.ts';
import { format } from '../format.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { digestOf, parseArgon2, parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';

type Parsed = ParsedHash | Refusal;

/** A row for each member that differs in its algorithm, and one for all: the document names the algorithm. */
function family(
  names: readonly string[],
  hash: readonly string[],
  read: (text: string, fields: Fields) => Parsed,
): Format[] {
  return names.map((name) => documentFormat({ name, hash, read }));
}

/** Okta's `credentials.password.hash`: bytes in base64, bcrypt's in its own characters. */
function okta(value: string, fields: Fields): Parsed {
  const algorithm = fields('hash.algorithm', 'algorithm')?.toUpperCase() ?? '';
  if (algorithm === 'BCRYPT') {
    return value.startsWith('$2')
      ? parseBcrypt(value)
      : parseBcryptParts(fields('workFactor'), fields('salt'), value);
  }
  const parts = { salt: decoded(fields('salt')), digest: decoded(value) };
  if (algorithm === 'PBKDF2') {
    const digest = fields('digestAlgorithm')?.replace(/_HMAC$/i, '');
    return parsePbkdf2(digest, integer(fields('iterationCount')), parts);
  }
  const digest = digestOf(algorithm);
  if (!digest) return refuse('unsupported_algorithm');
  if (fields('salt') === undefined) return digestHash(digest, { digest: decoded(value) });
  const order = fields('saltOrder');
  if (order !== 'PREFIX' && order !== 'POSTFIX') return refuse('malformed');
  return digestHash(digest, parts, { salt: order === 'PREFIX' ? 'prefix' : 'suffix' });
}

const OKTA = ['md5', 'sha1', 'sha256', 'sha512', 'pbkdf2', 'bcrypt'];

/** FusionAuth's identities: the password and then the salt's bytes, digested `factor` times; HMAC keyed with the salt. */
function fusionauth(text: string, fields: Fields): Parsed {
  const scheme = fields('encryptionScheme') ?? '';
  const factor = fields('factor');
  if (scheme === 'bcrypt') {
    return text.startsWith('$2') ? parseBcrypt(text) : parseBcryptParts(factor, fields('salt'), text);
  }
  if (scheme === 'phpass-md5') return parsePhpass(text);
  const [, pbkdf2, hmac, plain] =
    /^salted-(?:pbkdf2-hmac-(sha\d+).*|hmac-(sha\d+)|(md5|sha\d+))$/.exec(scheme) ?? [];
  const parts = { salt: decoded(fields('salt')), digest: decoded(text) };
  if (pbkdf2) return parsePbkdf2(pbkdf2, integer(factor), parts);
  const digest = digestOf(hmac ?? plain);
  if (!digest) return refuse('unsupported_algorithm');
  if (hmac) return hashOf('hmac', { digest }, parts);
  return digestHash(digest, parts, { salt: 'suffix', iterations: integer(factor) });
}

/** By the scheme's name, for exports that do not keep it. */
const FUSIONAUTH: readonly (readonly [name: string, scheme: string])[] = [
  ['fusionauth-salted-md5', 'salted-md5'],
  ['fusionauth-salted-sha256', 'salted-sha256'],
  ['fusionauth-salted-hmac-sha256', 'salted-hmac-sha256'],
  ['fusionauth-hmac-sha256', 'salted-hmac-sha256'],
  ['fusionauth-pbkdf2', 'salted-pbkdf2-hmac-sha256'],
  ['fusionauth-pbkdf2-sha256', 'salted-pbkdf2-hmac-sha256'],
  ['fusionauth-pbkdf2-sha256-512', 'salted-pbkdf2-hmac-sha256-512'],
  ['fusionauth-pbkdf2-sha512', 'salted-pbkdf2-hmac-sha512-512'],
  ['fusionauth-bcrypt', 'bcrypt'],
  ['fusionauth', 'salted-pbkdf2-hmac-sha256'],
];

const fusionauthRows = FUSIONAUTH.map(([name, scheme]) =>
  documentFormat({
    name,
    hash: ['password', 'passwordHash'],
    read: (text, fields) =>
      fusionauth(
        text,
        (...names) => fields(...names) ?? (names.includes('encryptionScheme') ? scheme : undefined),
      ),
  }),
);

/** Auth0's `custom_password_hash`: every value says its own encoding. */
function auth0Bytes(text: string | undefined, encoding = 'utf8'): Buffer | undefined {
  if (text === undefined) return undefined;
  return encoding === 'hex' || encoding === 'base64' ? decoded(text) : Buffer.from(text, 'utf8');
}

const AUTH0_UTF16 = /^(?:utf16le|ucs2)$/;

function auth0(value: string, fields: Fields): Parsed {
  const algorithm = fields('customPasswordHash.algorithm', 'algorithm')?.toLowerCase() ?? '';
  const isUtf16 = AUTH0_UTF16.test(fields('password.encoding') ?? '');
  const preparation = isUtf16 ? ([{ step: 'utf16le' }] as const) : [];
  if (algorithm === 'bcrypt' || value.startsWith('$2')) return parseBcrypt(value, preparation);
  if (algorithm === 'argon2') return parseArgon2(value, preparation);
  if (algorithm === 'ldap') return auth0Ldap(value);
  const saltText = fields('salt.value');
  const salt = auth0Bytes(saltText, fields('salt.encoding'));
  const parts = { digest: auth0Bytes(value, fields('hash.encoding')), preparation };
  if (algorithm === 'pbkdf2') return auth0Pbkdf2(value, preparation);
  if (algorithm === 'scrypt') {
    const costs = [fields('blockSize') ?? '8', fields('parallelization') ?? '1'] as const;
    return parseScrypt(integer(fields('cost') ?? '16384'), costs, { ...parts, salt });
  }
  const digest = digestOf(algorithm === 'hmac' ? fields('hash.digest') : algorithm);
  if (!digest) return refuse('unsupported_algorithm');
  if (algorithm === 'hmac') {
    return hashOf(
      'hmac',
      { digest },
      { ...parts, salt: auth0Bytes(fields('key.value'), fields('key.encoding')) },
    );
  }
  if (saltText === undefined) return digestHash(digest, parts);
  const position = fields('salt.position') === 'suffix' ? 'suffix' : 'prefix';
  return digestHash(digest, { ...parts, salt }, { salt: position });
}

function auth0Ldap(text: string): Parsed {
  const [, salted, name, value] = /^\{(S?)(MD5|SHA\d*)\}(.+)$/i.exec(text) ?? [];
  const digest = digestOf(name?.toLowerCase() === 'sha' ? 'sha1' : name);
  const bytes = decoded(value);
  if (!digest || !bytes) return refuse('unsupported_algorithm');
  const length = { md5: 16, sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 }[digest];
  const parts = { salt: bytes.subarray(length), digest: bytes.subarray(0, length) };
  return salted || bytes.length === length
    ? digestHash(digest, parts, { salt: 'suffix' })
    : refuse('malformed');
}

const PHC_PBKDF2 = /^\$pbkdf2-(sha\d+|md5)\$(?:i=(\d+),l=\d+\$)?([^$]+)\$([^$]+)$/;

function auth0Pbkdf2(text: string, preparation: readonly { step: 'utf16le' }[]): Parsed {
  const [, digest, iterations = '100000', salt, key] = PHC_PBKDF2.exec(text) ?? [];
  return parsePbkdf2(digest, integer(iterations), { salt: decoded(salt), digest: decoded(key), preparation });
}

const AUTH0 = [
  'auth0',
  'auth0-custom-password-hash',
  ...['argon2', 'hmac', 'ldap', 'md5', 'pbkdf2', 'scrypt', 'sha1', 'sha256', 'sha512'].map(
    (id) => `auth0-${id}`,
  ),
];

/** Firebase's import: `rounds` and the order of salt and password are said once for all users. */
function firebase(algorithm: string) {
  return (text: string, fields: Fields): Parsed => {
    const given = fields('salt', 'passwordSalt');
    const salt = given === undefined ? Buffer.alloc(0) : decoded(given);
    if (!salt) return refuse('malformed');
    const parts = { salt, digest: decoded(text) };
    const rounds = fields('rounds') ?? '1';
    if (algorithm === 'bcrypt')
      return parseBcrypt(text.startsWith('$2') ? text : parts.digest?.toString('utf8'));
    if (algorithm === 'standard-scrypt') {
      const costs = [fields('blockSize') ?? '8', fields('parallelization') ?? '1'] as const;
      return parseScrypt(integer(fields('memCost', 'memoryCost')), costs, parts);
    }
    const [, pbkdf2] = /^pbkdf2?-(sha\d+)$/.exec(algorithm) ?? [];
    if (pbkdf2) return parsePbkdf2(pbkdf2, integer(rounds), parts);
    const order = fields('hashInputOrder', 'inputOrder', 'passwordHashOrder');
    if (salt.length > 0 && order === undefined) return refuse('setting_missing');
    const position = /^SALT/.test(order ?? '') ? 'prefix' : 'suffix';
    const digest = digestOf(algorithm);
    if (!digest) return refuse('unsupported_algorithm');
    // What more rounds digest is not published.
    if (integer(rounds) > 1) return refuse('unsupported_algorithm');
    if (!algorithm.startsWith('hmac')) return digestHash(digest, parts, { salt: position });
    const step = position === 'prefix' ? 'prepend' : 'append';
    const key = decoded(fields('signerKey', 'hashKey', 'key'));
    return hashOf(
      'hmac',
      { digest },
      { salt: key, digest: parts.digest, preparation: [{ step, bytes: salt }] },
    );
  };
}

const FIREBASE = [
  ...['md5', 'sha1', 'sha256', 'sha512'].flatMap((digest) => [digest, `hmac-${digest}`]),
  ...['pbkdf-sha1', 'pbkdf2-sha256', 'bcrypt', 'standard-scrypt'],
].map((algorithm) =>
  documentFormat({ name: `firebase-${algorithm}`, hash: ['passwordHash'], read: firebase(algorithm) }),
);

const firebaseScrypt = format({
  name: 'firebase-scrypt',
  pattern: /^[A-Za-z0-9+/_-]+={0,2}$/,
  settings: ['memCost', 'rounds', 'saltSeparator', 'signerKey'],
  read([text], { salt, setting }) {
    const bytes = (value: string | undefined) => base64(value?.replaceAll('-', '+').replaceAll('_', '/'));
    const signerKey = bytes(setting('signerKey'));
    const saltSeparator = bytes(setting('saltSeparator'));
    if (!signerKey || !saltSeparator) return refuse('malformed');
    return hashOf(
      'firebase-scrypt',
      {
        log2N: integer(setting('memCost')),
        blockSize: integer(setting('rounds')),
        saltSeparator,
        signerKey,
      },
      { salt: bytes(salt), digest: bytes(text) },
    );
  },
});

const FIREBASE_ALL = [firebaseScrypt, ...FIREBASE];

/** The algorithm as the export's hash configuration names it. */
const firebaseAny: Format = {
  name: 'firebase',
  parse(source) {
    const said = fieldsOf(source)('algorithm', 'hashAlgo')?.toLowerCase().replaceAll('_', '-') ?? 'scrypt';
    const row = FIREBASE_ALL.find(({ name }) => name === `firebase-${said}`);
    return row ? row.parse(source) : refuse('unsupported_algorithm');
  },
};

export const identityVendorFormats: readonly Format[] = [
  ...family(['okta', 'okta-import', ...OKTA.map((id) => `okta-${id}-import`)], ['hash.value', 'value'], okta),
  ...fusionauthRows,
  ...family(AUTH0, ['hash.value', 'value', 'passwordHash'], auth0),
  ...FIREBASE_ALL,
  firebaseAny,
];
