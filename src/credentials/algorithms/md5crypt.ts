import { createHash } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';
import { cryptBase64 } from '../encoding.ts';

export interface Md5cryptParameters {
  /** `1`, or Apache's `apr1`, or AIX's none: they differ in this text only. */
  readonly magic: '1' | 'apr1' | '';
}

const ROUNDS = 1000;

/** The order in which FreeBSD's crypt-md5.c writes the digest. */
const ORDER = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

/** `length` bytes of the digest repeated. */
function repeated(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest);
}

/** md5crypt as FreeBSD's crypt-md5.c has it; npm `apache-md5` is wrong for passwords beyond ASCII. */
export const md5cryptAlgorithm: Algorithm<Md5cryptParameters> = {
  label: ({ magic }) => (magic === 'apr1' ? 'apr1' : 'md5crypt'),
  admits: () => true,
  derive(password, { parameters: { magic }, salt }) {
    const inner = createHash('md5').update(password).update(salt).update(password).digest();
    const first = createHash('md5')
      .update(password)
      .update(magic && `$${magic}$`)
      .update(salt);
    first.update(repeated(inner, password.length));
    for (let bits = password.length; bits > 0; bits >>>= 1) {
      first.update(bits & 1 ? Buffer.from([0]) : password.subarray(0, 1));
    }
    let digest = first.digest();
    for (let round = 0; round < ROUNDS; round += 1) {
      const hash = createHash('md5').update(round % 2 ? password : digest);
      if (round % 3) hash.update(salt);
      if (round % 7) hash.update(password);
      digest = hash.update(round % 2 ? digest : password).digest();
    }
    return Buffer.from(cryptBase64(Buffer.from(ORDER.map((at) => digest[at]!))), 'ascii');
  },
};
