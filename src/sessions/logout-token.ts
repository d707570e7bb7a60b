/**
 * Logout tokens that others send us (OpenID Connect Back-Channel Logout 1.0 section 2.4), checked as section 2.6 says: by
 * legacy apps, with one of the keys we share, and by our own clients, with their secret or key.
 */
import { createHash } from 'node:crypto';
import type { JSONWebKeySet, JWTVerifyOptions, JWTVerifyResult } from 'jose';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import type { SigningKey } from '../migration/signature.ts';
import type { Secret } from '../settings.ts';
import { PUBLIC_ALGORITHMS } from './jwt/jwt-signing.ts';

/** Whoever may send one. Its tokens say `iss`: an app's name, or a client's id. */
export interface LogoutSender {
  readonly kind: 'legacy' | 'client';
  readonly name: string;
}

/** A client as it is configured. */
export interface LogoutClient {
  readonly clientId: string;
  readonly secret?: Secret | undefined;
  readonly jwks?: { readonly keys: readonly object[] } | undefined;
}

export interface LogoutToken {
  readonly sender: LogoutSender;
  readonly sub?: string;
  /** The session, as the sender calls it. At least one of `sub` and `sid` is there. */
  readonly sid?: string;
  /** SHA-256 over sender and `jti`: the same again is a replay. */
  readonly id: Buffer;
  /** Seconds since the epoch after which it is refused anyhow. */
  readonly expiresAt: number;
}

/** Undefined for whatever is not a good logout token. Never throws. */
export type ReadLogoutToken = (token: string) => Promise<LogoutToken | undefined>;

export interface LogoutTokenDeps {
  readonly apps: readonly { readonly name: string; readonly keys: readonly SigningKey[] }[];
  readonly clients: readonly LogoutClient[];
  /** Our issuer: what tokens for us say as `aud`. */
  readonly audience: string;
  readonly nowSeconds: () => number;
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const TOKEN_CHARACTERS = 8 * 1_024;
/** How old one may be. Whoever tries again signs anew. */
const MAX_AGE_SECONDS = 300;
const CLOCK_SECONDS = 15;
/** RFC 7518 section 3.2: a shorter secret is none to sign with. */
const SHARED_KEY_BYTES = 32;
const MAX_TEXT = 512;

type Verify = (token: string, options: JWTVerifyOptions) => Promise<JWTVerifyResult>;
interface Sender extends LogoutSender {
  readonly ways: readonly Verify[];
}

export function openLogoutTokens(deps: LogoutTokenDeps): ReadLogoutToken {
  const senders = [...deps.apps.map(ofApp), ...deps.clients.map(ofClient)];
  return async (token) => {
    if (token.length > TOKEN_CHARACTERS) return undefined;
    const name = issuerOf(token);
    const options = optionsFor(deps);
    for (const sender of senders.filter((candidate) => candidate.name === name)) {
      for (const verify of sender.ways) {
        const result = await verify(token, options).catch(() => undefined);
        if (result) return read(sender, result, options.currentDate.getTime() / 1_000);
      }
    }
    return undefined;
  };
}

/** Senders are told apart by their keys: whoever could sign for `iss` is looked up before. */
const optionsFor = ({ audience, nowSeconds }: LogoutTokenDeps) => ({
  audience,
  clockTolerance: CLOCK_SECONDS,
  requiredClaims: ['iss', 'iat', 'jti', 'events'],
  currentDate: new Date(nowSeconds() * 1_000),
});

/** Only says whose keys to try. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

const ofApp = ({ name, keys }: LogoutTokenDeps['apps'][number]): Sender => ({
  kind: 'legacy',
  name,
  ways: keys.flatMap(({ key }) => shared(key)),
});

const ofClient = ({ clientId, secret, jwks }: LogoutClient): Sender => ({
  kind: 'client',
  name: clientId,
  ways: [...(secret ? shared(secret) : []), ...(jwks ? [published(jwks)] : [])],
});

function shared(secret: Secret): Verify[] {
  const key = new TextEncoder().encode(secret.reveal());
  if (key.length < SHARED_KEY_BYTES) return [];
  return [(token, options) => jwtVerify(token, key, { ...options, algorithms: ['HS256'] })];
}

function published(jwks: NonNullable<LogoutClient['jwks']>): Verify {
  const keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet);
  return (token, options) => jwtVerify(token, keys, { ...options, algorithms: [...PUBLIC_ALGORITHMS] });
}

function read(
  { kind, name }: Sender,
  { payload, protectedHeader }: JWTVerifyResult,
  now: number,
): LogoutToken | undefined {
  const { iat = 0, jti, sub, sid } = payload;
  const isRecent = iat <= now + CLOCK_SECONDS && iat >= now - MAX_AGE_SECONDS;
  if (!isRecent || !isLogout(protectedHeader.typ, payload)) return undefined;
  if (!isText(jti) || !(isText(sub) || isText(sid))) return undefined;
  // One that is there has to be good: to end more than was meant would be no way to read it.
  if ([sub, sid].some((value) => value !== undefined && !isText(value))) return undefined;
  return {
    sender: { kind, name },
    ...(isText(sub) ? { sub } : {}),
    ...(isText(sid) ? { sid } : {}),
    id: createHash('sha256').update(`backchannel-logout\0${kind}\0${name}\0${jti}`).digest(),
    expiresAt: Math.ceil(iat) + MAX_AGE_SECONDS,
  };
}

/** No ID token and no session of ours or of an app says this of itself (RFC 8725 section 3.11). */
function isLogout(typ: string | undefined, { events, nonce }: JWTVerifyResult['payload']): boolean {
  const isTyped = typ === undefined || /^(?:application\/)?logout\+jwt$/i.test(typ);
  if (!isTyped || nonce !== undefined || typeof events !== 'object' || events === null) return false;
  const event = Object.hasOwn(events, EVENT) ? (events as Record<string, unknown>)[EVENT] : undefined;
  return typeof event === 'object' && event !== null && !Array.isArray(event);
}

/** No control characters: PostgreSQL stores no NUL. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  value.length <= MAX_TEXT &&
  value.isWellFormed() &&
  !/[\u0000-\u001f\u007f]/.test(value);
