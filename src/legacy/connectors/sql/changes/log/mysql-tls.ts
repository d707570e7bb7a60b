/**
 * TLS of the library's connections. Its own checks who has signed the server's certificate and not whose it is, and reads on
 * while a stream is paused, into memory without a bound.
 */
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { connect } from 'node:tls';

/** What the library keeps to itself, in the version that is pinned. */
interface Inside {
  _socket: Socket;
  readonly _protocol: NodeJS.WritableStream & {
    on(event: 'data', listener: (bytes: Buffer) => void): unknown;
    removeAllListeners(event: 'data'): unknown;
  };
  _startTLS(done: (error: unknown) => void): void;
  _handleNetworkError(error: Error): void;
}

/** To be called before anything is asked of the connection; does nothing where it is to be without TLS. */
export function checked(connection: object, host: string, ssl: ConnectionOptions | undefined): void {
  if (ssl === undefined) return;
  const inside = connection as Inside;
  inside._startTLS = (done) => {
    const socket = inside._socket;
    socket.removeAllListeners('data');
    inside._protocol.removeAllListeners('data');
    let isSecure = false;
    const name = ssl.servername ?? host;
    const secure = connect({ ...ssl, socket, host, ...(isIP(name) ? {} : { servername: name }) }, () => {
      isSecure = true;
      done(null);
    });
    secure.on('error', (error) => (isSecure ? inside._handleNetworkError(error) : done(error)));
    inside._protocol.on('data', (bytes) => secure.write(bytes));
    secure.pipe(inside._protocol);
    // Whoever pauses the connection pauses this.
    inside._socket = secure;
  };
}
