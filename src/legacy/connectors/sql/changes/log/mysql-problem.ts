/** What goes wrong while MySQL sends its log: codes and names, never a value. */
import { FootbridgeError } from '../../../../../errors.ts';
import { feedLost, outage, unfit } from './log-source.ts';

/** ER_MASTER_FATAL_ERROR_READING_BINLOG: its message says which. */
const CANNOT_READ = 1236;
const GONE = /could not find|impossible position|purged|bogus data|log truncated|corrupt/i;
/** ER_ACCESS_DENIED, ER_SPECIFIC_ACCESS_DENIED. */
const REFUSED = new Set([1045, 1227]);

export function mysqlProblem(thrown: unknown, file: string): FootbridgeError {
  if (thrown instanceof FootbridgeError) return thrown;
  const { errno, code, message = '' } = thrown as { errno?: number; code?: string; message?: string };
  if (errno === CANNOT_READ && GONE.test(message))
    return feedLost(`the server cannot read its binary log from ${file} on any more`);
  if (errno !== undefined && REFUSED.has(errno))
    return unfit('the role of `connection` may not read the log: it needs REPLICATION SLAVE');
  if (code !== undefined && /^[A-Z_\d]{3,60}$/.test(code)) return outage(code);
  // Without a code it is not the connection: a row that does not fit its table as it is now, or nothing the library knows.
  return feedLost('the binary log has rows that do not fit their table as it is now');
}
