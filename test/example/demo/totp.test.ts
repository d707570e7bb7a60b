import { expect, test } from 'vitest';
import { base32, codeOfStep, otpauthUri, stepAt, stepOfCode } from '../../../example/demo/totp.ts';

/** The secret of RFC 6238, appendix B: `12345678901234567890`. */
const SEED = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

test.each([
  [59, '287082'],
  [1111111109, '081804'],
  [1234567890, '005924'],
  [20000000000, '353130'],
])('the code at %i is the one of RFC 6238', (time, code) => {
  expect(codeOfStep(SEED, stepAt(time))).toBe(code);
});

test('a code is good for a step before and after, and no longer', () => {
  const code = codeOfStep(SEED, 100);
  expect([98, 99, 100, 101, 102].map((step) => stepOfCode(SEED, code, step * 30))).toEqual([
    ...[undefined, 100, 100, 100, undefined],
  ]);
});

test('blanks in a code are forgiven, a missing digit is not', () => {
  const code = codeOfStep(SEED, 100);
  expect(stepOfCode(SEED, `${code.slice(0, 3)} ${code.slice(3)}`, 3000)).toBe(100);
  expect(stepOfCode(SEED, code.slice(1), 3000)).toBeUndefined();
});

test('a seed that is no base32 is none', () => {
  expect(base32('not base32!')).toBeUndefined();
  expect(base32(SEED)?.toString()).toBe('12345678901234567890');
});

test('an authenticator app can take the seed', () => {
  expect(otpauthUri(SEED, 'ines')).toBe(`otpauth://totp/Old%20Shop%3Aines?secret=${SEED}&issuer=Old%20Shop`);
});
