/** The recipe of docs/sessions/hand-over.md, as it stands there: a browser, a PHP with its own sessions, and our routes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { handOver } from '../../../src/sessions/apps/hand-over.ts';
import { takeOffer } from '../../../src/sessions/hand-overs.ts';
import type { Created, LegacyApp, LegacyAppDeps } from '../../../src/sessions/legacy-app.ts';
import { sessionsRoutes } from '../../../src/sessions/sessions-routes.ts';
import type { Redeemed } from '../../../src/sessions/told-by-apps.ts';
import type { Stage } from '../../migration/stage.ts';
import { openStage } from '../../migration/stage.ts';
import { freePort } from '../../support/ports.ts';
import { requires } from '../../support/requires.ts';
import { loginOf } from '../legacy-app-contract.ts';
import { KEY, KEYS } from './called-app.ts';

const php = requires('PHP', 'php');

const recipe = (): string => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/sessions/hand-over.md'), 'utf8');
  return /```php\n(<\?php\n\/\/ footbridge\.php\n[\s\S]*?)```/.exec(page)![1]!;
};

/** What the app brings itself. */
const OWN = `<?php
function all_sessions_of(int $user): array
{
    $files = array_filter(glob(session_save_path() . '/sess_*'), fn ($file) => str_contains(file_get_contents($file), "user_id|i:$user;"));
    return array_map(fn ($file) => substr(basename($file), 5), $files);
}
`;

describe.skipIf(php.skip)(`${php.name}: the page`, () => {
  const redeemed: Redeemed[] = [];
  let stage: Stage;
  let app: LegacyApp;
  let origin: string;
  let folder: string;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    origin = `http://127.0.0.1:${await freePort()}`;
    const page = (what: string) => `${origin}/footbridge.php?do=${what}`;
    const settings = handOver.settings.parse({
      kind: 'hand-over',
      name: 'shop',
      url: page('sign-in'),
      askUrl: page('who'),
      enters: true,
      endUrl: page('end'),
      keys: KEYS,
      timeoutMs: 5_000,
    });
    stage = await openStage({
      routes: ({ db, keyring, directory, onError, issuer }) =>
        sessionsRoutes({
          db,
          keyring,
          directory,
          onError,
          issuer,
          apps: [settings],
          clients: [],
          stores: [{ name: 'shop', prefix: 'shop:' }],
          endings: { end: () => Promise.reject(new Error('not asked for here')) },
          onRedeemed: async (told) => void redeemed.push(told),
          onUsed: async () => undefined,
        }),
    });
    app = handOver.open(settings, { db: stage.db } as unknown as LegacyAppDeps);
    folder = mkdtempSync(join(tmpdir(), 'footbridge-php-page-'));
    const sessions = mkdtempSync(join(folder, 'sessions-'));
    writeFileSync(join(folder, 'footbridge.php'), recipe());
    writeFileSync(join(folder, 'own.php'), OWN);
    const flags = [`session.save_path=${sessions}`, 'session.use_strict_mode=1'].flatMap((set) => [
      '-d',
      set,
    ]);
    const own = ['-d', `auto_prepend_file=${join(folder, 'own.php')}`];
    const child = spawn(php.path!, [...flags, ...own, '-S', new URL(origin).host, '-t', folder], {
      env: { PATH: process.env.PATH, FOOTBRIDGE_KEY: KEY, FOOTBRIDGE_URL: stage.url },
      stdio: 'ignore',
    });
    const exited = once(child, 'exit');
    stop = async () => {
      child.kill('SIGKILL');
      await exited;
    };
    await vi.waitFor(() => fetch(`${origin}/none`), { timeout: 20_000 });
  });
  afterAll(async () => {
    await app.close();
    await stop();
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function visit(url: string, cookie = '') {
    // The stage's clock signs nothing here: PHP's does.
    stage.nowSeconds = Math.floor(Date.now() / 1_000);
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    const set = answer.headers.getSetCookie().at(-1);
    return { location: answer.headers.get('location'), cookie: set ? set.split(';')[0]! : cookie };
  }
  async function signedIn(id: string) {
    const created = (await app.create!(loginOf(id))) as Extract<Created, { redirectTo?: string }>;
    return visit(created.redirectTo!);
  }
  const ask = async (cookie: string) => {
    const { location } = await visit(app.askUrl!('our-state'), cookie);
    const url = new URL(location!);
    const token = url.searchParams.get('token');
    const offer = token ? await takeOffer(stage.db, { token, state: 'our-state', app: 'shop' }) : undefined;
    return { path: url.pathname, offer };
  };

  test('makes a session of its own of a login here, and sends the browser back', async () => {
    const { location, cookie } = await signedIn('1');
    expect(location).toBe('https://id.example.com/auth/resume-1');
    const [told] = redeemed.splice(0);
    expect(cookie).toBe(`PHPSESSID=${told!.session}`);
    const { path, offer } = await ask(cookie);
    expect(path).toBe('/legacy/sessions/return');
    expect(offer!.found).toMatchObject({
      handle: told!.session,
      person: { by: 'id', value: '1' },
      amr: ['pwd'],
    });
  });

  test('makes none of a token that is made up, and sends the browser to its own start page', async () => {
    const { location, cookie } = await visit(`${origin}/footbridge.php?do=sign-in&token=fbh1.made-up`);
    expect(location).toBe('/');
    expect((await ask(cookie)).offer).toBeUndefined();
  });

  test('says that nobody is signed in', async () => {
    expect(await ask('')).toEqual({ path: '/legacy/sessions/return', offer: undefined });
  });

  test('sends people here by itself', async () => {
    const { cookie } = await signedIn('1');
    const { location } = await visit(`${origin}/footbridge.php?do=enter`, cookie);
    const url = new URL(location!);
    expect(url.pathname).toBe('/legacy/sessions/enter');
    const offer = await takeOffer(stage.db, { token: url.searchParams.get('token')! });
    expect(offer).toMatchObject({ client: 'new-app', found: { person: { value: '1' } } });
    expect((await visit(`${origin}/footbridge.php?do=enter`)).location).toBe('/');
  });

  test('ends one session, then all of the person’s, and nobody else’s', async () => {
    const cookies: string[] = [];
    for (const id of ['1', '1', '1', '2']) cookies.push((await signedIn(id)).cookie);
    const live = async () => Promise.all(cookies.map(async (cookie) => Boolean((await ask(cookie)).offer)));
    await app.end!(cookies[0]!.split('=')[1]!);
    expect(await live()).toEqual([false, true, true, true]);
    await app.endAllOf!({ sub: 'shop:1', legacyId: '1' });
    expect(await live()).toEqual([false, false, false, true]);
    expect(existsSync(folder)).toBe(true);
  });

  test('ends nothing for anybody else', async () => {
    const answer = await fetch(`${origin}/footbridge.php?do=end`, {
      method: 'POST',
      headers: { 'footbridge-signature': `t=${Math.floor(Date.now() / 1_000)},v1=${'0'.repeat(64)}` },
      body: '{"legacyId":"2"}',
    });
    expect(answer.status).toBe(401);
  });
});
