/** Finds and makes the legacy app's sessions in the Redis (or Valkey) that its framework keeps them in. */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { secret } from '../../settings.ts';
import type { LegacyApp, LegacyAppKind } from '../legacy-app.ts';
import { commonSettings, optionalKeys } from '../legacy-app.ts';
import type { SessionStore } from '../stored/session-store.ts';
import { openStoredApp } from '../stored/stored-app.ts';
import { formatOf, openFormat, storedSettings } from '../stored/stored-settings.ts';

const settings = z
  .strictObject({
    kind: z.literal('redis').describe('We find and make its sessions in its Redis or Valkey.'),
    ...commonSettings,
    ...optionalKeys,
    url: secret
      .refine((url) => isRedisUrl(url.reveal()), {
        error: 'expected redis://user:password@host:port/database, or rediss:// for TLS',
      })
      .describe('redis://user:password@host:port/database; rediss:// for TLS.'),
    ca: secret
      .exactOptional()
      .describe(
        'With rediss: the certificate authority of the server, as PEM; by default the well-known ones.',
      ),
    prefix: z
      .string()
      .max(200)
      .exactOptional()
      .describe('What stands before the session’s id in its key; by default the framework’s own.'),
    ...storedSettings,
  })
  .superRefine(({ prefix, framework, url, ca }, context) => {
    const fail = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (prefix === undefined && !formatOf(framework).redis)
      fail('prefix', `${framework.format} has none of its own: say here what stands before a session’s id`);
    if (ca && !url.reveal().startsWith('rediss:')) fail('ca', 'only with rediss://');
  });
type RedisSettings = z.output<typeof settings>;

export const redis: LegacyAppKind<typeof settings> = {
  settings,
  open: (app, deps): LegacyApp =>
    openStoredApp(app, openFormat(app.framework), { store: openRedisStore(app), deps }),
};

function isRedisUrl(text: string): boolean {
  try {
    const { protocol, hostname, pathname } = new URL(text);
    return /^rediss?:$/.test(protocol) && hostname !== '' && /^(?:\/\d{0,5})?$/.test(pathname);
  } catch {
    return false;
  }
}

function openRedisStore(app: RedisSettings): SessionStore {
  const { ask, close } = connection(app);
  const prefix = app.prefix ?? formatOf(app.framework).redis?.prefix ?? '';
  return {
    async read(key) {
      // One after the other on one connection: a session that ends in between has no time left.
      const [data, leftMs] = await Promise.all([
        ask(['GET', prefix + key]).catch(nothingIfNoText),
        ask(['PTTL', prefix + key]),
      ]);
      const left = Number(leftMs);
      if (!Buffer.isBuffer(data) || left === GONE) return undefined;
      return { data, ...(left < 0 ? {} : { expiresAt: Math.floor((Date.now() + left) / 1_000) }) };
    },
    async insert({ key, data, now, expiresAt }) {
      const seconds = String(expiresAt - now);
      const done = await ask(['SET', prefix + key, Buffer.from(data), 'EX', seconds, 'NX']);
      if (done === null) throw unavailable('a key is there already');
    },
    // GT: of two times the later one counts (Redis 7). What never ends ends later than that.
    extend: async (key, until) => void (await ask(['PEXPIREAT', prefix + key, String(until * 1_000), 'GT'])),
    remove: async (key) => void (await ask(['DEL', prefix + key])),
    close,
  };
}

/** What PTTL says of a key that is not there. */
const GONE = -2;

/** Another kind of value than a session's: somebody else's key. */
function nothingIfNoText(error: unknown): undefined {
  if (error instanceof FootbridgeError && error.detail === 'redis WRONGTYPE') return undefined;
  throw error;
}

type Argument = string | Buffer;
interface Client {
  /** False: the connection is lost. */
  readonly isReady: boolean;
  send(args: Argument[]): Promise<unknown>;
  /** Whatever waits fails. */
  destroy(): void;
}

/** Questions under way at once; more fail. */
const MAX_WAITING = 1_000;
/** RESP’s mark for texts of a known length. */
const BULK_STRING = 36;

/** A connection is made by the first question, and by the first one after it was lost. */
function connection(settings: RedisSettings) {
  let current: Promise<Client> | undefined;
  let isClosed = false;
  const drop = (opening: Promise<Client> | undefined) => {
    if (current === opening) current = undefined;
    opening?.then(
      (client) => client.destroy(),
      () => undefined,
    );
  };
  const opened = async (isAgain = false): Promise<Client> => {
    if (isClosed) throw unavailable('closed');
    current ??= connect(settings);
    const opening = current;
    try {
      const client = await opening;
      if (client.isReady || isAgain) return client;
    } catch (error) {
      drop(opening);
      throw unavailable(codeOf(error));
    }
    drop(opening);
    return opened(true);
  };

  return {
    async ask(args: Argument[]): Promise<unknown> {
      const client = await opened();
      // A reply that does not come holds up all behind it: only another connection helps.
      const limit = setTimeout(() => client.destroy(), settings.timeoutMs);
      try {
        return await client.send(args);
      } catch (error) {
        throw unavailable(codeOf(error));
      } finally {
        clearTimeout(limit);
      }
    },
    async close() {
      isClosed = true;
      drop(current);
    },
  };
}

async function connect({ url, ca, timeoutMs }: RedisSettings): Promise<Client> {
  const { createClient } = await import('@redis/client');
  const client = createClient({
    url: url.reveal(),
    // A lost one is replaced when somebody asks: nothing goes on by itself.
    socket: { connectTimeout: timeoutMs, reconnectStrategy: false, ...(ca ? { ca: ca.reveal() } : {}) },
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    // As old servers speak it, too; nothing of the newer one is used.
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  });
  // Whoever waits is told by their own promise; without a listener the process would end.
  client.on('error', () => undefined);
  // The client’s own limit is for the network alone, not for what the server says then.
  const limit = setTimeout(() => client.destroy(), timeoutMs);
  try {
    await client.connect();
  } catch (error) {
    client.destroy();
    throw error;
  } finally {
    clearTimeout(limit);
  }
  const options = { typeMapping: { [BULK_STRING]: Buffer } };
  return {
    get isReady() {
      return client.isReady;
    },
    send: (args) => client.sendCommand(args, options),
    destroy: () => client.destroy(),
  };
}

/** A reply’s first word (WRONGPASS, LOADING), the network’s code, or what the client calls it; never a text. */
function codeOf(error: unknown): string {
  const { code, message = '', constructor: kind } = error as NodeJS.ErrnoException;
  return [code, /^[A-Z]{2,20}(?= )/.exec(message)?.[0], kind?.name].find(
    (word) => word && /^\w{2,60}$/.test(word),
  ) as string;
}

const unavailable = (what: string) =>
  new FootbridgeError('legacy_unavailable', { detail: `redis ${what}`, retryAfterSeconds: 2 });
