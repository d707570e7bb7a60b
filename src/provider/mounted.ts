/** Our own routes beside the provider’s: each request passes only the routers that have something under its first segment. */
import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';

const firstSegment = (path: string): string => {
  const end = path.indexOf('/', 1);
  return (end < 0 ? path : path.slice(0, end)).toLowerCase();
};

/** Of a route; the provider's own paths and ours share no first segment, so that it tells enough. */
function literal(path: string | RegExp): string {
  // Of a router's own middleware, `use` makes `/claim(?:\/|$)`.
  const [found] = /^\/[a-z0-9._-]+(?=\/|$|\(\?:\\?\/)/i.exec(String(path)) ?? [];
  if (!found) throw new Error(`a route begins with a pattern: ${path}`);
  return found.toLowerCase();
}

/** Twelve routers that try their patterns one after the other cost a token request more than its own work. */
export function mounted(routers: readonly Router[]): Middleware {
  const bySegment = new Map<string, Middleware[]>();
  for (const router of routers) {
    const routes = router.routes() as unknown as Middleware;
    const segments = new Set(router.stack.map(({ path }) => literal(path)));
    for (const segment of segments) {
      bySegment.set(segment, [...(bySegment.get(segment) ?? []), routes]);
    }
  }
  const chains = new Map([...bySegment].map(([segment, list]) => [segment, inTurn(list)]));
  return (ctx, next) => {
    const chain = chains.get(firstSegment(ctx.path));
    return chain ? chain(ctx, next) : next();
  };
}

const inTurn = (list: readonly Middleware[]): Middleware =>
  list.reduceRight<Middleware>(
    (after, one) => (ctx: Context, next) => one(ctx, () => after(ctx, next)),
    (_ctx, next) => next(),
  );
