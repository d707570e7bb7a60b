/** An issuer that does as it is told: a correct one, until a test makes it lie. And ourselves as its client. */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { listen } from '../../src/listener.ts';
import { openTargets } from '../../src/targets/index.ts';
import type { SignInChecks, SignInRequest, TargetSignIn } from '../../src/targets/sign-in.ts';
import { SignInFailed } from '../../src/targets/sign-in.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';

export const CLIENT = { clientId: 'footbridge', clientSecret: 'CANARY-of-the-client-0123456789' };
export const CALLBACK = 'https://login.example/claim/callback/main';
export const ACCESS_TOKEN = 'CANARY-access-token';

export const PERSON = {
  sub: 'user-1',
  name: 'Anna Berg',
  given_name: 'Anna',
  family_name: 'Berg',
  preferred_username: 'anna',
  email: 'anna@example.test',
  email_verified: true,
};

/** Settings of a target, as the configuration reads them. */
export const settingsOf = (signIn: object, kind = 'generic') =>
  targetSettings.parse([
    {
      name: 'main',
      kind,
      displayName: 'Main',
      loginUrl: 'https://id.example/',
      signIn: { ...CLIENT, ...signIn },
    },
  ]);

/** Ourselves as the client of an issuer; close it. */
export const signInAt = (signIn: object, kind?: string): TargetSignIn =>
  openTargets(settingsOf(signIn, kind)).signIn('main')!;

export const request = (more: Partial<SignInRequest> = {}): SignInRequest => ({
  purpose: 'person',
  redirectUri: CALLBACK,
  hints: {},
  ...more,
});

/** What a promise fails with. */
export async function failureOf(work: Promise<unknown>): Promise<SignInFailed> {
  const outcome = await work.then(
    (value) => new Error(`it succeeded: ${JSON.stringify(value)}`),
    (error) => error,
  );
  if (outcome instanceof SignInFailed) return outcome;
  throw outcome;
}

export interface Issuer {
  readonly url: string;
  /** Over what it says of itself. */
  metadata: Record<string, unknown>;
  /** Over the claims of its ID tokens; undefined takes one away. */
  claims: Record<string, unknown>;
  userinfo: Record<string, unknown>;
  /** How it signs ID tokens. */
  signs: 'RS256' | 'ES256' | 'none' | 'HS256' | 'unknown-key' | 'forged';
  /** Instead of its own answers, by path. */
  readonly instead: Map<string, RequestListener>;
  /** Method and path of what came. */
  readonly requests: string[];
  /** New keys from now on, under other names. */
  rotate(): Promise<void>;
  /** Lets the person in: what their browser brings back. */
  answer(url: string): URLSearchParams;
  close(): Promise<void>;
}

interface Keys {
  readonly id: string;
  readonly rsa: CryptoKey;
  readonly ec: CryptoKey;
  readonly public: readonly JWK[];
}

let made = 0;
async function newKeys(): Promise<Keys> {
  const id = String(made++);
  const [rsa, ec] = [await generateKeyPair('RS256'), await generateKeyPair('ES256')];
  const keys = [await exportJWK(rsa.publicKey), await exportJWK(ec.publicKey)];
  return {
    id,
    rsa: rsa.privateKey,
    ec: ec.privateKey,
    public: keys.map((key) => ({ ...key, kid: `${key.kty}-${id}`, use: 'sig' })),
  };
}

/** Made once: an RSA key takes its time. */
const FIRST = newKeys();
const FORGER = newKeys();

interface Code {
  readonly nonce: string;
  readonly challenge: string;
}

export async function openIssuer(): Promise<Issuer> {
  let keys = await FIRST;
  const forger = await FORGER;
  const codes = new Map<string, Code>();
  const told = {
    metadata: {},
    claims: {},
    userinfo: { ...PERSON },
    signs: 'RS256' as Issuer['signs'],
    instead: new Map<string, RequestListener>(),
    requests: [] as string[],
  };
  const listener = await listen(
    (req, res) => {
      const path = (req.url ?? '').split('?')[0]!;
      told.requests.push(`${req.method} ${path}`);
      const own = told.instead.get(path) ?? ((...both) => void answered(path, both));
      own(req, res);
    },
    { host: '127.0.0.1', port: 0 },
  );
  const url = `http://127.0.0.1:${listener.port}`;

  const metadata = () => ({
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    userinfo_endpoint: `${url}/userinfo`,
    jwks_uri: `${url}/keys`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    // As Keycloak's list: whatever some client of it may ask for.
    id_token_signing_alg_values_supported: ['RS256', 'ES256', 'HS256', 'none'],
    userinfo_signing_alg_values_supported: ['RS256', 'none'],
    authorization_response_iss_parameter_supported: true,
    ...told.metadata,
  });
  const idTokenOf = async ({ nonce }: Code) => {
    const now = Math.floor(Date.now() / 1_000);
    const own = {
      iss: url,
      aud: CLIENT.clientId,
      iat: now,
      exp: now + 300,
      nonce,
      ...PERSON,
      ...told.claims,
    };
    const claims = JSON.parse(JSON.stringify(own));
    const { id, rsa, ec } = keys;
    const signed = (alg: string, kid: string, key: CryptoKey | Uint8Array) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(key);
    if (told.signs === 'none') return new UnsecuredJWT(claims).encode();
    if (told.signs === 'HS256') return signed('HS256', 'x', Buffer.from(CLIENT.clientSecret));
    if (told.signs === 'ES256') return signed('ES256', `EC-${id}`, ec);
    if (told.signs === 'forged') return signed('RS256', `RSA-${id}`, forger.rsa);
    if (told.signs === 'unknown-key') return signed('RS256', `RSA-${forger.id}`, forger.rsa);
    return signed('RS256', `RSA-${id}`, rsa);
  };
  const token = async (req: IncomingMessage): Promise<[number, object]> => {
    const form = new URLSearchParams(await text(req));
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (!code || code.challenge !== challenge)
      return [400, { error: 'invalid_grant', error_description: 'x' }];
    return [200, { access_token: ACCESS_TOKEN, token_type: 'Bearer', id_token: await idTokenOf(code) }];
  };
  const answered = async (path: string, [req, res]: [IncomingMessage, ServerResponse]) => {
    if (path === '/.well-known/openid-configuration') return json(res, metadata());
    if (path === '/keys') return json(res, { keys: keys.public });
    if (path === '/userinfo') return json(res, told.userinfo);
    if (path !== '/token') return json(res, {}, 404);
    const [status, body] = await token(req);
    return json(res, body, status);
  };
  return Object.assign(told, {
    url,
    rotate: async () => {
      keys = await newKeys();
    },
    answer(begun: string) {
      const { searchParams } = new URL(begun);
      const asked = (name: string) => searchParams.get(name) ?? '';
      const code = `CANARY-code-${randomBytes(8).toString('hex')}`;
      codes.set(code, { nonce: asked('nonce'), challenge: asked('code_challenge') });
      return new URLSearchParams({ code, state: asked('state'), iss: url });
    },
    close: () => listener.close(0),
  });
}

export function json(res: ServerResponse, body: object, status = 200): void {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}

/** From the beginning to the answer that the browser brings back. */
export async function begun(
  signIn: TargetSignIn,
  issuer: Issuer,
): Promise<{ query: URLSearchParams; checks: SignInChecks }> {
  const { url, checks } = await signIn.begin(request());
  return { query: issuer.answer(url), checks };
}
