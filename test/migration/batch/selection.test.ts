/** Who is asked for: read from texts, matched as said, and told in words. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkMoment, momentOf } from '../../../src/migration/batch/moment.ts';
import type { Selection } from '../../../src/migration/batch/selection.ts';
import {
  batchName,
  matches,
  planOf,
  rankOf,
  selectionSchema,
} from '../../../src/migration/batch/selection.ts';
import { selectionWords } from '../../../src/migration/batch/selection-words.ts';
import type { LegacyEntry, User } from '../../../src/user.ts';
import '../../support/fast-check-seed.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z') / 1_000;
const DAY = 86_400;
const read = (given: object): Selection => selectionSchema.parse({ target: 'main', ...given });
const problems = (given: object) =>
  selectionSchema.safeParse({ target: 'main', ...given }).error?.issues.map(({ message }) => message) ?? [];

function person(more: Partial<User> = {}): LegacyEntry {
  const user: User = {
    sub: 'shop:1',
    legacyId: '1',
    emailVerified: false,
    phoneNumberVerified: false,
    state: 'active',
    roles: [],
    attributes: {},
    ...more,
  };
  return { user, credentials: { passwords: [] } };
}
const fits = (given: object, more: Partial<User>) => matches(read(given), person(more), NOW);

describe('a selection', () => {
  test('is read from lists, and from texts with commas between', () => {
    const asked = { roles: ['buyer', 'seller'], emailDomains: ['Example.com'], metadata: { tier: 'gold' } };
    const typed = { roles: ' buyer,seller,,buyer', emailDomains: '@EXAMPLE.com', metadata: 'tier = gold' };
    expect(read(typed)).toEqual({ ...read(asked), metadata: { tier: 'gold' } });
    expect(read({})).toEqual({ target: 'main', states: ['active'], order: 'recent-first' });
    expect(read({ limit: '20' }).limit).toBe(20);
  });

  test.each([
    { given: { lastLoginAfter: 'yesterday' }, why: 'expected a date' },
    { given: { lastLoginAfter: '2026-02-31' }, why: 'expected a date' },
    { given: { metadata: 'gold' }, why: 'expected key=value' },
    { given: { metadata: {} }, why: 'expected key=value' },
    { given: { neverLoggedIn: true, lastLoginAfter: '90d' }, why: 'goes with neither' },
    { given: { states: 'awake' }, why: 'Invalid option' },
    { given: { roles: ',' }, why: '>=1' },
    { given: { limit: '0' }, why: '>=1' },
    { given: { usernames: 'a' }, why: 'Unrecognized key' },
  ])('is refused with $given', ({ given, why }) => {
    expect(problems(given).join(' ')).toContain(why);
  });

  test('keeps a list as a digest, whatever its order', () => {
    const [one, other] = [read({ subs: ['shop:2', 'shop:1', 'shop:2'] }), read({ subs: 'shop:1,shop:2' })];
    expect(planOf(one)).toEqual(planOf(other));
    expect(planOf(one)).toMatchObject({
      listed: { people: 2, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(JSON.stringify(planOf(one))).not.toContain('shop:1');
    expect(planOf(read({ subs: 'shop:3' }))).not.toEqual(planOf(one));
  });

  test.each(['a', 'main-20260301-1', 'x'.repeat(63)])('takes %s for a batch’s name', (name) => {
    expect(batchName.parse(name)).toBe(name);
  });
  test.each(['', 'A', 'a b', 'a/b', 'x'.repeat(64)])('does not take “%s”', (name) => {
    expect(batchName.safeParse(name).success).toBe(false);
  });
});

describe('somebody is asked for', () => {
  test('by one of the roles or groups', () => {
    expect(fits({ roles: 'buyer,seller' }, { roles: ['seller', 'x'] })).toBe(true);
    expect(fits({ roles: 'buyer,seller' }, { roles: ['Buyer'] })).toBe(false);
    expect(fits({ groups: 'staff' }, { groups: ['staff'] })).toBe(true);
    expect(fits({ groups: 'staff' }, {})).toBe(false);
  });

  test('by the domain of an address that is verified, and of no other', () => {
    const email = 'a@b@Example.COM';
    expect(fits({ emailDomains: 'example.com' }, { email, emailVerified: true })).toBe(true);
    expect(fits({ emailDomains: 'example.com' }, { email, emailVerified: false })).toBe(false);
    expect(fits({ emailDomains: 'example.com' }, { email: 'a@sub.example.com', emailVerified: true })).toBe(
      false,
    );
  });

  test('by the last login; of whom none is known fits neither side', () => {
    const lastLoginAt = NOW - 90 * DAY;
    expect(fits({ lastLoginAfter: '90d' }, { lastLoginAt })).toBe(true);
    expect(fits({ lastLoginAfter: '90d' }, { lastLoginAt: lastLoginAt - 1 })).toBe(false);
    expect(fits({ lastLoginBefore: '2026-01-01' }, { lastLoginAt: NOW - 365 * DAY })).toBe(true);
    expect(fits({ lastLoginBefore: '2026-01-01' }, { lastLoginAt: NOW })).toBe(false);
    for (const side of ['lastLoginAfter', 'lastLoginBefore']) expect(fits({ [side]: '90d' }, {})).toBe(false);
    expect(fits({ neverLoggedIn: true }, {})).toBe(true);
    expect(fits({ neverLoggedIn: true }, { lastLoginAt })).toBe(false);
  });

  test('by what the mapping keeps beside them', () => {
    const metadata = { tier: 'gold', seats: 3 };
    expect(fits({ metadata: 'tier=gold,seats=3' }, { metadata })).toBe(true);
    expect(fits({ metadata: 'tier=gold,seats=4' }, { metadata })).toBe(false);
    expect(fits({ metadata: 'constructor=x' }, {})).toBe(false);
  });

  test('by their state: active, unless others are asked for', () => {
    expect(fits({}, { state: 'disabled' })).toBe(false);
    expect(fits({ states: 'disabled,locked' }, { state: 'locked' })).toBe(true);
  });

  test('by being listed, exactly', () => {
    const subs = fc.uniqueArray(
      fc.string({ minLength: 1, maxLength: 5 }).map((text) => `shop:${text.trim()}x`),
      {
        minLength: 2,
        maxLength: 50,
      },
    );
    fc.assert(
      fc.property(subs, ([out, ...listed]) => {
        const selection = read({ subs: listed });
        for (const sub of listed) expect(matches(selection, person({ sub }), NOW)).toBe(true);
        expect(matches(selection, person({ sub: out! }), NOW)).toBe(false);
      }),
    );
  });

  const people = fc.record({
    roles: fc.subarray(['buyer', 'seller', 'staff']),
    lastLoginAt: fc.integer({ min: 0, max: NOW }),
    state: fc.constantFrom('active', 'disabled', 'locked'),
    emailVerified: fc.boolean(),
    email: fc.constantFrom('a@example.com', 'a@example.org'),
  });
  const filters = fc.record(
    {
      roles: fc.subarray(['buyer', 'seller'], { minLength: 1 }),
      emailDomains: fc.subarray(['example.com', 'example.org'], { minLength: 1 }),
      lastLoginAfter: fc.constantFrom('90d', '52w', '2020-01-01'),
      states: fc.subarray(['active', 'disabled', 'locked'], { minLength: 1 }),
    },
    { requiredKeys: [] },
  );

  test('only if every filter alone would ask for them too', () => {
    fc.assert(
      fc.property(people, filters, (user, given) => {
        const one = person(user as Partial<User>);
        const states = given.states ?? ['active'];
        const alone = Object.entries(given).map(([name, value]) => ({ states, [name]: value }));
        const each = [{ states }, ...alone].every((filter) => matches(read(filter), one, NOW));
        expect(matches(read(given), one, NOW)).toBe(each);
      }),
    );
  });
});

describe('the order', () => {
  test('puts the most recent login first, and the unknown ones last', () => {
    const logins = fc.array(fc.option(fc.integer({ min: 0, max: NOW }), { nil: undefined }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(logins, (all) => {
        const ranks = all.map((lastLoginAt) => ({
          lastLoginAt,
          rank: rankOf({ order: 'recent-first' }, lastLoginAt === undefined ? {} : { lastLoginAt }),
        }));
        const ordered = ranks.sort((a, b) => a.rank - b.rank).map(({ lastLoginAt }) => lastLoginAt ?? 0);
        expect(ordered).toEqual([...ordered].sort((a, b) => b - a));
        for (const { rank } of ranks) expect(Object.is(rank, -0) || !Number.isSafeInteger(rank)).toBe(false);
      }),
    );
    expect(rankOf({ order: 'id' }, { lastLoginAt: NOW })).toBe(0);
  });
});

describe('a moment', () => {
  test('is a date, a time with its zone, or an age', () => {
    expect(momentOf('2026-01-01', NOW)).toBe(Date.parse('2026-01-01T00:00:00Z') / 1_000);
    expect(momentOf('2026-01-01T01:00:00+01:00', NOW)).toBe(Date.parse('2026-01-01T00:00:00Z') / 1_000);
    expect(momentOf('1y', NOW)).toBe(NOW - 365 * DAY);
    expect(momentOf('36h', NOW)).toBe(NOW - 1.5 * DAY);
  });

  test.each([
    '',
    '90',
    '90m',
    'd90',
    '01/02/2026',
    '2026-13-01',
    '2026-01-01T25:00:00Z',
    '2026-01-01T01:00:00',
  ])('is not “%s”', (text) => {
    expect(checkMoment(text)).toBe(false);
  });
});

describe('the words', () => {
  const wordsOf = (given: object) => selectionWords(JSON.parse(JSON.stringify(planOf(read(given)))));

  test('say who was asked for', () => {
    expect(wordsOf({})).toBe('Active people; most recent login first.');
    expect(wordsOf({ roles: 'buyer,seller', lastLoginAfter: '90d', limit: 1_500, order: 'id' })).toBe(
      'Active people, with the role buyer or seller, who logged in within the last 90 days; in the order of their ids, the first 1,500.',
    );
    expect(wordsOf({ states: 'locked', lastLoginBefore: '2025-01-01', metadata: 'tier=gold' })).toBe(
      'Locked people, whose last login was before 2025-01-01, whose tier is gold; most recent login first.',
    );
    expect(wordsOf({ subs: 'shop:1,shop:2', emailDomains: 'example.com', neverLoggedIn: true })).toBe(
      'Active people, with a verified address at example.com, of whom no login is known, of a list of 2; most recent login first.',
    );
  });

  test('never fail on a plan of somebody else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (plan) => {
        expect(selectionWords(plan)).toMatch(/people|People/);
      }),
    );
  });
});
