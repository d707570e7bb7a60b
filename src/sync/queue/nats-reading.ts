/** Reading through a stream, and counting in it, without taking anything away. */
import type { Nats } from './nats-connection.ts';

export interface Reading {
  readonly stream: string;
  readonly subject: string;
  readonly since?: Date;
  readonly headersOnly?: boolean;
}

export interface ReadMessage {
  readonly seq: number;
  readonly subject: string;
  readonly time: Date;
  readonly data: Uint8Array;
  header(name: string): string;
}

const AT_ONCE = 1_000;
/** Nobody reads on: the server forgets it. */
const FORGOTTEN_NS = 30_000_000_000;

/** In the order of the stream, a page at a time, up to what is there when it begins. */
export async function* readThrough(nats: Nats, reading: Reading): AsyncGenerator<readonly ReadMessage[]> {
  const { name, pending } = await begin(nats, reading);
  const consumer = await nats.js.consumers.get(reading.stream, name);
  try {
    for (let left = pending; left > 0; ) {
      const page: ReadMessage[] = [];
      const fetched = await consumer.fetch({ max_messages: Math.min(left, AT_ONCE), expires: 5_000 });
      for await (const { seq, subject, time, data, headers } of fetched)
        page.push({ seq, subject, time, data, header: (name) => headers?.get(name) ?? '' });
      // What was taken away meanwhile does not come any more.
      if (page.length === 0) return;
      left -= page.length;
      yield page;
    }
  } finally {
    await nats.jsm.consumers.delete(reading.stream, name).catch(() => undefined);
  }
}

/** How many there are. */
export async function countOf(nats: Nats, reading: Reading): Promise<number> {
  const { name, pending } = await begin(nats, reading);
  await nats.jsm.consumers.delete(reading.stream, name).catch(() => undefined);
  return pending;
}

async function begin({ jsm, driver }: Nats, { stream, subject, since, headersOnly = false }: Reading) {
  const { AckPolicy, DeliverPolicy } = driver.jetstream;
  const { name, num_pending: pending } = await jsm.consumers.add(stream, {
    filter_subject: subject,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    num_replicas: 1,
    headers_only: headersOnly,
    inactive_threshold: FORGOTTEN_NS,
    ...(since
      ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since.toISOString() }
      : { deliver_policy: DeliverPolicy.All }),
  });
  return { name, pending };
}
