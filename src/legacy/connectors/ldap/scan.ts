/**
 * All entries, a page at a time, in the order the server keeps them in (OpenLDAP and 389 Directory Server: the order in
 * which they were made). The server remembers where a scan stands (RFC 2696), as long as its connection lives: so a scan
 * keeps its connection, under the id that it gave last. Whoever comes with another id (after a restart, an outage) is led
 * there by a new scan that reads nothing but ids until it meets that one. Memory is one page, whatever the directory's size.
 */
import { FootbridgeError } from '../../../errors.ts';
import type { LegacyRow } from '../../connector.ts';
import type { Connection } from './connection.ts';

/** One page in the server's order. `only`: nothing but ids. */
export type ReadPage = (
  connection: Connection,
  page: { readonly size: number; readonly cookie: Buffer; readonly only: 'ids' | 'rows' },
) => Promise<{ readonly rows: readonly LegacyRow[]; readonly cookie: Buffer }>;

export interface Scan {
  page(after: string, limit: number): Promise<readonly LegacyRow[]>;
  close(): void;
}

interface Options {
  readonly open: () => Promise<Connection>;
  readonly readPage: ReadPage;
  /** One entry as it is now; undefined where it has gone. */
  readonly readOne: (dn: string) => Promise<LegacyRow | undefined>;
  readonly pageSize: number;
}

interface Place {
  /** Undefined after the last page. */
  readonly connection: Connection | undefined;
  readonly cookie: Buffer;
  /** Names of entries that the server has passed already, and nobody has been given. */
  readonly passed: readonly string[];
}

/** Scans that wait for their next page; one more, and the oldest has to look for its place again. */
const MAX_SCANS = 4;
const SKIP_SIZE = 500;
const START: Buffer = Buffer.alloc(0);

export function scanOf({ open, readPage, readOne, pageSize }: Options): Scan {
  /** By the id given last. A place that is still looked for is waited for by whoever asks again. */
  const places = new Map<string, Promise<Place>>();

  const find = async (after: string): Promise<Place> => {
    const connection = await open();
    try {
      for (let cookie: Buffer = START; after !== ''; ) {
        const page = await readPage(connection, { size: SKIP_SIZE, cookie, only: 'ids' });
        const index = page.rows.findIndex((row) => row.id === after);
        cookie = page.cookie;
        if (index >= 0) return placeAt(connection, cookie, page.rows.slice(index + 1).map(dnOf));
        if (cookie.length === 0) {
          const detail = 'the entry after which the scan was to go on is gone: start it again';
          throw new FootbridgeError('user_not_found', { detail });
        }
      }
      return { connection, cookie: START, passed: [] };
    } catch (error) {
      connection.close();
      throw error;
    }
  };

  const drop = (after: string) => {
    places.get(after)?.then(
      ({ connection }) => connection?.close(),
      () => undefined,
    );
    places.delete(after);
  };
  const keep = (after: string, place: Promise<Place>) => {
    drop(after);
    places.set(after, place);
    const [oldest] = places.keys();
    if (places.size > MAX_SCANS && oldest !== undefined) drop(oldest);
    return place;
  };

  const take = async (from: Place, limit: number) => {
    const rows: LegacyRow[] = [];
    let { connection, cookie, passed } = from;
    for (; passed.length > 0 && rows.length < limit; passed = passed.slice(1)) {
      const row = await readOne(passed[0]!);
      if (row) rows.push(row);
    }
    while (connection && rows.length < limit) {
      const size = Math.min(pageSize, limit - rows.length);
      const page = await readPage(connection, { size, cookie, only: 'rows' });
      rows.push(...page.rows);
      ({ connection, cookie } = placeAt(connection, page.cookie, []));
    }
    return { rows: withIdLast(rows), rest: { connection, cookie, passed } };
  };

  const page = async (after: string, limit: number): Promise<readonly LegacyRow[]> => {
    if (after === '') drop(after);
    const looking = places.get(after) ?? keep(after, find(after));
    const place = await looking.catch((error: unknown) => {
      if (places.get(after) === looking) places.delete(after);
      throw error;
    });
    // Two go on from one place, or its connection has ended: who comes second has to look for it again.
    const isMine = places.get(after) === looking;
    if (isMine) places.delete(after);
    if (!isMine || place.connection?.isOpen === false) return page(after, limit);
    try {
      const { rows, rest } = await take(place, limit);
      const last = rows.at(-1)?.id;
      if (last) keep(last, Promise.resolve(rest));
      else rest.connection?.close();
      return rows;
    } catch (error) {
      place.connection?.close();
      throw error;
    }
  };

  return {
    page,
    close() {
      for (const after of [...places.keys()]) drop(after);
    },
  };
}

/** The server has nothing to remember after the last page. */
function placeAt(connection: Connection, cookie: Buffer, passed: readonly string[]): Place {
  if (cookie.length > 0) return { connection, cookie, passed };
  connection.close();
  return { connection: undefined, cookie, passed };
}

/** An entry without an id is reported too, but nobody can go on after it. */
const withIdLast = (rows: readonly LegacyRow[]) => [
  ...rows.filter((row) => row.id === ''),
  ...rows.filter((row) => row.id !== ''),
];

const dnOf = (row: LegacyRow) => String(row.columns.dn);
