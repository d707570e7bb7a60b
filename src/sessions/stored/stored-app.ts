/** A legacy app whose sessions we find and make where it stores them, in the form that its framework gives them. */
import { nowSeconds } from '../../clock.ts';
import { FootbridgeError } from '../../errors.ts';
import type {
  AppPerson,
  Created,
  FoundSession,
  LegacyApp,
  LegacyAppDeps,
  LegacyLogin,
  LegacyPerson,
} from '../legacy-app.ts';
import type { OpenFormat, SessionContent } from '../session-format.ts';
import { asking, failureOf } from './asking.ts';
import { isBoundToPassword, passwordColumnsOf } from './bound-password.ts';
import type { FactFields } from './login-facts.ts';
import { amrOf, authTimeOf, pastSeconds } from './login-facts.ts';
import type { CookieSettings } from './session-cookie.ts';
import { setCookie } from './session-cookie.ts';
import type { SessionStore, StoredSession } from './session-store.ts';
import type { SessionTemplate } from './session-template.ts';
import { filled } from './session-template.ts';

export interface StoredAppSettings extends FactFields {
  readonly identifies: LegacyPerson['by'];
  readonly store?: string;
  readonly cookie: CookieSettings;
  readonly idleSeconds?: number;
  readonly renew: boolean;
  readonly end: boolean;
  readonly create?: { readonly data: SessionTemplate };
  readonly timeoutMs: number;
}

interface Parts {
  readonly settings: StoredAppSettings;
  readonly format: OpenFormat;
  readonly store: SessionStore;
  readonly deps: LegacyAppDeps;
  readonly now: () => number;
}

/** No framework's session is larger, nor any key. */
const MAX_STORED_BYTES = 1024 * 1024;
const MAX_KEY_LENGTH = 512;

/** Whether anything is ever written there. */
export const writes = ({ renew, end, create }: StoredAppSettings): boolean =>
  renew || end || create !== undefined;

export function openStoredApp(
  settings: StoredAppSettings,
  format: OpenFormat,
  { store, deps }: { readonly store: SessionStore; readonly deps: LegacyAppDeps },
): LegacyApp {
  const { cookie, identifies, timeoutMs } = settings;
  const parts: Parts = { settings, format, store, deps, now: deps.nowSeconds ?? nowSeconds };
  const cookieName = cookie.name ?? format.cookieName;
  // A store that takes no writes must not keep anybody from being recognised.
  const [ask, tell] = [asking(timeoutMs), asking(timeoutMs)];
  const { removeAllOf } = store;

  return {
    mayKnow: (request) => request.cookie(cookieName) !== undefined,
    recognise: async (request, { signal } = {}) => {
      const value = request.cookie(cookieName);
      const key = value ? format.keyOf(value) : undefined;
      return key === undefined ? undefined : ask(() => find(parts, key), signal);
    },
    check: (handle, { signal } = {}) => ask(() => find(parts, handle), signal),
    ...(settings.create
      ? {
          create: (login) =>
            tell(() => create(parts, login, cookieName)).catch((error) => ({ failure: failureOf(error) })),
          clearCookies: () => [setCookie(`${cookieName}=`, cookie, 0)],
        }
      : {}),
    ...(settings.renew
      ? {
          renew: async (handle, until, { signal } = {}) => {
            await tell(() => store.extend(handle, until, parts.now()), signal);
            return {};
          },
        }
      : {}),
    ...(settings.end ? { end: (handle, { signal } = {}) => tell(() => store.remove(handle), signal) } : {}),
    ...(settings.end && removeAllOf && identifies !== 'login'
      ? {
          endAllOf: (person, { signal } = {}) => tell(() => removeAllOf(nameOf(person, identifies)), signal),
        }
      : {}),
    close: () => store.close(),
  };
}

const nameOf = ({ sub, legacyId }: AppPerson, identifies: LegacyPerson['by']) =>
  identifies === 'subject' ? sub : legacyId;

async function find(parts: Parts, key: string): Promise<FoundSession | undefined> {
  const { settings, format, store, deps, now } = parts;
  if (key === '' || key.length > MAX_KEY_LENGTH || !key.isWellFormed()) return undefined;
  const stored = await store.read(key);
  if (!stored || stored.data.length > MAX_STORED_BYTES || isOver(stored, now())) return undefined;
  const content = format.read(stored.data);
  const value = content && personIn(stored, content);
  if (content === undefined || value === undefined) return undefined;
  // A store's own time goes on while the session's stays as it was written.
  const expiresAt = stored.expiresAt ?? content.expiresAt;
  if (expiresAt !== undefined && expiresAt <= now()) return undefined;
  const person: LegacyPerson = { by: settings.identifies, value };
  if (!(await isBoundToPassword(content, person, { format, deps, store: settings.store }))) return undefined;
  const authTime = authTimeOf(content.data, settings, now()) ?? createdIn(stored, now());
  const { lastUsedAt } = stored;
  return {
    handle: key,
    person,
    ...(authTime === undefined ? {} : { authTime }),
    amr: amrOf(content.data, settings),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt: Math.min(lastUsedAt, now()) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

const isOver = ({ expiresAt }: StoredSession, now: number) => expiresAt !== undefined && expiresAt <= now;

/**
 * By the data alone: what a table has beside them is not always of the guard that is meant. Of whom the two say different
 * things, nobody knows who they are.
 */
const personIn = ({ person: beside }: StoredSession, { person }: SessionContent): string | undefined =>
  beside === undefined || beside === person ? person || undefined : undefined;

const createdIn = ({ createdAt }: StoredSession, now: number) =>
  createdAt === undefined ? undefined : pastSeconds(createdAt * 1_000, now);

async function create(parts: Parts, login: LegacyLogin, cookieName: string): Promise<Created> {
  const { settings, format, store, deps, now } = parts;
  const { user, sub, authTime, amr } = login;
  const startedAt = now();
  const expiresAt = Math.min(login.expiresAt, startedAt + (settings.idleSeconds ?? Number.POSITIVE_INFINITY));
  const person = { id: user.legacyId, login: user.username ?? user.email, subject: sub }[settings.identifies];
  if (person === undefined) throw new FootbridgeError('user_not_found');
  // Always a new one: what somebody else has put into this browser is never made the person's.
  const { cookie: value, key } = format.newSession();
  const { legacyId, username, email } = user;
  const known = { sub, legacyId, username, email, authTime, amr };
  const data = format.write({
    person,
    passwordColumns: format.isBoundTo && (await passwordColumnsOf(sub, deps))[0],
    data: filled(settings.create?.data ?? {}, known),
    startedAt,
    expiresAt,
  });
  await store.insert({ key, data, person, authTime, now: startedAt, expiresAt });
  const { cookie } = settings;
  const seconds = login.remember || cookie.persistent ? login.expiresAt - startedAt : undefined;
  return { setCookies: [setCookie(`${cookieName}=${value}`, cookie, seconds)], handle: key, expiresAt };
}
