/** The gateway: from an HTTP request to a message, to a handler, and back, with everything on the way checked. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DescMethod, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { readBody } from './body.ts';
import { ApiError, denied, invalid, notFound, unauthenticated, unimplemented } from './errors.ts';
import type { Executions } from './executions.ts';
import type { Call, Handler } from './handlers.ts';
import type { Actor, Instance } from './instance.ts';
import type { OAuthServer } from './oauth.ts';
import { may, permissionOf } from './permissions.ts';
import { fullName, readMessage, requestJson, routeOf, writeMessage } from './protobuf.ts';
import type { RateLimit, Seen } from './requests.ts';
import { Failures } from './requests.ts';

/** What ZITADEL calls itself in its own messages. */
const ORGANIZATION_HEADER = 'x-zitadel-orgid';

/** Something a client got wrong that the real server would have let pass without a word. */
export interface Violation {
  readonly rpc: string;
  readonly message: string;
}

/** Answers a request that is none of the API's methods; false when it is none of its either. */
export type Page = (req: IncomingMessage, res: ServerResponse, body: Buffer) => Promise<boolean>;

export interface Gateway {
  readonly url: string;
  readonly requests: Seen[];
  readonly violations: Violation[];
  readonly failures: Failures;
  /** What went wrong in the stand-in itself; empty at the end of a good test. */
  readonly faults: Error[];
  limit: RateLimit | undefined;
  /** `drop`: as the real gateway, unknown fields are dropped without a word; they are violations all the same. */
  unknownFields: 'refuse' | 'drop';
  close(): Promise<void>;
}

export interface GatewayParts {
  readonly instance: Instance;
  readonly oauth: OAuthServer;
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly executions: Executions;
  readonly pages: readonly Page[];
  readonly defaultOrganization: string;
}

export async function openGateway(parts: GatewayParts): Promise<Gateway> {
  const requests: Seen[] = [];
  const violations: Violation[] = [];
  const failures = new Failures();
  const gateway = {
    requests,
    violations,
    failures,
    faults: [],
    limit: undefined,
    unknownFields: 'refuse',
  } as unknown as {
    -readonly [K in keyof Gateway]: Gateway[K];
  };
  const server = createServer((req, res) => {
    answer(parts, gateway, [req, res]).catch((error) => {
      // A fault of the stand-in's own: to be seen in the test, and not taken for ZITADEL's.
      gateway.faults.push(error);
      if (!res.headersSent) res.writeHead(500, { 'content-type': 'text/plain' });
      res.end(`fault of the stand-in: ${error.stack}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  gateway.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  gateway.close = () => close(server);
  return gateway;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

async function answer(
  parts: GatewayParts,
  gateway: Gateway,
  [req, res]: [IncomingMessage, ServerResponse],
): Promise<void> {
  const body = await readBody(req);
  for (const page of parts.pages) if (await page(req, res, body)) return;
  const url = new URL(req.url ?? '/', gateway.url);
  const found = routeOf(req.method ?? 'GET', url.pathname);
  const actor = parts.oauth.actorOf(req.headers.authorization);
  const seen: Seen = {
    verb: req.method ?? 'GET',
    path: `${url.pathname}${url.search}`,
    rpc: found && `${found.route.method.parent.name}/${found.route.method.name}`,
    body: parsed(body),
    organization: req.headers[ORGANIZATION_HEADER] as string | undefined,
    userId: actor?.userId,
    status: undefined,
    answer: undefined,
  };
  gateway.requests.push(seen);
  const failure = gateway.failures.take(seen);
  if (failure === 'hang') return;
  if (failure === 'drop-before') return void req.socket.destroy();
  if (typeof failure === 'number') {
    return send(res, seen, { status: failure, body: { code: 14, message: 'told to fail', details: [] } });
  }
  const done = await work(parts, gateway, { seen, found, query: url.searchParams, actor });
  if (failure === 'drop-after') return void req.socket.destroy();
  if (failure === 'hang-after') return;
  send(res, seen, done);
}

interface Asked {
  readonly seen: Seen;
  readonly found: ReturnType<typeof routeOf>;
  readonly query: URLSearchParams;
  readonly actor: Actor | undefined;
}

interface Done {
  readonly status: number;
  readonly body: JsonValue;
  readonly headers?: Readonly<Record<string, string>>;
}

async function work(parts: GatewayParts, gateway: Gateway, asked: Asked): Promise<Done> {
  try {
    return { status: 200, body: await call(parts, gateway, asked) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw Object.assign(error as Error, { asked: asked.seen });
    return { status: error.status, body: error.toJSON() as JsonObject, headers: error.headers };
  }
}

/** In the real one's order: limits, who it is, what they may, whether it is a message, Actions, the work, Actions. */
async function call(
  parts: GatewayParts,
  gateway: Gateway,
  { seen, found, query, actor }: Asked,
): Promise<JsonObject> {
  countDown(gateway);
  if (!found) throw notFound(undefined, 'Not Found');
  const { method } = found.route;
  const rpc = fullName(method);
  if (!actor) throw unauthenticated('AUTH-7fs1e', 'Errors.Token.Invalid');
  if (seen.organization && !parts.instance.organizations.has(seen.organization))
    throw denied('AUTH-Bs7Ds', "Organisation doesn't exist");
  const permission = permissionOf(method);
  if (permission && !may(actor, permission)) {
    seen.missingPermission = permission;
    throw denied('AUTH-5mWD2', 'No matching permissions found');
  }
  const json = requestJson(found, { body: seen.body ?? {}, query });
  const request = read(gateway, found, json);
  const handler = parts.handlers.get(rpc);
  if (!handler) throw unimplemented('STAND-1n', `the stand-in has no ${rpc}`);
  const context: Call = {
    instance: parts.instance,
    actor,
    organization: seen.organization ?? (actor.organization || parts.defaultOrganization),
    namesOrganization: Boolean(seen.organization),
    may: (wanted) => may(actor, wanted),
  };
  const asChanged = await parts.executions.onRequest(method, request, context);
  assertRules(gateway, method, asChanged);
  const response = await handler(asChanged, context);
  const { message, problem } = readMessage(method.output, response);
  if ((problem && problem.kind !== 'rule') || !message)
    throw new Error(`the stand-in answers ${rpc} with no message: ${problem?.message}`);
  return parts.executions.onResponse(
    method,
    { request: asChanged, response: writeMessage(method.output, message) },
    context,
  );
}

function countDown(gateway: Gateway): void {
  if (!gateway.limit) return;
  if (gateway.limit.left-- > 0) return;
  throw new ApiError(8, ['QUOTA-vjAy8', 'Quota.Access.Exhausted'], {
    headers: { 'retry-after': String(gateway.limit.retryAfterSeconds) },
  });
}

function read(gateway: Gateway, { route }: NonNullable<Asked['found']>, json: JsonObject): JsonObject {
  const { message, problem } = readMessage(route.method.input, json);
  const isRule = problem?.kind === 'rule';
  if (problem && !isRule) gateway.violations.push({ rpc: fullName(route.method), message: problem.message });
  const isDropped = problem?.kind === 'unknown-field' && gateway.unknownFields === 'drop';
  if ((problem && !isRule && !isDropped) || !message)
    throw invalid(undefined, problem?.message ?? 'no message');
  return writeMessage(route.method.input, message);
}

/** Looked at after the Actions, which may have changed the message. */
function assertRules(gateway: Gateway, method: DescMethod, request: JsonObject): void {
  const { problem } = readMessage(method.input, request);
  if (!problem) return;
  gateway.violations.push({ rpc: fullName(method), message: problem.message });
  throw invalid(undefined, problem.message);
}

function parsed(body: Buffer): JsonValue | undefined {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return body.toString('utf8');
  }
}

function send(res: ServerResponse, seen: Seen, { status, body, headers }: Done): void {
  seen.status = status;
  seen.answer = body;
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(body));
}
