/**
 * One connection that MySQL or MariaDB sends its binary log on, as to a replica. Of the rows nothing is kept but the ids
 * of users.
 */
import { randomInt } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import type { ZongJi } from '@powersync/mysql-zongji';
import { Secret } from '../../../../../settings.ts';
import { withinDeadline } from '../../../../deadline.ts';
import { partsOf } from '../../engine.ts';
import type { BinlogPlace } from './binlog-place.ts';
import type { BinlogEvent } from './binlog-teller.ts';
import { binlogTeller } from './binlog-teller.ts';
import { loadZongji } from './driver.ts';
import type { LogPlace, LogStream, Sink } from './log-source.ts';
import { outage } from './log-source.ts';
import { mysqlProblem } from './mysql-problem.ts';
import type { WatchedColumn } from './mysql-tables.ts';
import { checked } from './mysql-tls.ts';

export interface BinlogPlan {
  readonly from: BinlogPlace;
  readonly tables: readonly WatchedColumn[];
  readonly sink: Sink;
  readonly limits: { readonly limitMs: number; readonly connectMs: number };
}

/** What the server says when there is nothing to say, in nanoseconds. */
const HEARTBEAT_NS = 5_000_000_000;
const SILENCE_MS = 60_000;
const TICK_MS = 1_000;
const STOP_LIMIT_MS = 2_000;
/** Administrators number their servers from the other end. */
const SERVER_IDS = { min: 0x4000_0000, max: 0x7fff_ffff } as const;

const EVENTS = 'rotate query xid tablemap writerows updaterows deleterows heartbeat gtidlog unknown'.split(
  ' ',
);

/** Throws legacy_unavailable, feed_lost, config_invalid. */
export async function openBinlogStream(place: LogPlace, plan: BinlogPlan): Promise<LogStream> {
  const { from, tables, sink, limits } = plan;
  const Driver = await loadZongji();
  const options = optionsOf(place, limits.connectMs);
  const zongji = new Driver(options);
  for (const connection of [zongji.connection, zongji.ctrlConnection])
    checked(connection, options.host, options.ssl);
  let state: 'begins' | 'open' | 'ended' = 'begins';
  let reject: (error: unknown) => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const end = async () => {
    state = 'ended';
    clearInterval(timer);
    await ended(zongji);
  };
  const fail = (error: unknown) => {
    if (state === 'ended') return;
    const problem = mysqlProblem(error, from.file);
    if (state === 'begins') reject(problem);
    else sink.failed(problem);
    void end();
  };
  // Stays where it is: a connection that goes down may complain more than once.
  zongji.on('error', fail);
  const tell = binlogTeller({ from, tables, sink, fail });
  let heardMs = performance.now();
  let isPaused = false;
  const begun = new Promise<void>((resolve, refuse) => {
    reject = refuse;
    zongji.on('binlog', (event: BinlogEvent) => {
      heardMs = performance.now();
      if (state === 'ended') return;
      if (state === 'begins') resolve();
      state = 'open';
      try {
        tell(event);
      } catch (error) {
        fail(error);
      }
      // The library goes on by itself when it has looked up a table's columns.
      if (isPaused) zongji.pause();
    });
  });
  zongji.connection.query(
    `set @master_heartbeat_period = ${HEARTBEAT_NS}, @source_heartbeat_period = ${HEARTBEAT_NS}`,
    () => undefined,
  );
  zongji.start({
    filename: from.file,
    position: from.offset,
    serverId: place.serverId ?? randomInt(SERVER_IDS.min, SERVER_IDS.max),
    includeEvents: EVENTS,
    includeSchema: schemasOf(tables),
  });
  try {
    await withinDeadline(() => begun, limits.limitMs);
  } catch (error) {
    await end();
    throw error;
  }
  timer = setInterval(() => {
    if (isPaused) heardMs = performance.now();
    if (performance.now() - heardMs > SILENCE_MS) fail(outage('the server has fallen silent'));
  }, TICK_MS);
  timer.unref();
  return {
    pause() {
      isPaused = true;
      zongji.pause();
    },
    resume() {
      isPaused = false;
      zongji.resume();
    },
    // The server sends all of its log, whatever tables it is about.
    ask: () => undefined,
    forget: () => undefined,
    close: end,
  };
}

async function ended(zongji: ZongJi): Promise<void> {
  if (zongji.stopped) return;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_LIMIT_MS);
    zongji.once('stopped', () => resolve());
    zongji.stop();
  });
  clearTimeout(timer);
  zongji.ctrlConnection.destroy();
}

function schemasOf(tables: readonly WatchedColumn[]): Record<string, string[]> {
  const schemas: Record<string, string[]> = Object.create(null);
  for (const { schema, table } of tables) schemas[schema] = [...(schemas[schema] ?? []), table];
  return schemas;
}

interface Reach {
  readonly host: string;
  readonly port?: number;
  readonly user: string;
  readonly password?: string;
  readonly database: string;
  readonly ssl?: ConnectionOptions;
}

function optionsOf({ connection }: LogPlace, connectMs: number) {
  const reach: Reach = connection instanceof Secret ? fromUrl(connection.reveal()) : partsOf(connection);
  return {
    password: '',
    ...reach,
    connectTimeout: connectMs,
    enableKeepAlive: true,
    dateStrings: true,
    // A server that asks for files of ours gets none.
    localInfile: false,
    flags: '-LOCAL_FILES',
  };
}

/** mysql://user:password@host:port/database?ssl={…}, as the connections that ask have it. */
function fromUrl(text: string): Reach {
  const { hostname, port, username, password, pathname, searchParams } = new URL(text);
  const ssl = searchParams.get('ssl');
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    ...(port ? { port: Number(port) } : {}),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ...(ssl === null ? {} : { ssl: JSON.parse(ssl) }),
  };
}
