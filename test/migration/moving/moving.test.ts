/** Making people at a target: whoever asks, however often, whatever goes wrong between, it is done once. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { proveParts } from '../../../src/migration/ledger.ts';
import type { MoverDeps } from '../../../src/migration/moving/moving.ts';
import { LEASE_SECONDS, MAX_ATTEMPTS } from '../../../src/migration/moving/target-work.ts';
import { openPlace } from './place.ts';
import type { MovingStage } from './stage.ts';
import { bcrypt, expectMoved, NEW, OLD, openMovingStage, person, request, TOTP } from './stage.ts';

let stage: MovingStage;
beforeAll(async () => {
  stage = await openMovingStage();
});
afterAll(() => stage.close());
beforeEach(() => stage.sql('delete from target_work'));
afterEach(() => expect(stage.zitadel.violations).toEqual([]));

let serial = 0;
const someone = (...more: Parameters<MovingStage['someone']> extends [string, ...infer R] ? R : never) =>
  stage.someone(`m${++serial}`, ...more);
const move = (sub: string, more = {}) => stage.mover.move(request(sub, more));
/** On a busy machine the other one may take longer than a caller waits: then it is asked again. */
async function untilDone(sub: string) {
  for (;;) {
    const result = await move(sub);
    if (result.kind !== 'later' || result.code !== 'under_way') return result;
  }
}
const users = () => stage.zitadel.instance.users.size;

/** A user at ZITADEL that is none of our making. */
async function neighbour(username: string, more: object = {}): Promise<string> {
  const response = await fetch(`${stage.zitadel.url}/v2/users/human`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.zitadel.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      username,
      profile: { givenName: 'N', familyName: 'N' },
      email: { email: `${username}@elsewhere.example`, isVerified: true },
      ...more,
    }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { userId: string }).userId;
}

/** The same stage with a mover of its own, as on another node. */
async function elsewhere<T>(
  more: Partial<MoverDeps>,
  work: (node: ReturnType<typeof openPlace>) => Promise<T>,
  users?: object,
): Promise<T> {
  const targets = users ? [{ ...stage.place.targets[0], users }] : stage.place.targets;
  const node = openPlace({ ...stage.place, targets }, more);
  try {
    return await work(node);
  } finally {
    await node.close();
  }
}

describe('somebody who has proved their password', () => {
  test('is made with everything, linked, flagged, and logs in with the old password', async () => {
    const sub = await someone();
    expect(await move(sub)).toEqual({
      kind: 'moved',
      state: 'migrated',
      targetUserId: stage.idOf(sub),
      loginName: expect.stringContaining(sub.slice(5)),
      missing: [],
    });
    await expectMoved(stage, sub);
  });

  test('is made once, however often it is asked, and is said to be there', async () => {
    const sub = await someone();
    const first = await move(sub);
    const before = users();
    const calls = stage.calls('AddHumanUser');
    expect(await move(sub, { road: 'event' })).toEqual(first);
    expect(await move(sub, { road: 'ensure' })).toEqual(first);
    expect([users(), stage.calls('AddHumanUser')]).toEqual([before, calls]);
    expect(await stage.work(sub)).toBeUndefined();
  });

  test('leaves one record of what was released, with a fingerprint and no hash', async () => {
    const sub = await someone();
    await move(sub);
    const records = (await stage.audit.records({ sub, limit: 100 })).map(({ action, detail }) => [
      action,
      detail,
    ]);
    expect(records).toContainEqual([
      'secrets.released',
      {
        target: 'main',
        road: 'login',
        totp: true,
        password: { format: 'bcrypt', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    ]);
    expect(records.map(([action]) => action).sort()).toEqual(
      ['ledger.confirm', 'ledger.create', 'ledger.prove', 'ledger.release', 'secrets.released'].sort(),
    );
    expect(JSON.stringify(records)).not.toContain(OLD.hash);
  });

  test('is moved by whoever runs next when only the login was stored', async () => {
    const sub = await someone();
    expect(await stage.work(sub)).toMatchObject({ road: 'login', attempts: 0, isUnderWay: false });
    expect(await stage.mover.resume()).toBe(1);
    await expectMoved(stage, sub);
    expect(await stage.mover.resume()).toBe(0);
  });
});

describe('nobody is made', () => {
  const nothing = async (sub: string, expected: object) => {
    const before = [users(), stage.zitadel.requests.length];
    expect(await move(sub)).toMatchObject(expected);
    expect([users(), stage.zitadel.requests.length]).toEqual(before);
    expect(await stage.work(sub)).toBeUndefined();
  };

  test('who has proved nothing and is in no batch', async () => {
    const sub = stage.put(person('unproved'));
    await nothing(sub, { kind: 'not-proved' });
  });

  test('who went back, until they log in again', async () => {
    const sub = stage.put(person('back'));
    await stage.happens(sub, 'prove').catch(() => undefined);
    await stage.happens(sub, 'revert');
    await nothing(sub, { kind: 'not-proved' });
  });

  test('who is excluded or deleted', async () => {
    const sub = stage.put(person('excluded'));
    await stage.happens(sub, 'exclude');
    await nothing(sub, { kind: 'refused', code: 'user_excluded' });
    await stage.happens(sub, 'delete');
    await nothing(sub, { kind: 'refused', code: 'user_not_found' });
  });

  test('at a target without an API', async () => {
    const sub = await someone();
    const result = await stage.mover.move(request(sub, { target: 'nowhere' }));
    expect(result).toMatchObject({ kind: 'refused', code: 'target_without_api' });
    expect(stage.mover.requestParts(request(sub, { target: 'nowhere' }))).toEqual([]);
  });

  test('by the statement of a login that proves nothing', async () => {
    const sub = stage.put(person('excluded-login'));
    await stage.happens(sub, 'exclude');
    await stage.login(sub);
    expect(await stage.work(sub)).toBeUndefined();
  });

  test('who is disabled by now, though an operator has put them into a batch', async () => {
    const sub = stage.put(person('disabled', { state: 'locked' }));
    await stage.happens(sub, 'enqueue');
    expect(await move(sub)).toMatchObject({ kind: 'refused', code: 'user_disabled' });
    expect(stage.linkedTo(sub)).toEqual([]);
    expect(await stage.row(sub)).toMatchObject({ state: 'failed' });
    expect(await move(sub)).toMatchObject({ kind: 'refused', code: 'user_disabled' });
  });
});

describe('a target that fails', () => {
  test.each(['drop-before', 'drop-after', 503, 429] as const)(
    'at the creation (%s) is asked again, and has the user once',
    async (how) => {
      const sub = await someone();
      stage.zitadel.failNext('UserService/AddHumanUser', how);
      const first = await move(sub);
      if (first.kind !== 'moved') {
        expect(first).toMatchObject({ kind: 'later', code: 'target_unavailable' });
        expect(await stage.work(sub)).toMatchObject({ attempts: 1, problem: { code: 'target_unavailable' } });
        for (let tries = 0; tries < 4 && (await stage.work(sub)); tries += 1) {
          await stage.leasesRunOut();
          await stage.mover.resume();
        }
      }
      await expectMoved(stage, sub);
    },
  );

  test('at the grant is asked again', async () => {
    const sub = await someone();
    stage.zitadel.failNext('ManagementService/AddUserGrant', 'drop-before', 2);
    await move(sub);
    await stage.leasesRunOut();
    await stage.mover.resume();
    await expectMoved(stage, sub);
  });

  test('is left alone for a while that grows, and never longer than an hour', async () => {
    const sub = await someone();
    const delays: number[] = [];
    for (const attempts of [0, 1, 5, 15]) {
      await stage.sql('update target_work set attempts = $2 where sub = $1', [sub, attempts]);
      await stage.leasesRunOut();
      stage.zitadel.limit = { left: 0, retryAfterSeconds: 1 };
      await stage.mover.resume();
      stage.zitadel.limit = undefined;
      delays.push(((await stage.work(sub))!.dueAt!.getTime() - Date.now()) / 1_000);
    }
    const [first, second, sixth, late] = delays;
    expect(first).toBeLessThanOrEqual(2);
    expect(second).toBeLessThanOrEqual(4);
    expect(sixth).toBeGreaterThan(20);
    expect(late).toBeGreaterThan(1_000);
    expect(late).toBeLessThanOrEqual(3_600);
  });

  test('for good is given up: the row stays with its problem until somebody asks', async () => {
    const sub = await someone();
    await stage.sql('update target_work set attempts = $2 where sub = $1', [sub, MAX_ATTEMPTS - 1]);
    stage.zitadel.limit = { left: 0, retryAfterSeconds: 1 };
    expect(await stage.mover.resume()).toBe(1);
    stage.zitadel.limit = undefined;
    expect(await stage.work(sub)).toMatchObject({ dueAt: null, problem: { code: 'target_unavailable' } });
    expect(await stage.row(sub)).toMatchObject({ state: 'failed' });
    expect(await stage.mover.resume()).toBe(0);
    await stage.login(sub);
    expect(await stage.work(sub)).toMatchObject({ attempts: 0, problem: null });
    await stage.mover.resume();
    await expectMoved(stage, sub);
  });

  test('that shows what it has stored only later is looked at again', async () => {
    const sub = await someone();
    stage.zitadel.instance.isLagging = true;
    await move(sub);
    stage.zitadel.instance.isLagging = false;
    stage.zitadel.instance.catchUp();
    await stage.leasesRunOut();
    await stage.mover.resume();
    await expectMoved(stage, sub);
  });
});

describe('somebody who is at the target already', () => {
  test('under our name is no reason to take them for the same person', async () => {
    const sub = await someone();
    const id = await neighbour(`user-${sub.slice(5)}`);
    expect(await move(sub)).toMatchObject({ kind: 'refused', code: 'target_conflict' });
    expect(stage.linkedTo(sub)).toEqual([]);
    expect(stage.zitadel.instance.users.get(id)?.links).toEqual([]);
    expect(await stage.work(sub)).toMatchObject({ dueAt: null, problem: { code: 'target_conflict' } });
    expect(await stage.row(sub)).toMatchObject({ state: 'failed', targetUserId: null });
    // The problem is told to whoever asks next.
    expect(await move(sub)).toMatchObject({ kind: 'refused', code: 'target_conflict' });
  });

  test('linked to us is completed, and keeps their password', async () => {
    const sub = await someone({}, { totp: undefined as never });
    const links = [{ idpId: stage.idp, userId: sub, userName: 'x' }];
    const id = await neighbour(`linked-${serial}`, {
      idpLinks: links,
      password: { password: 'Their own 1!' },
    });
    expect(await move(sub)).toMatchObject({ kind: 'moved', state: 'migrated', targetUserId: id });
    expect(await stage.zitadel.opens(id, 'Their own 1!')).toBe(true);
    expect(await stage.row(sub)).toMatchObject({ made: false });
  });

  test.each([
    ['never', true, true, false],
    ['verified-email', true, true, true],
    ['verified-email', false, true, false],
    ['verified-email', true, false, false],
  ] as const)(
    'with the same address is adopted only on verified facts (%s, ours %s, theirs %s: %s)',
    async (existing, ours, theirs, adopted) => {
      const sub = await someone({ emailVerified: ours }, { totp: undefined as never });
      const address = `${sub.slice(5)}@example.com`;
      // A name of their own: the address alone stands in the way.
      const id = await neighbour(`there-${serial}`, { email: { email: address, isVerified: theirs } });
      const result = await elsewhere({}, ({ mover }) => mover.move(request(sub)), { existing });
      if (adopted) {
        expect(result).toMatchObject({ kind: 'moved', state: 'migrated', targetUserId: id });
        expect(stage.linkedTo(sub).map((user) => user.id)).toEqual([id]);
      } else {
        expect(stage.zitadel.instance.users.get(id)?.links).toEqual([]);
        expect((await stage.row(sub))?.targetUserId).not.toBe(id);
      }
    },
  );

  test('with the same address is not adopted by a second person', async () => {
    const shared = { email: 'family@example.com', emailVerified: true };
    const [one, two] = [await someone(shared, { totp: undefined as never }), await someone(shared)];
    const id = await neighbour(`family-${serial}`, { email: { email: shared.email, isVerified: true } });
    await elsewhere(
      {},
      async ({ mover }) => {
        expect(await mover.move(request(one))).toMatchObject({ kind: 'moved', targetUserId: id });
        await mover.move(request(two));
      },
      { existing: 'verified-email' },
    );
    expect((await stage.row(two))?.targetUserId).not.toBe(id);
    expect(stage.zitadel.instance.users.get(id)?.links.map(({ userId }) => userId)).toEqual([one]);
  });

  test('and named by the target without a link is not believed to be the same person', async () => {
    const sub = await someone();
    const id = await neighbour(`named-${serial}`);
    expect(await move(sub, { road: 'typed', targetUserId: id })).toMatchObject({ code: 'target_conflict' });
    expect(stage.linkedTo(sub)).toEqual([]);
    const other = await someone();
    expect(await move(other, { road: 'event', targetUserId: id })).toMatchObject({ kind: 'later' });
    expect(stage.linkedTo(other)).toEqual([]);
  });

  test('no more, because somebody has removed them there, is not made again', async () => {
    const sub = await someone({}, { totp: { ...TOTP, digits: 8 } });
    expect(await move(sub)).toMatchObject({ state: 'created' });
    stage.zitadel.instance.users.delete(stage.idOf(sub));
    stage.zitadel.instance.catchUp();
    expect(await move(sub)).toMatchObject({ kind: 'refused', code: 'target_user_gone' });
    expect(await stage.row(sub)).toMatchObject({ state: 'created' });
  });
});

describe('a second factor or password that the target cannot have', () => {
  test('keeps the person from counting as moved', async () => {
    const sub = await someone({}, { totp: { ...TOTP, algorithm: 'SHA512' } });
    expect(await move(sub)).toMatchObject({
      kind: 'moved',
      state: 'created',
      missing: [
        { what: 'password', code: 'second_factor_missing' },
        { what: 'totp', code: 'totp_not_supported' },
      ],
    });
    // The password alone would open the door there.
    expect(await stage.zitadel.opens(stage.idOf(sub), OLD.password)).toBe(false);
    expect(await stage.row(sub)).toMatchObject({ state: 'created', targetUserId: stage.idOf(sub) });
    expect(stage.flags(sub)).toEqual([]);
    expect(await stage.work(sub)).toBeUndefined();
  });

  test('comes too late for somebody whom the target has made without it', async () => {
    const sub = await someone();
    await neighbour(`late-${serial}`, { idpLinks: [{ idpId: stage.idp, userId: sub, userName: 'x' }] });
    expect(await move(sub)).toMatchObject({
      state: 'created',
      missing: [{ what: 'password', code: 'second_factor_missing' }, { what: 'totp' }],
    });
  });

  test('is carried at a later login, when it can be', async () => {
    const sub = await someone(
      {},
      { passwords: [{ format: 'ldap-ssha', columns: { password: '{SSHA}AAAA' } }] },
    );
    expect(await move(sub)).toMatchObject({ state: 'created', missing: [{ what: 'password' }] });
    stage.put(person(sub.slice(5)));
    await stage.login(sub);
    await stage.mover.resume();
    await expectMoved(stage, sub);
  });

  test('is replaced while the legacy store leads: a password changed there does not stay good', async () => {
    // What is not stored yet keeps the move open.
    stage.zitadel.instance.checksProjects = true;
    const sub = await someone();
    expect(await move(sub)).toMatchObject({ state: 'created', missing: [{ what: 'grants' }] });
    expect(await stage.zitadel.opens(stage.idOf(sub), OLD.password)).toBe(true);
    stage.zitadel.instance.checksProjects = false;
    stage.put(person(sub.slice(5), {}, { passwords: [bcrypt(NEW.hash)] }));
    await stage.login(sub);
    await stage.mover.resume();
    expect(await stage.zitadel.opens(stage.idOf(sub), NEW.password)).toBe(true);
    expect(await stage.zitadel.opens(stage.idOf(sub), OLD.password)).toBe(false);
  });
});

describe('a password that only we can check, at a target that shows us what is typed there', () => {
  const sealed = { passwords: [{ format: 'ldap-ssha', columns: { password: '{SSHA}AAAA' } }] };
  let shown: MovingStage;
  beforeAll(async () => {
    shown = await openMovingStage({ target: { move: { typedPasswords: true } } });
  });
  afterAll(() => shown.close());

  test('has something nobody knows in its place, so that the target asks for it', async () => {
    const sub = shown.put(person('sealed', {}, { ...sealed, totp: undefined as never }));
    await shown.login(sub);
    expect(await shown.mover.move({ target: 'main', sub, road: 'login', actor: 'user' })).toMatchObject({
      state: 'created',
      missing: [{ what: 'password' }],
    });
    const made = shown.zitadel.instance.users.get(shown.idOf(sub));
    expect(made?.password?.hash).toMatch(/^\$2b\$12\$/);
    // At the next login it can be carried, and takes that place.
    shown.put(person('sealed', {}, { totp: undefined as never }));
    await shown.login(sub);
    await shown.mover.resume();
    expect(await shown.zitadel.opens(shown.idOf(sub), OLD.password)).toBe(true);
    expect(await shown.row(sub)).toMatchObject({ state: 'migrated' });
  });

  test('has nothing in its place where a second factor stays behind', async () => {
    const sub = shown.put(person('factor', {}, { ...sealed, totp: { ...TOTP, digits: 8 } }));
    await shown.login(sub);
    await shown.mover.move({ target: 'main', sub, road: 'login', actor: 'user' });
    expect(shown.zitadel.instance.users.get(shown.idOf(sub))?.password).toBeUndefined();
  });
});

test('a new password does not get there without the second factor that came with it', async () => {
  stage.zitadel.instance.checksProjects = true;
  const sub = await someone({}, { totp: undefined as never });
  expect(await move(sub)).toMatchObject({ state: 'created', missing: [{ what: 'grants' }] });
  stage.zitadel.instance.checksProjects = false;
  stage.put(person(sub.slice(5), {}, { passwords: [bcrypt(NEW.hash)], totp: TOTP }));
  await stage.login(sub);
  expect(await move(sub)).toMatchObject({
    state: 'created',
    missing: [{ what: 'password', code: 'second_factor_missing' }, { what: 'totp' }],
  });
  expect(await stage.zitadel.opens(stage.idOf(sub), NEW.password)).toBe(false);
});

describe('at once', () => {
  test('twenty who ask for one person on two nodes get one user and the same answer', async () => {
    const sub = await someone();
    const before = users();
    const results = await elsewhere({}, ({ mover }) =>
      Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? mover : stage.mover).move(request(sub)))),
    );
    expect(users()).toBe(before + 1);
    const moved = results.filter(({ kind }) => kind === 'moved');
    expect(new Set(moved.map((result) => JSON.stringify(result))).size).toBe(1);
    expect(moved.length).toBeGreaterThan(0);
    // Whoever waited too long on a busy machine is told to come back, and nothing else.
    for (const other of results)
      if (other.kind !== 'moved') expect(other).toMatchObject({ code: 'under_way' });
    await expectMoved(stage, sub);
  });

  test('two nodes share what is due, and each person is made once', async () => {
    const subs: string[] = [];
    for (let n = 0; n < 12; n += 1) subs.push(await someone());
    const before = users();
    const done = await elsewhere({}, async ({ mover }) =>
      Promise.all([stage.mover.resume(), mover.resume()]),
    );
    expect(done[0] + done[1]).toBe(12);
    expect(users()).toBe(before + 12);
    for (const sub of subs) await expectMoved(stage, sub);
  });

  test('resume does no more than it is told', async () => {
    for (let n = 0; n < 3; n += 1) await someone();
    expect(await stage.mover.resume(2)).toBe(2);
    expect(await stage.mover.resume(0)).toBe(0);
    expect(await stage.mover.resume(2)).toBe(1);
  });

  test('somebody who asks while another is at it waits for the lease, and gets what came of it', async () => {
    const sub = await someone();
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const afterStep = async (step: string) => {
      if (step !== 'stored') return;
      reached.resolve();
      await held.promise;
    };
    await elsewhere({ afterStep }, async ({ mover }) => {
      const first = mover.move(request(sub));
      await reached.promise;
      const second = untilDone(sub);
      held.resolve();
      expect(await second).toEqual(await first);
    });
    await expectMoved(stage, sub);
  });

  test('a login in the middle of a move is not lost', async () => {
    const sub = await someone(
      {},
      { passwords: [{ format: 'ldap-ssha', columns: { password: '{SSHA}AAAA' } }] },
    );
    const afterStep = async (step: string) => {
      if (step !== 'recorded') return;
      stage.put(person(sub.slice(5)));
      await stage.login(sub);
    };
    await elsewhere({ afterStep }, ({ mover }) => mover.move(request(sub)));
    expect(await stage.work(sub)).toMatchObject({ isUnderWay: false });
    await stage.mover.resume();
    await expectMoved(stage, sub);
  });

  test('a lease runs out after half a minute', () => expect(LEASE_SECONDS).toBe(30));
});

describe('whoever asks', () => {
  test('hears that the legacy store is down, and the work is kept', async () => {
    const sub = await someone();
    const down = {
      findBySub: () => Promise.reject(Object.assign(new Error('down'))),
    };
    const outcomes: unknown[] = [];
    const problems: unknown[] = [];
    await elsewhere(
      {
        directory: { ...stage.directory, ...down },
        onMove: (outcome) => outcomes.push(outcome),
        onError: (error) => problems.push(error),
      },
      async ({ mover }) => {
        expect(await mover.move(request(sub))).toMatchObject({ kind: 'later', code: 'internal' });
      },
    );
    expect(problems).toHaveLength(1);
    expect(outcomes).toMatchObject([{ target: 'main', road: 'login', result: 'later', code: 'internal' }]);
    expect(await stage.work(sub)).toMatchObject({ attempts: 1, problem: { code: 'internal' } });
    await stage.leasesRunOut();
    await stage.mover.resume();
    await expectMoved(stage, sub);
  });

  test('and goes away leaves the rest to the next', async () => {
    const sub = await someone();
    const gone = new AbortController();
    const afterStep = (step: string) => step === 'released' && gone.abort();
    const result = await elsewhere({ afterStep: (step) => void afterStep(step) }, ({ mover }) =>
      mover.move(request(sub), { signal: gone.signal }),
    );
    expect(result).toEqual({ kind: 'later', code: 'aborted' });
    expect(await stage.work(sub)).toMatchObject({ attempts: 0, isUnderWay: false });
    await stage.mover.resume();
    await expectMoved(stage, sub);
  });
});

describe('the statement that stores a login', () => {
  test('asks for the move of somebody whose proof it stores, and of nobody else', async () => {
    const sub = stage.put(person('statement'));
    const proof = {
      target: 'main',
      sub,
      legacyId: 'statement',
      amr: ['pwd'],
      subject: stage.audit.pseudonym(sub),
    };
    await stage.db.runParts(
      [...proveParts(proof), ...stage.mover.requestParts(request('shop:other'))],
      'select 1',
    );
    expect(await stage.work('shop:other')).toBeUndefined();
    await stage.db.runParts([...proveParts(proof), ...stage.mover.requestParts(request(sub))], 'select 1');
    expect(await stage.work(sub)).toMatchObject({ road: 'login' });
  });
});
