/** What goes wrong on the way to the hub and back, when a test says so. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface FaultOptions {
  /** `http`: this status with JSON; `html`: this status, 200 by default, with a web page; `hang`: no answer; `cut`: none either, and nothing is done. */
  readonly kind: 'http' | 'html' | 'hang' | 'cut' | 'oversized' | 'redirect';
  readonly status?: number;
  /** Of `http`. */
  readonly body?: string;
  /** Matched against `POST /oauth/access_token`; all by default. */
  readonly only?: RegExp;
  /** How many calls; all by default. */
  readonly times?: number;
}

export interface RateLimit {
  /** Calls that are still let through. */
  left: number;
  /** Seconds since the epoch. */
  readonly reset: number;
  readonly only?: RegExp;
}

const OVERSIZED = 9 * 1024 * 1024;

export function openFaults(now: () => Date) {
  let faults: (FaultOptions & { left: number })[] = [];
  let limit: RateLimit | undefined;
  return {
    fail(fault: FaultOptions): void {
      faults.push({ ...fault, left: fault.times ?? Number.POSITIVE_INFINITY });
    },
    /** 429 once so many calls are through, until then. */
    limit(left: number, resetSeconds: number, only?: RegExp): void {
      const reset = Math.ceil(now().getTime() / 1_000) + resetSeconds;
      limit = { left, reset, ...(only && { only }) };
    },
    recover(): void {
      faults = [];
      limit = undefined;
    },
    /** Whether the call was answered, or never will be. */
    meets(request: IncomingMessage, response: ServerResponse): boolean {
      const what = `${request.method} ${(request.url ?? '').split('?')[0]}`;
      if (limit && (limit.only ?? /^/).test(what)) {
        limit.left -= 1;
        if (limit.left < 0) {
          response.writeHead(429, {
            'RateLimit-Reset': String(limit.reset),
            'RateLimit-Rule': '300reqs/60s',
          });
          response.end();
          return true;
        }
      }
      const fault = faults.find(({ left, only = /^/ }) => left > 0 && only.test(what));
      if (!fault) return false;
      fault.left -= 1;
      strike(fault, response);
      return true;
    },
  };
}

function strike(
  { kind, status, body = '{"errors":["something_broke"]}' }: FaultOptions,
  response: ServerResponse,
): void {
  if (kind === 'hang') return;
  if (kind === 'cut') response.destroy();
  if (kind === 'redirect') response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end();
  if (kind === 'html')
    response
      .writeHead(status ?? 200, { 'content-type': 'text/html' })
      .end('<!doctype html><title>Back soon</title>');
  if (kind === 'http') response.writeHead(status ?? 500, { 'content-type': 'application/json' }).end(body);
  if (kind === 'oversized')
    response.writeHead(200, { 'content-type': 'application/json' }).end(`{"a":"${'a'.repeat(OVERSIZED)}"}`);
}
