/** What the public listener does for people who are signed in at legacy apps; without such apps nothing is in the way. */
import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { AskingApps } from './asking-apps.ts';
import { loggedOutMark } from './cookies.ts';
import { enteringRoutes } from './entering.ts';
import type { FrontOptions } from './front.ts';
import { onLogout, onSuccess, silentMove } from './login-success.ts';
import type { Page } from './pages/index.ts';
import { recognisedSessions } from './recognised-sessions.ts';
import type { RecognitionDeps } from './recognition.ts';
import { recognition } from './recognition.ts';

/** What the front has made. */
export interface ElsewhereParts extends Pick<RecognitionDeps, 'provider' | 'lookups'> {
  readonly cookieKeys: readonly string[];
  readonly renderPage: (ctx: Context, page: Page, status?: number) => void;
}

/** Middlewares go around the provider and before our own routes. */
export function signedInElsewhere(
  options: FrontOptions,
  made: ElsewhereParts,
): { readonly middlewares: readonly Middleware[]; readonly routers: readonly Router[] } {
  const { legacySessions, offers, settings } = options;
  const { issuer, clients } = settings;
  const loggedOut = loggedOutMark(issuer);
  onSuccess(made.provider, { ...options, loggedOut });
  if (!legacySessions) return { middlewares: [], routers: [] };
  onLogout(made.provider, { legacySessions, loggedOut });
  const sessions = recognisedSessions({ ...options, ...made });
  const deps = { ...options, ...made, issuer, clients, legacySessions, sessions, loggedOut };
  const asking = offers && new AskingApps({ ...deps, offers });
  const ask: RecognitionDeps['ask'] = (ctx, clientId) => asking?.ask(ctx, clientId) ?? false;
  return {
    middlewares: [silentMove(options), recognition({ ...deps, ask })],
    routers: asking && offers ? [asking.routes(), enteringRoutes({ ...deps, offers })] : [],
  };
}
