/** What every app of the demo needs of the web: headers, forms, cookies' tokens, and a port to listen on. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Context, Middleware } from 'koa';

/** A login form is tiny; nothing here takes more. */
const MAX_BODY_BYTES = 64 * 1024;

export type Log = (line: string) => void;

/** What a person sees instead of a page; `code` is what a developer would look up. */
export class WebError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, sentence: string) {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}

const STYLESHEET = readFileSync(join(import.meta.dirname, 'style.css'), 'utf8');

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  'img-src data:',
  "frame-src 'self'",
  "frame-ancestors 'self'",
  "base-uri 'none'",
].join('; ');

export interface Defaults {
  readonly origin: string;
  readonly log: Log;
  /** The page for an error; a `WebError` says what to show, anything else is ours to hide. */
  readonly errorPage: (error: WebError) => string;
}

/** Headers, the stylesheet, one host name only, and errors as pages. */
export function defaults({ origin, log, errorPage }: Defaults): Middleware {
  return async (ctx, next) => {
    ctx.set({
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'same-origin',
      'Cache-Control': 'no-store',
    });
    // Under another name (localhost) cookies would be lost half-way through a login.
    if (ctx.host !== new URL(origin).host)
      return ctx.redirect(`${origin}${ctx.url.replace(/^[^/]*\/*/, '/')}`);
    if (ctx.path === '/style.css') {
      ctx.set('Cache-Control', 'max-age=60');
      ctx.type = 'css';
      ctx.body = STYLESHEET;
      return;
    }
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) {
        throw new WebError(404, 'not_found', 'There is nothing here.');
      }
    } catch (error) {
      const shown =
        error instanceof WebError
          ? error
          : new WebError(500, 'internal', 'Something went wrong on our side.');
      if (shown !== error) log(`${origin}${ctx.path}: ${(error as Error).stack ?? error}`);
      ctx.status = shown.status;
      ctx.type = 'html';
      ctx.body = errorPage(shown);
    }
  };
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new WebError(413, 'body_too_large', 'That is too much for one form.');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** The fields of one of our own forms; a form on somebody else's page is refused by its Origin (RFC 6454). */
export async function readForm(ctx: Context): Promise<URLSearchParams> {
  const from = ctx.get('Origin');
  if (from && from !== `http://${ctx.host}`) {
    throw new WebError(403, 'foreign_form', 'This form was sent from somewhere else.');
  }
  return new URLSearchParams((await readBody(ctx.req)).toString('utf8'));
}

export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Stores keep only this of a session's token. */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Cookies do not know ports (RFC 6265 section 8.5), so every app names its own. */
export const COOKIE = { httpOnly: true, sameSite: 'lax', path: '/', overwrite: true } as const;

export interface Door {
  readonly origin: string;
  /** Until then, requests are answered 503. */
  serve(listener: RequestListener): void;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1 before there is anything to serve, so that apps can know one another's origins. */
export async function openDoor({ port, option }: { port: number; option: string }): Promise<Door> {
  let serving: RequestListener = (_request, response) => response.writeHead(503).end();
  const server = createServer((request, response) => serving(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken
          ? new Error(
              `Port ${port} on 127.0.0.1 is taken by another program: end that program, or choose another port with ${option}.`,
            )
          : error,
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve: (listener) => {
      serving = listener;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
