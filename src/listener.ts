/** HTTP servers with bounds, and an end that lets requests under way finish. */
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A slow sender holds a socket no longer than this, and is found by the next check: ten seconds at most (security.md R27). */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 9_000;
const CHECK_EVERY_MS = 500;
/** The same for who asks and does not read: nothing has moved for so long. */
const UNREAD_TIMEOUT_MS = 8_000;
const KEEP_ALIVE_MS = 5_000;
const CONNECTIONS = 10_000;
const IDLE_SWEEP_MS = 50;
/** How long requests under way may take to finish when the process is told to stop. */
export const STOP_DEADLINE_MS = 15_000;

export interface Listener {
  readonly port: number;
  /** Stops accepting, lets what is under way finish until the deadline, then cuts. */
  close(deadlineMs: number): Promise<void>;
}

export class PortBusyError extends Error {
  override name = 'PortBusyError';
}

type Address = { readonly host: string; readonly port: number };

const NOT_OURS: Readonly<Record<string, (at: Address) => string>> = {
  EADDRINUSE: ({ host, port }) =>
    `Port ${port} on ${host} is taken by another program. Choose another one, or see who has it: ss -ltnp 'sport = :${port}'`,
  EADDRNOTAVAIL: ({ host }) => `${host} is no address of this machine: correct \`listen\`.`,
  EACCES: ({ port }) => `Port ${port} may not be opened by this user: choose one above 1023.`,
};

export async function listen(handle: RequestListener, at: Address): Promise<Listener> {
  let closing = false;
  const answering = openAnswering();
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
    },
    (req, res) => {
      if (closing) res.setHeader('Connection', 'close');
      const { socket } = req;
      answering.began(socket);
      res.once('close', () => answering.ended(socket));
      handle(req, res);
    },
  );
  // An answer that takes us long is no sin of theirs, and one that they do not take is.
  server.setTimeout(UNREAD_TIMEOUT_MS, (socket) => {
    if (!answering.is(socket) || socket.writableLength > 0) socket.destroy();
  });
  server.maxConnections = CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(NOT_OURS[error.code ?? ''] ? new PortBusyError(NOT_OURS[error.code!]!(at)) : error),
    );
    server.listen(at.port, at.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close(deadlineMs) {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
      const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
      server.closeIdleConnections();
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
    },
  };
}

/** How many answers are being made for whom: a socket may carry several requests at once. */
function openAnswering() {
  const counts = new WeakMap<Socket, number>();
  const add = (socket: Socket, by: number) => counts.set(socket, (counts.get(socket) ?? 0) + by);
  return {
    began: (socket: Socket) => add(socket, 1),
    ended: (socket: Socket) => add(socket, -1),
    is: (socket: Socket) => (counts.get(socket) ?? 0) > 0,
  };
}

/**
 * For a node that says by now that it is not ready: no new connections once load balancers have had the time to notice, then what is
 * under way finishes.
 */
export async function stopListening(listener: Listener, delaySeconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, delaySeconds * 1_000));
  await listener.close(STOP_DEADLINE_MS);
}
