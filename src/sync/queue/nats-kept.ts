/** Records of those who wait for another try, or are dead letters: one each, written only over the one that was read. */
import type { Hint, Lane, Problem } from './change-queue.ts';
import type { Nats } from './nats-connection.ts';
import { codeOf } from './nats-connection.ts';
import { unlessWritten } from './nats-owners.ts';
import type { Kept } from './nats-people.ts';
import type { ReadMessage } from './nats-reading.ts';
import { readThrough } from './nats-reading.ts';
import type { Names } from './nats-streams.ts';

export interface KeptRecord {
  readonly target: string;
  readonly person: string;
  readonly lane: Lane;
  readonly hint: Hint;
  readonly attempts: number;
  readonly sinceMs: number;
  readonly problem: Problem;
  /** When it is due, or, of a dead letter, when it died; milliseconds since the epoch. */
  readonly atMs: number;
  readonly isDead: boolean;
}

/** So that who takes over a partition need not read what is in the records. */
const DUE = 'Footbridge-Due';
const TARGET = 'Footbridge-Target';
/** JetStream's answers for a message that is not there any more (JSNoMessageFoundErr, JSStreamMsgDeleteFailedF). */
const NO_MESSAGE = new Set([10_037, 10_057]);

export interface KeptRecords {
  /** Everybody of a partition, without what is in the records. */
  entries(nats: Nats, partition: number): AsyncGenerator<{ key: string; target: string; kept: Kept }>;
  read(nats: Nats, kept: Kept): Promise<KeptRecord | undefined>;
  /** Undefined: somebody else has written one. Throws backlog_full. */
  write(
    nats: Nats,
    at: { readonly key: string; readonly partition: number },
    write: KeptWrite,
  ): Promise<Kept | undefined>;
  forget(nats: Nats, kept: Pick<Kept, 'seq'>): Promise<void>;
  dead(nats: Nats, target?: string): AsyncGenerator<readonly (KeptRecord & { readonly seq: number })[]>;
}

interface KeptWrite {
  readonly record: KeptRecord;
  /** The records that were read. */
  readonly over: readonly Kept[];
}

export function keptRecords(names: Names): KeptRecords {
  const stream = names.kept;
  return {
    async *entries(nats, partition) {
      const reading = { stream, subject: names.keptSubject({ partition }), headersOnly: true };
      for await (const page of readThrough(nats, reading)) for (const message of page) yield entryOf(message);
    },
    async read({ jsm }, { seq }) {
      const message = await jsm.streams.getMessage(stream, { seq }).catch(unlessGone);
      return message ? recordOf(message.data) : undefined;
    },
    async write({ js, driver }, { key, partition }, { record, over }) {
      const lane = record.isDead ? 'dead' : record.lane;
      const headers = driver.transport.headers();
      const dueMs = record.isDead ? Number.POSITIVE_INFINITY : record.atMs;
      headers.set(DUE, String(dueMs));
      headers.set(TARGET, encodeURIComponent(record.target));
      const lastSubjectSequence = over.find((kept) => kept.lane === lane)?.seq ?? 0;
      const written = await js
        .publish(names.keptSubject({ target: record.target, lane, partition, key }), JSON.stringify(record), {
          headers,
          expect: { lastSubjectSequence },
        })
        .catch(unlessWritten);
      return written && { seq: written.seq, lane, dueMs };
    },
    async forget({ jsm }, { seq }) {
      await jsm.streams.deleteMessage(stream, seq, false).catch(unlessGone);
    },
    async *dead(nats, target) {
      const reading = { stream, subject: names.keptSubject({ target, lane: 'dead' }) };
      for await (const page of readThrough(nats, reading))
        yield page.map(({ seq, data }) => ({ ...recordOf(data), seq }));
    },
  };
}

function entryOf({ seq, subject, header }: ReadMessage) {
  const [lane, , key] = subject.split('.').slice(-3) as [Kept['lane'], string, string];
  return { key, target: decodeURIComponent(header(TARGET)), kept: { seq, lane, dueMs: Number(header(DUE)) } };
}

const recordOf = (data: Uint8Array) => JSON.parse(Buffer.from(data).toString()) as KeptRecord;

function unlessGone(error: unknown): undefined {
  if (NO_MESSAGE.has(codeOf(error) ?? 0)) return undefined;
  throw error;
}
