/** Comparing what was signed, and reading what stands in cookies. */
import { hash, timingSafeEqual } from 'node:crypto';

/** In constant time, whatever the lengths. */
export const isSame = (a: string | Uint8Array, b: string | Uint8Array): boolean =>
  timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'));

/** A cookie's percent-encoded value; undefined where it is none, or no text without control characters. */
export function decodedCookie(value: string): string | undefined {
  if (value.length > MAX_COOKIE) return undefined;
  try {
    const decoded = decodeURIComponent(value);
    return /^[^\u0000-\u001f\u007f]+$/.test(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

/** Browsers keep no longer ones (RFC 6265 section 6.1). */
export const MAX_COOKIE = 4_096;
