import { describe, expect, test } from 'vitest';
import { accountOf, foundUserOf } from '../../../src/targets/cidaas/account.ts';
import { cidaasSettings } from '../../../src/targets/cidaas/cidaas-settings.ts';

const settings = cidaasSettings.parse({});
const SUB = '753487e7-10bc-4e69-b3b2-4da33721ea3e';
const FIELDS = { email: 'anna@example.com', email_verified: true, given_name: 'Anna', family_name: 'Able' };
const found = (document: unknown) => {
  const account = accountOf(document, settings);
  return account && foundUserOf(account, settings);
};

describe('a user', () => {
  test.each([
    ['in an identity', { identities: [{ provider: 'self', ...FIELDS }] }],
    ['at the top', FIELDS],
    ['in the search’s own place', { system: FIELDS }],
    ['in their account', { userAccount: FIELDS }],
  ])('is read with the fields %s', (_where, more) => {
    const answer = { success: true, status: 200, data: { sub: SUB, userStatus: 'VERIFIED', ...more } };
    expect(found(answer)).toMatchObject({
      targetUserId: SUB,
      username: 'anna@example.com',
      loginName: 'anna@example.com',
      state: 'active',
      email: { address: 'anna@example.com', isVerified: true },
      givenName: 'Anna',
      familyName: 'Able',
    });
  });

  test('is one who logs in locally before one at another provider', () => {
    const identities = [
      { provider: 'google', providerUserId: 'g-1', ...FIELDS, email: 'other@gmail.example' },
      { provider: 'self', ...FIELDS },
    ];
    expect(found({ sub: SUB, identities })).toMatchObject({
      email: { address: 'anna@example.com' },
      links: [{ idpId: 'google', userId: 'g-1', userName: 'other@gmail.example' }],
    });
  });

  test.each([
    ['VERIFIED', 'active'],
    ['DECLINED', 'inactive'],
    ['BLOCKED', 'locked'],
    ['PENDING', 'initial'],
    ['DELETED', 'deleted'],
    ['COMBINED', 'deleted'],
  ])('%s is %s', (userStatus, state) => {
    expect(found({ sub: SUB, userStatus })?.state).toBe(state);
  });

  test('whom nobody has verified is not verified', () => {
    expect(found({ sub: SUB, ...FIELDS, email_verified: 'true' })?.email?.isVerified).toBe(false);
  });

  test('shows our id beside their own, and their metadata without what is ours', () => {
    const customFields = { footbridge_id: 'ours', footbridge_password: 'hash', legacy_id: { value: '7' } };
    const user = found({ sub: SUB, ...FIELDS, customFields });
    expect(user).toMatchObject({ externalId: 'ours', metadata: { legacy_id: '7' } });
    expect(Object.keys(user?.metadata ?? {})).toEqual(['legacy_id']);
  });

  test.each([
    ['of ours with a hash', { footbridge_id: 'x', footbridge_password: 'hash' }, true],
    ['of ours who is asked about here', { footbridge_id: 'x', footbridge_password: 'asked' }, false],
    ['of ours without one', { footbridge_id: 'x' }, false],
    ['of somebody else’s', {}, true],
  ])('%s has a password: %j is %s', (_who, customFields, isSo) => {
    const identities = [{ provider: 'self', ...FIELDS }];
    expect(found({ sub: SUB, identities, customFields })?.hasPassword).toBe(isSo);
  });

  test('who only comes through a provider has none', () => {
    const identities = [{ provider: 'footbridge', providerUserId: 'shop:1' }];
    expect(found({ sub: SUB, identities })?.hasPassword).toBe(false);
  });
});

test.each([undefined, null, [], {}, { data: {} }, { sub: '' }])('%j is nobody', (document) => {
  expect(accountOf(document, settings)).toBeUndefined();
});
