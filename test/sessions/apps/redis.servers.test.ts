import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redis } from '../../../src/sessions/apps/redis.ts';
import type { LegacyApp, LegacyAppDeps } from '../../../src/sessions/legacy-app.ts';
import { Line } from '../../legacy/line.ts';
import type { ExpressApp } from '../../servers/express-app.ts';
import { startExpressApp } from '../../servers/express-app.ts';
import type { Redis } from '../../servers/redis.ts';
import { requiresRedis, startRedis } from '../../servers/redis.ts';
import type { LegacyAppHarness } from '../legacy-app-contract.ts';
import { browserWith, legacyAppContract, loginOf, requestOf } from '../legacy-app-contract.ts';

const required = requiresRedis();
const DEPS: LegacyAppDeps = {
  db: undefined as never,
  directory: { findBySub: async () => undefined, legacyIdOf: () => undefined },
};
const nowSeconds = () => Math.floor(Date.now() / 1_000);

function settingsFor(url: string, secret: string, more: object = {}) {
  return redis.settings.parse({
    kind: 'redis',
    name: 'shop',
    url,
    framework: { format: 'express', secrets: [secret] },
    authTimeField: 'loggedInAt',
    secondFactorField: 'twoFactor',
    create: { data: { loggedInAt: '{authTime}' } },
    timeoutMs: 1_000,
    ...more,
  });
}

interface Harness extends LegacyAppHarness {
  readonly line: Line;
}

describe.skipIf(required.skip)(required.name, () => {
  let server: Redis;
  let shop: ExpressApp;
  beforeAll(async () => {
    server = await startRedis();
    shop = await startExpressApp(server.url);
  });
  afterAll(async () => {
    await shop.close();
    await server.stop();
  });

  /** The middleware itself is the app that is asked. */
  async function expressInRedis(): Promise<Harness> {
    const line = new Line(() => connect(server.port, '127.0.0.1'));
    const url = `redis://:${server.password}@127.0.0.1:${await line.listen()}`;
    const cookieOf = ({ cookies }: { cookies: Readonly<Record<string, string>> }) => cookies['connect.sid']!;
    return {
      line,
      app: redis.open(settingsFor(url, shop.secret), DEPS),
      async signIn({ user }) {
        const cookies = { 'connect.sid': await shop.login(user.legacyId) };
        const [, handle] = /^s%3A([^.]+)/.exec(cookies['connect.sid'])!;
        const { loggedInAt } = JSON.parse(String(await server.run('GET', `sess:${handle}`)));
        const authTime = Math.floor(loggedInAt / 1_000);
        return { cookies, person: { by: 'id', value: user.legacyId }, authTime, amr: ['mfa'] };
      },
      isSignedIn: async (browser) => (await shop.who(cookieOf(browser))) !== undefined,
      signOut: (browser) => shop.logout(cookieOf(browser)),
      async makeOld(session) {
        const [, handle] = /^s%3A([^.]+)/.exec(cookieOf(session))!;
        await server.run('PEXPIRE', `sess:${handle}`, '-1');
        return session;
      },
      forge: (session) => [{ cookies: { 'connect.sid': cookieOf(session).replace(/\..*/, '') } }],
      openConnections: async () => line.connections,
      close: () => line.close(),
    };
  }

  legacyAppContract({
    name: 'Express in Redis',
    abilities: ['recognise', 'check', 'create', 'clearCookies', 'renew', 'end'],
    open: expressInRedis,
    outages: {
      'refuses connections': async (harness) => (harness as Harness).line.cutAll(),
      'does not answer': async (harness) => {
        (harness as Harness).line.mode = 'silent';
      },
    },
  });

  describe('a session that we make', () => {
    let app: LegacyApp;
    beforeAll(() => {
      app = redis.open(settingsFor(server.url, shop.secret), DEPS);
    });
    afterAll(() => app.close());

    const made = async () => {
      const created = await app.create!(loginOf('7'));
      if ('failure' in created) throw new Error(created.failure);
      return { cookie: browserWith(created.setCookies!).cookies['connect.sid']!, handle: created.handle! };
    };

    test('is the person’s in the real middleware', async () => {
      expect(await shop.who((await made()).cookie)).toBe('7');
    });

    test('is over in the real middleware when we end it', async () => {
      const { cookie, handle } = await made();
      await app.end!(handle);
      expect(await shop.who(cookie)).toBeUndefined();
    });

    test('is over here when the real middleware ends it', async () => {
      const { cookie, handle } = await made();
      await shop.logout(cookie);
      expect(await app.check!(handle)).toBeUndefined();
    });

    test('lives on while the real middleware is used, longer than its data says', async () => {
      const { cookie, handle } = await made();
      await server.run('EXPIRE', `sess:${handle}`, '5');
      await shop.who(cookie);
      expect((await app.check!(handle))!.expiresAt).toBeGreaterThan(nowSeconds() + 1_000);
    });
  });

  test('a value of another kind, or that is no session, is nobody’s', async () => {
    const app = redis.open(settingsFor(server.url, shop.secret), DEPS);
    await server.run('HSET', 'sess:hash', 'a', 'b');
    await server.run('SET', 'sess:garbage', '{"cookie":{},"passport":');
    await server.run('SET', 'sess:anonymous', '{"cookie":{}}');
    await server.run('SET', 'sess:list', '[1,2,3]');
    for (const handle of ['hash', 'garbage', 'anonymous', 'list'])
      expect(await app.check!(handle)).toBeUndefined();
    await app.close();
  });

  test('a session without an end is left without one', async () => {
    const app = redis.open(settingsFor(server.url, shop.secret), DEPS);
    await server.run('SET', 'sess:endless', '{"cookie":{},"passport":{"user":7}}');
    await app.renew!('endless', nowSeconds() + 60);
    expect(await app.check!('endless')).toEqual({
      handle: 'endless',
      person: { by: 'id', value: '7' },
      amr: [],
    });
    expect(await server.run('TTL', 'sess:endless')).toBe(-1);
    await app.close();
  });

  test('a connection that was lost is made again by the next question', async () => {
    const { app, line, signIn, close } = await expressInRedis();
    const session = await signIn(loginOf('1'));
    expect(await app.recognise!(requestOf(session))).toBeDefined();
    line.cutAll();
    await expect(app.recognise!(requestOf(session))).rejects.toMatchObject({ code: 'legacy_unavailable' });
    line.mode = 'open';
    expect(await app.recognise!(requestOf(session))).toBeDefined();
    line.cutAll();
    line.mode = 'open';
    await expect.poll(() => app.recognise!(requestOf(session)).catch(() => undefined)).toBeDefined();
    await app.close();
    await close();
  });

  test('a wrong password is an outage, and is not told', async () => {
    const url = `redis://:wrong-and-secret@127.0.0.1:${server.port}`;
    const app = redis.open(settingsFor(url, shop.secret), DEPS);
    const failure = await app.check!('any').catch((error) => error);
    expect(failure).toMatchObject({ code: 'legacy_unavailable', detail: 'redis WRONGPASS' });
    expect(JSON.stringify(failure) + String(failure.stack)).not.toContain('wrong-and-secret');
    await app.close();
  });

  test('a user of its own needs five commands and the keys of sessions', async () => {
    const rules = ['on', '>only-sessions', '~sess:*', '+get', '+pttl', '+set', '+pexpireat', '+del'];
    await server.run('ACL', 'SETUSER', 'footbridge', ...rules);
    const url = `redis://footbridge:only-sessions@127.0.0.1:${server.port}`;
    const app = redis.open(settingsFor(url, shop.secret), DEPS);
    const created = await app.create!(loginOf('7'));
    const { handle } = created as { handle: string };
    await app.renew!(handle, nowSeconds() + 7_200);
    expect((await app.check!(handle))!.expiresAt).toBeGreaterThan(nowSeconds() + 7_000);
    await app.end!(handle);
    expect(await app.check!(handle)).toBeUndefined();
    await app.close();
  });
});
