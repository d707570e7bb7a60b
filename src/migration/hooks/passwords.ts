/**
 * A password was typed at the target, which waits for our word. For people whose password it has, the word is to go on:
 * theirs is not looked at. For the others it is proved against the legacy store, and what it proves is stored at the
 * target before it is told to go on, so that it finds the password right itself. What is wrong never gets there: the
 * target neither counts it nor locks anybody.
 */
import { isFootbridgeError } from '../../errors.ts';
import type { FoundUser, TargetConnection } from '../../targets/connection.ts';
import type { HookCall, HookResult } from '../../targets/hook.ts';
import type { Target } from '../../targets/target.ts';
import type { LedgerRow } from '../ledger.ts';
import { find, findByTargetUser, proveParts } from '../ledger.ts';
import type { Mover, ProvePassword } from '../moving/mover.ts';
import type { Routing } from '../routing.ts';
import { isMovable, nextState } from '../states.ts';
import type { LinkDeps } from './links.ts';
import { subjectAt } from './links.ts';

export interface TypedDeps extends LinkDeps {
  readonly mover: Mover;
  readonly routing: Routing;
  readonly provePassword: ProvePassword;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

type Typed = Extract<HookCall, { kind: 'typed' }>;
type Proved = Extract<Awaited<ReturnType<ProvePassword>>, { kind: 'proved' }>;

/** The person whose password it is: a user of the target, or somebody whom it does not know yet. */
interface Meant {
  readonly found?: FoundUser;
  readonly sub?: string;
  readonly login?: string;
}

const GO_ON: HookResult = { kind: 'go-on' };
/** Where the target says no time. */
const RETRY_SECONDS = 5;

/** Throws legacy_unavailable, storage_unavailable, hashing_overloaded. */
export async function passwordTyped(
  deps: TypedDeps,
  target: Target,
  typed: Typed,
  signal?: AbortSignal,
): Promise<HookResult> {
  const connection = deps.targets.connection(target.name);
  if (!target.move.typedPasswords || !connection) return GO_ON;
  const meant = await whoIsMeant(deps, { target, connection, typed });
  if (!meant) return GO_ON;
  const { found, ...person } = meant;
  const network = typedAt(typed.network ?? found?.targetUserId ?? person.login);
  const proof = await deps.provePassword({
    target,
    ...person,
    password: typed.password,
    network,
    ...(signal ? { signal } : {}),
  });
  switch (proof.kind) {
    case 'wrong':
      return { kind: 'refused', reason: 'wrong-password' };
    case 'disabled':
      return { kind: 'refused', reason: 'disabled' };
    case 'throttled':
      return { kind: 'refused', reason: 'throttled', retryAfterSeconds: proof.waitSeconds };
    case 'proved':
      return proved(deps, { target, found }, proof);
  }
}

/**
 * The address of the caller is the target's own: all who type there would share one bucket. Where the target does not
 * tell theirs, everybody has a network of their own, and guessing at many accounts is the target's to slow down. What it
 * tells is the word of whoever calls it: it never keeps anybody from our own login page.
 */
const typedAt = (where = '') => `typed:${where}`;

/** Undefined where it is the target's business alone. */
async function whoIsMeant(
  deps: TypedDeps,
  { target, connection, typed }: { target: Target; connection: TargetConnection; typed: Typed },
): Promise<Meant | undefined> {
  const { targetUserId, targetSessionId, login, organization } = typed;
  try {
    const id =
      targetUserId ??
      (targetSessionId === undefined ? undefined : await connection.userIdBySession?.(targetSessionId));
    if (id !== undefined) return await knownById(deps, target, { connection, id });
    if (login === undefined) return undefined;
    const found = await connection.userByLogin(login, organization);
    return found ? await knownThere(deps, target, found) : { login: ownLogin(target, login) };
  } catch (error) {
    // A placeholder is a password to the target: what nobody could look at is refused here, or it would be counted there.
    if (isFootbridgeError(error, 'target_refused')) return undefined;
    throw error;
  }
}

/** The ledger is asked first: of most people it knows that they have arrived. */
async function knownById(
  deps: TypedDeps,
  target: Target,
  { connection, id }: { connection: TargetConnection; id: string },
): Promise<Meant | undefined> {
  const row = await findByTargetUser(deps.db, target.name, id);
  if (row && !isProvable(row)) return undefined;
  const found = await connection.userById(id).catch((error: unknown) => {
    // Whom the ledger does not know has no placeholder of ours: the target can verify them without us.
    if (!row && isFootbridgeError(error, 'target_unavailable')) return undefined;
    throw error;
  });
  return found && knownThere(deps, target, found);
}

async function knownThere(deps: TypedDeps, target: Target, found: FoundUser): Promise<Meant | undefined> {
  if (found.hasPassword || found.state !== 'active') return undefined;
  const linked = subjectAt(found, await deps.ourIdp(target));
  const row = linked
    ? await find(deps.db, target.name, linked)
    : await findByTargetUser(deps.db, target.name, found.targetUserId);
  const sub = linked ?? row?.sub;
  if (sub !== undefined) return row && !isProvable(row) ? undefined : { found, sub };
  // Whether the address is verified on our side too, the move decides.
  const { email } = found;
  const isMatched = target.users.existing === 'verified-email' && email?.isVerified;
  return isMatched ? { found, login: email.address } : undefined;
}

/** Whether a proof leads anywhere from here: of people who have moved, are excluded or deleted it does not. */
const isProvable = ({ state }: LedgerRow) => isMovable(nextState(state, 'prove') ?? state);

/** What the person types at the legacy system: without what only the target puts behind it. */
function ownLogin({ users }: Target, login: string): string {
  const { suffix } = users.username;
  return suffix && login.length > suffix.length && login.endsWith(suffix)
    ? login.slice(0, -suffix.length)
    : login;
}

/** Proof, ledger and the request for the move are one statement: whatever happens then, the move will be made. */
async function proved(
  { db, mover, pseudonym, routing }: TypedDeps,
  { target, found }: { target: Target; found: FoundUser | undefined },
  { entry, amr, writes }: Proved,
): Promise<HookResult> {
  const { sub, legacyId } = entry.user;
  // Nobody begins to move before it is their turn; whoever has begun is completed.
  if (await routing.waits(target.name, sub)) return GO_ON;
  const request = {
    target: target.name,
    sub,
    road: 'typed' as const,
    actor: `target:${target.name}`,
    ...(found ? { targetUserId: found.targetUserId } : {}),
  };
  const proof = proveParts({ target: target.name, sub, legacyId, amr, subject: pseudonym(sub) });
  await db.runParts([...writes, ...proof, ...mover.requestParts(request)], 'select 1');
  const result = await mover.move(request);
  if (result.kind !== 'later') return GO_ON;
  const { retryAfterSeconds = RETRY_SECONDS } = result;
  return { kind: 'refused', reason: 'legacy-down', retryAfterSeconds };
}
