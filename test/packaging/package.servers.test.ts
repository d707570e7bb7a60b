/**
 * `npm pack` gives a `footbridge` that runs where there is nothing but Node. Installs from the registry, as a stranger does,
 * so it runs with `npm run test:servers` only.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import bcrypt from 'bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readLockfile, shipped } from '../../packaging/lockfile.ts';
import { authorizationUrl, claimsOf, logInAtFacade, type World } from '../flows/world.ts';
import { Browser } from '../support/browser.ts';
import { freePort } from '../support/ports.ts';
import { contents, install, installNode22, pack, ROOT } from './packed.ts';

const isWanted = process.env.FOOTBRIDGE_REQUIRE_SERVERS === '1' && process.platform === 'linux';
const title = isWanted ? 'the package' : 'the package [skipped: npm run test:servers packs and installs it]';

/** A database of its own is made first, and other tests make theirs. */
const START_MS = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'footbridge-package-'));
const running: ChildProcess[] = [];
let archive: string;
let again: string;
let installed: string;
const nodes: Record<string, string> = { 'Node 24': process.execPath };

afterAll(async () => {
  for (const child of running) await stop(child);
  rmSync(folder, { recursive: true, force: true });
});

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = await gone;
  return code as number | null;
}

/** The installed command, under one of the Nodes. */
function footbridge(node: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(nodes[node]!, [join(installed, 'bin/footbridge.js'), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
  });
  running.push(child);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const said = () => Buffer.concat(chunks).toString();
  return {
    child,
    said,
    ended: once(child, 'close').then(([code]) => ({ code: code as number, out: said() })),
  };
}

describe.skipIf(!isWanted)(title, () => {
  beforeAll(async () => {
    [archive, again, nodes['Node 22']] = await Promise.all([
      pack(join(folder, 'one'), '022'),
      pack(join(folder, 'another'), '077'),
      installNode22(join(folder, 'node-22')),
    ]);
    installed = await install(archive, join(folder, 'stranger'));
  });

  test('packed twice, in two folders and under two umasks, is the same to the byte', () => {
    const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
    expect(digest(again)).toBe(digest(archive));
    expect(existsSync(join(folder, 'one/npm-shrinkwrap.json'))).toBe(false);
    expect(existsSync(join(folder, 'one/dist'))).toBe(false);
  });

  test('holds compiled code and what it reads, and neither tests, sources nor source maps', async () => {
    const files = await contents(archive);
    const unwanted = /\.(ts|map)$|^package\/(test|src|bench|docs|packaging|\.)|\.env$/;
    expect(files.filter((file) => unwanted.test(file))).toEqual([]);
    for (const file of ['LICENSE', 'npm-shrinkwrap.json', 'dist/main.js', 'example/footbridge.yaml'])
      expect(files).toContain(`package/${file}`);
    for (const step of readdirSync(join(ROOT, 'migrations')))
      expect(files).toContain(`package/dist/migrations/${step}`);
  });

  test('names no folder of the machine that packed it', () => {
    const texts = readdirSync(installed, { recursive: true, withFileTypes: true })
      .filter(
        // What V8 keeps of a start is made where it runs.
        (entry) => entry.isFile() && !/\/footbridge\/(?:node_modules|dist\/\.cache)\b/.test(entry.parentPath),
      )
      .map((entry) => join(entry.parentPath, entry.name));
    const named = texts.filter((file) => {
      const text = readFileSync(file, 'utf8');
      return text.includes(folder) || text.includes(`${ROOT}/`) || text.includes('sourceMappingURL');
    });
    expect(texts.length).toBeGreaterThan(100);
    expect(named).toEqual([]);
  });

  test('brings nothing along that only development wants', () => {
    const lock = readLockfile(ROOT);
    const wanted = new Set(shipped(lock).map(([folder]) => folder));
    // Of others a version of its own may come along for somebody that is shipped.
    const unwanted = Object.keys(lock.packages).filter((path) => path !== '' && !wanted.has(path));
    expect(unwanted).toContain('node_modules/typescript');
    expect(unwanted.filter((path) => existsSync(join(folder, 'stranger', path)))).toEqual([]);
  });

  test('carries the lock file that was tested', () => {
    const lock = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
    expect(lock(join(installed, 'npm-shrinkwrap.json'))).toEqual(lock(join(ROOT, 'package-lock.json')));
  });

  describe.each(['Node 24', 'Node 22'])('on %s', (node) => {
    test('tells its version, and refuses a command that there is not', async () => {
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
      expect(await footbridge(node, ['--version']).ended).toEqual({ code: 0, out: `${version}\n` });
      expect(await footbridge(node, ['shout']).ended).toMatchObject({ code: 2 });
    });

    test('verifies hashes in its worker threads, and says so when one does not verify', async () => {
      const file = join(folder, `hashes of ${node}.jsonl`);
      const argon2id =
        '$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$eGx5r9VIiiTKyJw3SePxTg0P6SAZz0Lpv7nCOxn5Rmo';
      const line = (id: string, hash: string) =>
        JSON.stringify({ id, format: 'auto', columns: { hash }, password: 'right' });
      writeFileSync(
        file,
        [line('a', bcrypt.hashSync('right', '$2b$04$abcdefghijklmnopqrstuu')), line('b', argon2id)].join(
          '\n',
        ),
      );
      const { code, out } = await footbridge(node, ['hash', 'verify', file]).ended;
      expect([...out.matchAll(/"verified":(true|false)/g)].map(([, verified]) => verified)).toEqual([
        'true',
        'false',
      ]);
      expect(code).toBe(1);
    });

    test('checks a configuration, and names the variable that is missing', async () => {
      const example = join(installed, 'example/footbridge.yaml');
      const names = [...readFileSync(example, 'utf8').matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name!);
      const env = Object.fromEntries(
        names.map((name) => [
          name,
          name.endsWith('_URL') ? 'postgres://localhost/bridge' : Buffer.alloc(32, 7).toString('base64'),
        ]),
      );
      const check = (given: NodeJS.ProcessEnv) =>
        footbridge(node, ['config', 'check', '--config', example], given).ended;
      expect(await check(env)).toMatchObject({ code: 0, out: expect.stringContaining('is well') });
      expect(await check({})).toMatchObject({ code: 1, out: expect.stringContaining('is not set') });
    });
  });

  test('runs the demo on Node 22, and beside it a node on Node 24; people log in at both', async () => {
    const data = join(folder, 'demo');
    const port = await freePort();
    const demo = footbridge('Node 22', ['demo', '--data', data, '--port', String(port)]);
    await expect
      .poll(() => demo.said(), { timeout: START_MS })
      .toMatch(/Ctrl-C stops everything|taken|Error|did not/);
    expect(demo.said()).toContain('Ctrl-C stops everything');
    const { clientSecret } = JSON.parse(readFileSync(join(data, 'secrets.json'), 'utf8'));
    const callback = `http://127.0.0.1:${port + 11}/idps/callback`;
    const first = { issuer: `http://127.0.0.1:${port}`, callback, clientSecret } as World;
    await expectLogin(first);

    const second = { ...first, issuer: `http://127.0.0.1:${await freePort()}` };
    const settings = parse(readFileSync(join(data, 'footbridge.yaml'), 'utf8'));
    settings.provider.issuer = second.issuer;
    settings.listen = {
      public: { port: Number(new URL(second.issuer).port) },
      private: { port: await freePort() },
    };
    const file = join(data, 'second.yaml');
    writeFileSync(file, stringify(settings));
    const server = footbridge('Node 24', ['start', '--config', file]);
    await expect.poll(() => server.said(), { timeout: START_MS }).toContain('Footbridge serves');
    await expectLogin(second);

    expect(await stop(server.child)).toBe(0);
    expect(await stop(demo.child)).toBe(0);
    expect(demo.said() + server.said()).not.toMatch(/ExperimentalWarning|DeprecationWarning/);
  }, 300_000);
});

/** Anna gets in and is told apart from somebody with a wrong password. */
async function expectLogin(world: World): Promise<void> {
  const { location } = await logInAtFacade(world, new Browser(), 'anna');
  expect(await claimsOf(world, location)).toMatchObject({ given_name: 'Anna' });
  const page = await new Browser().follow(authorizationUrl(world, { prompt: 'none' }), world.callback);
  expect(page.location).toContain('login_required');
}
