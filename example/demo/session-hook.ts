/** What Footbridge tells the shop at every login, checked: signed, fresh, never used before. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Clocks differ a little; an old message is somebody else's. */
const TOLERANCE_SECONDS = 300;

export interface HookRequest {
  /** `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`. */
  readonly signature: string;
  readonly body: Buffer;
  readonly unixSeconds: number;
}

export type HookResult = { readonly customerId: number } | { readonly refused: string };

export function readSessionHook(key: string): (request: HookRequest) => HookResult {
  // Bounded by time: signatures older than the tolerance are forgotten, for they are refused anyway.
  const used = new Map<string, number>();
  return ({ signature, body, unixSeconds }) => {
    const [, time, mac] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
    if (!time || !mac) return { refused: 'no signature' };
    const right = createHmac('sha256', key).update(`${time}.`).update(body).digest();
    if (!timingSafeEqual(right, Buffer.from(mac, 'hex'))) return { refused: 'wrong signature' };
    if (Math.abs(unixSeconds - Number(time)) > TOLERANCE_SECONDS) return { refused: 'too old or too new' };
    for (const [old, at] of used) if (unixSeconds - at > 2 * TOLERANCE_SECONDS) used.delete(old);
    if (used.has(mac)) return { refused: 'used before' };
    used.set(mac, unixSeconds);
    return customerIn(body);
  };
}

function customerIn(body: Buffer): HookResult {
  try {
    const { legacyId } = JSON.parse(body.toString('utf8')) as { legacyId?: unknown };
    if (typeof legacyId === 'string' && /^\d{1,9}$/.test(legacyId)) return { customerId: Number(legacyId) };
  } catch {
    // Falls through: signed nonsense is nonsense.
  }
  return { refused: 'no legacyId' };
}
