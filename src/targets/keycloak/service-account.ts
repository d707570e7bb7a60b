/** Who we are to Keycloak: a client of the realm with a service account (RFC 6749 section 4.4). */
import type { Agent } from 'undici';
import type { z } from 'zod';
import { nowSeconds as systemSeconds } from '../../clock.ts';
import { FootbridgeError } from '../../errors.ts';
import type { apiSettings } from '../move-settings.ts';
import { ask } from './exchange.ts';
import { KeycloakError } from './keycloak-error.ts';

type ApiSettings = z.output<typeof apiSettings>;
export type KeycloakSettings = ApiSettings &
  Required<{ realm: string; clientCredentials: NonNullable<ApiSettings['clientCredentials']> }>;

/** Throws config_invalid where something is not said that Keycloak needs. */
export function keycloakSettings(api: ApiSettings): KeycloakSettings {
  const { realm, clientCredentials } = api;
  if (realm !== undefined && clientCredentials) return { ...api, realm, clientCredentials };
  throw new FootbridgeError('config_invalid', {
    detail: 'a target of kind keycloak needs api.realm and api.clientCredentials',
  });
}

export interface ServiceAccount {
  /** The header's value. Throws KeycloakError where no token is to be had. */
  authorization(): Promise<string>;
  /** Keycloak does not take this header any more: the next one is new. */
  renew(refused: string): void;
}

/** Before it ends: what is sent now arrives later, and clocks differ. */
const MARGIN_SECONDS = 30;
const UNSAID_SECONDS = 60;
const MAX_SECONDS = 86_400;

export interface ServiceAccountDeps {
  readonly agent: Agent;
  readonly nowSeconds?: () => number;
}

/** One token for all calls, fetched by one of those who wait for it. */
export function serviceAccountOf(
  api: KeycloakSettings,
  { agent, nowSeconds = systemSeconds }: ServiceAccountDeps,
): ServiceAccount {
  let held: { readonly header: string; readonly until: number } | undefined;
  let fetching: Promise<string> | undefined;
  const fetch = async (): Promise<string> => {
    const startedAt = nowSeconds();
    const { token, seconds } = await requestToken(api, agent);
    held = { header: `Bearer ${token}`, until: startedAt + Math.max(seconds - MARGIN_SECONDS, seconds / 2) };
    return held.header;
  };
  return {
    async authorization() {
      if (held && nowSeconds() < held.until) return held.header;
      fetching ??= fetch().finally(() => {
        fetching = undefined;
      });
      return fetching;
    },
    renew(refused) {
      if (held?.header === refused) held = undefined;
    },
  };
}

async function requestToken({ url, realm, clientCredentials, timeoutMs }: KeycloakSettings, agent: Agent) {
  const path = `/realms/${encodeURIComponent(realm)}/protocol/openid-connect/token`;
  const { document } = await ask(agent, {
    origin: url,
    method: 'POST',
    path,
    headers: { authorization: basic(clientCredentials.clientId, clientCredentials.secret.reveal()) },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const { access_token: token, expires_in } = (document ?? {}) as Record<string, unknown>;
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new KeycloakError({ status: 200, message: `POST ${path} answers without a token` });
  }
  const seconds = Number(expires_in);
  return { token, seconds: seconds > 0 ? Math.min(seconds, MAX_SECONDS) : UNSAID_SECONDS };
}

/** RFC 6749 section 2.3.1: both are form-encoded first. */
function basic(clientId: string, secret: string): string {
  const encoded = [clientId, secret].map((text) => new URLSearchParams({ _: text }).toString().slice(2));
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
}
