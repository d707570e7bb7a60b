/**
 * Signatures over timestamp and raw body, as ZITADEL's Action targets carry them (pkg/actions/signing.go):
 * `t=<unix seconds>,v1=<hex>`, HMAC-SHA256(key, t + "." + body). We sign our own calls to legacy apps the same way.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../settings.ts';

export interface SigningKey {
  /** Names the key in audit records; not sent. */
  readonly id: string;
  readonly key: Secret;
}

export interface SignedCall {
  /** The header's value; several headers are no signature. */
  readonly header: string | undefined;
  /** The body as it came, before any parsing. */
  readonly body: Uint8Array;
  readonly nowSeconds: number;
}

export interface VerifiedSignature {
  readonly keyId: string;
  /** SHA-256 over key, time and signature: the same again is a replay. */
  readonly id: Buffer;
  /** Seconds since the epoch after which the timestamp is refused anyhow. */
  readonly expiresAt: number;
}

/** The header of signed calls between us and legacy apps. */
export const SIGNATURE_HEADER = 'footbridge-signature';
/** ZITADEL's own tolerance. */
export const TOLERANCE_SECONDS = 300;
/** A sender that rotates its key may send one signature per key. */
const MAX_SIGNATURES = 4;
const MAX_HEADER_LENGTH = 512;
const SIGNATURE_HEX = /^[0-9a-f]{64}$/i;

export function signBody(key: Secret, body: Uint8Array, nowSeconds: number): string {
  return `t=${nowSeconds},v1=${digest(key, String(nowSeconds), body).toString('hex')}`;
}

/** Undefined for whatever is not a signature by one of the keys within the tolerance. Never throws. */
export function verifySignature(
  call: SignedCall,
  keys: readonly SigningKey[],
): VerifiedSignature | undefined {
  const parsed = parse(call.header);
  if (!parsed || Math.abs(call.nowSeconds - Number(parsed.time)) > TOLERANCE_SECONDS) return undefined;
  for (const { id, key } of keys) {
    const expected = digest(key, parsed.time, call.body);
    // Every candidate is 32 bytes by now: timingSafeEqual throws on unequal lengths.
    if (!parsed.signatures.some((signature) => timingSafeEqual(signature, expected))) continue;
    const use = createHash('sha256').update(`${parsed.time}\0`).update(expected).digest();
    return { keyId: id, id: use, expiresAt: Number(parsed.time) + TOLERANCE_SECONDS };
  }
  return undefined;
}

function digest(key: Secret, time: string, body: Uint8Array): Buffer {
  return createHmac('sha256', key.reveal()).update(`${time}.`).update(body).digest();
}

function parse(header: string | undefined): { time: string; signatures: Buffer[] } | undefined {
  if (!header || header.length > MAX_HEADER_LENGTH) return undefined;
  const fields = header.split(',').map((field) => field.trim().split('=', 2) as [string, string | undefined]);
  const valuesOf = (name: string) => fields.flatMap(([key, value]) => (key === name && value ? [value] : []));
  const [time, ...otherTimes] = valuesOf('t');
  const signatures = valuesOf('v1').filter((value) => SIGNATURE_HEX.test(value));
  if (!time || !/^\d{1,12}$/.test(time) || otherTimes.length) return undefined;
  if (signatures.length === 0 || signatures.length > MAX_SIGNATURES) return undefined;
  return { time, signatures: signatures.map((value) => Buffer.from(value, 'hex')) };
}
