/** Who we are to Keycloak: a client of the realm with a service account (RFC 6749 section 4.4). */
import type { Agent } from 'undici';
import type { z } from 'zod';
import { nowSeconds as systemSeconds } from '../../clock.ts';
import { FootbridgeError } from '../../errors.ts';
import type { HeldToken } from '../held-token.ts';
import { holdToken } from '../held-token.ts';
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

const MARGIN_SECONDS = 30;
const UNSAID_SECONDS = 60;
const MAX_SECONDS = 86_400;

export interface ServiceAccountDeps {
  readonly agent: Agent;
  readonly nowSeconds?: () => number;
}

/** Its header throws KeycloakError where no token is to be had. */
export const serviceAccountOf = (
  api: KeycloakSettings,
  { agent, nowSeconds = systemSeconds }: ServiceAccountDeps,
): HeldToken => holdToken(() => requestToken(api, agent), { marginSeconds: MARGIN_SECONDS, nowSeconds });

/** Where a realm gives tokens. */
export const tokenPath = (realm: string) =>
  `/realms/${encodeURIComponent(realm)}/protocol/openid-connect/token`;

async function requestToken({ url, realm, clientCredentials, timeoutMs }: KeycloakSettings, agent: Agent) {
  const path = tokenPath(realm);
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
export function basic(clientId: string, secret: string): string {
  const encoded = [clientId, secret].map((text) => new URLSearchParams({ _: text }).toString().slice(2));
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`;
}
