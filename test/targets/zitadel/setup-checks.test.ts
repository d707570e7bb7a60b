import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { recordResource, resourcesOf } from '../../../src/targets/resources.ts';
import type { CheckResult } from '../../../src/targets/run-setup.ts';
import { runChecks } from '../../../src/targets/run-setup.ts';
import type { OurClient } from '../../../src/targets/setup.ts';
import type { SetupStage } from './setup-stage.ts';
import { openSetupStage } from './setup-stage.ts';

let stage: SetupStage;
beforeAll(async () => {
  stage = await openSetupStage({ withFront: true });
});
afterAll(() => stage.close());
const policiesBefore = () => structuredClone(stage.zitadel.instance.policies);
let kept: ReturnType<typeof policiesBefore>;
beforeEach(async () => {
  kept = policiesBefore();
  stage.zitadel.instance.denylist = [];
});
afterEach(async () => {
  Object.assign(stage.zitadel.instance.policies, kept);
  await stage.tearDown();
});

interface Asked {
  readonly target?: object;
  readonly client?: OurClient;
  readonly nowMs?: () => number;
}

async function check({ target = {}, ...deps }: Asked = {}): Promise<Record<string, CheckResult>> {
  const setup = stage.open(target, deps);
  const all = await runChecks(setup.checks()).finally(() => setup.close());
  return Object.fromEntries(all.map((one) => [one.id, one]));
}

const wrongOnes = (all: Record<string, CheckResult>) =>
  Object.values(all)
    .filter(({ verdict }) => verdict === 'wrong' || verdict === 'warn')
    .map(({ id }) => id);
const policies = () => stage.zitadel.instance.policies;
const as = (...roles: string[]) => {
  const { token } = stage.zitadel.oauth.addServiceUser({ roles });
  return { api: { url: stage.zitadel.url, token } };
};

describe('the checks', () => {
  test('find nothing wrong with a fresh ZITADEL, and leave nothing behind', async () => {
    const all = await check();
    expect(wrongOnes(all)).toEqual([]);
    expect(all['issuer-from-zitadel']?.verdict).toBe('unknown');
    expect(all['hash-verifiers']).toMatchObject({
      verdict: 'unknown',
      todo: expect.stringContaining(
        'VERIFIERS=bcrypt,argon2,pbkdf2,scrypt,sha2,drupal7,phpass,md5,md5salted,md5plain',
      ),
    });
    expect(stage.zitadel.instance.targets.size).toBe(0);
    expect(stage.zitadel.violations).toEqual([]);
  });

  test('know once we are set up that ZITADEL reaches our issuer', async () => {
    await stage.run({ execute: true });
    expect((await check())['issuer-from-zitadel']).toMatchObject({ verdict: 'ok' });
  });

  test('ask nothing more where the token is not taken', async () => {
    const all = await check({ target: { api: { url: stage.zitadel.url, token: 'wrong' } } });
    expect(Object.keys(all)).toEqual(['api']);
    expect(all.api).toMatchObject({ verdict: 'wrong', sentence: expect.stringContaining('401') });
  });

  test('name the permissions that are missing', async () => {
    const { permissions } = await check({ target: as('IAM_USER_MANAGER') });
    expect(permissions).toMatchObject({ verdict: 'wrong', todo: expect.stringContaining('IAM_OWNER') });
    expect(permissions?.sentence).toContain('iam.idp.write');
    expect(permissions?.sentence).not.toContain('user.write');
  });

  test.each([
    [59, 'ok'],
    [-59, 'ok'],
    [62, 'wrong'],
    [-62, 'wrong'],
  ] as const)('compare the clocks: %i s is %s', async (seconds, verdict) => {
    const { clock } = await check({ nowMs: () => Date.now() + seconds * 1_000 });
    expect(clock?.verdict).toBe(verdict);
    if (verdict === 'wrong') expect(clock?.sentence).toContain(seconds > 0 ? 'behind' : 'ahead');
  });

  test('find the deny-list by asking for a target, and say how to make a hole in it', async () => {
    stage.zitadel.instance.denylist = ['127.0.0.0/8'];
    const denied = (await check())['deny-list'];
    expect(denied).toMatchObject({ verdict: 'wrong', sentence: expect.stringContaining('127.0.0.1') });
    expect(denied?.todo).toContain('ZITADEL_HTTPCLIENT_DENYLIST=localhost,0.0.0.0/8,10.0.0.0/8');
    expect(denied?.todo).toContain('169.254.0.0/16');
  });

  test('remove the throw-away target that a check before has left behind', async () => {
    stage.zitadel.failNext('DeleteTarget', 503);
    await check();
    expect(stage.zitadel.instance.targets.size).toBe(1);
    expect((await check())['deny-list']?.verdict).toBe('ok');
    expect(stage.zitadel.instance.targets.size).toBe(0);
  });

  test.each([
    [
      'no external providers are allowed',
      {},
      () => Object.assign(policies().login, { allowExternalIdp: false }),
    ],
    [
      'passwords are waited for that nobody may type',
      { move: { typedPasswords: true } },
      () => Object.assign(policies().login, { allowUsernamePassword: false }),
    ],
    ['everybody needs a second factor', {}, () => Object.assign(policies().login, { forceMfa: true })],
  ])('look at the login policy: %s', async (_what, target, arrange) => {
    expect((await check({ target }))['login-policy']?.verdict).toBe('ok');
    arrange();
    const found = (await check({ target }))['login-policy'];
    expect(['wrong', 'warn']).toContain(found?.verdict);
    expect(found?.todo).toBeTypeOf('string');
  });

  test.each([
    [true, { from: 'email' }, 'warn'],
    [true, { from: 'email', dropDomain: true }, 'ok'],
    [true, {}, 'ok'],
    [false, { from: 'email' }, 'ok'],
    [false, { dropDomain: true }, 'warn'],
  ] as const)(
    'hold the domain policy (%s) against the usernames (%o): %s',
    async (isAdded, username, verdict) => {
      policies().domain.userLoginMustBeDomain = isAdded;
      expect((await check({ target: { users: { username } } }))['domain-policy']?.verdict).toBe(verdict);
    },
  );

  test('look for what the settings name', async () => {
    const { organization } = stage.zitadel;
    const named = { organization, organizations: [{ when: { role: 'a' }, organization: 'none' }] };
    const all = await check({
      target: {
        users: {
          ...named,
          identityProviders: { google: 'no-idp' },
          grants: [{ role: 'a', project: 'no-project', roles: ['b'] }],
        },
      },
    });
    expect(all.organizations).toMatchObject({
      verdict: 'wrong',
      sentence: expect.stringContaining(': none.'),
    });
    expect(all['identity-providers']?.sentence).toContain('no-idp');
    expect(all.grants).toMatchObject({ verdict: 'wrong', sentence: expect.stringContaining('no-project') });
    const known = await check({ target: { users: { organization } } });
    expect(known.organizations?.verdict).toBe('ok');
  });

  test('say when our client cannot be ZITADEL’s', async () => {
    const { secret: _none, ...withoutSecret } = stage.client;
    expect(
      (await check({ client: { ...withoutSecret, authMethod: 'private_key_jwt' } })).client?.verdict,
    ).toBe('wrong');
    expect((await check({ client: { ...stage.client, grantTypes: [] } })).client?.verdict).toBe('wrong');
    expect((await check()).client?.verdict).toBe('ok');
  });

  test('leave a part of ZITADEL that fails unknown, and look at the rest', async () => {
    stage.zitadel.failNext('GetDomainPolicy', 503, 2);
    const all = await check();
    expect(all['domain-policy']).toMatchObject({
      verdict: 'unknown',
      sentence: expect.stringContaining('503'),
    });
    expect(all.organizations?.verdict).toBe('ok');
  });
});

describe('the proof of hashes', () => {
  const prove = async (accepts: readonly object[]) => {
    const setup = stage.open({ accepts });
    return runChecks(setup.hashProofs!()).finally(() => setup.close());
  };
  const everything = () => stage.target().accepts;

  test('logs in with one user per kind, and none is left', async () => {
    const before = stage.zitadel.instance.users.size;
    const all = await prove(everything());
    expect(all.map(({ verdict }) => verdict)).toEqual(everything().map(() => 'ok'));
    expect(stage.zitadel.instance.users.size).toBe(before);
    expect(stage.zitadel.instance.sessions.size).toBe(0);
    expect(await resourcesOf(stage.db, 'main')).toEqual([]);
    expect(stage.zitadel.violations).toEqual([]);
  });

  test('names a kind that ZITADEL refuses, and what to switch on', async () => {
    stage.zitadel.failNext('AddHumanUser', 400);
    const [bcrypt] = await prove([{ write: 'bcrypt', cost: [4, 31] }]);
    expect(bcrypt).toMatchObject({ verdict: 'wrong', todo: expect.stringContaining('VERIFIERS=bcrypt') });
  });

  test('names a kind that is imported and never verified', async () => {
    stage.zitadel.failNext('CreateSession', 400);
    const [bcrypt] = await prove([{ write: 'bcrypt', cost: [4, 31] }]);
    expect(bcrypt).toMatchObject({ verdict: 'wrong', sentence: expect.stringContaining('locked out') });
  });

  test('removes the user whom a proof before has left behind', async () => {
    const before = stage.zitadel.instance.users.size;
    stage.zitadel.failNext('DeleteUser', 503);
    await prove([{ write: 'bcrypt', cost: [4, 31] }]);
    expect(stage.zitadel.instance.users.size).toBe(before + 1);
    await prove([{ write: 'bcrypt', cost: [4, 31] }]);
    expect(stage.zitadel.instance.users.size).toBe(before);
  });

  test('leaves nobody whom teardown does not remove', async () => {
    const id = { target: 'main', kind: 'proof-user', name: 'bcrypt' } as const;
    await recordResource(stage.db, stage.keyring, { ...id, remoteId: 'gone-already' });
    expect(await stage.tearDown()).toEqual({ 'proof-user:bcrypt': 'done' });
  });
});
