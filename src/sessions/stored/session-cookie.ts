/** The cookie of a framework's session, as we set it and take it away (RFC 6265 section 4.1). */
import { z } from 'zod';

export const cookieSettings = z
  .strictObject({
    name: z
      .string()
      .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/)
      .exactOptional()
      .describe('Its name; by default what the framework calls it.'),
    domain: z
      .string()
      .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/)
      .exactOptional()
      .describe(
        'The parent domain that this provider and the app share. Without it we can only see cookies of our own host.',
      ),
    path: z
      .string()
      .regex(/^\/[\x21-\x3a\x3c-\x7e]*$/)
      .default('/')
      .describe('Path of the cookie.'),
    sameSite: z.enum(['Lax', 'Strict', 'None']).default('Lax').describe('SameSite of the cookie.'),
    secure: z.boolean().default(true).describe('False only where there is no TLS: on a developer’s machine.'),
    persistent: z
      .boolean()
      .default(false)
      .describe(
        'True: cookies that we set always outlive the browser; otherwise only for people who stay logged in.',
      ),
  })
  .superRefine(({ name = '', domain, path, sameSite, secure }, context) => {
    const fail = (at: string, message: string) => context.addIssue({ code: 'custom', path: [at], message });
    if (name.startsWith('__Host-') && (domain || path !== '/'))
      fail('name', 'a __Host- cookie has no domain and the path / (RFC 6265bis section 4.1.3.2)');
    if (!secure && (sameSite === 'None' || /^__(Host|Secure)-/.test(name)))
      fail('secure', 'SameSite=None and the prefixes __Host- and __Secure- need secure cookies');
  })
  .prefault({})
  .describe(
    'The app’s session cookie, exactly as the app sets it: another domain or path makes a second one.',
  );
export type CookieSettings = z.output<typeof cookieSettings>;

/** The longest life browsers grant a cookie. */
const MAX_AGE_SECONDS = 400 * 86_400;

/** Without `seconds` it ends with the browser. */
export function setCookie(
  pair: string,
  { domain, path, sameSite, secure }: CookieSettings,
  seconds?: number,
): string {
  return [
    pair,
    ...(domain ? [`Domain=${domain}`] : []),
    `Path=${path}`,
    ...(seconds === undefined ? [] : [`Max-Age=${Math.min(seconds, MAX_AGE_SECONDS)}`]),
    'HttpOnly',
    ...(secure ? ['Secure'] : []),
    `SameSite=${sameSite}`,
  ].join('; ');
}
