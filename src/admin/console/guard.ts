/**
 * Who may talk to the console at all. A page elsewhere can neither reach it under a name of its own (DNS rebinding) nor send a
 * form to it, and what is shown loads nothing from anywhere else.
 */
import { isIP } from 'node:net';
import type { Context } from 'koa';
import { FootbridgeError } from '../../errors.ts';

export interface GuardOptions {
  /** Under which browsers come, where the settings say so. */
  readonly origin?: string | undefined;
  /** The address that is listened on. */
  readonly host: string;
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
/** Listening on all of them says nothing about how we are called: then loopback and `origin` are. */
const EVERYWHERE = new Set(['0.0.0.0', '::', '']);

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  // Reports are shown in frames of their own, with a policy of their own, and cannot reach us.
  "frame-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** Of a report that is shown as it was written: it styles itself, and runs and loads nothing. */
export const REPORT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'; sandbox";

export function setHeaders(ctx: Context): void {
  ctx.set('Content-Security-Policy', POLICY);
  ctx.set('Cache-Control', 'no-store');
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.set('X-Frame-Options', 'DENY');
  // Not no-referrer: browsers would then send `Origin: null` with our own forms.
  ctx.set('Referrer-Policy', 'same-origin');
  ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
  ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
  ctx.set('Permissions-Policy', 'camera=(), microphone=(), geolocation=(), interest-cohort=()');
}

/** The origin by which this request came; throws misdirected under any name that is not ours. */
export function originOf(ctx: Context, { origin, host }: GuardOptions): string {
  const given = ctx.req.headersDistinct.host ?? [];
  const name = given.length === 1 ? given[0]!.toLowerCase() : '';
  if (origin !== undefined && name === new URL(origin).host) return origin;
  const port = ctx.req.socket.localPort ?? 0;
  if (namesOf(host).some((one) => name === `${one}:${port}` || (port === 80 && name === one)))
    return `http://${name}`;
  throw new FootbridgeError('misdirected');
}

function namesOf(host: string): readonly string[] {
  const own = isIP(host) === 6 ? `[${host.toLowerCase()}]` : host.toLowerCase();
  return EVERYWHERE.has(host) || LOOPBACK.includes(own) || own.startsWith('127.')
    ? [...LOOPBACK, own]
    : [own];
}

/** Where the console is, for whoever is told a link before any request came. */
export function consoleOrigin({ origin, host }: GuardOptions, port: number): string {
  const name = EVERYWHERE.has(host) ? '127.0.0.1' : isIP(host) === 6 ? `[${host}]` : host;
  return origin ?? new URL(`http://${name}:${port}`).origin;
}

/** Every form is sent by a page of ours. Browsers say where from; whoever does not say it is no browser we serve. */
export function needOwnForm(ctx: Context, origin: string): void {
  const [from, site] = [ctx.get('origin'), ctx.get('sec-fetch-site')];
  const isOurs = from === '' ? site === 'same-origin' : from === origin;
  if (!isOurs || (site !== '' && site !== 'same-origin')) throw new FootbridgeError('foreign_form');
}
