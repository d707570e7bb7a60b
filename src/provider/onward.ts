/**
 * People who go on to a target while they log in: those of a legacy app that leads there, who are moved once their
 * password is proved, and those whose target gets its users at the login already. Nobody is kept from logging in
 * because the target cannot have them now: the move is written down with the proof, and goes on by itself.
 */
import { isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import { find, proveParts } from '../migration/ledger.ts';
import type { MoveRequest, MoveResult, Mover, Road } from '../migration/moving/mover.ts';
import type { Routing } from '../migration/routing.ts';
import { hasReached } from '../migration/states.ts';
import type { TargetLinks } from '../migration/target-link.ts';
import type { Db } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import type { Target, Targets } from '../targets/target.ts';
import type { User } from '../user.ts';
import type { ClientSettings } from './provider-settings.ts';

/** Password and second factor are proved; nothing is stored yet. */
export interface ProvedLogin {
  readonly user: User;
  readonly clientId: string;
  /** RFC 8176 values. */
  readonly amr: readonly string[];
  /** What the proof writes. */
  readonly writes: readonly Part[];
}

export interface Onward {
  /** The target that this client's people go on to. */
  leadsTo(clientId: string): Target | undefined;
  /**
   * Where the person who types this goes on, if they have moved. Asks the same whether or not there is such a person.
   * Throws legacy_unavailable, storage_unavailable.
   */
  movedBefore(target: Target, login: string, clientId: string): Promise<string | undefined>;
  /**
   * Moves whoever is to be moved at this login. `href`: they go on there and are not logged in here. `writes`: what is
   * still to be stored. Takes no longer than its deadline. Throws storage_unavailable.
   */
  afterProof(login: ProvedLogin): Promise<{ readonly href?: string; readonly writes: readonly Part[] }>;
}

export interface OnwardDeps {
  readonly db: Db;
  readonly directory: Directory;
  readonly targets: Targets;
  readonly mover: Mover;
  readonly links: TargetLinks;
  readonly clients: readonly ClientSettings[];
  readonly routing: Routing;
  /** The target of the rollout plan that this client is an app of. */
  readonly plannedFor: (clientId: string) => string | undefined;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** A move that failed for a reason of ours; it goes on by itself. */
  readonly onError?: (error: unknown) => void;
}

/** How long a login waits for the target; afterwards it goes on without. */
const AT_LOGIN_MS = 2_500;
/** Longer where the target is where the person wants to go: waiting is better than a second login there. */
const LEADING_MS = 5_000;

export function openOnward(deps: OnwardDeps): Onward {
  const { targets, links, db, directory } = deps;
  const leads = new Map(deps.clients.map(({ clientId, leadsTo }) => [clientId, leadsTo]));
  const leadsTo = (clientId: string) =>
    targets.byClient(clientId)
      ? undefined
      : targets.byName(leads.get(clientId) ?? deps.plannedFor(clientId) ?? '');
  return {
    leadsTo,
    movedBefore: async (target, login, clientId) => {
      const user = await findUser(directory, login);
      const row = await find(db, target.name, user?.sub ?? '');
      if (user?.state !== 'active' || !row || !hasReached(row.state, 'migrated')) return undefined;
      if (await deps.routing.stays(target.name, user, clientId)) return undefined;
      return links.hrefFor(target, user, { targetUserId: row.targetUserId, typed: login });
    },
    afterProof: async (login) => {
      const lead = leadsTo(login.clientId);
      const target = lead ?? pushedTo(targets.byClient(login.clientId));
      if (!target || !targets.connection(target.name)) return { writes: login.writes };
      const app = lead ? login.clientId : undefined;
      if (await deps.routing.stays(target.name, login.user, app)) return { writes: login.writes };
      const result = await moveNow(deps, login, { target, road: lead ? 'ensure' : 'login' });
      const hasMoved = lead && result?.kind === 'moved' && result.state !== 'created';
      return hasMoved ? { href: await links.hrefFor(lead, login.user, result), writes: [] } : { writes: [] };
    },
  };
}

const pushedTo = (target: Target | undefined) => (target?.move.push === 'at-login' ? target : undefined);

/** Whoever cannot be told apart, or mapped, has not moved: the password will say the rest. */
async function findUser(directory: Directory, login: string): Promise<User | undefined> {
  const entry = await directory.findByLogin(login).catch((error: unknown) => {
    if (isFootbridgeError(error, 'user_ambiguous') || isFootbridgeError(error, 'mapping_failed'))
      return undefined;
    throw error;
  });
  return entry?.user;
}

/** The proof, what it carries and the wish to move are one commit; only then is the target asked. */
async function moveNow(
  { db, directory, mover, pseudonym, onError }: OnwardDeps,
  { user: { sub }, amr, writes }: ProvedLogin,
  { target, road }: { readonly target: Target; readonly road: Road },
): Promise<MoveResult | undefined> {
  const request: MoveRequest = { target: target.name, sub, road, actor: 'user' };
  const legacyId = directory.legacyIdOf(sub) ?? sub;
  const proof = proveParts({ target: target.name, sub, legacyId, amr, subject: pseudonym(sub) });
  await db.runParts([...writes, ...proof, ...mover.requestParts(request)], 'select 1');
  const signal = AbortSignal.timeout(road === 'ensure' ? LEADING_MS : AT_LOGIN_MS);
  const given = new Promise<undefined>((resolve) =>
    signal.addEventListener('abort', () => resolve(undefined)),
  );
  const move = mover.move(request, { signal }).catch((error: unknown) => {
    if (!signal.aborted) onError?.(error);
    return undefined;
  });
  return Promise.race([move, given]);
}
