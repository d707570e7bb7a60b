/** Asks the legacy app over HTTP for a session and passes its cookie on to the browser. */

import { randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { nowSeconds } from '../../clock.ts';
import { SIGNATURE_HEADER, signBody } from '../../migration/signature.ts';
import { count, httpUrl } from '../../settings.ts';
import { relayCookies } from '../cookie-relay.ts';
import type { Created, Creator, CreatorDeps, CreatorKind, LegacyLogin } from '../creator.ts';
import { commonSettings } from '../creator.ts';

const settings = z
  .strictObject({
    kind: z.literal('http-hook').describe('We call the app, and relay its cookie.'),
    ...commonSettings,
    url: httpUrl.describe('Called with POST and a signed JSON body; the only address that is ever called.'),
    cookies: z
      .array(z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/))
      .min(1)
      .max(8)
      .describe('The names of the cookies to relay.'),
    domain: z
      .string()
      .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/)
      .exactOptional()
      .describe('The parent domain that this provider and the app share.'),
    path: z
      .string()
      .regex(/^\/[\x21-\x3a\x3c-\x7e]*$/)
      .default('/')
      .describe('Path of the relayed cookies.'),
    sameSite: z.enum(['Lax', 'Strict', 'None']).default('Lax').describe('SameSite of the relayed cookies.'),
    secure: z.boolean().default(true).describe('False only where there is no TLS: on a developer’s machine.'),
    timeoutMs: count(100, 5_000, 1_500).describe('How long a login waits for the app.'),
  })
  .superRefine(({ cookies, domain, path, sameSite, secure }, context) => {
    const fail = (at: string, message: string) => context.addIssue({ code: 'custom', path: [at], message });
    if (cookies.some((name) => name.startsWith('__Host-')) && (domain || path !== '/')) {
      fail('cookies', 'a __Host- cookie has no domain and the path / (RFC 6265bis section 4.1.3.2)');
    }
    if (!secure && (sameSite === 'None' || cookies.some((name) => /^__(Host|Secure)-/.test(name)))) {
      fail('secure', 'SameSite=None and the prefixes __Host- and __Secure- need secure cookies');
    }
  });
type HttpHookSettings = z.output<typeof settings>;

/** Calls to the app at once; more wait, and give up with their login's time limit. */
const CONNECTIONS = 32;
/** The answer's body means nothing: it is read to its end only if that is near. */
const ANSWER_BYTES = 64 * 1024;

export const httpHook: CreatorKind<typeof settings> = {
  settings,
  open(hook, deps): Creator {
    const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });
    return {
      create: (login) => call(hook, { ...deps, agent }, login).catch(failureOf),
      close: () => agent.destroy(),
    };
  },
};

async function call(
  hook: HttpHookSettings,
  deps: CreatorDeps & { agent: Agent },
  login: LegacyLogin,
): Promise<Created> {
  const { sub, user, authTime, amr, clientId } = login;
  // Two logins of one second would otherwise be the same signed call, and the app would take the second for a replay.
  const told = {
    id: randomUUID(),
    sub,
    legacyId: user.legacyId,
    username: user.username,
    authTime,
    amr,
    client: clientId,
  };
  const body = Buffer.from(JSON.stringify(told));
  const answer = await request(hook.url, {
    dispatcher: deps.agent,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      [SIGNATURE_HEADER]: signBody(hook.keys[0]!.key, body, (deps.nowSeconds ?? nowSeconds)()),
    },
    body,
    signal: AbortSignal.timeout(hook.timeoutMs),
  });
  // The login does not wait for the answer's end: what counts is in its head.
  answer.body.dump({ limit: ANSWER_BYTES }).catch(() => undefined);
  // A redirect is no session either, and following it would call an address nobody configured.
  if (answer.statusCode < 200 || answer.statusCode > 299) return { failure: 'refused' };
  const setCookies = relayCookies([answer.headers['set-cookie'] ?? []].flat(), hook);
  return setCookies.length ? { setCookies } : { failure: 'no_cookie' };
}

function failureOf(error: unknown): Created {
  return { failure: (error as Error)?.name === 'TimeoutError' ? 'timeout' : 'unreachable' };
}
