import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';

/** What lies between us and the store: passes everything on, swallows everything, or cuts every connection. */
export class Line {
  mode: 'open' | 'silent' | 'cut' = 'open';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #upstream: () => Socket;

  constructor(upstream: () => Socket) {
    this.#upstream = upstream;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open right now. */
  get connections(): number {
    return [...this.#sockets].filter((socket) => !socket.destroyed).length;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  cutAll(): void {
    this.mode = 'cut';
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket.on('error', () => undefined));
    if (this.mode === 'cut') {
      socket.resetAndDestroy();
      return;
    }
    const upstream = this.#upstream().on('error', () => undefined);
    socket.on('data', (data) => this.mode === 'open' && upstream.write(data));
    upstream.on('data', (data) => this.mode === 'open' && socket.write(data));
    socket.on('close', () => upstream.destroy());
    upstream.on('close', () => socket.destroy());
  }
}
