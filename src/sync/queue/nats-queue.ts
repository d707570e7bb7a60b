/**
 * The queue of turns in NATS JetStream. What is put is a message in the partition that its person belongs to; each partition is one
 * node's at a time, which holds a window of it in memory, makes one turn of all that is about one person, and acknowledges the
 * messages when it is settled. Who has to wait, or is dead, is a record. See docs/sync-scaling.md.
 */
import { randomUUID } from 'node:crypto';
import { isFootbridgeError } from '../../errors.ts';
import type { ChangeQueue } from './change-queue.ts';
import type { NatsSettings } from './nats-connection.ts';
import { openNatsLink } from './nats-connection.ts';
import { keptRecords } from './nats-kept.ts';
import { deadLetters, redrive, replay } from './nats-letters.ts';
import { openOwners } from './nats-owners.ts';
import { openPartitions } from './nats-partitions.ts';
import { identified, publish } from './nats-putting.ts';
import { ownReport, readStats } from './nats-stats.ts';
import { namesOf, prepareStreams } from './nats-streams.ts';
import { openTurns } from './nats-turns.ts';

export interface NatsQueueOptions {
  /** Those of the settings, whose numbers are told. */
  readonly targets: readonly string[];
  readonly onError: (error: unknown) => void;
  /** How long what was heard can be had again. */
  readonly keepDays?: number;
  /** Of what waits: when it is reached, `put` throws backlog_full. */
  readonly maxBytes?: number;
  /** How long a node that is silent counts as there. */
  readonly nodeSeconds?: number;
}

export interface NatsQueue extends ChangeQueue {
  /** What this node has in memory. It has a bound, whatever waits at the server. */
  held(): { readonly people: number; readonly changes: number };
}

const MAX_BYTES = 4 * 1024 ** 3;
/** So often, in the time after which it would count as gone, a node says that it is there. */
const ROUNDS = 6;

/** Opening never fails because NATS is down: it connects by itself, and what is asked before throws storage_unavailable. */
export function openNatsQueue(settings: NatsSettings, options: NatsQueueOptions): NatsQueue {
  const { targets, onError, keepDays = 14, maxBytes = MAX_BYTES, nodeSeconds = 6 } = options;
  const nodeMs = nodeSeconds * 1_000;
  const names = namesOf(settings);
  const node = randomUUID();
  const elapsed = () => performance.now();
  const kept = keptRecords(names);
  const listeners = new Set<() => void>();
  const told = oncePerTurn(() => {
    for (const listener of listeners) listener();
  });
  const owners = openOwners(names, { node, nodeMs, elapsed });
  const common = { names, kept, elapsed, onError };
  const partitions = openPartitions({ ...common, count: settings.partitions, node, owners, onHeard: told });
  const turns = openTurns({ ...common, partitions });
  const own = { names, partitions, node, targets };
  const rounds = openRounds({
    everyMs: nodeMs / ROUNDS,
    round: () => link.use((nats) => partitions.round(nats, ownReport(own))),
    onError,
  });
  const link = openNatsLink(settings, {
    prepare: (nats) => prepareStreams(nats, settings, { maxBytes, nodeMs, keepDays }),
    onUp: rounds.now,
    onError,
  });

  return {
    async put(changes) {
      const messages = changes.map(identified);
      if (messages.length === 0) return 0;
      const isNew = await link.use((nats) => publish(nats, names, { messages, isLogged: true }));
      if (isNew > 0) told();
      return isNew;
    },
    async take(wanted) {
      if (wanted.limit <= 0 || wanted.targets.length === 0) return [];
      return link.use(async (nats) => {
        if (partitions.want(wanted.targets, wanted.leaseSeconds)) return turns.take(nats, wanted);
        rounds.now();
        return [];
      });
    },
    async settle(settlements) {
      if (settlements.length > 0) await link.use((nats) => turns.settle(nats, settlements));
    },
    stats: () => link.use((nats) => readStats(nats, own)),
    onPut(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    dead: (wanted) => link.use((nats) => deadLetters(nats, { names, kept }, wanted)),
    redrive: (wanted) => link.use((nats) => redrive(nats, { names, kept }, wanted)),
    replay: (wanted) => link.use((nats) => replay(nats, { names, kept }, wanted)),
    held: partitions.inMemory,
    async close() {
      await rounds.stop();
      await link.use((nats) => partitions.close(nats)).catch(() => undefined);
      await link.close();
    },
  };
}

/** Of many calls at a time, one. */
function oncePerTurn(work: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      work();
    });
  };
}

interface RoundsDeps {
  readonly everyMs: number;
  readonly round: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** One after the other. */
function openRounds({ everyMs, round, onError }: RoundsDeps) {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isAgain = false;
  let isStopped = false;
  const now = () => {
    isAgain = running !== undefined;
    if (isAgain || isStopped) return;
    clearTimeout(timer);
    running = round()
      // The connection tells of itself.
      .catch((error) => (isFootbridgeError(error, 'storage_unavailable') ? undefined : onError(error)))
      .then(() => {
        running = undefined;
        if (isAgain) now();
        else if (!isStopped) timer = setTimeout(now, everyMs);
      });
  };
  return {
    now,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
