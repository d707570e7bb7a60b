/** Clients that keep what they are told of logouts, and do with it what a test wants. */
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { JWTVerifyGetKey } from 'jose';
import { jwtVerify } from 'jose';
import { freePort } from '../../support/ports.ts';

/** `hold`: no answer until it is `free`; `elsewhere`: it sends us on. */
export type Manner = 'well' | 'hold' | 'badly' | 'elsewhere';

export interface ToldClient {
  readonly id: string;
  readonly origin: string;
  /** The `sid` of each good logout token, in their order; told twice, it is here twice. */
  readonly told: string[];
  /** Logout tokens that are not good. */
  readonly wrong: string[];
  /** Calls that came, whatever became of them. */
  readonly calls: { count: number };
  manner: Manner;
  /** Hears and answers whatever is held and still waits, and everything from now on. */
  free(): Promise<void>;
  /** Nobody listens there until it is up again, on the same port. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export interface TokensOf {
  readonly issuer: string;
  readonly keys: () => JWTVerifyGetKey;
}

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

export async function openClient(id: string, { issuer, keys }: TokensOf): Promise<ToldClient> {
  const port = await freePort();
  const held = new Map<ServerResponse, string>();
  let server: Server | undefined;
  const hear = async (body: string) => {
    const token = new URLSearchParams(body).get('logout_token') ?? '';
    try {
      const { payload } = await jwtVerify(token, keys(), { issuer, audience: id, typ: 'logout+jwt' });
      if (!payload.jti || !(LOGOUT_EVENT in (payload.events as object))) throw new Error('no logout token');
      client.told.push(String(payload.sid));
    } catch (error) {
      client.wrong.push(String(error));
    }
  };
  const client: ToldClient = {
    id,
    origin: `http://127.0.0.1:${port}`,
    told: [],
    wrong: [],
    calls: { count: 0 },
    manner: 'well',
    async free() {
      client.manner = 'well';
      for (const [response, body] of [...held]) {
        await hear(body);
        response.writeHead(200).end();
      }
    },
    async down() {
      if (!server) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      server = undefined;
    },
    async up() {
      server = createServer((request, response) => {
        client.calls.count += 1;
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('close', () => held.delete(response));
        request.on('end', async () => {
          const body = Buffer.concat(chunks).toString();
          // Who answers badly, or not at all, has not taken note either.
          if (client.manner === 'hold') return held.set(response, body);
          if (client.manner === 'badly') return response.writeHead(503).end();
          if (client.manner === 'elsewhere') return response.writeHead(302, { location: '/' }).end();
          await hear(body);
          return response.writeHead(200).end();
        });
      });
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
  await client.up();
  return client;
}
