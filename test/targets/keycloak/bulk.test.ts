/** Many at once at a Keycloak that is crowded, down, or behind a proxy: what the real one is not made to be in a test. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Listener } from '../../../src/listener.ts';
import { listen } from '../../../src/listener.ts';
import type { ImportOutcome, TargetConnection } from '../../../src/targets/connection.ts';
import { connectionTo } from '../../servers/keycloak-realm.ts';
import { someone } from './crowd.ts';

let server: Listener | undefined;
let connection: TargetConnection | undefined;
let messages: string[][] = [];
let singles: string[] = [];
afterEach(async () => {
  await connection?.close();
  await server?.close(0);
});

type Said = readonly [status: number, body?: unknown, headers?: Record<string, string>];
const ROOT = '/admin/realms/shop';

/** A realm in which nobody is linked yet; `answer` is what it says to a message with these names in it. */
async function openAt(answer: (names: readonly string[], number: number) => Said, looks: Said = [200, []]) {
  [messages, singles] = [[], []];
  const ids = new Map<string, string>();
  const made = (username: string): string => ids.set(username, `id-${username}`).get(username)!;
  const said = (path: string, body: { username?: string; users?: { username: string }[] }): Said => {
    if (path.endsWith('/token')) return [200, { access_token: 'a', expires_in: 300 }];
    if (path === ROOT) return [200, { defaultRole: { name: 'default-roles-shop' } }];
    if (path.startsWith(`${ROOT}/users?`)) return looks;
    if (path === `${ROOT}/partialImport`) {
      const names = body.users!.map(({ username }) => username);
      messages.push(names);
      return answer(names, messages.length);
    }
    if (path === `${ROOT}/users`) {
      singles.push(body.username!);
      return [201, undefined, { location: `http://x/users/${made(body.username!)}` }];
    }
    return [200, { id: path.split('/').at(-1), federatedIdentities: [], attributes: {} }];
  };
  server = await listen(
    (req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk) => chunks.push(chunk));
      req.on('end', () => {
        const isJson = req.headers['content-type'] === 'application/json';
        const body = isJson ? JSON.parse(Buffer.concat(chunks).toString()) : {};
        const [status, document, headers = {}] = said(req.url ?? '', body);
        if (status === 0) return void req.socket.destroy();
        res.writeHead(status, { 'content-type': 'application/json', ...headers });
        res.end(document === undefined ? '' : JSON.stringify(document));
      });
    },
    { host: '127.0.0.1', port: 0 },
  );
  const url = `http://127.0.0.1:${server.port}`;
  const clientCredentials = { clientId: 'footbridge-api', secret: 'a-secret' };
  const api = {
    url,
    realm: 'shop',
    clientCredentials,
    identityProvider: 'footbridge',
    perSecond: 1_000,
    timeoutMs: 5_000,
  };
  connection = connectionTo({ url, api });
  return connection;
}

const added = (names: readonly string[]): Said => [
  200,
  { results: names.map((name) => ({ action: 'ADDED', resourceName: name, id: `id-${name}` })) },
];
const people = (count: number) => Array.from({ length: count }, (_none, n) => someone(`p${n}`));
const distinct = (outcomes: readonly ImportOutcome[]) =>
  [...new Set(outcomes.map((outcome) => JSON.stringify(outcome)))].map((text) => JSON.parse(text));

describe('many at once', () => {
  test('go in messages of fifty, and are told in the order in which they were asked for', async () => {
    const there = await openAt((names) => added([...names].reverse()));
    const outcomes = await there.importUsers(people(120), { bulk: true });
    expect(messages.map(({ length }) => length)).toEqual([50, 50, 20]);
    expect(outcomes.map((outcome) => 'targetUserId' in outcome && outcome.targetUserId)).toEqual(
      people(120).map(({ username }) => `id-${username}`),
    );
  });

  test('are all unavailable, and throttled, where fewer calls are wanted; nobody is asked for alone', async () => {
    const there = await openAt(() => [429, undefined, { 'retry-after': '90' }]);
    const outcomes = await there.importUsers(people(40), { bulk: true });
    expect(distinct(outcomes)).toMatchObject([{ kind: 'unavailable', isThrottled: true }]);
    expect([messages.length, singles]).toEqual([1, []]);
    const [first] = outcomes;
    expect(first?.kind === 'unavailable' && first.retryAfterSeconds).toBeGreaterThan(80);
  });

  test('are throttled as well where the very looking is too much', async () => {
    const there = await openAt(added, [429, undefined, { 'retry-after': '90' }]);
    const outcomes = await there.importUsers(people(40), { bulk: true });
    expect(new Set(outcomes.map((one) => one.kind === 'unavailable' && one.isThrottled))).toEqual(
      new Set([true]),
    );
    expect(messages).toEqual([]);
  });

  test.each([502, 503, 504, 0])('are unavailable and no more where a proxy says %i', async (status) => {
    const there = await openAt(() => [status]);
    const outcomes = await there.importUsers(people(40), { bulk: true });
    const code = status === 0 ? 'no-answer' : `http-${status}`;
    expect(distinct(outcomes)).toEqual([{ kind: 'unavailable', code }]);
    expect([messages.length, singles]).toEqual([1, []]);
  });

  test('are sent in halves where one is in the way, and nobody but their nearest is asked for alone', async () => {
    const isIn = (names: readonly string[]) => names.includes('p23');
    const there = await openAt((names) => (isIn(names) ? [500, { error: 'unknown_error' }] : added(names)));
    const outcomes = await there.importUsers(people(50), { bulk: true });
    expect(outcomes.every(({ kind }) => kind === 'created')).toBe(true);
    expect(messages.map(({ length }) => length)).toEqual([50, 25, 13, 12, 6, 6, 25]);
    expect(singles.sort()).toEqual(['p19', 'p20', 'p21', 'p22', 'p23', 'p24']);
  });

  test('are bounded in what they ask where all of them are in the way', async () => {
    const there = await openAt(() => [500, { error: 'unknown_error' }]);
    await there.importUsers(people(50), { bulk: true });
    expect(messages.length).toBeLessThan(20);
    expect(singles).toHaveLength(50);
  });

  test('are made one by one where the realm may not be managed, and are not looked for twice', async () => {
    const there = await openAt(() => [403, { error: 'HTTP 403 Forbidden' }]);
    const outcomes = await there.importUsers(people(20), { bulk: true });
    expect(outcomes.every(({ kind }) => kind === 'created')).toBe(true);
    expect([messages.length, singles.length]).toEqual([1, 20]);
  });
});
