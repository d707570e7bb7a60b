/** A plan: who goes when. Phases over apps and segments, with what ends or stops each of them. Plain data. */
import { z } from 'zod';
import { count } from '../settings.ts';
import { domains, MAX_VALUE_LENGTH, pairs, texts } from './filters.ts';

const MAX_PHASES = 100;
const MAX_SEGMENTS = 200;
const MAX_APPS = 500;
const MAX_FREEZES = 100;
/** Every decision looks at them: exceptions of exceptions double with each step. */
const MAX_LOOKS = 500;
/** More people than anybody wants to read through: everybody else is told apart by what they have in common. */
const MAX_LISTED = 100_000;
const MAX_DAYS = 3_650;

export const planName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'expected up to 63 of a-z, 0-9 and -' });

/** RFC 3339, or a day in UTC; `Date.parse` reads a bare day so (ECMA-262 section 21.4.1.32). */
const MOMENT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

const share = (what: string) => z.number().min(0).max(1).optional().describe(what);

const moment = z
  .string()
  .refine((text) => MOMENT.test(text) && !Number.isNaN(Date.parse(text)), {
    error: 'expected a moment like 2026-12-01T08:00:00Z, or a day',
  })
  .transform((text) => new Date(text).toISOString());

const segment = z
  .strictObject({
    emailDomains: domains.optional().describe('A verified address at one of these.'),
    organizations: texts.optional().describe('In one of these organizations, by id or by name.'),
    organizationKinds: texts.optional().describe('In an organization of one of these kinds.'),
    countries: texts
      .transform((values) => values.map((value) => value.toUpperCase()))
      .optional()
      .describe(
        'In one of these countries (ISO 3166-1 alpha-2): what `facts.country` names, else that of an organization of theirs, else the region of their locale.',
      ),
    roles: texts.optional().describe('With one of these roles of the legacy store.'),
    groups: texts.optional().describe('In one of these groups.'),
    risk: texts.optional().describe('With one of these values of what `facts.risk` names.'),
    metadata: pairs.optional().describe('Whose metadata of the mapping says this.'),
    lastLoginDays: z.int().min(1).max(MAX_DAYS).optional().describe('Who logged in within so many days.'),
    subs: z
      .array(z.string().min(1).max(MAX_VALUE_LENGTH))
      .min(1)
      .max(MAX_LISTED)
      .transform((subs) => [...new Set(subs)].sort())
      .optional()
      .describe('These, by subject.'),
    percentage: z
      .number()
      .gt(0)
      .max(100)
      .optional()
      .describe(
        'So many of a hundred of all of these, by a salted hash of the subject: who is in a smaller share is in every larger one too.',
      ),
    except: z.array(planName).max(20).optional().describe('But nobody of these segments.'),
  })
  .refine((asked) => Object.keys(asked).length > 0, { error: 'says nothing: everybody would be in it' })
  .describe('All that is said has to fit.');
export type Segment = z.output<typeof segment>;

const finishGate = z
  .strictObject({
    coverage: share('So much of the phase’s people has arrived at the target: 0.9 is 90 of 100.'),
    of: z
      .enum(['everybody', 'active'])
      .default('active')
      .describe('Of all people of the phase, or of those who logged in within 90 days.'),
    days: count(0, MAX_DAYS, 0).describe('It has been running for so many days at least.'),
    errorRate: share('No more of the moves of the last day went wrong.'),
    supportPerThousand: z.number().min(0).optional().describe('Requests to the support in the last 7 days.'),
  })
  .describe('When all of it holds, the phase is finished, and phases that need it may start.');

const pauseGate = z
  .strictObject({
    errorRate: share('More of the moves and logins within `windowMinutes` went wrong.'),
    minAttempts: count(1, 1_000_000, 20).describe('With fewer tries nothing is concluded.'),
    windowMinutes: count(5, 10_080, 60).describe('How far back is looked.'),
    supportPerThousand: z
      .number()
      .min(0)
      .optional()
      .describe('More requests to the support in the last 7 days, per thousand people of the phase.'),
  })
  .describe('When any of it holds, the phase is paused by itself: nobody new is assigned.');

const phase = z.strictObject({
  name: planName,
  title: z.string().max(120).optional().describe('For people.'),
  apps: z
    .union([z.literal('all'), z.array(planName).min(1).max(MAX_APPS)])
    .default('all')
    .describe('Which apps send these people to the target: names of `apps`.'),
  segments: z
    .array(planName)
    .max(MAX_SEGMENTS)
    .default([])
    .describe('Whom it is for: anybody who is in one of these; everybody when empty.'),
  identities: z
    .enum(['graceful', 'bulk'])
    .default('graceful')
    .describe(
      'graceful: people are moved at their next login. bulk: by a batch, and until then they stay (`rollout batch`).',
    ),
  starts: moment.optional().describe('Not before. Without it an operator starts the phase.'),
  needs: z.array(planName).max(MAX_PHASES).default([]).describe('Phases that have to be finished before.'),
  finish: finishGate.optional(),
  pause: pauseGate.optional(),
});
export type Phase = z.output<typeof phase>;

const app = z.strictObject({
  title: z.string().max(120).optional().describe('For people.'),
  clients: z.array(z.string().min(1).max(128)).default([]).describe('Its OAuth clients here, by client_id.'),
  legacySessions: z.array(z.string().min(1).max(128)).default([]).describe('Its names in `legacySessions`.'),
});

const freeze = z
  .strictObject({
    from: moment,
    until: moment,
    reason: z.string().min(1).max(200),
  })
  .refine(({ from, until }) => from < until, { error: '`until` is not after `from`', path: ['until'] });

export const planShape = z
  .strictObject({
    name: planName,
    target: z.string().min(1).describe('The target’s name in the settings.'),
    apps: z
      .record(planName, app)
      .refine((apps) => Object.keys(apps).length <= MAX_APPS, { error: `at most ${MAX_APPS}` })
      .default({})
      .describe('The apps that switch one by one.'),
    facts: z
      .strictObject({
        country: z.string().min(1).max(MAX_VALUE_LENGTH).optional(),
        risk: z.string().min(1).max(MAX_VALUE_LENGTH).optional(),
      })
      .prefault({})
      .describe('Which metadata of the mapping tell somebody’s country and risk.'),
    segments: z
      .record(planName, segment)
      .refine((segments) => Object.keys(segments).length <= MAX_SEGMENTS, {
        error: `at most ${MAX_SEGMENTS}`,
      })
      .default({})
      .describe('People with something in common.'),
    phases: z
      .array(phase)
      .min(1)
      .max(MAX_PHASES)
      .describe('In their order: of several that fit the first counts.'),
    freezes: z
      .array(freeze)
      .max(MAX_FREEZES)
      .default([])
      .describe('When nobody new is assigned and no phase starts: sales, audits, holidays.'),
  })
  .superRefine((plan, context) => {
    for (const { path, message } of wrongNames(plan)) context.addIssue({ code: 'custom', path, message });
  });
export type Plan = z.output<typeof planShape>;

interface Wrong {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Names that lead nowhere, twice, or in a circle. */
function wrongNames({ apps, segments, phases }: Pick<Plan, 'apps' | 'segments' | 'phases'>): Wrong[] {
  const wrong: Wrong[] = [];
  const known = new Set<string>();
  const all = new Set(phases.map(({ name }) => name));
  const check = (
    names: readonly string[],
    has: (name: string) => boolean,
    path: (string | number)[],
    what: string,
  ) =>
    names.forEach((name, index) => {
      if (!has(name)) wrong.push({ path: [...path, index], message: `there is no ${what} called ${name}` });
    });
  const isSegment = (name: string) => Object.hasOwn(segments, name);
  const lookedAt = new Map<string, number>();
  for (const [name, { except = [] }] of Object.entries(segments)) {
    const path = ['segments', name, 'except'];
    check(except, isSegment, path, 'segment');
    const looks = looksFor(name, segments, lookedAt);
    if (looks === Infinity) wrong.push({ path, message: 'goes in a circle' });
    else if (looks > MAX_LOOKS)
      wrong.push({
        path,
        message: `excepts so much that ${MAX_LOOKS} segments are looked at for one person`,
      });
  }
  for (const [index, one] of phases.entries()) {
    const path = ['phases', index];
    if (known.has(one.name))
      wrong.push({ path: [...path, 'name'], message: 'there is another phase of this name' });
    check(one.segments, isSegment, [...path, 'segments'], 'segment');
    if (one.apps !== 'all') check(one.apps, (name) => Object.hasOwn(apps, name), [...path, 'apps'], 'app');
    one.needs.forEach((name, at) => {
      if (!known.has(name))
        wrong.push({
          path: [...path, 'needs', at],
          message: all.has(name) ? 'has to come before this one' : `there is no phase called ${name}`,
        });
    });
    known.add(one.name);
  }
  const owners = new Map<string, string>();
  for (const [name, { clients }] of Object.entries(apps))
    for (const [at, client] of clients.entries()) {
      if (owners.has(client))
        wrong.push({
          path: ['apps', name, 'clients', at],
          message: `belongs to the app ${owners.get(client)} already`,
        });
      owners.set(client, name);
    }
  return wrong;
}

/** Segments that are looked at to tell whether somebody is in this one, as often as they are; Infinity: it leads back to itself. */
function looksFor(name: string, segments: Plan['segments'], known: Map<string, number>): number {
  const found = known.get(name);
  if (found !== undefined) return found;
  // Whoever comes here again before it is known has gone in a circle.
  known.set(name, Infinity);
  const except = Object.hasOwn(segments, name) ? (segments[name]?.except ?? []) : [];
  const looks = except.reduce((sum, next) => sum + looksFor(next, segments, known), 1);
  known.set(name, looks);
  return looks;
}
