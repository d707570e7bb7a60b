/** A session of ours is used: its legacy sessions live on, and those that could not be made are made now. */
import type { BrowserRequest, LegacyLogin } from './legacy-app.ts';
import type { LegacySessionDeps, Visit, VisitedSession } from './legacy-sessions.ts';
import { makeAt } from './making.ts';
import type { OpenedApp } from './opened-app.ts';
import { isConcerned } from './opened-app.ts';
import type { ClaimedRow } from './registry.ts';
import {
  claimForVisit,
  madePart,
  noteFailedAgain,
  noteOver,
  notePart,
  noteRenewed,
  openHandle,
} from './registry.ts';
import { isSomebodyElse, standingOf } from './standing.ts';

/** People wait for it on every way through us; whoever asks at most so often need not be quicker. */
const VISIT_MS = 400;
/** `check`: of the rounds, too. `renew`: sliding lifetimes are counted in minutes. */
const OLDER_THAN_SECONDS = { check: 30, renew: 60, create: 10 };
/** The first was at the login. */
const MAX_ATTEMPTS = 5;

type Due = { readonly opened: OpenedApp; readonly row: ClaimedRow };

/** Never throws: nothing of it is worth a login. */
export async function visitApps(
  apps: readonly OpenedApp[],
  deps: LegacySessionDeps,
  visit: VisitedSession,
): Promise<Visit> {
  const due = apps.length === 0 ? [] : await dueOf(apps, deps, visit).catch(() => []);
  const standings = await Promise.all(
    due.map((one) => follow(one, deps, visit).catch(() => 'unknown' as const)),
  );
  const ofFirst = (standing: Awaited<ReturnType<typeof follow>>) => due[standings.indexOf(standing)];
  // What is about to end is not prolonged.
  const [replaced, left] = [ofFirst('replaced'), ofFirst('left')];
  if (replaced) return { setCookies: [], endedAt: replaced.opened.name, isReplaced: true };
  if (left) return { setCookies: [], endedAt: left.opened.name };
  const good = due.filter((_one, index) => standings[index] === 'live');
  const cookies = await Promise.all(good.map((one) => serve(one, deps, visit).catch(() => [])));
  return { setCookies: cookies.flat() };
}

/** In the order of the settings. */
async function dueOf(
  apps: readonly OpenedApp[],
  { db }: LegacySessionDeps,
  { opSession, clientId }: VisitedSession,
): Promise<Due[]> {
  const named = (able: (opened: OpenedApp) => unknown) => apps.filter(able).map(({ name }) => name);
  const rows = await claimForVisit(db, {
    opSession,
    apps: {
      check: named(({ app }) => app.check ?? app.recognise),
      renew: named(({ app }) => app.renew),
      // A hand-over needs the browser, which is on its way elsewhere.
      create: named(
        (opened) =>
          opened.app.create && opened.settings.kind !== 'hand-over' && isConcerned(opened, clientId),
      ),
    },
    olderThanSeconds: OLDER_THAN_SECONDS,
    maxAttempts: MAX_ATTEMPTS,
  });
  return apps.flatMap((opened) =>
    rows.filter(({ app }) => app === opened.name).map((row) => ({ opened, row })),
  );
}

/** `live`: goes on to be served. */
async function follow(
  { opened, row }: Due,
  deps: LegacySessionDeps,
  { request }: VisitedSession,
): Promise<'live' | 'left' | 'over' | 'unknown' | 'replaced'> {
  if (row.due === 'create' || row.due === 'renew') return 'live';
  if (request && (await isReplaced({ opened, row }, deps, request).catch(() => false))) return 'replaced';
  if (!opened.app.check) return 'live';
  const { is } = await standingOf(opened, deps, { row, gate: opened.gates.visit, timeoutMs: VISIT_MS });
  if (is === 'left') await noteOver(deps.db, [row.id], 'to-end');
  return is;
}

/** Whether the app knows somebody else in this browser now: two people use it, and one of them has not logged out. */
async function isReplaced(
  { opened: { app, gates, settings }, row }: Due,
  deps: LegacySessionDeps,
  request: BrowserRequest,
): Promise<boolean> {
  const { recognise } = app;
  if (!recognise || !(app.mayKnow?.(request) ?? true)) return false;
  const ask = (signal: AbortSignal) => recognise(request, { signal });
  const found = await gates.visit.run(ask, { timeoutMs: VISIT_MS });
  return found !== undefined && isSomebodyElse(deps, settings, { found, row });
}

async function serve(
  { opened, row }: Due,
  deps: LegacySessionDeps,
  visit: VisitedSession,
): Promise<readonly string[]> {
  if (row.due === 'create') return makeAgain({ opened, row }, deps, visit);
  if (row.due === 'check') return [];
  const handle = openHandle(deps.keyring, opened.name, row.handle ?? '');
  if (handle === undefined) return [];
  const until = Math.min(visit.idleUntil, visit.expiresAt);
  const renew = (signal: AbortSignal) => opened.app.renew!(handle, until, { signal, login: loginOf(visit) });
  const { setCookies = [] } = await opened.gates.visit.run(renew, { timeoutMs: VISIT_MS });
  await noteRenewed(deps.db, row.id, until);
  return setCookies;
}

async function makeAgain(
  { opened, row }: Due,
  deps: LegacySessionDeps,
  visit: VisitedSession,
): Promise<readonly string[]> {
  const { created, failure, note } = await makeAt(opened, deps, loginOf(visit));
  if (failure) {
    await noteFailedAgain(deps.db, row.id, failure);
    return [];
  }
  const owner = { opSession: visit.opSession };
  await deps.db.runParts([madePart(row.id), notePart(deps.keyring, [note], owner)], 'select 1');
  return created.setCookies ?? [];
}

/** As if it was now; the browser is not sent anywhere. */
const loginOf = ({ user, clientId, authTime, amr, expiresAt, remember }: VisitedSession): LegacyLogin => ({
  sub: user.sub,
  user,
  clientId,
  authTime,
  amr,
  expiresAt,
  remember,
  returnTo: '',
});
