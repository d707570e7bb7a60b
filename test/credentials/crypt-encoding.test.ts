import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cryptBase64BigEndian,
  cryptBytes,
  cryptNumber,
  variableNumbers,
} from '../../src/credentials/crypt-encoding.ts';
import { cryptBase64 } from '../../src/credentials/encoding.ts';

describe("crypt(3)'s base 64", () => {
  test('is read as it is written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect([...cryptBytes(cryptBase64(bytes))!]).toEqual([...bytes]);
      }),
    );
  });

  test.each(['a', 'abcde', '!!', 'ab c', 'zz'])('is not %j', (text) => {
    expect(cryptBytes(text)).toBeUndefined();
  });

  test('has its highest bits first where DES writes it', () => {
    expect(cryptBase64BigEndian(Buffer.from('ffffffffffffffff', 'hex'))).toBe('zzzzzzzzzzw');
    expect(cryptBase64BigEndian(Buffer.from('8000000000000000', 'hex'))).toBe('U..........');
  });

  test('numbers have their lowest digit first', () => {
    expect(cryptNumber('/...')).toBe(1);
    expect(cryptNumber('J9..')).toBe(725);
    expect(cryptNumber('J9.!')).toBeNaN();
    expect(cryptNumber('')).toBeNaN();
  });
});

describe("yescrypt's numbers", () => {
  test.each([
    ['j9T', [47, 11, 31]],
    ['j75/.', [47, 9, 7, 1, 0]],
    ['k.k/', [48, 49]],
    ['', []],
  ])('%j are %j', (text, numbers) => {
    expect(variableNumbers(text)).toEqual(numbers);
  });

  test.each(['k', 'j9k', 'j9!', 'zzz'])('are not in %j', (text) => {
    expect(variableNumbers(text)).toBeUndefined();
  });
});
