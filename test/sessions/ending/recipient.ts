/** A recipient on a real port that answers as it is told to, and a sender that calls it as ours do. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Delivery, Send } from '../../../src/sessions/ending/delivery.ts';
import { DeliveryError, readRetryAfter } from '../../../src/sessions/ending/delivery.ts';

export type Answer = (res: ServerResponse) => void;

export interface Recipient {
  readonly origin: string;
  /** What was told, in order: the delivery's name and handle. */
  readonly calls: string[];
  answer: Answer;
  /** Under way at this moment, and at most so far. */
  readonly load: { now: number; most: number };
  close(): Promise<void>;
}

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (res) =>
    res.writeHead(code, headers).end();
export const hang: Answer = () => undefined;
export const die: Answer = (res) => res.socket?.destroy();

export async function openRecipient(answer: Answer = status(204)): Promise<Recipient> {
  const recipient = { calls: [], answer, load: { now: 0, most: 0 } } as unknown as Recipient;
  const server = createServer((req: IncomingMessage, res) => {
    recipient.calls.push(decodeURIComponent(req.url!.slice(1)));
    recipient.load.now += 1;
    recipient.load.most = Math.max(recipient.load.most, recipient.load.now);
    res.on('close', () => {
      recipient.load.now -= 1;
    });
    recipient.answer(res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(recipient, {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

/** Calls whoever has the delivery's name. */
export function sendTo(recipients: ReadonlyMap<string, Recipient>): Send {
  return async (delivery: Delivery, { signal }) => {
    const recipient = recipients.get(delivery.name);
    if (!recipient) throw new DeliveryError('unknown_recipient', 'nobody', { isFinal: true });
    const url = `${recipient.origin}/${encodeURIComponent(`${delivery.name} ${delivery.handle}`)}`;
    const response = await fetch(url, { method: 'POST', redirect: 'manual', signal }).catch((error) => {
      throw new DeliveryError(signal.aborted ? 'timeout' : 'unreachable', String(error.message));
    });
    await response.body?.cancel();
    if (response.status !== 204)
      throw new DeliveryError(`status_${response.status}`, 'It refused.', {
        retryAfterSeconds: readRetryAfter(response.headers.get('retry-after')),
      });
  };
}
