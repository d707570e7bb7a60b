/**
 * The partitions that this node has: claimed, read, held as long as it can be sure that they are its own, and given back. What is
 * delivered to a node that has lost its partition cannot be settled by it: the consumers it came through are gone.
 */

import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Hint, Lane } from './change-queue.ts';
import { LANES } from './change-queue.ts';
import type { Nats } from './nats-connection.ts';
import type { KeptRecords } from './nats-kept.ts';
import type { OwnerRecord, Owners, View } from './nats-owners.ts';
import type { Counts, People } from './nats-people.ts';
import { openPeople } from './nats-people.ts';
import type { Names } from './nats-streams.ts';
import { keyOf } from './nats-streams.ts';

export interface Partition {
  readonly number: number;
  readonly people: People;
  /** Nobody is taken any more: it is to be given back. */
  isLeaving: boolean;
}

/** What a message says. */
export interface Message {
  readonly target: string;
  readonly person: string;
  readonly hint: Hint;
  readonly lane: Lane;
  /** When it was heard, where that is not when it was put. */
  readonly sinceMs?: number;
}

export interface Partitions {
  /** Those that are certainly ours at this moment. */
  ours(): readonly Partition[];
  /** The same, and nobody from before us can be at anybody of it. */
  takeable(): readonly Partition[];
  isOurs(partition: Partition): boolean;
  /** From now on these targets are wanted, with leases of that length; false: not yet. */
  want(targets: readonly string[], leaseSeconds: number): boolean;
  /** Looks who is there, and takes or gives what is whose. */
  round(nats: Nats, report: unknown): Promise<void>;
  /** Ours, as far as is known; whether it is certain, `isOurs` says. */
  held(number: number): Partition | undefined;
  inMemory(): Pick<Counts, 'people' | 'changes'>;
  close(nats: Nats): Promise<void>;
}

export interface PartitionsDeps {
  readonly names: Names;
  readonly count: number;
  readonly node: string;
  readonly owners: Owners;
  readonly kept: KeptRecords;
  readonly elapsed: () => number;
  readonly onHeard: () => void;
  readonly onError: (error: unknown) => void;
}

/** Messages of one partition and lane that are delivered and not settled. The rest waits at the server. */
const WINDOW = 512;
/** So long after it was delivered a message comes again, should it have been lost on its way. */
const AGAIN_NS = 300_000_000_000;
/** A consumer that nobody reads is forgotten. */
const FORGOTTEN_NS = 300_000_000_000;

interface Held extends Partition {
  seq: number;
  /** Somebody before us may still be at somebody. */
  quietUntilMs: number;
  /** Through which its messages come; another one: it has to be opened anew. */
  nats: Nats | undefined;
  readonly open: Map<string, { stop(): Promise<unknown> }>;
}

export function openPartitions(deps: PartitionsDeps): Partitions {
  const { names, owners, elapsed } = deps;
  const held = new Map<number, Held>();
  const targets = new Set<string>();
  let leaseSeconds = 0;
  /** What the records of what we have say. */
  let recordedSeconds = 0;
  let validUntilMs = 0;
  let opening: Promise<void> | undefined;

  const isValid = () => elapsed() < validUntilMs;
  const ours = () => (isValid() ? [...held.values()].filter(({ nats }) => nats !== undefined) : []);
  const lose = (partition: Held) => {
    held.delete(partition.number);
    void shut(partition);
  };
  const record = (seq: number, isFree = false) => ({ seq, isFree, leaseSeconds: Math.ceil(leaseSeconds) });

  /** What others have taken is lost; what we kept for ourselves through a silence is claimed again. */
  const compare = async (nats: Nats, view: View) => {
    for (const partition of [...held.values()])
      if (view.records.get(partition.number)?.seq !== partition.seq) lose(partition);
    if (!view.isNew && recordedSeconds >= leaseSeconds) return;
    await Promise.all(
      [...held.values()].map(async (partition) => {
        const seq = await owners.write(nats, partition.number, record(partition.seq));
        if (seq === undefined) lose(partition);
        else partition.seq = seq;
      }),
    );
  };
  const claim = async (nats: Nats, number: number, old: OwnerRecord | undefined) => {
    const seq = await owners.write(nats, number, record(old?.seq ?? 0));
    if (seq === undefined) return;
    const quietMs = old && !old.isFree ? old.leaseSeconds * 1_000 : 0;
    held.set(number, {
      number,
      people: openPeople(),
      isLeaving: false,
      seq,
      quietUntilMs: elapsed() + quietMs,
      nats: undefined,
      open: new Map(),
    });
  };
  const share = async (nats: Nats, { records, nodes }: View) => {
    const most = Math.ceil(deps.count / nodes.size);
    const free = Array.from({ length: deps.count }, (_, number) => number).filter((number) => {
      const owner = records.get(number);
      return (
        !held.has(number) && (!owner || owner.isFree || owner.node === deps.node || !nodes.has(owner.node))
      );
    });
    const wanted = free.slice(0, Math.max(0, most - held.size));
    await Promise.all(wanted.map((number) => claim(nats, number, records.get(number))));
    const surplus = [...held.values()].slice(most);
    for (const partition of held.values()) partition.isLeaving = surplus.includes(partition);
    for (const partition of surplus)
      if (partition.people.counts().leased === 0) await giveBack(nats, partition);
  };
  const giveBack = async (nats: Nats, partition: Held) => {
    lose(partition);
    await removeConsumers(nats, [partition.number]);
    await owners.write(nats, partition.number, record(partition.seq, true));
  };
  const removeConsumers = async ({ jsm }: Nats, numbers: readonly number[]) => {
    for await (const { name } of jsm.consumers.list(names.changes))
      if (numbers.includes(partitionOf(name)))
        await jsm.consumers.delete(names.changes, name).catch(() => undefined);
  };
  const isOpen = (nats: Nats, partition: Held) =>
    partition.nats === nats && held.get(partition.number) === partition;
  /** Reads who is kept and begins to listen; what is read may be much, and we have to be heard of meanwhile. */
  const openThose = async (nats: Nats) => {
    const closed = [...held.values()].filter((partition) => partition.nats !== nats);
    if (closed.length > 0) {
      await removeConsumers(
        nats,
        closed.map(({ number }) => number),
      );
      await Promise.all(closed.map((partition) => begin(nats, partition)));
    }
    for (const partition of held.values())
      for (const target of targets)
        if (!partition.open.has(target) && isOpen(nats, partition)) await listen(nats, partition, target);
  };
  const begin = async (nats: Nats, partition: Held) => {
    partition.nats = undefined;
    await shut(partition);
    partition.people.forgetMessages();
    for await (const { kept, ...who } of deps.kept.entries(nats, partition.number))
      partition.people.keep(who, kept);
    partition.nats = nats;
  };
  const listen = async (nats: Nats, partition: Held, target: string) => {
    const readers = await Promise.all(
      (Object.keys(LANES) as Lane[]).map((lane) => consume(nats, { partition, target, lane })),
    );
    partition.open.set(target, { stop: () => Promise.all(readers.map((reader) => reader.close())) });
  };
  const consume = async (
    nats: Nats,
    { partition, target, lane }: { readonly partition: Held; readonly target: string; readonly lane: Lane },
  ) => {
    const { js, jsm, driver } = nats;
    const name = consumerName(partition, lane, keyOf(target, ''));
    await jsm.consumers.add(names.changes, {
      name,
      filter_subject: names.changeSubject(target, lane, partition.number),
      ack_policy: driver.jetstream.AckPolicy.Explicit,
      deliver_policy: driver.jetstream.DeliverPolicy.All,
      max_ack_pending: WINDOW,
      ack_wait: AGAIN_NS,
      inactive_threshold: FORGOTTEN_NS,
      mem_storage: true,
    });
    const consumer = await js.consumers.get(names.changes, name);
    const reader = await consumer.consume({
      max_messages: WINDOW,
      callback: (message) => {
        if (isOpen(nats, partition)) hear(partition, message);
      },
    });
    void watch(reader).then(() => {
      // Unless it was us who closed it, it is made anew with all that it had.
      if (isOpen(nats, partition) && partition.open.has(target)) partition.nats = undefined;
    });
    return reader;
  };
  const hear = ({ people }: Held, message: JsMsg) => {
    try {
      const { target, person, hint, lane, ...more } = JSON.parse(message.string()) as Message;
      const sinceMs = more.sinceMs ?? message.time.getTime();
      // The whole message would be kept in memory by its own `ack`.
      const { reply: ack } = message as JsMsg & { readonly reply: string };
      const who = { key: keyOf(target, person), target, name: person };
      if (people.hear(who, { seq: message.seq, ack, lane, hint, sinceMs })) deps.onHeard();
      else message.ack();
    } catch (error) {
      deps.onError(error);
    }
  };

  return {
    ours,
    takeable: () => ours().filter((one) => !one.isLeaving && elapsed() >= one.quietUntilMs),
    isOurs: (partition) => ours().some((one) => one === partition),
    want(wanted, seconds) {
      leaseSeconds = Math.max(leaseSeconds, seconds);
      const isKnown = wanted.every((target) => targets.has(target)) && recordedSeconds >= leaseSeconds;
      for (const target of wanted) targets.add(target);
      return isKnown;
    },
    held: (number) => held.get(number),
    inMemory() {
      const counts = [...held.values()].map(({ people }) => people.counts());
      return {
        people: counts.reduce((total, { people }) => total + people, 0),
        changes: counts.reduce((total, { changes }) => total + changes, 0),
      };
    },
    async round(nats, report) {
      if (targets.size === 0) return;
      const view = await owners.look(nats, report);
      if (view.isNew) validUntilMs = 0;
      const seconds = leaseSeconds;
      await compare(nats, view);
      await share(nats, view);
      recordedSeconds = seconds;
      validUntilMs = view.validUntilMs;
      opening ??= openThose(nats)
        .catch(deps.onError)
        .finally(() => {
          opening = undefined;
        });
    },
    async close(nats) {
      validUntilMs = 0;
      await opening;
      const all = [...held.values()];
      // Whoever is at somebody is not done: who comes after us waits for the lease.
      const done = all.filter(({ people }) => people.counts().leased === 0);
      for (const partition of all) lose(partition);
      await removeConsumers(
        nats,
        all.map(({ number }) => number),
      );
      await Promise.all(done.map(({ number, seq }) => owners.write(nats, number, record(seq, true))));
      if (targets.size > 0) await owners.leave(nats);
    },
  };
}

async function shut({ open }: Held): Promise<void> {
  const readers = [...open.values()];
  open.clear();
  await Promise.all(readers.map((reader) => reader.stop().catch(() => undefined)));
}

/** With the sequence of the record, so that nobody before or after has one of the same name. */
const consumerName = ({ number, seq }: Held, lane: Lane, target: string) =>
  `p${number}-${seq}-${lane}-${target}`;
const partitionOf = (consumer: string) => Number(/^p(\d+)-/.exec(consumer)?.[1] ?? -1);

const LOST = new Set(['consumer_not_found', 'consumer_deleted', 'stream_not_found']);
/** Resolves when nothing comes from it any more. */
async function watch(reader: ConsumerMessages): Promise<void> {
  for await (const { type } of reader.status()) if (LOST.has(type)) return;
}
