/** What becomes of a link to us: only who can log in without it loses it. */
import { describe, expect, test } from 'vitest';
import { linkFate } from '../../../src/migration/retiring/local-login.ts';
import type { FoundUser } from '../../../src/targets/connection.ts';

const OURS = { idpId: 'ours', userId: 'shop:1', userName: 'anna' };
const GOOGLE = { idpId: 'google', userId: 'g-1', userName: 'anna' };
const user = (more: Partial<FoundUser> = {}): FoundUser => ({
  ...{ targetUserId: 't1', username: 'anna', loginName: 'anna', state: 'active' },
  ...{ hasPassword: false, hasTotp: false, links: [OURS], metadata: {} },
  ...more,
});
const fate = (found: FoundUser | undefined) =>
  linkFate(found, { sub: 'shop:1', ourIdps: new Set(['ours', 'ours-by-jwt']) });

describe('a link to us', () => {
  test.each([
    ['a password', { hasPassword: true }],
    ['a passkey', { hasPasskeys: true }],
    ['an account elsewhere', { links: [OURS, GOOGLE] }],
  ])('goes where there is %s', (_what, more) => {
    expect(fate(user(more))).toEqual({ link: 'local', unlinks: true });
  });

  test.each([
    ['nothing else', {}],
    ['only a second factor', { hasTotp: true }],
    ['only another link to us', { links: [OURS, { ...OURS, idpId: 'ours-by-jwt' }] }],
  ])('is kept where there is %s', (_what, more) => {
    expect(fate(user(more))).toEqual({ link: 'kept', unlinks: false });
  });

  test('that is gone already is not taken away again', () => {
    expect(fate(user({ hasPassword: true, links: [] }))).toEqual({ link: 'local', unlinks: false });
  });

  test('of somebody else is left alone', () => {
    const links = [{ ...OURS, userId: 'shop:2' }];
    expect(fate(user({ hasPassword: true, links }))).toEqual({ link: 'local', unlinks: false });
  });

  test('is nobody’s where nobody is there', () => {
    expect(fate(undefined)).toEqual({ link: 'none', unlinks: false });
    expect(fate(user({ state: 'deleted' }))).toEqual({ link: 'none', unlinks: false });
  });
});
