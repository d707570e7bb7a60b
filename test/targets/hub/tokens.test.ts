/** Tokens that the hub never signed, or signed for somebody else. */
import { createHmac, randomUUID } from 'node:crypto';
import { exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { openHubSignIn } from '../../../src/targets/hub/sign-in.ts';
import type { TargetSignIn } from '../../../src/targets/sign-in.ts';
import type { Hub, Person } from '../../support/hub/index.ts';
import { broughtBack, openStage, request, targetOf } from './stage.ts';

const KEYS = '/api/v1/jwt_public_keys';

let hub: Hub;
let signIn: TargetSignIn;
let jane: Person;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.now();
  const now = () => new Date(nowMs);
  const stage = await openStage({ now });
  hub = stage.hub;
  signIn = openHubSignIn(stage.target, { nowSeconds: () => nowMs / 1_000 });
  jane = hub.addPerson({ email: 'jane@example.com' });
  return async () => {
    await signIn.close();
    await hub.close();
  };
});

async function signedIn(purpose: 'person' | 'organization' = 'person', organization?: string) {
  const { url, checks } = await signIn.begin(request({ purpose }));
  const query = await broughtBack(url, { email: jane.email, ...(organization && { organization }) });
  return purpose === 'person' ? signIn.finish(query, checks) : signIn.finishOrganization!(query, checks);
}
const asked = (path: string) => hub.heard.filter(({ url }) => url === path).length;

const INVALID = { name: 'SignInFailed', kind: 'refused', code: 'invalid_token' };

/** Nothing was asked with it. */
async function expectRefused(): Promise<void> {
  await expect(signedIn()).rejects.toMatchObject(INVALID);
  expect(asked('/api/v1/person')).toBe(0);
}

const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

describe('a token is refused', () => {
  test('with no signature at all (alg none)', async () => {
    hub.tokens.knobs.forge = (claims, { kid }) => `${encoded({ alg: 'none', kid })}.${encoded(claims)}.`;
    await expectRefused();
  });

  test('with the public key taken for a shared secret (HS256)', async () => {
    hub.tokens.knobs.forge = async (claims, { kid, publicKey }) => {
      const text = `${encoded({ alg: 'HS256', kid })}.${encoded(claims)}`;
      return `${text}.${createHmac('sha256', await exportSPKI(publicKey))
        .update(text)
        .digest('base64url')}`;
    };
    await expectRefused();
  });

  test('with another algorithm of the same key (PS256)', async () => {
    const { privateKey } = await generateKeyPair('PS256');
    hub.tokens.knobs.forge = (claims, { kid }) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'PS256', kid }).sign(privateKey);
    await expectRefused();
  });

  test('signed with a key of somebody’s own, which calls itself the hub’s', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    hub.tokens.knobs.forge = (claims, { kid }) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey);
    await expectRefused();
  });

  test('that brings its own key and tells where it is', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    hub.tokens.knobs.forge = (claims, { jwk }) =>
      new SignJWT({ ...claims, jku: 'http://127.0.0.1:1/keys' })
        .setProtectedHeader({ alg: 'RS256', kid: 'own', jwk, jku: 'http://127.0.0.1:1/keys' })
        .sign(privateKey);
    await expectRefused();
  });

  test('that was changed after it was signed', async () => {
    hub.tokens.knobs.forge = async (claims, { kid, privateKey }) => {
      const token = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey);
      const [header, , signature] = token.split('.');
      return `${header}.${encoded({ ...claims, exp: Number(claims.exp) + 1 })}.${signature}`;
    };
    await expectRefused();
  });

  test('that is no token', async () => {
    hub.tokens.knobs.forge = () => '749ceefd1f7909a1773501e0bc57d5b2';
    await expectRefused();
  });

  test.each([
    ['of another issuer', { iss: 'CP' }],
    ['of no issuer', { iss: undefined }],
    ['that has expired', { exp: 1_000 }],
    ['that never expires', { exp: undefined }],
    ['that is not good yet', { nbf: 4_000_000_000 }],
    ['about another person', { sub: `Person/${randomUUID()}` }],
    ['about nobody', { sub: undefined }],
    ['about something else with the same end', { sub: 'App/x' }],
  ])('%s', async (_what, changes) => {
    hub.tokens.knobs.forge = (claims, { kid, privateKey }) =>
      new SignJWT({ ...claims, ...(changes as object) })
        .setProtectedHeader({ alg: 'RS256', kid })
        .sign(privateKey);
    await expectRefused();
  });

  test.each([
    ['an organization of the same id', (id: string) => `Organization/${id}`],
    ['an organization, on the person’s behalf', (id: string) => `Person/${id}>Organization/${id}`],
    ['two people', (id: string) => `Person/${id}>Person/${id}`],
    ['a person, with more behind', (id: string) => `Person/${id}/x`],
  ])('about %s', async (_what, sub) => {
    hub.tokens.knobs.forge = (claims, { kid, privateKey }) =>
      new SignJWT({ ...claims, sub: sub(jane.id) })
        .setProtectedHeader({ alg: 'RS256', kid })
        .sign(privateKey);
    await expectRefused();
  });

  test('beside which the hub names another bearer', async () => {
    hub.rewrite(/access_token/, (body) => ({ ...body, bearer: { type: 'Person', id: randomUUID() } }));
    await expectRefused();
  });

  test('beside which the hub names another person on whose behalf it is', async () => {
    const { id } = hub.addOrganization({ name: 'Acme', owner: jane.id });
    hub.rewrite(/access_token/, (body) => ({
      ...body,
      bearer_on_behalf_of: { type: 'Person', id: randomUUID(), roles: ['owner'] },
    }));
    await expect(signedIn('organization', id)).rejects.toMatchObject(INVALID);
  });
});

describe('what is asked with a token', () => {
  test('has to be about whom the token is for', async () => {
    hub.rewrite(/GET .*person/, (body) => ({ ...body, id: randomUUID() }));
    await expect(signedIn()).rejects.toMatchObject({ kind: 'refused', code: 'wrong_bearer' });
    const { id } = hub.addOrganization({ name: 'Acme', owner: jane.id });
    hub.rewrite(/GET .*organization$/, (body) => ({ ...body, id: randomUUID() }));
    await expect(signedIn('organization', id)).rejects.toMatchObject({ code: 'wrong_bearer' });
  });

  test('is refused where it is not for that', async () => {
    hub.app.desiredScopes.push('machines.r');
    const less = openHubSignIn(targetOf(hub, { signIn: { scopes: ['zaikio.machines.r'] } }));
    const { url, checks } = await less.begin(request());
    const query = await broughtBack(url, { email: jane.email });
    await expect(less.finish(query, checks)).rejects.toMatchObject({
      kind: 'refused',
      code: 'unpermitted_scope',
    });
    await less.close();
  });
});

describe('the hub’s keys', () => {
  test('are asked for once in an hour', async () => {
    await signedIn();
    nowMs += 3_599_000;
    await signedIn();
    expect(asked(KEYS)).toBe(1);
    nowMs += 2_000;
    await signedIn();
    expect(asked(KEYS)).toBe(2);
  });

  test('are asked for anew where a token has another', async () => {
    await signedIn();
    await hub.tokens.rotate();
    nowMs += 31_000;
    expect(await signedIn()).toMatchObject({ targetUserId: jane.id });
    expect(asked(KEYS)).toBe(2);
  });

  test('are not asked for again and again by tokens of keys that there are not', async () => {
    await signedIn();
    nowMs += 31_000;
    hub.tokens.knobs.forge = (claims, { privateKey }) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: randomUUID() }).sign(privateKey);
    for (let tries = 0; tries < 5; tries++) await expect(signedIn()).rejects.toMatchObject(INVALID);
    expect(asked(KEYS)).toBe(2);
  });

  test('are all tried for a token that names none', async () => {
    await hub.tokens.rotate();
    const [older] = hub.tokens.keys;
    hub.tokens.knobs.forge = (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(older!.privateKey);
    expect(await signedIn()).toMatchObject({ targetUserId: jane.id });
  });

  test('may have some among them that cannot be read', async () => {
    hub.rewrite(/jwt_public_keys/, ({ keys }) => ({
      keys: [{ kty: 'EC', kid: 'a' }, { kty: 'RSA', kid: 'b', n: '%', e: '%' }, ...(keys as object[])],
    }));
    expect(await signedIn()).toMatchObject({ targetUserId: jane.id });
  });

  test('that cannot be had are an outage, and no refusal', async () => {
    hub.fail({ kind: 'http', status: 503, only: /jwt_public_keys/ });
    await expect(signedIn()).rejects.toMatchObject({ kind: 'unavailable' });
    hub.recover();
    expect(await signedIn()).toMatchObject({ targetUserId: jane.id });
  });
});
