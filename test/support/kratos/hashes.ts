/** Kratos' hash package: which strings an import takes (`hash_limits.go`), and whether a password is the one. */
import { timingSafeEqual } from 'node:crypto';
import type { AcceptedFormat, WriteName } from '../../../src/credentials/accepted-format.ts';
import type { ParsedHash } from '../../../src/credentials/hash.ts';
import { algorithmOf } from '../../../src/credentials/hash.ts';
import { readBack } from '../../../src/credentials/read-back.ts';
import { badRequest } from './errors.ts';

/** `supportedHashers`, in its order. */
const HASHERS: readonly (readonly [RegExp, WriteName | undefined])[] = [
  [/^\$md5-crypt\$/, 'md5crypt-kratos'],
  [/^\$2[abzy]?\$/, 'bcrypt'],
  [/^\$sha256-crypt\$/, 'sha256crypt-kratos'],
  [/^\$sha512-crypt\$/, 'sha512crypt-kratos'],
  [/^\$argon2id?\$/, 'argon2'],
  [/^\$pbkdf2-sha[0-9]{1,3}\$/, 'pbkdf2-kratos'],
  [/^\$scrypt\$/, 'scrypt-kratos'],
  [/^\{SSHA(?:256|512)?\}/, undefined],
  [/^\$sha(?:1|256|512)\$/, 'digest-kratos'],
  [/^\$firescrypt\$/, 'firebase-kratos'],
  [/^\$md5\$/, 'digest-kratos'],
  [/^\$hmac-(?:md4|md5|sha1|sha224|sha256|sha384|sha512)\$/, 'hmac-kratos'],
];
const MAX_BCRYPT_BYTES = 72;

/** Throws badRequest. `isOld`: as v26.2.0, which has no bounds. */
export function checkImported(text: string, isOld: boolean): void {
  if (!HASHERS.some(([pattern]) => pattern.test(text)))
    throw badRequest('The imported password does not match any known hash format.');
  if (isOld) return;
  const numbers = boundedNumbers(text);
  if (numbers === 'malformed') throw badRequest('The imported password hash could not be parsed.');
  if (numbers.every(([value, least, most]) => value >= least && value <= most)) return;
  throw badRequest(
    'The imported password hash declares cost parameters that exceed the bounds enforced by Ory. Re-hash the password with a more conservative configuration before importing.',
  );
}

type Bounded = readonly [value: number, least: number, most: number];
/** Also bcrypt's, which has a dot in it. */
const BASE64 = /^[A-Za-z0-9+/.]*={0,2}$/;

function boundedNumbers(text: string): readonly Bounded[] | 'malformed' {
  const read = (pattern: RegExp, bounds: readonly (readonly [number, number])[]) => {
    const [, ...numbers] = pattern.exec(text) ?? [];
    const parts = text.split('$').slice(3);
    if (numbers.length === 0 || !parts.every((part) => BASE64.test(part) || /^[vmtpi]=/.test(part)))
      return 'malformed';
    return numbers.map((value, at): Bounded => [Number(value), ...bounds[at]!]);
  };
  if (/^\$2[abzy]?\$/.test(text)) return read(/^\$2[aby]?\$(\d\d)\$.{53}$/, [[4, 15]]);
  if (text.startsWith('$argon2'))
    return read(/^\$argon2id?\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$[^$]*\$[^$]*$/, [
      [1, 2 ** 20],
      [1, 10],
      [1, 16],
    ]);
  if (text.startsWith('$pbkdf2-')) return read(/^\$[^$]+\$i=(\d+),l=\d+\$[^$]*\$[^$]*$/, [[1, 10_000_000]]);
  if (text.startsWith('$scrypt$'))
    return read(/^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$[^$]*\$[^$]*$/, [
      [1, 2 ** 17],
      [1, 8],
      [1, 10],
    ]);
  if (text.startsWith('$firescrypt$'))
    return read(/^\$firescrypt\$ln=(\d+),r=(\d+),p=(\d+)(?:\$[^$]*){4}$/, [
      [0, 17],
      [1, 8],
      [1, 10],
    ]);
  return [];
}

/** Computes it; false for what cannot be read, as there. */
export async function opens(text: string, password: string): Promise<boolean> {
  const write = HASHERS.find(([pattern]) => pattern.test(text))?.[1];
  if (!write || (write === 'bcrypt' && Buffer.byteLength(password) > MAX_BCRYPT_BYTES)) return false;
  const hash = readBack({ write } as AcceptedFormat, text);
  if ('reason' in hash) return false;
  const derived = await algorithmOf(hash as ParsedHash).derive(Buffer.from(password), hash as ParsedHash);
  return derived.length === hash.digest.length && timingSafeEqual(derived, hash.digest);
}
