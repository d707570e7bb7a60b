/** Why somebody goes where they go, in words. What a record says of them is not in it. */
import type { Criterion, Misses } from '../../rollout/membership.ts';
import { BUCKETS } from '../../rollout/membership.ts';
import type { Section } from '../batch/sections.ts';
import { count, minute } from '../claim-tokens/claim-desk.ts';
import type { Explained } from './person.ts';

const DECISIONS = {
  stay: 'stays at the old login',
  migrate: 'is moved at the next login',
  redirect: 'is led to the target',
} as const;

/** An app of ours may lead elsewhere, or nowhere. */
const decisionWords = ({ decision, app, target }: Explained) =>
  decision === 'migrate' && app === null
    ? `is moved at the next login that leads to ${target}`
    : DECISIONS[decision];

const MISSES: Readonly<Record<Criterion, string>> = {
  subs: 'is not on its list',
  percentage: 'has a place beyond its share',
  emailDomains: 'has no verified address at one of its domains',
  roles: 'has none of its roles',
  groups: 'is in none of its groups',
  metadata: 'has other metadata',
  organizations: 'is in none of its organizations',
  organizationKinds: 'is in no organization of these kinds',
  countries: 'is in none of its countries, as far as is known',
  risk: 'has another risk, or none is known',
  lastLoginDays: 'has not logged in lately, as far as is known',
};

const WAYS = { decision: 'by a login', bulk: 'by a batch', operator: 'by an operator' } as const;

export function personSections(one: Explained): Section[] {
  const { sub, target, app, sentence, phase, bucket, state, plan, version } = one;
  const where = app === null ? '' : ` at ${app}`;
  const by = phase === null ? '' : ` (${phase}${one.segment === null ? '' : `, by ${one.segment}`})`;
  return [
    {
      title: `${sub}${where}: ${decisionWords(one)}`,
      text: [
        `${sentence}${by}`,
        `Plan ${plan} for ${target}, version ${version}. In the ledger: ${state ?? 'legacy (never seen here)'}.`,
        `Place ${count(bucket)} of ${count(BUCKETS)}: in every share above ${((bucket * 100) / BUCKETS).toFixed(2)} %.`,
      ],
    },
    {
      title: 'Phases',
      table: {
        head: ['phase', 'state', 'then', 'why'],
        rows: one.phases.map((verdict) => [
          verdict.phase,
          verdict.state,
          verdict.decision,
          `${verdict.sentence}${verdict.segment === null ? '' : ` (${verdict.segment})`}`,
        ]),
      },
    },
    ...segmentSections(one),
    { title: 'Assigned', ...assignedTable(one) },
  ];
}

function segmentSections({ segments }: Explained): Section[] {
  if (segments.length === 0) return [];
  const rows = segments.map(({ segment, isIn, misses }) => [segment, isIn ? 'is in it' : missWords(misses)]);
  return [{ title: 'Segments', table: { head: ['segment', ''], rows } }];
}

const missWords = ({ criteria, exceptedBy }: Misses): string =>
  [
    ...criteria.map((criterion) => MISSES[criterion]),
    ...exceptedBy.map((name) => `is in ${name}, which it excepts`),
  ].join('; ');

function assignedTable({ assignments }: Explained): Pick<Section, 'text' | 'table'> {
  if (assignments.length === 0) return { text: ['To nothing yet.'] };
  return {
    table: {
      head: ['phase', 'attempt', 'segment', 'since', 'how', 'version', 'taken back'],
      rows: assignments.map(({ phase, attempt, segment, assignedAt, way, version, back }) => [
        phase,
        String(attempt),
        segment ?? 'everybody',
        minute(assignedAt),
        WAYS[way],
        String(version),
        back ?? 'no',
      ]),
    },
  };
}
