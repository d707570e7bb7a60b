import { describe, expect, test } from 'vitest';
import { php } from '../../../src/sessions/formats/php.ts';
import { NEW_SESSION, opened, sessionFormatContract, sessionVectors } from './session-format-contract.ts';

sessionFormatContract({
  format: php,
  vectors: sessionVectors('php'),
  writing: [
    { userField: 'user_id' },
    { userField: 'user.id', userIs: 'text', serializer: 'php_serialize' },
    { userField: 'user.id', serializer: 'json' },
  ],
  signs: {},
});

const open = opened(php, { userField: 'user_id' });

describe('a cookie', () => {
  test.each(['abcdefghijklmnopqrstuv', 'A0,-'.repeat(8), 'a'.repeat(256)])('may be %s', (cookie) => {
    expect(open.keyOf(cookie)).toBe(cookie);
  });

  test('has its commas encoded by PHP', () => {
    expect(open.keyOf('%2Cbcdefghijklmnopqrstuv')).toBe(',bcdefghijklmnopqrstuv');
  });

  test.each(['short', '../../../etc/passwd00000', 'abcdefghijklmnopqrstu v', 'a'.repeat(257)])(
    'is not %s',
    (cookie) => {
      expect(open.keyOf(cookie)).toBeUndefined();
    },
  );
});

test.each(['user_id', 'user_id|', 'user_id|i:7', 'user_id|i:7;x', '|i:7;', `${'n'.repeat(300)}|i:7;`])(
  '%j is no session',
  (stored) => {
    expect(open.read(Buffer.from(stored))).toBeUndefined();
  },
);

test('an empty session is one of nobody', () => {
  expect(open.read(Buffer.alloc(0))).toEqual({ data: {} });
});

test('what PHP could not read back is not written', () => {
  expect(() => open.write({ ...NEW_SESSION, data: { 'a|b': 1 } })).toThrow('no names with |');
});
