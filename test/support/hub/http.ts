/** What the hub reads and answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  /** Of a form, or the top of a JSON object; JSON keeps its own types in `document`. */
  readonly form: URLSearchParams;
  readonly document: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** HTML where it is text, else JSON. */
  readonly body?: string | object;
}

export class Refused extends Error {
  readonly status: number;
  readonly document: object;

  constructor(status: number, document: object) {
    super(JSON.stringify(document));
    this.status = status;
    this.document = document;
  }
}

/** In the API's words. */
export const apiError = (status: number, ...errors: readonly string[]) => new Refused(status, { errors });
/** In OAuth's (RFC 6749 section 5.2). */
export const oauthError = (status: number, error: string, description?: string) =>
  new Refused(status, { error, ...(description ? { error_description: description } : {}) });

export const seeOther = (location: string, headers: Record<string, string> = {}): Reply => ({
  status: 302,
  headers: { location, ...headers },
});

export async function callOf(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const { method = '', url = '/', headers } = request;
  const document = /\bjson\b/.test(headers['content-type'] ?? '') ? jsonOf(text) : undefined;
  const form = document
    ? new URLSearchParams(
        Object.entries(document).flatMap(([key, value]) =>
          typeof value === 'string' ? [[key, value] as [string, string]] : [],
        ),
      )
    : new URLSearchParams(text);
  return { method, url: new URL(url, 'http://hub'), headers, form, document };
}

function jsonOf(text: string): object | undefined {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    throw apiError(400, 'malformed_json');
  }
}

/** RFC 7617. */
export function basicOf({ headers }: Call): { readonly name: string; readonly password: string } | undefined {
  const [, encoded] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
  if (!encoded) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const at = text.indexOf(':');
  return at < 0 ? undefined : { name: text.slice(0, at), password: text.slice(at + 1) };
}

export function cookieOf({ headers }: Call, name: string): string | undefined {
  for (const pair of (headers.cookie ?? '').split(/;\s*/)) {
    const [key, value] = pair.split('=');
    if (key === name) return value;
  }
  return undefined;
}

export function send(response: ServerResponse, { status, headers, body }: Reply): void {
  const type = typeof body === 'string' ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8';
  response.writeHead(status, { ...(body !== undefined && { 'content-type': type }), ...headers });
  response.end(typeof body === 'object' ? JSON.stringify(body) : body);
}
