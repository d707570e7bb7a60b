/** JWT identity providers: the browser is sent away with two parameters, and comes back with them and a JWT in a header. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { readClaims } from '../../../example/demo/strict-claims.ts';
import type { Idp } from './instance.ts';
import type { ExternalUser } from './relying-party.ts';

/** Where Login V1 takes tokens, and where the browser is sent when it has one. */
export const V1_JWT = '/ui/login/login/jwt/authorize';
export const V1_JWT_DONE = '/ui/login/login/jwt/done';

const ALGORITHMS = ['RS256', 'ES256', 'PS256'];
/** Of the token's time of issue. */
const MAX_AGE_MS = 3_600_000;
const LEEWAY_MS = 3_000;

/** Whoever reads `userAgentID` knows nothing: it is for ZITADEL alone. */
const KEY = randomBytes(32);

function sealed(text: string): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cfb', KEY, iv);
  return Buffer.concat([iv, cipher.update(text), cipher.final()]).toString('base64url');
}

function opened(text: string): string {
  const bytes = Buffer.from(text, 'base64url');
  const decipher = createDecipheriv('aes-256-cfb', KEY, bytes.subarray(0, 16));
  return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString('utf8');
}

/** The endpoint with `authRequestID` and `userAgentID`. */
export function beginJwtLogin(idp: Idp, requestId: string): string {
  const url = new URL(String(idp.settings.jwtEndpoint));
  url.searchParams.set('authRequestID', requestId);
  url.searchParams.set('userAgentID', sealed(`agent:${requestId}`));
  return url.href;
}

export async function readJwt(
  idp: Idp,
  given: { headers: IncomingHttpHeaders; query: URLSearchParams; nowMs: number },
): Promise<ExternalUser> {
  const requestId = given.query.get('authRequestID') ?? '';
  if (opened(given.query.get('userAgentID') ?? '') !== `agent:${requestId}`)
    throw new Error('the user agent is another');
  const name = String(idp.settings.headerName || 'authorization').toLowerCase();
  const token = String(given.headers[name] ?? '').replace(/^Bearer /, '');
  if (!token) throw new Error('no token in the header');
  const payload = await verified(idp, token, given.nowMs);
  return { claims: readClaims(payload), raw: payload, accessToken: '', idToken: token };
}

/** Neither `aud` nor `jti` is looked at, and whoever leaves out `exp` or `iat` has a token for ever. */
async function verified(idp: Idp, token: string, nowMs: number): Promise<Record<string, unknown>> {
  const { alg = '' } = decodeProtectedHeader(token);
  if (!ALGORITHMS.includes(alg)) throw new Error(`signature algorithm not supported: ${alg}`);
  const keys = createRemoteJWKSet(new URL(String(idp.settings.keysEndpoint)), { cooldownDuration: 0 });
  // Times are looked at below, by ZITADEL's rules.
  const { payload } = await jwtVerify(token, keys, { currentDate: new Date(0), clockTolerance: 1e12 });
  if (payload.iss !== idp.issuer)
    throw new Error(`issuer does not match: ${payload.iss} is not ${idp.issuer}`);
  if (payload.exp !== undefined && payload.exp * 1_000 <= nowMs + LEEWAY_MS)
    throw new Error('token has expired');
  if (payload.iat !== undefined && payload.iat * 1_000 > nowMs + LEEWAY_MS)
    throw new Error('issued in the future');
  if (payload.iat !== undefined && payload.iat * 1_000 < nowMs - MAX_AGE_MS)
    throw new Error('issued too long ago');
  return payload;
}
