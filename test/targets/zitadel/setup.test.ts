import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decryptionKeysOf, ourIdpOf, resourcesOf, signingKeysOf } from '../../../src/targets/resources.ts';
import { zitadelHooks } from '../../../src/targets/zitadel/hooks.ts';
import { HOOK_PLANS } from '../../../src/targets/zitadel/setup/hook-plans.ts';
import { execute } from '../../support/database.ts';
import type { SetupStage } from './setup-stage.ts';
import { CLIENT_SECRET, openSetupStage } from './setup-stage.ts';

let stage: SetupStage;
beforeEach(async () => {
  stage = await openSetupStage();
});
afterEach(() => stage.close());

const idps = () => [...stage.zitadel.instance.idps.values()];
const targets = () => [...stage.zitadel.instance.targets.values()];
const named = (hook: string) => targets().find(({ name }) => name === `footbridge-main-${hook}`)!;
const execution = (id: string) => stage.zitadel.instance.executions.get(id)?.targets ?? [];
const outcomes = (all: Record<string, string>) => [...new Set(Object.values(all))];
const recorded = async () => (await resourcesOf(stage.db, 'main')).map(({ kind, name }) => `${kind}:${name}`);

const INTENT = 'response/zitadel.user.v2.UserService/RetrieveIdentityProviderIntent';
const theirTarget = async (more: object = {}) => {
  const { url, token } = stage.zitadel;
  const body = { name: 'theirs', endpoint: 'http://127.0.0.1:9/', timeout: '3s', restAsync: {}, ...more };
  const answer = await fetch(`${url}/v2/actions/targets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return ((await answer.json()) as { id: string }).id;
};
const ask = async (method: string, path: string, body?: object) => {
  const { url, token } = stage.zitadel;
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  return answer.json() as Promise<Record<string, unknown>>;
};

describe('a dry run', () => {
  test('says what is to do, and changes nothing on either side', async () => {
    const before = stage.zitadel.requests.length;
    const all = await stage.results({ execute: false });
    expect(outcomes(Object.fromEntries(all.map(({ id, outcome }) => [id, outcome])))).toEqual(['to-do']);
    expect(all.map(({ id }) => id)).toContain('execution:intent');
    for (const { what, why } of all) expect([what.at(-1), why.at(-1)]).toEqual(['.', '.']);
    expect(stage.writesSince(before)).toEqual([]);
    expect(await recorded()).toEqual([]);
  });
});

describe('the setup', () => {
  test('makes everything, and says at the second time that everything is there', async () => {
    expect(outcomes(await stage.run({ execute: true }))).toEqual(['done']);
    const before = stage.zitadel.requests.length;
    expect(outcomes(await stage.run({ execute: true }))).toEqual(['there']);
    expect(stage.writesSince(before)).toEqual([]);
    expect(stage.zitadel.violations).toEqual([]);
  });

  test('registers us with options that link nobody by guessing', async () => {
    await stage.run({ execute: true });
    const [idp] = idps();
    expect(idp).toMatchObject({
      kind: 'oidc',
      name: 'Existing account',
      issuer: stage.issuer,
      settings: {
        clientId: 'zitadel',
        clientSecret: CLIENT_SECRET,
        scopes: ['openid', 'profile', 'email', 'phone'],
        usePkce: true,
      },
      options: {
        isLinkingAllowed: false,
        isCreationAllowed: true,
        isAutoCreation: true,
        isAutoUpdate: false,
        autoLinking: 'AUTO_LINKING_OPTION_UNSPECIFIED',
      },
    });
    expect(idp?.settings.isIdTokenMapping ?? false).toBe(false);
    expect([...stage.zitadel.instance.loginIdps]).toEqual([idp?.id]);
    expect(await ourIdpOf(stage.db, 'main')).toBe(idp?.id);
  });

  test('has the very keys that ZITADEL signs with, sealed', async () => {
    await stage.run({ execute: true });
    const keys = await signingKeysOf(stage.db, stage.keyring, 'main');
    expect(keys.map(({ hook }) => hook)).toEqual(['events', 'intent', 'password']);
    for (const { hook, key, id } of keys) expect(named(hook)).toMatchObject({ id, signingKey: key.reveal() });
    const rows = JSON.stringify(await execute(stage.databaseUrl, 'select * from target_resources'));
    for (const { key } of keys) expect(rows).not.toContain(key.reveal());
    expect(rows).not.toContain(CLIENT_SECRET);
  });

  test('lets ZITADEL call the hooks at our issuer, at methods and events that it knows', async () => {
    await stage.run({ execute: true });
    expect(named('intent')).toMatchObject({
      endpoint: `${stage.issuer}/hooks/zitadel/main/intent`,
      kind: 'call',
      interruptOnError: false,
    });
    expect(execution(INTENT)).toEqual([named('intent').id]);
    expect(execution('event/user.human.externalidp.added')).toEqual([named('events').id]);
    expect(execution('event/user.idp.link.added')).toEqual([]);
    expect(named('session')).toBeUndefined();
  });

  test('lets ZITADEL tell of sessions where they are followed, and of the rest in any case', async () => {
    await stage.run({ execute: true });
    const told = ['session.user.checked', 'session.intent.checked', 'session.terminated'];
    for (const event of [...told, 'user.human.signed.out', 'user.deactivated'])
      expect(execution(`event/${event}`)).toEqual([named('events').id]);
  });

  test('does not let ZITADEL tell of sessions that are not followed', async () => {
    await stage.run({ execute: true }, { sessions: { follow: false } });
    for (const event of ['session.user.checked', 'session.terminated', 'user.human.signed.out'])
      expect(execution(`event/${event}`)).toEqual([]);
    expect(execution('event/user.deactivated')).toEqual([named('events').id]);
  });

  describe('lets ZITADEL tell of every change of users', () => {
    const OF_SYNC = ['user.human.profile.changed', 'user.human.added', 'user.locked', 'user.grant.removed'];

    test('where sync keeps the two equal, and says what is missing where it did not before', async () => {
      await stage.run({ execute: true });
      for (const event of OF_SYNC) expect(execution(`event/${event}`)).toEqual([]);
      const found = await stage.results({ execute: false }, undefined, { isSynced: true });
      expect(found.filter(({ outcome }) => outcome === 'to-do')).toMatchObject([{ id: 'execution:events' }]);
      await stage.run({ execute: true }, undefined, { isSynced: true });
      for (const event of [...OF_SYNC, 'user.deactivated'])
        expect(execution(`event/${event}`)).toEqual([named('events').id]);
      expect(execution('event/user.idp.link.added')).toEqual([]);
      const again = await stage.run({ execute: true }, undefined, { isSynced: true });
      expect(outcomes(again)).toEqual(['there']);
    });

    test('behind what is called there for a whole group, and takes only itself away again', async () => {
      const theirs = await theirTarget();
      const condition = { event: { group: 'user.grant' } };
      await ask('PUT', '/v2/actions/executions', { condition, targets: [theirs] });
      await stage.run({ execute: true }, undefined, { isSynced: true });
      expect(execution('event/user.grant.added')).toEqual([theirs, named('events').id]);
      await stage.tearDown();
      for (const event of OF_SYNC) expect(execution(`event/${event}`)).toEqual([]);
      expect(execution('event/user.grant.*')).toEqual([theirs]);
    });

    test('and needs the right to take roles only then', async () => {
      const users = { grants: [{ role: 'a', project: 'p', roles: ['a'] }] };
      const asked = async (isSynced: boolean) => {
        const { token } = stage.zitadel.oauth.addServiceUser({ roles: ['IAM_OWNER_VIEWER'] });
        const setup = stage.open({ users, api: { url: stage.zitadel.url, token } }, { isSynced });
        const { sentence } = await setup
          .checks()
          .find(({ id }) => id === 'permissions')!
          .run();
        await setup.close();
        return sentence;
      };
      expect(await asked(true)).toContain('user.grant.delete');
      expect(await asked(false)).not.toContain('user.grant.delete');
    });
  });

  test('shows typed passwords only where the settings ask for it, and only so that a refusal holds', async () => {
    await stage.run({ execute: true }, { move: { typedPasswords: true } });
    expect(named('session')).toMatchObject({ kind: 'call', interruptOnError: true });
    expect(execution('request/zitadel.session.v2.SessionService/SetSession')).toEqual([named('session').id]);
    expect(execution('request/zitadel.session.v2.SessionService/CreateSession')).toEqual([
      named('session').id,
    ]);
  });

  test('sets up the hooks that the settings name, and no others', async () => {
    await stage.run({ execute: true }, { setup: { hooks: ['lookup'] } });
    expect(targets().map(({ name }) => name)).toEqual(['footbridge-main-lookup']);
  });

  test('makes what somebody has changed what it has to be, and names it', async () => {
    await stage.run({ execute: true });
    const [idp] = idps();
    idp!.options.autoLinking = 'AUTO_LINKING_OPTION_EMAIL';
    named('intent').interruptOnError = true;
    stage.zitadel.instance.executions.delete(INTENT);
    const found = await stage.results({ execute: false });
    expect(found.filter(({ outcome }) => outcome === 'to-do')).toMatchObject([
      { id: 'idp:oidc', present: { differences: [expect.stringContaining('autoLinking')] } },
      { id: 'action-target:intent', present: { differences: [expect.stringContaining('interruptOnError')] } },
      { id: 'execution:intent', present: { state: 'missing' } },
    ]);
    await stage.run({ execute: true });
    expect(idp!.options.autoLinking).toBe('AUTO_LINKING_OPTION_UNSPECIFIED');
    expect(outcomes(await stage.run({ execute: false }))).toEqual(['there']);
  });

  test('sends another client secret on, though ZITADEL never tells the one it has', async () => {
    await stage.run({ execute: true });
    idps()[0]!.settings.clientSecret = 'unseen';
    expect(outcomes(await stage.run({ execute: false }))).toEqual(['there']);
    await execute(stage.databaseUrl, `update target_resources set sealed = null where kind = 'idp'`);
    expect(await stage.run({ execute: true })).toMatchObject({ 'idp:oidc': 'done' });
    expect(idps()[0]!.settings.clientSecret).toBe(CLIENT_SECRET);
  });

  test('names a step that fails, keeps the rest, and lets what needs it wait', async () => {
    stage.zitadel.instance.denylist = ['127.0.0.0/8'];
    const found = await stage.results({ execute: true });
    const of = (id: string) => found.find((one) => one.id === id);
    expect(of('idp:oidc')?.outcome).toBe('done');
    expect(of('action-target:intent')).toMatchObject({
      outcome: 'failed',
      problem: expect.stringContaining('ZITADEL_HTTPCLIENT_DENYLIST'),
    });
    expect(of('execution:intent')).toMatchObject({
      outcome: 'waits',
      problem: 'waits for action-target:intent',
    });
    stage.zitadel.instance.denylist = [];
    expect(outcomes(await stage.run({ execute: true })).sort()).toEqual(['done', 'there']);
  });

  test('says so when ZITADEL takes a setting and loses it', async () => {
    stage.zitadel.unknownFields = 'drop';
    await stage.run({ execute: true });
    const [idp] = idps();
    Object.defineProperty(idp, 'name', { get: () => 'Somebody else', set: () => undefined });
    const [result] = await stage.results({ execute: true });
    expect(result).toMatchObject({ id: 'idp:oidc', outcome: 'failed' });
    expect(result?.problem).toContain('reads back otherwise: name is "Somebody else"');
  });
});

describe('a run that is cut off', () => {
  test.each([
    ['the provider', 'AddGenericOIDCProvider', 'idp:oidc'],
    ['an action target', 'CreateTarget', 'action-target:intent'],
  ])('after %s was made and before it was recorded makes no second one', async (_what, rpc, id) => {
    stage.zitadel.failNext(rpc, 'drop-after');
    const first = await stage.results({ execute: true });
    expect(first.find((one) => one.id === id)?.outcome).toBe('failed');
    const found = await stage.results({ execute: false });
    expect(found.find((one) => one.id === id)).toMatchObject({
      present: {
        state: 'differs',
        differences: expect.arrayContaining(['it was made by a run that was cut off']),
      },
    });
    expect(outcomes(await stage.run({ execute: true })).sort()).toEqual(['done', 'there']);
    expect(idps()).toHaveLength(1);
    expect(targets()).toHaveLength(3);
    expect(outcomes(await stage.run({ execute: false }))).toEqual(['there']);
    await stage.tearDown();
    expect([...idps(), ...targets()]).toEqual([]);
  });

  test('leaves nothing behind that teardown does not find', async () => {
    stage.zitadel.failNext('AddGenericOIDCProvider', 'drop-after');
    stage.zitadel.failNext('CreateTarget', 'drop-after');
    await stage.run({ execute: true });
    expect(idps()).toHaveLength(1);
    await stage.tearDown();
    expect([...idps(), ...targets()]).toEqual([]);
    expect(await recorded()).toEqual([]);
  });
});

describe('what other people have made', () => {
  test('goes on being called where we are called, and stays when we go', async () => {
    const theirs = await theirTarget();
    const condition = { response: { method: INTENT.replace('response', '') } };
    await ask('PUT', '/v2/actions/executions', { condition, targets: [theirs] });
    const found = await stage.results({ execute: false });
    expect(found.find(({ id }) => id === 'execution:intent')?.present).toMatchObject({
      state: 'differs',
    });
    await stage.run({ execute: true });
    expect(execution(INTENT)).toEqual([theirs, named('intent').id]);
    await stage.tearDown();
    expect(execution(INTENT)).toEqual([theirs]);
    expect(targets().map(({ name }) => name)).toEqual(['theirs']);
  });

  test('for a whole service is not hidden by our closer condition', async () => {
    const theirs = await theirTarget();
    const condition = { response: { service: 'zitadel.user.v2.UserService' } };
    await ask('PUT', '/v2/actions/executions', { condition, targets: [theirs] });
    await stage.run({ execute: true });
    expect(execution(INTENT)).toEqual([theirs, named('intent').id]);
    await stage.tearDown();
    expect(execution(INTENT)).toEqual([]);
    expect(execution('response/zitadel.user.v2.UserService')).toEqual([theirs]);
  });

  test('by hand, and means us, is used and becomes again what it was', async () => {
    const body = {
      name: 'By hand',
      issuer: stage.issuer,
      clientId: 'zitadel',
      clientSecret: 'x'.repeat(12),
    };
    const { id } = await ask('POST', '/admin/v1/idps/generic_oidc', {
      ...body,
      scopes: ['openid'],
      providerOptions: { isLinkingAllowed: true, isAutoUpdate: true },
    });
    const [first] = await stage.results({ execute: false });
    expect(first?.present).toMatchObject({
      differences: expect.arrayContaining([expect.stringContaining('somebody else')]),
    });
    await stage.run({ execute: true });
    expect(idps()).toMatchObject([{ id, name: 'Existing account', options: { isLinkingAllowed: false } }]);
    await stage.tearDown();
    expect(idps()).toMatchObject([
      { id, name: 'By hand', options: { isLinkingAllowed: true, isAutoUpdate: true } },
    ]);
    expect(stage.zitadel.violations).toEqual([]);
  });

  test('with another client is left alone', async () => {
    await ask('POST', '/admin/v1/idps/generic_oidc', {
      name: 'Existing account',
      issuer: 'https://other.example',
      clientId: 'other',
      clientSecret: 'x',
    });
    await stage.run({ execute: true });
    expect(idps()).toHaveLength(2);
    await stage.tearDown();
    expect(idps()).toMatchObject([{ issuer: 'https://other.example' }]);
  });
});

describe('teardown', () => {
  test('takes away what was made, the newest first, and is done at the second time', async () => {
    await stage.run({ execute: true });
    const undone = await stage.tearDown();
    expect(outcomes(undone)).toEqual(['done']);
    expect(Object.keys(undone).at(-1)).toBe('idp:oidc');
    expect([...idps(), ...targets(), ...stage.zitadel.instance.loginIdps]).toEqual([]);
    expect(await recorded()).toEqual([]);
    expect(await stage.tearDown()).toEqual({});
  });

  test('ignores what is gone already', async () => {
    await stage.run({ execute: true });
    stage.zitadel.instance.idps.clear();
    stage.zitadel.instance.targets.clear();
    stage.zitadel.instance.loginIdps.clear();
    expect(outcomes(await stage.tearDown())).toEqual(['done']);
  });

  test('keeps the record of what could not be undone, for the next time', async () => {
    await stage.run({ execute: true });
    stage.zitadel.failNext('DeleteProvider', 503);
    expect((await stage.tearDown())['idp:oidc']).toContain('503');
    expect(await recorded()).toEqual(['idp:oidc']);
    expect(await stage.tearDown()).toEqual({ 'idp:oidc': 'done' });
    expect(idps()).toEqual([]);
  });
});

describe('the keys of the hooks', () => {
  test('are replaced on request, and the old ones taken for a while', async () => {
    await stage.run({ execute: true });
    const old = await signingKeysOf(stage.db, stage.keyring, 'main');
    const setup = stage.open();
    expect(await setup.rotateKeys({ keepPreviousSeconds: 600 })).toEqual(['intent', 'events', 'password']);
    await setup.close();
    const now = await signingKeysOf(stage.db, stage.keyring, 'main');
    expect(now).toHaveLength(6);
    for (const { hook, key, isPrevious } of now) {
      const wanted = isPrevious ? old.find((one) => one.hook === hook)?.key.reveal() : named(hook).signingKey;
      expect(key.reveal()).toBe(wanted);
    }
    expect(outcomes(await stage.run({ execute: false }))).toEqual(['there']);
  });

  test('that were being replaced when a run was cut off are found again', async () => {
    await stage.run({ execute: true });
    stage.zitadel.failNext('UpdateTarget', 'drop-after');
    const setup = stage.open();
    await expect(setup.rotateKeys({ keepPreviousSeconds: 600 })).rejects.toMatchObject({
      code: 'target_unavailable',
    });
    await setup.close();
    const found = await stage.results({ execute: true });
    expect(found.filter(({ outcome }) => outcome === 'done').map(({ id }) => id)).toEqual([
      'action-target:intent',
    ]);
    const [key] = (await signingKeysOf(stage.db, stage.keyring, 'main')).filter(
      ({ hook, isPrevious }) => hook === 'intent' && !isPrevious,
    );
    expect(key?.key.reveal()).toBe(named('intent').signingKey);
  });

  test('that calls are encrypted to are ours, active, and open what ZITADEL names by them', async () => {
    const jwe = { setup: { payload: 'jwe' } };
    await stage.run({ execute: true }, jwe);
    expect(outcomes(await stage.run({ execute: false }, jwe))).toEqual(['there']);
    expect(named('events').payloadType).toBe('PAYLOAD_TYPE_JWE');
    const active = () => named('events').publicKeys.filter(({ isActive }) => isActive);
    const keys = await decryptionKeysOf(stage.db, stage.keyring, 'main');
    const { kid, crv, d } = JSON.parse(keys.find(({ hook }) => hook === 'events')!.key.reveal());
    expect({ kid, crv, isPrivate: typeof d === 'string' }).toEqual({
      kid: active()[0]?.keyId,
      crv: 'P-256',
      isPrivate: true,
    });
    const setup = stage.open(jwe);
    await setup.rotateKeys({ keepPreviousSeconds: 600 });
    await setup.close();
    const after = await decryptionKeysOf(stage.db, stage.keyring, 'main');
    expect(
      after.filter(({ hook }) => hook === 'events').map(({ key }) => JSON.parse(key.reveal()).kid),
    ).toEqual([active()[0]?.keyId, kid]);
    expect(stage.zitadel.violations).toEqual([]);
    expect(outcomes(await stage.tearDown(jwe))).toEqual(['done']);
  });

  test('can be turned to from plain JSON, the key before the payload', async () => {
    await stage.run({ execute: true });
    const before = stage.zitadel.requests.length;
    await stage.run({ execute: true }, { setup: { payload: 'jwe' } });
    const writes = stage.writesSince(before).filter((write) => write.includes(named('intent').id));
    expect(writes.map((write) => write.split('/').at(-1))).toEqual([
      'publickeys',
      'activate',
      named('intent').id,
    ]);
  });
});

describe('the plans of the hooks', () => {
  test('are there for every hook that ZITADEL calls', () => {
    const signed = zitadelHooks.filter(({ isUnsigned }) => !isUnsigned);
    expect(HOOK_PLANS.map(({ hook }) => hook).sort()).toEqual(signed.map(({ name }) => name).sort());
  });
});
