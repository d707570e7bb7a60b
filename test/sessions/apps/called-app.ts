/** A legacy app on a real port that we call: it checks our signature, and keeps sessions of its own in memory. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SIGNATURE_HEADER, verifySignature } from '../../../src/migration/signature.ts';
import { Secret } from '../../../src/settings.ts';

export const KEY = 'the-forum-and-we-know-this-one-key';
export const KEYS = [{ id: 'one', key: KEY }];

export interface Received {
  readonly path: string;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any message
  readonly json: any;
  readonly request: IncomingMessage;
}

export type Answering = (response: ServerResponse, received: Received) => void;

export interface CalledApp {
  readonly origin: string;
  readonly received: Received[];
  /** Takes the place of the usual answers. */
  answering: Answering | undefined;
  openConnections(): Promise<number>;
  /** Nobody listens any more. */
  close(): Promise<void>;
}

export async function openCalledApp(answering: Answering): Promise<CalledApp> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const json = request.method === 'POST' ? JSON.parse(body) : undefined;
      received.push({ path: request.url ?? '', body, json, request });
      app.answering!(response, received.at(-1)!);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const app: CalledApp = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answering,
    openConnections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
  return app;
}

export interface ForumSession {
  readonly id: string;
  readonly legacyId: string;
  readonly authTime: number;
  readonly amr: readonly string[];
  expiresAt: number;
}

/** What a forum does with the calls of docs/sessions/http-hook.md; its session's id is not what is in the cookie. */
export function forum({ tellsIds = true }: { tellsIds?: boolean } = {}) {
  const sessions = new Map<string, ForumSession>();
  const seen = new Set<string>();
  const now = () => Math.floor(Date.now() / 1_000);
  const signIn = (legacyId: string, more: Partial<ForumSession> = {}) => {
    const cookie = randomBytes(24).toString('base64url');
    const id = `forum-${randomBytes(8).toString('hex')}`;
    const session = { id, legacyId, authTime: now() - 60, amr: ['pwd'], expiresAt: now() + 1_800, ...more };
    sessions.set(cookie, session);
    return { cookie, session };
  };
  const cookieOf = ({ session }: { session?: { id?: string; cookies?: Record<string, string> } }) => {
    const byId = [...sessions].find(([, { id }]) => id === session?.id)?.[0];
    const cookie = byId ?? session?.cookies?.SID ?? '';
    return (sessions.get(cookie)?.expiresAt ?? 0) > now() ? cookie : undefined;
  };

  const answering: Answering = (response, { path, body, json, request }) => {
    const header = request.headers[SIGNATURE_HEADER] as string | undefined;
    const call = { header, body: Buffer.from(body), nowSeconds: now() };
    const signature = verifySignature(call, [{ id: 'one', key: new Secret(KEY) }]);
    if (!signature || seen.has(signature.id.toString('hex'))) return void response.writeHead(401).end();
    seen.add(signature.id.toString('hex'));
    const answer = (status: number, document?: object) =>
      void response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(document && JSON.stringify(document));
    const tell = ({ id, ...rest }: ForumSession) => ({ ...rest, ...(tellsIds ? { session: id } : {}) });

    if (path === '/create') {
      const { legacyId, authTime, amr, expiresAt } = json;
      const { cookie, session } = signIn(legacyId, { authTime, amr, expiresAt });
      response.setHeader('set-cookie', [`SID=${cookie}; Path=/forum; Max-Age=99999999`, 'theme=dark']);
      return answer(200, tellsIds ? { session: session.id, expiresAt } : undefined);
    }
    if (path === '/end' && !json.session) {
      for (const [cookie, { legacyId }] of sessions) if (legacyId === json.legacyId) sessions.delete(cookie);
      return answer(204);
    }
    const cookie = cookieOf(json);
    const session = cookie === undefined ? undefined : sessions.get(cookie);
    if (!session) return answer(404);
    if (path === '/check') return answer(200, tell(session));
    if (path === '/renew') session.expiresAt = Math.max(session.expiresAt, json.until);
    if (path === '/end') sessions.delete(cookie!);
    return answer(200);
  };
  return { sessions, signIn, answering };
}
