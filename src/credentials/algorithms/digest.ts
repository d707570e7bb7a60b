import { createHash } from 'node:crypto';
import type { Algorithm, DigestName } from '../algorithm.ts';

export interface DigestParameters {
  readonly digest: DigestName;
  /** Where the salt stands in the message. */
  readonly salt: 'prefix' | 'suffix';
  /** 1: a single pass. */
  readonly iterations: number;
  /** How a round's result enters the next round. */
  readonly feedback: 'raw' | 'hex';
  /** True: every round digests the previous result and then the message again; false: the previous result alone. */
  readonly repeatsMessage: boolean;
  /** What stands before the message in the first round. */
  readonly initial: Uint8Array;
}

/** A digest over salt and password, once or in a home-grown loop. */
export const digestAlgorithm: Algorithm<DigestParameters> = {
  label: ({ digest, iterations }) => (iterations > 1 ? `iterated-${digest}` : digest),
  admits: ({ parameters: { iterations } }, caps) => iterations >= 1 && iterations <= caps.cryptRounds,
  derive(password, { parameters, salt }) {
    const message = Buffer.concat(parameters.salt === 'prefix' ? [salt, password] : [password, salt]);
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
