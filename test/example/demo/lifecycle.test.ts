/** `npm start` as a process: how it ends, and how it begins after a bad end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../flows/server.ts';
import { Browser } from '../../support/browser.ts';

const ENTRY = resolve(import.meta.dirname, '../../../bin/footbridge.js');
const TIMEOUT_MS = 90_000;
let data: string;
let port: number;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'footbridge-demo-'));
  // Below the range that outgoing connections take their ports from.
  port = 10_000 + (process.pid % 140) * 20;
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

function start(...more: string[]) {
  const child = spawn(process.execPath, [ENTRY, 'demo', '--data', data, '--port', String(port), ...more]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const ready = () =>
    until(async () => {
      if (child.exitCode !== null) throw new Error(output);
      return output.includes('Ctrl-C stops everything');
    }, TIMEOUT_MS);
  return { child, exited, ready, output: () => output };
}

/** Programs that have our data folder in their command line, except those that are told about it by us. */
function leftovers(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(data));
}

const newAppAnswers = async () => (await new Browser().visit(`http://127.0.0.1:${port + 12}/`)).status;

test.skipIf(process.platform !== 'linux')(
  'Ctrl-C leaves nothing running, and the next start finds everything as it was',
  async () => {
    const first = start();
    await first.ready();
    expect(await newAppAnswers()).toBe(200);
    const secrets = readFileSync(join(data, 'secrets.json'), 'utf8');
    first.child.kill('SIGINT');
    expect(await first.exited).toBe(0);
    expect(leftovers()).toEqual([]);

    const second = start();
    await second.ready();
    expect(readFileSync(join(data, 'secrets.json'), 'utf8')).toBe(secrets);
    second.child.kill('SIGTERM');
    expect(await second.exited).toBe(0);
    expect(leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

test.skipIf(process.platform !== 'linux')(
  'after kill -9 the orphaned database is taken over, and --reset begins anew',
  async () => {
    const killed = start();
    await killed.ready();
    const before = readFileSync(join(data, 'secrets.json'), 'utf8');
    killed.child.kill('SIGKILL');
    await killed.exited;
    expect(leftovers().some((line) => line.includes('postgres'))).toBe(true);

    const next = start();
    await next.ready();
    expect(await newAppAnswers()).toBe(200);
    next.child.kill('SIGKILL');
    await next.exited;

    const anew = start('--reset');
    await anew.ready();
    expect(readFileSync(join(data, 'secrets.json'), 'utf8')).not.toBe(before);
    anew.child.kill('SIGINT');
    await anew.exited;
    expect(leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

test.skipIf(process.platform !== 'linux')(
  'a second start on the same ports says so in one sentence, and the first goes on',
  async () => {
    const first = start();
    await first.ready();
    const second = start();
    expect(await second.exited).toBe(2);
    expect(second.output().trim().split('\n').at(-1)).toMatch(
      /^Port \d+ is taken: is the demo running already\?/,
    );
    expect(await newAppAnswers()).toBe(200);
    first.child.kill('SIGINT');
    await first.exited;
    expect(leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

test.skipIf(process.platform !== 'linux')(
  'of two starts at the same moment one runs, and the other says so and takes nothing away',
  async () => {
    const both = [start(), start()];
    const [loser] = await Promise.race(both.map((one) => one.exited.then((code) => [one, code] as const)));
    const winner = both.find((one) => one !== loser)!;
    expect(loser.output()).toContain('is the demo running already?');
    await winner.ready();
    expect(await newAppAnswers()).toBe(200);
    winner.child.kill('SIGINT');
    await winner.exited;
    expect(leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

test.skipIf(process.platform !== 'linux')(
  'a terminal that is closed leaves nothing running',
  async () => {
    const closed = start();
    await closed.ready();
    closed.child.kill('SIGHUP');
    await closed.exited;
    expect(leftovers()).toEqual([]);
  },
  TIMEOUT_MS,
);

test('a data folder that is not ours to use is explained in one sentence', async () => {
  const file = join(data, 'a-file');
  writeFileSync(file, '');
  const refused = spawn(process.execPath, [ENTRY, 'demo', '--data', join(file, 'x'), '--port', String(port)]);
  let output = '';
  refused.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(refused, 'exit');
  expect(code).toBe(2);
  expect(output).not.toMatch(/^\s+at /m);
});
