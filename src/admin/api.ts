/** The private listener: health, metrics, OpenAPI, the console, and every operation over HTTP. Never reachable from outside. */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import Koa from 'koa';
import type { z } from 'zod';
import { foreignJson, readBody } from '../body.ts';
import { FootbridgeError, problem } from '../errors.ts';
import { telling } from '../issue-words.ts';
import type { Health } from '../observability/health.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Served } from '../observability/requests.ts';
import type { Secret } from '../settings.ts';
import type { Keyring } from '../store/encryption.ts';
import type { AdminSettings } from './admin-settings.ts';
import type { CalledByOptions } from './called-by.ts';
import { calledBy } from './called-by.ts';
import type { Console } from './console/console-routes.ts';
import type { Desk } from './operation.ts';
import { operations } from './operations/index.ts';
import type { Who } from './perform.ts';
import { perform } from './perform.ts';

export interface PrivateOptions {
  readonly desk: Desk;
  readonly keyring: Keyring;
  /** Of `api`, an admin. */
  readonly token: Secret | undefined;
  readonly tokens?: AdminSettings['tokens'];
  readonly metrics: Metrics;
  /** What is below /admin, for people. */
  readonly console?: Pick<Console, 'middleware'>;
  readonly calledBy: CalledByOptions;
  readonly openApi: () => object;
  readonly health: () => Promise<Health>;
  /** For metrics and the log. */
  readonly onServed?: (served: Served) => void;
}

export function privateApp(options: PrivateOptions): Koa {
  const app = new Koa();
  app.silent = true;
  const router = new Router();
  // Whoever restarts us asks this: no outage of anything else is a reason to.
  for (const path of ['/livez', '/healthz'])
    router.get(path, (ctx) => {
      ctx.body = { status: 'alive' };
    });
  router.get('/readyz', async (ctx) => {
    const health = await options.health();
    ctx.status = health.ready ? 200 : 503;
    ctx.body = health;
  });
  router.get('/metrics', async (ctx) => {
    ctx.type = options.metrics.registry.contentType;
    ctx.body = await options.metrics.registry.metrics();
  });
  router.get('/openapi.json', (ctx) => {
    ctx.body = options.openApi();
  });
  if (options.console) router.get('/', (ctx) => ctx.redirect('/admin'));
  for (const operation of operations) {
    router.post(`/admin/api/${operation.name.replaceAll(' ', '/')}`, async (ctx) => {
      const who = whoAsks(options, ctx.get('authorization'));
      const body = await readJson(ctx as Context);
      const { execute = false, ...input } = body;
      const parsed = operation.input.safeParse(input, { error: telling });
      if (!parsed.success) throw new FootbridgeError('bad_request', { detail: describe(parsed.error) });
      const asked = { input: parsed.data, who, execute: execute === true };
      ctx.body = await perform(options.desk, operation, asked);
    });
  }
  app.use(measured(options));
  if (options.console) app.use(options.console.middleware);
  app.use(answerErrors);
  app.use(calledBy(options.calledBy));
  app.use(router.routes() as Middleware);
  return app;
}

const ROUTES = /^\/(livez|healthz|readyz|metrics|openapi\.json|admin\/api|admin)(?:\/|$)/;

function measured({ onServed }: PrivateOptions): Middleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    await next();
    const seconds = (performance.now() - startedAt) / 1_000;
    onServed?.({ route: ROUTES.exec(ctx.path)?.[1] ?? 'other', status: ctx.status, seconds });
  };
}

const answerErrors: Middleware = async (ctx, next) => {
  ctx.set('Cache-Control', 'no-store');
  ctx.set('X-Content-Type-Options', 'nosniff');
  try {
    await next();
    if (ctx.status === 404 && ctx.body === undefined) throw new FootbridgeError('not_found');
  } catch (error) {
    const known =
      error instanceof FootbridgeError ? error : new FootbridgeError('internal', { cause: error });
    ctx.status = known.status;
    ctx.body = { ...problem(known), ...(known.status < 500 && known.detail ? { detail: known.detail } : {}) };
    ctx.type = 'application/problem+json';
    if (known.status === 401) ctx.set('WWW-Authenticate', 'Bearer');
  }
};

/** Compared with every token, so that the time says nothing of which one it was. Throws unauthorized. */
function whoAsks({ token, tokens = [], keyring }: PrivateOptions, authorization: string): Who {
  const given = /^Bearer (.+)$/.exec(authorization)?.[1];
  const known = [...(token ? [{ name: 'api', role: 'admin' as const, token }] : []), ...tokens];
  const fitting = known.filter((one) => keyring.equal(given ?? '', one.token.reveal()));
  const [who] = given ? fitting : [];
  if (!who) throw new FootbridgeError('unauthorized');
  return { name: who.name, role: who.role };
}

async function readJson(ctx: Context): Promise<Record<string, unknown>> {
  const raw = await readBody(ctx.req);
  if (raw.length === 0) return {};
  const text = raw.toString('utf8');
  // PostgreSQL refuses NUL in text, and JSON has no other way to write it.
  if (/\\u0000/.test(text))
    throw new FootbridgeError('bad_request', { detail: 'the body holds what no text of ours holds' });
  try {
    const body: unknown = foreignJson(text);
    if (body && typeof body === 'object' && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // one answer for all of it
  }
  throw new FootbridgeError('bad_request', { detail: 'the body is not a JSON object' });
}

const describe = (error: z.ZodError) =>
  error.issues.map((i) => `${i.path.join('.') || 'body'}: ${i.message}`).join('; ');
