/** Time-based one-time passwords (RFC 6238) and the base 32 their seeds are kept in (RFC 4648 section 6). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { TotpSecret } from '../user.ts';

export interface TotpOptions {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** The last step this secret was used for: it and everything before are refused (RFC 6238 section 5.2). */
  readonly lastStep?: number;
}

/** Steps accepted before and after the present one: clocks drift (RFC 6238 section 5.2). */
const WINDOW = 1;

/** The step a right code belongs to, to be kept as `lastStep`; `undefined` when it is wrong or was used. */
export function verifyTotp(
  secret: TotpSecret,
  code: string,
  { nowMs, lastStep = -1 }: TotpOptions,
): { step: number } | undefined {
  if (secret.secret.length === 0 || code.length !== secret.digits || !/^\d+$/.test(code)) return undefined;
  const now = Math.floor(nowMs / 1000 / secret.periodSeconds);
  let matching = -1;
  // All steps are computed and compared, so that the time does not tell which one it was.
  for (let step = Math.max(0, now - WINDOW); step <= now + WINDOW; step += 1) {
    if (timingSafeEqual(Buffer.from(codeAt(secret, step)), Buffer.from(code))) matching = step;
  }
  return matching > lastStep ? { step: matching } : undefined;
}

/** HOTP with the step as counter (RFC 4226 section 5.3). */
function codeAt({ secret, digits, algorithm }: TotpSecret, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac(algorithm, secret).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0xf;
  const truncated = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(truncated % 10 ** digits).padStart(digits, '0');
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Seeds have 10 to 64 bytes; this is ten times that. */
const MAX_BASE32_LENGTH = 1024;

/** Base 32 in either case; blanks, dashes and padding are skipped, as people type it. `undefined`: not base 32. */
export function decodeBase32(text: string): Uint8Array | undefined {
  const digits = text
    .replace(/[\s-]/g, '')
    .replace(/={1,6}$/, '')
    .toUpperCase();
  // One, three or six digits in the last group are no whole number of bytes.
  if (digits.length > MAX_BASE32_LENGTH || [1, 3, 6].includes(digits.length % 8)) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const digit of digits) {
    const number = ALPHABET.indexOf(digit);
    if (number < 0) return undefined;
    value = ((value << 5) | number) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >>> bits) & 0xff);
    }
  }
  return bytes.length > 0 ? Uint8Array.from(bytes) : undefined;
}

/** RFC 4648 section 6 without padding, as authenticator apps and targets want it. */
export function encodeBase32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? [])
    .map((group) => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)])
    .join('');
}
