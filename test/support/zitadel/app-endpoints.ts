/** Where applications and their people's browsers come to: authorization, login, token and userinfo. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { openAppLogin } from './app-login.ts';
import { openAppTokens } from './app-tokens.ts';
import { authenticatedApp, OAuthRefusal } from './apps.ts';
import { LOGIN_PATH, openAuthorizations } from './authorize.ts';
import { sendJson, sendRedirect } from './body.ts';
import type { Instance } from './instance.ts';
import type { Page } from './server.ts';

interface Asked {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
}

type Endpoint = (asked: Asked) => Promise<void>;

/** Before the page of service users' tokens, which has the other grants. */
export function appPage(instance: Instance, organization: string): Page {
  const authorizations = openAuthorizations(instance);
  const tokens = openAppTokens(instance);
  const login = openAppLogin(instance, authorizations, organization);
  const endpoints: Readonly<Record<string, Endpoint>> = {
    // OpenID Connect Core 1.0 section 3.1.2.1: both methods.
    '/oauth/v2/authorize': async ({ req, res, query, form }) =>
      sendRedirect(res, authorizations.begin(req.method === 'POST' ? form : query)),
    [LOGIN_PATH]: async ({ req, res, query, form }) => {
      const step = await login.step(req, query, form);
      if (step.cookie) res.setHeader('set-cookie', step.cookie);
      res.setHeader('cache-control', 'no-store');
      if ('location' in step) return sendRedirect(res, step.location);
      res.writeHead(step.status, { 'content-type': 'text/html; charset=utf-8' });
      res.end(step.html);
    },
    '/oauth/v2/token': async ({ req, res, form }) => {
      const app = await authenticatedApp(instance, form, req.headers);
      res.setHeader('cache-control', 'no-store');
      sendJson(res, 200, await tokens.issue(authorizations.exchange(app, form)));
    },
    '/oidc/v1/userinfo': async ({ req, res }) =>
      sendJson(res, 200, tokens.userinfo(req.headers.authorization)),
  };
  return async (req, res, body) => {
    const { pathname, searchParams: query } = new URL(req.url ?? '/', instance.url);
    const form = new URLSearchParams(req.method === 'POST' ? body.toString('utf8') : '');
    const isOther = pathname === '/oauth/v2/token' && form.get('grant_type') !== 'authorization_code';
    const endpoint = isOther ? undefined : endpoints[pathname];
    if (!endpoint) return false;
    try {
      await endpoint({ req, res, query, form });
    } catch (error) {
      if (!(error instanceof OAuthRefusal)) throw error;
      sendJson(res, error.status, error.toJSON());
    }
    return true;
  };
}
