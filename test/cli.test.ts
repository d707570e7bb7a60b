/** The command line as its user meets it: a process, its output, its exit code. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../src/admin/survey/report.ts';
import { logInAtFacade, openWorld, type World } from './flows/world.ts';
import { Browser } from './support/browser.ts';
import { execute } from './support/database.ts';

const ENTRY = resolve(import.meta.dirname, '../bin/footbridge.js');
const folder = mkdtempSync(join(tmpdir(), 'footbridge-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [ENTRY, ...args], { cwd: folder });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('close', (code) => done({ code, out, err }));
  });
}

describe('footbridge hash', () => {
  const BCRYPT = '$2b$04$sWmuQSBKHoJKXDIELmuWWuc1mPgC9JI1VVtY.6Tqp1l6fU0gVDdAy';
  const line = (more: object) => JSON.stringify({ format: 'auto', columns: { hash: BCRYPT }, ...more });

  test('verify answers each line in order, skips bad ones by name, and exits with 1 when one does not verify', async () => {
    const bcrypt = (await import('bcrypt')).default;
    const hash = bcrypt.hashSync('right', '$2b$04$abcdefghijklmnopqrstuu');
    const file = join(folder, 'lines.jsonl');
    const good = (id: string, password: string) =>
      JSON.stringify({ id, format: 'auto', columns: { hash }, password });
    writeFileSync(
      file,
      [good('a', 'right'), 'no json', good('b', 'wrong'), '{"id":"c"}', good('d', 'right')].join('\n'),
    );
    const { code, out, err } = await run('hash', 'verify', file);
    const answers = out
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { id: string; verified: boolean });
    expect(answers.map(({ id, verified }) => [id, verified])).toEqual([
      ['a', true],
      ['b', false],
      ['d', true],
    ]);
    expect(err).toContain(`${file}:2: this line is not JSON`);
    expect(err).toContain(`${file}:4: columns:`);
    expect(code).toBe(1);
    expect(out + err).not.toContain('right"');
  });

  test('verify refuses no line for being one of many slow ones', async () => {
    const argon2 = (await import('argon2')).default;
    const hash = await argon2.hash('right', { memoryCost: 65_536, timeCost: 3, parallelism: 1 });
    const file = join(folder, 'many.jsonl');
    writeFileSync(
      file,
      Array.from({ length: 40 }, (_, i) =>
        JSON.stringify({ id: `${i}`, format: 'auto', columns: { hash }, password: 'right' }),
      ).join('\n'),
    );
    const { code, out } = await run('hash', 'verify', file);
    expect(out.trim().split('\n')).toHaveLength(40);
    expect(out).not.toContain('hashing_overloaded');
    expect(code).toBe(0);
  }, 60_000);

  test('translate writes what the target reads, or says why not', async () => {
    const file = join(folder, 'translate.jsonl');
    writeFileSync(file, [line({ id: 'a' }), line({ id: 'b', columns: { hash: 'nonsense' } })].join('\n'));
    const { out } = await run('hash', 'translate', file);
    const [a, b] = out
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(a).toMatchObject({ id: 'a', algorithm: expect.stringMatching(/bcrypt/i), translated: BCRYPT });
    expect(b).toMatchObject({
      id: 'b',
      translated: null,
      reason: { code: expect.any(String), sentence: expect.any(String) },
    });
  });

  test('names a file that is not there and exits with 2', async () => {
    expect(await run('hash', 'verify', 'nothing.jsonl')).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is no such file'),
    });
  });
});

describe('footbridge config', () => {
  test('check exits with 1 and a line per problem', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'legacy: 5\nwhat: ever\n');
    const { code, err } = await run('config', 'check', '--config', 'bad.yaml');
    expect(code).toBe(1);
    expect(err).toMatch(/^bad\.yaml:1:9 legacy: /m);
    expect(err).toMatch(/^bad\.yaml:2:1 what: there is no such setting$/m);
  });
});

describe('an unknown command', () => {
  test('exits with 2', async () => {
    expect((await run('fly')).code).toBe(2);
  });
});

describe('at the desk of a running bridge', { timeout: 120_000 }, () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await logInAtFacade(world, new Browser(), 'yusuf');
  });
  afterAll(() => world?.close());
  const desk = (...args: string[]) => run(...args, '--config', world.configFile);
  const api = (path: string, body: object, token = world.adminToken) =>
    new Browser().visit(`http://127.0.0.1:${world.ports.private}/admin/api/${path}`, {
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });

  test('user show tells who somebody is and where they stand, for people and for machines', async () => {
    const text = await desk('user', 'show', 'yusuf');
    expect(text.code).toBe(0);
    expect(text.out).toMatch(/Yusuf Hadidian[\s\S]*demo\s+authenticated[\s\S]*session\s+\w+\s+since/);
    const json = await desk('user', 'show', 'yusuf', '--json');
    expect(JSON.parse(json.out)).toMatchObject({
      user: { username: 'yusuf' },
      ledger: [{ target: 'demo', state: 'authenticated' }],
    });
    expect((await desk('user', 'show', 'nobody-at-all')).code).toBe(1);
  });

  test('the API gives the same answer to whoever has the token, and to nobody else', async () => {
    expect((await api('user/show', { user: 'yusuf' })).json()).toMatchObject({ user: { username: 'yusuf' } });
    expect((await api('user/show', { user: 'yusuf' }, 'wrong')).status).toBe(401);
    expect((await api('user/show', { nobody: 1 })).status).toBe(400);
  });

  test('key rotate is a dry run until told to execute, and the running bridge follows', async () => {
    const kid = async () =>
      (await new Browser().visit(`${world.issuer}/jwks`)).json<{ keys: { kid: string }[] }>().keys[0]!.kid;
    const before = await kid();
    expect((await desk('key', 'rotate')).out).toContain('Nothing was changed');
    const refused = await desk('key', 'rotate', '--execute');
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('published only a moment ago') });
    expect((await desk('key', 'rotate', '--execute', '--force')).code).toBe(0);
    const { until } = await import('./flows/server.ts');
    await until(async () => (await kid()) !== before);
  });

  test('legacy survey says what a move would meet, as text, JSON and a page', async () => {
    const page = join(folder, 'survey.html');
    const { code, out } = await desk('legacy', 'survey', '--json', '--html', page);
    const report = JSON.parse(out) as Report;
    expect(report.users).toBeGreaterThanOrEqual(40);
    expect(report.formats.length).toBeGreaterThanOrEqual(8);
    expect(report.coverage.totp).toBeGreaterThanOrEqual(3);
    expect(report.targets.demo?.carried.users).toBeGreaterThan(0);
    expect(report.targets.demo?.captured.users).toBeGreaterThan(0);
    expect(code).toBe(report.findings.some(({ severity }) => severity === 'stops') ? 1 : 0);
    expect(readFileSync(page, 'utf8')).toContain('<!doctype html>');
    expect((await desk('legacy', 'survey', '--rate', '100000')).out).toContain(
      'What becomes of the passwords',
    );
  });

  test('user flag says what would happen, does it when told to, and refuses what the states do not allow', async () => {
    const sub = JSON.parse((await desk('user', 'show', 'zoe', '--json')).out).user.sub;
    const flag = (event: string, ...more: string[]) =>
      desk('user', 'flag', sub, '--target', 'demo', '--event', event, ...more);
    expect((await flag('exclude')).out).toContain('Nothing was changed');
    expect((await flag('exclude', '--execute')).code).toBe(0);
    expect((await desk('user', 'show', 'zoe')).out).toMatch(/demo\s+excluded/);
    expect((await flag('confirm', '--execute')).code).toBe(2);
    const exported = (await desk('audit', 'export', '--user', sub)).out
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(exported).toEqual([
      expect.objectContaining({ action: 'ledger.exclude', subject: expect.stringMatching(/^[0-9a-f]{64}$/) }),
    ]);
    expect(JSON.stringify(exported)).not.toContain(sub);
  });

  test('audit verify finds the log whole, and says which record was changed when it is not', async () => {
    const { until } = await import('./flows/server.ts');
    await until(async () => JSON.parse((await desk('audit', 'verify', '--json')).out).sealed > 0);
    expect((await desk('audit', 'verify')).code).toBe(0);
    const url = world.databaseUrl('footbridge');
    await execute(url, 'alter table audit_log disable trigger user');
    await execute(
      url,
      `update audit_log set actor = 'somebody else' where id = (select min(id) from audit_log)`,
    );
    const found = await desk('audit', 'verify');
    expect(found.code).toBe(1);
    expect(found.out).toContain('tampered');
  });

  test('the private listener describes the API that is really there', async () => {
    const document = (
      await new Browser().visit(`http://127.0.0.1:${world.ports.private}/openapi.json`)
    ).json<{ paths: Record<string, Record<string, { servers?: { url: string }[] }>> }>();
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { servers }] of Object.entries(methods)) {
        const base = servers?.[0]?.url ?? `http://127.0.0.1:${world.ports.private}`;
        const answer = await new Browser().visit(base + path.replace(/\{\w+\}/g, 'x'), {
          method: method.toUpperCase(),
          ...(method === 'get' ? {} : { body: '{}' }),
        });
        // A hook of a target that is not there is nothing that a key could open.
        const isLogoutToken = path === '/legacy/sessions/backchannel';
        // Back-Channel Logout 1.0 section 2.8 knows no 401.
        const closed = /^\/(?:hooks|webhooks|drop-ins)\//.test(path)
          ? [404]
          : isLogoutToken
            ? [400]
            : [401, 403];
        expect(closed, `${method} ${path}`).toContain(answer.status);
      }
    }
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/migration/users/{sub}/secrets',
        '/legacy/sessions/redeem',
        '/admin/api/key/rotate',
      ]),
    );
  });

  test('a configuration the demo wrote is accepted by config check', async () => {
    expect((await desk('config', 'check')).code).toBe(0);
    expect(readFileSync(world.configFile, 'utf8')).toContain('# The demo');
  });
});
