/**
 * A batch of many into something that takes everybody at once, beside the plainest loop that just posts: users per second
 * and memory. `node bench/batch.ts [users]`; a million by default. PostgreSQL, legacy store and receiver share the machine.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { startEmbeddedPostgres } from '../src/store/embedded.ts';
import { schemaUp } from '../src/store/schema.ts';
import { execute } from '../test/support/database.ts';

const USERS = Number(process.argv[2] ?? 1_000_000);
const SIZE = '200';
const here = (name: string) => resolve(import.meta.dirname, name);

const data = mkdtempSync(join(tmpdir(), 'footbridge-batch-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(data, 'postgres'), fast: true });
for (const name of ['footbridge', 'shop']) await execute(postgres.url('postgres'), `create database ${name}`);
await schemaUp({ url: postgres.url('footbridge') });
await fill(postgres.url('shop'));
const receiver = spawn(process.execPath, [here('instant-kratos.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
const [port] = (await once(createInterface({ input: receiver.stdout! }), 'line')) as [string];
const target = `http://127.0.0.1:${port}`;
const config = join(data, 'footbridge.yaml');
writeFileSync(config, stringify(settings()), { mode: 0o600 });

const plain = await run([here('plain-import.ts'), postgres.url('shop'), target, SIZE]);
const plan = await footbridge('plan', '--target', 'ory', '--name', 'all', '--size', SIZE, '--execute');
const sent = await footbridge('run', 'all', '--execute');
const again = await run([here('plain-import.ts'), postgres.url('shop'), target, SIZE]);
const { counts } = JSON.parse(sent.out) as { counts: Record<string, number> };
receiver.kill();
await postgres.stop();
rmSync(data, { recursive: true, force: true });

const perSecond = (seconds: number) => Math.round(USERS / seconds);
const words = (value: number) => value.toLocaleString('en');
const plainSeconds = Math.min(Number(plain.out), Number(again.out));
console.log(`${words(USERS)} users, ${SIZE} per call; of each run the whole process, start included`);
console.log(`plan: ${plan.seconds.toFixed(1)} s, ${words(perSecond(plan.seconds))} users/s`);
console.log(
  `batch: ${sent.seconds.toFixed(1)} s, ${words(perSecond(sent.seconds))} users/s, ${((sent.cpuSeconds / USERS) * 1_000_000).toFixed(0)} µs of its CPU each; ${JSON.stringify(counts)}`,
);
console.log(
  `memory at 10 %, 50 % and the end: ${[0.1, 0.5, 1].map((share) => rssAt(sent.rss, share)).join(', ')} MB`,
);
console.log(
  `plain loop: ${plainSeconds.toFixed(1)} s, ${words(perSecond(plainSeconds))} users/s; ratio ${(sent.seconds / plainSeconds).toFixed(2)}`,
);
if (counts.migrated !== USERS) process.exitCode = 1;

interface Run {
  readonly out: string;
  readonly seconds: number;
  /** In MB, sampled as it ran. */
  readonly rss: readonly number[];
  /** Of the process, as long as it was seen. */
  readonly cpuSeconds: number;
}

function footbridge(...words: string[]): Promise<Run> {
  return run([here('../bin/footbridge.js'), 'batch', ...words, '--config', config, '--json']);
}

async function run(command: readonly string[]): Promise<Run> {
  const startMs = performance.now();
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout!.on('data', (chunk) => {
    out += chunk;
  });
  const rss: number[] = [];
  let cpuSeconds = 0;
  const sampling = setInterval(() => {
    rss.push(memoryOf(child));
    cpuSeconds = Math.max(cpuSeconds, cpuOf(child));
  }, 250);
  await once(child, 'close');
  clearInterval(sampling);
  return { out, seconds: (performance.now() - startMs) / 1_000, rss, cpuSeconds };
}

/** In hundredths of a second, in the fields that proc(5) calls utime and stime. */
function cpuOf({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

function memoryOf({ pid }: ChildProcess): number {
  try {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Math.round(Number(kib ?? 0) / 1024);
  } catch {
    return 0;
  }
}

function rssAt(samples: readonly number[], share: number): number {
  const known = samples.filter((value) => value > 0);
  return known[Math.min(known.length - 1, Math.floor(known.length * share))] ?? 0;
}

/** Hashes of the right shape; nobody has to verify one. */
async function fill(url: string): Promise<void> {
  const hash = `'$2b$10$' || rpad(translate(md5(i::text), '0', 'A'), 21, 'a') || 'O' || rpad(md5('h' || i), 30, 'b') || 'u'`;
  await execute(
    url,
    `create table users as select i as id, 'user' || i as login, 'user' || i || '@example.com' as email, ${hash} as password
     from generate_series(1, ${USERS}) i`,
  );
  await execute(url, 'alter table users add primary key (id)');
  await execute(url, 'analyze users');
}

function settings(): object {
  const connection = postgres.url('shop');
  return {
    database: { url: postgres.url('footbridge') },
    masterKey: randomBytes(32).toString('base64'),
    provider: { issuer: 'https://id.example.com' },
    targets: [
      {
        name: 'ory',
        kind: 'kratos',
        displayName: 'Ory',
        loginUrl: 'https://app.example.com/login',
        api: { url: target, open: true, identityProvider: 'footbridge', perSecond: 1_000 },
        kratos: { traits: { username: 'username' } },
      },
    ],
    legacy: {
      store: 'shop',
      sql: { engine: 'postgresql', connection, table: 'users', login: ['login', 'email'] },
      mapping: {
        username: 'login',
        email: 'email',
        emailVerified: { column: 'email', present: true },
        password: [{ format: 'bcrypt', columns: { hash: 'password' } }],
      },
    },
  };
}
