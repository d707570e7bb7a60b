/**
 * Logins at Footbridge beside plain oidc-provider with a typical adapter, in one interleaved run: what one operation costs the
 * server and PostgreSQL. `node bench/login/campaign.ts [rounds] [seconds] [profile.json…]`; each further profile is another
 * provider that runs already (see `Profile` in load.ts). Passwords have a nearly free hash: it is the rest that is compared.
 * `FOOTBRIDGE_BENCH_ONLY=code,sso` runs these only, `FOOTBRIDGE_BENCH_AT_ONCE=32` so many at once.
 * CPU time is the figure to trust; how long something takes depends on what else the machine does.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import bcrypt from 'bcrypt';
import { stringify } from 'yaml';
import { startEmbeddedPostgres } from '../../src/store/embedded.ts';
import { findPostmaster } from '../../src/store/postmaster.ts';
import { schemaUp } from '../../src/store/schema.ts';
import { execute } from '../../test/support/database.ts';
import { freePort } from '../../test/support/ports.ts';
import type { Measured, Profile, Scenario } from './load.ts';
import { SCENARIOS } from './load.ts';

const [rounds = '3', seconds = '3', ...others] = process.argv.slice(2);
const AT_ONCE = Number(process.env.FOOTBRIDGE_BENCH_AT_ONCE ?? 4);
const only = process.env.FOOTBRIDGE_BENCH_ONLY?.split(',');
const scenarios = SCENARIOS.filter((scenario) => !only || only.includes(scenario));
const PEOPLE = 200;
const PASSWORD = 'correct-horse-1';
const here = (name: string) => resolve(import.meta.dirname, name);

const data = mkdtempSync(join(tmpdir(), 'footbridge-login-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(data, 'postgres') });
const running: ChildProcess[] = [];
try {
  for (const name of ['plain', 'footbridge', 'shop'])
    await execute(postgres.url('postgres'), `create database ${name}`);
  await schemaUp({ url: postgres.url('footbridge') });
  for (const name of ['plain', 'shop']) await fill(postgres.url(name));
  const postmaster = await findPostmaster(join(data, 'postgres', 'cluster', 'data'));
  const database = postmaster ? { database: postmaster.pid } : {};
  const profiles = [
    await openPlain(database),
    await openFootbridge(database),
    ...others.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Profile),
  ];
  const results = new Map<string, Measured[]>();
  for (let round = 0; round < Number(rounds); round++)
    for (const scenario of scenarios)
      for (const profile of profiles) {
        const key = `${scenario} ${profile.name}`;
        results.set(key, [...(results.get(key) ?? []), await load(profile, scenario)]);
      }
  print(profiles, results);
} finally {
  for (const child of running) {
    child.kill();
    await once(child, 'exit');
  }
  await postgres.stop();
  rmSync(data, { recursive: true, force: true });
}

async function fill(url: string): Promise<void> {
  await execute(url, 'create table people (id text primary key, email text unique, name text, hash text)');
  const hash = await bcrypt.hash(PASSWORD, 4);
  await execute(
    url,
    `insert into people select 'p' || i, 'person' || i || '@example.test', 'Person ' || i, $1 from generate_series(0, ${PEOPLE - 1}) i`,
    [hash],
  );
}

function profileOf(name: string, port: number, more: Pick<Profile, 'pids' | 'clientSecret'>): Profile {
  return {
    name,
    issuer: `http://127.0.0.1:${port}`,
    clientId: 'app',
    redirectUri: 'http://127.0.0.1:9/cb',
    user: 'person%d@example.test',
    users: PEOPLE,
    password: PASSWORD,
    fields: { user: 'username', password: 'password' },
    machineScope: 'migration:read',
    ...more,
  };
}

async function openPlain(database: { readonly database?: number }): Promise<Profile> {
  const port = await freePort();
  const child = spawn(process.execPath, [here('plain-provider.ts'), String(port), postgres.url('plain')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  running.push(child);
  await once(createInterface({ input: child.stdout! }), 'line');
  const clientSecret = 'app-secret-0123456789-0123456789';
  return profileOf('plain', port, { clientSecret, pids: { server: child.pid!, ...database } });
}

async function openFootbridge(database: { readonly database?: number }): Promise<Profile> {
  const [port, inside] = [await freePort(), await freePort()];
  const shop = new URL(postgres.url('shop'));
  const clientSecret = randomBytes(24).toString('base64url');
  const settings = {
    listen: { public: { port }, private: { port: inside } },
    database: { url: postgres.url('footbridge') },
    masterKey: randomBytes(32).toString('base64'),
    provider: {
      issuer: `http://127.0.0.1:${port}`,
      login: { networkFailures: 100_000 },
      clients: [
        {
          clientId: 'app',
          secret: clientSecret,
          redirectUris: ['http://127.0.0.1:9/cb'],
          grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
        },
      ],
    },
    legacy: {
      store: 'shop',
      sql: {
        engine: 'postgresql',
        connection: {
          host: shop.hostname,
          port: Number(shop.port),
          user: decodeURIComponent(shop.username),
          password: decodeURIComponent(shop.password),
          database: 'shop',
        },
        table: 'people',
        id: 'id',
        login: ['email'],
      },
      mapping: {
        username: 'email',
        email: 'email',
        name: 'name',
        password: [{ format: 'bcrypt', columns: { password: 'hash' } }],
      },
    },
  };
  const config = join(data, 'footbridge.yaml');
  writeFileSync(config, stringify(settings), { mode: 0o600 });
  const main = here('../../src/main.ts');
  const child = spawn(process.execPath, [main, 'start', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '8' },
  });
  running.push(child);
  for await (const line of createInterface({ input: child.stderr! })) if (line.includes('serves')) break;
  child.stderr?.resume();
  return profileOf('footbridge', port, { clientSecret, pids: { server: child.pid!, ...database } });
}

/** In a process of its own: what it needs is not counted. */
async function load(profile: Profile, scenario: Scenario): Promise<Measured> {
  const file = join(data, `${profile.name}.json`);
  writeFileSync(file, JSON.stringify(profile), { mode: 0o600 });
  const child = spawn(process.execPath, [here('load.ts'), file, scenario, String(AT_ONCE), seconds], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  for await (const chunk of child.stdout!) out += chunk;
  if (!out) throw new Error(`${profile.name} could not be measured: ${scenario}`);
  return JSON.parse(out);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function print(profiles: readonly Profile[], results: ReadonlyMap<string, readonly Measured[]>): void {
  console.log(
    `${AT_ONCE} at once, ${rounds} rounds of ${seconds} s; CPU of server and PostgreSQL per operation\n`,
  );
  console.log('| Operation | Provider | Server | PostgreSQL | Together | Ratio | p50 | p99 | Errors |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const scenario of scenarios) {
    const all = (name: string) => results.get(`${scenario} ${name}`) ?? [];
    const of = (name: string, figure: (one: Measured) => number) => median(all(name).map(figure));
    const together = (one: Measured) => one.serverMs + one.databaseMs;
    const base = of('plain', together);
    for (const { name } of profiles) {
      const ms = (figure: (one: Measured) => number) => of(name, figure).toFixed(2);
      const ratio = (of(name, together) / base).toFixed(2);
      const errors = all(name).reduce((sum, one) => sum + one.errors, 0);
      const first = all(name).find(({ firstError }) => firstError)?.firstError;
      console.log(
        `| ${scenario} | ${name} | ${ms((m) => m.serverMs)} ms | ${ms((m) => m.databaseMs)} ms | ${ms(together)} ms | ${ratio} | ${ms((m) => m.p50)} ms | ${ms((m) => m.p99)} ms | ${errors}${first ? ` (${first})` : ''} |`,
      );
    }
  }
}
