/** How each engine says what feeds ask of it. */
import type { EngineName } from './names.ts';

interface Words {
  /** Its clock, in milliseconds since the epoch. */
  readonly nowMs: string;
  /** A moment as text, with all its digits. */
  text(value: string): string;
  /** A bound text, where it has to be told that it is a moment. */
  readonly bound: string;
}

const plain = (type: string) => (value: string) => `cast(${value} as ${type})`;

export const WORDS: Readonly<Record<EngineName, Words>> = {
  postgresql: {
    nowMs: '(extract(epoch from clock_timestamp()) * 1000)::bigint',
    text: plain('text'),
    bound: '?',
  },
  mysql: { nowMs: 'cast(unix_timestamp(sysdate(3)) * 1000 as signed)', text: plain('char'), bound: '?' },
  sqlite: {
    nowMs: `cast((julianday('now') - 2440587.5) * 86400000 as integer)`,
    text: plain('text'),
    bound: '?',
  },
  mssql: {
    nowMs: `datediff_big(millisecond, '1970-01-01', sysutcdatetime())`,
    // ISO 8601: the same whatever the language of the session.
    text: (value) => `convert(varchar(33), ${value}, 126)`,
    bound: '?',
  },
  oracle: {
    nowMs: `trunc((cast(sys_extract_utc(systimestamp) as date) - date '1970-01-01') * 86400000)`,
    text: (value) => `to_char(cast(${value} as timestamp(6)), 'YYYY-MM-DD"T"HH24:MI:SS.FF6')`,
    bound: `to_timestamp(?, 'YYYY-MM-DD"T"HH24:MI:SS.FF6')`,
  },
};
