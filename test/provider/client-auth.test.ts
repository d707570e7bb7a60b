import { createHash, randomUUID } from 'node:crypto';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nowSeconds } from '../../src/clock.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import { basic, CALLBACK, CLIENT, client, codeOf, logIn, openStage } from './harness.ts';

const ODD_SECRET = 'a+b/c:d%e=f &g-and-longer';
let stage: Stage;
let privateKey: CryptoKey;
let proofKey: { privateKey: CryptoKey; jwk: JWK };
beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  privateKey = pair.privateKey;
  const proof = await generateKeyPair('ES256');
  proofKey = { privateKey: proof.privateKey, jwk: await exportJWK(proof.publicKey) };
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  stage = await openStage({
    clients: [
      client(),
      client({ clientId: 'odd', secret: ODD_SECRET }),
      client({ clientId: 'signed', secret: undefined, authMethod: 'private_key_jwt', jwks: { keys: [jwk] } }),
      client({ clientId: 'bound', dpopRequired: true }),
    ],
  });
});
afterAll(() => stage.close());

const assertion = (claims: object = {}, key = privateKey) =>
  new SignJWT({ jti: randomUUID(), ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .setIssuer('signed')
    .setSubject('signed')
    .setAudience(stage.issuer)
    .setIssuedAt()
    .setExpirationTime('60s')
    .sign(key);

const replays = async () =>
  (await execute(stage.databaseUrl, `select 1 from oidc_records where kind = 'ReplayDetection'`)).length;

const withAssertion = (client_assertion: string) =>
  new Browser().visit(`${stage.issuer}/token`, {
    form: {
      grant_type: 'client_credentials',
      scope: 'migration:read',
      client_assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    },
    headers: { accept: 'application/json' },
  });

describe('client_secret_basic', () => {
  test('works with a secret of odd characters, form-encoded as RFC 6749 section 2.3.1 says', async () => {
    const end = await logIn(stage, new Browser(), { params: { client_id: 'odd' } });
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code: codeOf(end.location),
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(64),
      },
      headers: basic('odd', ODD_SECRET),
    });
    expect(answer.status).toBe(200);
  });
});

describe('private_key_jwt', () => {
  test('opens the token endpoint', async () => {
    expect((await withAssertion(await assertion())).status).toBe(200);
  });

  test('opens it once per assertion, also when ten arrive at once', async () => {
    const one = await assertion();
    const answers = await Promise.all(Array.from({ length: 10 }, () => withAssertion(one)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    for (const answer of answers.filter((a) => a.status !== 200)) {
      expect(answer.status).toBe(401);
      expect(answer.json().error).toBe('invalid_client');
    }
    expect((await withAssertion(one)).status).toBe(401);
  });

  test('is refused with another key, for another audience, and for a client registered otherwise', async () => {
    const other = await generateKeyPair('ES256');
    expect((await withAssertion(await assertion({}, other.privateKey))).status).toBe(401);
    const foreign = await new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer('signed')
      .setSubject('signed')
      .setAudience('https://elsewhere.example')
      .setExpirationTime('60s')
      .sign(privateKey);
    expect((await withAssertion(foreign)).status).toBe(401);
    const posted = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'client_credentials', client_id: 'signed', client_secret: CLIENT.secret },
      headers: { accept: 'application/json' },
    });
    expect(posted.status).toBe(401);
  });
});

test.each([
  ['a year', () => nowSeconds() + 31_536_000],
  ['what is meant as milliseconds', () => Date.now() + 60_000],
  ['more than any calendar has', () => 1e300],
])('an assertion that ends after %s is refused, and nothing of it is remembered', async (_, ends) => {
  const long = await new SignJWT({ jti: randomUUID(), exp: ends() })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .setIssuer('signed')
    .setSubject('signed')
    .setAudience(stage.issuer)
    .sign(privateKey);
  const before = await replays();
  const answer = await withAssertion(long);
  expect(answer.status).toBe(401);
  expect(answer.json().error).toBe('invalid_client');
  expect(await replays()).toBe(before);
});

describe('DPoP (RFC 9449)', () => {
  const proof = (htm: string, htu: string, more: object = {}) =>
    new SignJWT({ jti: randomUUID(), htm, htu, ...more })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: proofKey.jwk })
      .setIssuedAt()
      .sign(proofKey.privateKey);
  const exchange = async (dpop?: string) => {
    const end = await logIn(stage, new Browser(), { params: { client_id: 'bound' } });
    return new Browser().visit(`${stage.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code: codeOf(end.location),
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(64),
      },
      headers: { ...basic('bound'), ...(dpop ? { dpop } : {}) },
    });
  };

  test('binds the access token to the client’s key', async () => {
    const answer = await exchange(await proof('POST', `${stage.issuer}/token`));
    const { access_token, token_type } = answer.json<Record<string, string>>();
    expect(token_type).toBe('DPoP');
    const ath = createHash('sha256').update(access_token!).digest('base64url');
    const me = await new Browser().visit(`${stage.issuer}/me`, {
      headers: {
        authorization: `DPoP ${access_token}`,
        dpop: await proof('GET', `${stage.issuer}/me`, { ath }),
      },
    });
    expect(me.json().sub).toBe('shop:anna');
    const bare = await new Browser().visit(`${stage.issuer}/me`, {
      headers: { authorization: `Bearer ${access_token}` },
    });
    expect(bare.status).toBe(401);
  });

  test('is required from a client that is registered so, and a proof serves once', async () => {
    expect((await exchange()).status).toBe(400);
    const once = await proof('POST', `${stage.issuer}/token`);
    expect((await exchange(once)).status).toBe(200);
    expect((await exchange(once)).status).toBe(400);
  });
});
