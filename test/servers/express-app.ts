/** A legacy app on express-session and connect-redis, as thousands are: /login/:id, /who, /logout. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RedisStore } from 'connect-redis';
import type { Session } from 'express-session';
import session from 'express-session';
import { createClient } from 'redis';
import { listen } from '../../src/listener.ts';

export interface ExpressApp {
  readonly secret: string;
  /** The value of its cookie. */
  login(id: string): Promise<string>;
  /** Who it takes the browser with this cookie for. */
  who(cookie: string): Promise<string | undefined>;
  logout(cookie: string): Promise<void>;
  close(): Promise<void>;
}

export async function startExpressApp(redisUrl: string): Promise<ExpressApp> {
  const client = createClient({ url: redisUrl });
  client.on('error', () => undefined);
  await client.connect();
  const secret = 'the-shop-signs-its-cookies-with-it';
  const sessions = session({
    store: new RedisStore({ client }),
    secret,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 1_800_000 },
  });
  const server = await listen(
    (request, response) => sessions(request, response, () => answer(request, response)),
    { host: '127.0.0.1', port: 0 },
  );
  const call = (path: string, cookie = '') =>
    fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { cookie: `connect.sid=${cookie}` } });
  return {
    secret,
    async login(id) {
      const { headers } = await call(`/login/${id}`);
      return /^connect\.sid=([^;]+)/.exec(headers.getSetCookie()[0]!)![1]!;
    },
    who: async (cookie) => (await (await call('/who', cookie)).text()) || undefined,
    logout: async (cookie) => void (await call('/logout', cookie)),
    async close() {
      await server.close(0);
      client.destroy();
    },
  };
}

function answer(request: IncomingMessage & { session?: Session }, response: ServerResponse): void {
  const [, what, id] = request.url!.split('/');
  if (what === 'who') response.end(String(request.session!.passport?.user ?? ''));
  else if (what === 'logout') request.session!.destroy(() => response.end());
  else
    request.session!.regenerate(() => {
      request.session!.passport = { user: Number(id) };
      request.session!.loggedInAt = Date.now() - 120_000;
      request.session!.twoFactor = true;
      response.end();
    });
}
