/** Somebody on a bare connection, who need not keep to HTTP. */
import type { Socket } from 'node:net';
import { connect } from 'node:net';

export interface Caller {
  readonly socket: Socket;
  /** What came back until the other side ended it, and how long that took. */
  readonly ended: Promise<{ readonly said: string; readonly ms: number }>;
}

export function call(port: number, { reads = true } = {}): Caller {
  const socket = connect(port, '127.0.0.1');
  const startedAt = performance.now();
  const chunks: Buffer[] = [];
  if (reads) socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  else socket.pause();
  socket.on('error', () => undefined);
  const ended = new Promise<{ said: string; ms: number }>((resolve) =>
    socket.once('close', () =>
      resolve({ said: Buffer.concat(chunks).toString('latin1'), ms: performance.now() - startedAt }),
    ),
  );
  return { socket, ended };
}

/** One byte a second, as long as somebody takes them. */
export function trickle(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at >= text.length) return clearInterval(timer);
    socket.write(text[at++]!);
  }, 1_000);
  socket.once('close', () => clearInterval(timer));
}
