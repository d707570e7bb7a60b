/** Who we are to ZITADEL: a personal access token, or tokens for a service user's key (private_key_jwt, RFC 7523). */
import type { KeyObject } from 'node:crypto';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Agent } from 'undici';
import type { z } from 'zod';
import { nowSeconds as systemSeconds } from '../../clock.ts';
import { FootbridgeError } from '../../errors.ts';
import type { HeldToken } from '../held-token.ts';
import { holdToken } from '../held-token.ts';
import type { apiSettings } from '../move-settings.ts';
import { ask } from './exchange.ts';
import { ZitadelError } from './zitadel-error.ts';

export type ApiSettings = z.output<typeof apiSettings>;

/** `renew` is absent where there is no other header. `header` throws ZitadelError where no token is to be had. */
export type Authorization = Pick<HeldToken, 'header'> & Partial<HeldToken>;

const TOKEN_PATH = '/oauth/v2/token';
/** The audience without which its own API refuses the token. */
const SCOPE = 'openid urn:zitadel:iam:org:project:id:zitadel:aud';
const MARGIN_SECONDS = 60;
/** ZITADEL refuses an assertion from the future, and clocks differ. */
const BACKDATED_SECONDS = 5;
const ASSERTION_SECONDS = 60;
const UNSAID_SECONDS = 300;
const MAX_SECONDS = 86_400;

export interface AuthorizationDeps {
  readonly agent: Agent;
  readonly nowSeconds?: () => number;
}

/** Throws config_invalid for a key that cannot sign. */
export function authorizationOf(api: ApiSettings, deps: AuthorizationDeps): Authorization {
  if (api.serviceUser) return tokensOf(api, deps);
  const fixed = `Bearer ${api.token?.reveal() ?? ''}`;
  return { header: async () => fixed };
}

function tokensOf(api: ApiSettings, { agent, nowSeconds = systemSeconds }: AuthorizationDeps): HeldToken {
  const key = privateKeyOf(api);
  return holdToken(async (startedAt) => requestToken(api, agent, await assertionOf(api, key, startedAt)), {
    marginSeconds: MARGIN_SECONDS,
    nowSeconds,
  });
}

async function requestToken(api: ApiSettings, agent: Agent, assertion: string) {
  const document = await ask(agent, {
    origin: api.url,
    method: 'POST',
    path: TOKEN_PATH,
    headers: {},
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      scope: SCOPE,
      assertion,
    }),
    signal: AbortSignal.timeout(api.timeoutMs),
  });
  const { access_token: token, expires_in } = document as Record<string, unknown>;
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new ZitadelError({ status: 200, message: `POST ${TOKEN_PATH} answers without a token` });
  }
  const seconds = Number(expires_in);
  return { token, seconds: seconds > 0 ? Math.min(seconds, MAX_SECONDS) : UNSAID_SECONDS };
}

/** Its issuer is its origin, and has to be the audience. */
async function assertionOf({ url, serviceUser }: ApiSettings, key: KeyObject, now: number): Promise<string> {
  const { userId, keyId } = serviceUser!;
  return new SignJWT()
    .setProtectedHeader({ alg: 'RS256', kid: keyId })
    .setIssuer(userId)
    .setSubject(userId)
    .setAudience(url)
    .setJti(randomUUID())
    .setIssuedAt(now - BACKDATED_SECONDS)
    .setExpirationTime(now + ASSERTION_SECONDS)
    .sign(key);
}

/** ZITADEL's key files are PKCS #1, which jose's own import does not read. */
function privateKeyOf({ serviceUser }: ApiSettings): KeyObject {
  const detail = 'api.serviceUser.key is not a private RSA key in PEM';
  try {
    const key = createPrivateKey(serviceUser!.key.reveal());
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // The parser's own words may quote the key.
  }
  throw new FootbridgeError('config_invalid', { detail });
}
