/** The users' collection behind a client that is made when first asked, and what goes wrong with it. */
import type { Collection, Db, Document, MongoClient } from 'mongodb';
import { FootbridgeError } from '../../../errors.ts';
import type { Driver } from './driver.ts';
import { loadDriver } from './driver.ts';
import type { MongodbSettings } from './mongodb-settings.ts';

export interface Opened {
  readonly driver: Driver;
  readonly db: Db;
  readonly users: Collection<Document>;
}

export interface Store {
  /** Throws legacy_unavailable. */
  use<T>(work: (opened: Opened) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function storeAt(url: string, settings: MongodbSettings, limitMs: number): Store {
  let client: Promise<MongoClient> | undefined;
  let driver: Driver;
  const open = async (): Promise<MongoClient> => {
    driver = await loadDriver();
    return new driver.MongoClient(url, {
      appName: 'footbridge',
      maxPoolSize: settings.poolSize,
      readPreference: settings.readPreference,
      serverSelectionTimeoutMS: limitMs,
      connectTimeoutMS: limitMs,
      waitQueueTimeoutMS: limitMs,
      socketTimeoutMS: limitMs,
    });
  };
  // The driver is loaded at once, so that the first login does not pay for it.
  loadDriver().catch(() => undefined);
  return {
    async use(work) {
      try {
        client ??= open();
        const db = (await client).db(settings.database);
        return await work({ driver, db, users: db.collection(settings.collection) });
      } catch (error) {
        throw error instanceof FootbridgeError ? error : unavailable(error);
      }
    },
    async close() {
      await (await client?.catch(() => undefined))?.close();
    },
  };
}

/** Never the error itself: servers and drivers put commands, hosts with passwords and values into what they say. */
function unavailable(thrown: unknown): FootbridgeError {
  const { code, codeName, name } = thrown as { code?: unknown; codeName?: unknown; name?: unknown };
  const parts = [name, code, codeName].filter(
    (part) => (typeof part === 'string' || typeof part === 'number') && /^\w{1,60}$/.test(String(part)),
  );
  const detail = `mongodb ${parts.join(' ') || 'failed'}`;
  return new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: 2 });
}
