import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll } from 'vitest';
import { sqlTable } from '../../../src/sessions/apps/sql-table.ts';
import type { LegacyAppDeps, LegacyLogin } from '../../../src/sessions/legacy-app.ts';
import { Line } from '../../legacy/line.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { LegacyAppHarness, SignedIn } from '../legacy-app-contract.ts';
import { legacyAppContract } from '../legacy-app-contract.ts';

/** Limits are short here: loading the drivers must not count. */
beforeAll(() =>
  Promise.all([import('knex'), import('pg'), import('knex/lib/dialects/better-sqlite3/index.js')]),
);

const ABILITIES = ['recognise', 'check', 'create', 'clearCookies', 'renew', 'end', 'endAllOf'] as const;
const DEPS: LegacyAppDeps = {
  db: undefined as never,
  directory: { findBySub: async () => undefined, legacyIdOf: () => undefined },
};
const SETTINGS = {
  kind: 'sql-table',
  name: 'shop',
  framework: { format: 'json', userField: 'user.id' },
  authTimeField: 'user.at',
  amrField: 'user.amr',
  create: { data: { 'user.at': '{authTime}', 'user.amr': '{amr}' } },
  timeoutMs: 1_000,
} as const;
const TABLE = {
  name: 'app_sessions',
  key: 'id',
  data: 'data',
  time: { column: 'expires_at', means: 'expires' },
  person: 'user_id',
  created: { column: 'created_at' },
} as const;

const nowSeconds = () => Math.floor(Date.now() / 1_000);
const stamp = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 19).replace('T', ' ');

type Run = (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

/** What an app does with its own table; `$1` for PostgreSQL, `?` for SQLite. */
function appWith(
  run: Run,
): Pick<LegacyAppHarness, 'signIn' | 'isSignedIn' | 'signOut' | 'makeOld' | 'forge'> {
  const first = 'select id from app_sessions where id = $1 and expires_at > $2';
  return {
    async signIn({ user, authTime }: LegacyLogin): Promise<SignedIn> {
      const id = randomBytes(16).toString('hex');
      const data = JSON.stringify({ user: { id: Number(user.legacyId), at: authTime, amr: ['pwd'] } });
      await run(
        'insert into app_sessions (id, data, user_id, expires_at, created_at) values ($1, $2, $3, $4, $5)',
        [id, data, Number(user.legacyId), stamp(nowSeconds() + 1_800), stamp(nowSeconds())],
      );
      return { cookies: { session: id }, person: { by: 'id', value: user.legacyId }, authTime, amr: ['pwd'] };
    },
    isSignedIn: async ({ cookies }) =>
      (await run(first, [cookies.session, stamp(nowSeconds())])).length === 1,
    signOut: async ({ cookies }) =>
      void (await run('delete from app_sessions where id = $1', [cookies.session])),
    async makeOld({ cookies }) {
      const values = [stamp(nowSeconds() - 1), cookies.session];
      await run('update app_sessions set expires_at = $1 where id = $2', values);
      return { cookies };
    },
    forge: ({ cookies }) => [{ cookies: { session: cookies.session!.toUpperCase() } }],
  };
}

async function postgresql(): Promise<LegacyAppHarness & { line: Line; run: Run }> {
  const database = await testDatabase({ empty: true });
  const run: Run = (sql, values) =>
    execute(database.url, `set timezone to 'UTC'`).then(() => execute(database.url, sql, values));
  await run(`create table app_sessions (id varchar(64) primary key, data text not null, user_id bigint,
    expires_at timestamp not null, created_at timestamptz not null)`);
  const there = new URL(database.url);
  const line = new Line(() => connect(Number(there.port), there.hostname));
  const through = new URL(database.url);
  through.hostname = '127.0.0.1';
  through.port = String(await line.listen());
  const settings = sqlTable.settings.parse({
    ...SETTINGS,
    table: TABLE,
    database: { engine: 'postgresql', connection: through.href },
  });
  return {
    app: sqlTable.open(settings, DEPS),
    ...appWith(run),
    line,
    run,
    openConnections: async () => line.connections,
    async close() {
      await line.close();
      await database.drop();
    },
  };
}

legacyAppContract({
  name: 'a table in PostgreSQL',
  abilities: ABILITIES,
  open: postgresql,
  outages: {
    'refuses connections': async (harness) =>
      (harness as Awaited<ReturnType<typeof postgresql>>).line.cutAll(),
    'does not answer': async (harness) => {
      (harness as Awaited<ReturnType<typeof postgresql>>).line.mode = 'silent';
    },
    'has lost its table': async (harness) =>
      void (await (harness as Awaited<ReturnType<typeof postgresql>>).run('drop table app_sessions')),
  },
});

async function sqlite(): Promise<LegacyAppHarness & { lock(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-sessions-'));
  const file = join(folder, 'app.sqlite');
  const db = new DatabaseSync(file);
  const run: Run = async (sql, values = []) =>
    db.prepare(sql.replace(/\$\d/g, '?')).all(...(values as string[])) as Record<string, unknown>[];
  db.exec(`create table app_sessions (id varchar(64) primary key, data text not null, user_id integer,
    expires_at datetime not null, created_at datetime not null)`);
  const settings = sqlTable.settings.parse({
    ...SETTINGS,
    table: TABLE,
    timeoutMs: 200,
    database: { engine: 'sqlite', file },
  });
  return {
    app: sqlTable.open(settings, DEPS),
    ...appWith(run),
    lock: () => db.exec('begin exclusive'),
    openConnections: async () => (existsSync('/proc/self/fd') ? opened(file) : 0),
    async close() {
      db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const opened = (file: string) =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  }).length;

legacyAppContract({
  name: 'a table in SQLite',
  abilities: ABILITIES,
  open: sqlite,
  outages: { 'is locked': async (harness) => (harness as Awaited<ReturnType<typeof sqlite>>).lock() },
});
