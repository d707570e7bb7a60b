/** The line to a directory server: TLS with the server's name checked, and nothing that waits for ever. */
import type { Socket } from 'node:net';
import { connect as connectTcp, isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import type { LdapSettings } from './ldap-settings.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

export function addressOf(url: string): Address {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === 'ldaps:';
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (isTls ? 636 : 389), isTls };
}

/** Whom TLS trusts, and whose name the certificate has to carry. */
export function trust({ host }: Address, { tls }: LdapSettings): ConnectionOptions {
  const name = tls.serverName ?? (isIP(host) ? undefined : host);
  return { host, ...(name ? { servername: name } : {}), ...(tls.ca ? { ca: tls.ca.reveal() } : {}) };
}

/** A connected socket, encrypted where the address says so. Rejects with what the network or TLS says. */
export function openSocket(address: Address, trusted: ConnectionOptions, limitMs: number): Promise<Socket> {
  const { host, port, isTls } = address;
  const socket = isTls ? connectTls({ ...trusted, host, port }) : connectTcp({ host, port });
  socket.setKeepAlive(true);
  return new Promise<Socket>((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('timed out')), limitMs);
    // Stays where it is: a socket that is going down may complain more than once.
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once('close', () => clearTimeout(timer));
  });
}

/** A longer answer is none that was asked for: a page of a thousand entries with photographs stays below. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** The sockets under one connection, of which StartTLS makes two: they end together, and none comes again. */
export class Line {
  isOpen = true;
  #sockets: Socket[] = [];
  #isTaken = false;
  #answerBytes = 0;

  constructor(socket: Socket) {
    this.add(socket);
  }

  /** The socket, once: whoever asks again wants to reconnect behind our back. */
  takeOnce(): Socket {
    if (this.#isTaken) throw new Error('closed');
    this.#isTaken = true;
    return this.#sockets[0]!;
  }

  add<S extends Socket>(socket: S): S {
    for (const below of this.#sockets) below.off('data', this.#count);
    this.#sockets.push(socket);
    socket.on('data', this.#count).on('error', () => undefined);
    socket.once('close', () => this.hangUp());
    if (!this.isOpen) socket.destroy();
    return socket;
  }

  async ask<T>(work: () => Promise<T>): Promise<T> {
    if (!this.isOpen) throw new Error('closed');
    this.#answerBytes = 0;
    return work();
  }

  /** Hangs up where it takes longer. */
  async within<T>(limitMs: number, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error('timed out'));
        this.hangUp();
      }, limitMs);
    });
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  }

  hangUp(): void {
    this.isOpen = false;
    // From the top: Node 24 crashes where TLS outlives the socket below it.
    for (const socket of this.#sockets.toReversed()) socket.destroy();
  }

  readonly #count = (chunk: Buffer) => {
    this.#answerBytes += chunk.length;
    if (this.#answerBytes > MAX_ANSWER_BYTES) this.hangUp();
  };
}
