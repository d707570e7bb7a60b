/**
 * An app whose session is a signed token in the browser (RFC 7519): nothing is stored anywhere. So it is recognised and
 * made here without asking anybody, and ends when the browser loses it or it expires, unless the app keeps a list.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { nowSeconds } from '../../clock.ts';
import { endings, openCalls } from '../calls/app-calls.ts';
import { sessionId } from '../calls/session-reference.ts';
import { clearedCookies, cookieLine, isCookieValue } from '../cookie-relay.ts';
import type { JwtCookieSettings } from '../jwt/jwt-settings.ts';
import { jwtCookieSettings } from '../jwt/jwt-settings.ts';
import type { Signer } from '../jwt/jwt-signing.ts';
import { signerOf } from '../jwt/jwt-signing.ts';
import type { VerifyToken } from '../jwt/jwt-verification.ts';
import { verifierOf } from '../jwt/jwt-verification.ts';
import type {
  BrowserRequest,
  Created,
  FoundSession,
  LegacyApp,
  LegacyAppKind,
  RenewOptions,
} from '../legacy-app.ts';

/** Tokens in headers may be longer than cookies; Node bounds all of a request's headers to 16 KiB. */
const TOKEN_CHARACTERS = 8 * 1_024;
const MAX_AMR = 16;
/** The year 5000, in seconds since the epoch: databases know few later ones. */
const LATEST = 95_617_584_000;
/** Tokens that we made: only those can be made again. */
const OWN_ID = 'fb-';

export const jwtCookie: LegacyAppKind<typeof jwtCookieSettings> = {
  settings: jwtCookieSettings,
  open(app, deps): LegacyApp {
    const now = deps.nowSeconds ?? nowSeconds;
    const { create, cookie } = app;
    const signer = create && signerOf((create.key ?? app.key)!, create.alg);
    const calls = openCalls(app, deps);
    const verify = verifierOf(app, { nowSeconds: now, dispatcher: calls.agent, own: signer });
    const making = signer && cookie && create ? { app, signer, cookie, now } : undefined;
    return {
      mayKnow: (request) => broughtIn(app, request) !== undefined,
      recognise: (request) => recognised(app, verify, { request, now }),
      ...(making
        ? {
            create: (login) => made(making, login).catch(() => ({ failure: 'refused' })),
            renew: (handle, until, options) => renewed(making, { handle, until, options }),
          }
        : {}),
      // On a domain that we share, a cookie can be taken away even if we have not set it.
      ...(cookie && (create || app.domain) ? { clearCookies: () => clearedCookies([cookie], app) } : {}),
      ...endings(calls.endpoint(app.revokeUrl, 'revokeUrl')),
      close: calls.close,
    };
  },
};

const broughtIn = ({ cookie, header = '' }: JwtCookieSettings, request: BrowserRequest) =>
  cookie === undefined ? request.header(header) : request.cookie(cookie);

async function recognised(
  app: JwtCookieSettings,
  verify: VerifyToken,
  { request, now }: { readonly request: BrowserRequest; readonly now: () => number },
): Promise<FoundSession | undefined> {
  const brought = broughtIn(app, request);
  if (!brought || brought.length > TOKEN_CHARACTERS) return undefined;
  const token = brought.replace(/^Bearer +/i, '');
  const claims = await verify(token);
  const value = claims && subjectIn(claims, app.subjectClaim);
  if (!value) return undefined;
  const authTime = authTimeIn(claims, app, now());
  return {
    handle: handleIn(claims, token),
    person: { by: app.identifies, value },
    amr: amrIn(claims),
    ...(authTime === undefined ? {} : { authTime }),
    expiresAt: Math.min(Math.floor(claims.exp!), LATEST),
  };
}

function subjectIn(claims: JWTPayload, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (typeof value === 'string' && value.length <= 320) return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

/** A clock that is ahead of ours makes nobody's proof younger than now. */
function authTimeIn({ auth_time, iat }: JWTPayload, app: JwtCookieSettings, now: number): number | undefined {
  const value = auth_time ?? (app.iatIsAuthTime ? iat : undefined);
  return typeof value === 'number' && value >= 0 ? Math.min(Math.floor(value), now) : undefined;
}

function amrIn({ amr }: JWTPayload): string[] {
  if (!Array.isArray(amr) || amr.length > MAX_AMR) return [];
  return amr.filter(
    (value): value is string => typeof value === 'string' && /^[\x21-\x7e]{1,64}$/.test(value),
  );
}

/**
 * The session's own id, or the token's; a token without either is only the same as itself, by what is signed: the signature
 * can be written in several ways.
 */
function handleIn({ sid, jti }: JWTPayload, token: string): string {
  const id = [sid, jti].find(
    (candidate) => typeof candidate === 'string' && sessionId.safeParse(candidate).success,
  );
  return typeof id === 'string'
    ? id
    : createHash('sha256')
        .update(token.slice(0, token.lastIndexOf('.')))
        .digest('base64url');
}

interface Making {
  readonly app: JwtCookieSettings;
  readonly signer: Signer;
  readonly cookie: string;
  readonly now: () => number;
}
type Told = NonNullable<RenewOptions['login']>;

async function made(making: Making, login: Told): Promise<Created> {
  const handle = OWN_ID + randomUUID();
  const expiresAt = Math.min(login.expiresAt, making.now() + making.app.create!.lifetimeSeconds);
  const setCookie = await written(making, login, { jti: handle, exp: expiresAt });
  return setCookie ? { setCookies: [setCookie], handle, expiresAt } : { failure: 'refused' };
}

/** A token cannot be prolonged: the browser gets another one for the same session. */
async function renewed(
  making: Making,
  {
    handle,
    until,
    options,
  }: { readonly handle: string; readonly until: number; readonly options: RenewOptions | undefined },
): Promise<{ setCookies?: readonly string[] }> {
  const login = options?.login;
  // The app's own token may say more than we know how to say again.
  if (!login || !handle.startsWith(OWN_ID)) return {};
  const now = making.now();
  const exp = Math.min(login.expiresAt, Math.max(until, now + making.app.create!.lifetimeSeconds));
  const setCookie = exp > now && (await written(making, login, { jti: handle, exp }));
  return setCookie ? { setCookies: [setCookie] } : {};
}

/** Undefined where the person has nothing that the app would know them by, or the cookie would be too long. */
async function written(
  { app, signer, cookie, now }: Making,
  { sub, user, authTime, amr, remember }: Told,
  { jti, exp }: { readonly jti: string; readonly exp: number },
): Promise<string | undefined> {
  const subject = { id: user.legacyId, login: user.username, subject: sub }[app.identifies];
  if (!subject) return undefined;
  const { issuer: iss, audience: aud, subjectClaim } = app;
  const claims = {
    iss,
    aud,
    [subjectClaim]: subject,
    iat: now(),
    exp,
    auth_time: authTime,
    amr: [...amr],
    jti,
  };
  const value = await signer.sign(claims);
  if (!isCookieValue(`${cookie}=${value}`)) return undefined;
  return cookieLine({ name: cookie, value }, app, remember ? exp - now() : undefined);
}
