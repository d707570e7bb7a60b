/**
 * One connection of its own that only watches: it notices at once when the database goes away, and when it is back.
 * It is not from the pool, so a busy pool is never taken for a dead server.
 */
import pg from 'pg';

export interface Watch {
  /** False from the moment the connection broke until the next one stands. */
  readonly up: boolean;
  close(): Promise<void>;
}

const RETRY_MS = 500;
const CONNECT_TIMEOUT_MS = 2_000;
/** A server that vanished without a word is noticed by this many ms of silence. */
const PROBE_MS = 2_000;

export async function watchDatabase(url: string, onChange: (up: boolean) => void): Promise<Watch> {
  const state = { up: false, closed: false };
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;

  const set = (up: boolean) => {
    if (state.up === up) return;
    state.up = up;
    onChange(up);
  };
  const lost = (gone: pg.Client) => {
    if (client !== gone) return;
    client = undefined;
    set(false);
    gone.end().catch(() => undefined);
    if (!state.closed) timer = setTimeout(connect, RETRY_MS);
  };
  const probe = async (current: pg.Client) => {
    if (client !== current) return;
    const answered = await Promise.race([
      current.query('select 1').then(
        () => true,
        () => false,
      ),
      new Promise<boolean>((resolve) => setTimeout(resolve, PROBE_MS, false).unref()),
    ]);
    if (!answered) return lost(current);
    timer = setTimeout(probe, PROBE_MS, current).unref();
  };
  const connect = async (): Promise<void> => {
    const made = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'footbridge watch',
    });
    client = made;
    made.on('error', () => lost(made));
    made.on('end', () => lost(made));
    try {
      await made.connect();
    } catch {
      return lost(made);
    }
    if (state.closed) return void made.end().catch(() => undefined);
    set(true);
    await probe(made);
  };
  await connect();
  return {
    get up() {
      return state.up;
    },
    async close() {
      state.closed = true;
      clearTimeout(timer);
      const current = client;
      client = undefined;
      await current?.end().catch(() => undefined);
    },
  };
}
