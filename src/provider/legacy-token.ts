/** A token of the legacy system in the browser's request, where it says who is here (RFC 7519). */
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { Context } from 'koa';
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { User } from '../user.ts';
import type { LegacyTokenSettings } from './jwt-idp-settings.ts';

/** Of the browser's request: the user it names, or nobody. Throws legacy_unavailable. */
export type ReadLegacyToken = (ctx: Context) => Promise<User | undefined>;

/** Tokens are headers, which Node bounds to 16 KiB together; ones that long are nobody's. */
const TOKEN_CHARACTERS = 8 * 1024;
const KEYS_TIMEOUT_MS = 2_500;
const CLOCK_SECONDS = 15;
/** Never both: whoever has the public key could otherwise sign with it as a shared one. */
const SHARED_ALGORITHMS = ['HS256', 'HS384', 'HS512'];
const PUBLIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];

export function legacyTokenReader(settings: LegacyTokenSettings, directory: Directory): ReadLegacyToken {
  const verify = verifierOf(settings);
  const { cookie, header, subjectClaim, identifies } = settings;
  return async (ctx) => {
    const token = cookie === undefined ? ctx.get(header ?? '') : ctx.cookies.get(cookie, { signed: false });
    if (!token || token.length > TOKEN_CHARACTERS) return undefined;
    const claims = await verify(token.replace(/^Bearer +/i, ''));
    const subject = claims?.[subjectClaim];
    if (typeof subject !== 'string' && typeof subject !== 'number') return undefined;
    const user = await findUser(directory, String(subject), identifies);
    return user?.state === 'active' ? user : undefined;
  };
}

/** The claims of a good token; undefined for any other. Throws legacy_unavailable where its keys cannot be had. */
function verifierOf(settings: LegacyTokenSettings): (token: string) => Promise<JWTPayload | undefined> {
  const { issuer, audience, key } = settings;
  const options = { issuer, audience, clockTolerance: CLOCK_SECONDS, requiredClaims: ['exp'] };
  const shared = key && new TextEncoder().encode(key.reveal());
  const keys = publicKeysOf(settings);
  const verify = (token: string) =>
    shared
      ? jwtVerify(token, shared, { ...options, algorithms: SHARED_ALGORITHMS })
      : jwtVerify(token, keys, { ...options, algorithms: PUBLIC_ALGORITHMS });
  return async (token) => {
    try {
      return (await verify(token)).payload;
    } catch (cause) {
      if (isRefused(cause)) return undefined;
      throw new FootbridgeError('legacy_unavailable', { detail: 'the keys of legacyToken', cause });
    }
  };
}

function publicKeysOf({ jwks, jwksUri }: LegacyTokenSettings): JWTVerifyGetKey {
  if (jwksUri !== undefined)
    return createRemoteJWKSet(new URL(jwksUri), { timeoutDuration: KEYS_TIMEOUT_MS });
  return createLocalJWKSet((jwks ?? { keys: [] }) as unknown as JSONWebKeySet);
}

/** The generic error is that of an answer which is no key set. */
function isRefused(error: unknown): boolean {
  const isOutage = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
  return error instanceof errors.JOSEError && !isOutage && error.code !== errors.JOSEError.code;
}

async function findUser(directory: Directory, subject: string, identifies: 'login' | 'subject') {
  if (identifies === 'subject') return directory.userBySub(subject);
  const entry = await directory.findByLogin(subject).catch((error: unknown) => {
    if (isFootbridgeError(error, 'user_ambiguous') || isFootbridgeError(error, 'mapping_failed'))
      return undefined;
    throw error;
  });
  return entry?.user;
}
