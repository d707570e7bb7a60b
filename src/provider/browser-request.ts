/** What legacy apps may look at of a browser's request. */
import type { Context } from 'koa';
import type { BrowserRequest } from '../sessions/legacy-sessions.ts';

const VALUE_BYTES = 4 * 1024;
/** RFC 6265 section 4.1.1: cookie-octets, quoted as a whole or not at all. */
const COOKIE_VALUE =
  /^(?:[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")$/;

export function browserRequest(ctx: Context): BrowserRequest {
  const pairs = (ctx.req.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return {
    cookie: (name) => {
      const named = new Set(pairs.filter((other) => other.startsWith(`${name}=`)));
      // Any host of the domain can put a second one before the person's own, with a longer path (RFC 6265 section 5.4).
      const [pair, another] = named;
      const value = another === undefined ? pair?.slice(name.length + 1) : undefined;
      return value !== undefined && value.length <= VALUE_BYTES && COOKIE_VALUE.test(value)
        ? value
        : undefined;
    },
    header: (name) => ctx.get(name) || undefined,
  };
}
