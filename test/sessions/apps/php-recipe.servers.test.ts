/** The recipe of docs/sessions/http-hook.md, as it stands there, in a PHP with its own session files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, vi } from 'vitest';
import { httpHook } from '../../../src/sessions/apps/http-hook.ts';
import type { LegacyAppDeps } from '../../../src/sessions/legacy-app.ts';
import { freePort } from '../../support/ports.ts';
import { requires } from '../../support/requires.ts';
import type { LegacyAppHarness } from '../legacy-app-contract.ts';
import { legacyAppContract } from '../legacy-app-contract.ts';
import { KEY, KEYS } from './called-app.ts';

const php = requires('PHP', 'php');
const LIFETIME_SECONDS = 1_440;

const recipe = (): string => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/sessions/http-hook.md'), 'utf8');
  return /```php\n(<\?php\n\/\/ footbridge\.php\n[\s\S]*?)```/.exec(page)![1]!;
};

/** The app's own part: a login that makes a session in its files. */
const LOGIN_PAGE = `<?php
session_start();
session_regenerate_id(true);
$_SESSION = ['user_id' => (int) $_GET['user'], 'login_at' => time() - 60, 'note' => 'user_id|i:1;'];
echo $_SESSION['login_at'];
`;

async function openPhp(): Promise<LegacyAppHarness> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-php-recipe-'));
  writeFileSync(join(folder, 'footbridge.php'), recipe());
  writeFileSync(join(folder, 'login.php'), LOGIN_PAGE);
  const sessions = mkdtempSync(join(folder, 'sessions-'));
  const settings = [`session.save_path=${sessions}`, 'session.use_strict_mode=1', 'session.gc_probability=0'];
  const origin = `http://127.0.0.1:${await freePort()}`;
  const flags = settings.flatMap((setting) => ['-d', setting]);
  const child = spawn(php.path!, [...flags, '-S', new URL(origin).host, '-t', folder], {
    env: { PATH: process.env.PATH, FOOTBRIDGE_KEY: KEY },
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  await vi.waitFor(() => fetch(`${origin}/none`), { timeout: 20_000 });

  const address = (what: string) => `${origin}/footbridge.php?do=${what}`;
  const app = httpHook.open(
    httpHook.settings.parse({
      kind: 'http-hook',
      name: 'forum',
      url: address('create'),
      checkUrl: address('check'),
      renewUrl: address('renew'),
      endUrl: address('end'),
      cookies: ['PHPSESSID'],
      keys: KEYS,
      timeoutMs: 5_000,
    }),
    {} as LegacyAppDeps,
  );
  const fileOf = (id: string) => join(sessions, `sess_${id}`);
  let isOver = false;
  return {
    app,
    signIn: async ({ user }) => {
      const answer = await fetch(`${origin}/login.php?user=${user.legacyId}`);
      const [, id = ''] = /PHPSESSID=([^;]+)/.exec(answer.headers.getSetCookie().at(-1)!)!;
      return {
        cookies: { PHPSESSID: id },
        person: { by: 'id', value: user.legacyId },
        authTime: Number(await answer.text()),
        amr: ['pwd'],
      };
    },
    isSignedIn: async ({ cookies }) => existsSync(fileOf(cookies.PHPSESSID!)),
    signOut: async ({ cookies }) => rmSync(fileOf(cookies.PHPSESSID!)),
    makeOld: async (session) => {
      const { mtimeMs } = statSync(fileOf(session.cookies.PHPSESSID!));
      const before = mtimeMs / 1_000 - LIFETIME_SECONDS;
      utimesSync(fileOf(session.cookies.PHPSESSID!), before, before);
      return session;
    },
    // PHP's own server closes each connection with its answer.
    openConnections: async () => 0,
    close: async () => {
      if (isOver) return;
      isOver = true;
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

if (php.skip) describe.skip(php.name, () => test('runs the recipe', () => undefined));
else
  legacyAppContract({
    name: 'the recipe in PHP',
    abilities: ['create', 'clearCookies', 'recognise', 'check', 'renew', 'end', 'endAllOf'],
    open: openPhp,
    outages: { 'refuses connections': (harness) => harness.close() },
    limitMs: 5_000,
  });
