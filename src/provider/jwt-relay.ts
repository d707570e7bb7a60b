/**
 * Brings a token to ZITADEL. It is to come in a header, which a redirect cannot set; so we make the request for the
 * browser, and hand on where the answer sends it. Of the answer nothing else is passed on: its cookies are another
 * origin's.
 */
import type { Context } from 'koa';
import { FootbridgeError } from '../errors.ts';
import type { JwtIdpSettings } from './jwt-idp-settings.ts';

/** What ZITADEL sent along: encrypted, its own, and to be brought back as it came. */
export interface HandOver {
  readonly authRequestID: string;
  readonly userAgentID: string;
}

export interface RelayOptions {
  /** ZITADEL's. */
  readonly origin: string;
  readonly settings: Pick<JwtIdpSettings, 'login' | 'headerName' | 'redirectOrigins'>;
  readonly timeoutMs: number;
}

const PATHS = { v1: '/ui/login/login/jwt/authorize', v2: '/idps/jwt' } as const;

/** Where the browser goes on. Throws target_unavailable, target_refused. */
export async function relay(
  ctx: Context,
  { handOver, token }: { readonly handOver: HandOver; readonly token: string },
  { origin, settings, timeoutMs }: RelayOptions,
): Promise<string> {
  const url = new URL(PATHS[settings.login], origin);
  url.search = new URLSearchParams({ ...handOver }).toString();
  const isAuthorization = settings.headerName.toLowerCase() === 'authorization';
  const headers = { ...browserOf(ctx), [settings.headerName]: isAuthorization ? `Bearer ${token}` : token };
  const signal = AbortSignal.timeout(timeoutMs);
  const answer = await fetch(url, { headers, redirect: 'manual', signal }).catch((cause: unknown) => {
    throw new FootbridgeError('target_unavailable', { detail: 'the JWT endpoint does not answer', cause });
  });
  await answer.body?.cancel();
  return redirectOf(answer, url, new Set([origin, ...settings.redirectOrigins]));
}

/** ZITADEL writes into its own log who logged in with what. */
function browserOf(ctx: Context): Record<string, string> {
  const [agent, language] = [ctx.get('user-agent'), ctx.get('accept-language')];
  return {
    'x-forwarded-for': ctx.ip,
    ...(agent ? { 'user-agent': agent } : {}),
    ...(language ? { 'accept-language': language } : {}),
  };
}

function redirectOf({ status, headers }: Response, url: URL, allowed: ReadonlySet<string>): string {
  if (status >= 500)
    throw new FootbridgeError('target_unavailable', { detail: `the JWT endpoint answers ${status}` });
  const location = headers.get('location');
  // A page instead: it is meant for a browser that asks there itself, with ZITADEL's cookies.
  if (status < 300 || status >= 400 || location === null || !URL.canParse(location, url.href))
    throw new FootbridgeError('target_refused', { detail: `the JWT endpoint answers ${status}` });
  const { origin, href } = new URL(location, url);
  if (!allowed.has(origin))
    throw new FootbridgeError('target_refused', {
      detail: `the JWT endpoint sends the browser to ${origin}`,
    });
  return href;
}
