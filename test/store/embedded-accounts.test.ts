import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  realpath,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { canEnter, reachableBinaries } from '../../src/store/embedded-binaries.ts';
import { data, failure, folder, kill, query, SCRIPT, start, startElsewhere } from './own-servers.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
/** What an ordinary user has to reach to run any of this. */
const needed = [dirname(process.execPath), dirname(SCRIPT), tmpdir()];
const isOpen = (await Promise.all(needed.map((path) => canEnter(path, NOBODY)))).every(Boolean);

test.runIf(isRoot)('root starts it in a folder that nobody else can enter', async () => {
  const closed = await folder();
  await chmod(closed, 0o700);
  const dataDir = join(closed, 'data');
  await mkdir(dataDir);
  expect(await query(await start(dataDir), 'select 1 as n')).toEqual([{ n: 1 }]);
  expect(await realpath(join(dataDir, 'cluster'))).toBe(join(dataDir, 'cluster'));
});

const without = isOpen ? '' : ' [skipped: an ordinary user cannot enter this checkout]';
describe.runIf(isRoot && isOpen)(`between root and an ordinary user${without}`, () => {
  // Removed only when it is empty: a server of this machine may have its data there.
  afterAll(() => rmdir('/var/lib/footbridge').catch(() => undefined));

  test('an ordinary user starts it with no home of their own', async () => {
    const dataDir = await folder();
    await chown(dataDir, NOBODY, NOBODY);
    const { said } = await startElsewhere(dataDir, {
      uid: NOBODY,
      gid: NOBODY,
      env: { PATH: process.env.PATH },
    });
    expect(said).toMatch(/^port \d+$/);
    expect((await stat(data(dataDir))).uid).toBe(NOBODY);
  });

  test('root goes on with the data of an ordinary user', async () => {
    const dataDir = await folder();
    await chown(dataDir, NOBODY, NOBODY);
    const { child } = await startElsewhere(dataDir, { uid: NOBODY, gid: NOBODY });
    await kill(child);
    const adopted = await start(dataDir);
    await adopted.stop();
    expect(await query(await start(dataDir), 'select 1 as n')).toEqual([{ n: 1 }]);
  });

  test('without user namespaces root becomes nobody', async () => {
    const dataDir = await folder();
    const { said } = await startElsewhere(dataDir, { env: { PATH: '/nowhere' } });
    expect(said).toMatch(/^port \d+$/);
    expect((await stat(data(dataDir))).uid).toBe(NOBODY);
  });

  test('without user namespaces a closed folder points to a place nobody can enter', async () => {
    const closed = await folder();
    await chmod(closed, 0o700);
    const dataDir = join(closed, 'data');
    const { child, said } = await startElsewhere(dataDir, { env: { PATH: '/nowhere' } });
    const sheltered = await realpath(join(dataDir, 'cluster'));
    onTestFinished(() => rm(dirname(sheltered), { recursive: true, force: true }));
    expect(said).toMatch(/^port \d+$/);
    expect(sheltered).toMatch(/^\/var\/lib\/footbridge\//);
    await kill(child);
    // A start that has user namespaces finds the same data.
    expect(`port ${(await start(dataDir)).port}`).toBe(said);
  });

  test('binaries that nobody could reach are copied to where they can, once', async () => {
    const closed = await folder();
    await mkdir(join(closed, 'native', 'bin'), { recursive: true });
    await writeFile(join(closed, 'native', 'bin', 'initdb'), 'program', { mode: 0o755 });
    const [binaries, nobody] = [
      { folder: join(closed, 'native') },
      { prefix: [], ids: { uid: NOBODY, gid: NOBODY } },
    ];
    expect(await reachableBinaries(binaries, nobody)).toEqual(binaries);
    await chmod(closed, 0o700);
    const copy = await reachableBinaries(binaries, nobody);
    onTestFinished(() => rm(dirname(copy.folder), { recursive: true, force: true }));
    expect(copy.folder).toMatch(/^\/var\/lib\/footbridge\//);
    expect(await readFile(join(copy.folder, 'bin', 'initdb'), 'utf8')).toBe('program');
    expect(await reachableBinaries(binaries, nobody)).toEqual(copy);
    expect(await readdir(dirname(copy.folder))).toEqual(['native']);
  });
});

test.runIf(!isRoot)('an ordinary user is told when the folder is not theirs', async () => {
  expect(await failure('/usr/footbridge')).toMatch(/cannot be used: EACCES/);
});
