/**
 * The body of a call of ZITADEL's Actions V2: its message as JSON, the same signed by the instance (PAYLOAD_TYPE_JWT),
 * or that again encrypted to us (PAYLOAD_TYPE_JWE). The instance's signature says which instance it is and nothing else:
 * there is no issuer, audience or time in it. So the HMAC of the hook's own key is asked for whatever the body looks like.
 */
import type { CompactDecryptGetKey, CompactVerifyGetKey, JWK } from 'jose';
import { compactDecrypt, compactVerify, createRemoteJWKSet, errors, importJWK } from 'jose';
import { foreignJson } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { OpenPayload, PayloadDeps } from '../hook.ts';

/** What the instance signs with (its web keys: RSA, ECDSA, Ed25519). */
const SIGNATURE_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** For RSA keys and for EC keys, as ZITADEL chooses by the key that it was given. */
const DECRYPTION = {
  keyManagementAlgorithms: ['RSA-OAEP-256', 'ECDH-ES+A256KW'],
  contentEncryptionAlgorithms: ['A256GCM'],
  maxDecompressedLength: 0,
};
/** jose's codes for a key set that was not answered, or not as one. */
const OUTAGES = ['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC'];
/** Where a body has a time, ZITADEL's own tolerance for its signatures. */
const TOLERANCE_SECONDS = 300;
const JWKS_TIMEOUT_MS = 3_000;
/** At most one question per this time for keys that nobody knows. */
const JWKS_COOLDOWN_MS = 5_000;

const COMPACT = /^[\w-]+(?:\.[\w-]*)+$/;
const JWT_SEGMENTS = 3;
const JWE_SEGMENTS = 5;

/** `api`: where the instance is; without it only JSON can be read. */
export function zitadelPayloads(
  { api }: { readonly api?: { readonly url: string } },
  deps: PayloadDeps,
): OpenPayload {
  const keys = api && instanceKeys(api.url);
  return async (hook, body) => {
    const text = textOf(body).trim();
    if (!COMPACT.test(text)) return parse(text);
    const segments = text.split('.').length;
    if (segments === JWE_SEGMENTS)
      return verified(await decrypted(text, await deps.decryptionKeys(hook)), keys, deps);
    if (segments === JWT_SEGMENTS) return verified(text, keys, deps);
    throw malformed('the body is neither JSON nor JWT nor JWE');
  };
}

/** Fetched when first needed, and again when a key is unknown. */
function instanceKeys(url: string): CompactVerifyGetKey {
  return createRemoteJWKSet(new URL('/oauth/v2/keys', url), {
    timeoutDuration: JWKS_TIMEOUT_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
  });
}

async function verified(
  jwt: string,
  keys: CompactVerifyGetKey | undefined,
  { nowSeconds }: PayloadDeps,
): Promise<unknown> {
  if (!keys)
    throw new FootbridgeError('bad_signature', { detail: 'the target has no api.url to verify with' });
  const { payload } = await compactVerify(jwt, keys, { algorithms: SIGNATURE_ALGORITHMS }).catch(refuse);
  const message = parse(textOf(payload));
  checkTimes(message as { iat?: unknown; exp?: unknown }, nowSeconds());
  return message;
}

/** Times are not there today; where they are, they hold (RFC 7519 section 4.1). */
function checkTimes({ iat, exp }: { iat?: unknown; exp?: unknown }, now: number): void {
  const isLate = typeof exp === 'number' && exp <= now - TOLERANCE_SECONDS;
  const isOutside = typeof iat === 'number' && Math.abs(now - iat) > TOLERANCE_SECONDS;
  if (isLate || isOutside)
    throw new FootbridgeError('bad_signature', { detail: 'its time is out of bounds' });
}

async function decrypted(jwe: string, keys: readonly Secret[]): Promise<string> {
  const keyOf: CompactDecryptGetKey = async ({ kid, alg }) => {
    const jwks = keys.map((key) => JSON.parse(key.reveal()) as JWK);
    // A key that ZITADEL does not name can only be the newest.
    const jwk = kid === undefined ? jwks[0] : jwks.find((candidate) => candidate.kid === kid);
    if (!jwk) throw new errors.JWKSNoMatchingKey();
    return importJWK(jwk, alg);
  };
  const { plaintext } = await compactDecrypt(jwe, keyOf, DECRYPTION).catch((error) => {
    throw new FootbridgeError('bad_signature', {
      detail: 'it does not open with the key of its hook',
      cause: error,
    });
  });
  const text = textOf(plaintext);
  // Encrypting needs nothing but our public key: what is inside has to be signed.
  if (!COMPACT.test(text) || text.split('.').length !== JWT_SEGMENTS)
    throw malformed('there is no JWT in the JWE');
  return text;
}

/** What is wrong with the body is the caller's; that the keys cannot be had is the target's. */
function refuse(error: unknown): never {
  const isBody = error instanceof errors.JOSEError && !OUTAGES.includes(error.code);
  throw new FootbridgeError(isBody ? 'bad_signature' : 'target_unavailable', {
    detail: isBody ? error.code : 'its public keys cannot be had',
    cause: error,
  });
}

function parse(text: string): unknown {
  try {
    const message: unknown = foreignJson(text);
    if (typeof message === 'object' && message !== null && !Array.isArray(message)) return message;
  } catch {
    // The parser's sentence quotes the body: it goes nowhere.
  }
  throw malformed('the body is not a JSON object');
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw malformed('the body is not UTF-8');
  }
}

const malformed = (detail: string) => new FootbridgeError('bad_request', { detail });
