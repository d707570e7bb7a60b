/** As much of a browser as our own login pages need. It talks to one origin, and stops before it would leave it. */
import type { Answer } from './probe.ts';
import { probe } from './probe.ts';

/** From the authorization endpoint to the login page and back there are fewer. */
const MAX_HOPS = 10;

export interface Page extends Pick<Answer, 'status' | 'text'> {
  readonly url: string;
  /** Absolute. */
  readonly location?: string;
}

export interface Form {
  /** Absolute. */
  readonly action: string;
  /** With the values the page has put in. */
  readonly fields: Readonly<Record<string, string>>;
}

export class Visitor {
  readonly #origin: string;
  readonly #cookies = new Map<string, { readonly value: string; readonly path: string }>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  async visit(url: string, form?: Readonly<Record<string, string>>): Promise<Page> {
    const { pathname } = new URL(url);
    const cookie = [...this.#cookies]
      .filter(([, { path }]) => pathname === path || pathname.startsWith(path.replace(/\/?$/, '/')))
      .map(([key, { value }]) => `${key.split(' ')[0]}=${value}`)
      .join('; ');
    const answer = await probe(url, {
      headers: {
        accept: 'text/html',
        ...(cookie && { cookie }),
        ...(form && { 'content-type': 'application/x-www-form-urlencoded', origin: this.#origin }),
      },
      ...(form && { method: 'POST', body: new URLSearchParams(form).toString() }),
    });
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) this.#keep(line);
    const { location } = answer.headers;
    const to = typeof location === 'string' && new URL(location, url).href;
    return { url, status: answer.status, text: answer.text, ...(to && { location: to }) };
  }

  /** The first page, or the redirect that leads away. */
  async follow(url: string, form?: Readonly<Record<string, string>>): Promise<Page> {
    let page = await this.visit(url, form);
    for (let hops = 0; hops < MAX_HOPS && page.location !== undefined; hops++) {
      if (new URL(page.location).origin !== this.#origin) return page;
      page = await this.visit(page.location);
    }
    return page;
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(/;\s*/);
    const at = pair.indexOf('=');
    const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) || '/';
    const key = `${pair.slice(0, at)} ${path}`;
    const isGone = attributes.some((one) => /^(max-age=0|expires=Thu, 01 Jan 1970)/i.test(one));
    if (isGone) this.#cookies.delete(key);
    else this.#cookies.set(key, { value: pair.slice(at + 1), path });
  }
}

/** The page's first form. */
export function formOf({ text, url }: Page): Form {
  const [, head = '', body = ''] = /<form([^>]*)>([\s\S]*?)<\/form>/i.exec(text) ?? [];
  const fields = [...body.matchAll(/<input[^>]*>/gi)].flatMap(([input]) => {
    const name = attribute(input, 'name');
    return name ? [[name, attribute(input, 'value') ?? ''] as const] : [];
  });
  return { action: new URL(attribute(head, 'action') ?? '', url).href, fields: Object.fromEntries(fields) };
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag)?.[1];
  return value?.replace(/&(amp|lt|gt|quot|#39);/g, (_all, entity: string) => ENTITIES[entity] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
