/** What goes wrong while PostgreSQL sends its log: codes and names, never a value. */
import { FootbridgeError } from '../../../../../errors.ts';
import type { LogPlace } from './log-source.ts';
import { feedLost, outage, unfit } from './log-source.ts';

/** PostgreSQL's Appendix A, “Error Codes”. */
export function postgresProblem(thrown: unknown, { slot }: LogPlace): FootbridgeError {
  if (thrown instanceof FootbridgeError) return thrown;
  const { code = '', message = '' } = thrown as { code?: string; message?: string };
  switch (code) {
    // object_in_use
    case '55006': {
      const [, pid] = /PID (\d{1,10})/.exec(message) ?? [];
      return outage(`replication slot ${slot} is in use${pid ? ` by process ${pid} of the server` : ''}`);
    }
    // object_not_in_prerequisite_state
    case '55000':
      if (/wal_level/.test(message)) return unfit('wal_level of the server is not logical');
      return feedLost(`replication slot ${slot} has lost its log: remove and install what the store needs`);
    // undefined_object
    case '42704':
      return feedLost(
        `replication slot ${slot} or its publication is gone: remove and install what the store needs`,
      );
    // insufficient_privilege
    case '42501':
      return unfit('the role of `connection` may not read the log: it needs REPLICATION');
    default:
      return outage(/^\w{3,40}$/.test(code) ? code : 'the connection has ended');
  }
}
