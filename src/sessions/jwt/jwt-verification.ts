/** Whether a token is one of the app's (RFC 7519 section 7.2, RFC 8725). */
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose';
import type { Dispatcher } from 'undici';
import { request } from 'undici';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import { CircuitBreaker } from '../../legacy/circuit-breaker.ts';
import type { JwtCookieSettings } from './jwt-settings.ts';
import type { Signer } from './jwt-signing.ts';
import { PUBLIC_ALGORITHMS, SHARED_ALGORITHMS } from './jwt-signing.ts';

/** The claims of a good token; undefined for any other. Throws legacy_unavailable where its keys cannot be had. */
export type VerifyToken = (token: string) => Promise<JWTPayload | undefined>;

const CLOCK_SECONDS = 15;
const KEYS_BYTES = 256 * 1_024;

type Verification = Pick<
  JwtCookieSettings,
  'name' | 'issuer' | 'audience' | 'key' | 'jwks' | 'jwksUri' | 'timeoutMs'
>;

export interface VerificationDeps {
  readonly nowSeconds: () => number;
  /** Keys are fetched with it. */
  readonly dispatcher: Dispatcher;
  /** What we sign for the app ourselves is good as well. */
  readonly own: Signer | undefined;
}

export function verifierOf(app: Verification, deps: VerificationDeps): VerifyToken {
  const { nowSeconds, own } = deps;
  const { issuer, audience, key } = app;
  const shared = key && new TextEncoder().encode(key.reveal());
  const keys = publicKeysOf(app, deps.dispatcher);
  const options = () => ({
    issuer,
    audience,
    clockTolerance: CLOCK_SECONDS,
    requiredClaims: ['exp'],
    currentDate: new Date(nowSeconds() * 1_000),
  });
  const ways = [
    ...(own ? [(token: string) => jwtVerify(token, own.proof, { ...options(), algorithms: [own.alg] })] : []),
    (token: string) =>
      shared
        ? jwtVerify(token, shared, { ...options(), algorithms: [...SHARED_ALGORITHMS] })
        : jwtVerify(token, keys, { ...options(), algorithms: [...PUBLIC_ALGORITHMS] }),
  ];
  return async (token) => {
    for (const verify of ways) {
      try {
        return (await verify(token)).payload;
      } catch (cause) {
        if (isRefused(cause)) continue;
        if (isFootbridgeError(cause)) throw cause;
        throw new FootbridgeError('legacy_unavailable', { detail: `the keys of ${app.name}`, cause });
      }
    }
    return undefined;
  };
}

function publicKeysOf(
  { name, jwks, jwksUri, timeoutMs }: Verification,
  dispatcher: Dispatcher,
): JWTVerifyGetKey {
  if (jwksUri === undefined) return createLocalJWKSet((jwks ?? { keys: [] }) as unknown as JSONWebKeySet);
  // Around the fetch alone: keys that are here go on serving while tokens of unknown keys ask for others.
  const breaker = new CircuitBreaker(() => performance.now());
  const fetchKeys = (url: string, signal: AbortSignal) =>
    breaker.run(async () => {
      try {
        return await keySetAt(url, { dispatcher, signal });
      } catch {
        throw new FootbridgeError('legacy_unavailable', {
          detail: `jwksUri of ${name} gives no key set`,
          retryAfterSeconds: 2,
        });
      }
    });
  return createRemoteJWKSet(new URL(jwksUri), {
    timeoutDuration: timeoutMs,
    [customFetch]: (url, { signal }) => fetchKeys(url, signal),
  });
}

/** Bounded, and only from there. */
async function keySetAt(
  url: string,
  options: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
): Promise<Response> {
  const { statusCode, body } = await request(url, { ...options, headers: { accept: 'application/json' } });
  if (statusCode !== 200) {
    body.dump({ limit: KEYS_BYTES }).catch(() => undefined);
    throw new Error(`status ${statusCode}`);
  }
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of body) {
    received += (chunk as Uint8Array).length;
    if (received > KEYS_BYTES) throw new Error('too long');
    chunks.push(chunk as Uint8Array);
  }
  const keys = JSON.parse(Buffer.concat(chunks).toString());
  if (!Array.isArray(keys?.keys)) throw new Error('no key set');
  return Response.json(keys);
}

/** The generic error is that of an answer which is no key set. */
function isRefused(error: unknown): boolean {
  const isOutage = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
  return error instanceof errors.JOSEError && !isOutage && error.code !== errors.JOSEError.code;
}
