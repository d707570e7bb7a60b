/**
 * One connection that PostgreSQL sends its log on (protocol-logical-replication, pgoutput version 1): committed
 * transactions, each whole, in the order of their commits. Of the rows nothing is kept but the ids of users.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { LogicalReplicationService, Pgoutput, PgoutputPlugin } from 'pg-logical-replication';
import { Secret } from '../../../../../settings.ts';
import { withinDeadline } from '../../../../deadline.ts';
import { partsOf } from '../../engine.ts';
import { loadReplication } from './driver.ts';
import type { LogPlace, LogStream, Sink } from './log-source.ts';
import { outage } from './log-source.ts';
import { lsnFrom, lsnText } from './lsn.ts';
import { postgresProblem } from './postgres-problem.ts';
import { rowTeller } from './postgres-rows.ts';
import type { Watched } from './postgres-state.ts';

export interface StreamPlan {
  readonly from: bigint;
  /** What the server knows to be read: it must never be told of less. */
  readonly start: bigint;
  readonly tables: ReadonlyMap<number, Watched>;
  readonly sink: Sink;
  readonly limits: { readonly limitMs: number; readonly connectMs: number };
}

/** Who died holding the slot is noticed by the server within a moment, where the connection was closed. */
const SLOT_PATIENCE_MS = 2_000;
const SLOT_PAUSE_MS = 100;
const TICK_MS = 1_000;
/** Far below `wal_sender_timeout`, which is 60 s by default, and counts while nobody reads here as well. */
const STATUS_EVERY_MS = 2_000;
const SILENCE_MS = 60_000;
const ASK_EVERY_MS = 100;
const HURRY_MS = 100;

/** Throws legacy_unavailable, feed_lost, config_invalid. */
export async function openPostgresStream(place: LogPlace, plan: StreamPlan): Promise<LogStream> {
  const untilMs = performance.now() + SLOT_PATIENCE_MS;
  for (;;) {
    try {
      return await connect(place, plan);
    } catch (error) {
      if ((error as { code?: string }).code !== SLOT_IN_USE || performance.now() > untilMs)
        throw postgresProblem(error, place);
      await pause(SLOT_PAUSE_MS);
    }
  }
}
const SLOT_IN_USE = '55006';

type Socket = { pause(): void; resume(): void };
type Message = Pgoutput.Message | { readonly tag: 'unreadable'; readonly error: unknown };

async function connect(place: LogPlace, plan: StreamPlan): Promise<LogStream> {
  const { LogicalReplicationService, PgoutputPlugin } = await loadReplication();
  const { connection } = place;
  const { from, start, sink, limits } = plan;
  const service = new LogicalReplicationService(
    {
      ...(connection instanceof Secret ? { connectionString: connection.reveal() } : partsOf(connection)),
      connectionTimeoutMillis: limits.connectMs,
      application_name: 'footbridge',
      keepAlive: true,
    },
    // Only what is kept here is acknowledged: the library would acknowledge whatever it has received.
    { acknowledge: { auto: false, timeoutSeconds: 0 } },
  );
  const plugin = readablePlugin(
    new PgoutputPlugin({ protoVersion: 1, publicationNames: [place.publication] }),
  );
  let isOpen = true;
  let isBegun = false;
  const end = async () => {
    isOpen = false;
    status.end();
    await ended(service);
  };
  const fail = (error: unknown) => {
    if (!isOpen || !isBegun) return;
    sink.failed(postgresProblem(error, place));
    void end();
  };
  const status = statusTo(service, start, fail);
  const told = teller(plan, fail);
  service.on('data', (_lsn, message: Message) => {
    status.heard();
    if (isOpen) told.message(message);
  });
  service.on('heartbeat', (lsn, _at, isAsked) => {
    if (isOpen) told.alive(lsnFrom(lsn));
    status.heard(isAsked);
  });
  // At once: the first message may come in the same packet.
  service.on('start', () => {
    isBegun = true;
    status.begin();
  });
  try {
    await begun(service, { plugin: plugin.plugin, place, from, fail, withinMs: limits.limitMs });
  } catch (error) {
    await end();
    throw error;
  }
  return {
    pause() {
      status.isPaused = true;
      plugin.socket()?.pause();
    },
    resume() {
      status.isPaused = false;
      plugin.socket()?.resume();
    },
    ask: status.ask,
    forget: (at) => status.keep(lsnFrom(at)),
    close: end,
  };
}

/** What one message after the other means. */
function teller({ from, tables, sink }: StreamPlan, fail: (error: unknown) => void) {
  let isInside = false;
  let reached = from;
  const rows = rowTeller(tables, sink, fail);
  /** Early keepalives are from before the place that was asked for. */
  const reach = (lsn: bigint) => {
    if (lsn <= reached) return;
    reached = lsn;
    sink.reached(lsnText(lsn));
  };
  return {
    message(message: Message) {
      if (message.tag === 'unreadable') return fail(message.error);
      if (message.tag === 'begin') isInside = true;
      if (message.tag === 'commit') {
        isInside = false;
        reach(lsnFrom(message.commitEndLsn ?? '0/0'));
      }
      rows(message);
    },
    /** Every transaction that was committed before this place has been sent. */
    alive(lsn: bigint) {
      if (!isInside) reach(lsn);
    },
  };
}

/**
 * What the server is told of our side. The library adds one to what it acknowledges; a transaction whose commit is right
 * behind a place would be skipped with it. And older servers let a slot go back, so they are never told of less than they
 * know.
 */
function statusTo(service: LogicalReplicationService, start: bigint, fail: (error: unknown) => void) {
  let kept = start;
  let timer: NodeJS.Timeout | undefined;
  let heardMs = performance.now();
  let saidMs = heardMs;
  let isAnswerDue = false;
  let hurries = 0;
  const say = (asks: boolean) => {
    saidMs = performance.now();
    isAnswerDue = false;
    service.acknowledge(lsnText(kept - 1n), asks).catch(() => undefined);
  };
  const status = {
    isPaused: false,
    begin() {
      timer = setInterval(tick, TICK_MS);
      timer.unref();
    },
    end: () => clearInterval(timer),
    heard(isAsked = false) {
      heardMs = performance.now();
      if (!isAsked) return;
      isAnswerDue = true;
      // A server that stops waits until everything was kept here, and asks as soon as it was answered: it must not wait.
      hurries = heardMs - saidMs < HURRY_MS ? hurries + 1 : 0;
      if (hurries > 1) fail(outage('the server is stopping'));
    },
    keep(lsn: bigint) {
      if (lsn <= kept) return;
      kept = lsn;
      say(false);
    },
    ask() {
      if (performance.now() - saidMs >= ASK_EVERY_MS) say(true);
    },
  };
  const tick = () => {
    const nowMs = performance.now();
    // What is said meanwhile waits in the socket.
    if (status.isPaused) heardMs = nowMs;
    if (nowMs - heardMs > SILENCE_MS) return fail(outage('the server has fallen silent'));
    const isDue = nowMs - saidMs > STATUS_EVERY_MS;
    if (isAnswerDue || isDue) say(isDue);
  };
  return status;
}

interface Beginning {
  readonly plugin: PgoutputPlugin;
  readonly place: LogPlace;
  readonly from: bigint;
  readonly fail: (error: unknown) => void;
  readonly withinMs: number;
}

/** Resolves when the server sends its log, rejects with what it says instead. */
function begun(service: LogicalReplicationService, { plugin, place, from, fail, withinMs }: Beginning) {
  return withinDeadline(
    () =>
      new Promise<void>((resolve, reject) => {
        const over = (error: unknown) => {
          reject(error);
          fail(error);
        };
        // Stays where it is: a connection that goes down may complain more than once.
        service.on('error', over);
        service.on('start', () => resolve());
        service.subscribe(plugin, place.slot, lsnText(from)).then(() => over(new Error('ended')), over);
      }),
    withinMs,
  );
}

const STOP_LIMIT_MS = 2_000;

async function ended(service: LogicalReplicationService): Promise<void> {
  await Promise.race([
    service.stop().catch(() => undefined),
    pause(STOP_LIMIT_MS, undefined, { ref: false }),
  ]);
}

/** Messages that cannot be parsed are told as such: thrown in the socket's own event they would end the process. */
function readablePlugin(plugin: PgoutputPlugin) {
  const parse = plugin.parse.bind(plugin);
  const start = plugin.start.bind(plugin);
  let socket: Socket | undefined;
  plugin.parse = ((buffer: Buffer): Message => {
    try {
      return parse(buffer);
    } catch (error) {
      return { tag: 'unreadable', error };
    }
  }) as PgoutputPlugin['parse'];
  plugin.start = (client, slot, lsn) => {
    socket = (client as unknown as { connection: { stream: Socket } }).connection.stream;
    return start(client, slot, lsn);
  };
  return { plugin, socket: () => socket };
}
