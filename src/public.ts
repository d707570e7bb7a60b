/** The public listener: the provider with its login pages, and the routes of the other rooms. */
import { createHash } from 'node:crypto';
import { nowSeconds } from './clock.ts';
import type { Ground } from './ground.ts';
import type { CarryingDeps } from './migration/carrying.ts';
import { carryFor } from './migration/carrying.ts';
import { claimRoutes } from './migration/claim-tokens/claim-routes.ts';
import { dropInsRoutes } from './migration/drop-ins/drop-ins-routes.ts';
import { ensureRoutes } from './migration/ensure-routes.ts';
import type { AtLoginDeps } from './migration/hooks/at-login.ts';
import { openAtLogin } from './migration/hooks/at-login.ts';
import { hooksRoutes } from './migration/hooks/hooks-routes.ts';
import { proveParts, statePart } from './migration/ledger.ts';
import { migrationRoutes } from './migration/migration-routes.ts';
import { openTargetLinks } from './migration/target-link.ts';
import { issueTicket } from './migration/tickets.ts';
import type { Metrics } from './observability/metrics.ts';
import { countTurns } from './observability/sync-metrics.ts';
import type { Offers } from './provider/asking-apps.ts';
import { targetOfClients } from './provider/clients.ts';
import type { Front } from './provider/front.ts';
import { openFront } from './provider/front.ts';
import { loadKeys } from './provider/keys.ts';
import type { PasswordDeps } from './provider/login-limits.ts';
import { openOnward } from './provider/onward.ts';
import { openPages } from './provider/pages/index.ts';
import { passwordProof } from './provider/password-proof.ts';
import { openScopes } from './provider/request-scope.ts';
import { Throttle } from './provider/throttle.ts';
import { openSelfLinking } from './self-linking.ts';
import { peekOffer, takeOffer } from './sessions/hand-overs.ts';
import { sessionsRoutes } from './sessions/sessions-routes.ts';
import { openSideBySide } from './side-by-side.ts';
import type { Watch } from './store/watch.ts';
import { organizationsRoutes } from './sync/organizations/organizations-routes.ts';
import { webhooksRoutes } from './sync/webhooks-routes.ts';
import { idpIdOf } from './targets/resources.ts';
import { openTwoWay } from './two-way.ts';
import { twoWayRoutes } from './two-way-routes.ts';
import {
  checkRegularly,
  followBatches,
  followKeys,
  linkRegularly,
  resumeRegularly,
  sweepRegularly,
} from './upkeep.ts';

export interface PublicParts extends Ground {
  readonly metrics: Metrics;
  readonly watch: Watch;
  readonly closers: (() => Promise<void> | void)[];
}

/** What everything that proves passwords and moves people shares. */
function openMoving(
  parts: PublicParts,
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
  const { settings, db, keyring, audit, directory, targets, passwords, mover, metrics, log } = parts;
  const { issuer, login } = settings.provider;
  const targetOf = targetOfClients(settings.provider, targets);
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
    pseudonym,
    onError: (error) => log.warn({ error }, 'somebody could not be moved at the login; it goes on by itself'),
  });
  return { targetOf, carry, provePassword, links, atLogin, onward };
}

const unusable =
  ({ log }: PublicParts) =>
  (error: unknown) =>
    log.warn({ error }, 'a legacy record lets nobody in');

function carrying({ passwords, keyring, metrics, log }: PublicParts): CarryingDeps {
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

/** Opens the public listener's handler, with the work that goes on behind it. */
export async function openPublic(parts: PublicParts): Promise<Front> {
  const { settings, db, keyring, audit, directory, targets, passwords, metrics, watch, log, closers } = parts;
  const { provider } = settings;
  const scopes = openScopes();
  const beside = openSideBySide({ ...parts, scopes });
  const { legacySessions, targetSessions, backchannel } = beside;
  const carryingDeps = carrying(parts);
  const twoWay = openTwoWay({ ...parts, carrying: carryingDeps, onTurns: countTurns(metrics) });
  const selfLinking = openSelfLinking(parts, twoWay.isOn ? twoWay.events : undefined);
  const throttle = new Throttle(db, keyring, provider.login);
  const throughTarget = twoWay.isOn ? twoWay.passwords.throughTarget : undefined;
  const { targetOf, carry, provePassword, links, atLogin, onward } = openMoving(parts, {
    throttle,
    onSession: targetSessions.heard,
    carrying: twoWay.isOn ? { ...carryingDeps, synced: twoWay.passwords.captures } : carryingDeps,
    throughTarget,
  });
  const jwtIdpTarget = provider.jwtIdp && targets.byName(provider.jwtIdp.target);
  parts.courier.kick = beside.courier.kick;
  closers.push(() => legacySessions.close());
  closers.push(() => beside.courier.close());
  const onError = (error: unknown, where: string) => log.error({ error, where }, 'a request failed');
  const offers: Offers = { peek: (token) => peekOffer(db, token), take: (what) => takeOffer(db, what) };
  const options: Parameters<typeof openFront>[0] = {
    settings: provider,
    keyring,
    scopes,
    db,
    directory,
    passwords,
    throttle,
    pages: openPages(settings.pages),
    backchannel,
    failureFloorMs: provider.login.failureFloorMs,
    userBySub: directory.userBySub,
    ledgerStatePart: (sub, clientId) => {
      const target = targetOf(clientId);
      return target && statePart(target.name, sub);
    },
    ticket: ({ sub, clientId, startedAt, sessionUid }) => {
      const target = targets.byClient(clientId);
      if (!target || startedAt + target.ticketSeconds < Date.now() / 1000) return undefined;
      const loginId = createHash('sha256').update(sessionUid).digest('base64url').slice(0, 22);
      return issueTicket(keyring, { sub, clientId, authTime: startedAt, loginId });
    },
    loginParts: ({ user: sub, clientId, amr }) => {
      const target = targetOf(clientId);
      if (!target) return [];
      const legacyId = directory.legacyIdOf(sub) ?? sub;
      return proveParts({ target: target.name, sub, legacyId, amr, subject: audit.pseudonym(sub) });
    },
    targetLink: links.linkFor,
    onward,
    ...(jwtIdpTarget ? { jwtIdpTarget } : {}),
    ...(selfLinking.claiming ? { claiming: selfLinking.claiming } : {}),
    organizationsOf: selfLinking.organizationsOf,
    carry,
    ...(throughTarget ? { throughTarget } : {}),
    ...(settings.legacySessions.length > 0 ? { legacySessions, offers } : {}),
    endings: parts.endings,
    watch: beside.loginWatch,
    storageUp: () => watch.up,
    onError,
    onUnusableRecord: unusable(parts),
    onProof: (result) => metrics.logins.inc({ result }),
    onRequest: ({ route, status, seconds }) =>
      metrics.requests.observe({ route, status: String(status) }, seconds),
    routers: ({ resolveToken }) => [
      migrationRoutes({
        db,
        keyring,
        directory,
        passwords,
        targets,
        resolveToken,
        nowSeconds,
        onError,
        issuer: provider.issuer,
        pseudonym: audit.pseudonym,
        onRetrieval: ({ target, outcome, password }) => {
          metrics.secretsReleased.inc({ result: outcome });
          if (password) metrics.passwordsReleased.inc({ target, password });
        },
      }),
      ensureRoutes({
        db,
        directory,
        targets,
        mover: parts.mover,
        provePassword,
        links,
        resolveToken,
        nowSeconds,
        onError,
        pseudonym: audit.pseudonym,
        ensuring: (id) =>
          provider.clients.find(({ clientId, mayEnsure }) => clientId === id && mayEnsure.length > 0),
      }),
      claimRoutes({
        db,
        directory,
        claimTokens: settings.claimTokens,
        issuer: provider.issuer,
        pseudonym: audit.pseudonym,
        enforcement: selfLinking.enforcement,
        resolveToken,
        onError,
        mayIssue: (id) => provider.clients.find(({ clientId }) => clientId === id)?.mayIssueClaimTokens ?? [],
      }),
      dropInsRoutes({
        db,
        keyring,
        directory,
        targets,
        mover: parts.mover,
        provePassword,
        pseudonym: audit.pseudonym,
        failureFloorMs: provider.login.failureFloorMs,
        dropIns: settings.dropIns,
        onUnusableRecord: unusable(parts),
        onError,
        onCall: (call) => metrics.dropInCalls.inc(call),
      }),
      hooksRoutes({
        db,
        keyring,
        targets,
        atLogin,
        nowSeconds,
        onError,
        onUserEvent: twoWay.onUserEvent,
        onCall: (call) => metrics.hookCalls.inc(call),
      }),
      webhooksRoutes({ db, targets, onError, seal: twoWay.events.seal }),
      ...twoWayRoutes(parts, { twoWay, provePassword, resolveToken, onError }),
      organizationsRoutes({ db, targets, resolveToken, nowSeconds, onError }),
      sessionsRoutes({
        apps: settings.legacySessions,
        clients: provider.clients,
        issuer: provider.issuer,
        db,
        keyring,
        directory,
        stores: parts.stores,
        endings: parts.endings,
        nowSeconds,
        onError,
        onUsed: beside.onUsed,
        onRedeemed: beside.onRedeemed,
      }),
    ],
  };
  const keys = await loadKeys(db, keyring);
  const front = openFront(options, keys);
  closers.push(followKeys(parts, front, keys.fingerprint));
  closers.push(sweepRegularly(parts, throttle));
  closers.push(resumeRegularly(parts));
  closers.push(followBatches(parts.batchEngine));
  closers.push(checkRegularly(parts, beside));
  closers.push(linkRegularly(parts, selfLinking));
  closers.push(linkRegularly(parts, twoWay));
  twoWay.follow();
  return front;
}
