/** Who has signed a pack, as far as the pack itself and what one was told by another way can say. */
import type { JWK } from 'jose';
import { calculateJwkThumbprint, compactVerify, decodeProtectedHeader, importJWK } from 'jose';

export type Signature =
  /** Good, and by the key that was named. */
  | { readonly kind: 'good'; readonly thumbprint: string }
  /** Good, and nobody has said which key it has to be. */
  | { readonly kind: 'unnamed'; readonly thumbprint: string }
  /** Good, and by another key than the one that was named. */
  | { readonly kind: 'unknown-key'; readonly thumbprint: string }
  /** The pack has no key by which it could be looked at. */
  | { readonly kind: 'no-key'; readonly kid: string | undefined }
  /** Of another text, or no signature at all. */
  | { readonly kind: 'wrong' }
  | { readonly kind: 'missing' };

const ALGORITHMS: ReadonlySet<string> = new Set(['RS256', 'ES256']);

export interface SignatureInput {
  /** What has to be signed. */
  readonly text: string;
  readonly jws: string | undefined;
  /** `keys.json`, parsed. */
  readonly keys: unknown;
  /** RFC 7638, as it was told by another way. */
  readonly wanted?: string | undefined;
}

export async function signatureOf({ text, jws, keys, wanted }: SignatureInput): Promise<Signature> {
  if (jws === undefined) return { kind: 'missing' };
  const kid = kidOf(jws);
  if (kid === null) return { kind: 'wrong' };
  const key = keysIn(keys).find((one) => one.kid === kid);
  const thumbprint = key && (await calculateJwkThumbprint(key).catch(() => undefined));
  // A key is who its thumbprint says, not who it says itself.
  if (!key?.alg || !ALGORITHMS.has(key.alg) || thumbprint === undefined || thumbprint !== kid)
    return { kind: 'no-key', kid };
  try {
    // The algorithm is the key's, whatever the signature says of itself.
    const { payload } = await compactVerify(jws.trim(), await importJWK(key, key.alg), {
      algorithms: [key.alg],
    });
    if (Buffer.from(payload).toString('utf8') !== text) return { kind: 'wrong' };
  } catch {
    return { kind: 'wrong' };
  }
  if (wanted === undefined) return { kind: 'unnamed', thumbprint };
  return { kind: wanted === thumbprint ? 'good' : 'unknown-key', thumbprint };
}

function kidOf(jws: string): string | undefined | null {
  try {
    return decodeProtectedHeader(jws.trim()).kid;
  } catch {
    return null;
  }
}

function keysIn(document: unknown): JWK[] {
  const { keys } = (document ?? {}) as { readonly keys?: unknown };
  return Array.isArray(keys) ? keys.filter((one) => typeof one === 'object' && one !== null) : [];
}
