/** Everybody is logged out by one command, while people go on logging in. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { idsOf, sealHandle } from '../../../src/sessions/legacy-session-row.ts';
import { Secret } from '../../../src/settings.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { until } from '../server.ts';
import type { NodesStage } from './nodes-stage.ts';
import { openNodes } from './nodes-stage.ts';

vi.setConfig({ testTimeout: 300_000 });

const SESSIONS = 10_000;
const WORKERS = 3;
const ENTRY = resolve(import.meta.dirname, '../../../bin/footbridge.js');
/** Far more than it takes. */
const WITHIN_MS = 240_000;
const APP = 'old-shop';
const HOOK_KEY = 'the-old-shop-and-footbridge-know-this';

/** The old app: the sessions that it was told to end. */
const ended = new Set<string>();
const app = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    // The other half of its calls name the person: an operator means all that they have there.
    const { session } = JSON.parse(body) as { session?: { id: string } };
    if (session) ended.add(session.id);
    response.writeHead(204).end();
  });
});

let stage: NodesStage;
beforeAll(async () => {
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const { port } = app.address() as AddressInfo;
  stage = await openNodes({
    clients: ['mail', 'wiki'],
    people: WORKERS + 2,
    nodes: 1,
    change: (settings) => {
      settings.legacySessions = [
        {
          kind: 'http-hook',
          name: APP,
          endUrl: `http://127.0.0.1:${port}/end`,
          keys: [{ id: 'one', key: HOOK_KEY }],
        },
      ];
      // All of them come from one network.
      settings.provider.login.networkLookups = 100_000;
    },
  });
}, 120_000);
afterAll(async () => {
  await stage?.close();
  app.closeAllConnections();
  app.close();
});

/** Ten thousand people, each with a session here, at a client and at the old app. */
async function fill(): Promise<void> {
  await stage.sql(
    `insert into oidc_records (id, kind, uid, payload, expires_at)
     select sha256(convert_to('Session:s' || n, 'UTF8')), 'Session', sha256(convert_to('uid:u' || n, 'UTF8')),
       jsonb_build_object('uid', 'u' || n, 'accountId', 'shop:many-' || n, 'loginTs', extract(epoch from now())::int,
         'authorizations', jsonb_build_object('wiki', jsonb_build_object('sid', 'sid-' || n, 'grantId', 'g' || n))),
       now() + interval '1 day' from generate_series(1, $1::int) n`,
    [SESSIONS],
  );
  const keyring = openKeyring(new Secret(stage.settings.masterKey));
  const handles = Array.from({ length: SESSIONS }, (_, index) => `old-${index + 1}`);
  await stage.sql(
    `insert into legacy_sessions (id, app, sub, op_session, origin, handle, expires_at)
     select r.id, $4::text, 'shop:many-' || r.n, sha256(convert_to('uid:u' || r.n, 'UTF8')), 'created', r.handle,
       now() + interval '1 day' from unnest($1::bytea[], $2::text[], $3::int[]) as r(id, handle, n)`,
    [
      handles.map((handle) => idsOf(keyring, APP, handle)[0]),
      handles.map((handle) => sealHandle(keyring, APP, handle)),
      handles.map((_, index) => index + 1),
      APP,
    ],
  );
}

const number = async (text: string) => Number((await stage.sql(text))[0]!.n);
/** Of one moment: sessions here that are left, those at the app, and whose end there has been written down. */
async function halfway(): Promise<{ left: number; live: number; told: number }> {
  const [row] = await stage.sql(`select
    (select count(*)::int from oidc_records where kind = 'Session' and payload ->> 'accountId' like 'shop:many-%') as left,
    (select count(*)::int from legacy_sessions where ended_at is null and sub like 'shop:many-%') as live,
    (select count(*)::int from logout_deliveries where name = '${APP}' and handle is not null) as told`);
  return row as { left: number; live: number; told: number };
}
const untold = (name: string) =>
  number(`select count(*)::int as n from logout_deliveries where done_at is null and name = '${name}'`);

/** Kills the command as soon as it has ended some of them. */
async function endAndKill(): Promise<void> {
  const command = spawn(process.execPath, [
    ENTRY,
    ...['session', 'end', '--all', '--execute', '--config', stage.configFile],
  ]);
  const exited = once(command, 'exit');
  await until(async () => (await halfway()).left < SESSIONS, WITHIN_MS);
  command.kill('SIGKILL');
  expect((await exited)[1]).toBe('SIGKILL');
}

test('ten thousand sessions end while people log in; no login fails, and whoever logs out then need not wait', async () => {
  await fill();
  const dry = await stage.cli('session', 'end', '--all');
  expect(dry.out).toContain(`Would end the sessions of everybody: ${SESSIONS} here`);
  expect(await halfway()).toEqual({ left: SESSIONS, live: SESSIONS, told: 0 });

  const state = { isOver: false, logins: 0, failures: [] as string[] };
  const workers = Array.from({ length: WORKERS }, async () => {
    const person = stage.somebody();
    while (!state.isOver) {
      const end = await stage.logIn(person, 'mail').catch((error: Error) => error);
      if (end instanceof Error || !end.location?.includes('code='))
        state.failures.push(end instanceof Error ? String(end) : `${end.status} ${end.url} ${end.body}`);
      state.logins += 1;
    }
  });
  await until(async () => state.logins > 0, WITHIN_MS);

  await endAndKill();
  // What is over is so altogether, and what is not, not at all; the last statement may still be on its way.
  const { left, ...at } = await halfway();
  expect(left).toBeGreaterThan(0);
  expect(at).toEqual({ live: left, told: SESSIONS - left });

  // Those who log in meanwhile are counted, too: it may have to be said once more.
  await until(async () => {
    const { out } = await stage.cli('session', 'end', '--all', '--execute');
    expect(out).toContain('Ended sessions of everybody');
    return (await halfway()).left === 0;
  }, WITHIN_MS);
  expect(await halfway()).toEqual({ left: 0, live: 0, told: SESSIONS });

  const person = stage.somebody();
  const browser = await stage.logInAt(person, 'wiki');
  const { sid } = (await stage.sidsOf(person))[0]!;
  await stage.logOut(browser);
  await until(async () => stage.client('wiki').told.includes(sid), WITHIN_MS);
  expect(await untold(APP)).toBeGreaterThan(0);

  state.isOver = true;
  await Promise.all(workers);
  expect(state.failures).toEqual([]);
  expect(state.logins).toBeGreaterThan(WORKERS);

  const last = await stage.cli('session', 'end', '--all', '--execute');
  expect(last.code).toBe(0);
  expect((await stage.cli('session', 'end', '--all')).out).toContain('everybody: 0 here');
  const told = ended.size;
  await until(async () => ended.size > told + 500, WITHIN_MS);
  expect(stage.client('wiki').wrong).toEqual([]);
  expect(await number(`select count(*)::int as n from logout_deliveries where due_at = 'infinity'`)).toBe(0);
});
