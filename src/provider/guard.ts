/**
 * The front door. What comes through is well-formed, addressed to us, and of bounded size; what is not is answered
 * here, before the provider, the database or the legacy store see it.
 */
import { isIP } from 'node:net';
import type { Context, Middleware } from 'koa';
import { keepForm, readBody } from '../body.ts';
import { FootbridgeError } from '../errors.ts';
import { normalAddress, proxiesOf } from './proxies.ts';

/** One protocol parameter. `state` of 12 KB would otherwise be kept for every started login. */
const PARAMETER_BYTES = 2 * 1024;
/** Parameters that carry a signed token or a claims request may be longer. */
const LONG_PARAMETERS = new Set([
  'logout_token',
  'request',
  'id_token_hint',
  'client_assertion',
  'claims',
  'subject_token',
  'refresh_token',
]);
const LONG_PARAMETER_BYTES = 8 * 1024;
const PARAMETERS = 100;
// PostgreSQL refuses NUL in text; the other C0 controls have no place in any parameter either.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

const FORM = 'application/x-www-form-urlencoded';

export interface GuardOptions {
  readonly issuer: string;
  readonly trustedProxies: readonly string[];
}

/** Pins host and scheme to the issuer's, so that no header a client sends reaches a URL we print. */
export function guard({ issuer, trustedProxies }: GuardOptions): Middleware {
  const { host, protocol } = new URL(issuer);
  const isProxy = proxiesOf(trustedProxies);
  return async (ctx, next) => {
    const { req } = ctx;
    if (!req.url?.startsWith('/') || req.url.startsWith('//')) throw new FootbridgeError('bad_request');
    if (onlyHost(req.rawHeaders) !== host) throw new FootbridgeError('misdirected');
    const peer = normalAddress(req.socket.remoteAddress ?? '');
    const forwarded =
      String(req.headers['x-forwarded-for'] ?? '')
        .split(',')
        .at(-1)
        ?.trim() ?? '';
    const client = isProxy(peer) && isIP(forwarded) ? normalAddress(forwarded) : peer;
    for (const name of Object.keys(req.headers))
      if (name === 'forwarded' || name.startsWith('x-forwarded-')) delete req.headers[name];
    req.headers['x-forwarded-host'] = host;
    req.headers['x-forwarded-proto'] = protocol.slice(0, -1);
    req.headers['x-forwarded-for'] = client;
    checkPairs(queryOf(req.url));
    if (ctx.method === 'POST' && ctx.is(FORM)) replay(ctx, await readForm(ctx));
    await next();
  };
}

/** In small letters; undefined where there is none, or more than one (RFC 9112 section 3.2). Names and values take turns. */
function onlyHost(rawHeaders: readonly string[]): string | undefined {
  let host: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length !== 4 || rawHeaders[at]?.toLowerCase() !== 'host') continue;
    if (host !== undefined) return undefined;
    host = rawHeaders[at + 1]?.toLowerCase();
  }
  return host;
}

/** All of it: a query may contain further question marks (RFC 3986 section 3.4). */
function queryOf(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
}

async function readForm(ctx: Context): Promise<Buffer> {
  const body = await readBody(ctx.req);
  const text = body.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(body))
    throw new FootbridgeError('bad_request', { detail: 'the form is not UTF-8' });
  checkPairs(text);
  return body;
}

/** oidc-provider reads the stream itself; this hands it the bytes we have already read and checked. */
function replay(ctx: Context, body: Buffer): void {
  Object.defineProperty(ctx.req, 'readable', { value: true, configurable: true });
  Object.defineProperty(ctx.req, 'iterator', {
    value: () => once(body),
    configurable: true,
  });
  keepForm(ctx.state, body);
}

/** What a generator would do, at a tenth of its cost. */
function once<T>(value: T): AsyncIterable<T> {
  let isDone = false;
  const next = async (): Promise<IteratorResult<T>> => {
    if (isDone) return { done: true, value: undefined };
    isDone = true;
    return { done: false, value };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

function checkPairs(text: string): void {
  if (!text) return;
  const pairs = text.split('&');
  if (pairs.length > PARAMETERS) throw new FootbridgeError('bad_request', { detail: 'too many parameters' });
  for (const pair of pairs) {
    const [name, ...rest] = pair.split('=');
    const decodedName = decode(name ?? '');
    const value = decode(rest.join('='));
    const limit = LONG_PARAMETERS.has(decodedName) ? LONG_PARAMETER_BYTES : PARAMETER_BYTES;
    if (Buffer.byteLength(value) > limit || decodedName.length > 100) {
      throw new FootbridgeError('bad_request', { detail: 'a parameter is too long' });
    }
    if (CONTROL.test(value) || CONTROL.test(decodedName)) {
      throw new FootbridgeError('bad_request', { detail: 'a parameter contains control characters' });
    }
  }
}

function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    if (decoded.isWellFormed()) return decoded;
  } catch {
    // falls through to the one answer for all of it
  }
  throw new FootbridgeError('bad_request', { detail: 'a parameter is not well-formed' });
}

/**
 * Headers of every answer. `script-src` is explicit because oidc-provider adds the hash of its one inline script (a form
 * that posts itself) only where a policy with that directive is already set. Forms lead to the target and on to its
 * apps, whose origins nobody here knows: `form-action` can only name the scheme.
 */
export function securityHeaders(issuer: string): Middleware {
  const secure = issuer.startsWith('https:');
  const policy = [
    "default-src 'none'",
    "script-src 'none'",
    "style-src 'self'",
    "img-src 'self' data:",
    `form-action 'self' https:${secure ? '' : ' http:'}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
  const headers = [
    ['Content-Security-Policy', policy],
    ['X-Content-Type-Options', 'nosniff'],
    ['X-Frame-Options', 'DENY'],
    // Not no-referrer: browsers would then send `Origin: null` with our own forms.
    ['Referrer-Policy', 'same-origin'],
    ['Cross-Origin-Opener-Policy', 'same-origin'],
    ['Permissions-Policy', 'camera=(), microphone=(), geolocation=(), interest-cohort=()'],
    ...(secure ? [['Strict-Transport-Security', 'max-age=31536000; includeSubDomains'] as const] : []),
  ] as const;
  return (ctx, next) => {
    for (const [name, value] of headers) ctx.res.setHeader(name, value);
    return next();
  };
}
