/** What a login proves, writes and leads to, whichever face it happened at. */
import { createHash } from 'node:crypto';
import type { Counting } from './counting.ts';
import type { Ground } from './ground.ts';
import type { CarryingDeps } from './migration/carrying.ts';
import { carryFor } from './migration/carrying.ts';
import type { AtLoginDeps } from './migration/hooks/at-login.ts';
import { openAtLogin } from './migration/hooks/at-login.ts';
import { proveParts, statePart } from './migration/ledger.ts';
import { openTargetLinks } from './migration/target-link.ts';
import { issueTicket } from './migration/tickets.ts';
import type { Metrics } from './observability/metrics.ts';
import { targetOfClients } from './provider/clients.ts';
import type { FrontOptions } from './provider/front.ts';
import type { PasswordDeps } from './provider/login-limits.ts';
import { openOnward } from './provider/onward.ts';
import { JWT_IDP_CLIENT } from './provider/own-clients.ts';
import { passwordProof } from './provider/password-proof.ts';
import type { Throttle } from './provider/throttle.ts';
import type { Decided } from './rollout/rollout.ts';
import { idpIdOf } from './targets/resources.ts';
import type { Target } from './targets/target.ts';

/** What logins need of what is opened already. */
export interface LoginsParts extends Ground {
  readonly counting: Counting;
  readonly metrics: Metrics;
}

/** What everything that proves passwords and moves people shares. */
export function openLogins(
  parts: LoginsParts,
  {
    throttle,
    onSession,
    carrying,
    throughTarget,
  }: {
    readonly throttle: Throttle;
    readonly carrying: CarryingDeps;
    readonly throughTarget: PasswordDeps['throughTarget'];
  } & Pick<AtLoginDeps, 'onSession'>,
) {
  const { settings, db, keyring, audit, directory, targets, passwords, mover, routing, metrics, log } = parts;
  const { issuer, login } = settings.provider;
  const plannedFor = parts.rollout.targetOfApp;
  const targetOf = targetOfClients(settings.provider, targets, plannedFor);
  const carry = carryFor(carrying, { byClient: targetOf });
  const { failureFloorMs } = login;
  const provePassword = passwordProof({
    db,
    directory,
    passwords,
    throttle,
    failureFloorMs,
    carry,
    ...(throughTarget ? { throughTarget } : {}),
    onUnusableRecord: unusable(parts),
  });
  const links = openTargetLinks({ db, targets, issuer });
  const { pseudonym } = audit;
  const atLogin = openAtLogin({
    db,
    keyring,
    directory,
    passwords,
    targets,
    mover,
    provePassword,
    issuer,
    routing,
    pseudonym,
    ourIdp: (target) => idpIdOf(db, target),
    ourUserId: async ({ name }) => targets.connection(name)?.ownUserId?.(),
    ...(onSession ? { onSession } : {}),
    onLookup: ({ target, found }) => metrics.lookups.inc({ target, found: String(found) }),
    onError: (error) => log.warn({ error }, 'a hook could not do all it was called for'),
  });
  const onward = openOnward({
    db,
    directory,
    targets,
    mover,
    links,
    clients: settings.provider.clients,
    routing,
    plannedFor,
    pseudonym,
    onError: (error) => log.warn({ error }, 'somebody could not be moved at the login; it goes on by itself'),
  });
  const written = loginWrites(parts, targetOf);
  return { ...written, targetOf, carry, provePassword, links, atLogin, onward };
}

export const unusable =
  ({ log }: LoginsParts) =>
  (error: unknown) =>
    log.warn({ error }, 'a legacy record lets nobody in');

export function carrying({ passwords, keyring, metrics, log }: LoginsParts): CarryingDeps {
  return {
    passwords,
    keyring,
    onProof: ({ target, format, write }, result) => {
      metrics.rewrites.inc({ format, write, result });
      if (result === 'failed')
        log.error({ target, format, write }, 'a rewritten hash does not open: its format is blocked');
    },
    onCapture: ({ target, reason }) => metrics.captures.inc({ target, reason }),
    onError: (error) => log.warn({ error }, 'a password could not be carried over'),
  };
}

/** What a login writes, and what it carries to the target that it is for. */
function loginWrites(
  { targets, keyring, directory, audit, rollout, routing, counting }: LoginsParts,
  targetOf: (clientId: string) => Target | undefined,
): Pick<FrontOptions, 'ticket' | 'loginParts' | 'ledgerStatePart'> {
  /** Without a plan nobody is read. Of whom the legacy store has not any more nothing goes to a target that has one. */
  const where = async (
    target: Target,
    sub: string,
    clientId: string,
  ): Promise<Pick<Decided, 'decision' | 'phase'> | undefined> => {
    if (!(await rollout.isPlanned(target.name))) return undefined;
    const user = await directory.userBySub(sub);
    if (!user) return { decision: 'stay' };
    // The target's own ways in are no app of a plan: any phase of theirs will do.
    const isTargets = targets.byClient(clientId) !== undefined || clientId === JWT_IDP_CLIENT;
    return routing.where(target.name, user, isTargets ? undefined : clientId);
  };
  return {
    ledgerStatePart: (sub, clientId) => {
      const target = targetOf(clientId);
      return target && statePart(target.name, sub);
    },
    ticket: async ({ sub, clientId, startedAt, sessionUid }) => {
      const target = targets.byClient(clientId);
      if (!target || startedAt + target.ticketSeconds < Date.now() / 1000) return undefined;
      if ((await where(target, sub, clientId))?.decision === 'stay') return undefined;
      const loginId = createHash('sha256').update(sessionUid).digest('base64url').slice(0, 22);
      return issueTicket(keyring, { sub, clientId, authTime: startedAt, loginId });
    },
    loginParts: async ({ user: sub, clientId, amr, by }) => {
      const target = targetOf(clientId);
      const decided = target && (await where(target, sub, clientId));
      if (by !== 'session') {
        const path = by === 'recognised' ? by : targets.byClient(clientId) ? 'brokered' : 'facade';
        counting.login({ target: target?.name, app: clientId, phase: decided?.phase, path, outcome: 'ok' });
      }
      if (!target || decided?.decision === 'stay') return [];
      const legacyId = directory.legacyIdOf(sub) ?? sub;
      return proveParts({ target: target.name, sub, legacyId, amr, subject: audit.pseudonym(sub) });
    },
  };
}
