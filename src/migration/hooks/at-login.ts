/** What each call of a target leads to. Asking twice, too late or in another order changes nothing twice. */
import { isFootbridgeError } from '../../errors.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { TargetUser } from '../../targets/connection.ts';
import type { HookCall, HookResult } from '../../targets/hook.ts';
import type { Target } from '../../targets/target.ts';
import { wipePart } from '../captured-passwords.ts';
import type { LedgerRow } from '../ledger.ts';
import { find, findByTargetUser, findPart, moveParts, ownedPart } from '../ledger.ts';
import type { RetrievalDeps } from '../secret-retrieval.ts';
import { hasTargetUser, isMovable } from '../states.ts';
import { readTicket, ticketPart } from '../tickets.ts';
import { completeKnown, completeLinked } from './links.ts';
import type { TypedDeps } from './passwords.ts';
import { passwordTyped } from './passwords.ts';
import { isRefusedPerson, profileUser, releasedUser } from './users.ts';

export interface AtLoginDeps extends TypedDeps, Omit<RetrievalDeps, 'db'> {
  /** The id of the user at the target as whom we call its API; what that one does comes from us. */
  readonly ourUserId?: (target: Target) => Promise<string | undefined>;
  /** What a call means for sessions, here and at the target; asked when everything else about the call is done. */
  readonly onSession?: (target: Target, call: SessionCall) => Promise<void>;
  /** For metrics: somebody is looked for at the target. */
  readonly onLookup?: (lookup: { readonly target: string; readonly found: boolean }) => void;
  /** Told of what went wrong without keeping anybody from logging in. */
  readonly onError?: (error: unknown) => void;
}

/** Throws legacy_unavailable, storage_unavailable, hashing_overloaded, target_unavailable, target_refused. */
export type AtLogin = (target: Target, call: HookCall, signal?: AbortSignal) => Promise<HookResult>;

const SESSION_CALLS = [
  'session-started',
  'session-ended',
  'linked',
  'password-set',
  'deactivated',
  'removed',
] as const;
/** The calls that change who is logged in, or what is known of it. */
export type SessionCall = Call<(typeof SESSION_CALLS)[number]>;
const isSessionCall = (call: HookCall): call is SessionCall =>
  (SESSION_CALLS as readonly string[]).includes(call.kind);

type Call<K extends HookCall['kind']> = Extract<HookCall, { kind: K }>;

const GO_ON: HookResult = { kind: 'go-on' };
const DISABLED: HookResult = { kind: 'refused', reason: 'disabled' };
/** How fresh a login has to be for a hint to be believed: what the target does after it takes no longer. */
const HINT_SECONDS = 600;

export function openAtLogin(deps: AtLoginDeps): AtLogin {
  return async (target, call, signal) => {
    switch (call.kind) {
      case 'typed':
        return passwordTyped(deps, target, call, signal);
      case 'returned':
        return call.targetUserId === undefined
          ? newcomer(deps, target, call)
          : returned(deps, target, { ...call, targetUserId: call.targetUserId });
      case 'announced':
        return announced(deps, target, call);
      default:
        await noted(deps, target, call);
        if (isSessionCall(call)) await deps.onSession?.(target, call);
        return GO_ON;
    }
  };
}

/** The calls that nobody waits for with a question. */
async function noted(
  deps: AtLoginDeps,
  target: Target,
  call: Exclude<HookCall, Call<'typed' | 'returned' | 'announced'>>,
): Promise<void> {
  switch (call.kind) {
    case 'linked':
      return completeLinked(deps, target, call);
    case 'hinted':
      return hinted(deps, target, call);
    case 'logged-in':
      return completeKnown(deps, target, call.targetUserId);
    case 'password-set':
      return passwordSet(deps, target, call.targetUserId);
    case 'lookup':
      return deps.onLookup?.({ target: target.name, found: call.found });
    case 'unlinked':
      return unlinked(deps, target, call);
    case 'deactivated':
    case 'reactivated':
      return void (await audited(deps, target, call));
    case 'removed':
      return removed(deps, target, call);
    case 'session-started':
    case 'session-ended':
    case 'changed':
    case 'ignored':
      return;
  }
}

/** Somebody whom the target does not know: it makes them only after a login at us, and with what we say of them. */
async function newcomer(
  deps: AtLoginDeps,
  target: Target,
  { sub, identityProvider, ticket }: Call<'returned'>,
): Promise<HookResult> {
  if (identityProvider !== undefined && identityProvider !== (await deps.ourIdp(target))) return GO_ON;
  // They only pass through: the target makes them of what the token says, and gets nothing else.
  if (await deps.routing.waits(target.name, sub)) return GO_ON;
  const row = await find(deps.db, target.name, sub);
  if (!row || ['legacy', 'excluded', 'deleted'].includes(row.state)) return DISABLED;
  if (!isMovable(row.state)) return GO_ON;
  try {
    const user = await userFor(deps, { target, row }, ticket);
    return user ? { kind: 'go-on-with', user } : GO_ON;
  } catch (error) {
    if (isRefusedPerson(error)) return DISABLED;
    // The login is proved already: the target makes the user of the claims, and the rest is stored later.
    deps.onError?.(error);
    return GO_ON;
  }
}

async function userFor(
  deps: AtLoginDeps,
  expected: { target: Target; row: LedgerRow },
  ticket: string | undefined,
): Promise<TargetUser | undefined> {
  if (ticket === undefined) return profileUser(deps, expected);
  return releasedUser(deps, expected, ticket).catch((error) => {
    if (isRefusedPerson(error) || isFootbridgeError(error, 'legacy_unavailable')) throw error;
    // Without a good ticket there are no secrets; the names are no secret to whom the login was for.
    deps.onError?.(error);
    return profileUser(deps, expected);
  });
}

/** Somebody whom the target knows is let in whatever becomes of the rest. */
async function returned(
  deps: AtLoginDeps,
  target: Target,
  linked: Call<'returned'> & { readonly targetUserId: string },
): Promise<HookResult> {
  await completeLinked(deps, target, linked).catch((error) => deps.onError?.(error));
  return GO_ON;
}

/** A ticket of a login at one of this target's clients, not expired; it may be announced more than once. */
async function announced(deps: AtLoginDeps, target: Target, call: Call<'announced'>): Promise<HookResult> {
  const ticket = readTicket(deps.keyring, call.ticket);
  if (!ticket || !target.clientIds.includes(ticket.clientId)) return GO_ON;
  const [open] = await deps.db.runParts(
    [ticketPart(ticket, target.ticketSeconds)],
    'select from ticket where unexpired',
  );
  const row = open && (await find(deps.db, target.name, ticket.sub));
  if (!row || !isMovable(row.state)) return GO_ON;
  const user = await profileUser(deps, { target, row });
  return user ? { kind: 'go-on-with', user } : GO_ON;
}

/** Without a login a moment ago nothing is asked of anybody. */
async function hinted(deps: AtLoginDeps, target: Target, call: Call<'hinted'>): Promise<void> {
  const row = await find(deps.db, target.name, call.sub);
  const isFresh = row?.provedAt && Date.now() - row.provedAt.getTime() < HINT_SECONDS * 1_000;
  if (isFresh) await completeLinked(deps, target, call);
}

/** The person's password is the target's now: what was captured of the old one is of no use any more. */
async function passwordSet(deps: AtLoginDeps, target: Target, targetUserId: string): Promise<void> {
  const row = await audited(deps, target, { kind: 'password-set', targetUserId }, [wipePart('ledger_found')]);
  if (row) await completeKnown(deps, target, targetUserId);
}

async function unlinked(deps: AtLoginDeps, target: Target, call: Call<'unlinked'>): Promise<void> {
  const { identityProvider } = call;
  if (identityProvider !== undefined && identityProvider !== (await deps.ourIdp(target))) return;
  await audited(deps, target, call);
}

interface Removed {
  readonly kind: string;
  readonly targetUserId: string;
  readonly editor?: string;
}

/** Only where it is so, and where it was not us: what we remove ourselves the ledger knows already. */
async function removed(deps: AtLoginDeps, target: Target, call: Removed): Promise<void> {
  const row = await audited(deps, target, call);
  if (!row || !target.move.followRemovals || !hasTargetUser(row.state)) return;
  if (call.editor !== undefined && call.editor === (await deps.ourUserId?.(target))) return;
  const connection = deps.targets.connection(target.name);
  if (!connection || (await connection.userById(call.targetUserId))) return;
  const { sub } = row;
  const actor = `target:${target.name}`;
  const moved = { target: target.name, sub, event: 'delete' as const, actor, subject: deps.pseudonym(sub) };
  // Meanwhile they may have gone back, or be somebody else's by now: then it is not about them.
  const owned = ownedPart(target.name, sub, call.targetUserId);
  await deps.db.runParts([owned, ...moveParts(moved, owned.name)], 'select from ledger_row');
}

/** Writes it to the audit log, and does the rest with it, where the ledger knows the user. */
async function audited(
  { db, pseudonym }: AtLoginDeps,
  target: Target,
  { kind, targetUserId }: { readonly kind: string; readonly targetUserId: string },
  parts: readonly ReturnType<typeof wipePart>[] = [],
): Promise<LedgerRow | undefined> {
  const row = await findByTargetUser(db, target.name, targetUserId);
  if (!row) return undefined;
  const record = {
    actor: `target:${target.name}`,
    action: `target.${kind}`,
    subject: pseudonym(row.sub),
    detail: { target: target.name, targetUserId },
  };
  await db.runParts(
    [findPart(target.name, row.sub), ...parts, auditPart(record, 'ledger_found')],
    'select 1',
  );
  return row;
}
