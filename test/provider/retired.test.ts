/** Whom the front sends on once a login is over, of several targets one after the other. */
import Koa from 'koa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import { listen } from '../../src/listener.ts';
import { openTargetLinks } from '../../src/migration/target-link.ts';
import type { RetiredOptions } from '../../src/provider/retired.ts';
import { retiredFacade, userUnlessOver } from '../../src/provider/retired.ts';
import type { Target } from '../../src/targets/target.ts';
import type { User } from '../../src/user.ts';
import { Browser } from '../support/browser.ts';

const target = (name: string) =>
  ({
    ...{ name, displayName: `The ${name}`, move: { redirect: false } },
    loginUrl: `https://${name}.example/login?login_hint={login_hint}`,
  }) as unknown as Target;
const [FIRST, SECOND] = [target('first'), target('second')];
const OWNERS: Readonly<Record<string, Target>> = { a: FIRST, b: SECOND };

let over: Set<string>;
/** Of the session that the browser has. */
let accountId: string | undefined;
let server: Awaited<ReturnType<typeof listen>>;
let url: string;
beforeAll(async () => {
  const rows = [{ target: 'first', sub: 'shop:1', targetUserId: 'user-1', state: 'migrated' }];
  const db = {
    run: async (_statement: unknown, values: readonly unknown[] = []) =>
      rows.filter((row) => row.target === values[0] && row.sub === values[1]),
  } as never;
  const connection = { userById: async () => ({ loginName: 'anna@first' }) };
  const links = openTargetLinks({
    db,
    targets: { byName: () => undefined, connection: () => connection as never },
    issuer: 'https://old.example',
  });
  const options: RetiredOptions = {
    ...{ db, links, issuer: 'http://old.example', targets: [FIRST, SECOND] },
    retired: { isOver: (name) => over.has(name), isAllOver: () => over.size === 2 },
    targetOf: (clientId) => OWNERS[clientId],
    clients: ['a', 'b', 'none'].map((clientId) => ({
      clientId,
      redirectUris: [`https://${clientId}.example/cb`],
    })),
    claimTargets: ['first'],
    jwtIdpTarget: SECOND,
    provider: {
      Session: { get: async () => ({ accountId }) },
      interactionDetails: async () => {
        throw new Error('there is none');
      },
    } as never,
    renderPage: (ctx, page, status = 200) => {
      ctx.status = status;
      ctx.body = JSON.stringify(page);
    },
  };
  const app = new Koa();
  app.use(retiredFacade(options));
  app.use((ctx) => {
    ctx.body = 'as before';
  });
  server = await listen(app.callback(), { host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(() => server?.close(0));
beforeEach(() => {
  over = new Set();
  accountId = undefined;
});

const visit = async (path: string) => {
  const { status, location, body } = await new Browser().visit(url + path);
  return location ?? (status === 200 ? body : `${status} ${body}`);
};

describe('while nothing is over', () => {
  test.each([
    '/auth?client_id=a',
    '/login/x',
    '/claim/x',
    '/jwt',
    '/hooks/zitadel/first/session',
    '/migration/users',
  ])('%s is as before', async (path) => {
    expect(await visit(path)).toBe('as before');
  });
});

describe('once one of two targets is over', () => {
  beforeEach(() => {
    over = new Set(['first']);
  });

  test('its own clients’ people are sent on, and those of the other are not', async () => {
    expect(await visit('/auth?client_id=a')).toBe('https://first.example/login?login_hint=');
    expect(await visit('/auth?client_id=b')).toBe('as before');
    expect(await visit('/auth?client_id=none')).toBe('as before');
    expect(await visit('/auth?client_id=unknown')).toBe('as before');
  });

  test('whoever has a session is called as the target calls them', async () => {
    accountId = 'shop:1';
    expect(await visit('/auth?client_id=a')).toBe('https://first.example/login?login_hint=anna%40first');
  });

  test('a hint of the client goes along', async () => {
    accountId = 'shop:1';
    expect(await visit('/auth?client_id=a&login_hint=otto')).toBe(
      'https://first.example/login?login_hint=otto',
    );
  });

  test('its hooks are answered 410, and the other’s are not', async () => {
    expect(await visit('/hooks/zitadel/first/session')).toMatch(/^410 .*already_retired/);
    expect(await visit('/hooks/zitadel/second/session')).toBe('as before');
  });

  test('links for it are over, with the way to it', async () => {
    expect(await visit('/claim/some-token')).toMatch(
      /^410 .*"targetName":"The first","href":"https:\/\/first/,
    );
  });

  test('what apps call, which names no target, goes on', async () => {
    for (const path of ['/migration/users', '/legacy/changes', '/drop-ins/ory', '/jwt', '/login/x'])
      expect([path, await visit(path)]).toEqual([path, 'as before']);
  });
});

describe('once all are over', () => {
  beforeEach(() => {
    over = new Set(['first', 'second']);
  });

  test('apps without a target go where the first goes', async () => {
    expect(await visit('/auth?client_id=none')).toBe('https://first.example/login?login_hint=');
    expect(await visit('/login/x')).toBe('https://first.example/login?login_hint=');
    expect(await visit('/jwt')).toBe('https://second.example/login?login_hint=');
  });

  test.each([
    '/migration/users/shop:1/secrets',
    '/legacy/changes',
    '/legacy/sessions/enter',
    '/drop-ins/ory',
  ])('%s is answered 410', async (path) => {
    expect(await visit(path)).toMatch(/^410 .*already_retired/);
  });

  test.each([
    '/.well-known/openid-configuration',
    '/jwks',
    '/jwt/jwks',
    '/token',
    '/me',
    '/session/end',
    '/auth/uid',
    '/legacy/sessions/ended',
  ])('%s goes on', async (path) => {
    expect(await visit(path)).toBe('as before');
  });
});

describe('somebody’s record', () => {
  const away = async (): Promise<User | undefined> => {
    throw new FootbridgeError('legacy_unavailable');
  };

  test('is nobody’s once all is over and the store is away', async () => {
    expect(await userUnlessOver(away, { isAllOver: () => true })('shop:1')).toBeUndefined();
  });

  test('is an outage before that, and what else fails stays what it is', async () => {
    await expect(userUnlessOver(away, { isAllOver: () => false })('shop:1')).rejects.toMatchObject({
      code: 'legacy_unavailable',
    });
    const wrong = async () => {
      throw new FootbridgeError('mapping_failed');
    };
    await expect(userUnlessOver(wrong, { isAllOver: () => true })('shop:1')).rejects.toMatchObject({
      code: 'mapping_failed',
    });
  });
});
