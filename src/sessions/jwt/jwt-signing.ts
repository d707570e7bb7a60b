/** Signing a token as a legacy app does: a shared key, or a private JWK (RFC 7517, RFC 7518). */
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { SignJWT } from 'jose';
import type { Secret } from '../../settings.ts';

/** Never both in one place: whoever has the public key could otherwise sign with it as a shared one. */
export const SHARED_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export const PUBLIC_ALGORITHMS = [
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
] as const;
export const SIGNING_ALGORITHMS = [...SHARED_ALGORITHMS, ...PUBLIC_ALGORITHMS] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

export interface Signer {
  readonly alg: SigningAlgorithm;
  /** What proves a signature: the public half, or the shared key itself. */
  readonly proof: KeyObject;
  sign(claims: JWTPayload): Promise<string>;
}

const SHARED_KEY_BYTES = { HS256: 32, HS384: 48, HS512: 64 } as const;
const MIN_RSA_BITS = 2_048;
/** By key type and curve. */
const FITTING: Readonly<Record<string, readonly SigningAlgorithm[]>> = {
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
  ed25519: ['EdDSA'],
};

/** What is wrong with the key or with its algorithm, without anything of the key. */
export function signingProblem(key: Secret | undefined, alg?: SigningAlgorithm): string | undefined {
  if (!key) return 'expected a key to sign with';
  try {
    signerOf(key, alg);
    return undefined;
  } catch (error) {
    return error instanceof UnfitKey ? error.message : 'expected a private key as JWK (RFC 7517)';
  }
}

class UnfitKey extends Error {}

/** Throws where `signingProblem` says something. */
export function signerOf(key: Secret, wanted?: SigningAlgorithm): Signer {
  const text = key.reveal().trim();
  const { alg, kid, signing, proof } = text.startsWith('{')
    ? privateKeyOf(JSON.parse(text), wanted)
    : sharedKeyOf(key.reveal(), wanted);
  const header = { alg, typ: 'JWT', ...(kid === undefined ? {} : { kid }) };
  return { alg, proof, sign: (claims) => new SignJWT(claims).setProtectedHeader(header).sign(signing) };
}

interface Keys {
  readonly alg: SigningAlgorithm;
  readonly kid?: string | undefined;
  readonly signing: KeyObject;
  readonly proof: KeyObject;
}

function sharedKeyOf(text: string, wanted: SigningAlgorithm = 'HS256'): Keys {
  const bytes = Buffer.from(text);
  const needed = SHARED_KEY_BYTES[wanted as keyof typeof SHARED_KEY_BYTES];
  if (needed === undefined) throw new UnfitKey(`${wanted} needs a private key as JWK`);
  if (bytes.length < needed) throw new UnfitKey(`${wanted} needs a shared key of at least ${needed} bytes`);
  const signing = createSecretKey(bytes);
  return { alg: wanted, signing, proof: signing };
}

function privateKeyOf(jwk: { kid?: unknown; alg?: unknown }, wanted?: SigningAlgorithm): Keys {
  const signing = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
  const { namedCurve, modulusLength = MIN_RSA_BITS } = signing.asymmetricKeyDetails ?? {};
  const fitting = FITTING[namedCurve ?? signing.asymmetricKeyType ?? ''] ?? [];
  const alg = wanted ?? fitting.find((candidate) => candidate === jwk.alg) ?? fitting[0];
  if (!alg || !fitting.includes(alg))
    throw new UnfitKey(`this key does not sign with ${alg ?? 'any algorithm'}`);
  if (modulusLength < MIN_RSA_BITS) throw new UnfitKey(`an RSA key has at least ${MIN_RSA_BITS} bits`);
  const kid = typeof jwk.kid === 'string' ? jwk.kid : undefined;
  return { alg, kid, signing, proof: createPublicKey(signing) };
}
