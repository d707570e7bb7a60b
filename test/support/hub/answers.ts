/** People, organizations and memberships as the API shows them (its OpenAPI document, hub_api). */
import type { Directory, Membership, Organization, Person } from './directory.ts';

const COMMON = { currency: 'EUR', subscription: null, test_account_owner_id: null };

const times = ({ createdAt }: { readonly createdAt: Date }) => ({
  created_at: createdAt.toISOString(),
  updated_at: createdAt.toISOString(),
});

const short = (person: Person) => ({
  id: person.id,
  first_name: person.firstName,
  name: person.name,
  full_name: [person.firstName, person.name].filter(Boolean).join(' '),
  email: person.email,
  email_confirmed: person.emailConfirmed,
  pronoun: null,
  locale: person.locale,
  unit_system: 'metric',
  country_code: 'DE',
  time_zone: 'UTC',
  avatar_url: null,
  connected: true,
  two_factor_authentication_enabled: person.hasSecondFactor,
  ...COMMON,
  ...times(person),
});

export const organizationAnswer = (organization: Organization) => ({
  id: organization.id,
  name: organization.name,
  slug: organization.name.toLowerCase().replace(/[^a-z0-9]+/g, '-'),
  logo_url: null,
  connected: true,
  kinds: organization.kinds,
  sections: {},
  country_code: organization.countryCode,
  brand_color: null,
  ...COMMON,
  ...times(organization),
});

const membershipAnswer = (membership: Membership) => ({
  id: membership.id,
  roles: membership.roles,
  ...times(membership),
});

export const memberAnswer = ({ people }: Directory, membership: Membership) => ({
  ...membershipAnswer(membership),
  person: short(people.get(membership.personId)!),
});

export const membershipsAnswer = (directory: Directory, personId: string) =>
  directory.membershipsOf(personId).map((membership) => ({
    ...membershipAnswer(membership),
    organization: organizationAnswer(directory.organizations.get(membership.organizationId)!),
  }));

export const personAnswer = (directory: Directory, person: Person) => ({
  ...short(person),
  organization_memberships: membershipsAnswer(directory, person.id),
  accessible_apps: [],
});
