/**
 * When ZITADEL calls which of our hooks, and how: an Actions V2 target for each, and its executions. `call` takes our
 * answer into what ZITADEL does; `webhook` only whether there was a good one; `async` does not wait.
 */
import type { SetupDeps } from '../../setup.ts';
import type { Target } from '../../target.ts';
import { HOOK_CONDITIONS } from '../hooks.ts';
import { SESSION_EVENTS, SYNC_EVENTS } from '../hooks-events.ts';

/** `zitadel.action.v2.Condition` as JSON. */
export type Condition =
  | { readonly request: { readonly method: string } }
  | { readonly response: { readonly method: string } }
  | { readonly event: { readonly event: string } };

export interface HookPlan {
  /** The hook's name. */
  readonly hook: keyof typeof HOOK_CONDITIONS;
  readonly what: string;
  readonly why: string;
  readonly how: 'call' | 'webhook' | 'async';
  /** Whether ZITADEL gives up what it was doing when we do not answer well. */
  readonly interruptOnError: boolean;
  readonly timeoutSeconds: number;
  isNeeded(target: Target): boolean;
}

const always = () => true;

export const HOOK_PLANS: readonly HookPlan[] = [
  {
    hook: 'intent',
    what: 'ZITADEL asks us what it is to know of somebody who comes back from a login here.',
    why: 'So the account that it makes has the right profile, organization and links at once. It asks for every other provider’s logins, too: so it goes on with the claims when we do not answer.',
    how: 'call',
    interruptOnError: false,
    timeoutSeconds: 10,
    isNeeded: always,
  },
  {
    hook: 'events',
    what: 'ZITADEL tells us what has happened to a user: made, linked, a new password, deactivated, removed; with `sessions.follow` of every session that begins and ends; and for sync of every change of them and of their roles.',
    why: 'So what it could not take at the login is stored now, both sides stay the same, and whoever logs out there is logged out here. It waits for our answer, and errors interrupt: then an event that we could not take is delivered again for some minutes.',
    how: 'webhook',
    interruptOnError: true,
    timeoutSeconds: 10,
    isNeeded: always,
  },
  {
    hook: 'session',
    what: 'ZITADEL shows us a password typed at its login page before it checks it itself.',
    why: 'For people whose password it does not have: we check it and store it there, and its own check passes; a wrong one is refused before it counts there. A refusal only holds if errors interrupt: so while this is on, ZITADEL’s login is down when Footbridge is.',
    how: 'call',
    interruptOnError: true,
    timeoutSeconds: 10,
    isNeeded: ({ move }) => move.typedPasswords,
  },
  {
    hook: 'password',
    what: 'ZITADEL tells us that somebody has set a new password there.',
    why: 'The legacy password is no longer the person’s, and is never stored over the new one. Without our answer it goes on.',
    how: 'webhook',
    interruptOnError: false,
    timeoutSeconds: 5,
    isNeeded: always,
  },
  {
    hook: 'lookup',
    what: 'ZITADEL tells us that somebody was looked for at its login page.',
    why: 'It is only counted, nothing is made for it, and ZITADEL does not wait.',
    how: 'async',
    interruptOnError: false,
    timeoutSeconds: 5,
    isNeeded: () => false,
  },
];

/** Those that the settings name or need, of those that are there. */
export function plansFor(target: Target): HookPlan[] {
  const there = new Set((target.hooks ?? []).map(({ name }) => name));
  const { hooks: named } = target.setup;
  return HOOK_PLANS.filter(
    (plan) => there.has(plan.hook) && (named ? named.includes(plan.hook) : plan.isNeeded(target)),
  );
}

const PACKAGES: Readonly<Record<string, string>> = {
  UserService: 'zitadel.user.v2',
  SessionService: 'zitadel.session.v2',
};
/** Names of newer releases, for events that the older ones call otherwise. */
const NEWER_EVENTS = /^user\.idp\./;

interface ForWhat {
  readonly target: Pick<Target, 'sessions'>;
  readonly deps: Pick<SetupDeps, 'isSynced'>;
}

/** Of the names that events have had, those that ZITADEL knows; those of most releases where it does not tell. */
export function conditionsOf(
  { hook }: HookPlan,
  { target: { sessions }, deps: { isSynced = false } }: ForWhat,
  known: ReadonlySet<string> | undefined,
): Condition[] {
  const {
    request = [],
    response = [],
    event = [],
  } = HOOK_CONDITIONS[hook] as Partial<Record<'request' | 'response' | 'event', readonly string[]>>;
  const isKnown = (name: string) => (known ? known.has(name) : !NEWER_EVENTS.test(name));
  const isOfUse = (name: string) =>
    (sessions.follow || !SESSION_EVENTS.includes(name)) && (isSynced || !SYNC_EVENTS.includes(name));
  return [
    ...request.map((name) => ({ request: { method: methodOf(name) } })),
    ...response.map((name) => ({ response: { method: methodOf(name) } })),
    ...event.filter((name) => isKnown(name) && isOfUse(name)).map((name) => ({ event: { event: name } })),
  ];
}

const methodOf = (name: string) => `/${PACKAGES[name.split('/')[0]!]}.${name}`;

/** As ZITADEL itself names it. */
export function conditionId(condition: Condition): string {
  if ('event' in condition) return `event/${condition.event.event}`;
  const [kind, { method }] = Object.entries(condition)[0]!;
  return `${kind}${method}`;
}
