/** The part of a company's user API that writes: what claim tokens make of people and organizations. */
import type { Reply, Seen } from './http-api.ts';

interface Person {
  readonly id: string;
  target_id: string | null;
}

/** Taken from `people`, which it adds to. */
export function membershipApi<P extends Person>(people: P[], made: (id: string, values: Partial<P>) => P) {
  const organizations = ['o1', 'o2'].map((id) => ({ id, target_id: null as string | null }));
  const members: { organization: string; person: string; roles: string }[] = [];
  const taken = (all: readonly Person[], own: Person | undefined, id: unknown) =>
    id !== null && all.some((one) => one !== own && one.target_id === id);

  const link = (all: readonly Person[], own: Person, id: string | null): Reply => {
    if (taken(all, own, id)) return { status: 409 };
    own.target_id = id;
    return { status: 204 };
  };
  const end = (gone: (one: (typeof members)[number]) => boolean): Reply => {
    const kept = members.filter((one) => !gone(one));
    if (kept.length === members.length) return { status: 404 };
    members.splice(0, members.length, ...kept);
    return { status: 204 };
  };
  const set = (organization: string, person: string, roles: string): Reply => {
    end((one) => one.organization === organization && one.person === person);
    members.push({ organization, person, roles });
    return { status: 201 };
  };

  return {
    /** Who is where, as the records of people have it. */
    of: (person: string) =>
      members
        .filter((one) => one.person === person)
        .map(({ organization, roles }) => ({
          organization,
          roles,
          target_id: organizations.find(({ id }) => id === organization)?.target_id,
        })),
    link: (own: P, id: string | null) => link(people, own, id),
    create({ targetUserId, email, name }: Record<string, string | null>): Reply {
      if (taken(people, undefined, targetUserId)) return { status: 409 };
      const values = { login: email, email, name, target_id: targetUserId };
      people.push(made(String(people.length + 100), values as unknown as Partial<P>));
      return { status: 201, json: { ok: true } };
    },
    organization(seen: Seen, [id, , person]: string[]): Reply {
      const organization = organizations.find((one) => one.id === id);
      if (!organization) return { status: seen.method === 'PUT' && person ? 422 : 404 };
      if (seen.method === 'DELETE')
        return end((one) => one.organization === id && (person === undefined || one.person === person));
      if (person === undefined)
        return link(organizations, organization, JSON.parse(seen.body).targetOrganizationId);
      return set(organization.id, person, JSON.parse(seen.body).roles);
    },
  };
}

export const httpWrites = {
  linkPerson: { method: 'PATCH', path: 'users/{id}', body: { targetUserId: '{targetUserId}' } },
  linkOrganization: {
    method: 'PUT',
    path: 'organizations/{organization}',
    body: { targetOrganizationId: '{targetOrganizationId}' },
  },
  setMember: { method: 'PUT', path: 'organizations/{organization}/members/{id}', body: { roles: '{roles}' } },
  endMember: { method: 'DELETE', path: 'organizations/{organization}/members/{id}' },
  endMemberships: { method: 'DELETE', path: 'organizations/{organization}/members' },
  createPerson: {
    path: 'users',
    body: { targetUserId: '{targetUserId}', email: '{email}', name: '{name}' },
  },
};
