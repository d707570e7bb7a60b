/** What follows from what legacy apps and clients tell us, once it is certain who says it. */
import { nowSeconds } from '../clock.ts';
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import { parseInput } from '../migration/json-routes.ts';
import type { SignedCallDeps } from '../migration/signed-calls.ts';
import { takeOnce } from '../migration/signed-calls.ts';
import type { Keyring } from '../store/encryption.ts';
import { endedRequest, offerRequest, redeemRequest, usedRequest } from './app-messages.ts';
import { handleOf } from './calls/session-reference.ts';
import { foundOf, personOf } from './calls/told-session.ts';
import type { EndingCause, Endings } from './ending/ending.ts';
import type { HandedOver } from './hand-overs.ts';
import { forgetOffers, redeemHandOver, storeOffer } from './hand-overs.ts';
import type { LegacyPerson } from './legacy-app.ts';
import type { LegacyAppSettings, LegacySessionSettings } from './legacy-session-settings.ts';
import type { LogoutToken } from './logout-token.ts';
import {
  idsOf,
  isLoginOver,
  legacySessionById,
  noteAllOver,
  noteChecked,
  noteEndedUnseen,
} from './registry.ts';
import type { StoreSubjects } from './store-subjects.ts';
import { prefixOf } from './store-subjects.ts';

export interface Redeemed {
  readonly app: string;
  readonly sub: string;
  readonly login: HandedOver;
  /** The app's own id of the session that it makes now: its handle. */
  readonly session: string;
  /** Seconds since the epoch, no later than the login allows. */
  readonly expiresAt?: number;
}

export interface ToldDeps extends SignedCallDeps {
  readonly apps: LegacySessionSettings;
  readonly keyring: Keyring;
  readonly issuer: string;
  readonly directory: Pick<Directory, 'findByLogin'>;
  /** The legacy stores, and what stands before a primary key in our `sub`. */
  readonly stores: readonly StoreSubjects[];
  readonly endings: Pick<Endings, 'end'>;
  /** Writes the app's session down. */
  readonly onRedeemed: (redeemed: Redeemed) => Promise<void>;
  /** A live session was used at its app: the provider's lives on with it. Seconds since the epoch. */
  readonly onUsed: (used: { readonly opSession: Buffer; readonly at: number }) => Promise<void>;
}

/** One call of an app, with what it says as it came. */
export interface AppCall {
  readonly app: LegacyAppSettings;
  readonly input: unknown;
}
export type TakeCall = (deps: ToldDeps, call: AppCall) => Promise<object>;

const secondsNow = (deps: ToldDeps) => (deps.nowSeconds ?? nowSeconds)();

/** Throws not_found for an unknown, used or expired token. */
export const redeem: TakeCall = async (deps, { app, input }) => {
  const { token, session, expiresAt } = parseInput(redeemRequest, input);
  const login = await redeemHandOver(deps.db, { app: app.name, token });
  if (!login || (await isLoginOver(deps.db, { app: app.name, sub: login.sub, login })))
    throw new FootbridgeError('not_found', { detail: 'unknown, used or expired hand-over' });
  if (session === undefined) return login;
  const until = Math.min(expiresAt ?? Number.POSITIVE_INFINITY, login.expiresAt ?? Number.POSITIVE_INFINITY);
  await deps.onRedeemed({
    app: app.name,
    sub: login.sub,
    login,
    session,
    ...(Number.isFinite(until) ? { expiresAt: until } : {}),
  });
  return login;
};

/** Throws insufficient_scope for an app that is not asked, or may not send anybody by itself. */
export const offer: TakeCall = async (deps, { app, input }) => {
  const { id: _, state, client, ...told } = parseInput(offerRequest, input);
  const mayOffer = app.kind === 'hand-over' && (state === undefined ? app.enters : app.askUrl !== undefined);
  if (!mayOffer)
    throw new FootbridgeError('insufficient_scope', { detail: `${app.name} may not offer this` });
  const person = personOf(told);
  const found = person && foundOf(told, { otherwise: { person }, nowSeconds: secondsNow(deps) });
  if (person && !found)
    throw new FootbridgeError('bad_request', { detail: 'what is offered has run out, or cannot be named' });
  const about = { ...(state === undefined ? {} : { state }), ...(client === undefined ? {} : { client }) };
  const token = found && (await storeOffer(deps.db, { app: app.name, found, ...about }));
  const page = `${deps.issuer.replace(/\/$/, '')}/legacy/sessions/${state === undefined ? 'enter' : 'return'}`;
  return { url: `${page}?${new URLSearchParams({ ...about, ...(token ? { token } : {}) })}` };
};

export const ended: TakeCall = async (deps, { app, input }) => {
  const told = parseInput(endedRequest, input);
  const { session, reason } = told;
  const person = personOf(told);
  const cause = CAUSES[reason];
  if (session !== undefined && (reason === 'logout' || !person)) {
    await endSession(deps, { app, session, cause });
    return { ended: true };
  }
  if (app.kind === 'hand-over') await forgetOffers(deps.db, app.name, { session, person });
  const sub = await subjectOf(deps, app, person!);
  if (sub !== undefined) await endPerson(deps, { app, sub, cause });
  return { ended: true };
};
const CAUSES = {
  logout: 'legacy',
  password_changed: 'password-changed',
  deactivated: 'deactivated',
} as const;

/** Throws not_found for one that is not known here or is over. */
export const used: TakeCall = async (deps, { app, input }) => {
  const { session, at } = parseInput(usedRequest, input);
  const now = secondsNow(deps);
  const lastUsedAt = Math.min(at ?? now, now);
  const row = await legacySessionById(deps.db, idsIn(deps, app, session));
  if (!row || row.endedAt || row.expiresAt.getTime() <= now * 1_000)
    throw new FootbridgeError('not_found', { detail: 'no live session of this name' });
  await noteChecked(deps.db, row.id, { lastUsedAt });
  if (row.opSession) await deps.onUsed({ opSession: row.opSession, at: lastUsedAt });
  return { live: true };
};

/** False: it was used before, or does not say enough. Throws what ending throws. */
export async function loggedOut(deps: ToldDeps, token: LogoutToken): Promise<boolean> {
  const { sender, sub, sid } = token;
  const { kind, name } = sender;
  // A client knows people whom others know as well: it may end the session that it is part of, and no more.
  if (kind === 'client' && sid === undefined) return false;
  const isFirst = await takeOnce(deps, { keyId: name, id: token.id, expiresAt: token.expiresAt }).then(
    () => true,
    (error: unknown) => {
      if (isFootbridgeError(error, 'replayed')) return false;
      throw error;
    },
  );
  if (!isFirst) return false;
  const by = { actor: `${kind}:${name}`, initiator: sender };
  if (kind === 'client') {
    const selection = { by: 'client', clientId: name, sid: sid! } as const;
    await deps.endings.end({ selection, cause: 'client', ...by });
    return true;
  }
  const app = deps.apps.find((candidate) => candidate.name === name)!;
  if (sid !== undefined) {
    await endSession(deps, { app, session: sid, cause: 'legacy' });
    return true;
  }
  const person = { by: app.identifies, value: sub! } as const;
  if (app.kind === 'hand-over') await forgetOffers(deps.db, name, { person });
  const subject = await subjectOf(deps, app, person);
  if (subject === undefined) return true;
  await endPerson(deps, { app, sub: subject, cause: 'legacy' });
  return true;
}

/** One session of the app's, with what belongs to it; and where nobody can ask the app about it later, its name. */
async function endSession(
  deps: ToldDeps,
  {
    app,
    session,
    cause,
  }: { readonly app: LegacyAppSettings; readonly session: string; readonly cause: EndingCause },
): Promise<void> {
  const { name, kind, maxAgeSeconds } = app;
  const by = { actor: `legacy:${name}`, initiator: { kind: 'legacy', name } } as const;
  const ids = idsIn(deps, app, session);
  await deps.endings.end({ selection: { by: 'legacy', app: name, ids }, cause, ...by });
  if (kind === 'hand-over') await forgetOffers(deps.db, name, { session });
  if (kind === 'jwt-cookie')
    await noteEndedUnseen(deps.db, { app: name, id: ids[0]!, seconds: maxAgeSeconds });
}

/** All that the person has anywhere, because all that they had at the app is over. */
async function endPerson(
  deps: ToldDeps,
  { app, sub, cause }: { readonly app: LegacyAppSettings; readonly sub: string; readonly cause: EndingCause },
): Promise<void> {
  const by = { actor: `legacy:${app.name}`, initiator: { kind: 'legacy', name: app.name } } as const;
  await deps.endings.end({ selection: { by: 'person', sub }, cause, scope: 'person', ...by });
  await noteAllOver(deps.db, app.name, sub);
}

/** Ids that this session may have been written down under: by its own name, or by the one cookie that it lives in. */
function idsIn({ keyring }: ToldDeps, app: LegacyAppSettings, session: string): Buffer[] {
  const [cookie, another] = app.kind === 'http-hook' ? app.cookies : [];
  const byCookie = cookie && !another ? handleOf({ cookies: { [cookie]: session } }) : undefined;
  return [session, ...(byCookie ? [byCookie] : [])].flatMap((handle) => idsOf(keyring, app.name, handle));
}

/**
 * Our subject for a person of the app's own store as it names them; undefined: nobody. The store is asked only about what people type: a logout
 * must not wait for it. Throws legacy_unavailable.
 */
async function subjectOf(
  { directory, stores }: ToldDeps,
  { store }: LegacyAppSettings,
  { by, value }: LegacyPerson,
): Promise<string | undefined> {
  const prefix = prefixOf(store, stores);
  if (by === 'id') return prefix === undefined ? undefined : prefix + value;
  if (by === 'subject') return value.startsWith(prefix ?? '') ? value : undefined;
  const found = await directory.findByLogin(value).catch((error: unknown) => {
    if (isFootbridgeError(error, 'user_ambiguous') || isFootbridgeError(error, 'mapping_failed'))
      return undefined;
    throw error;
  });
  return found?.user.sub.startsWith(prefix ?? '') ? found.user.sub : undefined;
}
