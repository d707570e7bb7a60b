/** Whom an event of the binary log is about. Events come in groups, each a transaction: BEGIN, rows, COMMIT or its number. */

import type { LegacyChange } from '../../../../feed.ts';
import { textOf } from '../../../../values.ts';
import type { BinlogPlace } from './binlog-place.ts';
import { binlogPlaceText } from './binlog-place.ts';
import type { Sink } from './log-source.ts';
import { feedLost } from './log-source.ts';
import type { WatchedColumn } from './mysql-tables.ts';

type Row = Readonly<Record<string, unknown>>;

/** As much of the library's events as is used here. */
export interface BinlogEvent {
  getTypeName(): string;
  /** Milliseconds since the epoch, whole seconds. */
  readonly timestamp: number;
  /** Where the next event begins, in the same file; 0 for what is in no file. The lower 32 bits. */
  readonly nextPosition: number;
  readonly binlogName?: string;
  readonly position?: number;
  readonly query?: string;
  readonly tableId?: number;
  readonly columnCount?: number;
  readonly tableMap?: Readonly<
    Record<number, { parentSchema: string; tableName: string; columnSchemas: readonly unknown[] }>
  >;
  readonly rows?: readonly (Row | { readonly before: Row; readonly after: Row })[];
}

interface Options {
  readonly from: BinlogPlace;
  readonly tables: readonly WatchedColumn[];
  readonly sink: Sink;
  readonly fail: (error: unknown) => void;
}

/** Statements that change rows without naming them, when a session writes its statements into the log, or none at all. */
const UNNAMED = /^\s*(?:\/\*[\s\S]*?\*\/\s*)*(?:insert|update|delete|replace|load|truncate)\b/i;
const BEGINS = /^(?:begin|xa\s+start)\b/i;
const ENDS = /^(?:commit|rollback)\s*$/i;

/** Takes events in their order. */
export function binlogTeller({ from, tables, sink, fail }: Options): (event: BinlogEvent) => void {
  let { file, offset } = from;
  let isInside = false;
  let transaction = '';

  const reach = (position: number) => {
    isInside = false;
    // Behind 4 GiB of a file places repeat themselves: reading goes on, but begins again at the last place that is clear.
    if (position <= offset) return;
    offset = position;
    sink.reached(binlogPlaceText({ serverId: from.serverId, file, offset }));
  };
  const query = ({ query = '', nextPosition }: BinlogEvent) => {
    if (BEGINS.test(query)) {
      isInside = true;
      transaction = `${file}:${nextPosition}`;
      return;
    }
    const unnamed = UNNAMED.test(query) && tables.find(({ table }) => names(query, table));
    if (unnamed)
      fail(feedLost(`rows of ${unnamed.table} were changed by a statement, and the log does not say which`));
    else if (ENDS.test(query) || !isInside) reach(nextPosition);
  };
  const rows = (event: BinlogEvent) => {
    const map = event.tableMap?.[event.tableId ?? -1];
    const watched = tables.find(
      ({ schema, table }) => schema === map?.parentSchema && table === map.tableName,
    );
    if (!watched) return;
    const at = event.timestamp > 0 ? { at: new Date(event.timestamp) } : {};
    const tell = (legacyId: string, kind: LegacyChange['kind']) =>
      sink.changed({ transaction: transaction || `${file}:${event.nextPosition}`, legacyId, kind, ...at });
    for (const row of event.rows ?? []) {
      const [before, after] = sidesOf(event.getTypeName(), row).map((side) => idIn(side, watched));
      // A row that tells only what has changed has the same id as before.
      const id = event.getTypeName() === 'UpdateRows' ? (after ?? before) : after;
      if (before !== undefined && before !== id) tell(before, watched.isUsers ? 'deleted' : 'changed');
      if (id !== undefined) tell(id, 'changed');
    }
  };

  return (event) => {
    switch (event.getTypeName()) {
      case 'Rotate':
        if (event.binlogName !== file) offset = 0;
        file = event.binlogName ?? file;
        reach(event.position ?? 0);
        break;
      case 'Query':
        query(event);
        break;
      case 'Xid':
        reach(event.nextPosition);
        break;
      case 'TableMap':
        if (event.tableMap?.[event.tableId ?? -1]?.columnSchemas.length !== event.columnCount)
          fail(feedLost('a table had other columns when its rows were written into the binary log'));
        break;
      case 'WriteRows':
      case 'UpdateRows':
      case 'DeleteRows':
        rows(event);
        break;
      default:
        if (!isInside && event.nextPosition > 0) reach(event.nextPosition);
    }
  };
}

function sidesOf(type: string, row: Row | { before: Row; after: Row }): readonly (Row | undefined)[] {
  if (type === 'UpdateRows') {
    const { before, after } = row as { before: Row; after: Row };
    return [before, after];
  }
  return type === 'DeleteRows' ? [row as Row, undefined] : [undefined, row as Row];
}

function idIn(row: Row | undefined, { user }: WatchedColumn): string | undefined {
  const text = textOf(row?.[user]);
  return text === '' ? undefined : text;
}

/** Whether a statement has the name in it: a wrong yes only makes both sides be compared. */
function names(statement: string, table: string): boolean {
  const text = statement.toLowerCase();
  const name = table.toLowerCase();
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const around = [text[at - 1] ?? ' ', text[at + name.length] ?? ' '];
    if (around.every((letter) => !/[\w$]/.test(letter))) return true;
  }
  return false;
}
