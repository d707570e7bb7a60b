/**
 * What leaves for a target, and the proof that it opens there: fresh hashes where the stored one cannot be rewritten,
 * and shadow verification where it can.
 */
import { isDeepStrictEqual } from 'node:util';
import type { StoredPassword } from '../user.ts';
import type { AcceptedFormat } from './accepted-format.ts';
import { freshTemplate } from './fresh-hash.ts';
import type { ParsedHash } from './hash.ts';
import { algorithmOf } from './hash.ts';
import { prepare } from './preparation.ts';
import { readBack } from './read-back.ts';
import type { ReasonCode } from './reasons.ts';
import { isRefusal, refuse } from './reasons.ts';
import type { Translated, Translation } from './translation.ts';
import { holdsFor, translateHash } from './translation.ts';

/** What shadow verification found. */
export type Shadow =
  | {
      /** `failed`: what would be exported does not open with the password that opened the stored hash. */
      readonly kind: 'proved' | 'failed';
      readonly format: string;
      /** The accepted format's `write`. */
      readonly write: string;
      readonly reason: ReasonCode;
    }
  /** Nothing is wrong: the target cannot have this hash, or not for this password. */
  | { readonly kind: 'unfit'; readonly reason: ReasonCode };

interface Means {
  read(stored: StoredPassword): {
    readonly format: string;
    readonly hash: ParsedHash | ReturnType<typeof refuse>;
  };
  /** The password's bytes, or undefined where it is refused. */
  bytesOf(password: string): Buffer | undefined;
  matches(hash: ParsedHash, password: Buffer, signal?: AbortSignal): Promise<boolean | undefined>;
  derive(hash: ParsedHash, password: Buffer, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

export function openExporting({ read, bytesOf, matches, derive }: Means) {
  async function freshHash(
    password: Buffer,
    accepts: readonly AcceptedFormat[],
    signal?: AbortSignal,
  ): Promise<Translation> {
    const template = freshTemplate(accepts, password.length);
    if (!template) return refuse('untranslatable_algorithm');
    const digest = await derive(template, password, signal);
    return digest ? translateHash({ ...template, digest }, accepts) : refuse('hash_not_computable');
  }

  return {
    async hash(
      password: string,
      accepts: readonly AcceptedFormat[],
      { signal }: { signal?: AbortSignal } = {},
    ) {
      const bytes = bytesOf(password);
      return bytes ? freshHash(bytes, accepts, signal) : refuse('password_refused');
    },

    async rehash(stored: StoredPassword, accepts: readonly AcceptedFormat[]): Promise<Translation> {
      const { hash } = read(stored);
      if (isRefusal(hash)) return hash;
      const password = recovered(hash);
      return password ? freshHash(password, accepts) : refuse('hash_not_computable');
    },

    async prove(
      stored: StoredPassword,
      password: string,
      accepts: readonly AcceptedFormat[],
      { signal }: { signal?: AbortSignal } = {},
    ): Promise<Shadow> {
      const { format, hash } = read(stored);
      if (isRefusal(hash)) return { kind: 'unfit', reason: hash.reason };
      const translation = translateHash(hash, accepts);
      if (isRefusal(translation)) return { kind: 'unfit', reason: translation.reason };
      const bytes = bytesOf(password);
      const accepted = accepts.find(({ write }) => write === translation.format);
      if (!bytes || !accepted || !holdsFor(hash, accepted, bytes))
        return { kind: 'unfit', reason: translation.caveat ?? 'password_refused' };
      const opens = await opensWith(hash, { translation, accepted, bytes, signal });
      return {
        kind: opens ? 'proved' : 'failed',
        format,
        write: translation.format,
        reason: 'rewrite_blocked',
      };
    },
  };

  async function opensWith(
    stored: ParsedHash,
    exported: {
      translation: Translated;
      accepted: AcceptedFormat;
      bytes: Buffer;
      signal: AbortSignal | undefined;
    },
  ): Promise<boolean> {
    const { translation, accepted, bytes, signal } = exported;
    const hash = readBack(accepted, translation.encoded);
    if (isRefusal(hash)) return false;
    // The very computation that has just opened the door, to the last parameter: it need not be done twice.
    if (isSameDerivation(stored, hash, bytes)) return true;
    return (await matches(hash, bytes, signal)) ?? false;
  }
}

/** PBKDF2 and scrypt give the same bytes however many are asked for. */
const EXTENDABLE = new Set(['pbkdf2', 'scrypt']);

function isSameDerivation(stored: ParsedHash, exported: ParsedHash, password: Buffer): boolean {
  const { length } = exported.digest;
  const isPart = EXTENDABLE.has(stored.algorithm) && length <= stored.digest.length;
  const digest = isPart ? stored.digest.subarray(0, length) : stored.digest;
  return (
    stored.algorithm === exported.algorithm &&
    isDeepStrictEqual(plain(stored.parameters), plain(exported.parameters)) &&
    Buffer.from(stored.salt).equals(exported.salt) &&
    Buffer.from(digest).equals(exported.digest) &&
    prepare(password, stored.preparation).equals(prepare(password, exported.preparation))
  );
}

/** Byte arrays of different classes with the same bytes are the same here. */
const plain = (parameters: object) =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? [...value] : value,
    ]),
  );

function recovered(hash: ParsedHash): Buffer | undefined {
  try {
    return algorithmOf(hash).recover?.(hash);
  } catch {
    // Encrypted under another key, or cut off.
    return undefined;
  }
}
