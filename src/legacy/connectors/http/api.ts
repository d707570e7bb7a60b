/** The API as configured: fills a request with values, says who we are, and asks. */
import { Agent } from 'undici';
import type { Authorization } from './authorization.ts';
import { authorizationOf } from './authorization.ts';
import type { Answer, Limits, Question } from './exchange.ts';
import { exchange, unexpected } from './exchange.ts';
import type { AuthorizationSettings, HttpSettings } from './http-settings.ts';
import type { Request } from './request-settings.ts';
import type { Values } from './template.ts';
import { fillBody, fillPath, fillText } from './template.ts';

export interface Api {
  /**
   * The answer if it is a 2xx or one of these statuses. Undefined where a value is nothing that a request can name.
   * Throws legacy_unavailable; 401 and 403 are about our credentials unless they are among the statuses.
   */
  ask(template: Request, values: Values, also?: readonly number[]): Promise<Answer | undefined>;
  /** Whether there is a server at all. */
  knock(): Promise<void>;
  close(): Promise<void>;
}

/** The token is not what it should be, whatever the status says (RFC 6750 section 3.1). */
const OUR_FAULT = /\berror="?(?:invalid_token|insufficient_scope)\b/i;

export function apiAt(settings: HttpSettings, limits: Limits, who?: AuthorizationSettings): Api {
  const { ca, cert, key } = settings.tls;
  const agent = new Agent({
    connections: settings.poolSize,
    pipelining: 1,
    connect: {
      timeout: limits.limitMs,
      ...(ca ? { ca: ca.reveal() } : {}),
      ...(cert && key ? { cert: cert.reveal(), key: key.reveal() } : {}),
    },
  });
  const authorization = authorizationOf(who ?? settings.authorization, { agent, limits });
  const headers = Object.fromEntries(
    Object.entries(settings.headers).map(([name, value]) => [name, value.reveal()]),
  );
  const send = async (question: Question, header: string | undefined): Promise<Answer> =>
    exchange(agent, withHeader(question, header), limits);

  return {
    async ask(template, values, also = []) {
      const question = questionOf(settings.url, template, values, headers);
      if (!question) return undefined;
      const answer = await asked(question, { send, authorization, also });
      const isOurs = OUR_FAULT.test(answer.challenge);
      if (isSuccess(answer) || (also.includes(answer.status) && !isOurs)) return answer;
      throw unexpected(question, answer);
    },
    async knock() {
      const question = questionOf(settings.url, { method: 'GET', path: '', query: {} }, {}, headers)!;
      const answer = await send(question, await authorization.header());
      if (answer.status >= 500) throw unexpected(question, answer);
    },
    close: () => agent.destroy(),
  };
}

const isSuccess = ({ status }: Answer) => status >= 200 && status < 300;
const withHeader = (question: Question, header: string | undefined): Question =>
  header === undefined ? question : { ...question, headers: { ...question.headers, authorization: header } };

interface Asking {
  readonly send: (question: Question, header: string | undefined) => Promise<Answer>;
  readonly authorization: Authorization;
  readonly also: readonly number[];
}

/** Once more with a new token where the old one was refused; a wrong password is not tried twice. */
async function asked(question: Question, { send, authorization, also }: Asking): Promise<Answer> {
  const header = await authorization.header();
  const answer = await send(question, header);
  const isRefused = answer.status === 401 && (!also.includes(401) || OUR_FAULT.test(answer.challenge));
  if (!isRefused || !authorization.renew) return answer;
  authorization.renew(header);
  return send(question, await authorization.header());
}

function questionOf(
  base: string,
  template: Request,
  values: Values,
  headers: Readonly<Record<string, string>>,
): Question | undefined {
  const { method, path, query, body, form, json } = template;
  const { origin, pathname } = new URL(base);
  const filled = fillPath(path, values);
  if (filled === undefined) return undefined;
  const target = pathname.replace(/\/$/, '') + (filled === '' ? '' : `/${filled}`) || '/';
  const content =
    json === undefined
      ? contentOf(body, form, values)
      : { type: 'application/json', text: JSON.stringify(json) };
  return {
    method,
    origin,
    target: target + asQuery(query, values),
    headers: {
      accept: 'application/json',
      ...headers,
      ...template.headers,
      ...(content ? { 'content-type': content.type } : {}),
    },
    ...(content ? { body: content.text } : {}),
    what: `${method} /${path}`,
  };
}

/** A parameter that is one hole without a value is left out, as for the first page; null is a value, and empty. */
function asQuery(query: Request['query'], values: Values): string {
  const text = asForm(query, values);
  return text === '' ? '' : `?${text}`;
}

const asForm = (form: Readonly<Record<string, string>>, values: Values) =>
  new URLSearchParams(
    Object.entries(form)
      .map(([name, text]) => [name, text, fillText(text, values)] as const)
      .filter(([, text, value]) => value !== '' || text === '')
      .map(([name, , value]): [string, string] => [name, String(value ?? '')]),
  ).toString();

function contentOf(body: Request['body'], form: Request['form'], values: Values) {
  if (form) return { type: 'application/x-www-form-urlencoded', text: asForm(form, values) };
  if (body === undefined) return undefined;
  return { type: 'application/json', text: JSON.stringify(fillBody(body, values)) };
}
