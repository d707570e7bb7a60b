/**
 * Under which names the private listener may be called. A page in an operator's browser can have a name of its own point at us
 * (DNS rebinding), and then read whatever asks for no credentials: metrics, health. Such a name is one that somebody could
 * register; an address, or a name that only exists inside, is not.
 */
import { isIP } from 'node:net';
import type { Middleware } from 'koa';
import { FootbridgeError } from '../errors.ts';

export interface CalledByOptions {
  /** The address that is listened on. */
  readonly host: string;
  /** Under which browsers reach the console, where the settings say so. */
  readonly origin?: string | undefined;
  /** Further names, by which monitoring calls. */
  readonly names?: readonly string[] | undefined;
}

/** Reserved, or never delegated: RFC 6761, RFC 6762, RFC 8375, ICANN's .internal, and Kubernetes' services. */
const INSIDE = /(?:^|\.)(?:localhost|local|internal|home\.arpa|svc)$/;

/** Throws misdirected. Without a name at all, as load balancers ask in HTTP/1.0, it is no browser. */
export function calledBy({ host, origin, names = [] }: CalledByOptions): Middleware {
  const own = new Set([host, ...(origin === undefined ? [] : [new URL(origin).hostname]), ...names]);
  const known = new Set([...own].map((name) => name.toLowerCase()));
  return (ctx, next) => {
    const given = ctx.req.headersDistinct.host ?? [];
    if (given.length > 1 || (given.length === 1 && !isOurs(given[0]!, known)))
      throw new FootbridgeError('misdirected');
    return next();
  };
}

function isOurs(given: string, known: ReadonlySet<string>): boolean {
  if (!URL.canParse(`http://${given}`)) return false;
  const { hostname, host } = new URL(`http://${given}`);
  // What is no host and port alone, but leads to one, is nothing that a client of ours sends.
  if (!/^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d+)?$/i.test(given) || host === '') return false;
  const name = hostname.replace(/\.$/, '');
  return (
    known.has(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0 || !name.includes('.') || INSIDE.test(name)
  );
}
