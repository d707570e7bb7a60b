import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { EmbeddedPostgresError, startEmbeddedPostgres } from '../../src/store/embedded.ts';
import { findBinaries } from '../../src/store/embedded-binaries.ts';
import { findPostmaster } from '../../src/store/postmaster.ts';
import { execute } from '../support/database.ts';
import { data, failure, folder, kill, query, SCRIPT, start, startElsewhere } from './own-servers.ts';

/** One cluster for the tests that only need one: made once, and stopped after each of them. */
let shared: string;
beforeAll(async () => {
  shared = await realpath(await mkdtemp(join(tmpdir(), 'footbridge-embedded-')));
  await (await startEmbeddedPostgres({ dataDir: shared, fast: true })).stop();
});
afterAll(() => rm(shared, { recursive: true, force: true }));

describe('a fresh folder', () => {
  test('gets a server that answers on 127.0.0.1 only, asks for a password and leaves no socket file', async () => {
    const dataDir = await folder();
    const postgres = await start(join(dataDir, 'with space'));
    await postgres.ensureDatabase('my "db"');
    await postgres.ensureDatabase('my "db"');
    const [row] = await execute(
      postgres.url('my "db"'),
      `select current_database() as db, current_setting('listen_addresses') as listens, current_setting('unix_socket_directories') as sockets`,
    );
    expect(row).toEqual({ db: 'my "db"', listens: '127.0.0.1', sockets: '' });
    const wrong = new URL(postgres.url('postgres'));
    wrong.password = 'guess';
    await expect(execute(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  test('keeps the password and the cluster to its owner', async () => {
    const dataDir = await folder();
    await start(dataDir);
    expect((await stat(join(dataDir, 'cluster', 'password'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, 'cluster'))).mode & 0o777).toBe(0o700);
  });

  test('is left as it was when the machine has no binaries, and the sentence names the way out', () => {
    expect(() => findBinaries('plan9-mips')).toThrow(EmbeddedPostgresError);
    expect(() => findBinaries('plan9-mips')).toThrow(/plan9-mips.*database\.url/);
  });
});

describe('stop', () => {
  test('ends the server, and a second stop does nothing', async () => {
    const dataDir = shared;
    const postgres = await start(dataDir);
    await postgres.stop();
    await postgres.stop();
    expect(await findPostmaster(data(dataDir))).toBeUndefined();
    await expect(query(postgres, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('keeps what was committed for the next start', async () => {
    const dataDir = shared;
    const first = await start(dataDir);
    await query(first, 'create or replace view kept as select 7 as n');
    await first.stop();
    expect(await query(await start(dataDir), 'select n from kept')).toEqual([{ n: 7 }]);
  });
});

describe('a server that already runs here', () => {
  test('is adopted by a second start, and stopped by it', async () => {
    const dataDir = shared;
    const first = await start(dataDir);
    const second = await start(dataDir);
    expect(second.url('x')).toBe(first.url('x'));
    await second.stop();
    await expect(query(first, 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await first.stop();
  });

  test('is adopted after its parent was killed with -9', async () => {
    const dataDir = shared;
    const { child, said } = await startElsewhere(dataDir);
    expect(said).toMatch(/^port \d+$/);
    await kill(child);
    const adopted = await start(dataDir);
    expect(`port ${adopted.port}`).toBe(said);
    expect(await query(adopted, 'select 1 as n')).toEqual([{ n: 1 }]);
    await adopted.stop();
    expect(await findPostmaster(data(dataDir))).toBeUndefined();
  });

  test('is one server when three start at once in an empty folder', async () => {
    const dataDir = await folder();
    const all = await Promise.all([start(dataDir), start(dataDir), start(dataDir)]);
    expect(new Set(all.map(({ port }) => port)).size).toBe(1);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('.initdb-'))).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('does not get the signals of our terminal', async () => {
    const dataDir = shared;
    await start(dataDir);
    const { pid } = (await findPostmaster(data(dataDir)))!;
    // Fields 5 and 6 of stat(5): process group and session.
    const [group, session] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ').slice(4, 6).map(Number);
    expect([group, session]).toEqual([pid, pid]);
  });
});

describe('a left-over postmaster.pid', () => {
  test('of a server that was killed with -9 does not hinder the next start, and nothing is lost', async () => {
    const dataDir = shared;
    const first = await start(dataDir);
    await query(first, 'create or replace view kept as select 7 as n');
    process.kill((await findPostmaster(data(dataDir)))!.pid, 'SIGKILL');
    await vi.waitUntil(async () => !(await findPostmaster(data(dataDir))));
    expect(await readdir(data(dataDir))).toContain('postmaster.pid');
    expect(await query(await start(dataDir), 'select n from kept')).toEqual([{ n: 7 }]);
  });

  test.each([
    [
      'names a process that is something else by now',
      `${process.pid}\n/elsewhere\n1\n5432\n\n127.0.0.1\n1 1\nready\n`,
    ],
    ['is empty', ''],
    ['is garbage', 'not a number\n'],
  ])('that %s is not believed', async (_, content) => {
    const dataDir = shared;
    await writeFile(join(data(dataDir), 'postmaster.pid'), content);
    expect(await query(await start(dataDir), 'select 1 as n')).toEqual([{ n: 1 }]);
  });
});

describe('one sentence tells', () => {
  test('that the port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    onTestFinished(() => void holder.close());
    const { port } = holder.address() as AddressInfo;
    expect(await failure(await folder(), { port })).toBe(
      `EmbeddedPostgresError: Port ${port} on 127.0.0.1 is taken by another program: end that program, or choose another port.`,
    );
  });

  test('that the data folder is of another major version, and leaves it alone', async () => {
    const dataDir = await folder();
    await (await start(dataDir)).stop();
    await writeFile(join(data(dataDir), 'PG_VERSION'), '17\n');
    expect(await failure(dataDir)).toMatch(/was made by PostgreSQL 17 and this is 18: .*database\.url/);
    expect(await readFile(join(data(dataDir), 'PG_VERSION'), 'utf8')).toBe('17\n');
  });

  test('that the folder is the data folder of somebody else’s PostgreSQL', async () => {
    const dataDir = await folder();
    await writeFile(join(dataDir, 'PG_VERSION'), '15\n');
    expect(await failure(dataDir)).toMatch(/another PostgreSQL made/);
  });

  test('that the place for the folder is a file', async () => {
    const dataDir = join(await folder(), 'file');
    await writeFile(dataDir, '');
    expect(await failure(dataDir)).toMatch(/cannot be used: EEXIST/);
  });

  test('what PostgreSQL itself says, when its settings are broken', async () => {
    const dataDir = await folder();
    await (await start(dataDir)).stop();
    await writeFile(join(data(dataDir), 'postgresql.conf'), 'no such setting = at all\n');
    expect(await failure(dataDir)).toMatch(
      /^EmbeddedPostgresError: PostgreSQL did not start on .*configuration file/,
    );
  });
});

describe('a half-made data folder', () => {
  test('does not count when its maker was killed half-way', async () => {
    const dataDir = await folder();
    const child = spawn(process.execPath, [SCRIPT, dataDir], { stdio: 'ignore' });
    await vi.waitUntil(async () => (await readdir(dataDir)).some((name) => name.startsWith('.initdb-')), {
      timeout: 10_000,
      interval: 5,
    });
    await kill(child);
    await expect(stat(join(dataDir, 'cluster'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await query(await start(dataDir), 'select 1 as n')).toEqual([{ n: 1 }]);
  });

  test('is removed when nobody can be working on it any more, and left when somebody may', async () => {
    const dataDir = await folder();
    for (const name of ['.initdb-old', '.initdb-new']) await mkdir(join(dataDir, name));
    await utimes(join(dataDir, '.initdb-old'), 0, 0);
    await start(dataDir);
    const names = await readdir(dataDir);
    expect(names).toContain('.initdb-new');
    expect(names).not.toContain('.initdb-old');
  });
});
