/** Time-based one-time passwords (RFC 6238 with SHA-1, six digits, 30 seconds): what every authenticator app does. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const PERIOD_SECONDS = 30;
/** A code is good for the step before and after as well: clocks differ (RFC 6238 section 5.2). */
const DRIFT_STEPS = [0, -1, 1];
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 section 6, without padding; undefined for anything else. */
export function base32(text: string): Buffer | undefined {
  const bare = text.toUpperCase().replace(/[\s=]/g, '');
  if (!/^[A-Z2-7]+$/.test(bare)) return undefined;
  const bits = [...bare]
    .map((character) => ALPHABET.indexOf(character).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

export function codeOfStep(seed: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', base32(seed) ?? '')
    .update(counter)
    .digest();
  const offset = mac.at(-1)! & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

export function stepAt(unixSeconds: number): number {
  return Math.floor(unixSeconds / PERIOD_SECONDS);
}

/** The step a code belongs to, or undefined when it is wrong; a store that remembers it can refuse a second use. */
export function stepOfCode(seed: string, code: string, unixSeconds: number): number | undefined {
  const typed = Buffer.from(code.replace(/\s/g, ''));
  const now = stepAt(unixSeconds);
  return DRIFT_STEPS.map((drift) => now + drift).find((step) => {
    const right = Buffer.from(codeOfStep(seed, step));
    return right.length === typed.length && timingSafeEqual(right, typed);
  });
}

/** What a QR code for an authenticator app holds. */
export function otpauthUri(seed: string, account: string): string {
  return `otpauth://totp/${encodeURIComponent(`Old Shop:${account}`)}?secret=${seed}&issuer=${encodeURIComponent('Old Shop')}`;
}
