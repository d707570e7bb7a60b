/**
 * The browser goes through the app, with a one-time token, where no cookie can be shared: to the app at a login here, which
 * redeems it and makes its session itself; and from the app, which says who is signed in there.
 */
import { z } from 'zod';
import { count, httpUrl } from '../../settings.ts';
import { endings, endUrl, openCalls, timeoutMs } from '../calls/app-calls.ts';
import { storeHandOver } from '../hand-overs.ts';
import type { Created, LegacyApp, LegacyAppDeps, LegacyAppKind, LegacyLogin } from '../legacy-app.ts';
import { commonSettings, requiredKeys } from '../legacy-app.ts';

const settings = z
  .strictObject({
    kind: z.literal('hand-over').describe('The browser goes through the app with a one-time token.'),
    ...commonSettings,
    ...requiredKeys,
    url: httpUrl
      .exactOptional()
      .describe(
        'The app’s page that takes `token`, redeems it with a signed call and sends the browser back: makes a session at a login here.',
      ),
    askUrl: httpUrl
      .exactOptional()
      .describe('The app’s page that takes `state`, and sends the browser back with who is signed in there.'),
    enters: z
      .boolean()
      .default(false)
      .describe('The app may send people who are signed in there to us by itself, without being asked.'),
    endUrl,
    timeoutMs,
    ttlSeconds: count(5, 60, 60).describe('How long the token is good.'),
  })
  .refine((app) => app.url ?? app.askUrl ?? (app.enters || undefined) ?? app.endUrl, {
    error: 'expected at least one of url, askUrl, enters, endUrl',
  });
type HandOverSettings = z.output<typeof settings>;

export const handOver: LegacyAppKind<typeof settings> = {
  settings,
  open(app, deps): LegacyApp {
    const calls = openCalls(app, deps);
    const { url, askUrl } = app;
    return {
      ...(url === undefined
        ? {}
        : { create: (login) => send(app, url, { deps, login }).catch(() => ({ failure: 'storage' })) }),
      ...(askUrl === undefined ? {} : { askUrl: (state) => withParameter(askUrl, 'state', state) }),
      ...endings(calls.endpoint(app.endUrl, 'endUrl')),
      close: calls.close,
    };
  },
};

async function send(
  { name, ttlSeconds }: HandOverSettings,
  url: string,
  { deps, login }: { readonly deps: LegacyAppDeps; readonly login: LegacyLogin },
): Promise<Created> {
  const { sub, user, authTime, amr, returnTo, expiresAt, remember } = login;
  const { legacyId, username } = user;
  const who = { sub, legacyId, ...(username ? { username } : {}) };
  const handedOver = { ...who, authTime, amr, returnTo, expiresAt, remember };
  const token = await storeHandOver(deps.db, { app: name, login: handedOver, seconds: ttlSeconds });
  return { redirectTo: withParameter(url, 'token', token) };
}

function withParameter(url: string, name: string, value: string): string {
  const filled = new URL(url);
  filled.searchParams.set(name, value);
  return filled.href;
}
