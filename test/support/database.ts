import diagnostics from 'node:diagnostics_channel';
import pg from 'pg';

/** The same server, another database. */
export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** Runs SQL on a connection of its own: for what tests do behind the code's back. */
export async function execute(
  url: string,
  sql: string,
  values?: unknown[],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** Nobody else gets at these tables until it is released: for those who wait, the server is away. */
export async function lockTables(
  url: string,
  tables: readonly string[],
): Promise<{ release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('begin');
  await client.query(`lock table ${tables.join(', ')} in access exclusive mode`);
  return {
    release: async () => {
      await client.query('rollback');
      await client.end();
    },
  };
}

/** Whoever wants to know what is at rest in a database of ours is told, as text, of each table's first rows. */
export async function tellRows(url: string): Promise<void> {
  const rows = diagnostics.channel('footbridge.test.rows');
  if (!rows.hasSubscribers) return;
  const told = await execute(
    url,
    `select relname as table, query_to_xml(format('select * from public.%I limit 300', relname), true, true, '')::text as text
     from pg_stat_user_tables where schemaname = 'public' and relname not in ('schema_steps')`,
  ).catch(() => []);
  for (const one of told) if (String(one.text).length > 100) rows.publish(one);
}
