/** What MySQL and MariaDB need for their log to be read: settings of the server and rights; there is nothing to make. */
import type { SetupPiece } from '../../setup-piece.ts';
import type { LogPlace } from './log-source.ts';

export function mysqlPiece({ connection }: LogPlace): Omit<SetupPiece, 'connection'> {
  const variable = (is: string, problem: string) => ({
    sql: `select 1 from dual where ${is}`,
    expect: 'row' as const,
    problem,
    connection,
  });
  return {
    name: 'sql.changes',
    install: [],
    remove: [],
    check: [
      variable(
        '@@global.log_bin = 1',
        'The server writes no binary log: set log_bin, and restart the server.',
      ),
      variable("@@global.binlog_format = 'ROW'", 'binlog_format of the server is not ROW: set it.'),
      variable(
        "@@global.binlog_row_image <> 'MINIMAL'",
        'binlog_row_image of the server is MINIMAL, so that a row does not tell whose it is: set FULL or NOBLOB.',
      ),
      variable(
        // Each server takes the comment that is for it.
        '1 = 1 /*!80020 and @@global.binlog_transaction_compression = 0 */ /*M!100203 and @@global.log_bin_compress = 0 */',
        'The binary log is compressed, which cannot be read: set binlog_transaction_compression (MySQL) or log_bin_compress (MariaDB) to OFF.',
      ),
      variable(
        '@@global.server_id > 0',
        'server_id of the server is 0, which keeps others from reading its log: set it.',
      ),
      {
        sql: 'show binary logs',
        expect: 'runs',
        problem:
          'The role of `connection` may not see the binary log: grant replication slave, replication client on *.* to …',
        connection,
      },
    ],
    rights:
      'Nothing has to be made: the role of `connection` needs REPLICATION SLAVE and REPLICATION CLIENT.',
  };
}
