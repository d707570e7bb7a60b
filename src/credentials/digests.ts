/** The many ways to put a digest over salt and password, in the few words that rows need. */
import type { DigestName } from './algorithm.ts';
import type { DigestParameters, MessagePart } from './algorithms/digest.ts';
import type { HashOf, ParsedHash, Parts } from './hash.ts';
import { hashOf } from './hash.ts';
import type { PreparationStep } from './preparation.ts';
import type { Refusal } from './reasons.ts';

/** What a row leaves out is a single pass. */
const SINGLE_PASS = {
  iterations: 1,
  feedback: 'raw',
  repeatsMessage: false,
  initial: new Uint8Array(),
} as const;

const POSITIONS = { prefix: ['salt', 'password'], suffix: ['password', 'salt'] } as const;

export interface Construction extends Partial<Omit<DigestParameters, 'digest' | 'message'>> {
  /** Where the salt stands, if there is one; in front by default. */
  readonly salt?: 'prefix' | 'suffix';
  /** Instead of `salt`: all parts in their order, see `template`. */
  readonly message?: readonly MessagePart[];
}

export function digestHash(
  digest: DigestName,
  parts: Parts,
  { salt = 'prefix', message = POSITIONS[salt], ...construction }: Construction = {},
): ParsedHash | Refusal {
  return hashOf('digest', { ...SINGLE_PASS, ...construction, message, digest }, parts);
}

/** ``template`--${'salt'}--${'password'}--` ``: a message with fixed text between its parts. */
export function template(
  texts: TemplateStringsArray,
  ...parts: readonly ('salt' | 'password')[]
): readonly MessagePart[] {
  return texts.flatMap((text, at): MessagePart[] => {
    const fixed = text === '' ? [] : [Buffer.from(text, 'utf8')];
    const part = parts[at];
    return part ? [...fixed, part] : fixed;
  });
}

/**
 * A single pass over fixed bytes, salt and password as the shortest template for it, or `undefined` where the digest
 * is something else. What a store puts around every password is fixed bytes too; steps before that stay as they are.
 */
export function singlePass(hash: ParsedHash): HashOf<'digest'> | undefined {
  if (hash.algorithm !== 'digest' || hash.parameters.iterations !== 1) return undefined;
  const preparation = [...hash.preparation];
  let password: readonly MessagePart[] = ['password'];
  for (let step = preparation.at(-1); step; step = preparation.at(-1)) {
    if (step.step !== 'prepend' && step.step !== 'append') break;
    // The last step stands outermost, and is met first.
    const at = password.indexOf('password');
    password = password.toSpliced(step.step === 'prepend' ? at : at + 1, 0, step.bytes);
    preparation.pop();
  }
  const { initial } = hash.parameters;
  const message = [
    initial,
    ...hash.parameters.message.flatMap((part) => (part === 'password' ? password : [part])),
  ].filter((part) => (part === 'salt' ? hash.salt : part).length > 0);
  const parameters = { ...hash.parameters, ...SINGLE_PASS, message: joined(message) };
  return { ...hash, parameters, preparation };
}

/** Fixed bytes that stand side by side as one part. */
function joined(message: readonly MessagePart[]): MessagePart[] {
  const parts: MessagePart[] = [];
  for (const part of message) {
    const before = parts.at(-1);
    const isFixed = typeof part !== 'string' && before !== undefined && typeof before !== 'string';
    if (isFixed) parts.splice(-1, 1, Buffer.concat([before, part]));
    else parts.push(part);
  }
  return parts;
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
