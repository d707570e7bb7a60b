/** Who we are to the API: the Authorization header, and where its token comes from. */
import type { Agent } from 'undici';
import { isDocument } from '../../documents.ts';
import type { Limits, Question } from './exchange.ts';
import { exchange, unavailable } from './exchange.ts';
import type { AuthorizationSettings } from './http-settings.ts';

export interface Authorization {
  /** Throws legacy_unavailable where no token is to be had. */
  header(): Promise<string | undefined>;
  /** The API does not take this header any more: the next one is new. Absent where there is no other. */
  renew?(refused: string | undefined): void;
}

type ClientCredentials = NonNullable<AuthorizationSettings['clientCredentials']>;

/** Before it ends: what is sent now arrives later, and clocks differ. */
const MARGIN_MS = 10_000;
/** Where the answer says nothing (RFC 6749 section 5.1 only recommends it). */
const UNSAID_SECONDS = 300;
const MAX_SECONDS = 86_400;

export function authorizationOf(
  settings: AuthorizationSettings | undefined,
  { agent, limits }: { agent: Agent; limits: Limits },
): Authorization {
  if (settings?.clientCredentials) return tokensOf(settings.clientCredentials, { agent, limits });
  const fixed = settings?.basic
    ? basic(settings.basic.user, settings.basic.password.reveal())
    : settings?.bearer && `Bearer ${settings.bearer.reveal()}`;
  return { header: async () => fixed };
}

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** One token for all requests, fetched by one of those who wait for it. */
function tokensOf(
  settings: ClientCredentials,
  { agent, limits }: { agent: Agent; limits: Limits },
): Authorization {
  let held: { readonly header: string; readonly untilMs: number } | undefined;
  let fetching: Promise<string> | undefined;
  const fetch = async (): Promise<string> => {
    const startedMs = performance.now();
    const { token, seconds } = await requestToken(settings, agent, limits);
    held = { header: `Bearer ${token}`, untilMs: startedMs + seconds * 1_000 - MARGIN_MS };
    return held.header;
  };
  return {
    async header() {
      if (held && performance.now() < held.untilMs) return held.header;
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

async function requestToken(settings: ClientCredentials, agent: Agent, limits: Limits) {
  const { tokenUrl, clientId, clientSecret, method, scope, parameters } = settings;
  const { origin, pathname, search, host } = new URL(tokenUrl);
  const secret = clientSecret.reveal();
  const form = new URLSearchParams({
    ...parameters,
    grant_type: 'client_credentials',
    ...(scope === undefined ? {} : { scope }),
    ...(method === 'post' ? { client_id: clientId, client_secret: secret } : {}),
  });
  const question: Question = {
    method: 'POST',
    origin,
    target: pathname + search,
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      // Both parts are form-encoded first (RFC 6749 section 2.3.1).
      ...(method === 'basic' ? { authorization: basic(formEncoded(clientId), formEncoded(secret)) } : {}),
    },
    body: form.toString(),
    what: 'token endpoint',
  };
  const { status, document } = await exchange(agent, question, limits);
  const { access_token: token, expires_in } = isDocument(document) ? document : {};
  if (status !== 200 || typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw unavailable(`${host} token endpoint answers ${status} without a token`);
  const seconds = Number(expires_in);
  return { token, seconds: seconds > 0 ? Math.min(seconds, MAX_SECONDS) : UNSAID_SECONDS };
}

const formEncoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
