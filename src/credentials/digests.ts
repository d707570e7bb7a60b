/** The many ways to put a digest over salt and password, in the few words that rows need. */
import type { DigestName } from './algorithm.ts';
import type { DigestParameters } from './algorithms/digest.ts';
import type { ParsedHash, Parts } from './hash.ts';
import { hashOf } from './hash.ts';
import type { PreparationStep } from './preparation.ts';
import type { Refusal } from './reasons.ts';

/** What a row leaves out is a single pass with the salt, if any, in front. */
const SINGLE_PASS = {
  salt: 'prefix',
  iterations: 1,
  feedback: 'raw',
  repeatsMessage: false,
  initial: new Uint8Array(),
} as const;

export function digestHash(
  digest: DigestName,
  parts: Parts,
  construction: Partial<Omit<DigestParameters, 'digest'>> = {},
): ParsedHash | Refusal {
  return hashOf('digest', { ...SINGLE_PASS, ...construction, digest }, parts);
}

/** The password as the hex text of its digest: the inner hash of nested constructions. */
export function hexOf(digest: DigestName): PreparationStep {
  return { step: 'digest', digest, as: 'hex' };
}

export function append(text: string): PreparationStep {
  return { step: 'append', bytes: Buffer.from(text, 'utf8') };
}

export function prepend(text: string): PreparationStep {
  return { step: 'prepend', bytes: Buffer.from(text, 'utf8') };
}
