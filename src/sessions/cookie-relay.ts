/** Passing a legacy app's session cookie on to the browser, under our rules instead of the app's (RFC 6265). */
import { z } from 'zod';

/** Where an app's cookie is good, as we set it. */
export interface CookieRules {
  /** The parent domain that we and the app share; absent: a cookie of our own host. */
  readonly domain?: string;
  readonly path: string;
  readonly sameSite: 'Lax' | 'Strict' | 'None';
  readonly secure: boolean;
}

export interface RelayRules extends CookieRules {
  /** Names of cookies that pass; everything else the app sets stays with us. */
  readonly cookies: readonly string[];
  /** Seconds that no cookie outlives. */
  readonly maxAgeSeconds?: number;
}

export const cookieName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/, {
  error: 'expected a cookie’s name (RFC 6265 section 4.1.1)',
});

/** Settings of cookies that we set for an app. */
export const cookieSettings = {
  domain: z
    .string()
    .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/)
    .exactOptional()
    .describe('The parent domain that this provider and the app share.'),
  path: z
    .string()
    .regex(/^\/[\x21-\x3a\x3c-\x7e]*$/)
    .default('/')
    .describe('Path of the cookies that we set.'),
  sameSite: z.enum(['Lax', 'Strict', 'None']).default('Lax').describe('SameSite of the cookies that we set.'),
  secure: z.boolean().default(true).describe('False only where there is no TLS: on a developer’s machine.'),
};

/** What a browser would not take, by the setting that is to blame; undefined: it takes them. */
export function cookieProblem(
  names: readonly string[],
  { domain, path, sameSite, secure }: CookieRules,
): { readonly at: 'name' | 'secure'; readonly message: string } | undefined {
  if (names.some((name) => name.startsWith('__Host-')) && (domain || path !== '/'))
    return {
      at: 'name',
      message: 'a __Host- cookie has no domain and the path / (RFC 6265bis section 4.1.3.2)',
    };
  if (!secure && (sameSite === 'None' || names.some((name) => /^__(Host|Secure)-/.test(name))))
    return {
      at: 'secure',
      message: 'SameSite=None and the prefixes __Host- and __Secure- need secure cookies',
    };
  return undefined;
}

/** RFC 6265 section 4.1.1: what a value may consist of. Nothing else can end the value or the header. */
const VALUE =
  /^(?:[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")$/;
/** Browsers drop larger ones (RFC 6265 section 6.1). */
const MAX_COOKIE_LENGTH = 4_096;
/** The longest life browsers grant a cookie. */
const MAX_AGE_SECONDS = 400 * 86_400;

/** `Set-Cookie` values for the browser. Of several with one name the last counts, as in a browser. */
export function relayCookies(received: readonly string[], rules: RelayRules): string[] {
  const relayed = new Map<string, string>();
  for (const line of received) {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, Math.max(at, 0)), pair.slice(at + 1)];
    if (!rules.cookies.includes(name) || !isCookieValue(value) || pair.length > MAX_COOKIE_LENGTH) continue;
    const maxAge = maxAgeOf(attributes, rules.maxAgeSeconds);
    // An app that clears its cookie has made no session.
    if (maxAge !== undefined && maxAge <= 0) relayed.delete(name);
    else relayed.set(name, cookieLine({ name, value }, rules, maxAge));
  }
  return [...relayed.values()];
}

/** A value as it may stand in a cookie (RFC 6265 section 4.1.1), of a length that browsers keep. */
export const isCookieValue = (value: string): boolean =>
  value.length <= MAX_COOKIE_LENGTH && VALUE.test(value);

/** One `Set-Cookie` value; without `maxAge` the cookie ends with the browser. */
export function cookieLine(
  { name, value }: { readonly name: string; readonly value: string },
  rules: CookieRules,
  maxAge?: number,
): string {
  return [`${name}=${value}`, ...rewritten(rules, maxAge)].join('; ');
}

/** `Set-Cookie` values that take these cookies from the browser. */
export const clearedCookies = (names: readonly string[], rules: CookieRules): string[] =>
  names.map((name) => cookieLine({ name, value: '' }, rules, 0));

/** `Max-Age` only: a cookie that has just `Expires` ends with the browser. */
function maxAgeOf(attributes: readonly string[], limit = MAX_AGE_SECONDS): number | undefined {
  const found = attributes
    .map((attribute) => /^max-age=(-?\d{1,12})$/i.exec(attribute)?.[1])
    .findLast(Boolean);
  return found === undefined ? undefined : Math.min(Number(found), limit, MAX_AGE_SECONDS);
}

function rewritten({ domain, path, sameSite, secure }: CookieRules, maxAge: number | undefined): string[] {
  return [
    ...(domain ? [`Domain=${domain}`] : []),
    `Path=${path}`,
    ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`]),
    'HttpOnly',
    ...(secure ? ['Secure'] : []),
    `SameSite=${sameSite}`,
  ];
}
