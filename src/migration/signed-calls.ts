/** Takes each signed call once: the same signature again is a replay, on whichever node it arrives. */

import type { IncomingHttpHeaders } from 'node:http';
import { nowSeconds } from '../clock.ts';
import { FootbridgeError } from '../errors.ts';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { SigningKey, VerifiedSignature } from './signature.ts';
import { verifySignature } from './signature.ts';

export interface SignedCallDeps {
  readonly db: Queryable;
  /** Seconds since the epoch; the system's clock by default. */
  readonly nowSeconds?: () => number;
}

export interface SignedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

/** The first of the named headers that is there. */
export function signatureHeader(headers: IncomingHttpHeaders, names: readonly string[]): string | undefined {
  const value = names.map((name) => headers[name]).find((candidate) => candidate !== undefined);
  return Array.isArray(value) ? value.join(',') : value;
}

const SEE =
  statement(`insert into seen_signatures (id, expires_at) values ($1, to_timestamp($2::double precision))
  on conflict do nothing returning id`);

/** The id of the key that signed. Throws bad_signature, replayed, storage_unavailable. */
export async function takeSignedCall(
  deps: SignedCallDeps,
  call: { header: string | undefined; body: Uint8Array },
  keys: readonly SigningKey[],
): Promise<string> {
  const signature = verifySignature({ ...call, nowSeconds: (deps.nowSeconds ?? nowSeconds)() }, keys);
  if (!signature) throw new FootbridgeError('bad_signature');
  await takeOnce(deps, signature);
  return signature.keyId;
}

/** Throws replayed, storage_unavailable. */
export async function takeOnce({ db }: SignedCallDeps, signature: VerifiedSignature): Promise<void> {
  const [first] = await db.run(SEE, [signature.id, signature.expiresAt]);
  if (!first) throw new FootbridgeError('replayed');
}

/** Two tolerances later, so that a node with a slow clock cannot take the call again. */
export const SWEEP_SIGNATURES = statement(`with gone as (delete from seen_signatures where id in (
    select id from seen_signatures where expires_at < now() - interval '300 seconds' limit $1) returning 1)
  select count(*)::int as gone from gone`);
