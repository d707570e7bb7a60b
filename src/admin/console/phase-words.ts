/** Phases in words: what a state means, what can be done, and what that would do. */
import type { PhaseState } from '../../rollout/deciding.ts';
import type { Phase, Plan, Segment } from '../../rollout/plan.ts';
import type { Who } from '../perform.ts';
import { offer } from './offers.ts';
import { doHref } from './page.ts';

export const STATE_BADGES: Readonly<
  Record<PhaseState, { readonly kind: 'ok' | 'warn' | 'bad' | 'quiet' | 'now'; readonly says: string }>
> = {
  planned: { kind: 'quiet', says: 'planned' },
  running: { kind: 'now', says: 'running' },
  paused: { kind: 'warn', says: 'paused' },
  finished: { kind: 'ok', says: 'finished' },
  'rolled-back': { kind: 'bad', says: 'rolled back' },
};

export interface Deed {
  readonly says: string;
  readonly means: string;
  readonly href: string;
  readonly isGrave: boolean;
}

interface Way extends Omit<Deed, 'href' | 'isGrave'> {
  readonly operation: string;
  readonly isGrave?: true;
}

const START: Way = {
  operation: 'rollout start',
  says: 'Start',
  means: 'People who fit are assigned at their next login.',
};
const AGAIN: Way = {
  operation: 'rollout start',
  says: 'Start the next attempt',
  means: 'People are assigned afresh at their next login.',
};
const PAUSE: Way = {
  operation: 'rollout pause',
  says: 'Pause',
  means: 'Nobody new is assigned; whoever is assigned goes on.',
};
const RESUME: Way = {
  operation: 'rollout resume',
  says: 'Resume',
  means: 'People who fit are assigned again.',
};
const REOPEN: Way = {
  operation: 'rollout resume',
  says: 'Run again',
  means: 'It is running again, with everybody in it.',
};
const FINISH: Way = {
  operation: 'rollout finish',
  says: 'Finish',
  means: 'It counts as done, and phases that need it may start. Nobody is taken out of it.',
};
const ROLL_BACK: Way = {
  operation: 'rollout rollback',
  says: 'Roll back',
  means:
    'Everybody of the phase is at the old login again from their next login on. Accounts at the target stay.',
  isGrave: true,
};
const BATCH: Way = {
  operation: 'rollout batch',
  says: 'Move by batches',
  means: 'Writes down everybody of the phase who has not come yet, in batches that are then run.',
};
const RETURN: Way = {
  operation: 'rollout return',
  says: 'Take the people back',
  means: 'Removes whom we have made at the target, and says beforehand what each of them would lose.',
  isGrave: true,
};
const CUT_OVER: Way = {
  operation: 'rollout cut-over',
  says: 'Cut over',
  means: 'The old password lets nobody in any more who has moved: they are sent to the target.',
  isGrave: true,
};

/** The usual first. */
const WAYS: Readonly<Record<PhaseState, readonly Way[]>> = {
  planned: [START],
  running: [PAUSE, FINISH, ROLL_BACK],
  paused: [RESUME, FINISH, ROLL_BACK],
  finished: [CUT_OVER, REOPEN, ROLL_BACK],
  'rolled-back': [AGAIN, RETURN],
};

export interface DeedsAsked {
  readonly who: Pick<Who, 'role'>;
  readonly target: string;
  readonly phase: Pick<Phase, 'name' | 'identities'>;
  readonly state: PhaseState;
}

/** What this person can do from here. */
export function deedsOf({ who, target, phase, state }: DeedsAsked): Deed[] {
  const isByBatch = phase.identities === 'bulk' && state === 'running';
  const ways = isByBatch ? [BATCH, ...WAYS[state]] : WAYS[state];
  return ways.flatMap(({ operation, says, means, isGrave = false }) =>
    offer(who, { operation, label: says, input: { phase: phase.name, target } }).map(({ href }) => ({
      says,
      means,
      href,
      isGrave,
    })),
  );
}

export const switchHref = (
  target: string,
  { kind, name }: { kind: string; name: string },
  to: 'on' | 'off',
) =>
  doHref('rollout switch', {
    target,
    ...(kind === 'everything' ? { everything: 'true' } : { [kind]: name }),
    [to]: 'true',
  });

const list = (values: readonly string[]) => {
  const [named, more] = [values.slice(0, NAMED), values.length - NAMED];
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
};
const NAMED = 6;

export const appsWords = ({ apps }: Pick<Phase, 'apps'>, plan: Pick<Plan, 'apps'>): string =>
  apps === 'all' ? 'all apps' : list(apps.map((name) => plan.apps[name]?.title ?? name));

/** What a segment asks for: `addresses at example.com, 10 % of them`. */
export function segmentWords(segment: Segment): string {
  const { emailDomains, organizations, organizationKinds, countries, roles, groups, risk, subs } = segment;
  const { metadata, lastLoginDays, percentage, except } = segment;
  return [
    ...(emailDomains ? [`addresses at ${list(emailDomains)}`] : []),
    ...(organizations ? [`organizations ${list(organizations)}`] : []),
    ...(organizationKinds ? [`organizations of the kind ${list(organizationKinds)}`] : []),
    ...(countries ? [`countries ${list(countries)}`] : []),
    ...(roles ? [`roles ${list(roles)}`] : []),
    ...(groups ? [`groups ${list(groups)}`] : []),
    ...(risk ? [`risk ${list(risk)}`] : []),
    ...(metadata ? [list(Object.entries(metadata).map(([key, value]) => `${key} = ${value}`))] : []),
    ...(lastLoginDays ? [`logged in within ${lastLoginDays} days`] : []),
    ...(subs ? [`a list of ${subs.length.toLocaleString('en')}`] : []),
    ...(percentage === undefined ? [] : [`${percentage} % of them`]),
    ...(except?.length ? [`but nobody of ${list(except)}`] : []),
  ].join(', ');
}
