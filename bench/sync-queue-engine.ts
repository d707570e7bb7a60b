/** One engine of the queue, measured in a process of its own: `sync-queue-engine.ts <engine> <url> <prefix> <changes> <people>`. */
import { openDb } from '../src/store/db.ts';
import type { Change, ChangeQueue, Lane, Turn } from '../src/sync/queue/change-queue.ts';
import { openNatsQueue } from '../src/sync/queue/nats-queue.ts';
import { openPostgresQueue } from '../src/sync/queue/postgres-queue.ts';

export interface Measured {
  readonly put: number;
  readonly turns1: number;
  readonly turns4: number;
  readonly both: number;
  readonly isInOrder: boolean;
  readonly backlogPut: number;
  readonly backlogDone: number;
  /** p50, p95, p99. */
  readonly liveMs: readonly number[];
  /** Before, in the middle, at the end. */
  readonly rssMb: readonly number[];
}

const TARGET = 'bench';
const AT_ONCE = 500;
const BATCH = 100;
const EDIT_EVERY_MS = 20;
const [engine, url, prefix, changes, people] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const CHANGES = Number(changes);
const PEOPLE = Number(people);

const queue = engine === 'nats' ? openNats() : openPostgresQueue(openDb({ url }));
await ready();
const measured = await all();
console.log(JSON.stringify(measured));
process.exit(0);

function openNats(): ChangeQueue {
  return openNatsQueue(
    { engine: 'nats', servers: [url], partitions: 16, replicas: 1, prefix },
    { targets: [TARGET], onError: () => undefined },
  );
}

async function ready(): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await queue.take({ targets: [TARGET], limit: 1, leaseSeconds: 60 });
      await queue.stats();
      return;
    } catch (error) {
      if (tries > 100) throw error;
      await pause(100);
    }
  }
}

async function all(): Promise<Measured> {
  await filled(5_000, 'warm', 'live');
  await drained(4, 5_000);
  const put = await filled(CHANGES, 'one', 'live');
  const turns1 = await drained(1, CHANGES);
  await filled(CHANGES, 'four', 'live');
  const turns4 = await drained(4, CHANGES);
  const { both, isInOrder } = await together();
  return { put, turns1, turns4, both, isInOrder, ...(await backlog()) };
}

/** Puts people who are all different; people a second. */
async function filled(count: number, name: string, lane: Lane): Promise<number> {
  const startMs = performance.now();
  for (let at = 0; at < count; at += AT_ONCE)
    await queue.put(
      Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, index) =>
        change({ id: `${name}-${at + index}`, person: `${name}:${at + index}`, lane }),
      ),
    );
  return perSecond(count, startMs);
}

/** Turns a second. */
async function drained(takers: number, count: number): Promise<number> {
  const startMs = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: takers }, async () => {
      while (done < count) {
        const turns = await taken();
        done += turns.length;
      }
    }),
  );
  return perSecond(count, startMs);
}

/** What was put is taken meanwhile; each person's versions have to come in order, and the last of each has to come. */
async function together(): Promise<Pick<Measured, 'both' | 'isInOrder'>> {
  const somebody = 2_000;
  const put = new Map<string, number>();
  const seen = new Map<string, number>();
  let isInOrder = true;
  let isPut = false;
  const startMs = performance.now();
  const putting = async () => {
    for (let at = 0; at < CHANGES; at += AT_ONCE)
      await queue.put(
        Array.from({ length: AT_ONCE }, (_, index) => {
          const person = `both:${(at + index) % somebody}`;
          const version = (put.get(person) ?? 0) + 1;
          put.set(person, version);
          return change({ id: `both-${at + index}`, person, lane: 'live', version });
        }),
      );
    isPut = true;
  };
  const isDone = () => isPut && [...put].every(([person, version]) => seen.get(person) === version);
  const taking = async () => {
    while (!isDone()) {
      for (const { person, hint } of await taken()) {
        const version = Date.parse(hint.legacyAt!);
        if (version < (seen.get(person) ?? 0)) isInOrder = false;
        seen.set(person, Math.max(version, seen.get(person) ?? 0));
      }
    }
  };
  await Promise.all([putting(), ...Array.from({ length: 4 }, taking)]);
  return { both: perSecond(CHANGES, startMs), isInOrder };
}

async function backlog(): Promise<Pick<Measured, 'backlogPut' | 'backlogDone' | 'liveMs' | 'rssMb'>> {
  const rssMb = [rss()];
  const backlogPut = await filled(PEOPLE, 'backlog', 'backlog');
  const editedAt = new Map<string, number>();
  const liveMs: number[] = [];
  let done = 0;
  let edits = 0;
  const startMs = performance.now();
  const editing = async () => {
    while (done < PEOPLE) {
      const person = `live:${edits++}`;
      editedAt.set(person, performance.now());
      await queue.put([change({ id: `edit-${edits}`, person, lane: 'live' })]);
      await pause(EDIT_EVERY_MS);
    }
  };
  const taking = async () => {
    while (done < PEOPLE || editedAt.size > 0) {
      const turns = await taken((turn) => {
        const editMs = editedAt.get(turn.person);
        if (editMs !== undefined) liveMs.push(performance.now() - editMs);
        editedAt.delete(turn.person);
      });
      done += turns.filter(({ person }) => person.startsWith('backlog:')).length;
      if (rssMb.length === 1 && done > PEOPLE / 2) rssMb.push(rss());
    }
  };
  await Promise.all([editing(), ...Array.from({ length: 4 }, taking)]);
  const sorted = liveMs.sort((a, b) => a - b);
  const share = (of: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))] ?? Number.NaN;
  return {
    backlogPut,
    backlogDone: perSecond(PEOPLE, startMs),
    liveMs: [share(0.5), share(0.95), share(0.99)],
    rssMb: [...rssMb, rss()],
  };
}

/** Some turns, settled. */
async function taken(look: (turn: Turn) => void = () => undefined): Promise<readonly Turn[]> {
  const turns = await queue.take({ targets: [TARGET], limit: BATCH, leaseSeconds: 60 });
  for (const turn of turns) look(turn);
  if (turns.length === 0) await pause(2);
  await queue.settle(turns.map((turn) => ({ turn, result: 'done' })));
  return turns;
}

function change({
  version = 1,
  ...one
}: { readonly version?: number } & Pick<Change, 'id' | 'person' | 'lane'>): Change {
  return { ...one, source: 'bench', target: TARGET, hint: { legacyAt: new Date(version).toISOString() } };
}

function perSecond(count: number, startMs: number): number {
  return count / ((performance.now() - startMs) / 1_000);
}

function rss(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 1024 ** 2;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
