/**
 * What Footbridge and the shop tell each other about sessions. What comes from Footbridge is checked: signed, fresh, never
 * used before.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Clocks differ a little; an old message is somebody else's. */
const TOLERANCE_SECONDS = 300;
/** How long somebody who signs out waits at most. */
const TELL_MS = 1_500;

export interface HookRequest {
  /** `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`. */
  readonly signature: string;
  readonly body: Buffer;
  readonly unixSeconds: number;
}

/** Whose session, or which: the shop's own id of it, or what the browser's cookie holds. */
export interface HookCall {
  readonly customerId?: number;
  readonly session?: { readonly id?: string; readonly cookie?: string };
}
export type HookResult = HookCall | { readonly refused: string };

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
    return callIn(body);
  };
}

interface Told {
  readonly legacyId?: unknown;
  readonly session?: { readonly id?: unknown; readonly cookies?: { readonly shop_session?: unknown } };
}

const TEXT = /^[A-Za-z0-9_-]{1,100}$/;
const textOf = (value: unknown) => (typeof value === 'string' && TEXT.test(value) ? value : undefined);

function callIn(body: Buffer): HookResult {
  const told = toldIn(body);
  const id = textOf(told.session?.id);
  const cookie = textOf(told.session?.cookies?.shop_session);
  const customer = textOf(told.legacyId);
  const customerId = customer && /^\d{1,9}$/.test(customer) ? Number(customer) : undefined;
  const session = id ? { id } : cookie ? { cookie } : undefined;
  if (!session && customerId === undefined) return { refused: 'neither legacyId nor session' };
  return { ...(customerId === undefined ? {} : { customerId }), ...(session ? { session } : {}) };
}

function toldIn(body: Buffer): Told {
  try {
    return (JSON.parse(body.toString('utf8')) ?? {}) as Told;
  } catch {
    // Signed nonsense is nonsense.
    return {};
  }
}

/** Tells Footbridge that somebody has signed out here; true if it heard. The shop does not wait for it to come back. */
export async function tellSignedOut(
  { issuer, key }: { readonly issuer: string; readonly key: string },
  told: { readonly legacyId: string; readonly session: string },
): Promise<boolean> {
  const body = JSON.stringify(told);
  const time = Math.floor(Date.now() / 1000);
  const mac = createHmac('sha256', key).update(`${time}.${body}`).digest('hex');
  const answer = await fetch(`${issuer}/legacy/sessions/ended`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'footbridge-signature': `t=${time},v1=${mac}` },
    body,
    signal: AbortSignal.timeout(TELL_MS),
  }).catch(() => undefined);
  return answer?.ok ?? false;
}
