/** Whether somebody is in a segment, and which place in the order of percentages they have. */
import { createHash } from 'node:crypto';
import type { User } from '../user.ts';
import { fitsDomains, fitsMetadata, fitsOne, isListed, metadataText } from './filters.ts';
import type { Phase, Plan, Segment } from './plan.ts';

/** A hundredth of a percent is the finest share. */
export const BUCKETS = 10_000;
const DAY_SECONDS = 86_400;

/** What a plan looks at of somebody; a `User` has all of it. */
export type Person = Pick<
  User,
  | 'sub'
  | 'email'
  | 'emailVerified'
  | 'locale'
  | 'lastLoginAt'
  | 'roles'
  | 'groups'
  | 'organizations'
  | 'metadata'
>;

/** From 0: somebody with a low place is in every share, and the same person is at the same place in the whole plan. */
export function bucketOf(salt: Buffer, sub: string): number {
  // A salt and no key: nobody gains by knowing their place, and whoever looks up where somebody stands can recompute it.
  return createHash('sha256').update(salt).update(sub).digest().readUInt32BE(0) % BUCKETS;
}

export interface Standing {
  readonly person: Person;
  readonly bucket: number;
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
}

/** What a segment asks for, but for whom it excepts. */
export type Criterion = Exclude<keyof Segment, 'except'>;

type Test = (asked: Segment, standing: Standing, plan: Plan) => boolean;

/** Each says yes where nothing is asked of it. */
const TESTS: Readonly<Record<Criterion, Test>> = {
  subs: ({ subs }, { person }) => subs === undefined || isListed(subs, person.sub),
  percentage: ({ percentage }, { bucket }) =>
    percentage === undefined || bucket < Math.round((percentage / 100) * BUCKETS),
  emailDomains: ({ emailDomains }, { person }) => fitsDomains(emailDomains, person),
  roles: ({ roles }, { person }) => fitsOne(roles, person.roles),
  groups: ({ groups }, { person }) => fitsOne(groups, person.groups ?? []),
  metadata: ({ metadata }, { person }) => fitsMetadata(metadata, person),
  organizations: (asked, { person }) =>
    fitsOne(
      asked.organizations,
      (person.organizations ?? []).flatMap(({ id, name }) => [id, name]),
    ),
  organizationKinds: ({ organizationKinds }, { person }) =>
    fitsOne(
      organizationKinds,
      (person.organizations ?? []).flatMap(({ kinds }) => kinds),
    ),
  countries: ({ countries }, { person }, { facts }) =>
    countries === undefined || fitsOne(countries, countriesOf(person, facts)),
  risk: ({ risk }, { person }, { facts }) =>
    risk === undefined || fitsOne(risk, present(facts.risk && metadataText(person, facts.risk))),
  lastLoginDays: ({ lastLoginDays }, { person, nowSeconds }) =>
    lastLoginDays === undefined ||
    (person.lastLoginAt ?? -Infinity) >= nowSeconds - lastLoginDays * DAY_SECONDS,
};
const EACH = Object.values(TESTS);

const present = (value: string | undefined) => (value ? [value] : []);

function countriesOf(person: Person, facts: Plan['facts']): string[] {
  const said = facts.country && metadataText(person, facts.country);
  if (said) return [said.toUpperCase()];
  const organizations = (person.organizations ?? []).flatMap(({ countryCode }) => countryCode ?? []);
  return organizations.length > 0 ? organizations : present(regionOf(person.locale));
}

function regionOf(locale: string | undefined): string | undefined {
  try {
    return locale && new Intl.Locale(locale).region;
  } catch {
    return undefined;
  }
}

export function isInSegment(plan: Plan, name: string, standing: Standing): boolean {
  const asked = Object.hasOwn(plan.segments, name) ? plan.segments[name] : undefined;
  if (!asked || !EACH.every((fits) => fits(asked, standing, plan))) return false;
  return !(asked.except ?? []).some((other) => isInSegment(plan, other, standing));
}

/** The segment by which somebody belongs to a phase: null where it is for everybody, undefined where they do not. */
export function segmentFor(plan: Plan, phase: Phase, standing: Standing): string | null | undefined {
  if (phase.segments.length === 0) return null;
  return phase.segments.find((name) => isInSegment(plan, name, standing));
}

export interface Misses {
  /** What they do not fit. */
  readonly criteria: readonly Criterion[];
  /** Segments that they are in, and whose people are excepted. */
  readonly exceptedBy: readonly string[];
}

/** Why somebody is not in a segment; neither of both: they are. */
export function missesOf(plan: Plan, name: string, standing: Standing): Misses {
  const asked = Object.hasOwn(plan.segments, name) ? plan.segments[name]! : {};
  return {
    criteria: (Object.keys(TESTS) as Criterion[]).filter((one) => !TESTS[one](asked, standing, plan)),
    exceptedBy: (asked.except ?? []).filter((other) => isInSegment(plan, other, standing)),
  };
}
