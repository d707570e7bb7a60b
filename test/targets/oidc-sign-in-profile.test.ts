import { describe, expect, test } from 'vitest';
import { isSparse, signedInOf } from '../../src/targets/oidc/profile.ts';

describe('who signed in', () => {
  test('is told in the words of the ID token, and of userinfo where it has none', () => {
    const idToken = { sub: '1', name: 'Anna', email: '', amr: ['pwd', 'otp'], auth_time: 1_700_000_000 };
    const userinfo = { sub: '1', name: 'Other', given_name: 'A', email: 'a@b.test', email_verified: true };
    expect(signedInOf(idToken, userinfo)).toEqual({
      targetUserId: '1',
      name: 'Anna',
      givenName: 'A',
      email: 'a@b.test',
      emailVerified: true,
      amr: ['pwd', 'otp'],
      authTime: 1_700_000_000,
    });
  });

  test('has an address that is verified only by the same word that gave it', () => {
    const userinfo = { email: 'other@b.test', email_verified: true };
    expect(signedInOf({ sub: '1', email: 'a@b.test' }, userinfo)).toMatchObject({
      email: 'a@b.test',
      emailVerified: false,
    });
    expect(signedInOf({ sub: '1', email_verified: true }, {})).toMatchObject({ emailVerified: false });
    expect(signedInOf({ sub: '1', email: 'a@b.test', email_verified: 'true' })).toMatchObject({
      emailVerified: true,
    });
    expect(signedInOf({ sub: '1', email: 'a@b.test', email_verified: 'no' })).toMatchObject({
      emailVerified: false,
    });
  });

  test.each<[string, object]>([
    ['a name of several lines', { name: 'Anna\nBerg' }],
    ['a name that is a list', { name: ['Anna'] }],
    ['a name longer than any', { name: 'x'.repeat(256) }],
    ['a time that is none', { auth_time: '2024' }],
    ['a time before all others', { auth_time: -1 }],
  ])('goes without %s', (_title, claims) => {
    expect(signedInOf({ sub: '1', ...claims })).toEqual({ targetUserId: '1', emailVerified: false, amr: [] });
  });

  test('has proved themselves by methods that are well-formed, and a handful of them', () => {
    const amr = [
      'pwd',
      7,
      'x'.repeat(65),
      'a b',
      'urn:example:otp',
      ...Array.from({ length: 30 }, () => 'mfa'),
    ];
    const methods = signedInOf({ sub: '1', amr }).amr;
    expect(methods.slice(0, 3)).toEqual(['pwd', 'urn:example:otp', 'mfa']);
    expect(methods).toHaveLength(16);
    expect(signedInOf({ sub: '1', amr: 'pwd' }).amr).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['empty', ''],
    ['longer than any', 'x'.repeat(256)],
    ['not ASCII', 'jürgen'],
    ['on two lines', 'a\nb'],
    ['a number', 7],
  ])('is nobody whose subject is %s', (_title, sub) => {
    expect(() => signedInOf({ sub })).toThrow(/wrong_sub/);
  });
});

test('an ID token without name or address is sparse', () => {
  expect(isSparse({ name: 'Anna', email: 'a@b.test' })).toBe(false);
  expect(isSparse({ name: 'Anna' })).toBe(true);
  expect(isSparse({ email: 'a@b.test', name: ' ' })).toBe(true);
});
