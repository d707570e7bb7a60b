import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApi } from '../../legacy/http-api.ts';
import { serve } from '../../legacy/http-api.ts';
import { runActionV1 } from './actions-v1.ts';

let api: TestApi;
beforeAll(async () => {
  api = await serve(({ body, method, target }) => ({
    json: { method, target, body: body ? JSON.parse(body) : null },
  }));
});
afterAll(() => api?.close());

/** Runs the body of an action; what it calls on `api` is collected. */
async function run(body: string, given: { denylist?: string[]; timeoutMs?: number } = {}) {
  const calls: unknown[] = [];
  const ran = await runActionV1(`function act(ctx, api) { ${body} }`, 'act', {
    ctx: { url: api.url, getClaim: (name: string) => `claim ${name}`, v1: { authError: 'none' } },
    api: { setFirstName: (name: string) => void calls.push(name) },
    ...given,
  });
  return { ...ran, calls };
}

const FETCH = "require('zitadel/http').fetch";

describe('a script', () => {
  test('sees ctx, and what it calls on api counts', async () => {
    expect((await run("api.setFirstName(ctx.getClaim('a') + ctx.v1.authError)")).calls).toEqual([
      'claim anone',
    ]);
  });
  test('that fetches gets the answer where it stands, and runs to its end once', async () => {
    const { calls, fetched, error } = await run(
      `api.setFirstName('x'); var a = ${FETCH}(ctx.url + '/a'); var b = ${FETCH}(ctx.url + '/b', { method: 'POST', body: { from: a.json().target } });
       api.setFirstName(b.json().body.from + b.statusCode);`,
    );
    expect([error, calls, fetched.length]).toEqual([undefined, ['x', '/a200'], 2]);
  });
  test('without the function of its name fails', async () => {
    expect((await runActionV1('var x = 1', 'act', { ctx: {}, api: {} })).error).toBe('function not found');
  });
  test('that never ends is stopped', async () => {
    expect((await run('for (;;) {}', { timeoutMs: 50 })).error).toBe('halt');
  });
});

describe('fetch', () => {
  test('has no default method and header once there are options', async () => {
    const { fetched } = await run(`${FETCH}(ctx.url, { body: 'a=b' })`);
    expect(fetched[0]).toMatchObject({ method: 'GET', headers: [], body: '"a=b"' });
  });
  test('splits a header at its commas', async () => {
    const { fetched } = await run(`${FETCH}(ctx.url, { headers: { a: 'b, c' } })`);
    expect(fetched[0]?.headers).toEqual([
      ['a', 'b'],
      ['a', 'c'],
    ]);
  });
  test.each([
    ['an unknown option', `${FETCH}(ctx.url, { timeout: 1 })`, 'unimplemented'],
    ['a refused host', `${FETCH}('http://localhost:1/')`, 'host is denied (ACTIO-N72d0)'],
  ])('fails for %s, which a script cannot catch', async (_what, code, error) => {
    const given = await run(`try { ${code} } catch (e) { api.setFirstName('caught') }`, {
      denylist: ['localhost'],
    });
    expect([given.error, given.calls]).toEqual([error, []]);
  });
});
