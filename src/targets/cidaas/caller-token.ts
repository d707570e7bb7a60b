/**
 * That a call comes with a token of the one client that cidaas calls as (its `CIDAAS_OAUTH2`): a JWT that the tenant has
 * signed (RFC 7519, RFC 8725). A person's token is none, though it may be for that client.
 */
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { FootbridgeError } from '../../errors.ts';
import type { WebhookSettings } from '../webhook-settings.ts';
import type { KeyOf, SigningKeys } from './signing-keys.ts';

export interface TokenRules extends NonNullable<WebhookSettings['oauth']> {
  readonly issuer: string;
}

/** Never one with a shared key, whatever the header says. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_SECONDS = 30;
/** Nobody's token is longer; Node takes 16 KiB of headers. */
const MAX_LENGTH = 12_000;

/** Throws unauthorized, target_unavailable. */
export async function checkCallerToken(
  authorization: string | undefined,
  rules: TokenRules,
  { keys, nowSeconds }: { readonly keys: SigningKeys; readonly nowSeconds: () => number },
): Promise<void> {
  const [, token = ''] = /^Bearer +([\w.-]+)$/i.exec(authorization ?? '') ?? [];
  // Nobody is asked for keys for the sake of a token that would not do with any.
  const kid = kidOf(token, rules);
  const payload = await verified(token, await keys.setFor(kid), {
    algorithms: ALGORITHMS,
    issuer: rules.issuer,
    requiredClaims: ['exp'],
    clockTolerance: CLOCK_SECONDS,
    currentDate: new Date(nowSeconds() * 1_000),
    ...(rules.audience !== undefined && { audience: rules.audience }),
  });
  if (!isOf(payload, rules.clientId)) throw stranger('it is not the client’s own');
}

function kidOf(token: string, { issuer, clientId }: TokenRules): string | undefined {
  if (token === '' || token.length > MAX_LENGTH) throw stranger('there is none');
  try {
    const { alg = '', kid } = decodeProtectedHeader(token);
    const payload = decodeJwt(token);
    if (ALGORITHMS.includes(alg) && payload.iss === issuer && isOf(payload, clientId)) return kid;
  } catch {
    // Told below: what cannot be read quotes what came.
  }
  throw stranger('it is not one of this tenant’s for the client');
}

async function verified(token: string, keyOf: KeyOf, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keyOf, options)).payload;
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return withOneOf(error, token, options);
    throw stranger(error instanceof errors.JOSEError ? error.code : 'it cannot be read');
  }
}

/** The token does not name its key. */
async function withOneOf(
  many: errors.JWKSMultipleMatchingKeys,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of many) {
    const result = await jwtVerify(token, key, options).catch(() => undefined);
    if (result) return result.payload;
  }
  throw stranger('no key of the tenant has signed it');
}

/** Which member names the client is not documented; where there is one, it names no other. A person's token has their sub. */
function isOf({ sub, azp, client_id, clientid, aud }: JWTPayload, clientId: string): boolean {
  if (sub !== undefined && sub !== clientId && sub !== 'ANONYMOUS') return false;
  const named = [azp, client_id, clientid].filter((one) => one !== undefined);
  if (named.length > 0) return named.every((one) => one === clientId);
  return sub === clientId || [aud].flat().includes(clientId);
}

const stranger = (why: string) =>
  new FootbridgeError('unauthorized', {
    detail: `a call to a webhook with a token that is not good: ${why}`,
  });
