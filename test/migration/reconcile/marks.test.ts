/** Marks tell same from other, across spellings and master keys, and nothing else. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Marks } from '../../../src/migration/reconcile/marks.ts';
import {
  COMPARED_FIELDS,
  digestsOf,
  foundProfile,
  markingOf,
  wantedProfile,
} from '../../../src/migration/reconcile/marks.ts';
import { reconcile } from '../../../src/migration/reconcile/reconcile.ts';
import { Secret } from '../../../src/settings.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import type { FoundUser, TargetUser } from '../../../src/targets/connection.ts';
import type { World } from './world.ts';
import { HASHES, openWorld, personOf, userOf } from './world.ts';

const newKey = () => new Secret(randomBytes(32).toString('base64'));
const keyring = openKeyring(newKey());
const marking = (id: string) => markingOf(keyring, 'main', id);

const FOUND: FoundUser = {
  targetUserId: 'u1',
  username: 'anna',
  loginName: 'anna',
  givenName: 'Anna',
  familyName: 'Tester',
  email: { address: 'anna@example.com', isVerified: true },
  state: 'active',
  hasPassword: true,
  hasTotp: false,
  links: [],
  metadata: {},
};
const found = (more: Partial<FoundUser>): Marks => foundProfile(marking('u1'), { ...FOUND, ...more });

describe('marks of one value', () => {
  test.each<[string, Partial<FoundUser>, Partial<FoundUser>]>([
    ['case of names', { username: 'Anna' }, { username: 'anna' }],
    [
      'case of addresses',
      { email: { address: 'A@X.org', isVerified: true } },
      { email: { address: 'a@x.org', isVerified: true } },
    ],
    ['spaces', { givenName: ' Anna  Lena\t' }, { givenName: 'Anna Lena' }],
    ['composition', { familyName: 'Mu\u0308ller' }, { familyName: 'M\u00fcller' }],
    [
      'spelling of numbers',
      { phone: { number: '+49 (30) 1-2', isVerified: false } },
      { phone: { number: '+493012', isVerified: false } },
    ],
    ['spelling of languages', { locale: 'de_CH' }, { locale: 'de-ch' }],
  ])('are the same whatever the %s', (_, one, other) => {
    expect(found(one)).toEqual(found(other));
  });

  test.each<[string, Partial<FoundUser>, Partial<FoundUser>]>([
    ['a letter of a name', { givenName: 'Anna' }, { givenName: 'Anne' }],
    ['case of given names', { givenName: 'Anna' }, { givenName: 'anna' }],
    ['whether an address is verified', {}, { email: { address: 'anna@example.com', isVerified: false } }],
    ['which field it is in', { givenName: 'X', familyName: 'Y' }, { givenName: 'Y', familyName: 'X' }],
  ])('differ by %s', (_, one, other) => {
    expect(found(one)).not.toEqual(found(other));
  });

  test('differ from one person to the next, and from one key to the next', () => {
    const one = foundProfile(marking('u1'), FOUND);
    const other = foundProfile(marking('u2'), { ...FOUND, targetUserId: 'u2' });
    const rotated = foundProfile(markingOf(openKeyring(newKey()), 'main', 'u1'), FOUND);
    for (const marks of [other, rotated]) expect(marks.givenName).not.toBe(one.givenName);
  });

  test('are of one length, and empty only for what is empty', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const isEmpty = text.normalize('NFC').trim() === '';
        expect(found({ nickname: text }).nickname).toMatch(isEmpty ? /^$/ : /^[0-9a-f]{16}$/);
      }),
    );
  });
});

describe('the two ways to a mark', () => {
  test('agree: what was stored is what is found', () => {
    const user: TargetUser = {
      sub: 'shop:1',
      legacyId: '1',
      targetUserId: 'u1',
      username: 'anna',
      givenName: 'Anna',
      familyName: 'Tester',
      email: { address: 'anna@example.com', isVerified: true },
      identityProviderLinks: [],
      metadata: {},
      grants: [],
    };
    const there = foundProfile(marking('u1'), FOUND);
    expect(there).toMatchObject(wantedProfile(marking('u1'), user));
    const { of, state, ...stored } = digestsOf(keyring, 'main', user);
    expect([of, state]).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/), 'active']);
    expect(there).toMatchObject(stored);
    for (const field of Object.keys(stored)) expect(COMPARED_FIELDS).toContain(field);
  });

  test('agree on whose address is their name, whatever the target calls them', () => {
    expect(found({ username: 'ANNA@example.com' }).username).toBe('');
    expect(found({ username: 'u1' }).username).toBe('');
  });
});

describe('a new master key', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => world.forget());

  test('makes no password another one, and knows nothing of who has changed what until all were equal again', async () => {
    const people = [personOf(1), personOf(2)];
    world.writeLegacy(people);
    world.writeTarget(people.map((person) => userOf(person)));
    await world.writeLedger(people.map(({ id }) => ({ id, state: 'migrated' })));
    const verify = (deps = world.deps) => reconcile(deps, { actor: 'operator:test' });
    await verify();
    const rotated = {
      ...world.deps,
      keyring: openKeyring([newKey(), new Secret(world.place.masterKey)]),
    };
    world.writeLegacy([personOf(1, { hash: HASHES[1] }), personOf(2, { given: 'Berta' })]);
    const { differences } = await verify(rotated);
    // Of the first nobody changed anything but the password; of the second nobody knows.
    expect(differences.byField).toEqual({ password: { 'changed-left': 1 }, givenName: { conflict: 1 } });
    world.writeLegacy(people);
    expect((await verify(rotated)).differences.total).toBe(0);
    world.writeLegacy([personOf(1), personOf(2, { given: 'Berta' })]);
    expect((await verify(rotated)).differences.byKind['changed-left']).toBe(1);
  });
});
