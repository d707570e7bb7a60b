/**
 * A stand-in for cidaas, whose server nobody can run: the calls of its documentation that Footbridge makes, over HTTP and
 * in memory. It refuses what the documentation says that the real one refuses, and every field that is nowhere named.
 * What it shows of a user is our assumption; `docs/targets/cidaas.md` says what that leaves to be tried.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { listen } from '../../../src/listener.ts';
import { openChanges } from './changes.ts';
import { openFaults } from './faults.ts';
import { opens, rehashed } from './passwords.ts';
import type { Heard } from './routes.ts';
import { Refused, ROUTES } from './routes.ts';
import { openSigning } from './signing.ts';
import type { Account, TenantOptions } from './tenant.ts';
import { APP, openTenant, PASSWORD_APP } from './tenant.ts';
import { openWebhooks } from './webhooks.ts';

export { APP, PASSWORD_APP } from './tenant.ts';

const TOKEN = '/token-srv/token';
const KEYS = '/.well-known/jwks.json';
const TOKEN_SECONDS = 3_600;
/** A thousand users with long hashes. */
const MAX_BODY = 4 * 1024 * 1024;

export type CidaasStandIn = Awaited<ReturnType<typeof openCidaas>>;

export async function openCidaas(options: TenantOptions = {}) {
  const signing = await openSigning(() => `http://127.0.0.1:${server.port}`);
  const webhooks = openWebhooks(signing);
  const tenant = openTenant(options, webhooks.tell);
  const faults = openFaults();
  const tokens = new Set<string>();
  const heard: Heard = { batches: [], mailed: [], poison: new Set() };
  const calls: string[] = [];

  const opensFor = async (account: Account, password: string) =>
    account.password !== undefined && (await opens(account.password, password, tenant.settings.custom));

  const token = async (body: unknown) => {
    const given = (body ?? {}) as Record<string, unknown>;
    if (given.grant_type === 'password') return { status: 200, body: await grantedToPerson(given) };
    if (given.grant_type !== 'client_credentials') throw new Refused(400, 'unsupported_grant_type');
    if (given.client_id !== APP.clientId || given.client_secret !== APP.secret) {
      throw new Refused(401, 'invalid_client');
    }
    const access_token = randomUUID();
    tokens.add(access_token);
    return { status: 200, body: { access_token, token_type: 'Bearer', expires_in: TOKEN_SECONDS } };
  };

  /** RFC 6749 section 4.3. */
  const grantedToPerson = async ({
    client_id,
    client_secret,
    username,
    password,
  }: Record<string, unknown>) => {
    if (client_id !== PASSWORD_APP.clientId || client_secret !== PASSWORD_APP.secret) {
      throw new Refused(401, 'invalid_client');
    }
    const account = tenant.byIdentifier(String(username));
    if (!account || !(await opensFor(account, String(password)))) throw new Refused(400, 'invalid_grant');
    if (account.userStatus !== 'VERIFIED') throw new Refused(417, 'user_status_invalid');
    const { sub } = account;
    tenant.tell('LOGIN_WITH_CIDAAS', sub, sub);
    return {
      access_token: await signing.token(PASSWORD_APP.clientId, { sub }),
      sub,
      expires_in: TOKEN_SECONDS,
    };
  };

  const answer = async (
    method: string,
    path: string,
    { headers, body }: { headers: Headers; body: unknown },
  ): Promise<{ readonly status: number; readonly body?: object }> => {
    if (method === 'POST' && path === TOKEN) return token(body);
    if (method === 'GET' && path === KEYS) return { status: 200, body: signing.jwks() };
    if (!tokens.has(headers.authorization?.replace(/^Bearer /, '') ?? ''))
      throw new Refused(401, 'unauthorized');
    for (const route of ROUTES) {
      const match = route.method === method ? route.path.exec(path) : null;
      if (!match) continue;
      if (!tenant.settings.scopes.includes(route.scope)) throw new Refused(403, 'missing scope');
      return route.answer({ tenant, at: match[1] ?? '', second: match[2] ?? '', body, heard, webhooks });
    }
    throw new Refused(404, 'no such path');
  };

  const handle = async (req: IncomingMessage, res: ServerResponse) => {
    const { method = '', url: path = '', headers } = req;
    calls.push(`${method} ${path}`);
    const body = await bodyOf(req);
    const isForApp = path === TOKEN && (body as { grant_type?: unknown })?.grant_type !== 'password';
    const fault = isForApp ? undefined : faults.faultFor(path);
    if (fault) {
      const { status, retryAfterSeconds } = fault;
      const more = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
      res.writeHead(status, more).end();
      return;
    }
    await faults.happensBefore(path);
    const { status, body: said } = await answer(method, path, { headers, body });
    if (path.endsWith('/bulk') && faults.isDropped()) {
      req.socket.destroy();
      return;
    }
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(said && JSON.stringify(said));
  };
  const listener: RequestListener = (req, res) => {
    handle(req, res).catch((error) => {
      const status = error instanceof Refused ? error.status : 500;
      // The token service speaks as RFC 6749 section 5.2 wants it.
      const envelope =
        req.url === TOKEN
          ? { error: error.message, error_description: 'it is refused' }
          : { success: false, status, error: { code: status * 10, error: error.message } };
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(envelope));
    });
  };
  const server = await listen(listener, { host: '127.0.0.1', port: 0 });

  return {
    url: `http://127.0.0.1:${server.port}`,
    tenant,
    calls,
    ...heard,
    ...faults.knobs,
    /** What people do there themselves. */
    changes: openChanges(tenant),
    webhooks: { ...webhooks, ...webhooks.knobs },
    signing,
    /** No token that was given out so far is good any more. */
    forgetTokens: () => tokens.clear(),
    /** Whether this password lets this person in. What another service has found right is hashed anew. */
    async login(email: string, password: string): Promise<boolean> {
      const account = tenant.byIdentifier(email);
      if (!account?.password || account.userStatus !== 'VERIFIED') return false;
      const { custom } = tenant.settings;
      if (!(await opensFor(account, password))) return false;
      if (account.password.algorithmTypeId === custom?.algorithm) account.password = await rehashed(password);
      return true;
    },
    close: () => server.close(0),
  };
}

type Headers = IncomingMessage['headers'];

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    received += chunk.length;
    if (received > MAX_BODY) throw new Refused(413, 'too large');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') return undefined;
  if (req.headers['content-type'] === 'application/x-www-form-urlencoded') {
    return Object.fromEntries(new URLSearchParams(text));
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(400, 'the body is not JSON');
  }
}
