/** Public keys of WebAuthn credentials in every dress stores keep them in, as the COSE_Key (RFC 9052 section 7) they are. */
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { decodePartialCBOR, encodeCBOR } from '@levischuck/tiny-cbor';

/** Labels of COSE_Key parameters and values (RFC 9052 section 7.1, RFC 9053 section 7, RFC 8230 section 4). */
const KTY = 1;
const ALG = 3;
const CURVES: Readonly<Record<string, readonly [crv: number, alg: number]>> = {
  'P-256': [1, -7],
  'P-384': [2, -35],
  'P-521': [3, -36],
  Ed25519: [6, -8],
};
const RS256 = -257;
/** An RSA key of 8,192 bits has a little more than 1,024. */
const MAX_KEY_BYTES = 2_048;
const DER_SEQUENCE = 0x30;
/** An uncompressed point of P-256 (SEC 1 section 2.3.3), as U2F kept it. */
const POINT = 0x04;
const POINT_BYTES = 65;

/** Bytes (COSE, SPKI, a bare point), a PEM text, or a JWK. `undefined`: no public key that can verify an assertion. */
export function coseKeyOf(key: Uint8Array | string | object): Uint8Array<ArrayBuffer> | undefined {
  try {
    if (key instanceof Uint8Array) return fromBytes(Uint8Array.from(key));
    return fromKey(
      createPublicKey(typeof key === 'string' ? key : { key: key as JsonWebKey, format: 'jwk' }),
    );
  } catch {
    return undefined;
  }
}

function fromBytes(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  if (bytes.length === 0 || bytes.length > MAX_KEY_BYTES) return undefined;
  if (bytes[0] === DER_SEQUENCE)
    return fromKey(createPublicKey({ key: Buffer.from(bytes), format: 'der', type: 'spki' }));
  if (bytes[0] === POINT && bytes.length === POINT_BYTES) return fromPoint(Buffer.from(bytes));
  const map = decodePartialCBOR(bytes, 0)[0];
  const isKey = map instanceof Map && typeof map.get(KTY) === 'number' && typeof map.get(ALG) === 'number';
  return isKey ? bytes : undefined;
}

function fromPoint(point: Buffer): Uint8Array<ArrayBuffer> | undefined {
  const coordinate = (from: number) => point.subarray(from, from + 32).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) };
  return fromKey(createPublicKey({ key: jwk, format: 'jwk' }));
}

function fromKey(key: KeyObject): Uint8Array<ArrayBuffer> | undefined {
  const { kty, crv = '', x = '', y, n = '', e = '' } = key.export({ format: 'jwk' });
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'base64url'));
  if (kty === 'RSA')
    return encode([
      [KTY, 3],
      [ALG, RS256],
      [-1, bytes(n)],
      [-2, bytes(e)],
    ]);
  const curve = CURVES[crv];
  if (!curve) return undefined;
  const [id, alg] = curve;
  return kty === 'EC'
    ? encode([
        [KTY, 2],
        [ALG, alg],
        [-1, id],
        [-2, bytes(x)],
        [-3, bytes(y ?? '')],
      ])
    : encode([
        [KTY, 1],
        [ALG, alg],
        [-1, id],
        [-2, bytes(x)],
      ]);
}

const encode = (entries: [number, number | Uint8Array<ArrayBuffer>][]) =>
  Uint8Array.from(encodeCBOR(new Map(entries)));
