/**
 * Events of a realm: as an extension sends them, for Keycloak itself calls nobody, and as the realm stores them. Of the
 * extensions p2-inc/keycloak-events is read: HMAC-SHA256 over the body, in hexadecimal digits.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { foreignJson } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { Target } from '../target.ts';
import type { TargetWebhook } from '../webhook.ts';
import { checkApiKey } from '../webhook-caller.ts';
import { openKeycloakApi } from './api.ts';
import { replayOf } from './event-log.ts';
import { fromSentEvent } from './events.ts';
import { asFootbridgeError } from './keycloak-error.ts';
import { keycloakSettings } from './service-account.ts';

export interface WebhookDeps {
  readonly nowSeconds?: () => number;
}

/** Undefined where the settings name neither a webhook nor events. Calls nobody yet. Throws config_invalid. */
export function openKeycloakWebhook(
  { webhook, keycloak, api }: Pick<Target, 'webhook' | 'keycloak' | 'api'>,
  deps: WebhookDeps = {},
): TargetWebhook | undefined {
  if (!webhook && !keycloak?.events) return undefined;
  const read: TargetWebhook['read'] = (headers, body, url) => {
    if (webhook?.hmacKey) checkSignature([headers['x-keycloak-signature']].flat()[0], body, webhook.hmacKey);
    else if (webhook?.apiKey) checkApiKey(webhook.apiKey, { headers, url });
    else throw new FootbridgeError('not_found');
    const event = fromSentEvent(jsonOf(body), api?.realm);
    if (event) return event;
    throw new FootbridgeError('bad_request', { detail: 'this is no event of Keycloak' });
  };
  if (!keycloak?.events || !api) return { read, close: async () => undefined };
  const calls = openKeycloakApi(keycloakSettings(api), deps);
  const replay = replayOf(calls);
  return {
    read,
    replay: (since, page) =>
      replay(since, page).catch((error) => {
        throw asFootbridgeError(error);
      }),
    close: () => calls.close(),
  };
}

function checkSignature(header: string | undefined, body: Buffer, key: Secret): void {
  const given = /^[0-9a-f]{64}$/i.test(header ?? '') ? Buffer.from(header!, 'hex') : undefined;
  const right = createHmac('sha256', key.reveal()).update(body).digest();
  if (!given || !timingSafeEqual(given, right))
    throw new FootbridgeError('bad_signature', { detail: 'an event of Keycloak' });
}

function jsonOf(body: Buffer): unknown {
  try {
    return foreignJson(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
