/** At a login here, each app concerned gives the person a session of its own. */
import { FootbridgeError } from '../errors.ts';
import type { Created, CreateFailure, LegacyLogin } from './legacy-app.ts';
import type { CreatedLegacySessions, LegacySessionDeps } from './legacy-sessions.ts';
import type { OpenedApp } from './opened-app.ts';
import { isConcerned } from './opened-app.ts';
import type { NewLegacySession } from './registry.ts';
import { notePart } from './registry.ts';

const MAX_HANDLE_BYTES = 4_096;

/** All at once. Throws legacy_unavailable when a required one was not made. */
export async function createAll(
  apps: readonly OpenedApp[],
  deps: Pick<LegacySessionDeps, 'onOutcome' | 'keyring'>,
  login: LegacyLogin,
): Promise<CreatedLegacySessions> {
  const concerned = apps.filter((opened) => opened.app.create && isConcerned(opened, login.clientId));
  const made = await Promise.all(concerned.map((opened) => makeAt(opened, deps, login)));
  const missing = made.find(({ opened, failure }) => opened.settings.required && failure);
  if (missing)
    throw new FootbridgeError('legacy_unavailable', { detail: `no session at ${missing.opened.name}` });
  const redirectTo = made.map(({ created }) => created.redirectTo).find(Boolean);
  const notes = made.map(({ note }) => note);
  return {
    setCookies: made.flatMap(({ created }) => created.setCookies ?? []),
    ...(redirectTo ? { redirectTo } : {}),
    failures: made.flatMap(({ opened, failure }) => (failure ? [{ app: opened.name, failure }] : [])),
    parts: (owner) => (notes.length > 0 ? [notePart(deps.keyring, notes, { login: owner })] : []),
  };
}

export interface Made {
  readonly opened: OpenedApp;
  /** Empty if there is none. */
  readonly created: Exclude<Created, { readonly failure: CreateFailure }>;
  readonly failure?: CreateFailure;
  readonly note: NewLegacySession;
}

/** Never throws. */
export async function makeAt(
  opened: OpenedApp,
  { onOutcome }: Pick<LegacySessionDeps, 'onOutcome'>,
  login: LegacyLogin,
): Promise<Made> {
  const { name, app } = opened;
  const none: Created = { failure: 'unreachable' };
  // An app keeps its promise not to throw; one that did would cost a login.
  const created = (await app.create?.(login).catch(() => none)) ?? none;
  const failure = 'failure' in created ? created.failure : undefined;
  onOutcome?.({ app: name, outcome: failure ?? 'created' });
  const { sub, authTime, amr } = login;
  const said = 'failure' in created ? {} : created;
  const handle = plausibleHandle(said.handle);
  return {
    opened,
    created: said,
    ...(failure ? { failure } : {}),
    note: {
      app: name,
      sub,
      origin: 'created',
      authTime,
      amr,
      expiresAt: Math.min(said.expiresAt ?? login.expiresAt, login.expiresAt),
      ...(handle === undefined ? {} : { handle }),
      ...(failure ? { problem: failure } : {}),
    },
  };
}

/** One that is too long is none: the session is ended by naming the person then. */
const plausibleHandle = (handle: string | undefined) =>
  handle && Buffer.byteLength(handle) <= MAX_HANDLE_BYTES ? handle : undefined;
