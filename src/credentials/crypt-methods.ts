/**
 * The methods of crypt(3), as crypt(5) of libxcrypt lists them: what their strings look like, how they are read, and
 * what others call them. Salt and digest stay text unless the method has bytes.
 */

import { cryptBytes, cryptNumber, variableNumbers } from './crypt-encoding.ts';
import { BCRYPT, parseBcrypt, parseMd5crypt, parseShaCrypt } from './crypt-strings.ts';
import { cryptDigit, hex, integer, utf8 } from './encoding.ts';
import { isUnusable } from './format.ts';
import type { ParsedHash } from './hash.ts';
import { hashOf } from './hash.ts';
import type { Refusal } from './reasons.ts';
import { refuse } from './reasons.ts';

export interface CryptMethod {
  /** passlib's name for it, or libxcrypt's where passlib has none. */
  readonly name: string;
  /** libxcrypt's, where it differs, and other ways to say it. */
  readonly others: readonly string[];
  /** Matches the whole string; `read` gets the groups. */
  readonly pattern: RegExp;
  /** What nothing else begins with. */
  readonly mark?: RegExp;
  read(groups: readonly (string | undefined)[]): ParsedHash | Refusal;
}

type DesKind = 'traditional' | 'bigcrypt' | 'crypt16';

function des(kind: DesKind): CryptMethod['read'] {
  return ([, salt, digest]) =>
    hashOf('des-crypt', { kind, count: 25 }, { salt: utf8(salt), digest: utf8(digest) });
}

/** The flavour that YESCRYPT_DEFAULTS is written as, and classic scrypt, the only other that libxcrypt still reads. */
const YESCRYPT_DEFAULTS = 47;
const CLASSIC_SCRYPT = 0;
/** Which of p, t, g and N of the ROM follow; only the first two are ever written. */
const KNOWN_EXTRAS = 3;

function parseYescrypt(text: string | undefined, salt: string | undefined, digest: string | undefined) {
  const [flavour, log2N, blockSize, mask, ...extras] = variableNumbers(text) ?? [];
  if (flavour === undefined || log2N === undefined || blockSize === undefined) return refuse('malformed');
  const has = mask === undefined ? 0 : mask + 1;
  if (has > KNOWN_EXTRAS) return refuse('unsupported_algorithm');
  const [hasP, hasT] = [has & 1, has >> 1];
  if (extras.length !== hasP + hasT) return refuse('malformed');
  const parallelism = hasP ? extras[0]! + 2 : 1;
  const costs = { log2N: log2N + 1, blockSize: blockSize + 1, parallelism };
  const parts = { salt: cryptBytes(salt), digest: cryptBytes(digest) };
  const time = hasT ? extras.at(-1)! + 1 : 0;
  if (flavour === YESCRYPT_DEFAULTS) return hashOf('yescrypt', { ...costs, time }, parts);
  if (flavour === CLASSIC_SCRYPT && time === 0) return hashOf('scrypt', costs, parts);
  return refuse('unsupported_algorithm');
}

const DIGITS = '[./0-9A-Za-z]';
const pattern = (source: string) => new RegExp(`^${source.replaceAll('#', DIGITS)}$`);

/** In the order in which a string is tried: bigcrypt before crypt16, which looks the same. */
export const CRYPT_METHODS: readonly CryptMethod[] = [
  {
    name: 'md5_crypt',
    others: ['md5', 'md5crypt'],
    pattern: /^\$1\$.+$/,
    mark: /^\$1\$/,
    read: ([text]) => parseMd5crypt(text),
  },
  {
    name: 'apr1',
    others: ['apr_md5_crypt', 'apache'],
    pattern: /^\$apr1\$.+$/,
    mark: /^\$apr1\$/,
    read: ([text]) => parseMd5crypt(text),
  },
  {
    name: 'sha256_crypt',
    others: ['sha256', 'sha256crypt', 'sha256-norounds', 'sha256-rounds'],
    pattern: /^\$5\$.+$/,
    mark: /^\$5\$/,
    read: ([text]) => parseShaCrypt(text),
  },
  {
    name: 'sha512_crypt',
    others: ['sha512', 'sha512crypt', 'sha512-norounds', 'sha512-rounds'],
    pattern: /^\$6\$.+$/,
    mark: /^\$6\$/,
    read: ([text]) => parseShaCrypt(text),
  },
  {
    name: 'yescrypt',
    others: [],
    pattern: pattern(String.raw`\$y\$(#+)\$(#*)\$(#{43})`),
    mark: /^\$y\$/,
    read: ([, parameters, salt, digest]) => parseYescrypt(parameters, salt, digest),
  },
  {
    name: 'scrypt',
    others: [],
    pattern: pattern(String.raw`\$7\$(#)(#{5})(#{5})([^$:\n]*)\$(#{43})`),
    mark: /^\$7\$/,
    read: ([, log2N, blockSize, parallelism, salt, digest]) =>
      hashOf(
        'scrypt',
        {
          log2N: cryptDigit(log2N),
          blockSize: cryptNumber(blockSize),
          parallelism: cryptNumber(parallelism),
        },
        { salt: utf8(salt), digest: cryptBytes(digest) },
      ),
  },
  {
    name: 'sha1_crypt',
    others: ['sha1', 'sha1crypt'],
    pattern: pattern(String.raw`\$sha1\$(\d{1,10})\$(#{0,64})\$(#{28})`),
    mark: /^\$sha1\$/,
    read: ([, rounds, salt, digest]) =>
      hashOf('sha1-crypt', { rounds: integer(rounds) }, { salt: utf8(salt), digest: utf8(digest) }),
  },
  {
    name: 'sun_md5_crypt',
    others: ['sunmd5', 'sun_md5', 'sun-md5'],
    // A `$` more before the digest's own belongs to the salt.
    pattern: pattern(String.raw`(\$md5(?:,rounds=(\d{1,10}))?\$[^$:\n]{0,64}\$?)\$(#{22})`),
    mark: /^\$md5[,$]/,
    read: ([, setting, rounds = '0', digest]) =>
      hashOf('sun-md5', { rounds: integer(rounds) }, { salt: utf8(setting), digest: utf8(digest) }),
  },
  {
    // FreeBSD and libxcrypt widen every byte, which is UTF-16 for ASCII only; passlib's `bsd_nthash` is another format.
    name: 'nt',
    others: ['nthash'],
    pattern: /^\$3\$\$([0-9a-f]{32})$/i,
    mark: /^\$3\$\$/,
    read: ([, digest]) =>
      hashOf(
        'md4',
        { kind: 'plain', iterations: 1 },
        { digest: hex(digest), preparation: [{ step: 'widened' }] },
      ),
  },
  {
    name: 'bsdi_crypt',
    others: ['bsdicrypt', 'bsdi'],
    pattern: pattern('_(#{4})(#{4})(#{11})'),
    mark: /^_[./0-9A-Za-z]{19}$/,
    read: ([, count, salt, digest]) =>
      hashOf(
        'des-crypt',
        { kind: 'extended', count: cryptNumber(count) },
        { salt: utf8(salt), digest: utf8(digest) },
      ),
  },
  {
    name: 'des_crypt',
    others: ['des', 'descrypt'],
    pattern: pattern('(#{2})(#{11})'),
    read: des('traditional'),
  },
  {
    name: 'bigcrypt',
    others: [],
    pattern: pattern('(#{2})((?:#{11}){1,16})'),
    read: des('bigcrypt'),
  },
  { name: 'crypt16', others: [], pattern: pattern('(#{2})(#{22})'), read: des('crypt16') },
  {
    name: 'gost-yescrypt',
    others: ['gost_yescrypt', 'gostyescrypt'],
    pattern: /^\$gy\$.+$/,
    mark: /^\$gy\$/,
    read: () => refuse('unsupported_algorithm'),
  },
  {
    name: 'sm3crypt',
    others: ['sm3', 'sm3_crypt', 'sm3-yescrypt'],
    pattern: /^\$sm3(?:y)?\$.+$/,
    mark: /^\$sm3y?\$/,
    read: () => refuse('unsupported_algorithm'),
  },
];

/** Whatever crypt(3) may return. */
export function parseCrypt(text: string | undefined): ParsedHash | Refusal {
  if (text === undefined) return refuse('malformed');
  if (BCRYPT.test(text)) return parseBcrypt(text);
  for (const method of CRYPT_METHODS) {
    const groups = method.pattern.exec(text);
    if (groups) return method.read(groups);
  }
  return refuse(isUnusable(text) ? 'unusable' : 'malformed');
}
