/** A batch that was brought to a target in memory, and is taken back: with the legacy store's own mark, and people who were there before us. */
import type { Directory } from '../../../src/legacy/directory.ts';
import { openDirectory } from '../../../src/legacy/directory.ts';
import type { BatchStatus } from '../../../src/migration/batch/batch.ts';
import type { EngineDeps } from '../../../src/migration/batch/engine.ts';
import { openBatchEngine } from '../../../src/migration/batch/engine.ts';
import type { UndoAsked } from '../../../src/migration/batch/undo-asked.ts';
import type { UndoEnd, UndoingDeps } from '../../../src/migration/batch/undoing.ts';
import { undoBatch } from '../../../src/migration/batch/undoing.ts';
import { openMover } from '../../../src/migration/moving/moving.ts';
import { targetUserIdOf } from '../../../src/migration/moving/target-user.ts';
import type { FoundUser } from '../../../src/targets/connection.ts';
import type { BatchStage } from './batch-stage.ts';
import { openBatchStage } from './batch-stage.ts';
import { legacyOf } from './people.ts';

/** The mark is in `moved`. */
const FLAG = { flag: { statement: 'update people set moved = :migrated where id::text = :id' } };

export interface UndoStage extends Omit<BatchStage, 'deps' | 'engine'> {
  readonly undoDeps: UndoingDeps;
  readonly deps: EngineDeps;
  readonly directory: Directory;
  /** Everybody in the store, sent as a batch of this name. */
  brought(id: string, pace?: Parameters<BatchStage['planned']>[1]): Promise<BatchStatus>;
  goOn(id: string): Promise<BatchStatus>;
  undo(id: string, asked?: UndoAsked, deps?: UndoingDeps, signal?: AbortSignal): Promise<UndoEnd>;
  /** Somebody who is linked to us at the target before anybody is sent. */
  putThere(sub: string, targetUserId?: string): string;
  /** The id that they get the next time, after so many removals. */
  idOf(sub: string, removals?: number): string;
  /** As the target has them: something was changed there. */
  change(sub: string, more: Partial<FoundUser>): void;
  /** How many have which value. */
  ledger(): Promise<Record<string, number>>;
  undone(id: string): Promise<Record<string, number>>;
  flagged(): Promise<number>;
}

export async function openUndoStage(users: number): Promise<UndoStage> {
  const stage = await openBatchStage(users);
  const directory = openDirectory(legacyOf(stage.legacy.url, FLAG));
  const mover = openMover({ ...stage.deps, directory } as Parameters<typeof openMover>[0]);
  const deps: EngineDeps = { ...stage.deps, directory, mover };
  const engine = openBatchEngine(deps);
  // As the operator's desk has it: people go back one by one.
  const undoDeps: UndoingDeps = { ...deps, db: stage.db };
  const idOf = (sub: string, removals = 0) => targetUserIdOf('main', sub, removals);
  const goOn = async (id: string) => {
    await stage.batches.start(id);
    return engine.run(id, { signal: AbortSignal.timeout(15_000) });
  };
  const counted = async (text: string, values: unknown[] = []) =>
    Object.fromEntries((await stage.sql(text, values)).map(({ name, n }) => [String(name), Number(n)]));
  return {
    ...{ ...stage, deps, undoDeps, directory, mover, idOf, goOn },
    brought: async (id, pace) => {
      await stage.planned(id, pace);
      return goOn(id);
    },
    undo: (id, asked = {}, given = undoDeps, signal = AbortSignal.timeout(15_000)) =>
      undoBatch(given, { id, asked, actor: 'operator:undoing' }, { signal }),
    putThere: (sub, targetUserId = `before-${sub}`) => {
      const username = `there-${targetUserId}`;
      stage.target.put({
        ...{ sub, targetUserId, username, legacyId: sub.slice(5), givenName: 'Was', familyName: 'There' },
        ...{ identityProviderLinks: [], metadata: {}, grants: [] },
      });
      return targetUserId;
    },
    change: (sub, more) => {
      const one = [...stage.target.people.values()].find(({ user }) => user.sub === sub)!;
      one.found = { ...one.found, ...more };
    },
    ledger: () => counted('select state as name, count(*) as n from ledger group by 1'),
    undone: (id) =>
      counted(
        `select coalesce(undone, '-') as name, count(*) as n from batch_users where batch = $1 group by 1`,
        [id],
      ),
    flagged: async () =>
      Number((await stage.legacySql('select count(*)::int as n from people where moved <> 0'))[0]?.n),
    close: async () => {
      await directory.close();
      await stage.close();
    },
  };
}
