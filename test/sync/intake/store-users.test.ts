import { describe, expect, test } from 'vitest';
import { usersOf } from '../../../src/sync/intake/store-users.ts';

const shop = { name: 'shop', prefix: 'shop:' };
const forum = { name: 'forum', prefix: 'forum:' };
const bare = { name: 'old', prefix: '' };
const isSubject = (sub: string) => /^[\x21-\x7e]{1,255}$/.test(sub);

describe('an id of a store’s', () => {
  test.each([
    ['of the only store', [shop], '1', undefined, { sub: 'shop:1', store: 'shop' }],
    ['with its prefix', [shop], 'shop:1', undefined, { sub: 'shop:1', store: 'shop' }],
    ['of a store without prefix', [bare], '1', undefined, { sub: '1', store: 'old' }],
    ['that looks like another store’s there', [bare], 'shop:1', undefined, { sub: 'shop:1', store: 'old' }],
    [
      'with the prefix of one of several',
      [shop, forum],
      'forum:1',
      undefined,
      { sub: 'forum:1', store: 'forum' },
    ],
    ['of the one that is named', [shop, forum], '1', 'shop', { sub: 'shop:1', store: 'shop' }],
    [
      'of several, beside one without prefix',
      [shop, bare],
      'shop:1',
      undefined,
      { sub: 'shop:1', store: 'shop' },
    ],
    ['of the one without prefix, if it is named', [shop, bare], '1', 'old', { sub: '1', store: 'old' }],
  ])('%s is known', (_, stores, user, store, expected) => {
    expect(usersOf(stores, isSubject)(user, store)).toEqual(expected);
  });

  test.each([
    ['of one of several', [shop, forum], '1', undefined],
    ['of a store that there is not', [shop], '1', 'forum'],
    ['of a store named like a method', [shop], '1', 'constructor'],
    ['of no store at all', [], '1', undefined],
    ['with nothing but the prefix', [shop], 'a b', undefined],
    ['that is no subject', [shop], 'Jürgen', undefined],
    ['that has no end', [shop], 'x'.repeat(300), undefined],
  ])('%s is nobody’s', (_, stores, user, store) => {
    expect(usersOf(stores, isSubject)(user, store)).toBeUndefined();
  });
});
