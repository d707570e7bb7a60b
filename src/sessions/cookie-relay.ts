/** Passing a legacy app's session cookie on to the browser, under our rules instead of the app's (RFC 6265). */

export interface RelayRules {
  /** Names of cookies that pass; everything else the app sets stays with us. */
  readonly cookies: readonly string[];
  /** The parent domain that we and the app share; absent: a cookie of our own host. */
  readonly domain?: string;
  readonly path: string;
  readonly sameSite: 'Lax' | 'Strict' | 'None';
  readonly secure: boolean;
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
    if (!rules.cookies.includes(name) || !VALUE.test(value) || pair.length > MAX_COOKIE_LENGTH) continue;
    const maxAge = maxAgeOf(attributes);
    // An app that clears its cookie has made no session.
    if (maxAge !== undefined && maxAge <= 0) relayed.delete(name);
    else relayed.set(name, [pair, ...rewritten(rules, maxAge)].join('; '));
  }
  return [...relayed.values()];
}

/** `Max-Age` only: a cookie that has just `Expires` ends with the browser. */
function maxAgeOf(attributes: readonly string[]): number | undefined {
  const found = attributes
    .map((attribute) => /^max-age=(-?\d{1,12})$/i.exec(attribute)?.[1])
    .findLast(Boolean);
  return found === undefined ? undefined : Math.min(Number(found), MAX_AGE_SECONDS);
}

function rewritten({ domain, path, sameSite, secure }: RelayRules, maxAge: number | undefined): string[] {
  return [
    ...(domain ? [`Domain=${domain}`] : []),
    `Path=${path}`,
    ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`]),
    'HttpOnly',
    ...(secure ? ['Secure'] : []),
    `SameSite=${sameSite}`,
  ];
}
