/** How the public listener says no: pages for people, problem documents for machines, protocol errors where an RFC says so. */
import type { Context } from 'koa';
import { postedForm } from '../body.ts';
import { type ERRORS, FootbridgeError, problem } from '../errors.ts';
import type { ErrorKind } from './pages/index.ts';
import { RaceLost } from './race-lost.ts';

export type RenderErrorPage = (
  ctx: Context,
  error: { kind: ErrorKind; retryAfterSeconds?: number; detail?: string },
) => void;

/** The answer is already written; stops the handler. */
export class Answered extends Error {}

/** Which page tells a person about an error of ours. */
const PAGES: Partial<Record<keyof typeof ERRORS, ErrorKind>> = {
  legacy_unavailable: 'legacy_down',
  storage_unavailable: 'storage_down',
  target_unavailable: 'storage_down',
  hashing_overloaded: 'overloaded',
  throttled: 'throttled',
  not_found: 'not_found',
  bad_request: 'client',
  body_too_large: 'client',
  misdirected: 'client',
};

/** Paths whose callers speak JSON whatever their Accept header says. */
const MACHINES =
  /^\/(token|me|jwks|jwt\/jwks|request|\.well-known|migration|hooks|webhooks|legacy(?!\/sessions\/(?:return|enter)$))(\/|$)/;
export const isMachine = (ctx: Context): boolean =>
  MACHINES.test(ctx.path) || ctx.accepts('json', 'html') !== 'html';

/** Where errors are those of RFC 6749 section 5.2; what else we say of them stands beside that. */
const OAUTH = /^\/(?:token(?:\/introspection|\/revocation)?|request)$/;
const protocolError = ({ message }: FootbridgeError) => ({
  error: 'invalid_request',
  error_description: message,
});

/** What may be asked of endpoints of the protocol, for whoever asks otherwise (RFC 9110 section 15.5.6, RFC 9126 section 2.3). */
const METHODS: readonly (readonly [path: RegExp, allowed: string])[] = [
  [OAUTH, 'POST'],
  [/^\/me$/, 'GET, HEAD, POST'],
  [/^\/(?:jwks|\.well-known\/(?:openid-configuration|oauth-authorization-server))$/, 'GET, HEAD'],
];

/** Nobody has answered: there is nothing here, or not by this method. */
export function unanswered(ctx: Context): FootbridgeError {
  const [, allowed] = METHODS.find(([path]) => path.test(ctx.path)) ?? [];
  if (!allowed || allowed.split(', ').includes(ctx.method)) return new FootbridgeError('not_found');
  ctx.set('Allow', allowed);
  return new FootbridgeError('method_not_allowed');
}

/** Turns a thrown error into the answer, and takes back whatever the request had promised before it failed. */
export function fail(ctx: Context, error: unknown, renderPage: RenderErrorPage): void {
  for (const name of ['Set-Cookie', 'Location', 'ETag']) ctx.remove(name);
  ctx.set('Cache-Control', 'no-store');
  if (error instanceof RaceLost) {
    failRace(ctx, error, renderPage);
    return;
  }
  const known = error instanceof FootbridgeError ? error : new FootbridgeError('internal', { cause: error });
  if (known.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(known.retryAfterSeconds));
  ctx.status = known.status;
  if (isMachine(ctx)) {
    const isTheirs = OAUTH.test(ctx.path) && known.status < 500;
    ctx.body = isTheirs ? { ...protocolError(known), ...problem(known) } : problem(known);
    ctx.type = isTheirs ? 'application/json' : 'application/problem+json';
    return;
  }
  const retry = known.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: known.retryAfterSeconds };
  renderPage(ctx, { kind: PAGES[known.code] ?? 'internal', ...retry });
}

function failRace(ctx: Context, error: RaceLost, renderPage: RenderErrorPage): void {
  ctx.status = 400;
  if (isMachine(ctx)) {
    ctx.body = tokenError(ctx, error);
    ctx.type = 'application/json';
    return;
  }
  renderPage(ctx, { kind: 'expired' });
}

/** RFC 6749 section 5.2; RFC 9449 section 5 for a proof used twice. */
function tokenError(ctx: Context, { reason }: RaceLost): { error: string; error_description: string } {
  const form = postedForm(ctx.state);
  if (reason === 'repeated' && form?.has('client_assertion')) {
    ctx.status = 401;
    return { error: 'invalid_client', error_description: 'client assertion was already used' };
  }
  if (reason === 'repeated' && ctx.get('dpop')) {
    return { error: 'invalid_dpop_proof', error_description: 'DPoP proof was already used' };
  }
  const error = ctx.path === '/token' ? 'invalid_grant' : 'invalid_request';
  return { error, error_description: 'the request came too late' };
}
