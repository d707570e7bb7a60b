/** A real mail server on this machine, which keeps what it took and answers as the test says. */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Email } from 'postal-mime';
import PostalMime from 'postal-mime';
import type { SMTPServerOptions, SMTPServerSession } from 'smtp-server';
import { SMTPServer } from 'smtp-server';

export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
  readonly secure: boolean;
  readonly user: unknown;
}

export interface MailStage {
  readonly port: number;
  readonly mails: TakenMail[];
  /** Reply codes in the place of 250, by recipient: asked at RCPT TO. */
  readonly refusals: Map<string, string>;
  /** What happens when a whole mail is there, before it is taken; an error is the answer. */
  onMail: ((to: string, session: SMTPServerSession) => Promise<void> | void) | undefined;
  /** As people read it. */
  parsed(to: string): Promise<Email>;
  sentTo(to: string): number;
  /** Nobody listens any more, on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export const LOGIN = { user: 'footbridge', password: 'p@ss word/Ü' };
const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
export const CERTIFICATE = fixture('localhost.pem');

/** `options` are smtp-server's own; without any: no TLS, no login. */
export async function openMailStage(options: SMTPServerOptions = {}): Promise<MailStage> {
  let server: SMTPServer | undefined;
  let port = 0;
  const stage: MailStage = {
    get port() {
      return port;
    },
    mails: [],
    refusals: new Map(),
    onMail: undefined,
    parsed: (to) => PostalMime.parse(stage.mails.find((mail) => mail.to.includes(to))?.raw ?? ''),
    sentTo: (to) => stage.mails.filter((mail) => mail.to.includes(to)).length,
    start: async () => {
      server = serverFor(stage, options);
      await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
      port = (server.server.address() as AddressInfo).port;
    },
    stop: async () => {
      await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
      server = undefined;
    },
  };
  await stage.start();
  return stage;
}

function serverFor(stage: MailStage, options: SMTPServerOptions): SMTPServer {
  const server = new SMTPServer({
    authOptional: options.onAuth === undefined,
    disabledCommands: options.key ? [] : ['STARTTLS', ...(options.onAuth ? [] : ['AUTH'])],
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    onRcptTo({ address }, _session, callback) {
      const answer = stage.refusals.get(address);
      callback(answer ? refusal(answer) : undefined);
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on(
        'end',
        () => void take(stage, session, Buffer.concat(chunks)).then(() => callback(), callback),
      );
    },
    ...options,
  });
  // Clients that go away in the middle are what these tests are about.
  server.on('error', () => undefined);
  return server;
}

async function take(stage: MailStage, session: SMTPServerSession, raw: Buffer): Promise<void> {
  const { mailFrom, rcptTo } = session.envelope;
  const to = rcptTo.map(({ address }) => address);
  await stage.onMail?.(to[0] ?? '', session);
  stage.mails.push({
    from: mailFrom ? mailFrom.address : '',
    to,
    raw: raw.toString('utf8'),
    secure: session.secure,
    user: session.user,
  });
}

/** `550 5.1.1 whatever`: what a server answers. */
export function refusal(answer: string): Error {
  return Object.assign(new Error(answer.slice(4)), { responseCode: Number(answer.slice(0, 3)) });
}

/** With TLS and a login. */
export const SECURED: SMTPServerOptions = {
  key: fixture('localhost-key.pem'),
  cert: CERTIFICATE,
  onAuth({ username, password }, _session, callback) {
    const isRight = username === LOGIN.user && password === LOGIN.password;
    callback(
      isRight ? null : refusal(`535 5.7.8 ${password} is wrong`),
      isRight ? { user: username } : undefined,
    );
  },
};
