/** Legacy apps that tell of changes, over HTTP, with a real queue in a real database. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { SIGNATURE_HEADER, signBody } from '../../../src/migration/signature.ts';
import { BODY_BYTES, Secret } from '../../../src/settings.ts';
import { openHearing } from '../../../src/sync/hearing.ts';
import { changesRoutes, legacyChangesOperations } from '../../../src/sync/intake/changes-routes.ts';
import { usersOf } from '../../../src/sync/intake/store-users.ts';
import type { ChangeQueue, Turn } from '../../../src/sync/queue/change-queue.ts';
import { openPostgresQueue } from '../../../src/sync/queue/postgres-queue.ts';
import { pairSettings } from '../../../src/sync/sync-settings.ts';
import type { Answer, Call, Stage } from '../../migration/stage.ts';
import { openStage, tokenOf } from '../../migration/stage.ts';
import { execute } from '../../support/database.ts';

const KEY = 'the-shop-and-we-know-this-key-here';
const OLD_KEY = 'the-key-before-this-one-of-the-shop';
const TARGETS = ['cidaas', 'keycloak'];
const TOKEN = tokenOf('shop-backend', 'sync:write');
const PER_SECOND = 2_000;
const HOUR_MS = 3_600_000;
const { path } = legacyChangesOperations[0]!;

let stage: Stage;
let queue: ChangeQueue;
let hearing: ReturnType<typeof openHearing>;
/** What each of these does instead, for once. */
const fails: { put?: Error; password?: Error } = {};
const passwords: string[] = [];
const counted: Record<string, number> = {};
let elapsedMs = 0;

beforeAll(async () => {
  stage = await openStage({
    routes: ({ db, nowSeconds, resolveToken, onError }) => {
      queue = openPostgresQueue(db as never);
      const pairs = TARGETS.map((target) => pairSettings.parse({ target, maxWaiting: 1_000 }));
      hearing = openHearing({ db, queue, pairs });
      return changesRoutes({
        ...{ db, nowSeconds: nowSeconds!, resolveToken, onError, hearing },
        queue: { put: async (changes) => (fails.put ? Promise.reject(fails.put) : queue.put(changes)) },
        intake: {
          hmacKeys: [
            { id: 'new', key: new Secret(KEY) },
            { id: 'old', key: new Secret(OLD_KEY) },
          ],
          perSecond: PER_SECOND,
        },
        userOf: usersOf(
          [
            { name: 'shop', prefix: 'shop:' },
            { name: 'forum', prefix: 'forum:' },
          ],
          (sub) => /^[\x21-\x7e]{1,255}$/.test(sub),
        ),
        onPassword: async (sub, password) => {
          if (fails.password) throw fails.password;
          passwords.push(`${sub} ${password}`);
        },
        onChanges: ({ result, count }) => {
          counted[result] = (counted[result] ?? 0) + count;
        },
        elapsed: () => elapsedMs,
      });
    },
  });
});
afterAll(() => stage.close());
const sql = (text: string) => execute(stage.databaseUrl, text);
beforeEach(async () => {
  await sql('truncate sync_changes, sync_turns, sync_pairs');
  await sql(
    `insert into sync_pairs (target, state, actor) values ('cidaas', 'running', 'test'), ('keycloak', 'paused', 'test')`,
  );
  hearing.forget();
  for (const key of Object.keys(fails)) delete fails[key as keyof typeof fails];
  for (const key of Object.keys(counted)) delete counted[key];
  passwords.length = 0;
  stage.errors.length = 0;
  elapsedMs += HOUR_MS;
});

const tell = (body: unknown, call: Call = { token: TOKEN }): Promise<Answer> =>
  stage.call('POST', path, { ...call, body });
const signedWith = (key: string, body: string): Call => {
  stage.nowSeconds += 1;
  return {
    body,
    headers: { [SIGNATURE_HEADER]: signBody(new Secret(key), Buffer.from(body), stage.nowSeconds) },
  };
};
const turns = (target = 'cidaas'): Promise<readonly Turn[]> =>
  queue.take({ targets: [target], limit: 1_000, leaseSeconds: 60 });
const people = async (target?: string) => (await turns(target)).map(({ person }) => person).sort();
const nothingKept = async () => expect([await people('cidaas'), await people('keycloak')]).toEqual([[], []]);

describe('a change', () => {
  test('makes it the person’s turn for every target that hears, and is answered when it is kept', async () => {
    const answer = await tell({ id: '1', user: '4711', store: 'shop', at: '2026-01-02T03:04:05+02:00' });
    expect([answer.status, answer.json]).toEqual([202, { taken: 1, again: 0 }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await turns()).toMatchObject([
      { person: 'shop:4711', lane: 'live', hint: { legacyAt: '2026-01-02T01:04:05.000Z' } },
    ]);
    expect(await people('keycloak')).toEqual(['shop:4711']);
    expect(counted).toEqual({ taken: 1 });
  });

  test('that is told again counts once, alone, in one call and at the same time', async () => {
    const one = { id: '1', user: 'shop:4711' };
    expect((await tell(one)).json).toEqual({ taken: 1, again: 0 });
    expect((await tell(one)).json).toEqual({ taken: 0, again: 1 });
    expect((await tell({ changes: [one, { ...one, id: '2' }, { ...one, id: '2' }] })).json).toEqual({
      taken: 1,
      again: 2,
    });
    const answers = await Promise.all(Array.from({ length: 8 }, () => tell({ id: '3', user: 'shop:4711' })));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(202));
    expect(answers.reduce((total, { json }) => total + json.taken, 0)).toBe(1);
    expect(await people()).toEqual(['shop:4711']);
  });

  test('with an id that another store has used is another one', async () => {
    expect((await tell({ id: '1', user: 'shop:1' })).json.taken).toBe(1);
    expect((await tell({ id: '1', user: 'forum:1' })).json.taken).toBe(1);
  });

  test.each([
    ['shop:4711', undefined, 'shop:4711'],
    ['shop:4711', 'shop', 'shop:4711'],
    ['4711', 'forum', 'forum:4711'],
    ['shop:4711', 'forum', 'forum:shop:4711'],
  ])('of %s in the store %s is of %s', async (user, store, sub) => {
    await tell({ id: '1', user, ...(store ? { store } : {}) });
    expect(await people()).toEqual([sub]);
  });

  test('that says that somebody is gone is a hint of that', async () => {
    await tell({ id: '1', user: 'shop:1', kind: 'deleted', at: '2026-01-02T03:04:05Z' });
    expect(await turns()).toMatchObject([{ hint: { goneAt: '2026-01-02T03:04:05.000Z' } }]);
  });

  test.each([[undefined], ['2099-01-01T00:00:00Z']])('of the moment %s is of now', async (at) => {
    const before = Date.now();
    await tell({ id: '1', user: 'shop:1', ...(at ? { at } : {}) });
    const [turn] = await turns();
    const toldMs = Date.parse(turn!.hint.legacyAt!);
    expect(toldMs).toBeGreaterThanOrEqual(before - 1);
    expect(toldMs).toBeLessThanOrEqual(Date.now());
  });

  test('while nobody is kept equal is answered, and not kept', async () => {
    await sql(`update sync_pairs set state = 'stopped'`);
    hearing.forget();
    const answer = await tell({ id: '1', user: 'shop:1', kind: 'password', password: 'secret' });
    expect([answer.status, answer.json]).toEqual([202, { taken: 0, again: 0, idle: 1 }]);
    expect(passwords).toEqual([]);
    await nothingKept();
  });
});

describe('many changes', () => {
  test('are taken together, in the lane that is named', async () => {
    const changes = Array.from({ length: 600 }, (_, index) => ({ id: `c${index}`, user: `shop:${index}` }));
    expect((await tell({ changes, lane: 'backlog' })).json).toEqual({ taken: 600, again: 0 });
    const taken = await turns();
    expect(taken).toHaveLength(600);
    expect(new Set(taken.map(({ lane }) => lane))).toEqual(new Set(['backlog']));
  });

  test('are not stopped by bad ones, of which is said which and why', async () => {
    const { status, json } = await tell({
      changes: [
        { id: '1', user: 'shop:1' },
        { id: '2', user: 'nobody:1' },
        { id: '3' },
        'nonsense',
        { id: '4', user: 'shop:4', colour: 'CANARY' },
        { id: '5', user: '5', store: 'nowhere' },
        { id: '6', user: 'shop:a b' },
        { id: '7', user: 'shop:7', at: 'yesterday' },
        { id: '8', user: 'shop:8', password: 'CANARY' },
        { id: 'a\u0000b', user: 'shop:9' },
        { id: '10', user: 'shop:10' },
      ],
    });
    expect(status).toBe(202);
    expect(json).toMatchObject({ taken: 2, again: 0 });
    expect(
      json.problems.map(({ index, pointer }: { index: number; pointer: string }) => [index, pointer]),
    ).toEqual([
      [1, '#/changes/1/user'],
      [2, '#/changes/2/user'],
      [3, '#/changes/3'],
      [4, '#/changes/4'],
      [5, '#/changes/5/user'],
      [6, '#/changes/6/user'],
      [7, '#/changes/7/at'],
      [8, '#/changes/8/password'],
      [9, '#/changes/9/id'],
    ]);
    expect(JSON.stringify(json)).not.toContain('CANARY');
    expect(await people()).toEqual(['shop:1', 'shop:10']);
    expect(counted).toEqual({ taken: 2, refused: 9 });
  });

  test.each([
    ['none', { changes: [] }],
    ['too many', { changes: Array.from({ length: 1_001 }, () => 0) }],
    ['no list', { changes: { id: '1' } }],
    ['an unknown lane', { changes: [{ id: '1', user: 'shop:1' }], lane: 'fast' }],
    ['something beside them', { changes: [{ id: '1', user: 'shop:1' }], colour: 'red' }],
  ])('are refused as a whole where they are %s', async (_, body) => {
    const { status, json } = await tell(body);
    expect([status, json.code]).toEqual([400, 'bad_request']);
    await nothingKept();
  });
});

describe('one that is bad', () => {
  test.each([
    ['of nobody', { id: '1', user: 'nobody:1' }, '#/user'],
    ['of a store that there is not', { id: '1', user: '1', store: 'nowhere' }, '#/user'],
    ['of an id that could be in several stores', { id: '1', user: '4711' }, '#/user'],
    ['without an id', { user: 'shop:1' }, '#/id'],
    ['with an id that is too long', { id: 'x'.repeat(151), user: 'shop:1' }, '#/id'],
    ['of a kind that there is not', { id: '1', user: 'shop:1', kind: 'eaten' }, '#/kind'],
    ['without a zone', { id: '1', user: 'shop:1', at: '2026-01-02T03:04:05' }, '#/at'],
    ['with a password and no word of it', { id: '1', user: 'shop:1', password: 'CANARY' }, '#/password'],
  ])('%s is a problem that says where', async (_, body, pointer) => {
    const { status, json, text } = await tell(body);
    expect([status, json.code, json.errors.map((one: { pointer: string }) => one.pointer)]).toEqual([
      400,
      'bad_request',
      [pointer],
    ]);
    expect(text).not.toContain('CANARY');
    expect(stage.errors).toEqual([]);
    await nothingKept();
  });

  test.each([
    ['no JSON', '{"id": "CANARY'],
    ['a list', '[]'],
    ['null', 'null'],
    ['text', '"x"'],
    ['nothing', ''],
  ])('as it is %s is refused', async (_, body) => {
    const { status, json } = await tell(body);
    expect([status, json.code]).toEqual([400, 'bad_request']);
    await nothingKept();
  });

  test('as it is too large is not read', async () => {
    expect((await tell('x'.repeat(BODY_BYTES + 1))).status).toBe(413);
  });
});

describe('a password', () => {
  test('is handed on, and nothing of it is kept', async () => {
    const answer = await tell({ id: '1', user: 'shop:1', kind: 'password', password: 'CANARY-ä' });
    expect(answer.json).toEqual({ taken: 1, again: 0 });
    expect(passwords).toEqual(['shop:1 CANARY-ä']);
    const kept = await sql('select c::text from sync_changes c union all select t::text from sync_turns t');
    expect(JSON.stringify(kept)).not.toContain('CANARY');
    expect(await people()).toEqual(['shop:1']);
  });

  test('need not be known', async () => {
    await tell({ id: '1', user: 'shop:1', kind: 'password' });
    expect(passwords).toEqual([]);
    expect(await people()).toEqual(['shop:1']);
  });

  test.each(['legacy_unavailable', 'hashing_overloaded'] as const)(
    'that cannot be tried (%s) is told again, and what was told with it is taken',
    async (code) => {
      fails.password = new FootbridgeError(code);
      const one = { id: '1', user: 'shop:1', kind: 'password', password: 'secret' };
      const alone = await tell(one);
      expect([alone.status, alone.json.code]).toEqual([503, code]);
      expect(alone.headers.get('retry-after')).not.toBeNull();
      const { status, json } = await tell({ changes: [one, { id: '2', user: 'shop:2' }] });
      expect([status, json]).toMatchObject([
        202,
        { taken: 1, again: 0, problems: [{ index: 0, code, pointer: '#/changes/0' }] },
      ]);
      expect(await people()).toEqual(['shop:2']);
      delete fails.password;
      expect((await tell(one)).json).toEqual({ taken: 1, again: 0 });
    },
  );

  test('too many in one call are told again', async () => {
    const changes = Array.from({ length: 22 }, (_, index) => ({
      ...{ id: `${index}`, user: `shop:${index}`, kind: 'password', password: 'secret' },
    }));
    const { json } = await tell({ changes });
    expect(json).toMatchObject({ taken: 20, problems: [{ index: 20 }, { index: 21 }] });
    expect(passwords).toHaveLength(20);
  });
});

describe('who may tell', () => {
  const body = JSON.stringify({ id: '1', user: 'shop:1' });

  test.each([
    ['the key', KEY],
    ['the key before', OLD_KEY],
  ])('is whoever signs with %s, once', async (_, key) => {
    const call = signedWith(key, body);
    expect((await stage.call('POST', path, call)).status).toBe(202);
    const again = await stage.call('POST', path, call);
    expect([again.status, again.json.code]).toEqual([409, 'replayed']);
    expect((await stage.call('POST', path, signedWith(key, body))).json).toEqual({ taken: 0, again: 1 });
  });

  test.each([
    ['with another key', () => signedWith('not-the-key-of-anybody-we-know', body), 401, 'bad_signature'],
    ['over another body', () => ({ ...signedWith(KEY, body), body: `${body} ` }), 401, 'bad_signature'],
    ['with no signature', () => ({ headers: { [SIGNATURE_HEADER]: '' }, body }), 401, 'bad_signature'],
    ['with nothing', () => ({ body }), 401, 'unauthorized'],
    ['with no token', () => ({ token: 'x', body }), 401, 'unauthorized'],
    [
      'with another scope',
      () => ({ token: tokenOf('shop', 'migration:write'), body }),
      403,
      'insufficient_scope',
    ],
    [
      'with a good signature and a bad token',
      () => ({ ...signedWith(KEY, body), token: 'x' }),
      401,
      'unauthorized',
    ],
  ])('is nobody %s', async (_, call, status, code) => {
    const answer = await stage.call('POST', path, call());
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="footbridge"/);
    await nothingKept();
  });

  test('is asked before the body is looked at', async () => {
    const answer = await stage.call('POST', path, signedWith('not-the-key-of-anybody-we-know', '{'));
    expect(answer.json.code).toBe('bad_signature');
  });
});

describe('back-pressure', () => {
  const one = (id: number) => ({ id: `${id}`, user: `shop:${id}` });

  test('refuses changes while too many wait, and takes them when there are fewer; no signature is lost', async () => {
    await tell({ changes: Array.from({ length: 600 }, (_, index) => one(index)) });
    await tell({ changes: Array.from({ length: 400 }, (_, index) => one(600 + index)) });
    hearing.forget();
    const call = signedWith(KEY, JSON.stringify(one(1_000)));
    const answer = await stage.call('POST', path, call);
    expect([answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([
      503,
      'backlog_full',
      '10',
    ]);
    await queue.settle((await turns()).map((turn) => ({ turn, result: 'done' })));
    await queue.settle((await turns('keycloak')).map((turn) => ({ turn, result: 'done' })));
    hearing.forget();
    expect((await stage.call('POST', path, call)).json).toEqual({ taken: 1, again: 0 });
  });

  test('refuses more than so many a second, for as long as it takes', async () => {
    for (let call = 0; call < 4; call++) await tell({ changes: Array.from({ length: 1_000 }, () => 0) });
    const answer = await tell(one(1));
    expect([answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([
      429,
      'throttled',
      '1',
    ]);
    elapsedMs += 1_100;
    expect((await tell(one(1))).status).toBe(202);
  });
});

describe('an outage', () => {
  test('of the queue is the caller’s to repeat, and nothing was taken', async () => {
    fails.put = new FootbridgeError('storage_unavailable', { retryAfterSeconds: 2 });
    const answer = await tell({ id: '1', user: 'shop:1' });
    expect([answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([
      503,
      'storage_unavailable',
      '2',
    ]);
    delete fails.put;
    await nothingKept();
    expect((await tell({ id: '1', user: 'shop:1' })).json).toEqual({ taken: 1, again: 0 });
  });

  test('of a queue that is full is said with the time to wait', async () => {
    fails.put = new FootbridgeError('backlog_full', { retryAfterSeconds: 5 });
    const answer = await tell({ id: '1', user: 'shop:1' });
    expect([answer.status, answer.json.code]).toEqual([503, 'backlog_full']);
  });
});
