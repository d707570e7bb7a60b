/** Who speaks for the legacy store: by a signature with one of its keys, or by an access token with the scope `sync:write`. */
import type { IncomingHttpHeaders } from 'node:http';
import { nowSeconds } from '../../clock.ts';
import { FootbridgeError } from '../../errors.ts';
import type { CallerDeps } from '../../migration/caller.ts';
import { bearerOf, challengeOf } from '../../migration/caller.ts';
import type { SigningKey } from '../../migration/signature.ts';
import { SIGNATURE_HEADER, verifySignature } from '../../migration/signature.ts';
import type { SignedCallDeps, SignedRequest } from '../../migration/signed-calls.ts';
import { signatureHeader, takeOnce } from '../../migration/signed-calls.ts';

export const SCOPE = 'sync:write';

export interface TellingDeps extends SignedCallDeps {
  readonly resolveToken: CallerDeps['resolveToken'];
  readonly hmacKeys: readonly SigningKey[];
}

/** What uses the signature up. Throws unauthorized, bad_signature, insufficient_scope, storage_unavailable; it throws replayed. */
export async function authenticate(
  deps: TellingDeps,
  { headers, body }: SignedRequest,
): Promise<() => Promise<void>> {
  const header = signatureHeader(headers, [SIGNATURE_HEADER]);
  if (headers.authorization === undefined && header !== undefined) {
    const seconds = (deps.nowSeconds ?? nowSeconds)();
    const signature = verifySignature({ header, body, nowSeconds: seconds }, deps.hmacKeys);
    if (!signature) throw new FootbridgeError('bad_signature');
    return () => takeOnce(deps, signature);
  }
  const token = bearerOf(headers);
  const caller = token && (await deps.resolveToken(token));
  if (!caller) throw new FootbridgeError('unauthorized', { detail: 'the access token is not valid' });
  if (!caller.scopes.includes(SCOPE)) throw new FootbridgeError('insufficient_scope', { detail: SCOPE });
  return async () => undefined;
}

/** The challenge of a 401 or 403 (RFC 6750 section 3), if the error is one. */
export const challenge = (error: FootbridgeError, headers: IncomingHttpHeaders): string | undefined =>
  error.code === 'insufficient_scope'
    ? `Bearer realm="footbridge", error="insufficient_scope", scope="${SCOPE}"`
    : challengeOf(error, headers, 'migration:write');
