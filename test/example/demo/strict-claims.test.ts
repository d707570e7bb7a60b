import { describe, expect, test } from 'vitest';
import { ClaimError, readClaims } from '../../../example/demo/strict-claims.ts';

const ANNA = {
  sub: 'shop:1001',
  name: 'Anna Sommerfeld',
  given_name: 'Anna',
  family_name: 'Sommerfeld',
  preferred_username: 'anna',
  email: 'anna@example.com',
  email_verified: true,
};
const read = (claims: object) => readClaims({ ...ANNA, ...claims });
const without = (...names: string[]) =>
  readClaims(Object.fromEntries(Object.entries(ANNA).filter(([name]) => !names.includes(name))));

describe('userinfo as ZITADEL’s library reads it', () => {
  test('a well-typed answer is read', () => {
    expect(readClaims(ANNA)).toMatchObject({ sub: 'shop:1001', givenName: 'Anna', emailVerified: true });
  });
  test('a missing email_verified is false', () => {
    expect(without('email_verified').emailVerified).toBe(false);
  });
  test('email_verified false is false', () => {
    expect(read({ email_verified: false }).emailVerified).toBe(false);
  });
  test('email_verified "true" as a string is true', () => {
    expect(read({ email_verified: 'true' }).emailVerified).toBe(true);
  });
  test('phone_number_verified "true" as a string is true', () => {
    expect(read({ phone_number_verified: 'true' }).phoneNumberVerified).toBe(true);
  });
  test.each([
    ['email_verified', 1],
    ['email_verified', 'yes'],
    ['email_verified', null],
    ['given_name', 42],
    ['picture', {}],
    ['locale', 'not a tag'],
    ['locale', ['de', 'en']],
    ['updated_at', 'yesterday'],
  ])('%s %j fails the whole login', (claim, value) => {
    expect(() => read({ [claim]: value })).toThrow(ClaimError);
    expect(() => read({ [claim]: value })).toThrow(claim);
  });
  test('locale de_CH is de-CH', () => {
    expect(read({ locale: 'de_CH' }).locale).toBe('de-CH');
  });
  test('nulls are as good as nothing', () => {
    const claims = read({ given_name: null, locale: null, updated_at: null, phone_number: null });
    expect(claims).toMatchObject({ givenName: '', locale: '', updatedAt: 0, phoneNumber: '' });
  });
  test('updated_at may be an ISO time', () => {
    expect(read({ updated_at: '2026-01-02T03:04:05Z' }).updatedAt).toBe(Date.UTC(2026, 0, 2, 3, 4, 5) / 1000);
  });
  test.each([
    ['preferred_username', 'preferredUsername'],
    ['given_name', 'givenName'],
    ['family_name', 'familyName'],
    ['email', 'email'],
  ] as const)('a missing %s is read as empty: the target refuses it later', (claim, field) => {
    expect(without(claim)[field]).toBe('');
  });
  test('an answer that is no object is refused', () => {
    expect(() => readClaims([ANNA])).toThrow(ClaimError);
    expect(() => readClaims(null)).toThrow(ClaimError);
  });
});
