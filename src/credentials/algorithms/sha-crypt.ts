import { createHash } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';
import { cryptBase64 } from '../encoding.ts';

export interface ShaCryptParameters {
  readonly digest: 'sha256' | 'sha512';
  readonly rounds: number;
  /** Whether the hash says `rounds=`; the default is left out by most writers. */
  readonly saysRounds: boolean;
}

/** "Unix crypt using SHA-256 and SHA-512" (Drepper 2008): rounds are at least a thousand. */
const MIN_ROUNDS = 1000;

/** The digest is written in thirds, whose order turns from group to group: step 22 of the description. */
function written(digest: Buffer): string {
  const third = Math.floor(digest.length / 3);
  const turn = digest.length === 64 ? 1 : 2;
  const order: number[] = [];
  for (let group = 0; group < third; group += 1) {
    const corners = [group, group + third, group + 2 * third];
    // Groups are listed most significant byte first; cryptBase64 takes them the other way round.
    const from = (group * turn) % 3;
    order.push(corners[(from + 2) % 3]!, corners[(from + 1) % 3]!, corners[from]!);
  }
  if (digest.length === 64) order.push(63);
  else order.push(30, 31);
  return cryptBase64(Buffer.from(order.map((at) => digest[at]!)));
}

/** Steps 1 to 12. */
function opening(digest: 'sha256' | 'sha512', password: Buffer, salt: Uint8Array): Buffer {
  const inner = createHash(digest).update(password).update(salt).update(password).digest();
  const first = createHash(digest).update(password).update(salt);
  first.update(Buffer.alloc(password.length, inner));
  for (let bits = password.length; bits > 0; bits >>>= 1) first.update(bits & 1 ? inner : password);
  return first.digest();
}

/** Steps 13 to 20: `text` digested `times` times, stretched to the length of `text`. */
function stretched(digest: 'sha256' | 'sha512', text: Uint8Array, times: number): Buffer {
  const hash = createHash(digest);
  for (let time = 0; time < times; time += 1) hash.update(text);
  return Buffer.alloc(text.length, hash.digest());
}

/**
 * sha256crypt and sha512crypt, by the steps of the description. Not npm `unixcrypt`: it is wrong for passwords whose
 * length is a multiple of the digest's (32, 64, …).
 */
export const shaCryptAlgorithm: Algorithm<ShaCryptParameters> = {
  label: ({ digest }) => `${digest}crypt`,
  admits: ({ parameters: { rounds } }, caps) => rounds >= MIN_ROUNDS && rounds <= caps.cryptRounds,
  derive(password, { parameters: { digest, rounds }, salt }) {
    let result = opening(digest, password, salt);
    const p = stretched(digest, password, password.length);
    const s = stretched(digest, salt, 16 + result[0]!);
    for (let round = 0; round < rounds; round += 1) {
      const hash = createHash(digest).update(round % 2 ? p : result);
      if (round % 3) hash.update(s);
      if (round % 7) hash.update(p);
      result = hash.update(round % 2 ? result : p).digest();
    }
    return Buffer.from(written(result), 'ascii');
  },
};
