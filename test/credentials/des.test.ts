import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encryptDes } from '../../src/credentials/des.ts';

const eight = fc.uint8Array({ minLength: 8, maxLength: 8 });

/** OpenSSL's triple DES with one key three times, which is DES. */
function opensslDes(key: Uint8Array, block: Uint8Array): string {
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return cipher.update(block).toString('hex');
}

test('DES without a salt is that of OpenSSL', () => {
  fc.assert(
    fc.property(eight, eight, (key, block) => {
      expect(encryptDes(key, block).toString('hex')).toBe(opensslDes(key, block));
    }),
  );
});

test('several times are one after the other', () => {
  fc.assert(
    fc.property(eight, eight, fc.nat(0xffffff), (key, block, salt) => {
      const twice = encryptDes(key, encryptDes(key, block, salt), salt);
      expect(encryptDes(key, block, salt, 2).equals(twice)).toBe(true);
    }),
  );
});

test('every bit of the salt counts', () => {
  const key = Buffer.from('133457799bbcdff1', 'hex');
  const plain = encryptDes(key, Buffer.alloc(8)).toString('hex');
  const salted = Array.from({ length: 24 }, (_, bit) =>
    encryptDes(key, Buffer.alloc(8), 1 << bit).toString('hex'),
  );
  expect(new Set([plain, ...salted]).size).toBe(25);
});
