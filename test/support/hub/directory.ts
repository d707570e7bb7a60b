/** Who is at the hub: people, organizations, who is in which with what roles, and what they let which app do. */
import { randomUUID } from 'node:crypto';

/** As `GET /api/v1/roles` lists them: a token's `roles` is a bit field over this order. */
export const ROLES = [
  'owner',
  'admin',
  'member',
  'purchaser',
  'production_planner',
  'customer_service_representative',
  'sales_representative',
  'designer',
  'developer',
] as const;
/** Who may let an app in on their organization's behalf. */
export const MANAGING = ['owner', 'admin'];

export interface Person {
  readonly id: string;
  email: string;
  emailConfirmed: boolean;
  password: string;
  firstName: string | null;
  name: string;
  locale: 'en' | 'en-US' | 'de';
  hasSecondFactor: boolean;
  readonly createdAt: Date;
}

export interface Organization {
  readonly id: string;
  name: string;
  countryCode: string | null;
  kinds: readonly string[];
  readonly createdAt: Date;
}

export interface Membership {
  readonly id: string;
  readonly personId: string;
  readonly organizationId: string;
  roles: readonly string[];
  readonly createdAt: Date;
}

export interface Bearer {
  readonly type: 'Person' | 'Organization';
  readonly id: string;
}

/** A bearer has let an app in. */
export interface Connection {
  readonly clientId: string;
  readonly bearer: Bearer;
  /** Without the bearer, as `zaikio.person.r`. */
  readonly scopes: Set<string>;
  readonly createdAt: Date;
}

export interface NewPerson {
  readonly id?: string;
  readonly email: string;
  readonly password?: string;
  readonly emailConfirmed?: boolean;
  readonly firstName?: string | null;
  readonly name?: string;
  readonly locale?: Person['locale'];
  readonly hasSecondFactor?: boolean;
}

export interface NewOrganization {
  readonly id?: string;
  readonly name: string;
  readonly countryCode?: string | null;
  readonly kinds?: readonly string[];
}

export const DEFAULT_PASSWORD = 'at-the-hub-1';

export type Directory = ReturnType<typeof openDirectory>;

export function openDirectory(now: () => Date) {
  const people = new Map<string, Person>();
  const organizations = new Map<string, Organization>();
  const memberships = new Map<string, Membership>();
  const connections = new Map<string, Connection>();
  const keyOf = (clientId: string, { type, id }: Bearer) => `${clientId} ${type} ${id}`;

  return {
    people,
    organizations,
    memberships,
    connections,
    personByEmail: (email: string) =>
      [...people.values()].find((one) => one.email.toLowerCase() === email.trim().toLowerCase()),
    membershipsOf: (personId: string) => [...memberships.values()].filter((one) => one.personId === personId),
    membersOf: (organizationId: string) =>
      [...memberships.values()].filter((one) => one.organizationId === organizationId),
    membership: (organizationId: string, personId: string) =>
      [...memberships.values()].find(
        (one) => one.organizationId === organizationId && one.personId === personId,
      ),
    addPerson(given: NewPerson): Person {
      const person: Person = {
        id: given.id ?? randomUUID(),
        email: given.email,
        emailConfirmed: given.emailConfirmed ?? true,
        password: given.password ?? DEFAULT_PASSWORD,
        firstName: given.firstName === undefined ? 'Jane' : given.firstName,
        name: given.name ?? 'Doe',
        locale: given.locale ?? 'en',
        hasSecondFactor: given.hasSecondFactor ?? false,
        createdAt: now(),
      };
      people.set(person.id, person);
      return person;
    },
    addOrganization(given: NewOrganization): Organization {
      const organization: Organization = {
        id: given.id ?? randomUUID(),
        name: given.name,
        countryCode: given.countryCode ?? 'DE',
        kinds: given.kinds ?? ['printer'],
        createdAt: now(),
      };
      organizations.set(organization.id, organization);
      return organization;
    },
    addMembership(organizationId: string, personId: string, roles: readonly string[]): Membership {
      const membership: Membership = { id: randomUUID(), personId, organizationId, roles, createdAt: now() };
      memberships.set(membership.id, membership);
      return membership;
    },
    connection: (clientId: string, bearer: Bearer) => connections.get(keyOf(clientId, bearer)),
    /** True where there was none. */
    connect(clientId: string, bearer: Bearer, scopes: readonly string[]): boolean {
      const there = connections.get(keyOf(clientId, bearer));
      for (const scope of scopes) there?.scopes.add(scope);
      if (!there)
        connections.set(keyOf(clientId, bearer), {
          clientId,
          bearer,
          scopes: new Set(scopes),
          createdAt: now(),
        });
      return !there;
    },
    disconnect: (clientId: string, bearer: Bearer) => connections.delete(keyOf(clientId, bearer)),
  };
}
