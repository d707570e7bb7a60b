/** Turns: whom one is given, and what becomes of it. */
import { randomUUID } from 'node:crypto';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { ChangeQueue, Hint, Lane, Settlement, Turn } from './change-queue.ts';
import { mergeHints } from './hints.ts';
import type { Nats } from './nats-connection.ts';
import { ANSWER_MS, natsError } from './nats-connection.ts';
import type { KeptRecord, KeptRecords } from './nats-kept.ts';
import type { Partition, Partitions } from './nats-partitions.ts';
import type { Kept, Lease, Person } from './nats-people.ts';
import type { Names } from './nats-streams.ts';
import { keyOf } from './nats-streams.ts';

export interface TurnsDeps {
  readonly names: Names;
  readonly partitions: Partitions;
  readonly kept: KeptRecords;
  readonly elapsed: () => number;
  readonly onError: (error: unknown) => void;
}

/** Somebody who was chosen. */
interface Chosen {
  readonly partition: Partition;
  readonly person: Person;
  readonly lease: Lease;
}

const LANES_IN_ORDER: readonly Lane[] = ['live', 'backlog'];

export function openTurns(deps: TurnsDeps) {
  /** Where the last taker stopped: each partition has its turn. */
  let next = 0;

  const choose = (options: Parameters<ChangeQueue['take']>[0]): Chosen[] => {
    const takeable = deps.partitions.takeable();
    const first = next++ % (takeable.length || 1);
    const turned = [...takeable.slice(first), ...takeable.slice(0, first)];
    const now = { nowMs: Date.now(), elapsedMs: deps.elapsed() };
    for (const { people } of turned) people.advance(now);
    const chosen: Chosen[] = [];
    for (const lane of LANES_IN_ORDER)
      for (const partition of turned)
        for (const target of options.targets)
          for (const person of partition.people.due(target, lane, options.limit - chosen.length)) {
            const untilMs = now.elapsedMs + options.leaseSeconds * 1_000;
            const lease = partition.people.lease(person, { ticket: randomUUID(), untilMs });
            chosen.push({ partition, person, lease });
          }
    return chosen;
  };

  return {
    async take(nats: Nats, options: Parameters<ChangeQueue['take']>[0]): Promise<Turn[]> {
      const chosen = choose(options);
      try {
        const turns = await Promise.all(chosen.map((one) => turnOf(nats, deps.kept, one)));
        return turns.filter((turn) => turn !== undefined);
      } catch (error) {
        for (const { partition, person, lease } of chosen)
          if (person.lease === lease) partition.people.released(person);
        throw error;
      }
    },
    settle: (nats: Nats, settlements: readonly Settlement[]) => settle(nats, deps, settlements),
  };
}

/** What is kept is read now, and merged with what was heard since. Undefined: there was nothing left of it. */
async function turnOf(
  nats: Nats,
  records: KeptRecords,
  { partition, person, lease }: Chosen,
): Promise<Turn | undefined> {
  const kept = (await Promise.all(lease.kept.map((one) => records.read(nats, one)))).filter(
    (record) => record !== undefined,
  );
  const heard = [...person.heard.values()]
    .filter(({ seq }) => lease.seqs.has(seq))
    .sort((a, b) => a.seq - b.seq);
  const name = person.name ?? kept[0]?.person;
  if (name === undefined || (kept.length === 0 && heard.length === 0)) {
    partition.people.settled(person, []);
    return undefined;
  }
  person.name = name;
  const turn: Turn = {
    target: person.target,
    person: name,
    lane: [...heard, ...kept].some(({ lane }) => lane === 'live') ? 'live' : 'backlog',
    hint: [...kept, ...heard].reduce<Hint>((all, { hint }) => mergeHints(all, hint), {}),
    attempts: Math.max(0, ...kept.map(({ isDead, attempts }) => (isDead ? 0 : attempts))),
    since: new Date(Math.min(...[...heard, ...kept].map(({ sinceMs }) => sinceMs))).toISOString(),
    ticket: lease.ticket,
  };
  lease.turn = turn;
  return turn;
}

interface Settling extends Chosen {
  readonly settlement: Settlement;
  readonly turn: Turn;
}

async function settle(nats: Nats, deps: TurnsDeps, settlements: readonly Settlement[]): Promise<void> {
  const settling = settlements.flatMap((settlement) => found(deps, settlement) ?? []);
  if (!settling.every(({ partition }) => deps.partitions.isOurs(partition)))
    throw new FootbridgeError('storage_unavailable', { detail: 'NATS was away and is being read again' });
  for (const { lease } of settling) lease.isSettling = true;
  try {
    const kept = await Promise.all(settling.map((one) => keep(nats, deps, one)));
    const written = settling.flatMap((one, index) => (kept[index] ? [{ one, now: kept[index] }] : []));
    await acknowledge(
      nats,
      written.map(({ one }) => one),
    );
    await Promise.all(written.map(({ one, now }) => forget(nats, deps, one, now)));
    for (const { one, now } of written)
      if (one.person.lease === one.lease) one.partition.people.settled(one.person, now);
  } finally {
    // Who is not settled by now stays somebody's until the lease runs out.
    for (const { lease } of settling) lease.isSettling = false;
  }
}

/** Undefined: it is nobody's business any more. */
function found({ names, partitions, elapsed }: TurnsDeps, settlement: Settlement): Settling | undefined {
  const { turn } = settlement;
  const key = keyOf(turn.target, turn.person);
  const partition = partitions.held(names.partitionOf(key));
  const person = partition?.people.get(key);
  const lease = person?.lease;
  if (!partition || !person || !lease?.turn || lease.ticket !== turn.ticket) return undefined;
  if (lease.isSettling || lease.untilMs <= elapsed()) return undefined;
  return { partition, person, lease, settlement, turn: lease.turn };
}

/** The records that are true from now on; undefined: it could not be settled. */
async function keep(
  nats: Nats,
  { names, kept, onError }: TurnsDeps,
  one: Settling,
): Promise<readonly Kept[] | undefined> {
  const { settlement, turn, person, partition, lease } = one;
  if (settlement.result === 'done') return [];
  const isMeanwhile = [...person.heard.keys()].some((seq) => !lease.seqs.has(seq));
  const isDead = settlement.result === 'dead' && !isMeanwhile;
  const counts = settlement.result === 'dead' || settlement.counts;
  const waitMs = settlement.result === 'later' ? Math.max(0, settlement.seconds) * 1_000 : 0;
  const record: KeptRecord = {
    target: turn.target,
    person: turn.person,
    lane: turn.lane,
    hint: turn.hint,
    attempts: turn.attempts + (counts ? 1 : 0),
    sinceMs: Date.parse(turn.since),
    problem: settlement.problem,
    atMs: isDead || waitMs > 0 ? Date.now() + waitMs : 0,
    isDead,
  };
  try {
    const at = { key: keyOf(turn.target, turn.person), partition: partition.number };
    const written = await kept.write(nats, at, { record, over: lease.kept });
    if (!written)
      onError(
        new FootbridgeError('internal', { detail: `${names.kept}: a record was written by somebody else` }),
      );
    return written && [written];
  } catch (error) {
    // Too many are kept already: this one has the turn again when the lease runs out.
    if (!isFootbridgeError(natsError(error), 'backlog_full')) throw error;
    onError(natsError(error));
    return undefined;
  }
}

/** The messages that the turns were about are gone. */
async function acknowledge({ nc }: Nats, settling: readonly Settling[]): Promise<void> {
  const acks = settling.flatMap(({ person, lease }) =>
    [...lease.seqs].flatMap((seq) => person.heard.get(seq)?.ack ?? []),
  );
  // A consumer takes what it is sent in that order: that the last one is taken says it of all.
  await Promise.all(
    [...Map.groupBy(acks, consumerOf).values()].map((own) => {
      for (const ack of own.slice(0, -1)) nc.publish(ack, ACK);
      return nc.request(own.at(-1)!, ACK, { timeout: ANSWER_MS });
    }),
  );
}

const ACK = '+ACK';
/** Without what comes after the consumer's name: `$JS.ACK.<stream>.<consumer>.…` (ADR-15), of newer servers with two more before. */
const consumerOf = (ack: string) => ack.split('.').slice(0, -5).join('.');

/** The records that the turn was about and that nothing has taken the place of. */
async function forget(
  nats: Nats,
  { kept }: TurnsDeps,
  { lease }: Settling,
  now: readonly Kept[],
): Promise<void> {
  const old = lease.kept.filter(({ lane }) => now.every((one) => one.lane !== lane));
  await Promise.all(old.map((one) => kept.forget(nats, one)));
}
