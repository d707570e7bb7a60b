/** Who we are to cidaas: an app of the type NON_INTERACTIVE, with a token of its own (RFC 6749 section 4.4). */
import type { Agent } from 'undici';
import type { z } from 'zod';
import { nowSeconds as systemSeconds } from '../../clock.ts';
import { FootbridgeError } from '../../errors.ts';
import type { HeldToken } from '../held-token.ts';
import { holdToken } from '../held-token.ts';
import type { apiSettings } from '../move-settings.ts';
import { CidaasError } from './cidaas-error.ts';
import type { CidaasSettings } from './cidaas-settings.ts';
import { ask } from './exchange.ts';

type ApiSettings = z.output<typeof apiSettings>;
export type CidaasApiSettings = ApiSettings &
  Required<{ clientCredentials: NonNullable<ApiSettings['clientCredentials']> }>;

/** Throws config_invalid where no app is named. */
export function cidaasApiSettings(api: ApiSettings): CidaasApiSettings {
  const { clientCredentials } = api;
  if (clientCredentials) return { ...api, clientCredentials };
  throw new FootbridgeError('config_invalid', {
    detail: 'a target of kind cidaas needs api.clientCredentials',
  });
}

const MARGIN_SECONDS = 30;
const UNSAID_SECONDS = 60;
const MAX_SECONDS = 86_400;

export interface AppTokenDeps {
  readonly agent: Agent;
  readonly cidaas: CidaasSettings;
  readonly nowSeconds?: () => number;
}

/** Its header throws CidaasError where no token is to be had. */
export function appTokenOf(
  api: CidaasApiSettings,
  { agent, cidaas, nowSeconds = systemSeconds }: AppTokenDeps,
): HeldToken {
  return holdToken(() => requestToken(api, agent, cidaas), { marginSeconds: MARGIN_SECONDS, nowSeconds });
}

async function requestToken(
  { url, clientCredentials, timeoutMs }: CidaasApiSettings,
  agent: Agent,
  { paths, scope, tokenBody }: CidaasSettings,
) {
  const body = {
    grant_type: 'client_credentials',
    client_id: clientCredentials.clientId,
    client_secret: clientCredentials.secret.reveal(),
    ...(scope !== undefined && { scope }),
  };
  const { document } = await ask(agent, {
    origin: url,
    method: 'POST',
    path: paths.token,
    headers: {},
    body: tokenBody === 'form' ? new URLSearchParams(body) : body,
    signal: AbortSignal.timeout(timeoutMs),
  });
  const { access_token: token, expires_in } = (document ?? {}) as Record<string, unknown>;
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new CidaasError({ status: 200, message: `POST ${paths.token} answers without a token` });
  }
  const seconds = Number(expires_in);
  return { token, seconds: seconds > 0 ? Math.min(seconds, MAX_SECONDS) : UNSAID_SECONDS };
}
