import { afterAll, beforeAll } from 'vitest';
import type { Db } from '../../../src/store/db.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import type { ChangeQueue } from '../../../src/sync/queue/change-queue.ts';
import { openPostgresQueue } from '../../../src/sync/queue/postgres-queue.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import { changeQueueContract } from './change-queue-contract.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

changeQueueContract('the queue in PostgreSQL', async () => {
  const open: Db[] = [];
  const first = openDb({ url: database.url });
  await first.run(statement('delete from sync_turns'));
  await first.run(statement('delete from sync_changes'));
  open.push(first);
  const nodes = new Map<ChangeQueue, Db>();
  return {
    open: async () => {
      const db = openDb({ url: database.url });
      open.push(db);
      const queue = openPostgresQueue(db);
      nodes.set(queue, db);
      return queue;
    },
    kill: async (queue) => {
      const db = nodes.get(queue)!;
      open.splice(open.indexOf(db), 1);
      await db.close();
    },
    close: async () => {
      for (const db of open) await db.close();
    },
  };
});
