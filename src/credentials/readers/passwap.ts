/** As ZITADEL's library passwap reads: one verifier per prefix, parameters scanned in one order only. */
import { parseBcrypt, parseDrupal7, parseMd5crypt, parsePhpass, parseShaCrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { adaptedBase64, integer, utf8 } from '../encoding.ts';
import { hashOf } from '../hash.ts';
import { parsePbkdf2 } from '../phc-strings.ts';
import type { TextReader } from '../read-back.ts';
import { refuse } from '../reasons.ts';
import { strictBase64, strictHex } from '../strict-encoding.ts';

const ARGON2 = /^\$argon2(id|i|d)\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/;

export const readArgon2: TextReader = (text) => {
  const [, variant, memory, passes, lanes, salt, digest] = ARGON2.exec(text) ?? [];
  if (variant !== 'id' && variant !== 'i' && variant !== 'd') return refuse('malformed');
  return hashOf(
    'argon2',
    {
      variant,
      version: 0x13,
      memoryKib: integer(memory),
      passes: integer(passes),
      lanes: integer(lanes),
    },
    { salt: strictBase64(salt, false), digest: strictBase64(digest, false) },
  );
};

const readPbkdf2: TextReader = (text) => {
  const [, digest = 'sha1', rounds, salt, key] =
    /^\$pbkdf2(?:-(sha\d+))?\$(\d+)\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  return parsePbkdf2(digest, integer(rounds), { salt: adaptedBase64(salt), digest: adaptedBase64(key) });
};

const readScrypt: TextReader = (text) => {
  const [, log2N, r, p, salt, key] =
    /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  return hashOf(
    'scrypt',
    { log2N: integer(log2N), blockSize: integer(r), parallelism: integer(p) },
    { salt: strictBase64(salt, false), digest: strictBase64(key, false) },
  );
};

function readSaltedMd5(position: 'prefix' | 'suffix'): TextReader {
  return (text) => {
    const [, at, salt, digest] = /^\$md5salted-(prefix|suffix)\$([^$\s]+)\$([^$\s]+)$/.exec(text) ?? [];
    if (at !== position) return refuse('malformed');
    return digestHash('md5', { salt: utf8(salt), digest: strictBase64(digest, true) }, { salt: position });
  };
}

export const passwapReaders = {
  bcrypt: (text) => parseBcrypt(text),
  argon2: readArgon2,
  'pbkdf2-passlib': readPbkdf2,
  'scrypt-passwap': readScrypt,
  phpass: (text) => parsePhpass(text),
  drupal7: (text) => (text.startsWith('$S$') ? parseDrupal7(text) : refuse('malformed')),
  md5crypt: (text) => (text.startsWith('$1$') ? parseMd5crypt(text) : refuse('malformed')),
  sha256crypt: (text) => (text.startsWith('$5$') ? parseShaCrypt(text) : refuse('malformed')),
  sha512crypt: (text) => (text.startsWith('$6$') ? parseShaCrypt(text) : refuse('malformed')),
  md5plain: (text) => digestHash('md5', { digest: text.length === 32 ? strictHex(text) : undefined }),
  'md5salted-prefix': readSaltedMd5('prefix'),
  'md5salted-suffix': readSaltedMd5('suffix'),
} satisfies Record<string, TextReader>;
