/** Calling an app: the addresses it has for us, and what each of its kinds says the same way. */
import { randomUUID } from 'node:crypto';
import { Agent } from 'undici';
import { nowSeconds } from '../../clock.ts';
import type { SigningKey } from '../../migration/signature.ts';
import { count, httpUrl } from '../../settings.ts';
import type { LegacyApp } from '../legacy-app.ts';
import type { AppAnswer, AppEndpoint } from './app-endpoint.ts';
import { appEndpoint, UnreadableAnswer } from './app-endpoint.ts';
import { toldOf } from './session-reference.ts';

export interface AppCalls {
  /** `what` names the setting, for errors. Undefined where there is no such address. */
  endpoint(url: string, what: string): AppEndpoint;
  endpoint(url: string | undefined, what: string): AppEndpoint | undefined;
  /** Its connections. */
  readonly agent: Agent;
  close(): Promise<void>;
}

/** Calls to the app at once; more wait, and give up with their own time limit. */
const CONNECTIONS = 32;

export const timeoutMs = count(100, 5_000, 1_500).describe('How long an answer of the app is waited for.');
export const endUrl = httpUrl
  .exactOptional()
  .describe('Called with POST and a signed JSON body when a session is to end there.');

export function openCalls(
  app: { readonly name: string; readonly keys: readonly SigningKey[]; readonly timeoutMs: number },
  deps: { readonly nowSeconds?: (() => number) | undefined },
): AppCalls {
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    connect: { timeout: app.timeoutMs },
  });
  const all = { agent, keys: app.keys, timeoutMs: app.timeoutMs, nowSeconds: deps.nowSeconds ?? nowSeconds };
  const endpoint = (url: string | undefined, what: string) =>
    url === undefined ? undefined : appEndpoint(url, `${what} of ${app.name}`, all);
  return { endpoint: endpoint as AppCalls['endpoint'], agent, close: () => agent.destroy() };
}

/** Two calls of one second would otherwise be the same signed call, and the app would take the second for a replay. */
export const message = (members: object) => ({ id: randomUUID(), ...members });

/** 204: there is nothing to say; 404 and 410: there is no such thing (any more). */
export const isNobody = ({ status }: AppAnswer) => status === 204 || status === 404 || status === 410;
export const isSuccess = ({ status }: AppAnswer) => status >= 200 && status <= 299;

/** Throws for every answer that says neither yes nor no: redirects are not followed. */
export function needSuccess(answer: AppAnswer): void {
  if (!isSuccess(answer)) throw new UnreadableAnswer(`answers ${answer.status}`);
}

/** How sessions end where the app has an address for that. */
export function endings(endpoint: AppEndpoint | undefined): Pick<LegacyApp, 'end' | 'endAllOf'> {
  if (!endpoint) return {};
  const done = (answer: AppAnswer) => (isNobody(answer) ? undefined : needSuccess(answer));
  return {
    end: async (handle, options) => {
      const told = toldOf(handle);
      if (told) await endpoint.call(message(told), done, options);
    },
    endAllOf: ({ sub, legacyId }, options) => endpoint.call(message({ sub, legacyId }), done, options),
  };
}
