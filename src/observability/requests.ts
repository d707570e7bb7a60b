/**
 * The request that is being served, for whoever writes a line of the log or shows a page meanwhile: a reference that people can read
 * out to support, and the trace it belongs to. What a request asked for is in neither.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import { isIP } from 'node:net';
import type { Tracing } from './tracing.ts';
import { methodOf } from './tracing.ts';

export interface Served {
  /** From a closed set. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

export interface Noted {
  readonly method: string;
  /** Personal data: not for every log. */
  readonly address: string | undefined;
}

export interface Requests {
  /** Everything that `handle` does is of this request; a trace is kept of those that `isTraced` says. */
  around(handle: RequestListener, isTraced?: (req: IncomingMessage) => boolean): RequestListener;
  /** Of the request that is being served; undefined outside of one. */
  reference(): string | undefined;
  /** For every line of the log. */
  fields(): Readonly<Record<string, string>>;
  /** What became of the request that is being served. */
  note(served: Served): Noted | undefined;
}

interface Current {
  readonly reference: string;
  readonly req: IncomingMessage;
  readonly traceId: string | undefined;
  readonly name: (route: string) => void;
}

/** Without letters that are taken for others when they are read out (Crockford's base 32). */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Forty bits: nobody finds two requests under one reference in a log that is still kept. */
const REFERENCE_LENGTH = 8;

export function openRequests(tracing: Tracing): Requests {
  const serving = new AsyncLocalStorage<Current>();
  return {
    around:
      (handle, isTraced = () => true) =>
      (req, res) => {
        const serve = (name: Current['name']) =>
          serving.run({ reference: newReference(), req, traceId: tracing.traceId(req), name }, () =>
            handle(req, res),
          );
        if (isTraced(req)) tracing.serving(req, res, serve);
        else serve(() => undefined);
      },
    reference: () => serving.getStore()?.reference,
    fields() {
      const current = serving.getStore();
      if (!current) return {};
      const { reference, traceId } = current;
      return traceId === undefined ? { reference } : { reference, traceId };
    },
    note({ route, status }) {
      const current = serving.getStore();
      if (!current) return undefined;
      current.name(route);
      return { method: methodOf(current.req), address: addressOf(current.req, status) };
    },
  };
}

/** Of the digits of a UUID that are random (RFC 9562 section 5.4): Node makes those in advance, and any other randomness anew. */
function newReference(): string {
  const uuid = randomUUID();
  let bits = Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 11), 16);
  let reference = '';
  for (let at = 0; at < REFERENCE_LENGTH; at++) {
    reference += LETTERS[bits % LETTERS.length];
    bits = Math.floor(bits / LETTERS.length);
  }
  return reference;
}

/** The front door leaves the address it believes in this header; what it refused may still have the sender's own word there. */
const REFUSED_AT_THE_DOOR: ReadonlySet<number> = new Set([400, 413, 421]);

function addressOf({ headers, socket }: IncomingMessage, status: number): string | undefined {
  const told = headers['x-forwarded-for'];
  const believed = typeof told === 'string' && isIP(told) > 0 && !REFUSED_AT_THE_DOOR.has(status);
  return believed ? told : socket.remoteAddress;
}

/** Whose second segment is ours, too; what comes after names a person, a login under way, or a link. */
const OF_TWO = /^\/(?:\.well-known|migration|legacy|hooks|webhooks|drop-ins|session|jwt|admin)\/[a-z-]+/;
const OF_ONE = /^\/[a-z.-]*/;

/** A path as far as a log may have it. */
export function placeIn(path: string): string {
  if (!path.startsWith('/')) return path;
  const [kept = ''] = OF_TWO.exec(path) ?? OF_ONE.exec(path) ?? [];
  return kept.length === path.length ? path : `${kept.replace(/\/$/, '')}/…`;
}
