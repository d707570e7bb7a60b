/** The key pair that an instance signs its tokens and JWT payloads with. */
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface InstanceKey {
  readonly kid: string;
  readonly publicJwk: JWK;
  sign(claims: Record<string, unknown>): Promise<string>;
}

/** Made once per process: generating RSA keys takes longer than most tests. */
let pair: Promise<{ privateKey: CryptoKey; publicKey: CryptoKey }> | undefined;

export async function instanceKey(kid = '200000000000000001'): Promise<InstanceKey> {
  pair ??= generateKeyPair('RS256', { extractable: true });
  const { privateKey, publicKey } = await pair;
  return {
    kid,
    publicJwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' },
    sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey),
  };
}
