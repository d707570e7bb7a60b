/**
 * Webhooks of the stand-in: asynchronous, at least once, with the three ways that it proves itself in, and again after 1, 5
 * and 10 minutes where they were not answered with 200. What is in a call is our assumption: what happened, to whom, when,
 * and by whom; nothing personal. The minutes pass when a test says so (`tick`).
 */
import { createHmac, randomUUID } from 'node:crypto';
import type { Signing } from './signing.ts';

export interface Happened {
  readonly event: string;
  readonly sub: string;
  /** A person’s sub, or the client id of an app. */
  readonly actor: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface WebhookSetup {
  readonly id: string;
  readonly auth_type: 'APIKEY' | 'TOTP' | 'CIDAAS_OAUTH2';
  readonly url: string;
  readonly events: readonly string[];
  readonly apikeyDetails?: Readonly<Record<'apikey_placeholder' | 'apikey_placement' | 'apikey', string>>;
  readonly totpDetails?: Readonly<Record<'totp_placeholder' | 'totp_placement' | 'totpkey', string>>;
  readonly cidaasAuthDetails?: { readonly client_id: string };
  readonly disable?: boolean;
}

interface Delivery {
  readonly setup: WebhookSetup;
  readonly body: string;
  readonly tries: number;
  /** By the minutes that have passed. */
  readonly due: number;
}

/** Documented: after the first try three more, after so many minutes each. */
const RETRY_MINUTES = [1, 5, 10];
const TIMEOUT_MS = 10_000;

const defaultBody = ({ event, sub, actor, at }: Happened): unknown => ({
  event_type: event,
  sub,
  event_time: new Date(at).toISOString(),
  tenant_key: 'stand-in',
  actor,
});

export type Webhooks = ReturnType<typeof openWebhooks>;

export function openWebhooks(signing: Signing) {
  const setups = new Map<string, WebhookSetup>();
  const underWay = new Set<Promise<void>>();
  let waiting: Delivery[] = [];
  let minutes = 0;
  let [losing, doubling, isHeld] = [0, 0, false];
  let bodyOf = defaultBody;
  const happened: Happened[] = [];
  const answers: number[] = [];
  const givenUp: string[] = [];

  const attempt = async (delivery: Delivery) => {
    const status = await send(delivery.setup, delivery.body, signing);
    answers.push(status);
    if (status === 200) return;
    const pause = RETRY_MINUTES[delivery.tries];
    if (pause === undefined) givenUp.push(delivery.body);
    else waiting.push({ ...delivery, tries: delivery.tries + 1, due: minutes + pause });
  };
  const start = (delivery: Delivery) => {
    const work = attempt(delivery).finally(() => underWay.delete(work));
    underWay.add(work);
  };
  const deliverDue = () => {
    const due = waiting.filter((one) => one.due <= minutes);
    waiting = waiting.filter((one) => one.due > minutes);
    for (const one of due) start(one);
  };

  return {
    setups,
    /** Everything that has happened, whoever heard of it. */
    happened,
    /** The status of each call; 0: nobody answered. */
    answers,
    /** The bodies that were not taken with any of the four tries. */
    givenUp,
    tell(event: string, sub: string, actor: string): void {
      const one = { event, sub, actor, at: Date.now() };
      happened.push(one);
      if (losing > 0) {
        losing -= 1;
        return;
      }
      const times = doubling > 0 ? 2 : 1;
      if (doubling > 0) doubling -= 1;
      const body = JSON.stringify(bodyOf(one));
      for (const setup of setups.values()) {
        if (setup.disable || !setup.events.includes(event)) continue;
        for (let time = 0; time < times; time += 1) waiting.push({ setup, body, tries: 0, due: minutes });
      }
      if (!isHeld) setImmediate(deliverDue);
    },
    knobs: {
      /** The next so many events are told to nobody. */
      lose: (count = 1) => {
        losing = count;
      },
      /** The next so many events are told twice. */
      double: (count = 1) => {
        doubling = count;
      },
      /** Nothing is sent until `release`. */
      hold: () => {
        isHeld = true;
      },
      /** In this order; as it happened by default. */
      release(order: <T>(all: readonly T[]) => readonly T[] = (all) => all) {
        isHeld = false;
        waiting = [...order(waiting)];
        deliverDue();
      },
      /** Lets time pass, a minute after the other, and waits for what is sent in it. */
      async tick(count = 1) {
        for (let passed = 0; passed < count; passed += 1) {
          minutes += 1;
          if (!isHeld) deliverDue();
          await settled();
        }
      },
      /** Until everything that is due was answered. */
      settled,
      /** How many calls wait for their time. */
      waiting: () => waiting.length,
      /** Another shape of the calls. */
      sayAs: (body: (one: Happened) => unknown) => {
        bodyOf = body;
      },
    },
  };

  async function settled(): Promise<void> {
    do {
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.all(underWay);
    } while (underWay.size > 0 || (!isHeld && waiting.some((one) => one.due <= minutes)));
  }
}

async function send(setup: WebhookSetup, body: string, signing: Signing): Promise<number> {
  const url = new URL(setup.url);
  const headers = new Headers({ 'content-type': 'application/json', 'user-agent': 'stand-in' });
  const put = (placement: string, name: string, value: string) =>
    placement === 'query' ? url.searchParams.set(name, value) : headers.set(name, value);
  const { apikeyDetails: key, totpDetails: totp, cidaasAuthDetails: app } = setup;
  if (key) put(key.apikey_placement, key.apikey_placeholder, key.apikey);
  if (totp) put(totp.totp_placement, totp.totp_placeholder, codeOf(totp.totpkey, Date.now()));
  if (app) put('header', 'authorization', `Bearer ${await signing.token(app.client_id)}`);
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

/** RFC 6238 with what it suggests: SHA-1, six digits, thirty seconds. The key is base 32. */
export function codeOf(key: string, nowMs: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...key].map((digit) => alphabet.indexOf(digit).toString(2).padStart(5, '0')).join('');
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(nowMs / 30_000)));
  const mac = createHmac('sha1', bytes).update(counter).digest();
  const at = mac[19]! & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** What is wrong with it; undefined where it may be kept. Up to twenty, and no event twice for one address. */
export function problemWithSetup(
  { url, events, auth_type, ...details }: Omit<WebhookSetup, 'id'>,
  others: readonly WebhookSetup[],
): string | undefined {
  if (!/^https?:\/\/./.test(String(url))) return 'invalid url';
  if (!Array.isArray(events) || events.length === 0) return 'events are required';
  if (others.length >= 20) return 'no more than 20 webhooks';
  const isTwice = others.some((one) => one.url === url && one.events.some((event) => events.includes(event)));
  if (isTwice) return 'the url is used for the same event already';
  const isPlaced = (text: unknown) => text === 'header' || text === 'query';
  const { apikeyDetails: key, totpDetails: totp, cidaasAuthDetails: app } = details;
  if (auth_type === 'APIKEY')
    return key?.apikey && key.apikey_placeholder && isPlaced(key.apikey_placement)
      ? undefined
      : 'apikeyDetails are required';
  if (auth_type === 'TOTP')
    return /^[A-Z2-7]{16,}$/.test(totp?.totpkey ?? '') && isPlaced(totp?.totp_placement)
      ? undefined
      : 'totpDetails are required';
  return auth_type === 'CIDAAS_OAUTH2' && app?.client_id ? undefined : 'invalid auth_type';
}

export const newSetup = (given: Omit<WebhookSetup, 'id'>): WebhookSetup => ({ ...given, id: randomUUID() });
