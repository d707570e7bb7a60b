/** The binary log of MySQL (5.7 or newer) and MariaDB (10.2 or newer), in row format. */

import { FootbridgeError } from '../../../../../errors.ts';
import type { Row } from '../../../../connector.ts';
import type { FeedLag } from '../../../../feed.ts';
import { limitsWithin } from '../../pool.ts';
import type { BinlogPlace } from './binlog-place.ts';
import { binlogPlaceFrom, binlogPlaceText, compareBinlogPlaces } from './binlog-place.ts';
import type { Asking, LogPlace, LogSource } from './log-source.ts';
import { feedLost, unfit } from './log-source.ts';
import { openBinlogStream } from './mysql-stream.ts';
import { watchedColumns } from './mysql-tables.ts';

interface Logs {
  readonly serverId: string;
  /** From the oldest to the one that is written. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

export function mysqlLog(place: LogPlace, pool: Asking): LogSource {
  const limits = limitsWithin(place.timeoutMs);
  return {
    async end() {
      return binlogPlaceText(endOf(await logsOf(pool)));
    },
    compare: (one, other) => compareBinlogPlaces(binlogPlaceFrom(one), binlogPlaceFrom(other)),
    async open(text, sink) {
      const from = binlogPlaceFrom(text);
      assertKept(from, await logsOf(pool));
      await assertReadable(pool);
      const tables = await watchedColumns(pool, place);
      return openBinlogStream(place, { from, tables, sink, limits });
    },
    async lag(text) {
      const logs = await logsOf(pool);
      return text === undefined ? {} : lagOf(logs, binlogPlaceFrom(text));
    },
    close: pool.close,
  };
}

/** Throws config_invalid where there is no binary log, or no right to see it. */
async function logsOf(pool: Asking): Promise<Logs> {
  const [[server], files] = await Promise.all([
    pool.rows((db) => db.raw('select @@global.server_id as id')),
    pool.rows((db) => db.raw('show binary logs')).catch(refusedLogs),
  ]);
  return {
    serverId: String(server?.id),
    files: files.map(({ Log_name, File_size }) => ({ name: String(Log_name), bytes: Number(File_size) })),
  };
}

function refusedLogs(error: unknown): readonly Row[] {
  const detail = error instanceof FootbridgeError ? (error.detail ?? '') : '';
  if (/ER_NO_BINARY_LOGGING/.test(detail)) throw unfit('the server writes no binary log: set log_bin');
  if (/ER_SPECIFIC_ACCESS_DENIED/.test(detail))
    throw unfit('the role of `connection` may not see the binary log: it needs REPLICATION CLIENT');
  throw error;
}

function endOf({ serverId, files }: Logs): BinlogPlace {
  const last = files.at(-1);
  if (!last) throw unfit('the server has no binary log');
  return { serverId, file: last.name, offset: last.bytes };
}

function assertKept(from: BinlogPlace, { serverId, files }: Logs): void {
  if (from.serverId !== serverId) throw feedLost('the log is that of another server');
  const file = files.find(({ name }) => name === from.file);
  if (!file) throw feedLost(`the server no longer has its binary log ${from.file}`);
  if (from.offset > file.bytes) throw feedLost(`the binary log ${from.file} ends before what was read last`);
}

/** What would not be found in the log, or not be understood. */
async function assertReadable(pool: Asking): Promise<void> {
  const rows = await pool.rows((db) =>
    db.raw(
      `show global variables where Variable_name in ('binlog_format', 'binlog_transaction_compression',
        'log_bin_compress', 'binlog_row_value_options')`,
    ),
  );
  const values = new Map(rows.map((row) => [String(row.Variable_name), String(row.Value).toUpperCase()]));
  if (values.get('binlog_format') !== 'ROW') throw unfit('binlog_format of the server is not ROW');
  for (const name of ['binlog_transaction_compression', 'log_bin_compress'])
    if (values.get(name) === 'ON') throw unfit(`${name} of the server is ON: its log cannot be read`);
  if (values.get('binlog_row_value_options')?.includes('PARTIAL_JSON'))
    throw unfit('binlog_row_value_options of the server is PARTIAL_JSON: its log cannot be read');
}

function lagOf(logs: Logs, from: BinlogPlace): FeedLag {
  const index = logs.files.findIndex(({ name }) => name === from.file);
  if (index < 0 || from.serverId !== logs.serverId)
    return { problem: `The server no longer has its binary log ${from.file}: compare both sides anew.` };
  const bytes = logs.files.slice(index).reduce((sum, file) => sum + file.bytes, -from.offset);
  const isNext = index === 0 && logs.files.length > 1;
  return {
    bytes: Math.max(0, bytes),
    ...(isNext
      ? {
          problem: `The binary log ${from.file} is read, and is the next that the server deletes (binlog_expire_logs_seconds).`,
        }
      : {}),
  };
}
