/** Events: pushed to us with a signature, and read again where pushes were lost (its guide “Receiving events”). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { foreignJson } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { Exchanged } from '../exchange.ts';
import type { Target } from '../target.ts';
import type { TargetEvent, TargetWebhook } from '../webhook.ts';
import type { HubApi } from './api.ts';
import { hasNext, openHubApi } from './api.ts';
import { hubEvent, targetEvent } from './events.ts';
import { asFootbridgeError, HubError } from './hub-error.ts';
import { basic } from './hub-target.ts';

/** Of a page; the hub's. */
const PAGE = 100;
/** Where the settings say nothing of signing in. */
const TIMEOUT_MS = 10_000;

export interface HubWebhookDeps {
  readonly nowSeconds?: () => number;
}

/** Undefined without `hub.webhook`. Calls nobody yet. */
export function openHubWebhook(
  { hub, signIn }: Pick<Target, 'hub' | 'signIn'>,
  deps: HubWebhookDeps = {},
): TargetWebhook | undefined {
  if (!hub?.webhook) return undefined;
  const { secret, eventsUrl, app, password } = hub.webhook;
  const read: TargetWebhook['read'] = (headers, body) => {
    checkSignature([headers['x-loom-signature']].flat()[0], body, secret);
    return eventOf(body);
  };
  if (eventsUrl === undefined || app === undefined || password === undefined)
    return { read, close: async () => undefined };
  const api = openHubApi({ origin: eventsUrl, timeoutMs: signIn?.timeoutMs ?? TIMEOUT_MS, ...deps });
  const authorization = basic(app, password);
  return {
    read,
    replay: (since, page) => replayed(api, { authorization, since, page }),
    close: () => api.close(),
  };
}

/** `X-Loom-Signature`: HMAC-SHA256 over the bytes that came, in hexadecimal digits. */
function checkSignature(header: string | undefined, body: Buffer, secret: Secret): void {
  const given = /^[0-9a-f]{64}$/i.test(header ?? '') ? Buffer.from(header!, 'hex') : undefined;
  const right = createHmac('sha256', secret.reveal()).update(body).digest();
  if (!given || !timingSafeEqual(given, right))
    throw new FootbridgeError('bad_signature', { detail: 'an event of the hub' });
}

function eventOf(body: Buffer): TargetEvent {
  const { success, data } = hubEvent.safeParse(jsonOf(body));
  if (!success) throw new FootbridgeError('bad_request', { detail: 'this is no event of the hub' });
  return targetEvent(data);
}

function jsonOf(body: Buffer): unknown {
  try {
    return foreignJson(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

interface Replay {
  readonly authorization: string;
  readonly since: Date;
  readonly page: number;
}

/** Throws target_unavailable, target_refused. */
async function replayed(api: HubApi, { authorization, since, page }: Replay) {
  // To the second and without a zone, as its guide shows it; it is UTC.
  const from = since.toISOString().slice(0, 19);
  const query = new URLSearchParams({ 'filter[from]': from, page: String(page) });
  try {
    const answer = await api.ask({ method: 'GET', path: `/api/v1/events?${query}`, authorization });
    const all: unknown = answer.document;
    if (!Array.isArray(all))
      throw new HubError({
        status: 200,
        reason: 'not_as_documented',
        message: 'GET /api/v1/events answers no list',
      });
    const events = all.flatMap((one) => {
      // One that cannot be read must not keep us from the others.
      const { success, data } = hubEvent.safeParse(one);
      return success ? [targetEvent(data)] : [];
    });
    return {
      events: events.sort((a, b) => a.at.getTime() - b.at.getTime()),
      isLast: isLast(answer, all.length, page),
    };
  } catch (error) {
    throw asFootbridgeError(error);
  }
}

/** By `Total-Count`, else by RFC 8288's `Link`. An empty page is the last, whatever they say. */
function isLast(answer: Exchanged, count: number, page: number): boolean {
  const total = answer.header('total-count');
  if (count > 0 && /^\d{1,12}$/.test(total)) return page * PAGE >= Number(total);
  return count === 0 || (count < PAGE && !hasNext(answer));
}
