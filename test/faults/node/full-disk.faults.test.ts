/** Disks that fill up: PostgreSQL's, and the one the log is written to; and a log that nobody reads. */
import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { codeOf } from '../../provider/harness.ts';
import { Browser } from '../../support/browser.ts';
import { withDatabase } from '../../support/database.ts';
import { tellFault } from '../../support/fault-row.ts';
import { testDatabase } from '../../support/postgres.ts';
import { openClosing } from './closing.ts';
import { LIMIT_MS, LONG } from './form.ts';
import { endBackends, openOwnPostgres } from './own-postgres.ts';
import {
  isIn,
  logIn,
  machineToken,
  openPlace,
  redeem,
  settled,
  silently,
  untilSo,
  userinfo,
} from './place.ts';
import { crowd, seconds, Tally } from './tally.ts';

vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS });

const closing = openClosing();
afterEach(closing.close);

const BACK_WITHIN_MS = 30_000;
const run = promisify(execFile);

interface Disk {
  readonly path: string;
  /** Takes all the room there is. */
  fill(): void;
  empty(): void;
  close(): Promise<void>;
}

/** A disk of so many MiB, in memory. Undefined where this account may not make one. */
async function openDisk(sizeMiB: number): Promise<Disk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'footbridge-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=755`, 'tmpfs', path]);
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      const file = openSync(filler, 'a');
      try {
        for (const size of [1 << 20, 1 << 12, 1]) {
          const block = Buffer.alloc(size);
          // The last write of a size ends with ENOSPC, or writes less.
          for (let written = size; written === size; ) written = writeAll(file, block);
        }
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(filler),
    async close() {
      await run('umount', ['--lazy', path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

function writeAll(file: number, block: Buffer): number {
  try {
    return writeSync(file, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return 0;
    throw error;
  }
}

const tried = await openDisk(1);
await tried?.close();
const skip = tried === undefined;
const where = skip ? ' [skipped: this account may not mount a disk]' : '';

describe.skipIf(skip)(`a full disk${where}`, () => {
  test('below our PostgreSQL is a clear 503, gives no half a login, and is over when there is room', async () => {
    // A fresh cluster with its log has 40 to 60 MiB.
    const disk = closing.keep((await openDisk(140))!, ({ close }) => close());
    const postgres = closing.keep(await openOwnPostgres(disk.path), ({ close }) => close());
    await postgres.ensureDatabase('footbridge');
    const place = closing.keep(await openPlace({ databaseUrl: postgres.url('footbridge') }), ({ close }) =>
      close(),
    );
    const { browser, token } = await settled(place, 50);
    disk.fill();
    const tally = new Tally();
    const given: { code: string; token: string }[] = [];
    const refused: string[] = [];
    const town = crowd(4, async (at) => {
      const { location } = (await tally.ask('a login', () => logIn(place, new Browser(), at))) ?? {};
      const code = codeOf(location);
      if (!code) return;
      const answer = await tally.ask('/token', () => redeem(place, code));
      if (answer?.status === 200) given.push({ code, token: String(answer.json().access_token) });
      if (answer?.status === 503) refused.push(code);
    });
    await untilSo(async () => tally.count(503) >= (LONG ? 200 : 40), LIMIT_MS / 2);
    disk.empty();
    const backMs = await untilSo(async () => isIn(await logIn(place, new Browser(), 60)), BACK_WITHIN_MS);
    await town.stop();
    expect(tally.unexplained).toEqual([]);
    expect(tally.unanswered).toEqual([]);
    // What was promised is there, what was not is not, and nothing twice.
    for (const one of given) expect((await userinfo(place, one.token)).status).toBe(200);
    const again = await Promise.all(given.map(({ code }) => redeem(place, code)));
    expect(again.filter(({ status }) => status === 200)).toEqual([]);
    for (const code of refused.slice(0, 20)) expect([200, 400]).toContain((await redeem(place, code)).status);
    expect(isIn(await silently(place, browser))).toBe(true);
    expect((await userinfo(place, token)).status).toBe(200);
    tellFault({
      id: 'R16',
      fault: 'the disk below our PostgreSQL full',
      load: `4 clients at once: ${tally}; ${given.length} logins given, ${refused.length} codes refused`,
      lost: 0,
      doubled: again.filter(({ status }) => status === 200).length,
      unexplained5xx: tally.unexplained.length,
      recovery: `logins ${seconds(backMs)} after there was room`,
    });
  });

  test('below the log stops no login, and the log goes on when there is room', async () => {
    const disk = closing.keep((await openDisk(1))!, ({ close }) => close());
    const database = closing.keep(await testDatabase(), ({ drop }) => drop());
    const file = join(disk.path, 'footbridge.log');
    const log = closing.keep(openSync(file, 'a'), closeSync);
    const place = closing.keep(await openPlace({ databaseUrl: database.url, stderr: log }), ({ close }) =>
      close(),
    );
    disk.fill();
    const { size } = statSync(file);
    for (let round = 0; round < 5; round++) await makeNoise(place, database.url);
    const tally = await logins(place);
    expect(statSync(file).size).toBeLessThan(size + 4_096);
    disk.empty();
    await expect
      .poll(() => makeNoise(place, database.url).then(() => statSync(file).size), { timeout: 20_000 })
      .toBeGreaterThan(size + 4_096);
    tellFault({
      id: 'R16',
      fault: 'the disk below the log full',
      load: `logins: ${tally}`,
      lost: 0,
      doubled: 0,
      unexplained5xx: tally.unexplained.length,
      recovery: 'no login notices; lines are lost, and come again when there is room',
    });
  });
});

type Place = Awaited<ReturnType<typeof openPlace>>;

/** Has lines logged: every connection that ends is one. */
async function makeNoise(place: Place, databaseUrl: string): Promise<void> {
  await Promise.all([0, 1, 2, 3, 4, 5].map(() => machineToken(place)));
  await endBackends(withDatabase(databaseUrl, 'postgres'), new URL(databaseUrl).pathname.slice(1));
}

async function logins(place: Place): Promise<Tally> {
  const tally = new Tally();
  for (let at = 0; at < 20; at++) await tally.ask('a login', () => logIn(place, new Browser(), at));
  expect(tally.byStatus).toEqual(new Map([['303', tally.total]]));
  return tally;
}

test('a log that nobody reads stops no login', async () => {
  const folder = closing.keep(await mkdtemp(join(tmpdir(), 'footbridge-pipe-')), (made) =>
    rm(made, { recursive: true }),
  );
  const pipe = join(folder, 'pipe');
  await run('mkfifo', [pipe]);
  // Open for both, so that it need not be opened at its other end.
  const log = closing.keep(openSync(pipe, 'r+'), closeSync);
  const probe = closing.keep(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK), closeSync);
  const database = closing.keep(await testDatabase(), ({ drop }) => drop());
  const place = closing.keep(await openPlace({ databaseUrl: database.url, stderr: log }), ({ close }) =>
    close(),
  );
  const isFull = () => {
    try {
      // As much as is written whole or not at all.
      return writeSync(probe, Buffer.alloc(4_096)) < 4_096;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN';
    }
  };
  do await makeNoise(place, database.url);
  while (!isFull());
  await makeNoise(place, database.url);
  const tally = await logins(place);
  tellFault({
    id: 'R16',
    fault: 'nobody reads the log',
    load: `logins: ${tally}`,
    lost: 0,
    doubled: 0,
    unexplained5xx: tally.unexplained.length,
    recovery: 'no login notices',
  });
});
