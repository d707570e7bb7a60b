/**
 * The queue of two-way sync, on PostgreSQL and on NATS JetStream beside it, each on this machine: changes a second, and a backlog
 * through which live edits overtake. `node bench/sync.ts [--people 100000] [--changes 40000] [--engines postgresql,nats]`
 *
 * What a turn does at the two sides is not in it: it is settled as soon as it is taken. Every engine runs in a process of its own,
 * so that memory is its own, and the servers share the machine with it.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../src/store/embedded.ts';
import { schemaUp } from '../src/store/schema.ts';
import { execute } from '../test/support/database.ts';
import { freePort } from '../test/support/ports.ts';
import type { Measured } from './sync-queue-engine.ts';

const { values } = parseArgs({
  options: {
    people: { type: 'string', default: '100000' },
    changes: { type: 'string', default: '40000' },
    engines: { type: 'string', default: 'postgresql,nats' },
  },
});
const engines = values.engines.split(',');
const results: Record<string, Measured> = {};
const data = mkdtempSync(join(tmpdir(), 'footbridge-sync-'));

try {
  if (engines.includes('postgresql')) results.PostgreSQL = await onPostgres();
  if (engines.includes('nats')) await onNats();
} finally {
  rmSync(data, { recursive: true, force: true });
}
print();
if (Object.values(results).some(({ isInOrder }) => !isInOrder)) process.exitCode = 1;

async function onPostgres(): Promise<Measured> {
  const postgres = await startEmbeddedPostgres({ dataDir: join(data, 'postgres') });
  try {
    await execute(postgres.url('postgres'), 'create database footbridge');
    await schemaUp({ url: postgres.url('footbridge') });
    return await measured({ engine: 'postgresql', url: postgres.url('footbridge') });
  } finally {
    await postgres.stop();
  }
}

async function onNats(): Promise<void> {
  const program = ['/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server'].find(
    (path) => existsSync(path),
  );
  if (!program) return console.log('nats-server is not installed: without it');
  const port = await freePort();
  const words = ['-js', '-a', '127.0.0.1', '-p', String(port), '-sd', join(data, 'nats')];
  const server = spawn(program, words, { stdio: 'ignore' });
  const gone = once(server, 'exit');
  try {
    results.NATS = await measured({ engine: 'nats', url: `nats://127.0.0.1:${port}` });
  } finally {
    server.kill();
    await gone;
  }
}

async function measured(where: { engine: string; url: string }): Promise<Measured> {
  const words = [
    where.engine,
    where.url,
    `bench${randomBytes(4).toString('hex')}`,
    values.changes,
    values.people,
  ];
  const child = spawn(process.execPath, [resolve(import.meta.dirname, 'sync-queue-engine.ts'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${where.engine} could not be measured`);
  return JSON.parse(out);
}

function print(): void {
  const number = (value: number) => Math.round(value).toLocaleString('en');
  const rows: [string, (one: Measured) => string, ((one: Measured) => number)?][] = [
    ['put, changes a second', ({ put }) => number(put), ({ put }) => put],
    ['1 taker, turns a second', ({ turns1 }) => number(turns1), ({ turns1 }) => turns1],
    ['4 takers, turns a second', ({ turns4 }) => number(turns4), ({ turns4 }) => turns4],
    ['put and 4 takers at once, changes a second', ({ both }) => number(both), ({ both }) => both],
    ['each person’s changes in order, none lost', ({ isInOrder }) => (isInOrder ? 'yes' : 'NO')],
    ['backlog put, people a second', ({ backlogPut }) => number(backlogPut), ({ backlogPut }) => backlogPut],
    [
      'backlog done, people a second',
      ({ backlogDone }) => number(backlogDone),
      ({ backlogDone }) => backlogDone,
    ],
    [
      'a live edit meanwhile is taken after, p50 / p95 / p99 ms',
      ({ liveMs }) => liveMs.map(number).join(' / '),
    ],
    [
      'memory of the process before, in the middle, at the end, MB',
      ({ rssMb }) => rssMb.map(number).join(' / '),
    ],
  ];
  const names = Object.keys(results);
  const all = Object.values(results);
  console.log(
    `${process.version}, ${cores()} cores; ${values.changes} changes, a backlog of ${number(Number(values.people))} people`,
  );
  console.log(`| | ${names.join(' | ')} |${all.length === 2 ? ' ratio |' : ''}`);
  console.log(`| --- |${' --- |'.repeat(all.length === 2 ? 3 : all.length)}`);
  for (const [title, show, compare] of rows) {
    const ratio = compare && all.length === 2 ? (compare(all[1]!) / compare(all[0]!)).toFixed(1) : '';
    console.log(`| ${title} | ${all.map(show).join(' | ')} |${all.length === 2 ? ` ${ratio} |` : ''}`);
  }
}

function cores(): number {
  return readFileSync('/proc/cpuinfo', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('processor')).length;
}
