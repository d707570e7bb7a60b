/** Whatever cannot be taken back is done by two people. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { privateApp } from '../../../src/admin/api.ts';
import { MAX_OPEN } from '../../../src/admin/approvals/approvals.ts';
import { canonicalJson } from '../../../src/admin/approvals/digest.ts';
import type { Desk, Operation } from '../../../src/admin/operation.ts';
import { operations } from '../../../src/admin/operations/index.ts';
import type { Who } from '../../../src/admin/perform.ts';
import { isDangerous, perform } from '../../../src/admin/perform.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import { listen } from '../../../src/listener.ts';
import { openMetrics } from '../../../src/observability/metrics.ts';
import { Secret } from '../../../src/settings.ts';
import type { SessionStage } from '../session-stage.ts';
import { openSessionStage } from '../session-stage.ts';

const ANNA: Who = { name: 'anna', role: 'admin' };
const BERT: Who = { name: 'bert', role: 'admin' };
const OLGA: Who = { name: 'olga', role: 'operator' };
const VERA: Who = { name: 'vera', role: 'viewer' };
const HOUR_MS = 3_600_000;

/** With what it is dangerous, where that depends. */
const DANGEROUS: Readonly<Record<string, object>> = {
  'user flag': { event: 'delete' },
  'session end': { all: true },
  'batch undo': { batch: 'b', stop: false },
  'sync resume': { letGo: true },
  'retire redirect': { undo: false },
};
const inputFor = ({ name, danger }: Operation) =>
  DANGEROUS[name] ?? (danger === true ? { user: 'shop:1', target: 'main' } : undefined);
const dangerous = operations.filter(({ danger }) => danger !== undefined);

let stage: SessionStage;
let desk: Desk;
beforeAll(async () => {
  stage = await openSessionStage();
  desk = { ...stage.desk, fourEyes: true };
});
afterAll(() => stage.close());

/** An operation that only counts, and says what it would do. */
function counting(more: Partial<Operation> = {}) {
  const done = { times: 0 };
  const operation: Operation = {
    name: 'house burn',
    summary: '',
    input: z.object({}),
    changes: true,
    danger: true,
    run: async (at, input, { execute }) => {
      if (execute) done.times += 1;
      return { actor: at.actor, input };
    },
    print: () => 'Would burn the house.',
    ...more,
  };
  return { operation, done };
}

interface Ask {
  readonly who?: Who;
  readonly input?: object;
  readonly nowMs?: number;
}
const execute = (operation: Operation, { who = ANNA, input = {}, nowMs }: Ask = {}) =>
  perform(desk, operation, { input: input as never, who, execute: true, ...(nowMs ? { nowMs } : {}) });
const named = (name: string) => operations.find((one) => one.name === name)!;
const decide = (verb: 'grant' | 'refuse', id: string, who: Who) =>
  perform(desk, named(`approval ${verb}`), { input: { id } as never, who, execute: true });

/** The number of the request that is waited for. */
async function refusedWith(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FootbridgeError);
  expect(error).toMatchObject({ code: 'approval_needed', status: 403 });
  return (error as FootbridgeError).members.approval!;
}
const rows = (where = 'true') => stage.sql(`select * from approvals where ${where} order by id`);

describe('every dangerous operation', () => {
  test('is known with an input that makes it so', () => {
    expect(dangerous.length).toBeGreaterThan(8);
    const unknown = dangerous.filter((one) => inputFor(one) === undefined).map(({ name }) => name);
    expect(unknown).toEqual([]);
    expect(dangerous.filter((one) => !isDangerous(one, inputFor(one) as never))).toEqual([]);
    expect(dangerous.filter(({ changes }) => !changes)).toEqual([]);
  });

  test.each(dangerous.map(({ name }) => name))(
    '%s is refused without its second pair of eyes',
    async (name) => {
      const { danger, role } = named(name);
      const { operation, done } = counting({ name, danger: danger!, ...(role ? { role } : {}) });
      const input = inputFor(named(name))!;
      const id = await refusedWith(execute(operation, { input }));
      // Whoever has asked is no second pair of eyes, under whatever spelling.
      await expect(decide('grant', id, ANNA)).rejects.toMatchObject({ code: 'approval_own' });
      await expect(decide('grant', id, { ...ANNA, name: ' ANNA' })).rejects.toMatchObject({
        code: 'approval_own',
      });
      await refusedWith(execute(operation, { input }));
      expect(done.times).toBe(0);
      await decide('grant', id, BERT);
      expect(await execute(operation, { input })).toMatchObject({ actor: 'operator:anna' });
      expect(done.times).toBe(1);
      await refusedWith(execute(operation, { input }));
      expect(done.times).toBe(1);
    },
  );
});

describe('a request', () => {
  test('says what the dry run said, and is one for all who ask for the same', async () => {
    const { operation } = counting({ name: 'house one' });
    const input = { street: 'b', number: 1, note: undefined };
    const id = await refusedWith(execute(operation, { input }));
    expect(await refusedWith(execute(operation, { input: { number: 1, street: 'b' }, who: BERT }))).toBe(id);
    const [row] = await rows(`id = ${id}`);
    expect(row).toMatchObject({ says: 'Would burn the house.', asked_by: 'anna', role: 'operator' });
    const shown = await perform(desk, named('approval show'), {
      input: { id } as never,
      who: VERA,
      execute: false,
    });
    expect(named('approval show').print(shown)).toContain('Would burn the house.');
    const list = await perform(desk, named('approval list'), {
      input: { all: false } as never,
      who: VERA,
      execute: false,
    });
    expect(named('approval list').print(list)).toContain('house one number=1 street=b');
  });

  test('of another input needs an approval of its own', async () => {
    const { operation, done } = counting({ name: 'house other' });
    const id = await refusedWith(execute(operation, { input: { number: 1 } }));
    await decide('grant', id, BERT);
    expect(await refusedWith(execute(operation, { input: { number: 2 } }))).not.toBe(id);
    expect(await refusedWith(execute(operation, { input: { number: '1' } }))).not.toBe(id);
    expect(
      await refusedWith(execute({ ...operation, name: 'house next' }, { input: { number: 1 } })),
    ).not.toBe(id);
    expect(done.times).toBe(0);
  });

  test('is not made for what could not be done, which is told at once', async () => {
    const before = (await rows()).length;
    const { operation } = counting({
      name: 'house gone',
      run: () => Promise.reject(new FootbridgeError('user_not_found')),
    });
    await expect(execute(operation)).rejects.toMatchObject({ code: 'user_not_found' });
    expect((await rows()).length).toBe(before);
  });

  test('has no secret in it, and no text that would not end', async () => {
    const { operation } = counting({ name: 'house long', print: () => `\0${'x'.repeat(10_000)}` });
    const id = await refusedWith(execute(operation, { input: { apiToken: 'hush-hush', sub: 'shop:1' } }));
    const [row] = await rows(`id = ${id}`);
    expect(JSON.stringify(row)).not.toContain('hush-hush');
    expect(String(row?.says).length).toBe(4_000);
  });

  test('is refused to whoever is below its role, as asker and as granter', async () => {
    const { operation, done } = counting({ name: 'house high', role: 'admin' });
    await expect(execute(operation, { who: OLGA })).rejects.toMatchObject({ code: 'role_needed' });
    const id = await refusedWith(execute(operation));
    await expect(decide('grant', id, OLGA)).rejects.toMatchObject({ code: 'role_needed' });
    await expect(decide('grant', id, VERA)).rejects.toMatchObject({ code: 'role_needed' });
    // A desk that nobody has said the role of decides nothing.
    const run = () =>
      named('approval grant').run({ ...desk, actor: 'operator:eve' }, { id } as never, { execute: true });
    await expect(run()).rejects.toMatchObject({ code: 'role_needed' });
    expect(done.times).toBe(0);
    const lower = counting({ name: 'house low' });
    const other = await refusedWith(execute(lower.operation, { who: BERT }));
    await decide('grant', other, OLGA);
    await execute(lower.operation, { who: BERT });
    expect(lower.done.times).toBe(1);
  });

  test('expires after a day, and a grant after an hour', async () => {
    const { operation, done } = counting({ name: 'house late' });
    const start = Date.now();
    const id = await refusedWith(execute(operation, { nowMs: start - 24 * HOUR_MS - 1 }));
    await expect(decide('grant', id, BERT)).rejects.toMatchObject({ code: 'approval_state' });
    const second = await refusedWith(execute(operation));
    expect(second).not.toBe(id);
    await decide('grant', second, BERT);
    const third = await refusedWith(execute(operation, { nowMs: Date.now() + HOUR_MS }));
    expect(third).not.toBe(second);
    expect(done.times).toBe(0);
    await execute(operation);
    expect(done.times).toBe(1);
  });

  test('that is refused, or whose grant was taken back, opens nothing', async () => {
    const { operation, done } = counting({ name: 'house kept' });
    const id = await refusedWith(execute(operation));
    await decide('refuse', id, BERT);
    await expect(decide('grant', id, BERT)).rejects.toMatchObject({ code: 'approval_state' });
    const second = await refusedWith(execute(operation));
    await decide('grant', second, BERT);
    await decide('refuse', second, ANNA);
    await refusedWith(execute(operation));
    expect(done.times).toBe(0);
    await expect(decide('grant', '999999', BERT)).rejects.toMatchObject({ code: 'approval_not_found' });
  });

  test('is of no use to whoever has granted it', async () => {
    const { operation, done } = counting({ name: 'house mine' });
    await decide('grant', await refusedWith(execute(operation)), BERT);
    await refusedWith(execute(operation, { who: BERT }));
    await refusedWith(execute(operation, { who: { ...BERT, name: 'Bert' } }));
    expect(done.times).toBe(0);
    await execute(operation);
    expect(done.times).toBe(1);
  });

  test('lets one of two through who come at once, and is spent even if that one fails', async () => {
    const { operation, done } = counting({ name: 'house twice' });
    await decide('grant', await refusedWith(execute(operation)), BERT);
    const both = await Promise.allSettled([execute(operation), execute(operation)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(done.times).toBe(1);
    const failing = counting({
      name: 'house fails',
      run: async (_desk, _input, { execute: isReal }) => {
        if (isReal) throw new FootbridgeError('target_unavailable');
      },
    });
    await decide('grant', await refusedWith(execute(failing.operation)), BERT);
    await expect(execute(failing.operation)).rejects.toMatchObject({ code: 'target_unavailable' });
    await refusedWith(execute(failing.operation));
  });

  test('and what became of it is in the audit log, which stays whole', async () => {
    const { operation } = counting({ name: 'house told' });
    const id = await refusedWith(execute(operation, { input: { user: 'shop:77' } }));
    await decide('grant', id, BERT);
    await execute(operation, { input: { user: 'shop:77' } });
    const records = (await desk.audit.records({ limit: 1_000 })).filter(
      ({ detail }) => detail.request === id,
    );
    expect(records.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
      'operator:anna approval.asked',
      'operator:bert approval.granted',
      'operator:anna approval.used',
    ]);
    expect(JSON.stringify(records)).not.toContain('shop:77');
    await desk.audit.seal();
    expect((await desk.audit.verify()).ok).toBe(true);
  });
});

test('what is not dangerous, or only rehearsed, waits for nobody; without four eyes nothing does', async () => {
  const harmless = counting({ name: 'house paint', danger: ({ burn }) => burn === true });
  await execute(harmless.operation, { who: OLGA });
  expect(harmless.done.times).toBe(1);
  const { operation, done } = counting({ name: 'house free' });
  await perform(desk, operation, { input: {} as never, who: ANNA, execute: false });
  expect(done.times).toBe(0);
  await perform({ ...desk, fourEyes: false }, operation, { input: {} as never, who: ANNA, execute: true });
  expect(done.times).toBe(1);
});

test('nobody changes anything who may only look', async () => {
  for (const operation of operations.filter(({ changes }) => changes))
    await expect(
      perform(desk, operation, { input: {} as never, who: VERA, execute: false }),
    ).rejects.toMatchObject({ code: 'role_needed' });
});

test('an input that JSON would make alike is approved by nobody', () => {
  expect(canonicalJson({ b: [1, { d: null, c: undefined }], a: new Date(0) })).toBe(
    '{"a":"1970-01-01T00:00:00.000Z","b":[1,{"d":null}]}',
  );
  for (const value of [new Set([1]), new Map(), /x/, () => 1, Number.NaN, new Secret('a')])
    expect(() => canonicalJson({ value })).toThrow(FootbridgeError);
});

describe('over HTTP', () => {
  const token = (text: string) => new Secret(`${text}-0123456789-0123456789`);
  let listener: Awaited<ReturnType<typeof listen>>;
  beforeAll(async () => {
    const app = privateApp({
      desk,
      keyring: desk.keyring,
      token: token('api'),
      tokens: [
        { name: 'bert', role: 'admin', token: token('bert') },
        { name: 'vera', role: 'viewer', token: token('vera') },
      ],
      metrics: openMetrics(),
      calledBy: { host: '127.0.0.1' },
      console: { middleware: (_ctx, next) => next() },
      openApi: () => ({}),
      health: async () => ({ status: 'ready', ready: true, parts: {} }),
    });
    listener = await listen(app.callback(), { host: '127.0.0.1', port: 0 });
  });
  afterAll(() => listener.close(0));

  const post = async (name: string, body: object, who = 'api') => {
    const response = await fetch(`http://127.0.0.1:${listener.port}/admin/api/${name.replaceAll(' ', '/')}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token(who).reveal()}` },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  test('the request’s number comes with the refusal, and another token’s owner grants it', async () => {
    await stage.session('shop:5');
    const asked = await post('session end', { all: true, execute: true });
    expect(asked).toMatchObject({ status: 403, body: { code: 'approval_needed' } });
    const id = String(asked.body.approval);
    expect(asked.body.detail).toContain(`footbridge approval grant ${id} --execute`);
    expect((await post('approval grant', { id, execute: true })).body).toMatchObject({
      code: 'approval_own',
    });
    expect((await post('approval grant', { id, execute: true }, 'vera')).status).toBe(403);
    expect((await post('approval grant', { id, execute: true }, 'bert')).status).toBe(200);
    const done = await post('session end', { all: true, execute: true });
    expect(done).toMatchObject({ status: 200, body: { executed: true } });
    expect((await post('session end', { all: true, execute: true })).status).toBe(403);
  });

  test('each token has its name and role, and an unknown one none', async () => {
    expect((await post('approval list', {}, 'eve')).status).toBe(401);
    expect((await post('approval list', {}, 'vera')).status).toBe(200);
    const refused = await post('session end', { all: true }, 'vera');
    expect(refused).toMatchObject({ status: 403, body: { code: 'role_needed' } });
  });

  test.each(dangerous.map(({ name }) => name))('%s is only rehearsed', async (name) => {
    const operation = named(name);
    const parsed = { success: true as const, data: inputFor(operation)! };
    vi.spyOn(operation.input, 'safeParse').mockReturnValue(parsed as never);
    vi.spyOn(operation, 'print').mockReturnValue(`Would ${name}.`);
    const run = vi.spyOn(operation, 'run').mockResolvedValue({});
    const { status, body } = await post(name, { execute: true });
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'approval_needed' });
    expect(run.mock.calls.map(([, , options]) => options.execute)).toEqual([false]);
    vi.restoreAllMocks();
  });
});

test('more requests than anybody reads are not taken', async () => {
  await stage.sql(`insert into approvals (operation, input, digest, says, role, asked_by, expires_at)
    select 'house flood', '{}', sha256(n::text::bytea), '', 'operator', 'eve', now() + interval '1 hour'
    from generate_series(1, ${MAX_OPEN}) n`);
  const { operation } = counting({ name: 'house drowned' });
  await expect(execute(operation)).rejects.toMatchObject({ code: 'throttled', status: 429 });
  await stage.sql(`update approvals set expires_at = now() where operation = 'house flood'`);
  await refusedWith(execute(operation));
});
