/** What the stand-in signs with: the tokens that it calls others with (`CIDAAS_OAUTH2`), and its `/.well-known/jwks.json`. */
import { randomUUID } from 'node:crypto';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

const TOKEN_SECONDS = 300;

export interface Signing {
  jwks(): { readonly keys: readonly JWK[] };
  /** A token of this client’s own; `claims` replace what stands in it, and take away where they are undefined. */
  token(clientId: string, claims?: Readonly<Record<string, unknown>>): Promise<string>;
  /** From now on it signs with another key, and shows only that one. */
  rotate(): Promise<void>;
}

/** `issuer` is asked for when a token is made. */
export async function openSigning(issuer: () => string): Promise<Signing> {
  let current: { readonly key: CryptoKey; readonly jwk: JWK };
  const rotate = async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: randomUUID(), alg: 'RS256', use: 'sig' };
    current = { key: privateKey, jwk };
  };
  await rotate();
  return {
    rotate,
    jwks: () => ({ keys: [current.jwk] }),
    async token(clientId, claims = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const own = { iss: issuer(), aud: clientId, clientid: clientId, sub: 'ANONYMOUS', jti: randomUUID() };
      const payload = { ...own, iat: now, exp: now + TOKEN_SECONDS, ...claims };
      const kid = current.jwk.kid!;
      return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid }).sign(current.key);
    },
  };
}
