/**
 * A column that says when a row was last changed, read again and again. It needs nothing at the database; it does not hear
 * of deletions, nor of what an app changes without setting the column: both sides are compared from time to time for those.
 */
import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { z } from 'zod';
import { FootbridgeError } from '../../../../errors.ts';
import { count } from '../../../../settings.ts';
import type { Row } from '../../../connector.ts';
import type { Feed, FeedPage, LegacyChange } from '../../../feed.ts';
import { momentOf, textOf } from '../../../values.ts';
import type { SqlSettings } from '../sql-settings.ts';
import { WORDS } from './engine-words.ts';
import { isName, quote } from './names.ts';
import type { PollPlace } from './poll-place.ts';
import { beginning, msOf, nextRound, readPlace, roundOver, writePlace } from './poll-place.ts';
import { remembering } from './poll-seen.ts';
import { reopened } from './reopened.ts';

const name = z
  .string()
  .min(1)
  .refine(isName, { error: 'no name that can be quoted safely in every statement' });

export const pollSettings = z
  .strictObject({
    by: z.literal('poll').describe('A column that says when a row was last changed.'),
    column: name
      .optional()
      .describe('Its name; by default the column of `mapping.updatedAt`. It should have an index.'),
    overlapSeconds: count(2, 86_400, 60).describe(
      'How long a transaction may take, and by how much clocks of those who set the column may differ.',
    ),
    everySeconds: count(0, 3_600, 5).describe('How often it is read.'),
    deletes: z
      .literal('never')
      .default('never')
      .describe('Deletions are not heard of: they are found when both sides are compared.'),
  })
  .describe('A column that says when a row was last changed.');
export type PollSettings = z.output<typeof pollSettings>;

/** In one page, whatever is asked for: rows come whole. */
const MAX_PAGE = 1_000;
const MAX_ID_LENGTH = 255;
/** Who keeps it puts the name of the feed before it. */
const MAX_CHANGE_ID = 180;
const INLINE = { skipBinding: true } as const;
const MOMENT = 'footbridge_moment';

/** Why these settings cannot work, as a sentence; undefined: they can. */
export function pollProblem({ table, id }: Pick<SqlSettings, 'table' | 'id'>): string | undefined {
  if (!table) return '`poll` needs `table`: the table of users itself';
  return [table, id].every(isName)
    ? undefined
    : '`table` or `id` is no name that can be quoted safely in every statement';
}

interface Options {
  readonly timeoutMs: number;
  readonly updatedAt?: string;
}

/** Throws config_invalid where nothing says which column it is. */
export function openPoll(settings: SqlSettings, changes: PollSettings, options: Options): Feed {
  const { table = '', id, engine } = settings;
  const column = changes.column ?? options.updatedAt;
  if (column === undefined || !isName(column))
    throw new FootbridgeError('config_invalid', {
      detail: 'sql.changes.column: which column says when a row was changed? `mapping.updatedAt` names none',
    });
  const overlapMs = changes.overlapSeconds * 1_000;
  const pool = reopened(settings, { timeoutMs: options.timeoutMs, writable: false });
  const { text, bound, nowMs } = WORDS[engine];
  const quoted = quote(engine, column);
  const seen = remembering();
  let roundEndedMs = Number.NEGATIVE_INFINITY;

  const clock = async () => {
    const from = engine === 'oracle' ? ' from dual' : '';
    const [row] = await pool.rows((db) => db.raw(`select ${nowMs} as ${quote(engine, 'now_ms')}${from}`));
    return Number(row?.now_ms);
  };
  const newest = async () => {
    const [row] = await pool.rows((db) =>
      db(table).select(db.raw(`${text(`max(${quoted})`)} as ${quote(engine, MOMENT)}`)),
    );
    return textOf(row?.[MOMENT]) ?? null;
  };
  const rowsAfter = ({ floor, after }: PollPlace, limit: number) =>
    pool.rows((db) => {
      const query = db(table)
        .select(`${table}.*`, db.raw(`${text(quoted)} as ${quote(engine, MOMENT)}`))
        .whereNotNull(column)
        .orderBy([column, id])
        .limit(limit, INLINE);
      if (after)
        return query
          .whereRaw(`${quoted} >= ${bound}`, [after.at])
          .where((one: Knex.QueryBuilder) =>
            one.whereRaw(`${quoted} > ${bound}`, [after.at]).orWhere(id, '>', after.id),
          );
      return floor === null ? query : query.whereRaw(`${quoted} > ${bound}`, [floor]);
    });

  return {
    name: 'poll',
    async read(position, limit): Promise<FeedPage> {
      if (position === undefined) {
        const nowMs = await clock();
        const place = beginning(await newest(), nowMs, overlapMs);
        return { changes: [], position: writePlace(place), isMore: false };
      }
      const kept = readPlace(position);
      const isEarly = performance.now() - roundEndedMs < changes.everySeconds * 1_000;
      if (!kept.after && isEarly) return { changes: [], position, isMore: false };
      const place = kept.after ? kept : nextRound(kept, await clock(), overlapMs);
      const size = Math.min(limit, MAX_PAGE);
      const rows = await rowsAfter(place, size);
      const last = rows.at(-1);
      const at = last && momentIn(last);
      const isMore = rows.length === size;
      const next =
        isMore && last && at !== undefined
          ? { ...place, after: { at, id: idIn(last, id) } }
          : roundOver(place, at ?? place.after?.at, overlapMs);
      if (!isMore) {
        roundEndedMs = performance.now();
        if (next.floor !== null) seen.forgetUntil(msOf(next.floor));
      }
      const written = writePlace(next);
      const told = rows.map((row) => changeOf(row, id)).filter((change) => !seen.has(change.id));
      seen.suppose(written, told);
      return { changes: told, position: written, isMore };
    },
    confirm: async (position) => seen.confirm(position),
    lag: async () => {
      await clock();
      return {};
    },
    close: () => pool.close(),
  };
}

const momentIn = (row: Row): string => textOf(row[MOMENT]) ?? '';

/** Longer ones are nobody’s subject, but the next page begins after them. */
function idIn(row: Row, id: string): string {
  const text = textOf(row[id]) ?? '';
  if (text.length <= MAX_ID_LENGTH) return text;
  throw new FootbridgeError('mapping_failed', {
    detail: `sql.id holds more than ${MAX_ID_LENGTH} characters`,
  });
}

/**
 * Moments of whole seconds stay the same when somebody is changed twice in one: what the row says is a part of the change’s
 * id, so that the second is another change.
 */
function changeOf(row: Row, id: string): LegacyChange {
  const { [MOMENT]: _moment, ...columns } = row;
  const at = momentIn(row);
  const ms = momentOf(at);
  const legacyId = textOf(row[id]) ?? '';
  const named = `${legacyId}@${at}#${digestOf(columns)}`;
  return {
    id: named.length <= MAX_CHANGE_ID ? named : `${digestOf(legacyId)}@${at}#${digestOf(columns)}`,
    legacyId,
    kind: 'changed',
    ...(ms !== undefined && Number.isFinite(ms) ? { at: new Date(ms) } : {}),
  };
}

const digestOf = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? String(inner) : inner)))
    .digest('base64url')
    .slice(0, 16);
