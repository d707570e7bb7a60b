/** Reports that were signed with the provider's keys, read again. */
import type { JWK } from 'jose';
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import type { Db } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import { loadKeys } from './keys.ts';

export type ReadReport =
  | { readonly kind: 'signed'; readonly kid: string; readonly payload: unknown }
  /** It is no JWS, or another text than was signed. */
  | { readonly kind: 'forged' }
  /** The key is not, or not any more, one of the provider's. */
  | { readonly kind: 'unknown-key'; readonly kid: string | undefined; readonly payload: unknown };

/** `jws`: compact, as `signWithProvider` writes it. The payload of an unknown key proves nothing by itself. */
export async function readSigned(db: Db, keyring: Keyring, jws: string): Promise<ReadReport> {
  const kid = kidOf(jws);
  if (!kid) return { kind: 'forged' };
  const key = (await loadKeys(db, keyring)).signing.find((one) => one.kid === kid.text);
  if (!key?.alg) {
    const payload = payloadOf(jws);
    return payload === undefined ? { kind: 'forged' } : { kind: 'unknown-key', kid: kid.text, payload };
  }
  try {
    // The algorithm is the key's, whatever the text says of itself.
    const { payload } = await compactVerify(jws, await importJWK(publicPart(key), key.alg), {
      algorithms: [key.alg],
    });
    return {
      kind: 'signed',
      kid: kid.text ?? '',
      payload: JSON.parse(Buffer.from(payload).toString('utf8')),
    };
  } catch {
    return { kind: 'forged' };
  }
}

function kidOf(jws: string): { readonly text: string | undefined } | undefined {
  try {
    return { text: decodeProtectedHeader(jws).kid };
  } catch {
    return undefined;
  }
}

function payloadOf(jws: string): unknown {
  try {
    return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

const publicPart = ({ kty, n, e, crv, x, y }: JWK): JWK =>
  JSON.parse(JSON.stringify({ kty, n, e, crv, x, y })) as JWK;
