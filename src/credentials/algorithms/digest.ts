import { createHash } from 'node:crypto';
import type { Algorithm, DigestName } from '../algorithm.ts';

/** The salt, the password, or bytes that are the same for everybody. */
export type MessagePart = 'salt' | 'password' | Uint8Array;

export interface DigestParameters {
  readonly digest: DigestName;
  /** What is digested, in this order. */
  readonly message: readonly MessagePart[];
  /** 1: a single pass. */
  readonly iterations: number;
  /** How a round's result enters the next round. */
  readonly feedback: 'raw' | 'hex';
  /** True: every round digests the previous result and then the message again; false: the previous result alone. */
  readonly repeatsMessage: boolean;
  /** What stands before the message in the first round. */
  readonly initial: Uint8Array;
}

/** The longest construction known (restful-authentication) has six parts. */
const MAX_PARTS = 16;
const MAX_FIXED_BYTES = 1024;

function admitsMessage({ message, initial }: DigestParameters): boolean {
  const fixed = message.reduce(
    (bytes, part) => bytes + (typeof part === 'string' ? 0 : part.length),
    initial.length,
  );
  return message.includes('password') && message.length <= MAX_PARTS && fixed <= MAX_FIXED_BYTES;
}

/** A digest over salt and password, once or in a home-grown loop. */
export const digestAlgorithm: Algorithm<DigestParameters> = {
  label: ({ digest, iterations }) => (iterations > 1 ? `iterated-${digest}` : digest),
  admits: ({ parameters }, caps) =>
    parameters.iterations >= 1 && parameters.iterations <= caps.cryptRounds && admitsMessage(parameters),
  derive(password, { parameters, salt }) {
    const named = { salt, password };
    const message = Buffer.concat(
      parameters.message.map((part) => (typeof part === 'string' ? named[part] : part)),
    );
    let result = createHash(parameters.digest).update(parameters.initial).update(message).digest();
    for (let round = 1; round < parameters.iterations; round += 1) {
      const hash = createHash(parameters.digest);
      hash.update(parameters.feedback === 'hex' ? result.toString('hex') : result);
      if (parameters.repeatsMessage) hash.update(message);
      result = hash.digest();
    }
    return result;
  },
};
