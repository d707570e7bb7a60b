import { describe, expect, test } from 'vitest';
import type { Row } from '../../src/legacy/connector.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { mapRecord } from '../../src/legacy/mapping.ts';
import { mapping } from '../../src/legacy/mapping-settings.ts';
import { MAX_ORGANIZATIONS } from '../../src/legacy/organizations.ts';

const MEMBERS = {
  from: 'members',
  id: 'company_id',
  name: 'company',
  countryCode: 'country',
  kinds: { column: 'kind', transform: [{ map: { print: 'printer', shop: 'retailer' } }] },
  roles: 'role',
  owner: { column: 'role', equals: 'owner' },
};

function organizations(settings: object | undefined, members: readonly Row[], own: Row = {}) {
  const { user } = mapRecord(mapping.parse(settings ? { organizations: settings } : {}), {
    sub: 'shop:7',
    row: { id: '7', columns: own },
    related: { members },
    sparse: true,
    nowMs: 0,
  });
  return user.organizations;
}

describe('the organizations of a person', () => {
  test('are read from the rows of their memberships', () => {
    const rows = [
      { company_id: 12n, company: 'Mill AG', country: 'ch', kind: 'print', role: 'owner' },
      { company_id: 'x-1', company: 'Press', country: 'Germany', kind: 'bank', role: null },
    ];
    expect(organizations(MEMBERS, rows)).toEqual([
      { id: '12', name: 'Mill AG', countryCode: 'CH', kinds: ['printer'], roles: ['owner'], isOwner: true },
      { id: 'x-1', name: 'Press', kinds: [], roles: [], isOwner: false },
    ]);
  });

  test('are absent where nothing is said of them, and none where there are none', () => {
    expect(organizations(undefined, [{ company_id: 1 }])).toBeUndefined();
    expect(organizations(MEMBERS, [])).toEqual([]);
  });

  test('take the rows of one organization together, whose owner is who owns it in any of them', () => {
    const rows = [
      { company_id: 1, company: null, country: null, kind: 'print', role: 'buyer' },
      { company_id: 2, company: 'Press', role: 'buyer' },
      { company_id: '1', company: 'Mill', country: 'DE', kind: 'shop', role: 'owner' },
      { company_id: 1, company: 'Other name', country: 'AT', kind: 'shop', role: 'buyer' },
    ];
    expect(organizations(MEMBERS, rows)).toEqual([
      {
        id: '1',
        name: 'Mill',
        countryCode: 'DE',
        kinds: ['printer', 'retailer'],
        roles: ['buyer', 'owner'],
        isOwner: true,
      },
      { id: '2', name: 'Press', kinds: [], roles: ['buyer'], isOwner: false },
    ]);
  });

  test.each([[null], [''], ['  '], ['a b'], ['ü'], ['a\0'], ['x'.repeat(251)], [Number.NaN], [{}]])(
    'leave out a row with the id %j',
    (id) => {
      const rows = [{ company_id: id, company: 'Bad' }, { company_id: 'x'.repeat(250) }];
      expect(organizations(MEMBERS, rows)?.map(({ name }) => name.length)).toEqual([250]);
    },
  );

  test.each([
    ['de', 'DE'],
    [' At ', 'AT'],
    ['DEU', undefined],
    ['D1', undefined],
    ['49', undefined],
    ['ßa', undefined],
    [null, undefined],
  ])('with the country %j have the code %j', (country, code) => {
    const [found] = organizations(MEMBERS, [{ company_id: 1, country }]) ?? [];
    expect(found?.countryCode).toBe(code);
    expect(Object.hasOwn(found!, 'countryCode')).toBe(code !== undefined);
  });

  test('are owned on positive proof only, and refused where it does not answer', () => {
    const proved = (owner: object, row: Row) =>
      organizations({ ...MEMBERS, owner }, [{ company_id: 1, ...row }])?.[0]?.isOwner;
    expect(proved({ column: 'is_owner', truthy: true }, { is_owner: 1 })).toBe(true);
    expect(proved({ column: 'is_owner', truthy: true }, { is_owner: 0 })).toBe(false);
    expect(proved({ column: 'is_owner', truthy: true }, {})).toBe(false);
    expect(() => proved({ column: 'is_owner', truthy: true }, { is_owner: 'perhaps' })).toThrow(
      'cannot be mapped',
    );
  });

  test('may stand in a JSON list, in the person’s own row, or in some of the rows', () => {
    const { from: _, ...fields } = MEMBERS;
    const json = JSON.stringify([{ company_id: 1, company: 'Mill', role: 'owner' }]);
    expect(organizations({ ...fields, each: 'companies' }, [], { companies: json })).toMatchObject([
      { id: '1', name: 'Mill', isOwner: true },
    ]);
    expect(organizations(fields, [], { company_id: 3, company: 'Own' })).toMatchObject([{ id: '3' }]);
    expect(organizations(fields, [], { company_id: null })).toEqual([]);
    const active = { ...MEMBERS, when: { column: 'ended', present: false } };
    const rows = [{ company_id: 1, ended: '2020-01-01' }, { company_id: 2 }];
    expect(organizations(active, rows)?.map(({ id }) => id)).toEqual(['2']);
  });

  test('are bounded, and those that the person owns come first', () => {
    const rows = Array.from({ length: MAX_ORGANIZATIONS + 50 }, (_, index) => ({
      company_id: index,
      role: index === MAX_ORGANIZATIONS + 40 ? 'owner' : 'buyer',
    }));
    const found = organizations(MEMBERS, rows) ?? [];
    expect(found).toHaveLength(MAX_ORGANIZATIONS);
    expect(found[0]).toMatchObject({ id: String(MAX_ORGANIZATIONS + 40), isOwner: true });
    expect(found[1]?.id).toBe('0');
  });

  test('have a bounded number of roles', () => {
    const rows = Array.from({ length: 300 }, (_, index) => ({ company_id: 1, role: `r${index}` }));
    expect(organizations(MEMBERS, rows)?.[0]?.roles).toHaveLength(50);
  });
});

describe('the mapping of organizations', () => {
  const issues = (changes: object) => {
    const settings = legacySettings.safeParse({
      store: 'shop',
      sql: {
        engine: 'sqlite',
        file: 'f',
        table: 'people',
        login: ['login'],
        queries: { related: { members: 'select * from members where person = :id' } },
      },
      mapping: { organizations: { ...MEMBERS, ...changes } },
    });
    return (settings.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`).join();
  };

  test.each([
    [{ from: 'companies' }, 'names no related rows'],
    [{ each: 'companies' }, 'mapping.organizations: expected `from` or `each`'],
    [{ owner: undefined }, 'mapping.organizations.owner'],
    [{ id: undefined }, 'mapping.organizations.id'],
    [{ title: 'x' }, 'mapping.organizations: Unrecognized key'],
  ])('is refused with %j', (changes, why) => {
    expect(issues(changes)).toContain(why);
  });

  test('is good as it stands', () => {
    expect(issues({})).toBe('');
  });
});
