/** The way to a target and back, on which goes wrong what a test wants: everything is passed on, and noted. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { listen } from '../../../src/listener.ts';

/** A call of ours, as it came. */
export interface Call {
  /** From 1 on. */
  readonly n: number;
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly body: string;
  readonly atMs: number;
}

/**
 * `cut-before`: nothing is done and the connection breaks; `cut-after`: all is done and no answer comes; `cut-body`: the
 * answer's head comes, and the connection breaks before its body; a status: the target says so and does nothing; a pause:
 * all goes well, later.
 */
export type Mishap =
  | 'cut-before'
  | 'cut-after'
  | 'cut-body'
  | { readonly status: number; readonly retryAfter?: string }
  | { readonly pauseMs: number };

export interface FaultyWay {
  readonly url: string;
  readonly calls: readonly Call[];
  /** How often something went wrong. */
  readonly mishaps: () => number;
  /** What goes wrong with a call; nothing, until it is set. */
  goesWrong(how: (call: Call) => Mishap | undefined): void;
  close(): Promise<void>;
}

/** What the answer goes with besides its body. */
const PASSED_ON = ['content-type', 'retry-after', 'link'];

export async function openFaultyWay(to: () => string): Promise<FaultyWay> {
  const calls: Call[] = [];
  let count = 0;
  let judge: (call: Call) => Mishap | undefined = () => undefined;

  const pass = async (req: IncomingMessage, res: ServerResponse) => {
    const { method = '', url = '/', headers } = req;
    const body = await textOf(req);
    const call = { n: calls.length + 1, method, path: url.split('?')[0]!, body, atMs: performance.now() };
    calls.push(call);
    const mishap = judge(call);
    if (mishap) count += 1;
    if (mishap === 'cut-before') return void req.socket.destroy();
    if (typeof mishap === 'object' && 'status' in mishap) return refuse(res, mishap);
    if (typeof mishap === 'object') await wait(mishap.pauseMs);
    const passed = { ...headers } as Record<string, string>;
    for (const hop of ['host', 'connection', 'content-length', 'transfer-encoding']) delete passed[hop];
    const answer = await fetch(to() + url, { method, headers: passed, ...(body && { body }) });
    const text = await answer.text();
    if (mishap === 'cut-after') return void req.socket.destroy();
    const head = PASSED_ON.flatMap((name) => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, value]];
    });
    const length = String(Buffer.byteLength(text));
    res.writeHead(answer.status, { ...Object.fromEntries(head), ...(text && { 'content-length': length }) });
    if (mishap !== 'cut-body') return void res.end(text || undefined);
    res.flushHeaders();
    // Once the head is on its way; a kernel that still holds it would let nobody see it.
    setImmediate(() => req.socket.destroy());
  };
  const server = await listen((req, res) => void pass(req, res).catch(() => res.destroy()), {
    host: '127.0.0.1',
    port: 0,
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    mishaps: () => count,
    goesWrong: (how) => {
      judge = how;
    },
    close: () => server.close(0),
  };
}

function refuse(res: ServerResponse, { status, retryAfter }: { status: number; retryAfter?: string }): void {
  res.writeHead(status, {
    'content-type': 'application/json',
    ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
  });
  res.end(JSON.stringify({ error: { code: status, message: 'Something went wrong' } }));
}

async function textOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
