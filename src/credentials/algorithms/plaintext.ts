import type { Algorithm } from '../algorithm.ts';

/** No algorithm: the store keeps the password itself. */
export const plaintextAlgorithm: Algorithm<Readonly<Record<string, never>>> = {
  label: () => 'plaintext',
  minDigestBytes: 1,
  recoverable: true,
  recover: ({ digest }) => Buffer.from(digest),
  admits: () => true,
  derive: (password) => password,
};
