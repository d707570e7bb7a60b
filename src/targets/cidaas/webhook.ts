/**
 * cidaas' webhooks. It signs no body: whoever calls proves themselves with a key, a code of the time, or a token of its own,
 * and so what they say is only a hint whom to read. There is no list of events to read again; it sends one at most four
 * times within a quarter of an hour, and what is lost even so is found when all users are read.
 */
import { FootbridgeError } from '../../errors.ts';
import type { Target } from '../target.ts';
import type { TargetWebhook } from '../webhook.ts';
import type { Call } from '../webhook-caller.ts';
import { checkApiKey, checkTotp } from '../webhook-caller.ts';
import type { WebhookSettings } from '../webhook-settings.ts';
import { checkCallerToken } from './caller-token.ts';
import { cidaasSettings } from './cidaas-settings.ts';
import { eventOf } from './events.ts';
import { openSigningKeys } from './signing-keys.ts';

/** Whoever calls waits for us while we wait for the keys. */
const TIMEOUT_MS = 5_000;

export interface CidaasWebhookDeps {
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
}

interface Caller {
  /** Throws unauthorized, target_unavailable. */
  check(call: Call): Promise<void> | void;
  close(): Promise<void>;
}

/** Undefined without `webhook`. Calls nobody yet. Throws config_invalid. */
export function openCidaasWebhook(
  { webhook, cidaas, api }: Pick<Target, 'webhook' | 'cidaas' | 'api'>,
  { nowMs = Date.now }: CidaasWebhookDeps = {},
): TargetWebhook | undefined {
  if (!webhook) return undefined;
  const { events } = cidaas ?? cidaasSettings.parse({});
  const nowSeconds = () => nowMs() / 1_000;
  const caller = callerOf(webhook, { origin: api?.url, nowSeconds });
  return {
    async read(headers, body, url) {
      await caller.check({ headers, url });
      return eventOf(body, events, nowMs());
    },
    close: () => caller.close(),
  };
}

interface CallerDeps {
  /** Of the tenant. */
  readonly origin: string | undefined;
  readonly nowSeconds: () => number;
}

function callerOf({ apiKey, totp, oauth }: WebhookSettings, deps: CallerDeps): Caller {
  const close = async () => undefined;
  if (apiKey) return { check: (call) => checkApiKey(apiKey, call), close };
  if (totp) return { check: (call) => checkTotp(totp, call, deps.nowSeconds()), close };
  if (oauth) return tokenCaller(oauth, deps);
  throw invalid('cidaas signs no bodies: expected webhook.apiKey, webhook.totp or webhook.oauth');
}

function tokenCaller(
  oauth: NonNullable<WebhookSettings['oauth']>,
  { origin, nowSeconds }: CallerDeps,
): Caller {
  const issuer = oauth.issuer ?? origin;
  if (issuer === undefined) throw invalid('webhook.oauth needs an issuer, or api');
  const url = oauth.jwksUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`;
  const keys = openSigningKeys({ url, timeoutMs: TIMEOUT_MS, nowSeconds });
  const rules = { ...oauth, issuer };
  return {
    check: ({ headers }) => checkCallerToken(headers.authorization, rules, { keys, nowSeconds }),
    close: () => keys.close(),
  };
}

const invalid = (detail: string) => new FootbridgeError('config_invalid', { detail });
