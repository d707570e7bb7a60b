/** What servers of other kinds write into their binary log than the one that the tests can start. */
import { describe, expect, test } from 'vitest';
import { isFootbridgeError } from '../../src/errors.ts';
import type { BinlogEvent } from '../../src/legacy/connectors/sql/changes/log/binlog-teller.ts';
import { binlogTeller } from '../../src/legacy/connectors/sql/changes/log/binlog-teller.ts';
import { mysqlProblem } from '../../src/legacy/connectors/sql/changes/log/mysql-problem.ts';

const FILE = 'binlog.000001';
const event = (type: string, nextPosition: number, more: Partial<BinlogEvent> = {}): BinlogEvent => ({
  getTypeName: () => type,
  timestamp: 0,
  nextPosition,
  ...more,
});
const query = (text: string, nextPosition: number) => event('Query', nextPosition, { query: text });
const rows = (nextPosition: number, ...people: string[]) =>
  event('WriteRows', nextPosition, {
    tableId: 1,
    tableMap: { 1: { parentSchema: 'shop', tableName: 'people', columnSchemas: [] } },
    rows: people.map((id) => ({ id })),
  });

function heard(events: readonly BinlogEvent[]) {
  const told: string[] = [];
  const tell = binlogTeller({
    from: { serverId: '7', file: FILE, offset: 4 },
    tables: [{ schema: 'shop', table: 'people', user: 'id', isUsers: true }],
    sink: {
      changed: ({ legacyId, transaction }) => void told.push(`${legacyId} in ${transaction}`),
      reached: (place) => void told.push(place),
      failed: () => undefined,
    },
    fail: (error) => void told.push(isFootbridgeError(error) ? error.code : 'other'),
  });
  for (const one of events) tell(one);
  return told;
}

describe('the binary log', () => {
  test('of MySQL 8: a number before each transaction', () => {
    const log = [
      event('Unknown', 80),
      query('BEGIN', 150),
      event('TableMap', 0),
      rows(300, 'a'),
      event('Xid', 331),
    ];
    log[2] = event('TableMap', 200, { columnCount: 0, tableId: 1, tableMap: rows(0).tableMap! });
    expect(heard(log)).toEqual([`7/${FILE}:80`, `a in ${FILE}:150`, `7/${FILE}:331`]);
  });

  test('of a table without transactions ends them by a statement', () => {
    expect(heard([query('BEGIN', 150), rows(300, 'a'), query('COMMIT', 331)])).toEqual([
      `a in ${FILE}:150`,
      `7/${FILE}:331`,
    ]);
  });

  test('is nowhere to begin inside a transaction', () => {
    const log = [
      query('BEGIN', 150),
      query('SAVEPOINT `a`', 200),
      event('Unknown', 250),
      event('Heartbeat', 250),
    ];
    expect(heard(log)).toEqual([]);
  });

  test('tells of distributed transactions when they are prepared', () => {
    const log = [
      query("XA START X'78',X'',1", 150),
      rows(300, 'a'),
      query("XA END X'78',X'',1", 350),
      event('Unknown', 400),
      query("XA COMMIT X'78',X'',1", 450),
      query('BEGIN', 500),
      event('Xid', 550),
    ];
    expect(heard(log)).toEqual([`a in ${FILE}:150`, `7/${FILE}:550`]);
  });

  test('goes on in the next file', () => {
    const next = event('Rotate', 0, { binlogName: 'binlog.000002', position: 4 });
    expect(
      heard([event('Unknown', 900), next, query('BEGIN', 150), rows(300, 'a'), event('Xid', 331)]),
    ).toEqual([`7/${FILE}:900`, '7/binlog.000002:4', 'a in binlog.000002:150', '7/binlog.000002:331']);
  });

  test('has no places behind 4 GiB of a file, and still tells', () => {
    const log = [event('Unknown', 4_294_967_000), query('BEGIN', 100), rows(200, 'a'), event('Xid', 231)];
    expect(heard(log)).toEqual([`7/${FILE}:4294967000`, `a in ${FILE}:100`]);
  });

  test.each([
    ['TRUNCATE TABLE `people`', true],
    ['/* app */ update people set x = 1', true],
    ['INSERT INTO shop.people VALUES (1)', true],
    ['update peoples set x = 1', false],
    ['insert into pets values (1)', false],
    ['alter table people add column x int', false],
    ['create table people_old like people', false],
  ])('%j: does it change people without naming them? %s', (text, isSo) => {
    expect(heard([query(text, 200)])).toEqual([isSo ? 'feed_lost' : `7/${FILE}:200`]);
  });
});

describe('what the server says instead', () => {
  test.each([
    [
      {
        errno: 1236,
        code: 'ER_MASTER_FATAL_ERROR_READING_BINLOG',
        message: 'Could not find first log file name',
      },
      'feed_lost',
    ],
    [
      { errno: 1236, code: 'ER_X', message: 'log event entry exceeded max_allowed_packet' },
      'legacy_unavailable',
    ],
    [{ errno: 1227, code: 'ER_SPECIFIC_ACCESS_DENIED_ERROR', message: '' }, 'config_invalid'],
    [{ code: 'PROTOCOL_CONNECTION_LOST', message: '' }, 'legacy_unavailable'],
    [new TypeError("Cannot read properties of 'anna@example.com'"), 'feed_lost'],
  ])('%o is %s, and says nothing of a person', (thrown, code) => {
    const problem = mysqlProblem(thrown, FILE);
    expect(problem.code).toBe(code);
    expect(problem.detail).not.toContain('anna');
  });
});
