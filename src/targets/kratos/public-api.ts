/** Kratos' public API, as an app without a browser calls it: one login with a password. */
import { Agent } from 'undici';
import type { Exchanged } from '../exchange.ts';
import { exchange, whatOf } from '../exchange.ts';
import { Pace } from '../pace.ts';
import { asKratosError } from './exchange.ts';
import { errorOf, KratosError } from './kratos-error.ts';

export interface PublicApi {
  /** What a login answers, once, whatever it says. Throws KratosError where it does not answer, or gives no flow. */
  logIn(identifier: string, password: string): Promise<Exchanged>;
  close(): Promise<void>;
}

export interface PublicApiOptions {
  /** Origin. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly perSecond: number;
}

const CONNECTIONS = 8;
const FLOW = '/self-service/login/api';
const SUBMIT = '/self-service/login';

/** Calls nobody yet. It takes no cookies along: with one, Kratos would take us for a browser. */
export function openPublicApi({ url, timeoutMs, perSecond }: PublicApiOptions): PublicApi {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1, connect: { timeout: timeoutMs } });
  const pace = new Pace(perSecond);

  const ask = async (method: 'GET' | 'POST', path: string, { body, signal, untilMs }: Asked) => {
    const question = { origin: url, method, path, body, headers: {}, signal };
    try {
      await pace.turn(untilMs, signal);
      return await exchange(agent, question);
    } catch (error) {
      throw asKratosError(error, whatOf(question), signal);
    }
  };
  return {
    async logIn(identifier, password) {
      const time = { signal: AbortSignal.timeout(timeoutMs), untilMs: performance.now() + timeoutMs };
      const { status, document, retryAfterSeconds } = await ask('GET', FLOW, time);
      const { id } = (document ?? {}) as { readonly id?: unknown };
      if (status !== 200 || typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id)) {
        if (status >= 300) throw errorOf(status, document, { what: `GET ${FLOW}`, retryAfterSeconds });
        throw new KratosError({ status, isStrange: true, message: `GET ${FLOW} answers with no flow` });
      }
      const body = { method: 'password', identifier, password };
      return ask('POST', `${SUBMIT}?flow=${id}`, { ...time, body });
    },
    close: () => agent.destroy(),
  };
}

interface Asked {
  readonly body?: object;
  readonly signal: AbortSignal;
  readonly untilMs: number;
}
