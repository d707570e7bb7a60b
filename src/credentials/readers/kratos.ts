/** As Ory Kratos' hash package reads (`hash_comparator.go`): parts between `$`, base64 without stray bits. */
import { DIGEST_BYTES } from '../algorithm.ts';
import type { MessagePart } from '../algorithms/digest.ts';
import { parseMd5crypt, parseShaCrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { integer } from '../encoding.ts';
import { hashOf } from '../hash.ts';
import { digestOf, parsePbkdf2, parseScrypt } from '../phc-strings.ts';
import type { TextReader } from '../read-back.ts';
import { refuse } from '../reasons.ts';
import { strictBase64, strictHex } from '../strict-encoding.ts';

/** SHA-224 and SHA-384 are SHA-3 there. */
export const readPbkdf2: TextReader = (text) => {
  const [, digest, iterations, length, salt, key] =
    /^\$pbkdf2-(sha1|sha256|sha512)\$i=(\d+),l=(\d+)\$([^$]*)\$([^$]+)$/.exec(text) ?? [];
  const bytes = strictBase64(key, false);
  return parsePbkdf2(digest, integer(iterations), {
    salt: strictBase64(salt, false),
    digest: bytes?.length === integer(length) ? bytes : undefined,
  });
};

/** `ln` is N itself. */
const readScrypt: TextReader = (text) => {
  const [, n, r, p, salt, key] = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]*)\$([^$]+)$/.exec(text) ?? [];
  return parseScrypt(integer(n), [r, p], {
    salt: strictBase64(salt, true),
    digest: strictBase64(key, true),
  });
};

const readFirebase: TextReader = (text) => {
  const [, , costs, ...parts] = text.startsWith('$firescrypt$') ? text.split('$') : [];
  const [, log2N, blockSize] = /^ln=(\d+),r=(\d+),p=1$/.exec(costs ?? '') ?? [];
  const [salt, digest, saltSeparator, signerKey] = parts.map((part) => strictBase64(part, true));
  if (parts.length !== 4 || !saltSeparator || !signerKey) return refuse('malformed');
  const parameters = { log2N: integer(log2N), blockSize: integer(blockSize), saltSeparator, signerKey };
  return hashOf('firebase-scrypt', parameters, { salt, digest });
};

/** The two marks are replaced wherever they stand in the template. */
function messageOf(pattern: Buffer): readonly MessagePart[] {
  return pattern
    .toString('latin1')
    .split(/(\{SALT\}|\{PASSWORD\})/)
    .filter((part) => part !== '')
    .map((part): MessagePart => {
      if (part === '{SALT}') return 'salt';
      return part === '{PASSWORD}' ? 'password' : Buffer.from(part, 'latin1');
    });
}

const readDigest: TextReader = (text) => {
  const [, name, pattern, salt, value] =
    /^\$(md5|sha1|sha256|sha512)\$(?:pf=([^$]+)\$([^$]*)\$)?([^$]+)$/.exec(text) ?? [];
  const digest = digestOf(name);
  const written = strictBase64(value, true);
  if (!digest || written?.length !== DIGEST_BYTES[digest]) return refuse('malformed');
  if (pattern === undefined) {
    // Only MD5 has a short form.
    return digest === 'md5' ? digestHash('md5', { digest: written }) : refuse('malformed');
  }
  const template = strictBase64(pattern, true);
  if (!template) return refuse('malformed');
  const parts = { salt: strictBase64(salt, true), digest: written };
  return digestHash(digest, parts, { message: messageOf(template) });
};

const readHmac: TextReader = (text) => {
  const [, name, value, key] =
    /^\$hmac-(md5|sha1|sha224|sha256|sha384|sha512)\$([^$]+)\$([^$]*)$/.exec(text) ?? [];
  const digest = digestOf(name);
  const written = strictHex(strictBase64(value, true)?.toString('latin1'));
  if (!digest || written?.length !== DIGEST_BYTES[digest]) return refuse('malformed');
  return hashOf('hmac', { digest }, { salt: strictBase64(key, true), digest: written });
};

/** Their names stand where crypt(3) has a digit. */
function readCrypt(name: string, id: string, parse: TextReader): TextReader {
  return (text) => (text.startsWith(`$${name}$`) ? parse(text.replace(name, id)) : refuse('malformed'));
}

export const kratosReaders = {
  'pbkdf2-kratos': readPbkdf2,
  'scrypt-kratos': readScrypt,
  'firebase-kratos': readFirebase,
  'md5crypt-kratos': readCrypt('md5-crypt', '1', parseMd5crypt),
  'sha256crypt-kratos': readCrypt('sha256-crypt', '5', parseShaCrypt),
  'sha512crypt-kratos': readCrypt('sha512-crypt', '6', parseShaCrypt),
  'hmac-kratos': readHmac,
  'digest-kratos': readDigest,
} satisfies Record<string, TextReader>;
