/** Where somebody stands on the way to each target: the ledger, the plan and why it says so, sync, links, open work. */
import type { LedgerRow } from '../../../migration/ledger.ts';
import type { State } from '../../../migration/states.ts';
import { hasTargetUser, isMovable, nextState } from '../../../migration/states.ts';
import type { Answer } from '../../../rollout/deciding.ts';
import { decide, REASONS } from '../../../rollout/deciding.ts';
import { BUCKETS } from '../../../rollout/membership.ts';
import { oldLoginWords } from '../../claim-tokens/old-login.ts';
import type { PersonLinks } from '../../claim-tokens/person-links.ts';
import type { Who } from '../../perform.ts';
import type { SyncedPerson } from '../../sync/person.ts';
import { passwordWords } from '../../sync/person.ts';
import { offer } from '../offers.ts';
import type { Cell, CellOf, Link, Notice, Panel, Tone } from '../panels.ts';
import { count, counted } from '../panels.ts';
import { CONFLICTS } from '../words.ts';
import type { AtTarget, Gathered } from './gathering.ts';

export const STATE_TONES: Readonly<Record<State, Tone>> = {
  legacy: 'quiet',
  authenticated: 'quiet',
  queued: 'quiet',
  releasing: 'warn',
  created: 'ok',
  migrated: 'ok',
  'cut-over': 'ok',
  retired: 'ok',
  failed: 'bad',
  excluded: 'warn',
  deleted: 'bad',
};

interface Shown {
  readonly who: Who;
  readonly now: Date;
}

/** One for each target of the settings. */
export const standingPanels = (gathered: Gathered, shown: Shown): Panel[] =>
  gathered.targets.map((at) => {
    const links = gathered.links.isKnown
      ? gathered.links.value.find(({ target }) => target === at.target)
      : undefined;
    const sync = gathered.sync.isKnown
      ? gathered.sync.value.find(({ target }) => target === at.target)
      : undefined;
    return {
      title: `At ${at.target}`,
      isHalf: true,
      notices: noticesOf(at, { sync, gathered, shown }),
      facts: [
        ...ledgerFacts(at),
        ...thereFacts(at),
        ...planFacts(at, gathered, shown.now),
        ...syncFacts(sync),
        ...linkFacts(links),
      ],
      links: helpOf(gathered.sub, at, shown.who),
    } satisfies Panel;
  });

function ledgerFacts({ row }: AtTarget): (readonly [string, CellOf])[] {
  if (!row)
    return [['Ledger', { badge: { text: 'legacy', tone: 'quiet' }, note: 'Never seen on the way there.' }]];
  return [
    ['Ledger', { badge: { text: row.state, tone: STATE_TONES[row.state] }, at: row.stateChangedAt }],
    ...(row.targetUserId
      ? [['Its id for them', { code: row.targetUserId, note: madeWords(row) }] as const]
      : []),
    ...(row.password ? [['Password', PASSWORDS[row.password]] as const] : []),
  ];
}
const madeWords = ({ made, state }: LedgerRow): string =>
  hasTargetUser(state)
    ? made
      ? 'Made by us.'
      : 'Was there, or made by the target.'
    : 'They went back: it may still be there.';
const PASSWORDS: Readonly<Record<NonNullable<LedgerRow['password']>, string>> = {
  carried: 'goes along as it is',
  rehashed: 'was recovered and hashed anew',
  captured: 'was caught at a login',
  reset: 'has to be set anew there',
  none: 'there was none',
};

function thereFacts({ there, target }: AtTarget): (readonly [string, CellOf])[] {
  if (!there) return [];
  if (!there.isKnown)
    return [[`${target} says`, { badge: { text: 'does not answer', tone: 'warn' }, note: there.why }]];
  const { value } = there;
  if (!value) return [[`${target} says`, { badge: { text: 'nobody of this id', tone: 'bad' } }]];
  const has = [
    value.hasPassword ? 'a password' : 'no password',
    ...(value.hasTotp ? ['a code generator'] : []),
    ...(value.hasPasskeys ? ['passkeys'] : []),
  ];
  const tone = value.state === 'active' ? 'ok' : 'warn';
  return [
    [
      `${target} says`,
      { badge: { text: value.state, tone }, text: value.loginName, note: `Has ${has.join(', ')}.` },
    ],
  ];
}

const DECISIONS: Readonly<Record<Answer['decision'], Tone>> = {
  stay: 'quiet',
  migrate: 'warn',
  redirect: 'ok',
};
/** Of a plan with many apps those that agree are told together; so many are named. */
const MAX_APPS = 5;

function planFacts(
  { plan, assignments, row }: AtTarget,
  { user }: Gathered,
  now: Date,
): (readonly [string, CellOf])[] {
  const belongs = assignments.map(
    ({ phase, attempt, segment, bucket, version, way, assignedAt, back }): readonly [string, Cell] => [
      'Assigned to',
      {
        text: phase,
        ...(back ? { badge: { text: `way back: ${back}`, tone: 'warn' as const } } : {}),
        at: assignedAt,
        note: `${segment ? `By the segment ${segment}` : 'As everybody'}, place ${count(bucket)} of ${count(BUCKETS)}, ${WAYS[way]}, plan version ${version}${attempt > 1 ? `, attempt ${attempt}` : ''}.`,
      },
    ],
  );
  if (!plan) return belongs;
  if (!user) return [...belongs, ['Next login', { text: 'cannot be said while nobody knows who they are' }]];
  const before = assignments.map(({ back, ...one }) => ({
    ...one,
    isBack: back === 'returned' || back === 'kept',
  }));
  const isThere = row !== undefined && hasTargetUser(row.state);
  const asked = { person: user, isThere, assignments: before, nowMs: now.getTime() };
  const apps = Object.keys(plan.plan.apps);
  const answers = (apps.length > 0 ? apps : [undefined]).map((app) => ({
    app,
    answer: decide(plan, { ...asked, app }),
  }));
  const alike = Map.groupBy(answers, ({ answer }) =>
    JSON.stringify([answer.decision, answer.reason, answer.phase]),
  );
  return [
    ...belongs,
    ...[...alike.values()].map((own): readonly [string, Cell] => {
      const { decision, reason, phase } = own[0]!.answer;
      const named = own.flatMap(({ app }) => app ?? []);
      const more = named.length > MAX_APPS ? ` and ${named.length - MAX_APPS} more` : '';
      return [
        named.length === 0 ? 'Next login' : `Next login at ${named.slice(0, MAX_APPS).join(', ')}${more}`,
        {
          badge: { text: decision, tone: DECISIONS[decision] },
          note: `${phase ? `Phase ${phase}: ` : ''}${REASONS[reason]}`,
        },
      ];
    }),
  ];
}
const WAYS = { decision: 'at a login', bulk: 'by a batch', operator: 'by an operator' } as const;

function syncFacts(sync: SyncedPerson | undefined): (readonly [string, CellOf])[] {
  if (!sync) return [];
  const { fields, looked, password, openConflicts } = sync;
  const equal = fields.filter(({ isKnown, field }) => isKnown && field !== 'password').length;
  const badge =
    openConflicts > 0
      ? ({ text: counted(openConflicts, 'conflict'), tone: 'bad' } as const)
      : ({
          text: looked ? `${equal} fields equal` : 'not compared yet',
          tone: looked ? 'ok' : 'quiet',
        } as const);
  const at = looked?.readAt;
  return [
    ['Sync', { badge, ...(at ? { at } : {}), ...(password ? { note: `${passwordWords(password)}.` } : {}) }],
  ];
}

function linkFacts(links: PersonLinks | undefined): (readonly [string, CellOf])[] {
  if (!links) return [];
  const { made, open, exception, oldLogin, organizations, isLinked } = links;
  const facts: (readonly [string, CellOf])[] = [];
  if (made > 0) facts.push(['Links to claim it', `${made} made, ${open} open`]);
  if (exception)
    facts.push([
      'Old login',
      { text: 'goes on', note: `Excepted by ${exception.actor}: ${exception.reason}` },
    ]);
  else if (oldLogin) facts.push(['Old login', oldLoginWords(oldLogin, isLinked)]);
  for (const { organization, name, isOwner, targetOrganizationId, roles } of organizations)
    facts.push([
      isOwner ? 'Owner of' : 'Member of',
      {
        text: `${name}${roles.length > 0 ? `: ${roles.join(', ')}` : ''}`,
        note: `${organization}, ${targetOrganizationId ? `linked as ${targetOrganizationId}` : 'not linked'}`,
      },
    ]);
  return facts;
}

interface Around {
  readonly sync: SyncedPerson | undefined;
  readonly gathered: Gathered;
  readonly shown: Shown;
}

function noticesOf({ target, work }: AtTarget, { sync, gathered, shown: { who } }: Around): Notice[] {
  const { sub } = gathered;
  const away = [
    ...(gathered.sync.isKnown ? [] : [`What sync knows: ${gathered.sync.why}`]),
    ...(gathered.links.isKnown ? [] : [`What is known of links: ${gathered.links.why}`]),
  ];
  const conflicts = (sync?.conflicts ?? []).filter(({ decided }) => decided === null);
  return [
    ...(away.length > 0 ? [{ tone: 'warn' as const, sentences: away }] : []),
    ...(work
      ? [
          {
            tone: work.dueAt === null ? ('bad' as const) : ('info' as const),
            title: work.dueAt === null ? 'Moving them was given up' : 'They are being moved',
            sentences: [
              work.problem ? `${work.problem.code}: ${work.problem.sentence}` : 'Nothing went wrong so far.',
              ...(work.attempts > 0 ? [`${counted(work.attempts, 'try', 'tries')} came to nothing.`] : []),
            ],
            links: offer(who, {
              operation: 'work retry',
              label: 'Try again now',
              input: { target, user: sub },
            }),
          },
        ]
      : []),
    ...conflicts.map(
      ({ id, field, kind }): Notice => ({
        tone: 'warn',
        title: `Both sides have changed: ${field}`,
        sentences: [CONFLICTS[kind], 'Somebody has to decide whose word counts.'],
        links: (['legacy', 'target'] as const).flatMap((keep) =>
          offer(who, {
            operation: 'sync resolve',
            label: `Keep the ${keep === 'legacy' ? 'legacy store’s' : 'target’s'}`,
            input: { id, keep },
          }),
        ),
      }),
    ),
  ];
}

/** What may help, as far as there is a way from where they are. */
function helpOf(sub: string, { target, row, there }: AtTarget, who: Who): Link[] {
  const state = row?.state ?? 'legacy';
  const isThere = hasTargetUser(state);
  const input = { user: sub, target };
  const found = there?.isKnown ? there.value : undefined;
  const has = (event: Parameters<typeof nextState>[1]) => nextState(state, event) !== undefined;
  return [
    ...(isMovable(state) || has('enqueue')
      ? offer(who, { operation: 'user move', label: 'Move now', input })
      : []),
    ...(isThere && has('revert')
      ? offer(who, { operation: 'user rollback', label: 'Take back', input })
      : []),
    ...(!isThere && state !== 'deleted'
      ? offer(who, { operation: 'user link', label: 'Link by hand', input })
      : []),
    ...(found?.state === 'active'
      ? offer(who, { operation: 'user deactivate', label: 'Deactivate there', input })
      : []),
    ...(found?.state === 'inactive'
      ? offer(who, { operation: 'user reactivate', label: 'Reactivate there', input })
      : []),
    ...(isThere ? offer(who, { operation: 'sync user', label: 'Field by field', input }) : []),
    ...(has('exclude')
      ? offer(who, { operation: 'user flag', label: 'Exclude', input: { ...input, event: 'exclude' } })
      : []),
  ];
}
