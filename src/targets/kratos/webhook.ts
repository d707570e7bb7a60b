/**
 * What Kratos tells through its `web_hook` actions after a flow, with a body that docs/targets/ory.md has. It knows no events
 * that could be read again, and tells of nothing that an administrator does: there both sides have to be compared.
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { foreignJson } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Target } from '../target.ts';
import type { TargetEvent, TargetWebhook } from '../webhook.ts';
import { checkApiKey } from '../webhook-caller.ts';

const told = z.object({
  /** Which flow it was, in the words of docs/targets/ory.md; `password` is the only one that means more than the others. */
  event: z.string().regex(/^[a-z][a-z_.-]{0,59}$/),
  identity_id: z.uuid(),
  /** Of the identity, as the flow has left it. */
  updated_at: z.iso.datetime({ offset: true }).optional().catch(undefined),
});

export interface WebhookDeps {
  readonly now?: () => Date;
}

/** Undefined where the settings name no webhook. */
export function openKratosWebhook(
  { webhook }: Pick<Target, 'webhook'>,
  { now = () => new Date() }: WebhookDeps = {},
): TargetWebhook | undefined {
  const apiKey = webhook?.apiKey;
  if (!apiKey) return undefined;
  return {
    read(headers, body, url) {
      checkApiKey(apiKey, { headers, url });
      return eventOf(headers, body, now());
    },
    close: async () => undefined,
  };
}

function eventOf(headers: IncomingHttpHeaders, body: Buffer, now: Date): TargetEvent {
  const { success, data } = told.safeParse(jsonOf(body));
  if (!success) throw new FootbridgeError('bad_request', { detail: 'this is no event of Kratos' });
  const { event, identity_id: id, updated_at } = data;
  const changedAt = updated_at === undefined ? now : new Date(updated_at);
  return {
    id: triggerOf(headers) ?? digestOf(body, updated_at === undefined ? now.toISOString() : ''),
    name: event,
    about: {
      kind: 'user',
      targetUserId: id.toLowerCase(),
      change: event === 'password' ? 'password' : 'changed',
    },
    at: changedAt > now ? now : changedAt,
  };
}

/** The same at each try of one call. It is not there with `emit_analytics_event: false`. */
function triggerOf(headers: IncomingHttpHeaders): string | undefined {
  const id = [headers['ory-webhook-trigger-id']].flat()[0] ?? '';
  return /^[\w-]{16,64}$/.test(id) ? id : undefined;
}

/** One flow can change a person more than once: without their time, two of its calls read the same. */
const digestOf = (body: Buffer, moment: string) =>
  createHash('sha256').update(body).update(moment).digest('base64url');

function jsonOf(body: Buffer): unknown {
  try {
    return foreignJson(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
