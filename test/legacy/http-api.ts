/** A company's user API on loopback, as a real server: looks people up, checks a password, hands out tokens. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createPlainServer } from 'node:http';
import type { ServerOptions } from 'node:https';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { PEOPLE } from './connector-contract.ts';
import { httpWrites, membershipApi } from './http-writes.ts';

export const PASSWORD = 'Api-Secret-1';

export interface Seen {
  readonly method: string;
  /** As it came over the wire. */
  readonly target: string;
  readonly authorization: string | undefined;
  readonly body: string;
}
export type Reply = {
  readonly status?: number;
  readonly json?: unknown;
  readonly raw?: (res: ServerResponse) => void;
};
export type Handler = (seen: Seen) => Reply;

export interface TestApi {
  readonly url: string;
  readonly seen: readonly Seen[];
  close(): Promise<void>;
}

/** Answers every request as told, and keeps what it was asked. */
export async function serve(handle: Handler, tls?: ServerOptions): Promise<TestApi> {
  const seen: Seen[] = [];
  const listener = async (req: IncomingMessage, res: ServerResponse) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    const one = { method: req.method!, target: req.url!, authorization: req.headers.authorization, body };
    seen.push(one);
    const { status = 200, json, raw } = handle(one);
    if (raw) return raw(res);
    res.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
    res.end(json === undefined ? '' : JSON.stringify(json));
  };
  const server = tls ? createTlsServer(tls, listener) : createPlainServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https://localhost' : 'http://127.0.0.1'}:${port}`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The three users, under `/api/v1`, as somebody might have written it. */
export function shopApi(): Handler {
  const users = PEOPLE.map(({ roles, ...rest }) => ({
    ...rest,
    moved: 0,
    target_id: null as string | null,
    roles: roles.map((name) => ({ name })),
  }));
  type User = (typeof users)[number];
  const made = (id: string, values: Partial<User>) =>
    ({ ...users[0]!, moved: 0, roles: [], ...values, id }) as User;
  const membership = membershipApi(users, made);
  const nobody: Reply = { status: 404, json: { error: 'not found' } };
  return (seen) => {
    const { method, target, body } = seen;
    const url = new URL(target, 'http://api');
    const [, , , what, id = '', action, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    if (what === 'health') return { json: { status: 'up' } };
    if (what === 'organizations') return membership.organization(seen, [id, action ?? '', ...rest]);
    if (what !== 'users') return { status: 404 };
    if (method === 'POST' && id === '') return membership.create(JSON.parse(body));
    const user = users.find((one) => one.id === id);
    if (id === '') {
      const login = url.searchParams.get('login');
      if (login !== null)
        return {
          json: { data: { users: users.filter((one) => one.login === login || one.email === login) } },
        };
      const after = url.searchParams.get('after');
      const from = after === null ? 0 : users.findIndex((one) => one.id === after) + 1;
      return { json: { users: users.slice(from, from + Number(url.searchParams.get('limit'))) } };
    }
    if (!user) return nobody;
    if (method === 'GET') return { json: { ...user, members: membership.of(user.id) } };
    const { password, migrated, targetUserId } = JSON.parse(body);
    if (targetUserId !== undefined) return membership.link(user, targetUserId);
    if (action === 'check') return { status: password === PASSWORD && id === '1' ? 204 : 401 };
    user.moved = migrated ? 1 : 0;
    return { json: user };
  };
}

export const shopHttp = (url: string) => ({
  url: `${url}/api/v1/`,
  login: ['login', 'email'],
  byLogin: { path: 'users', query: { login: '{login}' }, at: 'data.users' },
  byId: { path: 'users/{id}' },
  page: { path: 'users', query: { after: '{after}', limit: '{limit}' }, at: 'users', size: 2 },
  verify: { method: 'POST', path: 'users/{id}/check', body: { password: '{password}' } },
  flag: { method: 'PATCH', path: 'users/{id}', body: { migrated: '{migrated}' } },
  writes: httpWrites,
  related: { roles: { path: 'roles' }, members: { path: 'members' } },
  ping: { path: 'health' },
});
