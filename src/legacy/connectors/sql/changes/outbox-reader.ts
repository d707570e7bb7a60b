/** Reads an outbox, and deletes from it exactly what was read and kept. */
import type { Knex } from 'knex';
import { FootbridgeError, isFootbridgeError } from '../../../../errors.ts';
import type { Feed, FeedLag, FeedPage } from '../../../feed.ts';
import { momentOf } from '../../../values.ts';
import type { SqlSettings } from '../sql-settings.ts';
import { WORDS } from './engine-words.ts';
import type { OutboxPlace } from './outbox-position.ts';
import { NOTHING_READ, readPlace, writePlace } from './outbox-position.ts';
import type { OutboxRow } from './outbox-rows.ts';
import { apart, conditionOf, deletion, isToldOf, latest, pageOf, rowOf, rowsIn } from './outbox-rows.ts';
import { reopened } from './reopened.ts';

/** In one page, whatever is asked for. */
const MAX_PAGE = 5_000;
/** Numbers in one statement. */
const MAX_NAMED = 1_000;
/** More is not counted. */
const MAX_COUNTED = 1_000_000;
const INLINE = { skipBinding: true } as const;

interface Options {
  readonly table: string;
  readonly connection: unknown;
  readonly timeoutMs: number;
}

export function outboxReader(settings: SqlSettings, { table, connection, timeoutMs }: Options): Feed {
  const pool = reopened(settings, { connection, timeoutMs, writable: true });
  const { nowMs } = WORDS[settings.engine];
  const from = rowsIn(settings.engine, table);
  let confirmed: string | undefined;
  const rows = async (query: (db: Knex) => Knex.QueryBuilder) => {
    try {
      return await pool.rows(query);
    } catch (error) {
      throw isMissing(error) ? notSetUp(table) : error;
    }
  };
  const ask = async (limit: number): Promise<readonly OutboxRow[]> =>
    (await rows((db) => from(db).select('*').orderBy('id').limit(limit, INLINE))).map(rowOf);
  /** Of what is there now, what was not read up to this place, and what of that may be there yet. */
  const look = async (position: string, limit: number) => {
    const known = position === confirmed ? NOTHING_READ : readPlace(position);
    const found = await ask(limit + known.ids.length + 1);
    return { ...apart(found, known, found.length > limit + known.ids.length), known };
  };
  const forget = async ({ ids, at }: OutboxPlace) => {
    for (let start = 0; start < ids.length; start += MAX_NAMED) {
      const sql = deletion(settings.engine, table, ids.slice(start, start + MAX_NAMED));
      await pool.transact(
        (db, run) => run(db.raw(sql, [at])),
        () => undefined,
      );
    }
  };
  /** Whoever begins now has no use for what is there. What keeps coming meanwhile is left, so that this ends. */
  const empty = async () => {
    const [newest] = await rows((db) => from(db).max({ at: 'at' }));
    for (let before: bigint | undefined; ; ) {
      const old = (await ask(MAX_PAGE)).filter(({ at }) => newest?.at && at <= String(newest.at));
      // What cannot be deleted now is told: it does no harm.
      if (old.length === 0 || old[0]?.id === before) return;
      before = old[0]?.id;
      await forget({ ids: old.map(({ id }) => id), at: latest(old) });
    }
  };

  return {
    name: 'outbox',
    async read(position, limit): Promise<FeedPage> {
      if (position === undefined) {
        await empty();
        return { changes: [], position: writePlace(NOTHING_READ) as string, isMore: false };
      }
      const { fresh, left, known } = await look(position, Math.min(limit, MAX_PAGE));
      if (!fresh.every(isToldOf))
        throw new FootbridgeError('feed_lost', { detail: `${table} says that not every change is in it` });
      const taken = fresh.slice(0, Math.min(limit, MAX_PAGE));
      if (taken.length === 0) return { changes: [], position, isMore: false };
      const page = pageOf(taken, left, known.at);
      return { ...page, isMore: page.changes.length < fresh.length };
    },
    async confirm(position) {
      if (position === confirmed) return;
      await forget(readPlace(position));
      confirmed = position;
    },
    async lag(position): Promise<FeedLag> {
      const known = position === undefined || position === confirmed ? NOTHING_READ : readPlace(position);
      // What is beyond them counts as if it was not read.
      const read = known.ids.slice(0, MAX_NAMED);
      const waiting = (db: Knex) => {
        const query = from(db);
        return read.length === 0 ? query : query.whereRaw(`not ${conditionOf(read)}`);
      };
      const [counted] = await rows((db) =>
        db.count({ rows: '*' }).from(waiting(db).select('id').limit(MAX_COUNTED, INLINE).as('some_rows')),
      );
      const [oldest] = await rows((db) =>
        waiting(db)
          .select('at', db.raw(`${nowMs} as now_ms`))
          .orderBy('id')
          .limit(1, INLINE),
      );
      const changes = Number(counted?.rows ?? 0);
      const sinceMs = Number(oldest?.now_ms) - (momentOf(oldest?.at) ?? Number.NaN);
      return {
        changes,
        seconds: sinceMs > 0 ? Math.round(sinceMs / 1_000) : 0,
        ...(changes >= MAX_COUNTED ? { problem: `More than a million rows wait in ${table}.` } : {}),
      };
    },
    close: () => pool.close(),
  };
}

/** By the error’s own words, as every engine has others. */
const isMissing = (error: unknown) =>
  isFootbridgeError(error) &&
  /42P01|ER_NO_SUCH_TABLE|no such table|Invalid object name/.test(error.detail ?? '');

const notSetUp = (table: string) =>
  new FootbridgeError('config_invalid', {
    detail: `sql.changes: the table ${table} is missing: run \`footbridge sync install\``,
  });
