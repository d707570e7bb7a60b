/** One writer per format that targets accept: the text to import, or why this hash cannot be written so. */
import type { AcceptedFormat, Bounds } from './accepted-format.ts';
import { DIGEST_BYTES } from './algorithm.ts';
import { asText, cryptCharacter, toAdaptedBase64, unpaddedBase64 } from './encoding.ts';
import type { HashOf, ParsedHash } from './hash.ts';
import type { ReasonCode } from './reasons.ts';

/** A text, a reason, or `undefined` where the hash is of another algorithm. */
export type Written = { readonly text: string } | { readonly reason: ReasonCode } | undefined;

type Write = AcceptedFormat['write'];
type Writers = {
  readonly [W in Write]: (hash: ParsedHash, accepted: AcceptedFormat & { readonly write: W }) => Written;
};

const within = (value: number, [min, max]: Bounds) => value >= min && value <= max;

/** The text if the costs are in bounds and it is short enough. */
function bounded(
  isInBounds: boolean,
  text: string,
  { maxLength = Number.POSITIVE_INFINITY }: AcceptedFormat,
): Written {
  if (!isInBounds) return { reason: 'target_bounds' };
  return text.length <= maxLength ? { text } : { reason: 'too_long' };
}

/** PBKDF2's and scrypt's output is the same however much of it is asked for: the whole key, or its first bytes. */
function withKey(
  key: Uint8Array,
  cutTo: number,
  accepted: AcceptedFormat,
  write: (key: Uint8Array) => string,
): string {
  const whole = write(key);
  const isTooLong = accepted.maxLength !== undefined && whole.length > accepted.maxLength;
  return isTooLong && key.length > cutTo ? write(key.subarray(0, cutTo)) : whole;
}

/** scrypt has no digest of its own: 32 bytes are what passlib and most others keep. */
const SCRYPT_CUT_BYTES = 32;

/** Targets split at `$` and white space, and keep the salt as text. */
function textSalt(salt: Uint8Array): string | undefined {
  const text = asText(salt);
  const isText = text !== '' && Buffer.from(text, 'utf8').equals(salt) && !/[$\s\p{Cc}]/u.test(text);
  return isText ? text : undefined;
}

function isSinglePassMd5(hash: ParsedHash): hash is HashOf<'digest'> {
  const { algorithm, parameters } = hash;
  return (
    algorithm === 'digest' &&
    parameters.digest === 'md5' &&
    parameters.iterations === 1 &&
    parameters.initial.length === 0
  );
}

function saltedMd5(position: 'prefix' | 'suffix') {
  return (hash: ParsedHash, accepted: AcceptedFormat): Written => {
    if (!isSinglePassMd5(hash) || hash.salt.length === 0 || hash.parameters.salt !== position)
      return undefined;
    const salt = textSalt(hash.salt);
    if (salt === undefined) return { reason: 'salt_not_representable' };
    const digest = Buffer.from(hash.digest).toString('base64');
    return bounded(true, `$md5salted-${position}$${salt}$${digest}`, accepted);
  };
}

function shaCrypt(digest: 'sha256' | 'sha512', id: '5' | '6') {
  return (hash: ParsedHash, accepted: AcceptedFormat & { readonly rounds: Bounds }): Written => {
    if (hash.algorithm !== 'sha-crypt' || hash.parameters.digest !== digest) return undefined;
    const { rounds, saysRounds } = hash.parameters;
    const said = saysRounds ? `rounds=${rounds}$` : '';
    const text = `$${id}$${said}${asText(hash.salt)}$${asText(hash.digest)}`;
    return bounded(within(rounds, accepted.rounds), text, accepted);
  };
}

export const WRITERS: Writers = {
  bcrypt(hash, accepted) {
    if (hash.algorithm !== 'bcrypt') return undefined;
    const { variant, cost } = hash.parameters;
    const text = `$${variant}$${String(cost).padStart(2, '0')}$${asText(hash.salt)}${asText(hash.digest)}`;
    return bounded(within(cost, accepted.cost), text, accepted);
  },
  argon2(hash, accepted) {
    if (hash.algorithm !== 'argon2' || !accepted.variants.includes(hash.parameters.variant)) return undefined;
    const { variant, version, memoryKib, passes, lanes } = hash.parameters;
    if (version !== 0x13) return { reason: 'target_bounds' };
    const costs = `m=${memoryKib},t=${passes},p=${lanes}`;
    const text = `$argon2${variant}$v=19$${costs}$${unpaddedBase64(hash.salt)}$${unpaddedBase64(hash.digest)}`;
    const isInBounds =
      within(memoryKib, accepted.memoryKiB) &&
      within(passes, accepted.passes) &&
      within(lanes, accepted.lanes);
    return bounded(isInBounds, text, accepted);
  },
  'pbkdf2-passlib'(hash, accepted) {
    if (hash.algorithm !== 'pbkdf2' || !accepted.digests.includes(hash.parameters.digest)) return undefined;
    const { digest, iterations } = hash.parameters;
    const id = digest === 'sha1' ? 'pbkdf2' : `pbkdf2-${digest}`;
    const start = `$${id}$${iterations}$${toAdaptedBase64(hash.salt)}$`;
    const text = withKey(hash.digest, DIGEST_BYTES[digest], accepted, (key) => start + toAdaptedBase64(key));
    return bounded(within(iterations, accepted.iterations), text, accepted);
  },
  'scrypt-passwap'(hash, accepted) {
    if (hash.algorithm !== 'scrypt') return undefined;
    const { log2N, blockSize, parallelism } = hash.parameters;
    const start = `$scrypt$ln=${log2N},r=${blockSize},p=${parallelism}$${unpaddedBase64(hash.salt)}$`;
    const text = withKey(hash.digest, SCRYPT_CUT_BYTES, accepted, (key) => start + unpaddedBase64(key));
    const isInBounds =
      within(log2N, accepted.log2N) &&
      within(blockSize, accepted.blockSize) &&
      within(parallelism, accepted.parallelism);
    return bounded(isInBounds, text, accepted);
  },
  phpass(hash, accepted) {
    if (hash.algorithm !== 'phpass') return undefined;
    const { prefix, log2Rounds } = hash.parameters;
    const text = `$${prefix}$${cryptCharacter(log2Rounds)}${asText(hash.salt)}${asText(hash.digest)}`;
    return bounded(within(log2Rounds, accepted.log2Rounds), text, accepted);
  },
  drupal7(hash, accepted) {
    if (hash.algorithm !== 'drupal7') return undefined;
    const { log2Rounds } = hash.parameters;
    const text = `$S$${cryptCharacter(log2Rounds)}${asText(hash.salt)}${asText(hash.digest)}`;
    return bounded(within(2 ** log2Rounds, accepted.rounds), text, accepted);
  },
  md5crypt(hash, accepted) {
    if (hash.algorithm !== 'md5crypt' || hash.parameters.magic !== '1') return undefined;
    return bounded(true, `$1$${asText(hash.salt)}$${asText(hash.digest)}`, accepted);
  },
  sha256crypt: shaCrypt('sha256', '5'),
  sha512crypt: shaCrypt('sha512', '6'),
  md5plain(hash, accepted) {
    if (!isSinglePassMd5(hash) || hash.salt.length > 0) return undefined;
    return bounded(true, Buffer.from(hash.digest).toString('hex'), accepted);
  },
  'md5salted-prefix': saltedMd5('prefix'),
  'md5salted-suffix': saltedMd5('suffix'),
};
