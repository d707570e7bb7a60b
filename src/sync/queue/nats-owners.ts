/**
 * Which node has which partition. Nodes say every second that they are there, in a stream that forgets them when they do not;
 * what they have is a record each, written only if it is still what was read (expected sequences). Nobody compares clocks: the
 * server alone says who has fallen silent, and a node measures by itself since when it may have.
 *
 * It is kept in NATS and not in our PostgreSQL, so that a node which cannot reach the queue has nothing of the queue, and so
 * that the database which was outgrown is not asked every second.
 */
import type { Nats } from './nats-connection.ts';
import { codeOf } from './nats-connection.ts';
import { readThrough } from './nats-reading.ts';
import type { Names } from './nats-streams.ts';

export interface OwnerRecord {
  readonly seq: number;
  readonly node: string;
  /** Given back: nothing of it is under way any more. */
  readonly isFree: boolean;
  /** The longest lease that the node may have given out. */
  readonly leaseSeconds: number;
}

export interface View {
  readonly records: ReadonlyMap<number, OwnerRecord>;
  /** Those who are there, ourselves among them. */
  readonly nodes: ReadonlySet<string>;
  /** We were silent for too long: somebody may have taken what is ours, unless it is claimed anew. */
  readonly isNew: boolean;
  /** What we have is ours for so long, in milliseconds that no change of the clock moves. */
  readonly validUntilMs: number;
}

export interface Owners {
  /** Says that we are there, with what others may know of us, and looks round. */
  look(nats: Nats, report: unknown): Promise<View>;
  /** The new sequence, or undefined: somebody else was quicker. */
  write(nats: Nats, partition: number, record: Omit<OwnerRecord, 'node'>): Promise<number | undefined>;
  /** We are not there any more. */
  leave(nats: Nats): Promise<void>;
}

/** JetStream's answer where something was written meanwhile (JSStreamWrongLastSequenceErrF). */
export const WRONG_SEQUENCE = 10_071;
/** Of the time for which a silent node counts as there: our clock may run a little slower than the server's. */
const OWN_SHARE = 0.9;

export function openOwners(
  names: Names,
  {
    node,
    nodeMs,
    elapsed,
  }: { readonly node: string; readonly nodeMs: number; readonly elapsed: () => number },
): Owners {
  let presence = 0;
  let known:
    | {
        readonly lastSeq: number;
        readonly created: string;
        readonly records: ReadonlyMap<number, OwnerRecord>;
      }
    | undefined;

  /** True: without a break since the last time. */
  const say = async (nats: Nats, report: unknown): Promise<boolean> => {
    const body = JSON.stringify(report);
    const publish = (lastSubjectSequence: number) =>
      nats.js.publish(names.nodeSubject(node), body, { expect: { lastSubjectSequence } });
    if (presence > 0) {
      const said = await publish(presence).catch(unlessWritten);
      if (said) {
        presence = said.seq;
        return true;
      }
    }
    presence = 0;
    // One of ours may be there that we have no answer about.
    await nats.jsm.streams.purge(names.nodes, { filter: names.nodeSubject(node) });
    presence = (await publish(0)).seq;
    return false;
  };
  const recordsOf = async (nats: Nats) => {
    const { state, created } = await nats.jsm.streams.info(names.owners);
    if (known?.lastSeq === state.last_seq && known.created === created) return known.records;
    const records = new Map<number, OwnerRecord>();
    for await (const page of readThrough(nats, { stream: names.owners, subject: names.ownerSubject('*') }))
      for (const { seq, subject, data } of page)
        records.set(Number(subject.split('.').at(-1)), { ...JSON.parse(Buffer.from(data).toString()), seq });
    known = { lastSeq: state.last_seq, created, records };
    return records;
  };

  return {
    async look(nats, report) {
      const sentMs = elapsed();
      const isNew = !(await say(nats, report));
      // In this order: who is missing among the nodes has not written a record since it was read, or comes back and writes it.
      const records = await recordsOf(nats);
      const { state } = await nats.jsm.streams.info(names.nodes, { subjects_filter: names.nodeSubject('*') });
      const nodes = new Set(Object.keys(state.subjects ?? {}).map((subject) => subject.split('.').at(-1)!));
      nodes.add(node);
      return { records, nodes, isNew, validUntilMs: sentMs + nodeMs * OWN_SHARE };
    },
    async write(nats, partition, { seq, ...record }) {
      known = undefined;
      const body = JSON.stringify({ ...record, node });
      const expect = { lastSubjectSequence: seq };
      return (await nats.js.publish(names.ownerSubject(partition), body, { expect }).catch(unlessWritten))
        ?.seq;
    },
    async leave(nats) {
      presence = 0;
      await nats.jsm.streams.purge(names.nodes, { filter: names.nodeSubject(node) });
    },
  };
}

export function unlessWritten(error: unknown): undefined {
  if (codeOf(error) === WRONG_SEQUENCE) return undefined;
  throw error;
}
