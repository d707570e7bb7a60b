import bcrypt from 'bcrypt';
import type { Algorithm } from '../algorithm.ts';
import { asText } from '../encoding.ts';

export interface BcryptParameters {
  /** How the store names it. All three are computed alike. */
  readonly variant: '2a' | '2b' | '2y';
  /** Log2 of the rounds. */
  readonly cost: number;
}

const PREFIX_LENGTH = '$2b$10$'.length + 22;

/**
 * bcrypt; salt and digest are its 22 and 31 characters. Only the first 72 bytes of the password count, as
 * everywhere. Always computed as `$2b$`: npm `bcrypt` answers false for `$2y$`, and its `$2a$` takes a password's
 * length modulo 256, which the libraries that write `$2a$` today (jBCrypt, bcrypt-ruby, bcryptjs) do not.
 */
export const bcryptAlgorithm: Algorithm<BcryptParameters> = {
  label: () => 'bcrypt',
  usesThreadPool: true,
  runsAside: true,
  admits: ({ parameters }, caps) => parameters.cost >= 4 && parameters.cost <= caps.bcryptCost,
  async derive(password, { parameters, salt }) {
    const prefix = `$2b$${String(parameters.cost).padStart(2, '0')}$${asText(salt)}`;
    return Buffer.from((await bcrypt.hash(password, prefix)).slice(PREFIX_LENGTH), 'ascii');
  },
};
