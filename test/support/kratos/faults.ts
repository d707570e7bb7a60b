/** What goes wrong on the way to a Kratos and back, when a test says so. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Which {
  /** How many calls; all by default. */
  readonly times?: number;
  /** Of `PATCH /admin/identities`, without the query; all by default. */
  readonly only?: RegExp;
}

export interface Faults {
  /** This share of the calls is answered so and nothing is done: 0.25 is every fourth. */
  fail(status: number, share?: number, which?: Which): void;
  /** 429, and nothing is done. */
  throttle(retryAfterSeconds?: number, which?: Which): void;
  /** The work is done, and the connection cut. */
  dropAfter(which?: Which): void;
  /** Never answered, and nothing is done. */
  hang(which?: Which): void;
  /** Ends all of these. */
  recover(): void;
  /** Whether the call is to be carried out. */
  before(request: IncomingMessage, response: ServerResponse): boolean;
  /** Whether its answer is to be sent. */
  after(request: IncomingMessage, response: ServerResponse): boolean;
}

interface Fault {
  readonly kind: 'fail' | 'hang' | 'drop';
  readonly status: number;
  readonly share: number;
  readonly retryAfterSeconds?: number;
  readonly only: RegExp;
  left: number;
  /** Grows with each call by `share`: at one a call is hit. */
  debt: number;
}

export function openFaults(): Faults {
  let faults: Fault[] = [];
  const add = (fault: Pick<Fault, 'kind' | 'status' | 'retryAfterSeconds'>, which: Which = {}, share = 1) => {
    const { times = Number.POSITIVE_INFINITY, only = /^/ } = which;
    faults.push({ ...fault, share, only, left: times, debt: 0 });
  };
  const next = (kinds: readonly Fault['kind'][], { method, url = '' }: IncomingMessage) => {
    const what = `${method} ${url.split('?')[0]}`;
    for (const fault of faults.filter((one) => kinds.includes(one.kind) && one.only.test(what))) {
      fault.debt += fault.share;
      if (fault.left <= 0 || fault.debt < 1) continue;
      fault.debt -= 1;
      fault.left -= 1;
      return fault;
    }
    return undefined;
  };
  return {
    fail: (status, share = 1, which) => add({ kind: 'fail', status }, which, share),
    throttle: (retryAfterSeconds, which) =>
      add(
        { kind: 'fail', status: 429, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
        which,
      ),
    dropAfter: (which) => add({ kind: 'drop', status: 0 }, which),
    hang: (which) => add({ kind: 'hang', status: 0 }, which),
    recover: () => {
      faults = [];
    },
    before(request, response) {
      const fault = next(['fail', 'hang'], request);
      if (!fault) return true;
      if (fault.kind === 'hang') return false;
      const { status, retryAfterSeconds } = fault;
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
      });
      response.end(JSON.stringify({ error: { code: status, message: 'Something went wrong' } }));
      return false;
    },
    after(request) {
      if (!next(['drop'], request)) return true;
      request.socket.destroy();
      return false;
    },
  };
}
