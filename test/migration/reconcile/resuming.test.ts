/** Twenty thousand people: killed at any moment a verification goes on, and its memory does not grow with them. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ReconcileDeps } from '../../../src/migration/reconcile/deps.ts';
import { differencesOf } from '../../../src/migration/reconcile/differences.ts';
import { reconcile } from '../../../src/migration/reconcile/reconcile.ts';
import type { Phase } from '../../../src/migration/reconcile/reconciliations.ts';
import type { ReconciliationReport } from '../../../src/migration/reconcile/report.ts';
import type { Errand } from './child.ts';
import { crowdConnection, isChanged, isGone, isMissing, writeCrowd } from './crowd.ts';
import type { World } from './world.ts';
import { openWorld, subOf } from './world.ts';

const SIZE = 20_000;
const MINUTES = 5 * 60_000;
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

interface Told {
  readonly phase: Phase;
  readonly users: number;
  /** 0: nobody looked. */
  readonly heapBytes: number;
}

let world: World;
let whole: Awaited<ReturnType<typeof inAProcess>>;
beforeAll(async () => {
  world = await openWorld();
  await writeCrowd(world, SIZE);
  whole = await inAProcess({ flags: ['--expose-gc'] });
  await forget(world);
}, MINUTES);
afterAll(() => world.close());

const forget = ({ sql }: World) =>
  sql('truncate compared_users, reconciled_users, differences, reconciliations');

/** Pages as they are told, until it ends or kills itself. */
async function inAProcess({ dieAt, flags = [] }: Pick<Errand, 'dieAt'> & { flags?: readonly string[] } = {}) {
  const errand: Errand = { place: world.place, size: SIZE, ...(dieAt ? { dieAt } : {}) };
  const child = spawn(process.execPath, [...flags, CHILD, JSON.stringify(errand)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('close', (_, signal) => resolve(signal));
  });
  const told: (Told & { readonly report?: ReconciliationReport })[] = [];
  for await (const line of createInterface({ input: child.stdout })) told.push(JSON.parse(line));
  const pages = told.filter(({ report }) => !report);
  return { signal: await ended, pages, report: told.find(({ report }) => report)?.report };
}

/** Of each thousand three differ and one is nobody of ours. */
async function expectAll({ db }: World, size: number, { id, people, differences }: ReconciliationReport) {
  const each = size / 1_000;
  expect(people).toMatchObject({ people: size - each, equal: size - 4 * each, differing: 3 * each });
  expect(people.foreign).toBe(each);
  expect(differences.byKind).toMatchObject({ missing: each, conflict: each, extra: each });
  const found = new Map<string, string>();
  for await (const { sub, kind } of differencesOf(db, id)) found.set(sub, kind);
  const numbers = Array.from({ length: size }, (_, at) => at + 1);
  const expected = numbers.flatMap((n) => {
    const kind = isMissing(n) ? 'missing' : isChanged(n) ? 'conflict' : isGone(n) ? 'extra' : undefined;
    return kind ? [[subOf(n), kind] as const] : [];
  });
  expect(found).toEqual(new Map(expected));
}

describe('a verification of twenty thousand', () => {
  test('holds one page of either side at a time, and a heap that does not grow', () => {
    const looks = whole.pages.filter(({ heapBytes }) => heapBytes > 0);
    expect(looks.length).toBeGreaterThan(10);
    const early = looks.find(({ users }) => users > SIZE / 10)!.heapBytes;
    const late = Math.max(...looks.slice(-3).map(({ heapBytes }) => heapBytes));
    expect(late - early).toBeLessThan(8 * 1_024 * 1_024);
  });

  test(
    'killed in every phase goes on, counts nobody twice, and finds what an undisturbed one finds',
    async () => {
      const deaths = [
        { phase: 'target', users: 6_000 },
        { phase: 'legacy', users: 30_000 },
        { phase: 'ledger', users: 0 },
      ] as const;
      for (const dieAt of deaths) expect((await inAProcess({ dieAt })).signal).toBe('SIGKILL');
      const last = await inAProcess();
      expect(last.signal).toBeNull();
      // What was done by those that were killed was not done again.
      expect(last.pages[0]!.users).toBeGreaterThan(2 * SIZE - 200);
      await expectAll(world, SIZE, last.report!);
      expect(last.report!.checksum).toBe(whole.report!.checksum);
      expect(last.report!.people).toEqual(whole.report!.people);
      expect(await world.sql('select from reconciliations')).toHaveLength(1);
    },
    MINUTES,
  );
});

describe('a verification of two thousand', () => {
  const FEW = 2_000;
  let few: World;
  beforeAll(async () => {
    few = await openWorld();
    await writeCrowd(few, FEW);
  });
  afterAll(() => few.close());
  beforeEach(() => forget(few));

  const verify = (more: Partial<ReconcileDeps> = {}) =>
    reconcile({ ...few.deps, connection: crowdConnection(few, FEW), ...more }, { actor: 'operator:test' });
  /** The legacy store, with something that happens whenever it begins to be read. */
  const meanwhile = (happens: () => Promise<unknown>): Pick<ReconcileDeps, 'directory'> => ({
    directory: {
      ...few.directory,
      async *entries(after?: string) {
        await happens();
        yield* few.directory.entries!(after);
      },
    },
  });

  test('asks for pages of some hundred at most', async () => {
    let largest = 0;
    const seen = (length: number) => {
      largest = Math.max(largest, length);
    };
    const { ledger } = few.deps;
    const report = await verify({
      connection: crowdConnection(few, FEW, seen),
      ledger: {
        page: (target, after, limit) => {
          seen(limit);
          return ledger.page(target, after, limit);
        },
        of: (target, subs) => {
          seen(subs.length);
          return ledger.of(target, subs);
        },
      },
    });
    await expectAll(few, FEW, report);
    expect(largest).toBe(500);
  });

  test('reads the target again when our server has crashed, which empties what was written of it', async () => {
    let crashes = 1;
    const crash = async () => {
      if (crashes-- > 0) await few.sql('truncate reconciled_users');
    };
    await expectAll(few, FEW, await verify(meanwhile(crash)));
  });

  test('gives up when it crashes again and again, and goes on the next time', async () => {
    const crash = () => few.sql('truncate reconciled_users');
    await expect(verify(meanwhile(crash))).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expectAll(few, FEW, await verify());
  });

  test('stops where another process has gone on with it, and leaves that one alone', async () => {
    let second: ReconciliationReport | undefined;
    const overtake = async () => {
      second ??= await verify();
    };
    await expect(verify(meanwhile(overtake))).rejects.toMatchObject({ code: 'batch_state' });
    await expectAll(few, FEW, second!);
  });
});
