/** The setup in other shapes: for one organization, for Login V1, with a JWT provider, at a ZITADEL that lags. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { actionsV1 } from '../../../src/targets/zitadel/actions-v1.ts';
import type { SetupStage } from './setup-stage.ts';
import { openSetupStage } from './setup-stage.ts';

let stage: SetupStage;
beforeEach(async () => {
  stage = await openSetupStage();
});
afterEach(() => stage.close());

const instance = () => stage.zitadel.instance;
const outcomes = (all: Record<string, string>) => [...new Set(Object.values(all))];
const NO_HOOKS = { hooks: [] };

describe('for one organization', () => {
  const settings = () => ({
    setup: { ...NO_HOOKS, scope: 'organization' },
    users: { organization: stage.zitadel.addOrganization('Shop') },
  });

  test('the organization gets a login policy of its own, with what the instance’s has, and loses it again', async () => {
    const { setup, users } = settings();
    instance().policies.login.forceMfa = true;
    const dry = await stage.results({ execute: false }, { setup, users });
    expect(dry.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['idp:oidc', 'to-do'],
      ['login-policy:own', 'to-do'],
      ['login-policy:oidc', 'to-do'],
    ]);
    expect(outcomes(await stage.run({ execute: true }, { setup, users }))).toEqual(['done']);
    const [idp] = [...instance().idps.values()];
    expect(idp?.organization).toBe(users.organization);
    expect([...instance().loginIdpsOf(users.organization)]).toEqual([idp?.id]);
    expect(instance().policiesOf(users.organization).login.forceMfa).toBe(true);
    expect([...instance().loginIdps]).toEqual([]);
    expect(outcomes(await stage.run({ execute: true }, { setup, users }))).toEqual(['there']);
    expect(outcomes(await stage.tearDown({ setup, users }))).toEqual(['done']);
    expect(instance().organizationLogins.has(users.organization)).toBe(false);
    expect(stage.zitadel.violations).toEqual([]);
  });

  test('a policy that somebody has changed since is left, and said so', async () => {
    const { setup, users } = settings();
    await stage.run({ execute: true }, { setup, users });
    instance().policies.login.allowRegister = false;
    const undone = await stage.tearDown({ setup, users });
    expect(undone['login-policy:own']).toContain('not what we made');
    expect(undone['idp:oidc']).toBe('done');
    expect(instance().organizationLogins.has(users.organization)).toBe(true);
  });
});

describe('for Login V1', () => {
  const settings = { setup: { ...NO_HOOKS, loginVersions: ['v1'] } };
  const actions = () => [...instance().actions.values()];

  test('our scripts are actions, tied to their triggers, and know our provider’s id from the first run on', async () => {
    expect(outcomes(await stage.run({ execute: true }, settings))).toEqual(['done']);
    const [idp] = [...instance().idps.values()];
    const wanted = actionsV1({ issuer: stage.issuer, target: 'main', identityProvider: idp!.id });
    expect(actions().map(({ name, script }) => ({ name, script }))).toEqual(
      wanted.map(({ name, script }) => ({ name, script })),
    );
    expect(outcomes(await stage.run({ execute: true }, settings))).toEqual(['there']);
    expect(outcomes(await stage.tearDown(settings))).toEqual(['done']);
    expect(actions()).toEqual([]);
    expect(stage.zitadel.violations).toEqual([]);
  });

  test('another’s action of the same name is left alone, and named', async () => {
    const { url, token, organization } = stage.zitadel;
    const [script] = actionsV1({ issuer: stage.issuer, target: 'main' });
    const answer = await fetch(`${url}/management/v1/actions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'x-zitadel-orgid': organization },
      body: JSON.stringify({ name: script!.name, script: 'function f() {}', timeout: '3s' }),
    });
    expect(answer.status).toBe(200);
    const found = await stage.results({ execute: true }, settings);
    expect(found.find(({ id }) => id === `script:${script!.name}`)).toMatchObject({
      outcome: 'failed',
      problem: expect.stringContaining('not ours'),
    });
    await stage.tearDown(settings);
    expect(actions()).toMatchObject([{ script: 'function f() {}' }]);
  });
});

describe('a JWT provider', () => {
  const jwtIdentityProvider = {
    issuer: 'https://login.example/jwt',
    endpoint: 'https://login.example/jwt',
    keysEndpoint: 'https://login.example/jwt/keys',
    headerName: 'x-footbridge-token',
  };

  test('is made beside the other, on the login page, and taken away with it', async () => {
    const settings = { setup: { ...NO_HOOKS, jwtIdentityProvider } };
    expect(outcomes(await stage.run({ execute: true }, settings))).toEqual(['done']);
    const jwt = [...instance().idps.values()].find(({ kind }) => kind === 'jwt');
    expect(jwt).toMatchObject({ name: 'Existing session', issuer: jwtIdentityProvider.issuer });
    expect(instance().loginIdps.has(jwt!.id)).toBe(true);
    expect(outcomes(await stage.run({ execute: true }, settings))).toEqual(['there']);
    await stage.tearDown(settings);
    expect(instance().idps.size).toBe(0);
    expect(stage.zitadel.violations).toEqual([]);
  });

  test('is our own hand-over where the settings name no other', async () => {
    await stage.run({ execute: true }, { setup: { ...NO_HOOKS, jwtIdentityProvider: {} } });
    const jwt = [...instance().idps.values()].find(({ kind }) => kind === 'jwt');
    const own = `${stage.issuer}/jwt`;
    expect(jwt).toMatchObject({
      issuer: own,
      settings: { jwtEndpoint: own, keysEndpoint: `${own}/jwks`, headerName: 'x-footbridge-jwt' },
    });
    await stage.tearDown({ setup: NO_HOOKS });
  });

  test('that the settings no longer name is still taken away', async () => {
    await stage.run({ execute: true }, { setup: { ...NO_HOOKS, jwtIdentityProvider } });
    await stage.tearDown({ setup: NO_HOOKS });
    expect(instance().idps.size).toBe(0);
  });
});

describe('without a client of ours', () => {
  test('a person is told what to do, and what needs it waits', async () => {
    const one = stage.target({ setup: NO_HOOKS });
    const { db, keyring, issuer } = stage;
    const setup = one.openSetup!(one, { db, keyring, issuer });
    const [provider] = await setup.steps();
    expect(await provider!.look()).toMatchObject({
      state: 'by-hand',
      todo: expect.stringContaining('provider.clients'),
    });
    await setup.close();
  });
});
