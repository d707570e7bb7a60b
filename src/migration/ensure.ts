/**
 * A legacy app leads: it has a person in front of it, and wants them at a target. Whoever is there already is sent on
 * at once; everybody else is moved, but not without a proof: a password that we check, or the app's word that it has
 * just checked it, where the operator trusts that word.
 */
import type { ErrorCode } from '../errors.ts';
import { ERRORS, FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import { auditPart } from '../store/audit-log.ts';
import type { Db } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import type { Target } from '../targets/target.ts';
import type { User } from '../user.ts';
import { find, moveParts } from './ledger.ts';
import type { MoveRequest, MoveResult, Mover, ProvePassword } from './moving/mover.ts';
import type { Routing } from './routing.ts';
import type { EnsureAnswer, EnsureRequest } from './schemas-ensure.ts';
import type { State } from './states.ts';
import { hasReached } from './states.ts';
import type { TargetLinks } from './target-link.ts';

export interface EnsureDeps {
  readonly db: Db;
  readonly directory: Directory;
  readonly mover: Mover;
  readonly provePassword: ProvePassword;
  readonly links: TargetLinks;
  readonly routing: Routing;
  /** The old login is over for this target. */
  readonly isOver?: (target: string) => boolean;
  readonly nowSeconds: () => number;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
}

/** The app that asks. */
export interface EnsuringClient {
  readonly clientId: string;
  readonly trustedProof: boolean;
}

export interface Ensuring extends Omit<EnsureRequest, 'target' | 'network'> {
  readonly client: EnsuringClient;
  readonly target: Target;
  /** Where the person is, for the throttle: an address. */
  readonly network: string;
  readonly signal?: AbortSignal;
}

/** How old the app's own check of the password may be. */
const PROOF_SECONDS = 300;
/** How far its clock may be ahead of ours. */
const CLOCK_SECONDS = 15;

/**
 * Throws proof_needed, wrong_password, throttled, user_disabled, user_excluded, user_not_found, target_conflict,
 * target_refused, hashing_overloaded, legacy_unavailable, storage_unavailable. A target that is down is no error: the
 * answer has no `redirectUrl`, and the move goes on by itself.
 */
export async function ensureUser(deps: EnsureDeps, ensuring: Ensuring): Promise<EnsureAnswer> {
  if (deps.isOver?.(ensuring.target.name)) throw new FootbridgeError('already_retired');
  const before = await movedBefore(deps, ensuring);
  if (before) return before;
  const { user, parts } = await prove(deps, ensuring);
  const { target, client, signal } = ensuring;
  const state = await stayingAt(deps, ensuring, user);
  if (state) return { sub: user.sub, state, proved: true, decision: 'stay' };
  const actor = `client:${client.clientId}`;
  const request: MoveRequest = { target: target.name, sub: user.sub, road: 'ensure', actor };
  await deps.db.runParts([...parts, ...deps.mover.requestParts(request)], 'select 1');
  return answer(deps, { target, user }, await deps.mover.move(request, signal ? { signal } : {}));
}

/** Says nothing of people who have not moved, nor whether there are any. */
async function movedBefore(
  deps: EnsureDeps,
  { target, client, login, sub }: Ensuring,
): Promise<EnsureAnswer | undefined> {
  const user = await findUser(deps, { login, sub });
  const row = await find(deps.db, target.name, user?.sub ?? '');
  if (!user || !row || !hasReached(row.state, 'migrated')) return undefined;
  if (await deps.routing.stays(target.name, user, client.clientId)) return undefined;
  const redirectUrl = await deps.links.hrefFor(target, user, row);
  return { sub: user.sub, state: row.state, proved: false, redirectUrl };
}

async function findUser(
  { directory }: EnsureDeps,
  { login, sub }: { readonly login?: string | undefined; readonly sub?: string | undefined },
): Promise<User | undefined> {
  const found = sub === undefined ? directory.findByLogin(login ?? '') : directory.findBySub(sub);
  const entry = await found.catch((error: unknown) => {
    if (isFootbridgeError(error, 'user_ambiguous') || isFootbridgeError(error, 'mapping_failed'))
      return undefined;
    throw error;
  });
  return entry?.user;
}

/** The plan leaves them at the old login: the proof was theirs, and nothing comes of it here. */
async function stayingAt(
  { routing, db }: EnsureDeps,
  { target, client }: Ensuring,
  user: User,
): Promise<State | undefined> {
  if (!(await routing.stays(target.name, user, client.clientId))) return undefined;
  return (await find(db, target.name, user.sub))?.state ?? 'legacy';
}

interface Proved {
  readonly user: User;
  /** What the proof writes, the ledger's `prove` among it. */
  readonly parts: readonly Part[];
}

function prove(deps: EnsureDeps, ensuring: Ensuring): Promise<Proved> {
  const { password, proof } = ensuring;
  if (password !== undefined) return byPassword(deps, ensuring, password);
  if (proof) return byWord(deps, ensuring, proof);
  throw new FootbridgeError('proof_needed');
}

async function byPassword(deps: EnsureDeps, ensuring: Ensuring, password: string): Promise<Proved> {
  const { target, login, sub, network, signal } = ensuring;
  const who = sub === undefined ? { login: login ?? '' } : { sub };
  const proof = await deps.provePassword({
    target,
    password,
    network,
    ...who,
    ...(signal ? { signal } : {}),
  });
  switch (proof.kind) {
    case 'wrong':
      throw new FootbridgeError('wrong_password');
    case 'disabled':
      throw new FootbridgeError('user_disabled');
    case 'throttled':
      throw new FootbridgeError('throttled', { retryAfterSeconds: proof.waitSeconds });
    case 'proved': {
      const { user } = proof.entry;
      const detail = { amr: [...proof.amr] };
      return {
        user,
        parts: [...proof.writes, ...provedParts(deps, ensuring, { user, amr: proof.amr, detail })],
      };
    }
  }
}

/** The app's word, which the audit log keeps as such, whether or not it moves anything. */
async function byWord(
  deps: EnsureDeps,
  ensuring: Ensuring,
  { authTime, amr }: NonNullable<EnsureRequest['proof']>,
): Promise<Proved> {
  const { client, target } = ensuring;
  const age = deps.nowSeconds() - authTime;
  if (!client.trustedProof || age > PROOF_SECONDS || age < -CLOCK_SECONDS) {
    const detail = client.trustedProof ? `the proof is ${age} s old` : 'trustedProof is off for this client';
    throw new FootbridgeError('proof_needed', { detail });
  }
  const user = await findUser(deps, ensuring);
  if (!user) throw new FootbridgeError('user_not_found');
  if (user.state !== 'active') throw new FootbridgeError('user_disabled');
  const word = auditPart({
    actor: `client:${client.clientId}`,
    action: 'ensure.trusted-proof',
    subject: deps.pseudonym(user.sub),
    detail: { target: target.name, authTime, amr: [...amr] },
  });
  const detail = { amr: [...amr], authTime, trusted: true };
  return { user, parts: [word, ...provedParts(deps, ensuring, { user, amr, detail })] };
}

function provedParts(
  { directory, pseudonym }: EnsureDeps,
  { client, target }: Ensuring,
  {
    user,
    amr,
    detail,
  }: { user: User; amr: readonly string[]; detail: NonNullable<Parameters<typeof moveParts>[0]['detail']> },
): readonly Part[] {
  const { sub } = user;
  return moveParts({
    target: target.name,
    sub,
    event: 'prove',
    actor: `client:${client.clientId}`,
    subject: pseudonym(sub),
    legacyId: directory.legacyIdOf(sub) ?? sub,
    amr,
    detail,
  });
}

async function answer(
  { db, links }: EnsureDeps,
  { target, user }: { readonly target: Target; readonly user: User },
  result: MoveResult,
): Promise<EnsureAnswer> {
  const { sub } = user;
  switch (result.kind) {
    case 'moved': {
      const { state } = result;
      // Something that they need is missing there: sent on, they could not log in, or with less than they had.
      if (state === 'created') return { sub, state, proved: true };
      return { sub, state, proved: true, redirectUrl: await links.hrefFor(target, user, result) };
    }
    case 'later': {
      // Another call for the same person may have made it meanwhile.
      const row = await find(db, target.name, sub);
      if (!row || !hasReached(row.state, 'migrated'))
        return { sub, state: row?.state ?? 'legacy', proved: true };
      return { sub, state: row.state, proved: true, redirectUrl: await links.hrefFor(target, user, row) };
    }
    case 'not-proved':
      throw new FootbridgeError('proof_needed');
    case 'refused':
      throw refusal(result);
  }
}

/** Our own codes are told as they are; what is the target's own goes to the log. */
function refusal({ code, sentence }: { readonly code: string; readonly sentence: string }): FootbridgeError {
  const known = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'target_refused';
  return new FootbridgeError(known, { detail: `${code}: ${sentence}` });
}
