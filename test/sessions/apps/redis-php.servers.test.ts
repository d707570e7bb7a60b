import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redis } from '../../../src/sessions/apps/redis.ts';
import type { LegacyApp } from '../../../src/sessions/legacy-app.ts';
import { inPhpSession, requiresPhpRedis } from '../../servers/php-redis.ts';
import type { Redis } from '../../servers/redis.ts';
import { requiresRedis, startRedis } from '../../servers/redis.ts';
import { browserWith, loginOf, requestOf } from '../legacy-app-contract.ts';

const required = [requiresRedis(), requiresPhpRedis()];
const nowSeconds = () => Math.floor(Date.now() / 1_000);

describe.skipIf(required.some(({ skip }) => skip))(required.map(({ name }) => name).join(', '), () => {
  let server: Redis;
  let app: LegacyApp;
  beforeAll(async () => {
    server = await startRedis();
    const settings = redis.settings.parse({
      kind: 'redis',
      name: 'forum',
      url: server.url,
      framework: { format: 'php', userField: 'user.id' },
      authTimeField: 'user.at',
      secondFactorField: 'user.totp',
      create: { data: { 'user.at': '{authTime}', 'user.name': '{username}', csrf: 'none yet' } },
    });
    app = redis.open(settings, {
      db: undefined as never,
      directory: { findBySub: async () => undefined, legacyIdOf: () => undefined },
    });
  });
  afterAll(async () => {
    await app.close();
    await server.stop();
  });

  const ID = 'a1b2c3d4e5f6a7b8c9d0e1f2a3';
  const ofCookie = (id: string) => app.recognise!(requestOf({ cookies: { PHPSESSID: id } }));

  test('whoever is signed in at PHP is recognised, until PHP logs them out', async () => {
    const at = nowSeconds() - 120;
    inPhpSession(
      server,
      ID,
      `$_SESSION['user'] = ['id' => 7, 'at' => ${at}, 'totp' => true, 'name' => 'Zoë'];`,
    );
    const found = await ofCookie(ID);
    expect(found).toMatchObject({ handle: ID, person: { by: 'id', value: '7' }, authTime: at, amr: ['mfa'] });
    expect(found!.expiresAt! - nowSeconds()).toBeGreaterThan(1_700);
    inPhpSession(server, ID, 'session_destroy();');
    expect(await ofCookie(ID)).toBeUndefined();
  });

  test('a session that we make is one to PHP, until we end it', async () => {
    const created = await app.create!(loginOf('7'));
    if ('failure' in created) throw new Error(created.failure);
    const { PHPSESSID } = browserWith(created.setCookies!).cookies;
    const who = () => inPhpSession(server, PHPSESSID!, `echo json_encode($_SESSION['user'] ?? null);`);
    expect(JSON.parse(who())).toEqual({ id: 7, at: expect.any(Number), name: 'user-7' });
    await app.end!(created.handle!);
    expect(JSON.parse(who())).toBeNull();
  });
});
