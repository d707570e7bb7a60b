/**
 * What ZITADEL tells of users, on its way to sync: taken down before it is answered, once each however often it comes, and
 * never lost without ZITADEL knowing. The ZITADEL is the stand-in, which delivers and signs by itself.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { hooksRoutes } from '../../../src/migration/hooks/hooks-routes.ts';
import { Secret } from '../../../src/settings.ts';
import type { HookCall } from '../../../src/targets/hook.ts';
import { recordResource } from '../../../src/targets/resources.ts';
import type { Targets } from '../../../src/targets/target.ts';
import type { TargetEvent } from '../../../src/targets/webhook.ts';
import { HOOK_CONDITIONS } from '../../../src/targets/zitadel/hooks.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { targetsTo } from '../../targets/zitadel/connected.ts';
import { HASH, named } from '../../targets/zitadel/people.ts';
import type { Stage } from '../stage.ts';
import { openStage } from '../stage.ts';

const PASSWORD = 'correct horse';
let zitadel: Zitadel;
let stage: Stage;
let targets: Targets;
let serial = 0;
/** Whom the tests of today are about. */
let id: string;
const heard: TargetEvent[] = [];
const calls: HookCall[] = [];
/** What becomes of the next events, and of the next calls. */
let outage: Error | undefined;
let failure: Error | undefined;
/** As they were when the event was being taken down: then nothing had been done or answered. */
const before: number[] = [];

beforeAll(async () => {
  zitadel = await openZitadel();
  targets = targetsTo(zitadel, { isSynced: true });
  stage = await openStage({
    routes: ({ db, keyring, onError }) =>
      hooksRoutes({
        ...{ db, keyring, targets, onError },
        atLogin: async (_target, call) => {
          calls.push(call);
          if (failure) throw failure;
          return { kind: 'go-on' };
        },
        onUserEvent: async ({ name }, event) => {
          expect(name).toBe('new');
          if (outage) throw outage;
          before.push(calls.length);
          heard.push(event);
        },
      }),
  });
  for (const hook of ['events', 'session', 'password'] as const) await install(hook);
});
afterAll(async () => {
  await zitadel.close();
  await stage.close();
  await targets.close();
});
beforeEach(async () => {
  [outage, failure] = [undefined, undefined];
  id = `fb-p${++serial}`;
  const password = { encoded: HASH, format: 'bcrypt' };
  await targets.connection('new')!.importUsers([named(`p${serial}`, { password })]);
  await zitadel.events.settled();
  forget();
});
afterEach(async () => {
  zitadel.events.mode = 'at-once';
  zitadel.instance.tellsHashes = true;
  await zitadel.events.settled();
  zitadel.events.refused.length = 0;
  expect([zitadel.violations, zitadel.faults]).toEqual([[], []]);
  stage.errors.length = 0;
});

function forget(): void {
  for (const list of [heard, calls, before, stage.errors]) list.length = 0;
}

/** As `target setup` does it. */
async function install(hook: 'events' | 'session' | 'password'): Promise<void> {
  const target = await operator('POST', '/v2/actions/targets', {
    name: hook,
    endpoint: `${stage.url}/hooks/zitadel/new/${hook}`,
    timeout: '10s',
    ...(hook === 'session'
      ? { restCall: { interruptOnError: true } }
      : { restWebhook: { interruptOnError: true } }),
  });
  const key = new Secret(target.signingKey);
  const resource = { target: 'new', kind: 'action-target', name: hook, remoteId: target.id, key } as const;
  await recordResource(stage.db, stage.keyring, resource);
  const services = { UserService: 'zitadel.user.v2', SessionService: 'zitadel.session.v2' };
  for (const [when, names] of Object.entries(HOOK_CONDITIONS[hook]))
    for (const name of names as readonly string[]) {
      const method = `/${services[name.split('/')[0] as keyof typeof services]}.${name}`;
      const condition = { [when]: when === 'event' ? { event: name } : { method } };
      await operator('PUT', '/v2/actions/executions', { condition, targets: [target.id] });
    }
}

async function operator(verb: string, path: string, body: object) {
  const headers = { authorization: `Bearer ${zitadel.token}`, 'content-type': 'application/json' };
  const answer = await fetch(zitadel.url + path, { method: verb, headers, body: JSON.stringify(body) });
  return (await answer.json()) as { id: string; signingKey: string; userGrantId: string };
}
const rename = async (givenName: string) => {
  await zitadel.account(id).changeProfile({ givenName, familyName: 'B' });
  await zitadel.events.settled();
};
const changes = () => heard.map(({ about }) => about.kind === 'user' && [about.targetUserId, about.change]);

describe('what somebody changes in their own account', () => {
  test('is heard with who it was, and before anything else is done of it', async () => {
    await rename('Beth');
    const { events } = zitadel.instance;
    const about = { kind: 'user', targetUserId: id, change: 'changed', editor: id };
    const { sequence } = events.at(-1)!;
    expect(heard).toMatchObject([{ id: `${id}:${sequence}`, name: 'user.human.profile.changed', about }]);
    expect(calls).toEqual([{ kind: 'changed' }]);
    expect(before).toEqual([0]);
  });

  test('is heard besides what it has meant so far', async () => {
    zitadel.account(id).remove();
    await zitadel.events.settled();
    expect(changes()).toEqual([[id, 'removed']]);
    expect(calls).toEqual([{ kind: 'removed', targetUserId: id, editor: id }]);
  });

  test('of their password comes with its hash, or without where ZITADEL keeps that to itself', async () => {
    await zitadel.account(id).changePassword('Correct-horse-1');
    zitadel.instance.tellsHashes = false;
    await zitadel.events.settled();
    await zitadel.account(id).changePassword('Correct-horse-2');
    await zitadel.events.settled();
    const hashes = heard.map(({ about }) => about.kind === 'user' && about.hash?.reveal());
    expect(hashes).toEqual([expect.stringMatching(/^\$scrypt\$/), undefined]);
    expect(calls.map(({ kind }) => kind)).toEqual(['password-set', 'password-set']);
  });

  test('through the API shows the password itself', async () => {
    await zitadel.loginClient('POST', `/v2/users/${id}/password`, {
      newPassword: { password: 'Correct-horse-3' },
    });
    await zitadel.events.settled();
    const typed = heard.flatMap(({ about }) => (about.kind === 'user' && about.password) || []);
    expect(typed.map((secret) => secret.reveal())).toEqual(['Correct-horse-3']);
    expect(new Set(heard.map((event) => event.id)).size).toBe(2);
  });

  test('of their roles is heard as theirs, also when a role is taken, which says nobody’s name', async () => {
    const path = `/management/v1/users/${id}/grants`;
    const { userGrantId } = await operator('POST', path, { projectId: 'p1', roleKeys: ['r'] });
    await operator('PUT', `${path}/${userGrantId}`, { roleKeys: ['s'] });
    await operator('DELETE', `${path}/${userGrantId}`, {});
    await zitadel.events.settled();
    expect(changes()).toEqual(Array(3).fill([id, 'changed']));
    expect(heard.map((event) => event.id)).toEqual([1, 2, 3].map((n) => `${userGrantId}:${n}`));
  });

  test('of sessions is nothing to sync', async () => {
    const checks = { user: { userId: id }, password: { password: PASSWORD } };
    await zitadel.loginClient('POST', '/v2/sessions', { checks });
    await zitadel.events.settled();
    expect(heard).toEqual([]);
  });
});

describe('an event', () => {
  test('that comes twice, late or in another order has the same id each time', async () => {
    zitadel.events.mode = 'held';
    for (const name of ['One', 'Two', 'Three', 'Four']) await rename(name);
    const fates = ['twice', 'later', 'once', 'lost'] as const;
    const all = zitadel.events.held.map(({ sequence }) => `${id}:${sequence}`);
    let at = 0;
    await zitadel.events.settle(
      () => fates[at++]!,
      (events) => events.toReversed(),
    );
    expect(heard.map((event) => event.id)).toEqual([all[2], all[0], all[0]]);
    await zitadel.events.deliver();
    expect(heard.map((event) => event.id).at(-1)).toBe(all[1]);
    expect(zitadel.deliveries.slice(-4).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  test('that is replayed within its time is taken again, and says nothing new', async () => {
    await rename('Beth');
    const delivery = zitadel.deliveries.at(-1)!;
    expect((await zitadel.resend(delivery)).status).toBe(200);
    expect(new Set(heard.map((event) => event.id)).size).toBe(1);
  });

  test('that is forged is heard by nobody', async () => {
    await rename('Beth');
    forget();
    const delivery = zitadel.deliveries.at(-1)!;
    const body = delivery.body.replace(id, 'somebody-else');
    expect((await zitadel.resend(delivery, { body })).status).toBe(401);
    expect([heard, calls]).toEqual([[], []]);
  });
});

describe('an outage', () => {
  test('of whoever takes it down is told as one, nothing is done of it, and it is delivered again', async () => {
    outage = new FootbridgeError('storage_unavailable');
    await rename('Beth');
    expect(zitadel.deliveries.at(-1)?.status).toBe(503);
    expect([heard, calls]).toEqual([[], []]);
    outage = undefined;
    await zitadel.events.redeliver();
    expect(changes()).toEqual([[id, 'changed']]);
    expect(zitadel.deliveries.at(-1)?.status).toBe(200);
    expect(stage.errors).toEqual([]);
  });

  test('that nobody has thought of is one as well, and is told to the operator', async () => {
    outage = new TypeError('not thought of');
    await rename('Beth');
    expect(zitadel.deliveries.at(-1)?.status).toBe(503);
    expect(stage.errors).toEqual([outage]);
  });

  test('of what else is done leaves it taken down, and it comes again', async () => {
    failure = new FootbridgeError('target_unavailable');
    zitadel.account(id).remove();
    await zitadel.events.settled();
    expect(changes()).toEqual([[id, 'removed']]);
    expect(zitadel.deliveries.at(-1)?.status).toBe(503);
    failure = undefined;
    // A signature counts in seconds: in the same one it would be the very same.
    await expect
      .poll(
        async () => {
          const again = await zitadel.events.redeliver();
          return again.at(-1)?.status;
        },
        { timeout: 10_000 },
      )
      .toBe(200);
    expect(new Set(heard.map((event) => event.id)).size).toBe(1);
  });

  test('while it is asked whose a grant was is one', async () => {
    const path = `/management/v1/users/${id}/grants`;
    const { userGrantId } = await operator('POST', path, { projectId: 'p1', roleKeys: ['r'] });
    await zitadel.events.settled();
    forget();
    zitadel.failNext('AdminService/ListEvents', 503, 2);
    await operator('DELETE', `${path}/${userGrantId}`, {});
    await zitadel.events.settled();
    expect([zitadel.deliveries.at(-1)?.status, heard]).toEqual([503, []]);
    await zitadel.events.redeliver();
    expect(changes()).toEqual([[id, 'changed']]);
  });
});

describe('a password that we check at ZITADEL ourselves', () => {
  const check = (password: string) => targets.connection('new')!.checkPassword!(id, new Secret(password));
  const typed = () => calls.filter(({ kind }) => kind === 'typed');

  test('goes through our own hook without being asked about there', async () => {
    expect([await check(PASSWORD), await check('wrong')]).toEqual([true, false]);
    expect(typed()).toEqual([]);
  });

  test('is told apart from one that a person types', async () => {
    const checks = { user: { userId: id }, password: { password: PASSWORD } };
    await zitadel.loginClient('POST', '/v2/sessions', { checks });
    expect(typed()).toMatchObject([{ targetUserId: id, password: PASSWORD }]);
  });

  test('begins a session that is ours', async () => {
    await check(PASSWORD);
    await zitadel.events.settled();
    const sessions = calls.filter(({ kind }) => kind === 'session-started' || kind === 'session-ended');
    expect(sessions.length).toBeGreaterThan(0);
    for (const call of sessions) expect(call).toMatchObject({ editor: zitadel.serviceUser.userId });
  });
});
