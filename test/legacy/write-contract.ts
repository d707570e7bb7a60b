/** What every connector does that writes: people of `PEOPLE_SQL`, and the organizations o1 and o2 without members. */
import { expect, test } from 'vitest';
import type { Connector, LegacyWrite, WriteValues } from '../../src/legacy/connector.ts';

/** What is read back of memberships: related rows named `members`. */
export const memberQuery =
  'select m.organization, m.roles, o.target_id from members m join organizations o on o.id = m.organization where m.person_id = :id order by m.organization';

/** In the words of three engines that share all but what becomes of a row that is there. */
export function sqlWrites(engine: unknown) {
  const update =
    engine === 'mysql'
      ? 'on duplicate key update roles = values(roles)'
      : 'on conflict (organization, person_id) do update set roles = excluded.roles';
  const into = 'insert into members (organization, person_id, roles) values (:organization, :id, :roles)';
  return {
    linkPerson: { statement: 'update people set target_id = :targetUserId where id = :id' },
    linkOrganization: {
      statement: 'update organizations set target_id = :targetOrganizationId where id = :organization',
    },
    setMember: { statement: `${into} ${update}` },
    endMember: { statement: 'delete from members where organization = :organization and person_id = :id' },
    endMemberships: { statement: 'delete from members where organization = :organization' },
    createPerson: {
      statement:
        'insert into people (id, login, email, name, target_id) select max(id) + 1, :email, :email, :name, :targetUserId from people',
    },
  };
}

const HOSTILE = [
  "o'hara",
  "'; drop table people; --",
  '"; \\',
  '{id}',
  ':id',
  '?',
  '$1',
  '%00',
  '../x',
  'a,b',
  'ü🔐',
  'x'.repeat(100),
];

export function writeContract(connectorOf: () => Connector): void {
  const write = (what: LegacyWrite, values: WriteValues) => connectorOf().write!(what, values);
  /** A store that counts says so; one that does not has no number. */
  const changes = async (what: LegacyWrite, values: WriteValues) => (await write(what, values)) !== 0;
  const person = async (id: string) => (await connectorOf().findById(id))[0]?.columns;
  const targetOf = async (id: string) => (await person(id))?.target_id ?? null;
  const members = async (id: string) => {
    await person(id);
    const { members = [] } = await connectorOf().related!(id);
    return members.map(({ organization, roles }) => [organization, roles]);
  };

  test('notes a person’s id at the target, and takes it away', async () => {
    expect(await changes('linkPerson', { id: '1', targetUserId: 't-1' })).toBe(true);
    expect([await targetOf('1'), await targetOf('2')]).toEqual(['t-1', null]);
    expect(await changes('linkPerson', { id: '1', targetUserId: null })).toBe(true);
    expect(await targetOf('1')).toBeNull();
  });

  test.each(HOSTILE)('writes %j as it is', async (targetUserId) => {
    await write('linkPerson', { id: '1', targetUserId });
    expect(await targetOf('1')).toBe(targetUserId);
    expect(await targetOf('2')).toBeNull();
    await write('linkPerson', { id: '1', targetUserId: null });
  });

  test('makes a member, changes what they are, and ends the membership', async () => {
    const values = { organization: 'o1', id: '1' };
    expect(await changes('setMember', { ...values, roles: 'manager' })).toBe(true);
    expect(await changes('setMember', { ...values, roles: 'manager,buyer' })).toBe(true);
    expect(await members('1')).toEqual([['o1', 'manager,buyer']]);
    await write('setMember', { ...values, roles: '' });
    expect(await members('1')).toEqual([['o1', '']]);
    expect(await changes('endMember', values)).toBe(true);
    expect(await members('1')).toEqual([]);
  });

  test('ends all memberships of one organization, and of no other', async () => {
    for (const [organization, id] of [
      ['o1', '1'],
      ['o1', '2'],
      ['o2', '1'],
    ] as const)
      await write('setMember', { organization, id, roles: 'x' });
    expect(await changes('endMemberships', { organization: 'o1' })).toBe(true);
    expect([await members('1'), await members('2')]).toEqual([[['o2', 'x']], []]);
    await write('endMemberships', { organization: 'o2' });
  });

  test('notes an organization’s id at the target, which no other can have', async () => {
    await write('setMember', { organization: 'o1', id: '1', roles: 'x' });
    await write('linkOrganization', { organization: 'o1', targetOrganizationId: 'there' });
    await person('1');
    expect((await connectorOf().related!('1')).members).toMatchObject([{ target_id: 'there' }]);
    await expect(
      write('linkOrganization', { organization: 'o2', targetOrganizationId: 'there' }),
    ).rejects.toMatchObject({ code: 'organization_linked' });
    await write('linkOrganization', { organization: 'o1', targetOrganizationId: null });
    await write('endMemberships', { organization: 'o1' });
  });

  test.each([
    ['linkPerson', { id: '4', targetUserId: 't-4' }],
    ['linkOrganization', { organization: 'o4', targetOrganizationId: 't-4' }],
    ['endMember', { organization: 'o1', id: '2' }],
    ['endMember', { organization: 'o4', id: '1' }],
    ['endMemberships', { organization: 'o4' }],
  ] as const)('changes nothing with %s where there is nothing: %o', async (what, values) => {
    expect(await write(what, values)).toBe(0);
  });

  test('makes a person, with nothing where they have nothing', async () => {
    const made = { targetUserId: 't-9', email: 'dora@example.com', givenName: null, familyName: null };
    expect(await changes('createPerson', { ...made, name: null })).toBe(true);
    const [dora] = await connectorOf().findByLogin('dora@example.com');
    expect(dora?.columns).toMatchObject({ target_id: 't-9', name: null });
  });

  test('tells who is there already from an outage', async () => {
    const again = { targetUserId: 't-9', email: 'eve@example.com', name: null };
    const error = await write('createPerson', { ...again, givenName: null, familyName: null }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'user_ambiguous' });
    expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toMatch(/t-9|eve/);
    expect(await connectorOf().findByLogin('eve@example.com')).toEqual([]);
    await expect(write('linkPerson', { id: '1', targetUserId: 't-9' })).rejects.toMatchObject({
      code: 'already_linked',
    });
  });

  test('tells a value that it does not take from an outage', async () => {
    const error = await write('setMember', { organization: 'nowhere-canary', id: '1', roles: 'x' }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'bad_request', detail: expect.stringContaining('writes.setMember') });
    expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('canary');
  });
}
