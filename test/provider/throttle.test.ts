import { describe, expect, test } from 'vitest';
import { foldIdentifier, isSamePerson } from '../../src/provider/login-hint.ts';
import { networkOf } from '../../src/provider/throttle.ts';

describe('a network', () => {
  test.each([
    ['192.0.2.17', '192.0.2'],
    ['192.0.2.200', '192.0.2'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:0db8:0000:0000::9', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe('an identifier', () => {
  test('is one, however it is cased, composed or padded', () => {
    const spellings = ['Änne', 'änne', 'ÄNNE ', 'A\u0308nne'];
    expect(new Set(spellings.map(foldIdentifier)).size).toBe(1);
  });

  test('hints at a person by sub, username, email or phone, and at nobody else', () => {
    const user = {
      sub: 'shop:1',
      legacyId: '1',
      username: 'anna',
      email: 'anna@example.com',
      emailVerified: true,
      phoneNumberVerified: false,
      state: 'active' as const,
      roles: [],
      attributes: {},
    };
    for (const hint of ['shop:1', 'ANNA', 'anna@EXAMPLE.com']) expect(isSamePerson(user, hint)).toBe(true);
    for (const hint of ['anna2', 'undefined', 'shop:2']) expect(isSamePerson(user, hint)).toBe(false);
  });
});
