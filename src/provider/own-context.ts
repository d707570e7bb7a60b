/**
 * The library's context of a request, apart from ours, and emptied behind the answer. It gives each context a getter (`ctx.oidc`), and V8
 * keeps every such getter, with all that it reaches, until the next full collection: bodies, headers, sockets' states and tokens of some
 * thousand requests would be copied from one young generation to the next meanwhile, which stops everybody for many milliseconds.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Middleware } from 'koa';
import type { Provider } from 'oidc-provider';

type Fields = Record<PropertyKey, unknown>;
const ITS_CONTEXT = Symbol('the library’s context');

/** Comes before all others: once it is through, nobody asks the library anything about this request. */
export const lettingGo: Middleware = async ({ state }, next) => {
  try {
    await next();
  } finally {
    const its = (state as Fields)[ITS_CONTEXT] as Fields | undefined;
    if (its?.oidc) empty(its.oidc as Fields);
    if (its) empty(its);
  }
};

function empty(fields: Fields): void {
  for (const name of Reflect.ownKeys(fields)) if (name !== 'oidc') fields[name] = undefined;
}

/** `provider` as a handler; nothing is added to it from here on. */
export function handlerOf(provider: Provider): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const { middleware, context } = provider as unknown as { middleware: Middleware[]; context: object };
  const library = middleware.pop();
  if (!library) throw new Error('the library has left its place');
  // Its own `next` would lead back to our context.
  const nobody = async () => undefined;
  middleware.push((ctx) => {
    const its = contextBeside(ctx, context);
    (ctx.state as Fields)[ITS_CONTEXT] = its;
    return library(its, nobody);
  });
  return provider.callback() as (req: IncomingMessage, res: ServerResponse) => Promise<void>;
}

/** As koa makes one, around the same request and response. */
function contextBeside(ctx: Context, prototype: object): Context {
  const { app, req, res, request, response, originalUrl, state } = ctx;
  return Object.assign(Object.create(prototype), { app, req, res, request, response, originalUrl, state });
}
