/** The outbox in SQLite, for small stores and tests. No variable says there who writes. */
import { lastPart, literal, quote, quoteTable } from './names.ts';
import type { Made, OutboxEngine, OutboxPlan, Watched } from './outbox-plan.ts';
import { KINDS, MAX_ID_LENGTH, named } from './outbox-plan.ts';

const column = (name: string) => quote('sqlite', name);
/** A trigger writes to tables of its own database only, and must not name it. */
const tableOf = (name: string) => column(lastPart(name));
const EVENTS = ['insert', 'update', 'delete'] as const;
const listed = (type: string, name: string) =>
  `select 1 as one from sqlite_master where type = '${type}' and name = ${literal(lastPart(name))}`;

export function sqliteOutbox(plan: OutboxPlan): OutboxEngine {
  const outbox = tableOf(plan.table);
  return {
    patience: [],
    table: {
      isThere: listed('table', plan.table),
      create: [
        // Without autoincrement, the numbers of deleted rows would be given again.
        `create table if not exists ${outbox} (id integer primary key autoincrement, user_id text not null, kind text not null, at text not null, origin text)`,
      ],
      drop: [`drop table if exists ${outbox}`],
    },
    lost: `insert into ${outbox} (user_id, kind, at) values ('', '${KINDS.lost}', strftime('%Y-%m-%d %H:%M:%f', 'now'))`,
    triggers: plan.watched.flatMap((watched) => EVENTS.map((event) => triggerOn(plan, watched, event))),
    rights: { setup: 'The file has to be writable.', reader: 'The file has to be writable.' },
  };
}

function triggerOn(
  plan: OutboxPlan,
  watched: Watched,
  event: (typeof EVENTS)[number],
): Made & { readonly on: string } {
  const { name, mark } = named(plan, watched, event);
  const table = quoteTable('sqlite', watched.table);
  return {
    on: table,
    isThere: `${listed('trigger', name)} and sql like '%${mark}%'`,
    drop: [`drop trigger if exists ${tableOf(name)}`],
    create: [
      `create trigger ${tableOf(name)} after ${event} on ${tableOf(watched.table)} begin /* ${mark} */ ${body(plan.table, watched, event)} end`,
    ],
  };
}

const bytes = (row: 'old' | 'new', name: string) => `cast(${row}.${column(name)} as blob)`;
const differs = (name: string) => `${bytes('old', name)} is not ${bytes('new', name)}`;

function body(outbox: string, { user, columns, isUsers }: Watched, event: (typeof EVENTS)[number]): string {
  const note = (row: 'old' | 'new', kind: string, when = '') =>
    `insert into ${tableOf(outbox)} (user_id, kind, at) select substr(cast(${row}.${column(user)} as text), 1, ${MAX_ID_LENGTH}), '${kind}', strftime('%Y-%m-%d %H:%M:%f', 'now') where ${row}.${column(user)} is not null${when};`;
  const gone = isUsers ? KINDS.deleted : KINDS.changed;
  if (event === 'insert') return note('new', KINDS.changed);
  if (event === 'delete') return note('old', gone);
  const matters = columns ? ` and (${[user, ...columns].map(differs).join(' or ')})` : '';
  return `${note('old', gone, ` and ${differs(user)}`)} ${note('new', KINDS.changed, matters)}`;
}
