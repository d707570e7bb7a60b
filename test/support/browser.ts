/** A browser without a screen: cookies by path, redirects by hand, forms by name. */
import diagnostics from 'node:diagnostics_channel';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:http';
import { request as secureRequest } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly url: string;
  readonly location: string | undefined;
  json<T = Record<string, unknown>>(): T;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  readonly host: string;
}

export interface Visit {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly form?: Record<string, string>;
  readonly body?: string | Buffer;
}

export class Browser {
  cookies: Cookie[] = [];

  async visit(url: string, visit: Visit = {}): Promise<Answer> {
    const target = new URL(url);
    const cookie = this.cookies
      .filter((c) => c.host === target.hostname && inPath(target.pathname, c.path))
      .map((c) => `${c.name}=${c.value}`)
      .join('; ');
    const body = visit.form ? new URLSearchParams(visit.form).toString() : visit.body;
    const headers = {
      ...(cookie ? { cookie } : {}),
      accept: visit.headers?.authorization ? 'application/json' : 'text/html',
      ...(visit.form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      ...(body !== undefined ? { 'content-length': String(Buffer.byteLength(body)) } : {}),
      ...visit.headers,
    };
    diagnostics.channel('footbridge.test.visit').publish({ visit });
    const answer = await send(target, {
      method: visit.method ?? (body === undefined ? 'GET' : 'POST'),
      headers,
      body,
    });
    diagnostics.channel('footbridge.test.answer').publish(answer);
    for (const line of answer.headers['set-cookie'] ?? []) this.#keep(line, target);
    return answer;
  }

  /** Follows redirects until one leads to `stopAt`, or a page comes. */
  async follow(url: string, stopAt: string, visit: Visit = {}): Promise<Answer> {
    let answer = await this.visit(url, visit);
    for (let hops = 0; answer.location && !answer.location.startsWith(stopAt) && hops < 10; hops++) {
      answer = await this.visit(answer.location, { headers: { accept: 'text/html' } });
    }
    return answer;
  }

  copy(): Browser {
    const twin = new Browser();
    twin.cookies = [...this.cookies];
    return twin;
  }

  #keep(line: string, url: URL): void {
    const [pair = '', ...attributes] = line.split(/;\s*/);
    const [name = '', ...value] = pair.split('=');
    const attribute = (wanted: string) =>
      attributes.find((a) => a.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const path = attribute('path') ?? '/';
    this.cookies = this.cookies.filter(
      (c) => !(c.name === name && c.path === path && c.host === url.hostname),
    );
    const expires = attribute('expires');
    const gone =
      attribute('max-age') === '0' || (expires !== undefined && new Date(expires).getTime() < Date.now());
    if (!gone) this.cookies.push({ name, value: value.join('='), path, host: url.hostname });
  }
}

const inPath = (pathname: string, path: string) =>
  pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);

function send(
  url: URL,
  options: { method: string; headers: Record<string, string>; body: string | Buffer | undefined },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ask = url.protocol === 'https:' ? secureRequest : request;
    const req = ask(url, { method: options.method, headers: options.headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const location = res.headers.location ? new URL(res.headers.location, url).href : undefined;
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          body,
          url: url.href,
          location,
          json: () => JSON.parse(body),
        });
      });
    });
    req.on('error', reject);
    req.end(options.body);
  });
}

/** The value of a named field of the page's form. */
export function field(html: string, name: string): string | undefined {
  const input = new RegExp(`<input[^>]*name="${name}"[^>]*>`).exec(html)?.[0];
  return input && plainText(/value="([^"]*)"/.exec(input)?.[1] ?? '');
}

const plainText = (text: string) =>
  text.replace(
    /&(amp|lt|gt|quot|#39);/g,
    (_all, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name] ?? '',
  );
