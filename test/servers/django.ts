/** A Django on loopback with its own users and sessions, in a database of the tests' PostgreSQL. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/ports.ts';
import { testDatabase } from '../support/postgres.ts';
import type { Requirement } from '../support/requires.ts';
import { requires } from '../support/requires.ts';

/** Where `.ci/servers` puts a Python that has Django from PyPI. */
const OWN_PYTHON = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'footbridge/python/bin/python',
);

/** For `describe.skipIf(requiresDjango().skip)(…)`. */
export function requiresDjango(): Requirement {
  const python = process.env.FOOTBRIDGE_PYTHON ?? OWN_PYTHON;
  if (existsSync(python)) return requires('Django', python);
  const missing = `there is no Python with Django at ${OWN_PYTHON} (.ci/servers)`;
  if (process.env.FOOTBRIDGE_REQUIRE_SERVERS === '1') throw new Error(missing);
  return { path: undefined, skip: true, name: `Django [skipped: ${missing}]` };
}

export interface DjangoPerson {
  readonly id: number;
  readonly username: string;
  readonly email: string;
  readonly password: string;
  readonly givenName: string;
  readonly familyName: string;
}

export interface Django {
  readonly origin: string;
  readonly databaseUrl: string;
  readonly secretKey: string;
  stop(): Promise<void>;
}

export async function startDjango(people: readonly DjangoPerson[]): Promise<Django> {
  const database = await testDatabase({ empty: true });
  const { hostname, port: pgPort, username, password, pathname } = new URL(database.url);
  const port = await freePort();
  const secretKey = 'django-insecure-but-only-for-these-tests';
  const child = spawn(requiresDjango().path!, [join(import.meta.dirname, 'django-app/app.py')], {
    env: {
      PATH: process.env.PATH,
      PGHOST: hostname,
      PGPORT: pgPort,
      PGUSER: decodeURIComponent(username),
      PGPASSWORD: decodeURIComponent(password),
      PGDATABASE: pathname.slice(1),
      SECRET_KEY: secretKey,
      PORT: String(port),
      PEOPLE: JSON.stringify(people),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += chunk;
  });
  const exited = once(child, 'exit');
  const ready = new Promise<boolean>((resolve) => {
    child.stdout.once('data', () => resolve(true));
    exited.then(() => resolve(false));
  });
  const stop = async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await exited;
    await database.drop();
  };
  if (!(await ready)) {
    await stop();
    throw new Error(`Django did not start: ${complaint}`);
  }
  return { origin: `http://127.0.0.1:${port}`, databaseUrl: database.url, secretKey, stop };
}
