/** Who waits, by target. Changes are counted until their turn is settled, so somebody of whom much was heard counts more than once. */
import type { QueueStats } from './change-queue.ts';
import type { Nats } from './nats-connection.ts';
import type { Partitions } from './nats-partitions.ts';
import type { People } from './nats-people.ts';
import { countOf, readThrough } from './nats-reading.ts';
import type { Names } from './nats-streams.ts';

/** What a node tells the others every second, by target: how many it is at, and how many of its own wait for another try. */
export interface NodeReport {
  readonly underWay: Readonly<Record<string, number>>;
  readonly waiting: Readonly<Record<string, number>>;
}

export interface StatsDeps {
  readonly names: Names;
  readonly partitions: Partitions;
  readonly node: string;
  readonly targets: readonly string[];
}

export function ownReport({ partitions, targets }: Pick<StatsDeps, 'partitions' | 'targets'>): NodeReport {
  const own = partitions.ours();
  for (const { people } of own) people.advance({ nowMs: Date.now(), elapsedMs: performance.now() });
  const by = (count: (people: People, target: string) => number) =>
    Object.fromEntries(
      targets.map((target) => [target, own.reduce((total, { people }) => total + count(people, target), 0)]),
    );
  return {
    underWay: by((people, target) => people.leasedOf(target)),
    waiting: by((people, target) => people.waitingOf(target)),
  };
}

export async function readStats(nats: Nats, deps: StatsDeps): Promise<QueueStats[]> {
  const reports = await othersReports(nats, deps);
  const stats = await Promise.all(deps.targets.map((target) => statsOf(nats, deps, { target, reports })));
  return stats.filter(({ live, backlog, dead }) => live + backlog + dead > 0);
}

async function othersReports(nats: Nats, deps: StatsDeps): Promise<NodeReport[]> {
  const reports = [ownReport(deps)];
  const reading = { stream: deps.names.nodes, subject: deps.names.nodeSubject('*') };
  for await (const page of readThrough(nats, reading))
    for (const { subject, data } of page)
      if (subject !== deps.names.nodeSubject(deps.node))
        reports.push(JSON.parse(Buffer.from(data).toString()));
  return reports;
}

async function statsOf(
  nats: Nats,
  { names }: StatsDeps,
  { target, reports }: { readonly target: string; readonly reports: readonly NodeReport[] },
): Promise<QueueStats> {
  const changes = (lane: 'live' | 'backlog') => ({
    stream: names.changes,
    subject: names.changeSubject(target, lane, '*'),
  });
  const kept = (lane: 'live' | 'backlog' | 'dead') =>
    countOf(nats, { stream: names.kept, subject: names.keptSubject({ target, lane }) });
  const [live, backlog, triedLive, triedBacklog, dead, oldestLiveSeconds, oldestBacklogSeconds] =
    await Promise.all([
      sumOf(nats, changes('live')),
      sumOf(nats, changes('backlog')),
      kept('live'),
      kept('backlog'),
      kept('dead'),
      ageOf(nats, changes('live')),
      ageOf(nats, changes('backlog')),
    ]);
  const sum = (of: (report: NodeReport) => Readonly<Record<string, number>>) =>
    reports.reduce((total, report) => total + (of(report)[target] ?? 0), 0);
  return {
    target,
    live: live + triedLive,
    backlog: backlog + triedBacklog,
    underWay: sum(({ underWay }) => underWay),
    waiting: sum(({ waiting }) => waiting),
    dead,
    oldestLiveSeconds,
    oldestBacklogSeconds,
  };
}

interface Lane {
  readonly stream: string;
  readonly subject: string;
}

/** By the counters of the stream: one for each partition. */
async function sumOf({ jsm }: Nats, { stream, subject }: Lane): Promise<number> {
  const { state } = await jsm.streams.info(stream, { subjects_filter: subject });
  return Object.values(state.subjects ?? {}).reduce((total, count) => total + count, 0);
}

async function ageOf({ jsm }: Nats, { stream, subject }: Lane): Promise<number> {
  // `next_by_subj` (NATS 2.9, STREAM.MSG.GET) is not in the driver's types.
  const first = { seq: 1, next_by_subj: subject };
  const oldest = await jsm.streams.getMessage(stream, first);
  return oldest ? Math.max(0, (Date.now() - oldest.time.getTime()) / 1_000) : 0;
}
