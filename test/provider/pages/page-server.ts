/** Serves pages on 127.0.0.1 under the Content-Security-Policy they are made for, and keeps what is posted. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Locale, Page, Pages } from '../../../src/provider/pages/index.ts';
import { SAMPLES } from '../../../src/provider/pages/samples.ts';

const CSP = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** A site is a set of settings; its pages stand at `/<site>/<locale>/<page>`. */
export class PageServer {
  readonly sites = new Map<string, Pages>();
  readonly pages = new Map<string, Page>(Object.entries(SAMPLES));
  readonly posts: URLSearchParams[] = [];
  readonly #server: Server = createServer((request, response) => {
    const url = request.url ?? '/';
    const script = /\/passkey[\w-]*$/.test(url) ? "; script-src 'self'" : '';
    response.setHeader('content-security-policy', CSP + script);
    if (request.method === 'POST') {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        this.posts.push(new URLSearchParams(body));
        response.end('posted');
      });
      return;
    }
    const asset = [...this.sites.values()].map((site) => site.asset(url)).find((found) => found);
    if (asset) return response.setHeader('content-type', asset.type).end(asset.body);
    const [, site = '', locale, name = ''] = url.split('/');
    const page = this.pages.get(name);
    const html = page && this.sites.get(site)?.render(page, { locale: locale as Locale });
    response.statusCode = html === undefined ? 404 : 200;
    return response.setHeader('content-type', 'text/html; charset=utf-8').end(html);
  });

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  url(site: string, locale: Locale, page: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${site}/${locale}/${page}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
