/** Which answers are for people to read, and what answers hand out that nobody else may have. */
import type { Net } from './net.ts';

export interface SeenAnswer {
  readonly status: number;
  readonly path: string;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

const textOf = (value: unknown): string => (Array.isArray(value) ? value.join('\n') : String(value ?? ''));

/** Pages of ours keep to themselves in the browser, the rest lets nobody guess its kind; the stand-ins and the demo's apps are not ours. */
function isOurs({ headers }: SeenAnswer): boolean {
  const isAlone = textOf(headers['cross-origin-opener-policy']) === 'same-origin';
  const isPlain = textOf(headers['content-security-policy']) === '';
  return isAlone || (isPlain && textOf(headers['x-content-type-options']) === 'nosniff');
}

/** Cookies that say which login is under way, as its address does. */
const NAMES_A_LOGIN = /fb_(?:login|resume)$/;

/**
 * Pages, problems, metrics and what else is read on a screen. Not what a caller asked for by its own credentials (tokens,
 * secrets against a ticket): those are JSON. Nor a redirect, whose body repeats its address, nor the page that posts a code to
 * its client (OAuth 2.0 Form Post Response Mode).
 */
export function isForPeople(answer: SeenAnswer): boolean {
  if (answer.status >= 300 && answer.status < 400) return false;
  const type = textOf(answer.headers['content-type']).split(';')[0]!;
  return (
    /^(?:text\/(?:html|plain|css|javascript)|application\/(?:problem\+json|javascript)|image\/svg\+xml)$/.test(
      type,
    ) &&
    isOurs(answer) &&
    !/<form[^>]*action="http[^>]*>\s*(?:<input type="hidden" name="(?:code|state|iss|id_token)"[^>]*>\s*)+/.test(
      answer.body,
    )
  );
}

/** Cookies, codes and tokens: good in one browser, or for one client. */
export function learnHandedOut(net: Net, { headers, body }: SeenAnswer): void {
  for (const line of textOf(headers['set-cookie']).split('\n')) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (name && value && !NAMES_A_LOGIN.test(name)) net.learn(`the cookie ${name}`, value);
  }
  const location = textOf(headers.location);
  if (/[?&#]code=/.test(location) && URL.canParse(location))
    net.learn('a code', new URL(location).searchParams.get('code') ?? '');
  if (!/json/.test(textOf(headers['content-type'])) || !body.startsWith('{')) return;
  for (const [, name, value] of body.matchAll(
    /"(access_token|refresh_token|id_token|urn:footbridge:ticket|ticket|encoded)":"([^"\\]+)"/g,
  ))
    net.learn(`what was handed out as ${name}`, value!);
}
