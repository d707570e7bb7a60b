/**
 * Who is to be in a batch, as an operator says it: filters that all have to fit, an order, and how many. Kept with the
 * batch as plain JSON, so that everybody can read later what was asked for.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  domains,
  fitsDomains,
  fitsMetadata,
  fitsOne,
  isListed,
  MAX_VALUE_LENGTH,
  pairs,
  texts,
} from '../../rollout/filters.ts';
import type { LegacyEntry, User } from '../../user.ts';
import { checkMoment, momentOf } from './moment.ts';

export const ORDERS = ['recent-first', 'id'] as const;
/** More is no list that somebody has made: filters say it better. Some ten megabytes while the plan is made. */
export const MAX_LISTED = 100_000;
/** More people than anybody has. */
const MAX_LIMIT = 100_000_000;

const moment = z
  .string()
  .refine(checkMoment, { error: 'expected a date like 2026-03-01, or an age like 90d, 12w or 1y' });

/** Sorted and without repetitions, so that one is found quickly and the same list is the same plan. */
const subjects = z
  .union([z.string().transform((text) => text.split(',')), z.array(z.string())])
  .transform((values) => [...new Set(values.map((value) => value.trim()).filter(Boolean))].sort())
  .pipe(z.array(z.string().max(MAX_VALUE_LENGTH)).min(1).max(MAX_LISTED));

/** The names of batches; they stand in commands and file names. */
export const batchName = z
  .string()
  .regex(/^[a-z0-9-]{1,63}$/, { error: 'expected up to 63 of a-z, 0-9 and -' });

/** Every field is text on the command line. */
export const selectionShape = {
  target: z.string().min(1).describe('The target’s name.'),
  roles: texts.optional().describe('Only people with one of these roles of the legacy store.'),
  groups: texts.optional().describe('Only people in one of these groups.'),
  emailDomains: domains.optional().describe('Only people whose verified address is at one of these.'),
  lastLoginAfter: moment.optional().describe('Only who logged in since: a date, or an age like 90d.'),
  lastLoginBefore: moment.optional().describe('Only who has not logged in since, and has before.'),
  neverLoggedIn: z.boolean().optional().describe('Only people of whom no login is known.'),
  subs: subjects.optional().describe('Only these: subjects, or the store’s own ids.'),
  states: texts
    .pipe(z.array(z.enum(['active', 'disabled', 'locked'])))
    .default(['active'])
    .describe('Their state in the legacy store. Only active people are made at a target.'),
  metadata: pairs.optional().describe('Only people whose metadata of the mapping says this: tier=gold.'),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).optional().describe('The first so many of the order.'),
  order: z
    .enum(ORDERS)
    .default('recent-first')
    .describe('Who goes first: recent-first (by last login) or id.'),
} as const;

export const selectionSchema = z
  .strictObject(selectionShape)
  .refine((asked) => !asked.neverLoggedIn || !(asked.lastLoginAfter ?? asked.lastLoginBefore), {
    error: 'neverLoggedIn goes with neither lastLoginAfter nor lastLoginBefore',
    path: ['neverLoggedIn'],
  });
export type Selection = z.output<typeof selectionSchema>;

type Filter = (selection: Selection, entry: LegacyEntry, nowSeconds: number) => boolean;

/** Each says yes where nothing is asked of it. */
const FILTERS: readonly Filter[] = [
  ({ subs }, { user }) => subs === undefined || isListed(subs, user.sub),
  ({ states }, { user }) => states.includes(user.state),
  ({ roles }, { user }) => fitsOne(roles, user.roles),
  ({ groups }, { user }) => fitsOne(groups, user.groups ?? []),
  ({ emailDomains }, { user }) => fitsDomains(emailDomains, user),
  ({ neverLoggedIn }, { user }) => !neverLoggedIn || user.lastLoginAt === undefined,
  ({ lastLoginAfter: after }, { user }, now) =>
    after === undefined || (user.lastLoginAt ?? Number.NEGATIVE_INFINITY) >= momentOf(after, now),
  ({ lastLoginBefore: before }, { user }, now) =>
    before === undefined || (user.lastLoginAt ?? Number.POSITIVE_INFINITY) < momentOf(before, now),
  ({ metadata }, { user }) => fitsMetadata(metadata, user),
];

/** Whether somebody is asked for; `limit` and what stands in the ledger are not looked at. */
export function matches(selection: Selection, entry: LegacyEntry, nowSeconds: number): boolean {
  return FILTERS.every((fits) => fits(selection, entry, nowSeconds));
}

/** Lower goes first: the most recent login, then whoever's is not known; 0 for everybody in the order of ids. */
export function rankOf(
  { order }: Pick<Selection, 'order'>,
  { lastLoginAt }: Pick<User, 'lastLoginAt'>,
): number {
  if (order === 'id' || lastLoginAt === undefined) return 0;
  // Without the 0 a login at the epoch's first second would be -0.
  return 0 - Math.trunc(Math.max(0, lastLoginAt));
}

/** What is kept with the batch. Of a list its digest: its people are the batch’s people. */
export function planOf({ subs, ...selection }: Selection): Readonly<Record<string, unknown>> {
  const given = Object.entries(selection).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), ...(subs ? { listed: listOf(subs) } : {}) };
}

const listOf = (subs: readonly string[]) => ({
  people: subs.length,
  sha256: createHash('sha256').update(subs.join('\n')).digest('hex'),
});
