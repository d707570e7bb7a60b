/** How an issuer is asked: bounded in time and size, and never sent elsewhere. What is no answer is an outage. */
import type { CustomFetch } from 'openid-client';
import { Agent } from 'undici';
import { SignInFailed } from '../sign-in.ts';

/** Calls to one issuer at once; more wait for a connection, within their own time. */
const CONNECTIONS = 16;
/** Metadata, a set of keys or a person's claims: some kilobytes. */
const MAX_ANSWER_BYTES = 512 * 1024;
/** RFC 9110 section 15: it may be another time, besides whatever it says of itself (5xx). */
const LATER = new Set([408, 425, 429]);
/** Statuses that have no body, and with which `Response` takes none. */
const EMPTY = new Set([204, 205]);
/** All that is read of an answer besides its body. */
const HEADERS = ['content-type', 'www-authenticate'];

export interface Asking {
  readonly fetch: CustomFetch;
  close(): Promise<void>;
}

export function openAsking(timeoutMs: number): Asking {
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    connect: { timeout: timeoutMs },
    maxResponseSize: MAX_ANSWER_BYTES,
  });
  return {
    fetch: (url, options) => ask(agent, url, { ...options, signal: AbortSignal.timeout(timeoutMs) }),
    close: () => agent.destroy(),
  };
}

type Options = Parameters<CustomFetch>[1] & { readonly signal: AbortSignal };

/** Throws SignInFailed. */
async function ask(agent: Agent, url: string, { method, headers, body, signal }: Options): Promise<Response> {
  const { origin, pathname, search } = new URL(url);
  try {
    const answer = await agent.request({
      origin,
      path: pathname + search,
      method: method as 'GET' | 'POST',
      headers,
      body: body ? String(body) : null,
      signal,
    });
    const status = answer.statusCode;
    // Read in any case: the connection is used again.
    const text = await answer.body.text();
    if (status >= 500 || LATER.has(status)) throw new SignInFailed('unavailable', `status_${status}`);
    if (status >= 300 && status < 400) throw new SignInFailed('refused', 'redirected');
    const told = HEADERS.flatMap((name) => [answer.headers[name] ?? []].flat().map((value) => [name, value]));
    return new Response(EMPTY.has(status) ? null : text, { status, headers: told as [string, string][] });
  } catch (error) {
    throw asFailure(error, signal);
  }
}

/** Never the error itself: it may hold what was sent. */
function asFailure(error: unknown, signal: AbortSignal): SignInFailed {
  if (error instanceof SignInFailed) return error;
  if (signal.aborted) return new SignInFailed('unavailable', 'timeout');
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new SignInFailed('refused', 'answer_too_large');
  return new SignInFailed('unavailable', /^\w{2,60}$/.test(code ?? '') ? code! : 'no_answer');
}
