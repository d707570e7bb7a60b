import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqlTable } from '../../../src/sessions/apps/sql-table.ts';
import type { LegacyAppDeps } from '../../../src/sessions/legacy-app.ts';
import { Line } from '../../legacy/line.ts';
import type { Mariadb } from '../../servers/mariadb.ts';
import { requiresMariadb, startMariadb } from '../../servers/mariadb.ts';
import type { LegacyAppHarness } from '../legacy-app-contract.ts';
import { legacyAppContract, loginOf } from '../legacy-app-contract.ts';

const required = requiresMariadb();
const DEPS: LegacyAppDeps = {
  db: undefined as never,
  directory: { findBySub: async () => undefined, legacyIdOf: () => undefined },
};
const IDLE_SECONDS = 7_200;
const nowSeconds = () => Math.floor(Date.now() / 1_000);

interface Harness extends LegacyAppHarness {
  readonly line: Line;
}

/** As a home-made PHP or Laravel app has them: when a session was used, as a number, and what it holds, as bytes. */
const SQL = `
  create table sessions (id varchar(191) primary key, user_id bigint null, payload longblob not null,
    last_activity int not null);
  create table stamped (id varchar(191) primary key, payload longtext not null, expires timestamp not null);`;

describe.skipIf(required.skip)(required.name, () => {
  let server: Mariadb;
  beforeAll(async () => {
    server = await startMariadb();
    await server.execute("create database shop; set global time_zone = '+05:00'");
    await server.execute(SQL, 'shop');
  });
  afterAll(() => server.stop());

  const run = async (sql: string, values: (string | number | Buffer)[] = []) => {
    const db = await createConnection(server.url('shop'));
    try {
      return (await db.execute(sql, values))[0] as Record<string, unknown>[];
    } finally {
      await db.end();
    }
  };
  const appAt = (url: string, more: object) =>
    sqlTable.open(
      sqlTable.settings.parse({
        kind: 'sql-table',
        name: 'shop',
        database: { engine: 'mysql', connection: url },
        framework: { format: 'json', userField: 'user.id' },
        create: {},
        timeoutMs: 1_000,
        ...more,
      }),
      DEPS,
    );

  async function sessionsInBytes(): Promise<Harness> {
    const line = new Line(() => connect(server.port, '127.0.0.1'));
    const url = new URL(server.url('shop'));
    url.port = String(await line.listen());
    const isLive = 'select id from sessions where id = ? and last_activity > ?';
    const idOf = ({ cookies }: { cookies: Readonly<Record<string, string>> }) => cookies.session!;
    return {
      line,
      app: appAt(url.href, {
        idleSeconds: IDLE_SECONDS,
        table: {
          name: 'sessions',
          key: 'id',
          data: 'payload',
          dataIs: 'bytes',
          person: 'user_id',
          time: { column: 'last_activity', means: 'last-used', unit: 'seconds' },
        },
      }),
      async signIn({ user }) {
        const id = randomBytes(16).toString('hex');
        const payload = Buffer.from(JSON.stringify({ user: { id: user.legacyId }, of: 'Zoë' }));
        await run('insert into sessions values (?, ?, ?, ?)', [
          id,
          user.legacyId,
          payload,
          nowSeconds() - 60,
        ]);
        return { cookies: { session: id }, person: { by: 'id', value: user.legacyId }, amr: [] };
      },
      isSignedIn: async (browser) =>
        (await run(isLive, [idOf(browser), nowSeconds() - IDLE_SECONDS])).length === 1,
      signOut: async (browser) => void (await run('delete from sessions where id = ?', [idOf(browser)])),
      async makeOld(session) {
        const old = nowSeconds() - IDLE_SECONDS - 1;
        await run('update sessions set last_activity = ? where id = ?', [old, idOf(session)]);
        return session;
      },
      // The column takes both for one.
      forge: (session) => [{ cookies: { session: idOf(session).toUpperCase() } }],
      openConnections: async () => line.connections,
      close: () => line.close(),
    };
  }

  legacyAppContract({
    name: 'a table in MariaDB',
    abilities: ['recognise', 'check', 'create', 'clearCookies', 'renew', 'end', 'endAllOf'],
    open: sessionsInBytes,
    // A use in the future is none.
    slides: false,
    outages: {
      'refuses connections': async (harness) => (harness as Harness).line.cutAll(),
      'does not answer': async (harness) => {
        (harness as Harness).line.mode = 'silent';
      },
    },
  });

  test('moments are in UTC, whatever the server’s own zone is', async () => {
    const app = appAt(server.url('shop'), {
      table: { name: 'stamped', key: 'id', data: 'payload', time: { column: 'expires', means: 'expires' } },
    });
    const login = loginOf('1');
    const { handle } = (await app.create!(login)) as { handle: string };
    const left = async () =>
      Number((await run('select timestampdiff(second, now(), expires) as s from stamped'))[0]!.s);
    expect(await left()).toBeGreaterThan(3_500);
    expect(await left()).toBeLessThanOrEqual(3_600);
    expect((await app.check!(handle))!.expiresAt).toBe(login.expiresAt);
    await app.renew!(handle, login.expiresAt + 600);
    expect(await left()).toBeGreaterThan(4_100);
    expect((await app.check!(handle))!.expiresAt).toBe(login.expiresAt + 600);
    await app.close();
  });
});
