import { describe, expect, test } from 'vitest';
import type { Person } from '../../src/rollout/membership.ts';
import { isInSegment } from '../../src/rollout/membership.ts';
import { planShape } from '../../src/rollout/plan.ts';

const NOW = Date.parse('2026-12-01T00:00:00Z') / 1_000;
const DAY = 86_400;

const anna: Person = {
  sub: 'shop:1',
  email: 'anna@Staff.Example',
  emailVerified: true,
  locale: 'de-AT',
  lastLoginAt: NOW - 10 * DAY,
  roles: ['editor'],
  groups: ['press'],
  organizations: [
    { id: '77', name: 'Brewery', countryCode: 'CH', kinds: ['customer'], roles: ['owner'], isOwner: true },
  ],
  metadata: { tier: 'gold', land: 'de', danger: 'low', count: 3 },
};

function isIn(asked: object, who: Person = anna, more: { segments?: object; facts?: object } = {}) {
  const plan = planShape.parse({
    ...{ name: 'p', target: 't', phases: [{ name: 'x' }] },
    segments: { it: asked, ...more.segments },
    ...(more.facts ? { facts: more.facts } : {}),
  });
  return isInSegment(plan, 'it', { person: who, bucket: 4_999, nowSeconds: NOW });
}

const without = (...names: (keyof Person)[]): Person =>
  Object.fromEntries(
    Object.entries(anna).filter(([name]) => !names.includes(name as keyof Person)),
  ) as unknown as Person;

describe('a segment', () => {
  test.each([
    [{ emailDomains: ['@staff.example'] }, { emailDomains: ['example'] }],
    [{ roles: ['admin', 'editor'] }, { roles: ['admin'] }],
    [{ groups: ['press'] }, { groups: ['sales'] }],
    [{ organizations: ['77'] }, { organizations: ['7'] }],
    [{ organizations: ['Brewery'] }, { organizations: ['brewery'] }],
    [{ organizationKinds: ['customer'] }, { organizationKinds: ['supplier'] }],
    [{ countries: ['ch'] }, { countries: ['AT'] }],
    [{ metadata: { tier: 'gold' } }, { metadata: { tier: 'silver' } }],
    [{ metadata: { count: '3' } }, { metadata: { count: '4' } }],
    [{ lastLoginDays: 10 }, { lastLoginDays: 9 }],
    [{ subs: ['shop:2', 'shop:1'] }, { subs: ['shop:11'] }],
    [{ percentage: 50 }, { percentage: 49.99 }],
    [
      { roles: ['editor'], groups: ['press'] },
      { roles: ['editor'], groups: ['sales'] },
    ],
  ])('has her for %j, and not for %j', (yes, no) => {
    expect(isIn(yes)).toBe(true);
    expect(isIn(no)).toBe(false);
  });

  test('takes the country from where the plan says, then from an organization, then from the locale', () => {
    expect(isIn({ countries: ['DE'] }, anna, { facts: { country: 'land' } })).toBe(true);
    expect(isIn({ countries: ['CH'] }, anna, { facts: { country: 'land' } })).toBe(false);
    expect(isIn({ countries: ['AT'] }, without('organizations'))).toBe(true);
    expect(isIn({ countries: ['AT'] }, { ...without('organizations'), locale: 'not a tag' })).toBe(false);
  });

  test('takes the risk from where the plan says, and knows none without', () => {
    expect(isIn({ risk: ['low'] }, anna, { facts: { risk: 'danger' } })).toBe(true);
    expect(isIn({ risk: ['low'] })).toBe(false);
  });

  test('has nobody by an address that was not verified', () => {
    expect(isIn({ emailDomains: ['staff.example'] }, { ...anna, emailVerified: false })).toBe(false);
  });

  test('has nobody by a login that is not known', () => {
    expect(isIn({ lastLoginDays: 3_650 }, without('lastLoginAt'))).toBe(false);
  });

  test('leaves out who is in another that it excepts', () => {
    const segments = { press: { groups: ['press'] } };
    expect(isIn({ roles: ['editor'], except: ['press'] }, anna, { segments })).toBe(false);
    expect(isIn({ roles: ['editor'], except: ['press'] }, without('groups'), { segments })).toBe(true);
  });
});

describe('a plan is refused', () => {
  const wrong = (plan: object) =>
    planShape
      .safeParse({ name: 'p', target: 't', phases: [{ name: 'one' }], ...plan })
      .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

  test.each([
    [{ phases: [] }, /^phases/],
    [{ phases: [{ name: 'one' }, { name: 'one' }] }, /another phase of this name/],
    [{ phases: [{ name: 'one', segments: ['x'] }] }, /phases\.0\.segments\.0: there is no segment called x/],
    [{ phases: [{ name: 'one', apps: ['x'] }] }, /there is no app called x/],
    [{ phases: [{ name: 'one', needs: ['two'] }, { name: 'two' }] }, /has to come before this one/],
    [{ phases: [{ name: 'one', needs: ['x'] }] }, /there is no phase called x/],
    [{ segments: { a: {} } }, /everybody would be in it/],
    [
      { segments: { a: { roles: ['r'], except: ['b'] }, b: { roles: ['r'], except: ['a'] } } },
      /goes in a circle/,
    ],
    [{ segments: { a: { percentage: 101 } } }, /segments\.a\.percentage/],
    [{ apps: { a: { clients: ['c'] }, b: { clients: ['c'] } } }, /belongs to the app a already/],
    [{ freezes: [{ from: '2026-12-02', until: '2026-12-01', reason: 'x' }] }, /`until` is not after `from`/],
    [{ phases: [{ name: 'one', starts: 'tomorrow' }] }, /expected a moment/],
    [{ colour: 'red' }, /Unrecognized key/],
  ])('%j', (plan, message) => {
    expect(wrong(plan).join('\n')).toMatch(message);
  });
});
