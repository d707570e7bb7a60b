import type { Algorithm } from '../algorithm.ts';

/** MySQL's OLD_PASSWORD() (password.c, hash_password): 62 bits, so every collision is a password too. */
export const mysql323Algorithm: Algorithm<Readonly<Record<string, never>>> = {
  label: () => 'mysql323',
  minDigestBytes: 8,
  admits: () => true,
  derive(password) {
    let first = 1345345333;
    let second = 0x12345671;
    let add = 7;
    for (const byte of password) {
      first ^= Math.imul((first & 63) + add, byte) + (first << 8);
      second = (second + ((second << 8) ^ first)) | 0;
      add += byte;
    }
    const result = Buffer.alloc(8);
    result.writeUInt32BE(first & 0x7fffffff, 0);
    result.writeUInt32BE(second & 0x7fffffff, 4);
    return result;
  },
};
