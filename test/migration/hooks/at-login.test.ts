/**
 * What ZITADEL's calls lead to. The ZITADEL is the stand-in, which delivers them itself over HTTP, signed with the keys of
 * the hooks; ledger, mover, password proof and throttle are the real ones.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { capturePart } from '../../../src/migration/captured-passwords.ts';
import type { AtLogin } from '../../../src/migration/hooks/at-login.ts';
import { openAtLogin } from '../../../src/migration/hooks/at-login.ts';
import { hooksRoutes } from '../../../src/migration/hooks/hooks-routes.ts';
import { find, move } from '../../../src/migration/ledger.ts';
import type { Mover } from '../../../src/migration/moving/mover.ts';
import { openMover } from '../../../src/migration/moving/moving.ts';
import { passwordProof } from '../../../src/provider/password-proof.ts';
import { providerSettings } from '../../../src/provider/provider-settings.ts';
import { Throttle } from '../../../src/provider/throttle.ts';
import { Secret } from '../../../src/settings.ts';
import type { HookCall } from '../../../src/targets/hook.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { recordResource } from '../../../src/targets/resources.ts';
import type { Target, Targets } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { HOOK_CONDITIONS } from '../../../src/targets/zitadel/hooks.ts';
import type { User } from '../../../src/user.ts';
import { execute } from '../../support/database.ts';
import { UNPLANNED } from '../../support/unplanned.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { addIdp } from '../../targets/zitadel/connected.ts';
import { HASH } from '../../targets/zitadel/people.ts';
import type { Stage } from '../stage.ts';
import { openStage, userOf } from '../stage.ts';

const PASSWORD = 'correct horse';
const ISSUER = 'https://id.example.com';
const SEED = Buffer.from('12345678901234567890');
/** How many wrong passwords before one has to wait. */
const FAILURES = 4;

let zitadel: Zitadel;
let stage: Stage;
let targets: Targets;
let target: Target;
let atLogin: AtLogin;
let mover: Mover;
let ourIdp: string;
let close: () => Promise<void>;
let zitadelAheadMs = 0;
const lookups: object[] = [];
const problems: unknown[] = [];

beforeAll(async () => {
  zitadel = await openZitadel({ now: () => Date.now() + zitadelAheadMs });
  zitadel.instance.denylist = [];
  ourIdp = addIdp(zitadel, 'footbridge');
  addIdp(zitadel, 'other');
  const settings = {
    name: 'main',
    kind: 'zitadel',
    displayName: 'New',
    loginUrl: 'https://new.example/',
    clientIds: ['main-login'],
    api: { url: zitadel.url, token: zitadel.token, identityProvider: ourIdp, perSecond: 1_000 },
    move: { typedPasswords: true },
  };
  targets = openTargets(targetSettings.parse([settings]), { issuer: ISSUER });
  target = targets.byName('main')!;
  const passwords = openPasswords(passwordSettings.parse({}));
  stage = await openStage({
    routes: ({ db, keyring, directory, pseudonym, onError }) => {
      const login = providerSettings.parse({
        login: { failureFloorMs: 0, accountFailures: FAILURES, networkFailures: 100, blockSeconds: 60 },
      }).login;
      const throttle = new Throttle(db, keyring, login);
      const ourIdpOf = async ({ api }: Target) => api?.identityProvider;
      const common = {
        ...{ db, keyring, directory, passwords, targets, pseudonym },
        issuer: ISSUER,
        ourIdp: ourIdpOf,
      };
      mover = openMover(common);
      atLogin = openAtLogin({
        ...common,
        routing: UNPLANNED,
        mover,
        provePassword: passwordProof({ ...common, throttle, failureFloorMs: 0 }),
        onLookup: (lookup) => lookups.push(lookup),
        onError: (error) => problems.push(error),
      });
      return hooksRoutes({ db, keyring, targets, onError, atLogin });
    },
  });
  close = async () => {
    await zitadel.close();
    await stage.close();
    await targets.close();
    await passwords.close();
  };
  for (const hook of ['session', 'events', 'lookup', 'intent', 'password'] as const) await install(hook);
});
afterAll(() => close());
beforeEach(() => {
  problems.length = 0;
  lookups.length = 0;
});
afterEach(async () => {
  stage.legacyDown = false;
  zitadel.instance.isLagging = false;
  await zitadel.events.settled();
  expect(stage.errors).toEqual([]);
  expect(zitadel.violations).toEqual([]);
});

/** As `target setup` does it. */
async function install(hook: keyof typeof HOOK_CONDITIONS): Promise<void> {
  const endpoint = `${stage.url}/hooks/zitadel/main/${hook}`;
  const kind = { restCall: { interruptOnError: true } };
  const { json } = await api('POST', '/v2/actions/targets', {
    name: hook,
    endpoint,
    timeout: '10s',
    ...kind,
  });
  const key = new Secret(json.signingKey);
  await recordResource(stage.db, stage.keyring, {
    target: 'main',
    kind: 'action-target',
    name: hook,
    remoteId: json.id,
    key,
  });
  const services = { UserService: 'zitadel.user.v2', SessionService: 'zitadel.session.v2' };
  for (const [when, names] of Object.entries(HOOK_CONDITIONS[hook]))
    for (const name of names as readonly string[]) {
      const method = `/${services[name.split('/')[0] as keyof typeof services]}.${name}`;
      const condition = { [when]: when === 'event' ? { event: name } : { method } };
      await api('PUT', '/v2/actions/executions', { condition, targets: [json.id] });
    }
}

async function api(method: string, path: string, body?: object) {
  const response = await fetch(zitadel.url + path, {
    method,
    headers: { authorization: `Bearer ${zitadel.token}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any answer
  return { status: response.status, json: (await response.json()) as any };
}

let serial = 0;
/** In the legacy store, and nowhere else. */
function someone(more: Partial<User> & { totp?: true } = {}) {
  const { totp, ...rest } = more;
  const user = userOf(`p${++serial}`, rest);
  const seed = { secret: SEED, algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;
  const passwords = [{ format: 'bcrypt', columns: { hash: HASH } }];
  stage.people.set(user.sub, { user, credentials: { passwords, ...(totp ? { totp: seed } : {}) } });
  return { sub: user.sub, login: user.username!, email: user.email! };
}

/** At ZITADEL already, by whatever way: without a password, and linked to us. */
async function there(
  sub: string | undefined,
  more: { password?: string; idpId?: string; id?: string; email?: string } = {},
): Promise<string> {
  const { password, idpId = ourIdp, id = `there-${++serial}`, email = `${id}@example.com` } = more;
  const { status } = await api('POST', '/v2/users/human', {
    userId: id,
    username: id,
    profile: { givenName: 'A', familyName: 'B' },
    email: { email, isVerified: true },
    ...(password ? { password: { password } } : {}),
    ...(sub ? { idpLinks: [{ idpId, userId: sub, userName: sub }] } : {}),
  });
  expect(status).toBe(200);
  await zitadel.events.settled();
  return id;
}

const userAt = (id: string) => zitadel.instance.users.get(id);
const row = (sub: string) => find(stage.db, 'main', sub);
const stateOf = async (sub: string) => (await row(sub))?.state;
/** No two are alike: within one second they would have one signature. */
const createSession = (user: object, password = PASSWORD) =>
  api('POST', '/v2/sessions', {
    checks: { user, password: { password } },
    metadata: { n: Buffer.from(String(++serial)).toString('base64') },
  });
/** As Login V2 does it: who first, password then. */
async function twoSteps(userId: string, password = PASSWORD) {
  const { json } = await api('POST', '/v2/sessions', { checks: { user: { userId } } });
  return api('PATCH', `/v2/sessions/${json.sessionId}`, { checks: { password: { password } } });
}
const call = (made: HookCall, at: Target = target) => atLogin(at, made);
const workOf = (sub: string) =>
  execute(stage.databaseUrl, 'select road, problem from target_work where sub = $1', [sub]);
const actionsOf = async (prefix: string) =>
  (await stage.auditRecords()).map(({ action }) => action).filter((action) => action.startsWith(prefix));
const prove = (sub: string) => stage.login(sub);

const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;

describe('a password typed at ZITADEL by somebody whose password is not there', () => {
  test.each([
    ['with the user', (id: string) => createSession({ userId: id })],
    ['by login name', (id: string) => createSession({ loginName: id })],
    ['in a session that knows the user', (id: string) => twoSteps(id)],
  ])('%s, that is right lets them in, and is theirs there from now on', async (_how, type) => {
    const { sub } = someone();
    const id = await there(sub);
    expect((await type(id)).status).toBe(200);
    expect(userAt(id)?.password?.hash).toBe(HASH);
    expect(await row(sub)).toMatchObject({ state: 'migrated', targetUserId: id, amr: ['pwd'] });
    expect(stage.flagged).toContainEqual([sub, true]);
    expect(await workOf(sub)).toEqual([]);
    // The next time it is ZITADEL's business alone.
    stage.legacyDown = true;
    expect((await type(id)).status).toBe(200);
    expect((await type(id)).status).toBe(200);
    expect(problems).toEqual([]);
  });

  test('with a second factor brings it along, and ZITADEL asks for it', async () => {
    const { sub, login } = someone({ totp: true });
    expect((await createSession({ loginName: login })).status).toBe(200);
    const { targetUserId, state } = (await row(sub))!;
    expect(state).toBe('migrated');
    expect(userAt(targetUserId!)?.totp?.isReady).toBe(true);
  });

  test('that is wrong is refused before ZITADEL counts it, and changes nothing anywhere', async () => {
    const { sub } = someone();
    const id = await there(sub);
    for (let i = 0; i < FAILURES - 1; i += 1) {
      const { status, json } = await twoSteps(id, 'wrong');
      expect([status, json.code]).toEqual([400, INVALID_ARGUMENT]);
      expect(json.message).toContain('The password is not right.');
    }
    expect(userAt(id)).toMatchObject({ failedPasswords: 0, state: 'USER_STATE_ACTIVE' });
    expect(userAt(id)?.password).toBeUndefined();
    expect(await row(sub)).toBeUndefined();
    expect((await twoSteps(id)).status).toBe(200);
  });

  test('is refused otherwise while the legacy store is down, and nothing counts', async () => {
    const { sub } = someone();
    const id = await there(sub);
    stage.legacyDown = true;
    for (let i = 0; i < 2 * FAILURES; i += 1) {
      const { json } = await createSession({ userId: id });
      expect(json.code).toBe(FAILED_PRECONDITION);
      expect(json.message).toContain('cannot be checked at the moment. Try again in 2 seconds.');
    }
    stage.legacyDown = false;
    expect(await row(sub)).toBeUndefined();
    expect((await createSession({ userId: id })).status).toBe(200);
  });

  test('is refused otherwise after too many, for this one person', async () => {
    const { sub } = someone();
    const [id, other] = [await there(sub), await there(someone().sub)];
    for (let i = 0; i < FAILURES; i += 1) await createSession({ userId: id }, 'wrong');
    const { status, json } = await createSession({ userId: id });
    expect([status, json.code]).toEqual([429, RESOURCE_EXHAUSTED]);
    expect(json.message).toMatch(/Too many attempts\. Try again in \d+ seconds\./);
    expect(userAt(id)).toMatchObject({ failedPasswords: 0, state: 'USER_STATE_ACTIVE' });
    expect(await row(sub)).toBeUndefined();
    expect((await createSession({ userId: other })).status).toBe(200);
  });

  test('is refused otherwise where the legacy store has disabled them', async () => {
    const { sub } = someone({ state: 'disabled' });
    const { status, json } = await createSession({ userId: await there(sub) });
    expect([status, json.code]).toEqual([403, PERMISSION_DENIED]);
    expect(await row(sub)).toBeUndefined();
  });

  test('of somebody who is excluded is left to ZITADEL, which has none', async () => {
    const { sub } = someone();
    const id = await there(sub);
    const common = { target: 'main', sub, actor: 'operator:test', subject: stage.pseudonym(sub) };
    await move(stage.db, { ...common, event: 'exclude' });
    expect((await createSession({ userId: id })).json.code).toBe(FAILED_PRECONDITION);
    expect(await stateOf(sub)).toBe('excluded');
    expect(userAt(id)?.password).toBeUndefined();
  });

  test('while ZITADEL does not take what it proves is kept, and goes on by itself', async () => {
    const { sub, login } = someone();
    zitadel.failNext('AddHumanUser', 503);
    const { json } = await createSession({ loginName: login });
    expect(json.code).toBe(FAILED_PRECONDITION);
    expect(await stateOf(sub)).toMatch(/^(authenticated|releasing)$/);
    expect(await workOf(sub)).toMatchObject([{ road: 'typed' }]);
    await execute(stage.databaseUrl, `update target_work set due_at = now() where sub = $1`, [sub]);
    expect(await mover.resume()).toBeGreaterThan(0);
    expect(await stateOf(sub)).toBe('migrated');
    expect((await createSession({ loginName: login })).status).toBe(200);
  });
});

describe('a password typed at ZITADEL by somebody it does not know', () => {
  test('that is right makes the user, with password, link and metadata, and lets them in', async () => {
    const { sub, login } = someone();
    expect((await createSession({ loginName: login })).status).toBe(200);
    const { targetUserId } = (await row(sub))!;
    expect(userAt(targetUserId!)).toMatchObject({
      username: login,
      password: { hash: HASH },
      links: [{ idpId: ourIdp, userId: sub }],
    });
    expect(await stateOf(sub)).toBe('migrated');
  });

  test('that is wrong makes nobody, and says the same of somebody whom nobody knows', async () => {
    const { sub, login } = someone();
    const before = zitadel.instance.users.size;
    const [wrong, nobody] = await Promise.all([
      createSession({ loginName: login }, 'wrong'),
      createSession({ loginName: 'nobody-at-all' }, 'wrong'),
    ]);
    expect(wrong.json.code).toBe(INVALID_ARGUMENT);
    expect(nobody.json).toEqual(wrong.json);
    expect(zitadel.instance.users.size).toBe(before);
    expect(await row(sub)).toBeUndefined();
  });

  test('twice at once makes one user', async () => {
    const { sub, login } = someone();
    const before = zitadel.instance.users.size;
    const answers = await Promise.all([1, 2, 3].map(() => createSession({ loginName: login })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(zitadel.instance.users.size).toBe(before + 1);
    expect(await stateOf(sub)).toBe('migrated');
  });

  test('is found by what they type at the legacy system, where ZITADEL puts something behind it', async () => {
    const { sub, login } = someone();
    const users = { ...target.users, username: { ...target.users.username, suffix: '@shop' } };
    const typed = { kind: 'typed', login: `${login}@shop`, password: 'wrong' } as const;
    expect(await call(typed, { ...target, users })).toEqual({ kind: 'refused', reason: 'wrong-password' });
    const right = { ...typed, password: PASSWORD };
    expect(await call(right, { ...target, users })).toEqual({ kind: 'go-on' });
    expect(await row(sub)).toBeDefined();
  });
});

describe('a password typed at ZITADEL that is none of our business', () => {
  test('is not looked at where ZITADEL has one, right or wrong', async () => {
    const { sub } = someone();
    const id = await there(sub, { password: 'Their-own-0ne!' });
    stage.legacyDown = true;
    expect((await createSession({ userId: id }, 'Their-own-0ne!')).status).toBe(200);
    const { json } = await createSession({ userId: id });
    expect(json.code).toBe(INVALID_ARGUMENT);
    expect(userAt(id)?.failedPasswords).toBe(1);
    expect(await row(sub)).toBeUndefined();
  });

  test.each([
    ['without a link', async () => there(undefined)],
    ['linked elsewhere', async (sub: string) => there(sub, { idpId: 'idp-other' })],
  ])('of a user %s is left to ZITADEL', async (_how, make) => {
    const { sub } = someone();
    const id = await make(sub);
    expect((await createSession({ userId: id })).json.message).toContain('NotSet');
    expect(await row(sub)).toBeUndefined();
  });

  test('is not looked at where the settings do not say so', async () => {
    const { login } = someone();
    const off = { ...target, move: { ...target.move, typedPasswords: false } };
    const typed = { kind: 'typed', login, password: 'wrong' } as const;
    expect(await call(typed, off)).toEqual({ kind: 'go-on' });
    expect(await call(typed)).toMatchObject({ kind: 'refused' });
  });

  test('costs ZITADEL one question once somebody has moved', async () => {
    const { sub } = someone();
    const id = await there(sub);
    await twoSteps(id);
    await zitadel.events.settled();
    const { json } = await api('POST', '/v2/sessions', { checks: { user: { userId: id } } });
    const before = zitadel.requests.length;
    await api('PATCH', `/v2/sessions/${json.sessionId}`, { checks: { password: { password: PASSWORD } } });
    const asked = zitadel.requests.slice(before).map(({ verb, path }) => `${verb} ${path}`);
    expect(asked.sort()).toEqual([
      `GET /v2/sessions/${json.sessionId}`,
      `PATCH /v2/sessions/${json.sessionId}`,
    ]);
  });

  test('of somebody whom the ledger does not know is ZITADEL’s alone while it does not answer us', async () => {
    const id = await there(someone().sub, { password: 'Their-own-0ne!' });
    zitadel.failNext('GetUserByID', 503, 2);
    expect((await createSession({ userId: id }, 'Their-own-0ne!')).status).toBe(200);
  });

  test('that nobody could look at is refused, or ZITADEL would count it against a placeholder', async () => {
    const { sub, login } = someone();
    const id = await there(sub);
    zitadel.failNext('UserService/ListUsers', 503, 2);
    const { json } = await createSession({ loginName: login });
    expect(json.code).toBe(FAILED_PRECONDITION);
    expect(userAt(id)).toMatchObject({ failedPasswords: 0, state: 'USER_STATE_ACTIVE' });
  });

  test('in a session that does not say whose is left alone', async () => {
    const unknown = { kind: 'typed', targetSessionId: 'nothing', password: PASSWORD } as const;
    expect(await call(unknown)).toEqual({ kind: 'go-on' });
    expect(await call({ kind: 'typed', password: PASSWORD })).toEqual({ kind: 'go-on' });
  });
});

test('a lookup is counted, and makes nobody', async () => {
  const { sub, login } = someone();
  const before = zitadel.instance.users.size;
  const queries = [{ loginNameQuery: { loginName: login } }];
  const { status, json } = await api('POST', '/v2/users', { queries });
  expect([status, json.result ?? []]).toEqual([200, []]);
  expect(lookups).toEqual([{ target: 'main', found: false }]);
  expect(zitadel.instance.users.size).toBe(before);
  expect(await row(sub)).toBeUndefined();
});

describe('somebody new who comes back from us', () => {
  const returned = (sub: string, ticket?: string, more: object = {}): HookCall => ({
    kind: 'returned',
    sub,
    identityProvider: ourIdp,
    ...(ticket ? { ticket } : {}),
    ...more,
  });

  test('is told of with all secrets, once, for the ticket of the login', async () => {
    const { sub, login, email } = someone({ totp: true });
    const ticket = await prove(sub);
    const told = await call(returned(sub, ticket));
    expect(told).toMatchObject({
      kind: 'go-on-with',
      user: {
        sub,
        username: login,
        email: { address: email, isVerified: true },
        password: { encoded: HASH, format: 'bcrypt' },
        totpSecret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      },
    });
    expect(await row(sub)).toMatchObject({ state: 'releasing', password: 'carried' });
    expect(await actionsOf('secrets.released')).not.toEqual([]);
    const again = await call(returned(sub, ticket));
    expect(again).toMatchObject({ kind: 'go-on-with', user: { sub } });
    expect(JSON.stringify(again)).not.toContain(HASH);
    expect(problems).toMatchObject([{ code: 'ticket_used' }]);
  });

  test.each([
    ['no ticket', async () => undefined],
    ['somebody else’s ticket', async () => prove(someone().sub)],
    ['a ticket of another client', (sub: string) => stage.login(sub, { clientId: 'other-login' })],
    ['an expired ticket', (sub: string) => stage.login(sub, { agoSeconds: 301 })],
    ['a made-up ticket', async () => 'fbt1.e30.AAAA'],
  ])('is told of without secrets for %s', async (_what, ticketFor) => {
    const { sub } = someone({ totp: true });
    await prove(sub);
    const told = await call(returned(sub, await ticketFor(sub)));
    expect(told).toMatchObject({ kind: 'go-on-with', user: { sub, givenName: 'Anna' } });
    expect(told).not.toHaveProperty('user.password');
    expect(told).not.toHaveProperty('user.totpSecret');
    expect(await stateOf(sub)).toBe('authenticated');
  });

  test('is nobody without a login at us, nor excluded, nor deleted', async () => {
    const { sub } = someone();
    const refused = { kind: 'refused', reason: 'disabled' };
    expect(await call(returned(sub))).toEqual(refused);
    const common = { target: 'main', actor: 'operator:test' };
    for (const event of ['exclude', 'delete'] as const) {
      const gone = someone().sub;
      const ticket = await prove(gone);
      await move(stage.db, { ...common, sub: gone, subject: stage.pseudonym(gone), event });
      expect(await call(returned(gone, ticket))).toEqual(refused);
    }
  });

  test('whom the legacy store has disabled meanwhile is refused', async () => {
    const { sub } = someone();
    const ticket = await prove(sub);
    const entry = stage.people.get(sub)!;
    stage.people.set(sub, { ...entry, user: { ...entry.user, state: 'disabled' } });
    expect(await call(returned(sub, ticket))).toEqual({ kind: 'refused', reason: 'disabled' });
  });

  test('goes on with the claims while the legacy store is down: the login is proved already', async () => {
    const { sub } = someone();
    const ticket = await prove(sub);
    stage.legacyDown = true;
    expect(await call(returned(sub, ticket))).toEqual({ kind: 'go-on' });
    expect(problems).toMatchObject([{ code: 'legacy_unavailable' }]);
    stage.legacyDown = false;
    expect(await call(returned(sub, ticket))).toMatchObject({ user: { password: { encoded: HASH } } });
  });

  test('from another provider is left alone', async () => {
    const { sub } = someone();
    const ticket = await prove(sub);
    expect(await call(returned(sub, ticket, { identityProvider: 'idp-other' }))).toEqual({ kind: 'go-on' });
    expect(await stateOf(sub)).toBe('authenticated');
  });

  test('and is known there gets what is missing, and is let in whatever becomes of it', async () => {
    const { sub } = someone();
    const id = await there(sub);
    await prove(sub);
    zitadel.failNext('GetUserByID', 503, 2);
    expect(await call(returned(sub, undefined, { targetUserId: id }))).toEqual({ kind: 'go-on' });
    expect(problems).toHaveLength(1);
    expect(await call(returned(sub, undefined, { targetUserId: id }))).toEqual({ kind: 'go-on' });
    expect(await row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
    expect(userAt(id)?.password?.hash).toBe(HASH);
  });
});

describe('ZITADEL says that it has linked somebody', () => {
  test('who has proved a password: the rest is stored there', async () => {
    const { sub } = someone();
    await prove(sub);
    const id = await there(sub);
    expect(await row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
    expect(await zitadel.opens(id, PASSWORD)).toBe(true);
    expect(stage.flagged).toContainEqual([sub, true]);
  });

  test('in events of older releases as well, in which the payload is base64', async () => {
    zitadel.deliveryOptions.eventPayload = 'base64';
    const { sub } = someone();
    await prove(sub);
    const id = await there(sub);
    zitadel.deliveryOptions.eventPayload = 'object';
    expect(await row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
  });

  test.each([
    ['who has proved none', async () => undefined, undefined],
    [
      'who is excluded',
      (sub: string) =>
        move(stage.db, {
          target: 'main',
          sub,
          event: 'exclude',
          actor: 'operator:test',
          subject: stage.pseudonym(sub),
        }),
      'excluded',
    ],
  ])('%s: nothing is stored', async (_who, before, state) => {
    const { sub } = someone();
    await before(sub);
    const id = await there(sub);
    expect(userAt(id)?.password).toBeUndefined();
    expect(await stateOf(sub)).toBe(state);
    expect(await workOf(sub)).toEqual([]);
  });

  test('to another provider, or to a subject that its API does not confirm: nothing is stored', async () => {
    const [one, two] = [someone().sub, someone().sub];
    await Promise.all([prove(one), prove(two)]);
    const elsewhere = await there(one, { idpId: 'idp-other' });
    const linked = { kind: 'linked', identityProvider: ourIdp } as const;
    await call({ ...linked, targetUserId: elsewhere, sub: one });
    const id = await there(two);
    await call({ ...linked, targetUserId: id, sub: one });
    await call({ ...linked, targetUserId: 'nobody-there', sub: one });
    expect(await stateOf(one)).toBe('authenticated');
    expect(userAt(elsewhere)?.password).toBeUndefined();
    expect(await row(two)).toMatchObject({ state: 'migrated', targetUserId: id });
  });

  test('without saying to whom: its API does', async () => {
    const { sub } = someone();
    const id = await there(sub);
    await prove(sub);
    await call({ kind: 'linked', targetUserId: id });
    expect(await row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
  });

  test('twice, in another order, and after the user has gone: it is stored once, and nobody is made again', async () => {
    zitadel.events.mode = 'held';
    const { sub } = someone();
    await prove(sub);
    const id = await there(sub);
    expect(await stateOf(sub)).toBe('authenticated');
    const events = [...zitadel.events.held];
    const first = await zitadel.events.deliver(() => [...events].reverse());
    const moved = await row(sub);
    expect(moved).toMatchObject({ state: 'migrated', targetUserId: id });
    // A second later, so that they are signed anew.
    zitadelAheadMs += 1_000;
    const second = await zitadel.events.deliver(() => events);
    expect([...first, ...second].map(({ status }) => status)).toEqual(Array(2 * first.length).fill(200));
    expect(await row(sub)).toEqual(moved);
    const link = first.find(({ payload }) => payload.event_type === 'user.human.externalidp.added')!;
    await api('DELETE', `/v2/users/${id}`);
    zitadel.events.mode = 'at-once';
    await zitadel.events.deliver();
    const users = zitadel.instance.users.size;
    await call({ kind: 'linked', targetUserId: id, sub, identityProvider: ourIdp });
    expect(zitadel.instance.users.size).toBe(users);
    expect(await row(sub)).toEqual(moved);
    // The same bytes again are somebody who has listened.
    expect((await zitadel.resend(link)).status).toBe(409);
  });

  test('while the legacy store is down: it is told so, and what was asked for is done later', async () => {
    const { sub } = someone();
    await prove(sub);
    zitadel.events.mode = 'held';
    const id = await there(sub);
    stage.legacyDown = true;
    const delivered = await zitadel.events.deliver((held) =>
      held.filter(({ type }) => type === 'user.human.externalidp.added'),
    );
    zitadel.events.mode = 'at-once';
    expect(delivered.map(({ status }) => status)).toEqual([503]);
    stage.legacyDown = false;
    expect(await workOf(sub)).toMatchObject([{ road: 'event' }]);
    await execute(stage.databaseUrl, `update target_work set due_at = now() where sub = $1`, [sub]);
    await mover.resume();
    expect(await row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
  });

  test('where nothing is to be pushed: nothing is', async () => {
    const { sub } = someone();
    const id = await there(sub);
    await prove(sub);
    const never = { ...target, move: { ...target.move, push: 'never' as const } };
    await call({ kind: 'linked', targetUserId: id, sub, identityProvider: ourIdp }, never);
    expect(await stateOf(sub)).toBe('authenticated');
  });
});

/** Somebody who has moved. */
async function moved() {
  const { sub } = someone();
  await prove(sub);
  const id = await there(sub);
  expect(await stateOf(sub)).toBe('migrated');
  return { sub, id };
}

describe('afterwards', () => {
  test('a new password at ZITADEL ends what was captured of the old one', async () => {
    const { sub, id } = await moved();
    const hash = { encoded: HASH, format: 'bcrypt' };
    const owner = { target: 'main', sub };
    const captured = { hash, madeOf: '00', reason: 'no_hash' };
    await stage.db.runParts([capturePart(stage.keyring, owner, captured)], 'select 1');
    const { status } = await api('POST', `/v2/users/${id}/password`, {
      newPassword: { password: 'Their-0wn-now!' },
    });
    expect(status).toBe(200);
    await zitadel.events.settled();
    expect(
      await execute(stage.databaseUrl, 'select 1 from captured_passwords where sub = $1', [sub]),
    ).toEqual([]);
    expect(await actionsOf('target.password-set')).not.toEqual([]);
    expect(await stateOf(sub)).toBe('migrated');
  });

  test('a login that ZITADEL itself found right confirms whoever was only half recorded', async () => {
    const { sub, id } = await moved();
    await execute(stage.databaseUrl, `update ledger set state = 'created' where sub = $1`, [sub]);
    expect((await createSession({ userId: id })).status).toBe(200);
    await zitadel.events.settled();
    expect(await stateOf(sub)).toBe('migrated');
  });

  test('deactivating, reactivating and unlinking are written down, and change nothing here', async () => {
    const { sub, id } = await moved();
    const before = await row(sub);
    await api('POST', `/v2/users/${id}/deactivate`, {});
    await api('POST', `/v2/users/${id}/reactivate`, {});
    await api('DELETE', `/v2/users/${id}/links/${ourIdp}/${encodeURIComponent(sub)}`);
    await zitadel.events.settled();
    const actions = new Set(await actionsOf('target.'));
    for (const action of ['target.deactivated', 'target.reactivated', 'target.unlinked'])
      expect(actions).toContain(action);
    expect(await row(sub)).toEqual(before);
  });

  test('a removal is written down; the ledger follows only where it is asked to', async () => {
    const { sub, id } = await moved();
    await api('DELETE', `/v2/users/${id}`);
    await zitadel.events.settled();
    expect(await actionsOf('target.removed')).not.toEqual([]);
    expect(await stateOf(sub)).toBe('migrated');
    const following = { ...target, move: { ...target.move, followRemovals: true } };
    await call({ kind: 'removed', targetUserId: id, editor: 'somebody' }, following);
    expect(await stateOf(sub)).toBe('deleted');
    await call({ kind: 'removed', targetUserId: id, editor: 'somebody' }, following);
    expect(await stateOf(sub)).toBe('deleted');
  });

  test('a removal that ZITADEL’s API does not confirm removes nobody', async () => {
    const { sub, id } = await moved();
    const following = { ...target, move: { ...target.move, followRemovals: true } };
    await call({ kind: 'removed', targetUserId: id }, following);
    expect(await stateOf(sub)).toBe('migrated');
  });

  test('what happens to people who are not ours is not even written down', async () => {
    const before = (await actionsOf('target.')).length;
    for (const kind of ['removed', 'deactivated', 'password-set', 'logged-in', 'unlinked'] as const)
      await call({ kind, targetUserId: 'native' });
    await call({ kind: 'ignored' });
    expect(await actionsOf('target.')).toHaveLength(before);
  });
});

describe('a script of Login V1', () => {
  test('is told for a ticket what to call somebody, and no secret', async () => {
    const { sub, login } = someone({ totp: true });
    const ticket = await prove(sub);
    for (const _time of [1, 2]) {
      const told = await call({ kind: 'announced', ticket });
      expect(told).toMatchObject({ kind: 'go-on-with', user: { username: login, givenName: 'Anna' } });
      expect(told).not.toHaveProperty('user.password');
      expect(told).not.toHaveProperty('user.totpSecret');
    }
    expect(await stateOf(sub)).toBe('authenticated');
  });

  test.each([
    ['made up', async () => 'fbt1.e30.AAAA'],
    ['expired', () => stage.login(someone().sub, { agoSeconds: 301 })],
    ['of another client', () => stage.login(someone().sub, { clientId: 'other-login' })],
  ])('is told nothing for a ticket that is %s', async (_what, ticket) => {
    expect(await call({ kind: 'announced', ticket: await ticket() })).toEqual({ kind: 'go-on' });
  });

  test('says who was made, and is believed as far as ledger and ZITADEL say the same', async () => {
    const { sub } = someone();
    const id = await there(sub);
    const hinted = { kind: 'hinted', sub, targetUserId: id } as const;
    const before = zitadel.requests.length;
    await call(hinted);
    expect(zitadel.requests.length).toBe(before);
    await prove(sub);
    await call({ ...hinted, targetUserId: await there(someone().sub) });
    expect(await stateOf(sub)).toBe('authenticated');
    await execute(
      stage.databaseUrl,
      `update ledger set proved_at = now() - interval '11 minutes' where sub = $1`,
      [sub],
    );
    await call(hinted);
    expect(await stateOf(sub)).toBe('authenticated');
    await prove(sub);
    await call(hinted);
    expect(await row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
    await call(hinted);
    expect(await row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
  });
});
