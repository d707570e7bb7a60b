/**
 * One mail's way over SMTP (RFC 5321), on a connection of its own. What matters is what is known at the end: whoever got a
 * mail must not get another, and whoever got none must not be forgotten.
 */
import { Readable } from 'node:stream';
import type { NodemailerError } from 'nodemailer/lib/errors';
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { SmtpServer } from './smtp-server.ts';

/** `code` is SMTP's reply code and enhanced status (`550 5.1.1`), or the name of what failed; never the server's words. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  /** Not this recipient, or not this mail: another try will not help. */
  | { readonly kind: 'refused'; readonly code: string }
  /** Not this recipient at the moment: their mailbox is full, or the server wants us to come again. */
  | { readonly kind: 'later'; readonly code: string }
  /** The server takes nobody's mail from us: it is down, or does not let us in. Nothing was sent. */
  | { readonly kind: 'unavailable'; readonly code: string }
  /** The whole mail was handed over, and the answer was lost: it may arrive. */
  | { readonly kind: 'unsure'; readonly code: string };

export interface Envelope {
  readonly from: string;
  readonly to: string;
}

export interface DeliveryOptions {
  readonly timeoutMs: number;
}

/** Never throws, and is over after `timeoutMs`. */
export async function deliver(
  server: SmtpServer,
  { envelope, message }: { readonly envelope: Envelope; readonly message: Buffer },
  options: DeliveryOptions,
): Promise<SendOutcome> {
  let isHandedOver = false;
  const stream = Readable.from([message], { objectMode: false });
  // The final dot goes out only after the stream has ended: before, the server cannot have taken the mail.
  stream.once('end', () => {
    isHandedOver = true;
  });
  try {
    await session(server, options, async (connection) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const size = message.length;
      connection.send({ ...envelope, size }, stream, (error) => (error ? reject(error) : resolve()));
      await promise;
    });
    return { kind: 'sent' };
  } catch (error) {
    return outcomeOf(error as NodemailerError, isHandedOver);
  } finally {
    stream.destroy();
  }
}

/** Whether the server answers and lets us in. Never throws. */
export async function greet(server: SmtpServer, options: DeliveryOptions): Promise<SendOutcome> {
  try {
    await session(server, options, async () => undefined);
    return { kind: 'sent' };
  } catch (error) {
    return { kind: 'unavailable', code: codeOf(error as NodemailerError) };
  }
}

async function session(
  server: SmtpServer,
  { timeoutMs }: DeliveryOptions,
  work: (connection: SMTPConnection) => Promise<void>,
): Promise<void> {
  const { default: Connection } = await import('nodemailer/lib/smtp-connection');
  const connection = new Connection({
    host: server.host,
    port: server.port,
    secure: server.tls,
    requireTLS: server.requireTls && !server.tls,
    // Certificates of a machine's own mail server are hardly ever in its name.
    ignoreTLS: server.isLocal && !server.requireTls,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    logger: false,
  });
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  connection.on('error', reject);
  // Each of the bounds above counts anew with every answer: a server that dribbles would hold us for ever.
  const timer = setTimeout(() => reject(Object.assign(new Error(), { code: 'ETIMEDOUT' })), timeoutMs);
  try {
    await Promise.race([failed, connected(connection, server).then(() => work(connection))]);
    connection.quit();
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function connected(connection: SMTPConnection, { login }: SmtpServer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const settle = (error?: NodemailerError | null) => (error ? reject(error) : resolve());
  connection.connect((error) => {
    if (error || !login) return settle(error);
    connection.login({ user: login.user, pass: login.password }, settle);
  });
  await promise;
}

function outcomeOf(error: NodemailerError, isHandedOver: boolean): SendOutcome {
  const { command, responseCode, permanent } = error;
  const code = codeOf(error);
  // The address cannot be written in an envelope.
  if (command === 'API' && error.code === 'EENVELOPE') return { kind: 'refused', code: 'address_invalid' };
  if (responseCode && (command === 'RCPT TO' || command === 'DATA'))
    return { kind: permanent ? 'refused' : 'later', code };
  return { kind: isHandedOver && !responseCode ? 'unsure' : 'unavailable', code };
}

/** A server's words may hold the address, and may be anything else: only the numbers are kept. */
function codeOf({ code, responseCode, response, originalCode }: NodemailerError): string {
  const status = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '')?.[1];
  if (responseCode) return [responseCode, status].filter(Boolean).join(' ');
  const name = originalCode ?? code ?? '';
  return /^[A-Z][A-Z0-9_]{1,40}$/.test(name) ? name : 'failed';
}
