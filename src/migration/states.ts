/**
 * One user's way from old to new, as data. The code, the drawing in the docs and the console come from this table;
 * nothing else decides where a user may go.
 */

export const STATES = [
  'legacy',
  'authenticated',
  'queued',
  'releasing',
  'created',
  'migrated',
  'cut-over',
  'retired',
  'failed',
  'excluded',
  'deleted',
] as const;
export type State = (typeof STATES)[number];

export const EVENTS = [
  'prove',
  'enqueue',
  'release',
  'create',
  'confirm',
  'cut-over',
  'retire',
  'revert',
  'exclude',
  'fail',
  'delete',
] as const;
export type Event = (typeof EVENTS)[number];

type Ways = Readonly<Partial<Record<Event, State>>>;

const BEFORE_TARGET_USER = {
  exclude: 'excluded',
  delete: 'deleted',
  revert: 'legacy',
} as const satisfies Ways;
const UNDER_WAY = {
  release: 'releasing',
  create: 'created',
  fail: 'failed',
  ...BEFORE_TARGET_USER,
} as const satisfies Ways;

/**
 * state → event → next state; what is missing is illegal. `created` is reached only through `prove` (a password at our
 * login page) or `enqueue` (an explicit batch): no other way leads to a user at the target.
 */
export const TRANSITIONS: Readonly<Record<State, Ways>> = {
  legacy: { prove: 'authenticated', enqueue: 'queued', exclude: 'excluded', delete: 'deleted' },
  authenticated: { prove: 'authenticated', enqueue: 'queued', ...UNDER_WAY },
  queued: { prove: 'queued', ...UNDER_WAY },
  releasing: { prove: 'releasing', ...UNDER_WAY },
  // From here on there is a user at the target, and the target may ask again for what it failed to store.
  created: { prove: 'created', release: 'created', confirm: 'migrated', delete: 'deleted', revert: 'legacy' },
  migrated: {
    prove: 'migrated',
    release: 'migrated',
    'cut-over': 'cut-over',
    delete: 'deleted',
    revert: 'legacy',
  },
  'cut-over': { retire: 'retired', delete: 'deleted', revert: 'legacy' },
  retired: { delete: 'deleted' },
  failed: { prove: 'authenticated', enqueue: 'queued', create: 'created', ...BEFORE_TARGET_USER },
  excluded: { delete: 'deleted', revert: 'legacy' },
  // A tombstone: whoever comes with this id again is somebody else.
  deleted: {},
};

/** What going back to `legacy` loses, for the operator to read before they do it. */
export const LOST_BY_REVERT: Readonly<Partial<Record<State, string>>> = {
  authenticated: 'The open ticket: the user has to log in again before anything is released.',
  queued: 'The place in the batch.',
  releasing: 'The creation under way: a user that the target has made meanwhile stays there, unlinked here.',
  failed: 'Why and when the last attempt failed; the audit log keeps it.',
  created: 'The link: the user stays at the target and has to be removed or linked again there.',
  migrated:
    'Passwords, factors and profile changed at the target since the move, unless sync brought them back.',
  'cut-over':
    'Passwords, factors and profile changed at the target since the cut-over, and the sessions there.',
  excluded: 'The exclusion: the user moves like everybody else.',
};

/** The next state, or undefined when the event is illegal there. */
export function nextState(state: State, event: Event): State | undefined {
  return TRANSITIONS[state][event];
}

/** The states in which an event is legal. */
export function statesBefore(event: Event): State[] {
  return STATES.filter((state) => TRANSITIONS[state][event] !== undefined);
}

const WITH_TARGET_USER: readonly State[] = ['created', 'migrated', 'cut-over', 'retired'];

/** Whether the user exists at the target and is linked. */
export function hasTargetUser(state: State): boolean {
  return WITH_TARGET_USER.includes(state);
}

/** Whether somebody in this state may be made at the target, or completed there. */
export function isMovable(state: State): boolean {
  return nextState(state, 'release') !== undefined && state !== 'migrated';
}

/** Whether a target that reports `wanted` tells nothing new. */
export function hasReached(state: State, wanted: 'created' | 'migrated'): boolean {
  return WITH_TARGET_USER.indexOf(state) >= WITH_TARGET_USER.indexOf(wanted);
}
