/** Puts the sessions side by side: the provider's, the legacy apps' and the targets', and the courier between them. */
import { nowSeconds } from './clock.ts';
import type { Ground } from './ground.ts';
import type { Metrics } from './observability/metrics.ts';
import { openLoginWatch } from './provider/login-watch.ts';
import { BackchannelLogout } from './provider/logout.ts';
import { listSessions, opSessionLatelyAt } from './provider/records.ts';
import type { Scopes } from './provider/request-scope.ts';
import { touchSession } from './provider/session-touch.ts';
import { openCourier } from './sessions/ending/courier.ts';
import type { Delivery } from './sessions/ending/delivery.ts';
import { personEndedAt } from './sessions/ending/endings.ts';
import type { LegacySessionDeps } from './sessions/legacy-sessions.ts';
import { openLegacySessions } from './sessions/legacy-sessions.ts';
import { openPeopleWatch } from './sessions/people-watch.ts';
import { noteRedeemed } from './sessions/registry.ts';
import { openTargetSessions } from './sessions/targets/open.ts';
import type { Redeemed } from './sessions/told-by-apps.ts';
import type { LegacyEntry } from './user.ts';

export interface SideBySideParts extends Ground {
  readonly metrics: Metrics;
  readonly scopes: Scopes;
}

/** Sessions of one person that are looked at to find where one at a target came from. */
const MANY = 100;

export function openSideBySide(parts: SideBySideParts) {
  const { settings, db, keyring, directory, targets, metrics, log, endings, scopes } = parts;
  const { provider, sessions } = settings;
  const onUsed: LegacySessionDeps['onUsed'] = (used) => touchSession(db, provider.lifetimes, used);
  const watch = openPeopleWatch({
    db,
    keyring,
    directory,
    endings,
    watchSeconds: sessions.watchSeconds,
    watchPerSecond: sessions.watchPerSecond,
    watchPasswords: sessions.watchPasswords,
    readAs: JSON.stringify(settings.legacy),
    onError: (error) => log.debug({ error }, 'somebody could not be looked up'),
  });
  const { sessionSeconds, rememberedSeconds } = provider.lifetimes;
  const longestSeconds = Math.max(sessionSeconds, rememberedSeconds);
  const loginWatch = openLoginWatch(watch, longestSeconds);
  const watchParts = (entry: LegacyEntry) => {
    const mark = loginWatch.markOf(entry);
    return mark === undefined ? [] : [loginWatch.part(entry.user.sub, mark)];
  };
  const legacySessions = openLegacySessions(settings.legacySessions, {
    db,
    keyring,
    directory,
    stores: parts.stores,
    watchParts,
    personEndedAt: (sub) => personEndedAt(db, sub),
    nowSeconds,
    checkSeconds: sessions.checkSeconds,
    onUsed,
    onEnded: async ({ app, ids }) => {
      const selection = { by: 'legacy', app, ids } as const;
      const initiator = { kind: 'legacy', name: app } as const;
      await endings.end({ selection, cause: 'legacy', actor: `legacy:${app}`, initiator });
    },
    onOutcome: ({ app, outcome }) => {
      metrics.legacySessions.inc({ app, outcome });
      if (outcome !== 'created') log.warn({ app, outcome }, 'no session was made at a legacy app');
    },
    onRecognition: (recognition) => metrics.recognitions.inc(recognition),
  });
  const targetSessions = openTargetSessions({
    db,
    targets,
    endings,
    opSessionOf: (question) => opSessionLatelyAt(db, question),
    opSessionsOf: async ({ sub, clientIds }) =>
      (await listSessions(db, { sub }, MANY))
        .filter(({ clients }) => clients.some((client) => clientIds.includes(client)))
        .map(({ uid }) => uid),
    onError: (error, target) => log.warn({ error, target }, 'a target could not be asked about its sessions'),
  });
  const backchannel = new BackchannelLogout({
    scopes,
    endings,
    db,
    keyring,
    issuer: provider.issuer,
    nameOf: names(parts),
  });
  const courier = openCourier({
    db,
    senders: { client: backchannel.send, legacy: legacySessions.end, target: targetSessions.end },
    onResult: ({ kind, name, result, code }) => {
      metrics.logoutDeliveries.inc({ kind, result });
      if (result === 'done') return;
      const what =
        result === 'dead' ? 'somebody will not be told of a logout' : 'somebody is told of a logout later';
      log.warn({ kind, name, errorCode: code }, what);
    },
    onError: (error) => log.warn({ error }, 'logouts could not be delivered'),
  });
  const onRedeemed = (redeemed: Redeemed) => noteRedeemed({ db, keyring }, redeemed);
  return { legacySessions, targetSessions, backchannel, courier, watch, loginWatch, onUsed, onRedeemed };
}

/** As people know them. */
function names({ settings, targets }: Ground) {
  const clients = new Map(settings.provider.clients.map(({ clientId, name }) => [clientId, name]));
  const apps = new Map(settings.legacySessions.map(({ name, displayName }) => [name, displayName]));
  return ({ kind, name }: Pick<Delivery, 'kind' | 'name'>): string => {
    if (kind === 'client') return clients.get(name) ?? name;
    return (kind === 'legacy' ? apps.get(name) : targets.byName(name)?.displayName) ?? name;
  };
}
