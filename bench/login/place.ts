/** Where logins are measured: a PostgreSQL with two hundred people, plain oidc-provider and Footbridge in front of them, each a process. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
import type { Profile } from './load.ts';

const PEOPLE = 200;
const PASSWORD = 'correct-horse-1';
const here = (name: string) => resolve(import.meta.dirname, name);

/** A provider that serves, and its process. */
export interface Running {
  readonly profile: Profile;
  /** Of several nodes the first. */
  readonly child: ChildProcess;
}

export type Place = Awaited<ReturnType<typeof openPlace>>;

export async function openPlace() {
  const data = mkdtempSync(join(tmpdir(), 'footbridge-login-'));
  const postgres = await startEmbeddedPostgres({ dataDir: join(data, 'postgres') });
  const running: ChildProcess[] = [];
  for (const name of ['plain', 'footbridge', 'shop'])
    await execute(postgres.url('postgres'), `create database ${name}`);
  await schemaUp({ url: postgres.url('footbridge') });
  for (const name of ['plain', 'shop']) await fill(postgres.url(name));
  const postmaster = await findPostmaster(join(data, 'postgres', 'cluster', 'data'));
  const database = postmaster ? { database: postmaster.pid } : {};
  const masterKey = randomBytes(32).toString('base64');
  const keep = (child: ChildProcess) => {
    running.push(child);
    child.once('exit', () => running.splice(running.indexOf(child), 1));
    return child;
  };

  async function openPlain(): Promise<Running> {
    const port = await freePort();
    const child = spawn(process.execPath, [here('plain-provider.ts'), String(port), postgres.url('plain')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    keep(child);
    await once(createInterface({ input: child.stdout! }), 'line');
    const clientSecret = 'app-secret-0123456789-0123456789';
    return {
      child,
      profile: profileOf('plain', port, { clientSecret, pids: { server: [child.pid!], ...database } }),
    };
  }

  /** `nodes`: so many, behind one issuer. */
  async function openFootbridge(nodes = 1): Promise<Running> {
    const port = await freePort();
    const shop = new URL(postgres.url('shop'));
    const clientSecret = randomBytes(24).toString('base64url');
    const settings = {
      database: { url: postgres.url('footbridge') },
      masterKey,
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
    const started: { readonly child: ChildProcess; readonly port: number }[] = [];
    for (let node = 0; node < nodes; node++)
      started.push(await startNode(settings, node === 0 ? port : await freePort()));
    const profile = profileOf(nodes === 1 ? 'footbridge' : `footbridge, ${nodes} nodes`, port, {
      clientSecret,
      pids: { server: started.map(({ child }) => child.pid!), ...database },
      ...(nodes > 1 ? { nodes: started.map((one) => `http://127.0.0.1:${one.port}`) } : {}),
    });
    return { child: started[0]!.child, profile };
  }

  async function startNode(settings: object, port: number) {
    const listen = { public: { port }, private: { port: await freePort() } };
    const config = join(data, `footbridge-${port}.yaml`);
    writeFileSync(config, stringify({ ...settings, listen }), { mode: 0o600 });
    const main = here('../../bin/footbridge.js');
    const child = spawn(process.execPath, [main, 'start', '--config', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    keep(child);
    for await (const line of createInterface({ input: child.stderr! })) if (line.includes('serves')) break;
    child.stderr?.resume();
    return { child, port };
  }

  return {
    data,
    openPlain,
    openFootbridge,
    async close(): Promise<void> {
      for (const child of [...running]) await end(child);
      await postgres.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

export async function end(child: ChildProcess): Promise<void> {
  child.kill();
  await once(child, 'exit');
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

function profileOf(
  name: string,
  port: number,
  more: Pick<Profile, 'pids' | 'clientSecret' | 'nodes'>,
): Profile {
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
