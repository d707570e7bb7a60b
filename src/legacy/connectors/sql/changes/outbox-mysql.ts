/**
 * The outbox in MySQL (5.7.2 or newer) and MariaDB (10.2.3 or newer): triggers for each row, as they know no others. What
 * foreign keys cascade to sets off no trigger there. They run as who made them.
 */
import { ORIGIN_VARIABLE } from '../apply-marks.ts';
import { literal, quote, quoteTable } from './names.ts';
import type { Made, OutboxEngine, OutboxPlan, Watched } from './outbox-plan.ts';
import { KINDS, MAX_ID_LENGTH, named } from './outbox-plan.ts';

const column = (name: string) => quote('mysql', name);
const tableOf = (name: string) => quoteTable('mysql', name);
const EVENTS = ['insert', 'update', 'delete'] as const;

export function mysqlOutbox(plan: OutboxPlan): OutboxEngine {
  const outbox = tableOf(plan.table);
  return {
    patience: ['set session lock_wait_timeout = 3'],
    table: {
      isThere: `select 1 as one from information_schema.tables where ${inSchema('table', plan.table)}`,
      create: [
        `create table if not exists ${outbox} (id bigint not null auto_increment primary key, user_id varchar(${MAX_ID_LENGTH}) not null, kind varchar(16) not null, at datetime(6) not null, origin varchar(64)) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin`,
      ],
      drop: [`drop table if exists ${outbox}`],
    },
    lost: `insert into ${outbox} (user_id, kind, at) values ('', '${KINDS.lost}', utc_timestamp(6))`,
    triggers: plan.watched.flatMap((watched) => EVENTS.map((event) => triggerOn(plan, watched, event))),
    rights: {
      setup: `GRANT CREATE, DROP, SELECT, INSERT, TRIGGER ON the database TO its user; with a binary log, also log_bin_trust_function_creators = 1 on the server, or SUPER.`,
      reader: `GRANT SELECT, DELETE ON ${outbox} TO its user.`,
    },
  };
}

/** `database.table`, or in the connection's own. */
function inSchema(what: 'table' | 'trigger', name: string): string {
  const [schema, own] = name.includes('.') ? name.split('.') : [undefined, name];
  return `${what}_schema = ${schema === undefined ? 'database()' : literal(schema)} and ${what}_name = ${literal(own as string)}`;
}

function triggerOn(
  plan: OutboxPlan,
  watched: Watched,
  event: (typeof EVENTS)[number],
): Made & { readonly on: string } {
  const { name, mark } = named(plan, watched, event);
  const table = tableOf(watched.table);
  return {
    on: table,
    isThere: `select 1 as one from information_schema.triggers where ${inSchema('trigger', name)} and action_statement like '%${mark}%'`,
    drop: [`drop trigger if exists ${tableOf(name)}`],
    create: [
      `create trigger ${tableOf(name)} after ${event} on ${table} for each row begin /* ${mark} */ ${body(plan.table, watched, event)} end`,
    ],
  };
}

const bytes = (row: 'old' | 'new', name: string) => `cast(${row}.${column(name)} as binary)`;
/** By their bytes: to the collation, Anna and anna may be one. */
const differs = (name: string) => `not (${bytes('old', name)} <=> ${bytes('new', name)})`;

function body(outbox: string, watched: Watched, event: (typeof EVENTS)[number]): string {
  const { user, columns, isUsers } = watched;
  const note = (row: 'old' | 'new', kind: string) =>
    `if ${row}.${column(user)} is not null then insert into ${tableOf(outbox)} (user_id, kind, at, origin) values (left(cast(${row}.${column(user)} as char), ${MAX_ID_LENGTH}), '${kind}', utc_timestamp(6), left(cast(${ORIGIN_VARIABLE} as char), 64)); end if;`;
  const left = note('old', isUsers ? KINDS.deleted : KINDS.changed);
  const came = note('new', KINDS.changed);
  if (event === 'insert') return came;
  if (event === 'delete') return left;
  const rest = columns ? `elseif ${columns.map(differs).join(' or ')} then` : 'else';
  return `if ${differs(user)} then ${left} ${came} ${rest} ${came} end if;`;
}
