/** A legacy store of many, an Ory in a process of its own, and nodes that are killed. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fillPeople } from '../../migration/batch/people.ts';
import { execute } from '../../support/database.ts';
import type { KratosState } from '../../support/kratos/index.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { BatchPlace } from './batch-place.ts';
import { openBatchPlace, TARGET } from './batch-place.ts';

const file = (name: string) => new URL(name, import.meta.url).pathname;

export interface BatchWorld {
  readonly place: BatchPlace;
  /** A node that is ready to begin. */
  node(batch: string, dieAfter?: string): Promise<Node>;
  planned(batch: string, pace: { readonly size: number; readonly workers: number }): Promise<void>;
  kratos(): Promise<KratosState>;
  faults(body: object): Promise<void>;
  sql(text: string): Promise<Record<string, unknown>[]>;
  legacySql(text: string): Promise<Record<string, unknown>[]>;
  readonly ours: ReturnType<typeof openBatchPlace>;
  close(): Promise<void>;
}

export interface Node {
  readonly process: ChildProcess;
  go(): void;
  /** The next lines; undefined when it has ended. */
  line(): Promise<string | undefined>;
  kill(): Promise<void>;
  ended(): Promise<number | null>;
}

export async function openBatchWorld(users: number, { flags = false } = {}): Promise<BatchWorld> {
  const [ours, legacy] = await Promise.all([testDatabase(), testDatabase({ empty: true })]);
  await fillPeople(legacy.url, users);
  const ory = spawn(process.execPath, [file('../../support/kratos/process.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: ory.stdout! });
  const [started] = (await once(lines, 'line')) as [string];
  const { url } = JSON.parse(started) as { url: string };
  const place = {
    ours: ours.url,
    legacy: legacy.url,
    kratos: url,
    masterKey: randomBytes(32).toString('base64'),
    flags,
  };
  const own = openBatchPlace(place);
  const nodes = new Set<ChildProcess>();
  const ask = async (path: string, body?: object) => {
    const response = await fetch(url + path, body ? { method: 'POST', body: JSON.stringify(body) } : {});
    return response.json();
  };
  return {
    place,
    ours: own,
    node: async (batch, dieAfter) => {
      const child = spawn(
        process.execPath,
        [file('worker-process.ts'), JSON.stringify({ place, batch, dieAfter })],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      nodes.add(child);
      const told = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
      const line = async () => (await told.next()).value as string | undefined;
      await line();
      const ended = () =>
        child.exitCode !== null || child.signalCode !== null
          ? Promise.resolve(child.exitCode)
          : once(child, 'exit').then(([code]) => code as number | null);
      return {
        process: child,
        go: () => void child.stdin!.write('go\n'),
        line,
        ended,
        kill: async () => {
          child.kill('SIGKILL');
          await ended();
        },
      };
    },
    planned: async (batch, pace) => {
      await own.batches.begin({
        id: batch,
        target: TARGET,
        plan: {},
        actor: 'operator:test',
        perSecond: null,
        ...pace,
      });
      for (let from = 1; from <= users; from += 1_000) {
        const many = Math.min(1_000, users - from + 1);
        const members = Array.from({ length: many }, (_, n) => ({
          sub: `shop:${from + n}`,
          legacyId: String(from + n),
          rank: 0,
        }));
        await own.batches.add(batch, members, members.at(-1)!.sub);
      }
      await own.batches.planned(batch, null);
      await own.batches.start(batch);
    },
    kratos: () => ask('/_state') as Promise<KratosState>,
    faults: async (body) => void (await ask('/_faults', body)),
    sql: (text) => execute(ours.url, text),
    legacySql: (text) => execute(legacy.url, text),
    close: async () => {
      for (const child of nodes) child.kill('SIGKILL');
      await own.close();
      ory.kill();
      await Promise.all([ours.drop(), legacy.drop()]);
    },
  };
}

/** Numbers from a seed (mulberry32), the same on every machine. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
