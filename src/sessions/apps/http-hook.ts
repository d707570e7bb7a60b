/** An app with pages of its own for us: it makes sessions, says whose they are, prolongs and ends them, and we call it. */
import { z } from 'zod';
import { nowSeconds } from '../../clock.ts';
import { isFootbridgeError } from '../../errors.ts';
import { httpUrl } from '../../settings.ts';
import {
  endings,
  endUrl,
  isNobody,
  isSuccess,
  message,
  needSuccess,
  openCalls,
  timeoutMs,
} from '../calls/app-calls.ts';
import type { AppAnswer, AppEndpoint } from '../calls/app-endpoint.ts';
import { UnreadableAnswer } from '../calls/app-endpoint.ts';
import type { SessionReference } from '../calls/session-reference.ts';
import { handleOf, sessionId, toldOf } from '../calls/session-reference.ts';
import { foundOf, seconds, toldSession } from '../calls/told-session.ts';
import {
  clearedCookies,
  cookieName,
  cookieProblem,
  cookieSettings,
  isCookieValue,
  relayCookies,
} from '../cookie-relay.ts';
import type {
  BrowserRequest,
  CallOptions,
  Created,
  FoundSession,
  LegacyApp,
  LegacyAppKind,
  LegacyLogin,
} from '../legacy-app.ts';
import { commonSettings, requiredKeys } from '../legacy-app.ts';

const CALLED = 'called with POST and a signed JSON body, and no other address ever is';
const settings = z
  .strictObject({
    kind: z.literal('http-hook').describe('We call the app, and relay its cookie.'),
    ...commonSettings,
    ...requiredKeys,
    url: httpUrl.exactOptional().describe(`Makes a session at a login here: ${CALLED}.`),
    checkUrl: httpUrl.exactOptional().describe(`Says whose a session is, if it is good: ${CALLED}.`),
    endUrl,
    renewUrl: httpUrl.exactOptional().describe(`Lets a session live on: ${CALLED}.`),
    cookies: z
      .array(cookieName)
      .max(8)
      .default([])
      .describe(
        'The names of the cookies that the app’s session lives in: relayed to the browser, and asked about.',
      ),
    ...cookieSettings,
    timeoutMs,
  })
  .superRefine((hook, context) => {
    const { url, checkUrl, renewUrl, cookies } = hook;
    const fail = (at: string, text: string) =>
      context.addIssue({ code: 'custom', path: [at], message: text });
    if (!url && !checkUrl && !hook.endUrl && !renewUrl)
      fail('url', 'expected at least one of url, checkUrl, endUrl, renewUrl');
    if ((url || checkUrl) && cookies.length === 0) fail('cookies', 'name the cookies of the app’s session');
    const wrong = cookieProblem(cookies, hook);
    if (wrong) fail(wrong.at === 'name' ? 'cookies' : wrong.at, wrong.message);
  });
type HttpHookSettings = z.output<typeof settings>;

interface Hook {
  readonly settings: HttpHookSettings;
  readonly nowSeconds: () => number;
}

export const httpHook: LegacyAppKind<typeof settings> = {
  settings,
  open(hook, deps): LegacyApp {
    const calls = openCalls(hook, deps);
    const own: Hook = { settings: hook, nowSeconds: deps.nowSeconds ?? nowSeconds };
    const [create, check] = [calls.endpoint(hook.url, 'url'), calls.endpoint(hook.checkUrl, 'checkUrl')];
    const renew = calls.endpoint(hook.renewUrl, 'renewUrl');
    return {
      ...(create
        ? {
            create: (login) => made(own, create, login).catch(failureOf),
            clearCookies: () => clearedCookies(hook.cookies, hook),
          }
        : {}),
      ...(check
        ? {
            mayKnow: (request) => hook.cookies.some((name) => request.cookie(name) !== undefined),
            recognise: (request, options) => recognised(own, check, { request, options }),
            check: (handle, options) => checked(own, check, { handle, options }),
          }
        : {}),
      ...(renew
        ? { renew: (handle, until, options) => renewed(own, renew, { handle, until, options }) }
        : {}),
      ...endings(calls.endpoint(hook.endUrl, 'endUrl')),
      close: calls.close,
    };
  },
};

const createdAnswer = z.object({ session: sessionId.exactOptional(), expiresAt: seconds.exactOptional() });

async function made(hook: Hook, endpoint: AppEndpoint, login: LegacyLogin): Promise<Created> {
  const { sub, user, authTime, amr, clientId, remember, expiresAt } = login;
  const { legacyId, username } = user;
  const told = { sub, legacyId, username, authTime, amr, client: clientId, remember, expiresAt };
  return endpoint.call(message(told), async (answer) => {
    // A redirect is no session either, and following it would call an address nobody configured.
    if (!isSuccess(answer)) return { failure: 'refused' };
    const maxAgeSeconds = Math.max(1, expiresAt - hook.nowSeconds());
    const setCookies = relayCookies(answer.setCookies, { ...hook.settings, maxAgeSeconds });
    if (setCookies.length === 0) return { failure: 'no_cookie' };
    // The session is there: what the app says besides may be late or wrong.
    const said = answer.isJson
      ? createdAnswer.safeParse(await answer.read().catch(() => undefined))
      : undefined;
    const { session, expiresAt: until } = said?.data ?? {};
    const handle = session ?? handleOf({ cookies: valuesIn(setCookies) });
    return {
      setCookies,
      ...(handle === undefined ? {} : { handle }),
      ...(until === undefined ? {} : { expiresAt: Math.min(until, expiresAt) }),
    };
  });
}

const valuesIn = (setCookies: readonly string[]) =>
  Object.fromEntries(
    setCookies.map((line) => {
      const [pair = ''] = line.split(';', 1);
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );

function failureOf(error: unknown): Created {
  const isLate = isFootbridgeError(error) && (error.cause as Error | undefined)?.name === 'TimeoutError';
  return { failure: isLate ? 'timeout' : 'unreachable' };
}

interface Asking {
  readonly options: CallOptions | undefined;
}

async function recognised(
  hook: Hook,
  endpoint: AppEndpoint,
  { request, options }: Asking & { readonly request: BrowserRequest },
): Promise<FoundSession | undefined> {
  const brought = hook.settings.cookies.flatMap((name) => {
    const value = request.cookie(name);
    return value && isCookieValue(value) ? [[name, value] as const] : [];
  });
  if (brought.length === 0) return undefined;
  const reference = { cookies: Object.fromEntries(brought) };
  return endpoint.call(message({ session: reference }), (answer) => found(hook, answer, reference), options);
}

async function checked(
  hook: Hook,
  endpoint: AppEndpoint,
  { handle, options }: Asking & { readonly handle: string },
): Promise<FoundSession | undefined> {
  const told = toldOf(handle);
  if (!told) return undefined;
  // Whatever the app calls it now, it stays the session that was asked about.
  const take = async (answer: AppAnswer) => {
    const session = await found(hook, answer, { id: handle });
    return session && { ...session, handle };
  };
  return endpoint.call(message(told), take, options);
}

async function found(
  hook: Hook,
  answer: AppAnswer,
  otherwise: SessionReference,
): Promise<FoundSession | undefined> {
  if (isNobody(answer)) return undefined;
  if (answer.status !== 200) throw new UnreadableAnswer(`answers ${answer.status}`);
  const told = toldSession.safeParse(await answer.read());
  // An answer of another shape is no word about anybody: to take it for a logout would log people out by a typing error.
  if (!told.success)
    throw new UnreadableAnswer('answers what is not described in docs/sessions/http-hook.md');
  return foundOf(told.data, { otherwise, nowSeconds: hook.nowSeconds() });
}

async function renewed(
  hook: Hook,
  endpoint: AppEndpoint,
  { handle, until, options }: Asking & { readonly handle: string; readonly until: number },
): Promise<{ setCookies?: readonly string[] }> {
  const told = toldOf(handle);
  if (!told) return {};
  const take = (answer: AppAnswer) => {
    if (isNobody(answer)) return {};
    needSuccess(answer);
    return { setCookies: relayCookies(answer.setCookies, hook.settings) };
  };
  return endpoint.call(message({ ...told, until }), take, options);
}
