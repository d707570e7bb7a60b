import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeBase32, verifyTotp } from '../../src/credentials/totp.ts';
import type { TotpSecret } from '../../src/user.ts';

const SEEDS = { SHA1: 20, SHA256: 32, SHA512: 64 } as const;

function secretOf(algorithm: keyof typeof SEEDS, digits: 6 | 8 = 8): TotpSecret {
  const secret = Buffer.from('1234567890'.repeat(7).slice(0, SEEDS[algorithm]), 'ascii');
  return { secret, algorithm, digits, periodSeconds: 30 };
}

/** RFC 6238 appendix B: seconds and the codes of SHA-1, SHA-256 and SHA-512. */
const APPENDIX_B = [
  [59, '94287082', '46119246', '90693936'],
  [1111111109, '07081804', '68084774', '25091201'],
  [1111111111, '14050471', '67062674', '99943326'],
  [1234567890, '89005924', '91819424', '93441116'],
  [2000000000, '69279037', '90698825', '38618901'],
  [20000000000, '65353130', '77737706', '47863826'],
] as const;

const AT_59 = { nowMs: 59_000 };
const CODE_AT_59 = '94287082';

describe('verifyTotp', () => {
  test.each(APPENDIX_B)(
    'accepts the codes of RFC 6238 appendix B at %i s',
    (seconds, sha1, sha256, sha512) => {
      const now = { nowMs: seconds * 1000 };
      const step = Math.floor(seconds / 30);
      expect(verifyTotp(secretOf('SHA1'), sha1, now)).toEqual({ step });
      expect(verifyTotp(secretOf('SHA256'), sha256, now)).toEqual({ step });
      expect(verifyTotp(secretOf('SHA512'), sha512, now)).toEqual({ step });
    },
  );

  test('takes the last six digits where the secret has six', () => {
    expect(verifyTotp(secretOf('SHA1', 6), '287082', AT_59)).toEqual({ step: 1 });
    expect(verifyTotp(secretOf('SHA1', 6), CODE_AT_59, AT_59)).toBeUndefined();
  });

  test.each([
    [37037034, undefined],
    [37037035, { step: 37037036 }],
    [37037036, { step: 37037036 }],
    [37037037, { step: 37037036 }],
    [37037038, undefined],
  ])('gives a clock one step to either side: at step %i', (step, answer) => {
    for (const nowMs of [step * 30_000, step * 30_000 + 29_999]) {
      expect(verifyTotp(secretOf('SHA1'), '07081804', { nowMs })).toEqual(answer);
    }
  });

  test('refuses a code of a step that was used, or of an earlier one', () => {
    expect(verifyTotp(secretOf('SHA1'), CODE_AT_59, { ...AT_59, lastStep: 0 })).toEqual({ step: 1 });
    expect(verifyTotp(secretOf('SHA1'), CODE_AT_59, { ...AT_59, lastStep: 1 })).toBeUndefined();
    expect(verifyTotp(secretOf('SHA1'), CODE_AT_59, { ...AT_59, lastStep: 2 })).toBeUndefined();
  });

  test.each([
    '94287083',
    '9428708',
    '942870820',
    '',
    ' 94287082',
    '9428708a',
    '-4287082',
    '９４２８７０８２',
    '9.287e+2',
  ])('refuses %j', (code) => {
    expect(verifyTotp(secretOf('SHA1'), code, AT_59)).toBeUndefined();
  });

  test('refuses everything for an empty secret', () => {
    const secret = { ...secretOf('SHA1'), secret: new Uint8Array() };
    expect(verifyTotp(secret, codeOfEmptyKey(1), AT_59)).toBeUndefined();
  });
});

/** What an HMAC with an empty key would make of the step. */
function codeOfEmptyKey(step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeUInt32BE(step, 4);
  const mac = createHmac('sha1', '').update(counter).digest();
  const number = mac.readUInt32BE(mac.readUInt8(19) & 0xf) & 0x7fffffff;
  return String(number % 10 ** 8).padStart(8, '0');
}

describe('decodeBase32', () => {
  /** RFC 4648 section 10. */
  test.each([
    ['MY======', 'f'],
    ['MZXQ====', 'fo'],
    ['MZXW6===', 'foo'],
    ['MZXW6YQ=', 'foob'],
    ['MZXW6YTB', 'fooba'],
    ['MZXW6YTBOI======', 'foobar'],
    ['mzxw 6ytb-oi', 'foobar'],
  ])('reads %s', (text, plain) => {
    expect(Buffer.from(decodeBase32(text) ?? []).toString('ascii')).toBe(plain);
  });

  test.each(['', '=', 'M', 'MZX', 'MZXW6Y', 'MZXW1', 'MZ!W', 'A'.repeat(1032)])('refuses %s', (text) => {
    expect(decodeBase32(text)).toBeUndefined();
  });
});
