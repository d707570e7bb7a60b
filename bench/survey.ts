/**
 * The survey of a large store on embedded PostgreSQL: users per second, memory, and that it goes on after kill -9.
 * `node bench/survey.ts [users]`; a million by default.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import type { Report } from '../src/admin/survey/report.ts';
import { startEmbeddedPostgres } from '../src/store/embedded.ts';
import { schemaUp } from '../src/store/schema.ts';
import { execute } from '../test/support/database.ts';

const USERS = Number(process.argv[2] ?? 1_000_000);
const ENTRY = resolve(import.meta.dirname, '../bin/footbridge.js');

const data = mkdtempSync(join(tmpdir(), 'footbridge-survey-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(data, 'postgres'), fast: true });
for (const name of ['footbridge', 'shop']) await execute(postgres.url('postgres'), `create database ${name}`);
await schemaUp({ url: postgres.url('footbridge') });
await fill(postgres.url('shop'));
const config = join(data, 'footbridge.yaml');
writeFileSync(config, stringify(settings()), { mode: 0o600 });

const cut = await survey({ killAfterUsers: USERS / 3 });
const rest = await survey({});
const whole = await survey({ more: ['--restart'] });
await postgres.stop();
rmSync(data, { recursive: true, force: true });

const rssAt = (samples: readonly number[], share: number) =>
  samples[Math.min(samples.length - 1, Math.floor(samples.length * share))];
const comparable = ({ startedAt: _s, finishedAt: _f, ...rest }: Report) => rest;
const report = JSON.parse(whole.out) as Report;
const again = JSON.parse(rest.out) as Report;
const same = isDeepStrictEqual(comparable(report), comparable(again));
console.log(
  `${USERS.toLocaleString('en')} users in ${whole.seconds.toFixed(1)} s: ${Math.round(USERS / whole.seconds).toLocaleString('en')} users/s`,
);
console.log(
  `memory at 10 %, 50 % and the end: ${[0.1, 0.5, 1].map((at) => rssAt(whole.rss, at)).join(', ')} MB`,
);
console.log(
  `killed with -9 at ${cut.users.toLocaleString('en')} users; continued from ${rest.continuedFrom.toLocaleString('en')}, ${rest.seconds.toFixed(1)} s; same report: ${same ? 'yes' : 'NO'}`,
);
if (!same) process.exitCode = 1;

interface Run {
  readonly out: string;
  readonly seconds: number;
  readonly users: number;
  readonly continuedFrom: number;
  /** In MB, sampled as it ran. */
  readonly rss: number[];
}

function survey({ killAfterUsers, more = [] }: { killAfterUsers?: number; more?: string[] }): Promise<Run> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [ENTRY, 'legacy', 'survey', '--config', config, '--json', ...more]);
  let out = '';
  let err = '';
  let told = { users: 0, continuedFrom: 0 };
  const rss: number[] = [];
  const sampling = setInterval(() => {
    const kib = /VmRSS:\s+(\d+)/.exec(readStatus(child.pid))?.[1];
    if (kib) rss.push(Math.round(Number(kib) / 1024));
  }, 250);
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err = `${err}${chunk}`.slice(-2_000);
    for (const line of String(chunk)
      .split('\n')
      .filter((text) => text.startsWith('{'))) {
      told = JSON.parse(line);
      if (killAfterUsers && told.users > killAfterUsers) child.kill('SIGKILL');
    }
  });
  return new Promise((done) => {
    child.on('close', (code) => {
      clearInterval(sampling);
      if (code === 2) console.error(err);
      done({ out, seconds: (performance.now() - startedMs) / 1_000, ...told, rss });
    });
  });
}

function readStatus(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

/** Hashes of the right shape; nobody has to verify one. */
async function fill(url: string): Promise<void> {
  const hash = `case i % 5
    when 0 then '$2b$1' || i % 3 || '$' || substr(translate(encode(sha512(i::text::bytea), 'base64'), E'+=\\n', '..'), 1, 53)
    when 1 then 'pbkdf2_sha256$' || 260000 + 60000 * (i % 4) || '$' || substr(md5(i::text), 1, 12) || '$' || encode(sha256(i::text::bytea), 'base64')
    when 2 then '$P$B' || substr(translate(encode(sha512(i::text::bytea), 'base64'), E'+=\\n', '..'), 1, 30)
    when 3 then '{SSHA}' || encode(substring(sha256(i::text::bytea) from 1 for 28), 'base64')
    else '!' end`;
  await execute(
    url,
    `create table users as select i as id, 'user' || i as login, 'user' || i || '@example.com' as email, ${hash} as password,
       now() - make_interval(days => i % 1000) as seen, i % 97 = 0 as disabled from generate_series(1, ${USERS}) i`,
  );
  await execute(url, 'alter table users add primary key (id)');
  await execute(url, 'analyze users');
}

function settings(): object {
  return {
    database: { url: postgres.url('footbridge') },
    masterKey: randomBytes(32).toString('base64'),
    provider: { issuer: 'https://id.example.com' },
    legacy: {
      store: 'shop',
      sql: {
        engine: 'postgresql',
        connection: postgres.url('shop'),
        table: 'users',
        login: ['login', 'email'],
      },
      mapping: {
        username: 'login',
        email: 'email',
        emailVerified: true,
        disabled: 'disabled',
        lastLogin: 'seen',
        password: [{ format: 'auto', columns: { password: 'password' } }],
      },
    },
  };
}
