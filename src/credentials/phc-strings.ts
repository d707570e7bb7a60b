/** Strings after the PHC format (`$id$v=…$k=v,…$salt$hash`) and passlib's, which many formats wrap. */
import type { DigestName } from './algorithm.ts';
import { DIGEST_BYTES } from './algorithm.ts';
import { adaptedBase64, base64, integer } from './encoding.ts';
import type { ParsedHash } from './hash.ts';
import { hashOf } from './hash.ts';
import type { PreparationStep } from './preparation.ts';
import type { Refusal } from './reasons.ts';
import { refuse } from './reasons.ts';

type Text = string | undefined;

/** The parameters in any order: npm `argon2` writes m,p,t and Shiro t,m,p. */
export const ARGON2 =
  /^\$argon2(id|i|d)(?:\$v=(\d{1,3}))?\$([a-z0-9=,+/]{5,200})\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)$/;
export const PASSLIB_PBKDF2 =
  /^\$pbkdf2(?:-(sha1|sha224|sha256|sha384|sha512))?\$(\d{1,10})\$([^$]*)\$([^$]+)$/;
export const PASSLIB_SCRYPT = /^\$scrypt\$(ln=[^$]+)\$([^$]*)\$([^$]+)$/;

/** `a=1,b=2` as a map; a part without `=` or a name that comes twice gives `undefined`. */
export function parameterMap(text: Text): ReadonlyMap<string, string> | undefined {
  const pairs = (text ?? '').split(',').map((pair) => pair.split('='));
  const map = new Map(pairs.map(([name = '', value = '']) => [name, value]));
  return map.size === pairs.length && pairs.every(({ length }) => length === 2) ? map : undefined;
}

function hasOnly(map: ReadonlyMap<string, string>, names: readonly string[]): boolean {
  return map.size === names.length && names.every((name) => map.has(name));
}

export function parseArgon2(text: Text, preparation?: readonly PreparationStep[]): ParsedHash | Refusal {
  const [, variant, version = '16', list, salt, digest] = ARGON2.exec(text ?? '') ?? [];
  const parameters = parameterMap(list);
  if (!parameters || (variant !== 'id' && variant !== 'i' && variant !== 'd')) return refuse('malformed');
  // `keyid=` and `data=` need values that no store hands over.
  if (parameters.has('keyid') || parameters.has('data')) return refuse('unsupported_algorithm');
  if (!hasOnly(parameters, ['m', 't', 'p'])) return refuse('malformed');
  return hashOf(
    'argon2',
    {
      variant,
      version: integer(version),
      memoryKib: integer(parameters.get('m')),
      passes: integer(parameters.get('t')),
      lanes: integer(parameters.get('p')),
    },
    { salt: base64(salt), digest: base64(digest), preparation },
  );
}

/** passlib's `$pbkdf2[-digest]$iterations$salt$key`; SHA-1 is bare. Plain base64 is read as well. */
export function parsePasslibPbkdf2(text: Text): ParsedHash | Refusal {
  const [, digest = 'sha1', iterations, salt, key] = PASSLIB_PBKDF2.exec(text ?? '') ?? [];
  return parsePbkdf2(digest, integer(iterations), { salt: adaptedBase64(salt), digest: adaptedBase64(key) });
}

/** PBKDF2 with the digest under any of the names stores use: `sha256`, `SHA-256`, `HmacSHA256`, `pbkdf2-sha256`. */
export function parsePbkdf2(
  digestName: Text,
  iterations: number,
  parts: Parameters<typeof hashOf>[2],
): ParsedHash | Refusal {
  const digest = digestOf(digestName);
  return digest ? hashOf('pbkdf2', { digest, iterations }, parts) : refuse('unsupported_algorithm');
}

/** The digest that a store's name for it means. */
export function digestOf(name: Text): DigestName | undefined {
  const bare =
    name
      ?.toLowerCase()
      .replace(/^(?:pbkdf2|hmac)[-_]?/, '')
      .replace('-', '') ?? '';
  return Object.hasOwn(DIGEST_BYTES, bare) ? (bare as DigestName) : undefined;
}

export function parsePasslibScrypt(text: Text): ParsedHash | Refusal {
  const [, list, salt, digest] = PASSLIB_SCRYPT.exec(text ?? '') ?? [];
  const parameters = parameterMap(list);
  if (!parameters || !hasOnly(parameters, ['ln', 'r', 'p'])) return refuse('malformed');
  const log2N = integer(parameters.get('ln'));
  return parseScrypt(2 ** log2N, [parameters.get('r'), parameters.get('p')], {
    salt: base64(salt),
    digest: base64(digest),
  });
}

/** scrypt with N itself, which must be a power of two, and r and p as text. */
export function parseScrypt(
  n: number,
  [blockSize, parallelism]: readonly [r: Text, p: Text],
  parts: Parameters<typeof hashOf>[2],
): ParsedHash | Refusal {
  const log2N = Math.log2(n);
  if (!Number.isInteger(log2N)) return refuse('malformed');
  return hashOf('scrypt', { log2N, blockSize: integer(blockSize), parallelism: integer(parallelism) }, parts);
}
