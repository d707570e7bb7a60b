/** Logins at the target that are under way. Each belongs to one browser, by a cookie: its id alone, which travels as
 * `state`, lets nobody finish it. */
import type { Context } from 'koa';
import { COOKIE, newToken } from './web.ts';

/** As long as oidc-provider keeps the app's side of it. */
const LIFETIME_MS = 15 * 60_000;
/** A demo has one visitor; the oldest go first. */
const MAX_REQUESTS = 1_000;
const AGENT_COOKIE = 'target_agent';

export interface AuthRequest {
  readonly id: string;
  readonly agent: string;
  readonly expires: number;
  /** An app is waiting for the answer. */
  readonly forApp: boolean;
  readonly loginHint: string | undefined;
  /** Set when the browser has been sent to Footbridge. */
  external?: { readonly redirectUri: string; readonly codeVerifier: string | undefined };
  /** Whose password was right; the code is still to come. */
  userId?: string;
}

export interface AuthRequests {
  open(ctx: Context, request: { id?: string; forApp: boolean; loginHint?: string | undefined }): AuthRequest;
  /** Undefined when it is unknown, too old, or another browser's. */
  find(ctx: Context, id: string): AuthRequest | undefined;
  close(request: AuthRequest): void;
}

export function authRequests(): AuthRequests {
  const requests = new Map<string, AuthRequest>();
  return {
    open(ctx, { id = newToken(), forApp, loginHint }) {
      const agent = ctx.cookies.get(AGENT_COOKIE) ?? newToken();
      ctx.cookies.set(AGENT_COOKIE, agent, COOKIE);
      const request = { id, agent, forApp, loginHint, expires: Date.now() + LIFETIME_MS };
      if (requests.size >= MAX_REQUESTS) requests.delete(requests.keys().next().value!);
      requests.set(id, request);
      return request;
    },
    find(ctx, id) {
      const request = requests.get(id);
      const mine = request && request.agent === ctx.cookies.get(AGENT_COOKIE) && request.expires > Date.now();
      return mine ? request : undefined;
    },
    close: ({ id }) => {
      requests.delete(id);
    },
  };
}
