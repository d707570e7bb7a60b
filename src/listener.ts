/** HTTP servers with bounds, and an end that lets requests under way finish. */
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A slow sender holds a socket no longer than this (security.md R27). */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_MS = 5_000;
const CONNECTIONS = 10_000;
const IDLE_SWEEP_MS = 50;
/** How long requests under way may take to finish when the process is told to stop. */
const STOP_DEADLINE_MS = 15_000;
/** Load balancers need a moment to notice that a node is not ready any more. */
const NOT_READY_MS = 1_000;

export interface Listener {
  readonly port: number;
  /** Stops accepting, lets what is under way finish until the deadline, then cuts. */
  close(deadlineMs: number): Promise<void>;
}

export class PortBusyError extends Error {
  override name = 'PortBusyError';
}

export async function listen(handle: RequestListener, at: { host: string; port: number }): Promise<Listener> {
  let closing = false;
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (req, res) => {
      if (closing) res.setHeader('Connection', 'close');
      handle(req, res);
    },
  );
  server.maxConnections = CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new PortBusyError(`Port ${at.port} on ${at.host} is taken by another program.`)
          : error,
      ),
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

/** For a node that says by now that it is not ready: no new connections after a moment, then what is under way finishes. */
export async function stopListening(listener: Listener): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, NOT_READY_MS));
  await listener.close(STOP_DEADLINE_MS);
}
