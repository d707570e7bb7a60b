/** A client of the FAPI 2.0 Security Profile, by hand: each of its messages can be sent a little wrong. */
import { createHash, randomUUID } from 'node:crypto';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Stage } from '../provider/harness.ts';
import { ANNA, CHALLENGE, openStage, VERIFIER } from '../provider/harness.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';

export const FAPI_CALLBACK = 'https://127.0.0.1:9/cb';
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface Pair {
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function newPair(alg = 'ES256'): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  return { alg, privateKey, jwk: await exportJWK(publicKey) };
}

export const fapiClient = (clientId: string, keys: readonly Pair[], more: object = {}) => ({
  clientId,
  authMethod: 'private_key_jwt',
  jwks: { keys: keys.map(({ jwk }, index) => ({ ...jwk, kid: `k${index}`, use: 'sig' })) },
  redirectUris: [FAPI_CALLBACK],
  grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  ...more,
});

export async function openFapiStage(clients: readonly object[]): Promise<Stage> {
  return openStage({ clients, settings: { profile: 'fapi-2.0' } });
}

interface Claims {
  readonly aud?: string | string[];
  /** Seconds from now. */
  readonly iat?: number;
  readonly nbf?: number;
}

const now = () => Math.floor(Date.now() / 1000);

type At = Pick<Stage, 'issuer'>;

/** Authenticates the client `clientId` (OpenID Connect Core section 9). */
export function assertion(stage: At, clientId: string, pair: Pair, { aud, iat = 0, nbf }: Claims = {}) {
  return new SignJWT({ jti: randomUUID(), ...(nbf === undefined ? {} : { nbf: now() + nbf }) })
    .setProtectedHeader({ alg: pair.alg })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(aud ?? stage.issuer)
    .setIssuedAt(now() + iat)
    .setExpirationTime(now() + 300)
    .sign(pair.privateKey);
}

interface ProofOf {
  readonly method?: string;
  readonly path: string;
  readonly token?: string | undefined;
  /** Seconds from now. */
  readonly iat?: number;
}

/** A DPoP proof (RFC 9449 section 4.2). */
export function proof(stage: At, pair: Pair, { method = 'POST', path, token, iat = 0 }: ProofOf) {
  const ath = token && createHash('sha256').update(token).digest('base64url');
  return new SignJWT({
    jti: randomUUID(),
    htm: method,
    htu: `${stage.issuer}${path}`,
    ...(ath ? { ath } : {}),
  })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: pair.alg, jwk: pair.jwk })
    .setIssuedAt(now() + iat)
    .sign(pair.privateKey);
}

interface Call {
  readonly client_assertion?: string;
  readonly dpop?: string;
}

/** A POST to one of the client's endpoints; without an assertion nobody says who it is. */
export function post(
  stage: At,
  path: string,
  form: Readonly<Record<string, string>>,
  { client_assertion, dpop }: Call,
): Promise<Answer> {
  return new Browser().visit(`${stage.issuer}${path}`, {
    form: {
      ...form,
      ...(client_assertion ? { client_assertion, client_assertion_type: ASSERTION_TYPE } : {}),
    },
    headers: { accept: 'application/json', ...(dpop ? { dpop } : {}) },
  });
}

/** What belongs into a pushed request; `undefined` leaves one out. */
export function request(clientId: string, more: Readonly<Record<string, string | undefined>> = {}) {
  const all = {
    client_id: clientId,
    response_type: 'code',
    redirect_uri: FAPI_CALLBACK,
    scope: 'openid',
    state: 's1',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  };
  const given = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return Object.fromEntries(given);
}

interface PushingClient {
  readonly id: string;
  readonly pair: Pair;
  readonly callback?: string;
  readonly person?: { readonly login: string; readonly password: string };
}

/** Pushes, and lets a person log in; where the browser ends up. */
export async function logInPushed(
  stage: At,
  { id, pair, callback = FAPI_CALLBACK, person = ANNA }: PushingClient,
  { more = {}, dpop }: { more?: Record<string, string | undefined>; dpop?: string } = {},
) {
  const client_assertion = await assertion(stage, id, pair);
  const asked = request(id, { redirect_uri: callback, ...more });
  const pushed = await post(stage, '/request', asked, { client_assertion, ...(dpop ? { dpop } : {}) });
  const { request_uri } = pushed.json<{ request_uri: string }>();
  const start = `${stage.issuer}/auth?${new URLSearchParams({ client_id: id, request_uri })}`;
  const browser = new Browser();
  const page = await browser.follow(start, callback);
  const form_token = field(page.body, 'form_token') ?? '';
  const form = { username: person.login, password: person.password, form_token };
  const sent = await browser.visit(page.url, { form });
  const back = await browser.follow(sent.location ?? page.url, callback);
  return { start, pushed, sent, back: new URL(back.location ?? 'x:') };
}

/** What redeems a code. */
export const redemption = (back: URL, more: Readonly<Record<string, string>> = {}) => ({
  grant_type: 'authorization_code',
  code: back.searchParams.get('code') ?? '',
  redirect_uri: FAPI_CALLBACK,
  code_verifier: VERIFIER,
  ...more,
});
