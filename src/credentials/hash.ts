/** A stored password once parsed: how to derive, with what, and what must come out. Plain data. */
import type { Algorithm, Derivation } from './algorithm.ts';
import { ALGORITHMS } from './algorithms/index.ts';
import type { Caps } from './password-settings.ts';
import type { PreparationStep } from './preparation.ts';
import type { ReasonCode, Refusal } from './reasons.ts';
import { refuse } from './reasons.ts';

export type AlgorithmName = keyof typeof ALGORITHMS;

export type ParametersOf<N extends AlgorithmName> =
  (typeof ALGORITHMS)[N] extends Algorithm<infer P> ? P : never;

interface Common {
  readonly salt: Uint8Array;
  readonly digest: Uint8Array;
  /** What the store does to a password before it hashes it; usually nothing. */
  readonly preparation: readonly PreparationStep[];
  /** What somebody has to know who imports the translated hash. */
  readonly caveat?: ReasonCode;
}

export type ParsedHash = {
  [N in AlgorithmName]: Common & { readonly algorithm: N; readonly parameters: ParametersOf<N> };
}[AlgorithmName];

export type HashOf<N extends AlgorithmName> = Extract<ParsedHash, { algorithm: N }>;

/** The parts of a hash as decoded; any that could not be decoded is `undefined`. */
export interface Parts {
  readonly salt?: Uint8Array | undefined;
  readonly digest: Uint8Array | undefined;
  readonly preparation?: readonly PreparationStep[] | undefined;
  readonly caveat?: ReasonCode | undefined;
}

/** Puts a hash together; a part or a number that could not be decoded makes it malformed. Without salt: name none. */
export function hashOf<N extends AlgorithmName>(
  algorithm: N,
  parameters: ParametersOf<N>,
  parts: Parts,
): ParsedHash | Refusal {
  const { digest, preparation = [], caveat } = parts;
  const salt = 'salt' in parts ? parts.salt : new Uint8Array();
  const undecoded = Object.values(parameters as object).some(
    (value) => value === undefined || Number.isNaN(value),
  );
  if (undecoded || salt === undefined || digest === undefined) return refuse('malformed');
  return {
    algorithm,
    parameters,
    salt,
    digest,
    preparation,
    ...(caveat && { caveat }),
  } as unknown as ParsedHash;
}

/** The algorithm as its own type sees it: the one place where name and parameters are put back together. */
export function algorithmOf(hash: ParsedHash): Algorithm<unknown> {
  return ALGORITHMS[hash.algorithm] as Algorithm<unknown>;
}

/** A digest of 512 bytes (passport-local-mongoose) is the longest seen in the wild. */
const MAX_PART_BYTES = 1024;
const MIN_DIGEST_BYTES = 16;

export function isWithinBounds(hash: ParsedHash, caps: Caps): boolean {
  const algorithm = algorithmOf(hash);
  return (
    hash.salt.length <= MAX_PART_BYTES &&
    hash.digest.length <= MAX_PART_BYTES &&
    hash.digest.length >= (algorithm.minDigestBytes ?? MIN_DIGEST_BYTES) &&
    algorithm.admits(hash as Derivation<unknown>, caps)
  );
}
