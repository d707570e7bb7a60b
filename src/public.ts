/** The public listener: the provider with its login pages, and the routes of the other rooms. */
import { nowSeconds } from './clock.ts';
import type { Counting } from './counting.ts';
import type { Ground } from './ground.ts';
import { carrying, openLogins, unusable } from './logins.ts';
import { claimRoutes } from './migration/claim-tokens/claim-routes.ts';
import { dropInsRoutes } from './migration/drop-ins/drop-ins-routes.ts';
import { ensureRoutes } from './migration/ensure-routes.ts';
import { hooksRoutes } from './migration/hooks/hooks-routes.ts';
import { migrationRoutes } from './migration/migration-routes.ts';
import type { Retired } from './migration/retiring/following.ts';
import { followRetirements } from './migration/retiring/following.ts';
import { routingRoutes } from './migration/routing-routes.ts';
import type { Metrics } from './observability/metrics.ts';
import type { Requests, Served } from './observability/requests.ts';
import { placeIn } from './observability/requests.ts';
import { countTurns } from './observability/sync-metrics.ts';
import type { Offers } from './provider/asking-apps.ts';
import type { Front } from './provider/front.ts';
import { openFront } from './provider/front.ts';
import { loadKeys } from './provider/keys.ts';
import type { Page, Pages } from './provider/pages/index.ts';
import { openPages } from './provider/pages/index.ts';
import { openScopes } from './provider/request-scope.ts';
import { userUnlessOver } from './provider/retired.ts';
import { Throttle } from './provider/throttle.ts';
import { openSelfLinking } from './self-linking.ts';
import { peekOffer, takeOffer } from './sessions/hand-overs.ts';
import { sessionsRoutes } from './sessions/sessions-routes.ts';
import { openSideBySide } from './side-by-side.ts';
import type { Watch } from './store/watch.ts';
import { organizationsRoutes } from './sync/organizations/organizations-routes.ts';
import { webhooksRoutes } from './sync/webhooks-routes.ts';
import { openTwoWay } from './two-way.ts';
import { twoWayRoutes } from './two-way-routes.ts';
import {
  checkRegularly,
  followBatches,
  followKeys,
  followPlans,
  linkRegularly,
  resumeRegularly,
  sweepRegularly,
} from './upkeep.ts';

export interface PublicParts extends Ground {
  readonly metrics: Metrics;
  readonly counting: Counting;
  readonly watch: Watch;
  readonly closers: (() => Promise<void> | void)[];
  readonly requests: Pick<Requests, 'reference'>;
  readonly onServed: (served: Served) => void;
}

export interface Public {
  readonly front: Front;
  readonly retired: Pick<Retired, 'isAllOver'>;
}

/** Opens the public listener's handler, with the work that goes on behind it. */
export async function openPublic(parts: PublicParts): Promise<Public> {
  const {
    settings,
    db,
    keyring,
    audit,
    directory,
    targets,
    passwords,
    metrics,
    counting,
    watch,
    log,
    closers,
  } = parts;
  const { provider } = settings;
  const scopes = openScopes();
  const beside = openSideBySide({ ...parts, scopes });
  const { legacySessions, targetSessions, backchannel } = beside;
  const carryingDeps = carrying(parts);
  const twoWay = openTwoWay({ ...parts, carrying: carryingDeps, onTurns: countTurns(metrics) });
  const selfLinking = openSelfLinking(parts, twoWay.isOn ? twoWay.events : undefined);
  const throttle = new Throttle(db, keyring, provider.login);
  const throughTarget = twoWay.isOn ? twoWay.passwords.throughTarget : undefined;
  const logins = openLogins(parts, {
    throttle,
    onSession: targetSessions.heard,
    carrying: twoWay.isOn ? { ...carryingDeps, synced: twoWay.passwords.captures } : carryingDeps,
    throughTarget,
  });
  const { carry, provePassword, links, atLogin, onward } = logins;
  const jwtIdpTarget = provider.jwtIdp && targets.byName(provider.jwtIdp.target);
  parts.courier.kick = beside.courier.kick;
  closers.push(() => legacySessions.close());
  closers.push(() => beside.courier.close());
  const onError = (error: unknown, where: string) =>
    log.error({ error, where: placeIn(where) }, 'a request failed');
  const { requests } = parts;
  const offers: Offers = { peek: (token) => peekOffer(db, token), take: (what) => takeOffer(db, what) };
  const retired = await followRetirements({
    db,
    targets: settings.targets.map(({ name }) => name),
    onError: (error) => log.debug({ error }, 'whose old login is over could not be read'),
  });
  closers.push(() => retired.close());
  const options: Parameters<typeof openFront>[0] = {
    settings: provider,
    keyring,
    scopes,
    db,
    directory,
    passwords,
    throttle,
    pages: referring(openPages(settings.pages), requests),
    backchannel,
    failureFloorMs: provider.login.failureFloorMs,
    userBySub: userUnlessOver(directory.userBySub, retired),
    retired: { retired, targets: targets.all, targetOf: logins.targetOf, links },
    ledgerStatePart: logins.ledgerStatePart,
    ticket: logins.ticket,
    loginParts: logins.loginParts,
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
    onProof: (result, clientId) => {
      if (result !== 'outage') metrics.logins.inc({ result });
      counting.proof(result, { clientId, target: logins.targetOf(clientId)?.name });
    },
    onRequest: ({ route, status, seconds }) => {
      metrics.requests.observe({ route, status: String(status) }, seconds);
      parts.onServed({ route, status, seconds });
    },
    routers: ({ resolveToken }) => [
      migrationRoutes({
        db,
        keyring,
        directory,
        passwords,
        targets,
        isOver: retired.isOver,
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
        isOver: retired.isOver,
        targets,
        mover: parts.mover,
        routing: parts.routing,
        provePassword,
        links,
        resolveToken,
        nowSeconds,
        onError,
        pseudonym: audit.pseudonym,
        ensuring: (id) =>
          provider.clients.find(({ clientId, mayEnsure }) => clientId === id && mayEnsure.length > 0),
      }),
      routingRoutes({
        directory,
        targets,
        routing: parts.routing,
        links,
        resolveToken,
        onError,
        mayAsk: (id) => provider.clients.find(({ clientId }) => clientId === id)?.mayEnsure ?? [],
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
        routing: parts.routing,
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
      webhooksRoutes({
        db,
        targets,
        onError,
        seal: twoWay.events.seal,
        onEvent: (event) => metrics.webhookEvents.inc(event),
      }),
      ...twoWayRoutes(parts, { twoWay, provePassword, resolveToken, onError }),
      organizationsRoutes({ db, targets, isOver: retired.isOver, resolveToken, nowSeconds, onError }),
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
  closers.push(followPlans(parts));
  closers.push(checkRegularly(parts, beside));
  closers.push(linkRegularly(parts, selfLinking));
  closers.push(linkRegularly(parts, twoWay));
  twoWay.follow();
  return { front, retired };
}

/** Whoever shows support a page that says that something went wrong is found in the log by its reference. */
const referring = (pages: Pages, { reference }: PublicParts['requests']): Pages => ({
  ...pages,
  render: (page, view) => {
    const found = page.page === 'error' ? reference() : undefined;
    return pages.render(found === undefined ? page : ({ ...page, reference: found } as Page), view);
  },
});
