/** ZITADEL's list of events read again: all of them, in order, once each, with the ids that the hook gives them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Targets } from '../../../src/targets/target.ts';
import type { TargetEvent } from '../../../src/targets/webhook.ts';
import { eventsHook } from '../../../src/targets/zitadel/hooks-events.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { SYSTEM } from '../../support/zitadel/passwords.ts';
import { targetsTo } from './connected.ts';
import { anna, HASH, named } from './people.ts';

const NOW = Date.parse('2027-01-01T12:00:00.000Z');
const PASSWORD = { encoded: HASH, format: 'bcrypt' };
let zitadel: Zitadel;
let targets: Targets;
/** Goes on by itself by so many milliseconds at every look, as long as that is not 0. */
let stepMs: number;
let aheadMs: number;

beforeEach(async () => {
  [stepMs, aheadMs] = [1, 0];
  zitadel = await openZitadel({
    now: () => {
      aheadMs += stepMs;
      return NOW + aheadMs;
    },
  });
  targets = targetsTo(zitadel, { isSynced: true });
});
afterEach(async () => {
  expect([zitadel.violations, zitadel.faults]).toEqual([[], []]);
  await targets.close();
  await zitadel.close();
});

const replay = (since: Date, page: number) => targets.webhook('new')!.replay!(since, page);
const START = new Date(NOW - 1_000);

async function everything(since = START): Promise<TargetEvent[]> {
  const all: TargetEvent[] = [];
  for (let page = 1; ; page += 1) {
    const { events, isLast } = await replay(since, page);
    all.push(...events);
    if (isLast) return all;
    expect(page).toBeLessThan(100);
  }
}
const listCalls = () => zitadel.requests.filter(({ rpc }) => rpc?.endsWith('/ListEvents'));
const actor = { ...SYSTEM, userId: 'somebody' };
const changes = (count: number, user = 'u1') => {
  for (let n = 0; n < count; n += 1)
    zitadel.instance.push(
      {
        type: 'user.human.profile.changed',
        aggregate: { type: 'user', id: user, resourceOwner: zitadel.organization },
        payload: { firstName: `Name ${n}` },
      },
      actor,
    );
};
/** In order, as the instance has them. */
const stored = () =>
  zitadel.instance.events
    .filter(({ aggregate }) => aggregate.type === 'user' || aggregate.type === 'usergrant')
    .map(({ aggregate, sequence }) => `${aggregate.id}:${sequence}`);

describe('the events of users', () => {
  test('are those that the hook tells, with the same ids, and with the hash of a new password', async () => {
    await targets.connection('new')!.importUsers([{ ...anna, password: PASSWORD }]);
    const account = zitadel.account('fb-anna');
    await account.changeProfile({ givenName: 'Beth', familyName: 'Able' });
    await account.changeEmail('beth@example.com');
    account.verifyEmail();
    await account.changePassword('Correct-horse-2');
    account.remove();
    const events = await everything();
    const told = await Promise.all(
      zitadel.instance.events.map((event) =>
        eventsHook.event!(
          {
            ...{ aggregateID: event.aggregate.id, aggregateType: event.aggregate.type },
            ...{ event_type: event.type, sequence: event.sequence, userID: event.editor },
            ...{ created_at: event.createdAt, event_payload: event.payload },
          },
          undefined,
        ),
      ),
    );
    expect(events).toEqual(told.filter((event) => event !== undefined));
    expect(events.map(({ name }) => name)).toEqual([
      'user.human.added',
      'user.human.email.verified',
      'user.human.profile.changed',
      'user.human.email.changed',
      'user.human.email.verified',
      'user.human.password.changed',
      'user.removed',
    ]);
    const [password] = events.flatMap(({ about }) =>
      about.kind === 'user' && about.change === 'password' ? [about] : [],
    );
    expect(password?.hash?.reveal()).toMatch(/^\$scrypt\$/);
    expect(password?.editor).toBe('fb-anna');
  });

  test('are without hashes where ZITADEL does not tell them', async () => {
    await targets.connection('new')!.importUsers([{ ...anna, password: PASSWORD }]);
    await zitadel.account('fb-anna').changePassword('Correct-horse-2');
    zitadel.instance.tellsHashes = false;
    const last = (await everything()).at(-1);
    expect(last?.about).toMatchObject({ change: 'password' });
    expect(last?.about).not.toHaveProperty('hash');
  });

  test('begin at the moment that is asked for', async () => {
    stepMs = 0;
    for (const at of [1, 2, 3]) {
      aheadMs = at * 1_000;
      changes(1);
    }
    const since = new Date(NOW + 2_000);
    expect((await everything(since)).map(({ id }) => id)).toEqual(['u1:2', 'u1:3']);
    expect(await everything(new Date(NOW + 3_001))).toEqual([]);
  });

  test('are none where nothing has happened', async () => {
    expect(await replay(new Date(NOW + 9_999_999), 1)).toEqual({ events: [], isLast: true });
  });
});

describe('many events', () => {
  test('come in pages, each once and oldest first', async () => {
    changes(1_703);
    const all = await everything();
    expect(all.map(({ id }) => id)).toEqual(stored());
    expect(new Set(all.map(({ id }) => id)).size).toBe(1_703);
    expect(listCalls().length).toBeLessThanOrEqual(5);
  });

  test.each([1, 2, 100, 499, 500, 501, 1_000])('are all told when they are %i', async (count) => {
    changes(count);
    expect((await everything()).map(({ id }) => id)).toEqual(stored());
  });

  test('at one and the same moment are told, as many as ZITADEL gives at once, and those after them', async () => {
    stepMs = 0;
    changes(900);
    aheadMs = 5;
    changes(600, 'u2');
    expect((await everything()).map(({ id }) => id)).toEqual(stored());
  });

  test('of one moment that are more than that do not keep us from what comes after', async () => {
    stepMs = 0;
    changes(2_500);
    aheadMs = 5;
    changes(10, 'u2');
    const ids = (await everything()).map(({ id }) => id);
    expect(ids.slice(0, 1_000)).toEqual(stored().slice(0, 1_000));
    expect(ids.slice(-10)).toEqual(stored().slice(-10));
  });

  test('that come while they are read are told as well', async () => {
    changes(600);
    const first = await replay(START, 1);
    changes(300, 'u2');
    const second = await replay(START, 2);
    const rest = second.isLast ? [] : (await replay(START, 3)).events;
    expect([...first.events, ...second.events, ...rest].map(({ id }) => id)).toEqual(stored());
  });

  test('can be asked for once more, out of turn, and by somebody who knows nothing of pages before', async () => {
    changes(1_200);
    const [one, two] = [await replay(START, 1), await replay(START, 2)];
    expect(await replay(START, 2)).toEqual(two);
    expect(await replay(START, 1)).toEqual(one);
    const fresh = targetsTo(zitadel, { isSynced: true });
    expect(await fresh.webhook('new')!.replay!(START, 2)).toEqual(two);
    expect(await fresh.webhook('new')!.replay!(START, 9)).toEqual({ events: [], isLast: true });
    await fresh.close();
  });

  test('of two who read from different moments are not mixed up', async () => {
    changes(1_200);
    const later = new Date(Date.parse(zitadel.instance.events.at(-700)!.createdAt));
    const first = await replay(START, 1);
    const others = await replay(later, 1);
    expect(others.events[0]?.id).toBe(stored().at(-700));
    const both = [...first.events, ...(await replay(START, 2)).events];
    expect(both.length).toBeGreaterThan(900);
    expect(both.map(({ id }) => id)).toEqual(stored().slice(0, both.length));
  });
});

describe('grants', () => {
  const operator = async (verb: string, path: string, body?: object) => {
    const answer = await fetch(zitadel.url + path, {
      method: verb,
      headers: { authorization: `Bearer ${zitadel.token}` },
      ...(body && { body: JSON.stringify(body) }),
    });
    return (await answer.json()) as { userGrantId: string };
  };

  test('that are given, changed and taken are told of their user, asked for once where it was not said', async () => {
    await targets.connection('new')!.importUsers([anna]);
    const { userGrantId: id } = await operator('POST', '/management/v1/users/fb-anna/grants', {
      projectId: 'p1',
      roleKeys: ['reader'],
    });
    const since = new Date(NOW + aheadMs);
    await operator('PUT', `/management/v1/users/fb-anna/grants/${id}`, { roleKeys: ['editor'] });
    await operator('DELETE', `/management/v1/users/fb-anna/grants/${id}`);
    const of = ({ name, about }: TargetEvent) => [name, about.kind === 'user' && about.targetUserId];
    expect((await everything(since)).map(of)).toEqual([
      ['user.grant.changed', 'fb-anna'],
      ['user.grant.removed', 'fb-anna'],
    ]);
    expect(listCalls().filter(({ body }) => (body as { aggregateId?: string }).aggregateId)).toHaveLength(1);
    const before = listCalls().length;
    expect((await everything()).slice(-3).map(of)).toEqual([
      ['user.grant.added', 'fb-anna'],
      ['user.grant.changed', 'fb-anna'],
      ['user.grant.removed', 'fb-anna'],
    ]);
    expect(listCalls().slice(before)).toHaveLength(1);
  });

  test('of somebody who is removed are theirs', async () => {
    await targets
      .connection('new')!
      .importUsers([named('gone', { grants: [{ project: 'p', roles: ['r'] }] })]);
    await targets.connection('new')!.remove('fb-gone');
    expect((await everything()).slice(-2).map(({ name }) => name)).toEqual([
      'user.removed',
      'user.grant.cascade.removed',
    ]);
  });

  test('of which nobody knows whose they are do not keep us from the others', async () => {
    const aggregate = { type: 'usergrant', id: 'g1', resourceOwner: zitadel.organization };
    zitadel.instance.push({ type: 'user.grant.removed', aggregate }, actor);
    changes(1);
    expect((await everything()).map(({ id }) => id)).toEqual(['u1:1']);
  });
});

describe('what goes wrong', () => {
  test.each([503, 'drop-before', 'drop-after'] as const)(
    'is an outage (%s), and the page can be had later',
    async (how) => {
      changes(700);
      const first = await replay(START, 1);
      zitadel.failNext('AdminService/ListEvents', how, 2);
      await expect(replay(START, 2)).rejects.toMatchObject({ code: 'target_unavailable' });
      const second = await replay(START, 2);
      expect([...first.events, ...second.events].map(({ id }) => id)).toEqual(stored());
    },
  );

  test('names the right that our token lacks', async () => {
    const { token } = zitadel.oauth.addServiceUser({ roles: ['IAM_USER_MANAGER'] });
    const other = targetsTo(zitadel, { isSynced: true, api: { token } });
    await expect(other.webhook('new')!.replay!(START, 1)).rejects.toMatchObject({
      code: 'target_refused',
      detail: expect.stringContaining('events.read'),
    });
    await other.close();
  });

  test('is not that nothing calls /webhooks: its events come by the hook', () => {
    expect(() => targets.webhook('new')!.read({}, Buffer.from('{}'))).toThrow(
      expect.objectContaining({ code: 'not_found' }),
    );
  });
});

test('nobody reads the events of a target that is not kept equal', () => {
  expect(targetsTo(zitadel, {}).webhook('new')).toBeUndefined();
});
