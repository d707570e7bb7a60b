/** Asking the apps who is signed in in this browser, and whom of them we believe. */
import { withinDeadline } from '../legacy/deadline.ts';
import type { BrowserRequest, FoundSession } from './legacy-app.ts';
import type { LegacySessionDeps, Recognised, RecognitionOutcome } from './legacy-sessions.ts';
import type { OpenedApp } from './opened-app.ts';
import { isConcerned } from './opened-app.ts';
import type { GoodSession, Judgement } from './recognition.ts';
import { judge } from './recognition.ts';
import { idsOf, legacySessionById, notePart } from './registry.ts';

/** For all apps, the legacy store and our own database together: people wait for it on their way to the login page. */
const RECOGNISE_MS = 1_500;

interface Good {
  readonly app: string;
  readonly session: GoodSession;
}

/**
 * Asks all apps concerned at once. The first of them in the order of the settings that knows somebody well enough wins; what
 * the others know of the same person becomes the same session's. Never throws.
 */
export async function recogniseAt(
  apps: readonly OpenedApp[],
  deps: LegacySessionDeps,
  { request, clientId }: { readonly request: BrowserRequest; readonly clientId: string },
): Promise<Recognised | undefined> {
  const concerned = apps.filter((opened) => opened.app.recognise && isConcerned(opened, clientId));
  const asked = await Promise.all(concerned.map((opened) => askOne(opened, deps, request)));
  return chosen(asked.flat(), deps);
}

/** The same judgement of what an app has said by way of the browser. Never throws. */
export async function acceptFrom(
  apps: readonly OpenedApp[],
  deps: LegacySessionDeps,
  { name, found }: { readonly name: string; readonly found: FoundSession },
): Promise<Recognised | undefined> {
  const opened = apps.find((other) => other.name === name);
  if (!opened) return undefined;
  const askedMs = performance.now();
  const work = () => judge(deps, opened.settings, found, askedMs);
  return chosen(counted(opened, deps, await orOutage(withinDeadline(work, RECOGNISE_MS))), deps);
}

async function askOne(
  opened: OpenedApp,
  deps: LegacySessionDeps,
  request: BrowserRequest,
): Promise<readonly Good[]> {
  const watched = watching(request);
  const ask = (signal: AbortSignal) => opened.app.recognise!(watched.request, { signal });
  const work = async (): Promise<Judgement> => {
    const limits = { timeoutMs: RECOGNISE_MS, wasAsked: watched.gaveAnything };
    const askedMs = performance.now();
    const found = await opened.gates.recognise.run(ask, limits);
    return found ? judge(deps, opened.settings, found, askedMs) : { outcome: 'nobody' };
  };
  const judgement = await orOutage(withinDeadline(work, RECOGNISE_MS));
  // Nobody came with anything that could be asked about: that is every visitor, and says nothing of the app.
  if (judgement.outcome === 'nobody' && !watched.gaveAnything()) return [];
  return counted(opened, deps, judgement);
}

const orOutage = (judged: Promise<Judgement>): Promise<Judgement> =>
  judged.catch((): Judgement => ({ outcome: 'outage' }));

function counted(
  { name }: OpenedApp,
  { onRecognition }: LegacySessionDeps,
  judgement: Judgement,
): readonly Good[] {
  const { outcome }: { readonly outcome: RecognitionOutcome } = judgement;
  onRecognition?.({ app: name, outcome });
  return judgement.outcome === 'recognised' ? [{ app: name, session: judgement.session }] : [];
}

function chosen(good: readonly Good[], { keyring, db }: LegacySessionDeps): Recognised | undefined {
  const [first] = good;
  if (!first) return undefined;
  const { user, authTime, amr, isTwoFactor, note, watch = [] } = first.session;
  const notes = good
    .filter(({ session }) => session.user.sub === user.sub)
    .map(({ session }) => session.note);
  return {
    app: first.app,
    user,
    authTime,
    amr,
    isTwoFactor,
    parts: (opSession) => [notePart(keyring, notes, { opSession }), ...watch],
    isStillSo: async () => {
      const ids = note.id ? [note.id] : idsOf(keyring, first.app, note.handle ?? '');
      return !(await legacySessionById(db, ids))?.endedAt;
    },
  };
}

/** Whether the app had anything to go by. */
function watching(request: BrowserRequest) {
  let any = false;
  const seen = (value: string | undefined) => {
    any ||= value !== undefined;
    return value;
  };
  return {
    request: {
      cookie: (name: string) => seen(request.cookie(name)),
      header: (name: string) => seen(request.header(name)),
    },
    gaveAnything: () => any,
  };
}
