/**
 * One connection of its own that only watches: it notices at once when the database goes away, and when it is back.
 * It is not from the pool, so a busy pool is never taken for a dead server. That it ends says nothing yet: somebody may
 * have ended this one. Only when the next one fails, or nothing is answered, is the server away (security.md R12).
 */
import pg from 'pg';

export interface Watch {
  /** False from the moment the server did not answer until the next connection stands. */
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
  let connectedMs = Number.NEGATIVE_INFINITY;

  const set = (up: boolean) => {
    if (state.up === up) return;
    state.up = up;
    onChange(up);
  };
  const lost = (gone: pg.Client, { isAway }: { isAway: boolean }) => {
    if (client !== gone) return;
    client = undefined;
    gone.end().catch(() => undefined);
    if (state.closed) return;
    if (isAway) set(false);
    // A server that takes connections only to end them is not asked without a pause.
    const atOnce = state.up && performance.now() - connectedMs > RETRY_MS;
    timer = setTimeout(connect, atOnce ? 0 : RETRY_MS);
  };
  const probe = async (current: pg.Client) => {
    if (client !== current) return;
    const outcome = await Promise.race([
      current.query('select 1').then(
        () => 'answered',
        () => 'ended',
      ),
      new Promise<string>((resolve) => setTimeout(resolve, PROBE_MS, 'silent').unref()),
    ]);
    if (outcome !== 'answered') return lost(current, { isAway: outcome === 'silent' });
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
    const stage = { isAway: true };
    made.on('error', () => lost(made, stage));
    made.on('end', () => lost(made, stage));
    try {
      await made.connect();
    } catch {
      return lost(made, stage);
    }
    stage.isAway = false;
    connectedMs = performance.now();
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
