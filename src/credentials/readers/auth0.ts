/** As Auth0's documentation says that it reads `password_hash` and `custom_password_hash`. */
import { z } from 'zod';
import { DIGEST_BYTES } from '../algorithm.ts';
import { parseBcrypt } from '../crypt-strings.ts';
import { digestHash } from '../digests.ts';
import { base64, utf8 } from '../encoding.ts';
import type { ParsedHash } from '../hash.ts';
import { hashOf } from '../hash.ts';
import { parseScrypt } from '../phc-strings.ts';
import type { DocumentReader, TextReader } from '../read-back.ts';
import type { Refusal } from '../reasons.ts';
import { refuse } from '../reasons.ts';
import { strictHex } from '../strict-encoding.ts';

const digest = z.enum(['md5', 'sha1', 'sha256', 'sha512']);
const phc = z.strictObject({ value: z.string(), encoding: z.literal('utf8') });
const hexHash = z.strictObject({ value: z.string(), encoding: z.literal('hex') });
const base64Value = z.strictObject({ value: z.string(), encoding: z.literal('base64') });

const digested = z.strictObject({
  algorithm: digest,
  hash: hexHash,
  salt: z
    .strictObject({
      value: z.string(),
      encoding: z.enum(['utf8', 'hex']),
      position: z.enum(['prefix', 'suffix']),
    })
    .optional(),
});

const custom = z.discriminatedUnion('algorithm', [
  z.strictObject({ algorithm: z.literal('bcrypt'), hash: z.strictObject({ value: z.string() }) }),
  z.strictObject({ algorithm: z.literal('argon2'), hash: phc }),
  z.strictObject({ algorithm: z.literal('pbkdf2'), hash: phc }),
  z.strictObject({
    algorithm: z.literal('scrypt'),
    hash: hexHash,
    salt: base64Value,
    keylen: z.int(),
    cost: z.int(),
    blockSize: z.int(),
    parallelization: z.int(),
  }),
  z.strictObject({
    algorithm: z.literal('hmac'),
    hash: hexHash.extend({ digest, key: base64Value }),
  }),
  digested,
]);
type Custom = z.output<typeof custom>;
const user = z.union([
  z.strictObject({ password_hash: z.string() }),
  z.strictObject({ custom_password_hash: custom }),
]);

function readDigest({ algorithm, hash, salt }: z.output<typeof digested>): ParsedHash | Refusal {
  const written = strictHex(hash.value);
  if (written?.length !== DIGEST_BYTES[algorithm]) return refuse('malformed');
  if (!salt) return digestHash(algorithm, { digest: written });
  const bytes = salt.encoding === 'utf8' ? utf8(salt.value) : strictHex(salt.value);
  return digestHash(algorithm, { salt: bytes, digest: written }, { salt: salt.position });
}

/** Which strings the two kinds that hold one are in, the caller knows. */
export function auth0Reader(strings: { argon2: TextReader; pbkdf2: TextReader }): DocumentReader {
  const readCustom = (document: Custom): ParsedHash | Refusal => {
    switch (document.algorithm) {
      case 'bcrypt':
        return /^\$2[ab]\$/.test(document.hash.value)
          ? parseBcrypt(document.hash.value)
          : refuse('malformed');
      case 'argon2':
      case 'pbkdf2':
        return strings[document.algorithm](document.hash.value);
      case 'scrypt': {
        const { hash, salt, keylen, cost, blockSize, parallelization } = document;
        const key = strictHex(hash.value);
        return parseScrypt(cost, [String(blockSize), String(parallelization)], {
          salt: base64(salt.value),
          digest: key?.length === keylen ? key : undefined,
        });
      }
      case 'hmac': {
        const { value, digest: name, key } = document.hash;
        const written = strictHex(value);
        if (written?.length !== DIGEST_BYTES[name]) return refuse('malformed');
        return hashOf('hmac', { digest: name }, { salt: base64(key.value), digest: written });
      }
      default:
        return readDigest(document);
    }
  };
  return (document) => {
    const read = user.safeParse(document);
    if (!read.success) return refuse('malformed');
    if ('custom_password_hash' in read.data) return readCustom(read.data.custom_password_hash);
    const { password_hash: text } = read.data;
    return /^\$2[ab]\$10\$/.test(text) ? parseBcrypt(text) : refuse('malformed');
  };
}
