/** The queue that the settings name. It is opened when it is first asked: a command that needs none connects to nothing. */
import type { Db } from '../../store/db.ts';
import type { SyncSettings } from '../sync-settings.ts';
import type { ChangeQueue } from './change-queue.ts';
import { openNatsQueue } from './nats-queue.ts';
import { openPostgresQueue } from './postgres-queue.ts';

export interface QueueDeps {
  readonly db: Db;
  readonly onError: (error: unknown) => void;
}

export function openQueue({ queue, pairs, keepDays }: SyncSettings, { db, onError }: QueueDeps): ChangeQueue {
  if (queue.engine === 'postgresql') return openPostgresQueue(db);
  const targets = pairs.map(({ target }) => target);
  return lazily(() => openNatsQueue(queue, { targets, onError, keepDays }));
}

function lazily(open: () => ChangeQueue): ChangeQueue {
  let opened: ChangeQueue | undefined;
  const it = () => {
    opened ??= open();
    return opened;
  };
  return {
    put: (changes) => it().put(changes),
    take: (options) => it().take(options),
    settle: (settlements) => it().settle(settlements),
    stats: () => it().stats(),
    onPut: (listener) => it().onPut(listener),
    dead: (options) => it().dead(options),
    redrive: (options) => it().redrive(options),
    replay: (options) => it().replay(options),
    close: async () => opened?.close(),
  };
}
