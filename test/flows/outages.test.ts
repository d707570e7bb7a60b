/** What breaks, and what people then see: the real databases really go away. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import { startServer, until } from './server.ts';
import type { World } from './world.ts';
import { authorizationUrl, logInAtFacade, openWorld, person } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

async function switchDatabase(name: string, on: boolean) {
  const admin = world.databaseUrl('postgres');
  await execute(admin, `alter database ${name} with allow_connections ${on}`);
  if (!on)
    await execute(admin, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
}

async function withoutDatabase(name: string, work: () => Promise<void>) {
  await switchDatabase(name, false);
  try {
    await work();
  } finally {
    await switchDatabase(name, true);
  }
}

const isIn = (answer: { location: string | undefined }) => answer.location?.includes('code=') ?? false;

describe('the legacy database down', () => {
  test('is told as such within 3 seconds, counts nobody as wrong, and is over within 5 seconds', async () => {
    const browser = new Browser();
    const page = await browser.follow(authorizationUrl(world), world.callback);
    const submit = () =>
      browser.follow(page.url, world.callback, {
        form: {
          username: 'anna',
          password: person('anna').password,
          form_token: field(page.body, 'form_token')!,
        },
      });
    await withoutDatabase('shop', async () => {
      for (let i = 0; i < 8; i++) {
        const startedAt = performance.now();
        const answer = await submit();
        expect(performance.now() - startedAt).toBeLessThan(3_000);
        expect(answer.status).toBe(503);
        expect(answer.headers['retry-after']).toBeDefined();
        expect(answer.body).toContain('name="password"');
      }
      expect(await execute(world.databaseUrl('footbridge'), 'select * from login_attempts')).toEqual([]);
    });
    await until(async () => isIn(await submit()), 5_000);
  });

  test('does not end the sessions there are: a silent login still works', async () => {
    const browser = new Browser();
    expect(isIn(await logInAtFacade(world, browser, 'zoe'))).toBe(true);
    await withoutDatabase('shop', async () => {
      const silent = await browser.follow(authorizationUrl(world, { prompt: 'none' }), world.callback);
      expect(isIn(silent)).toBe(true);
    });
  });
});

describe('our own database down', () => {
  test('leaves discovery and keys, makes the rest 503 with Retry-After, and is over within 5 seconds', async () => {
    const ready = async () =>
      (await new Browser().visit(`http://127.0.0.1:${world.ports.private}/readyz`)).status;
    await withoutDatabase('footbridge', async () => {
      await until(async () => (await ready()) === 503, 5_000);
      for (const path of ['/.well-known/openid-configuration', '/jwks']) {
        expect((await new Browser().visit(world.issuer + path)).status).toBe(200);
      }
      for (const url of [
        authorizationUrl(world),
        `${world.issuer}/me`,
        `${world.issuer}/session/end`,
        `${world.issuer}/migration/users/x`,
      ]) {
        const answer = await new Browser().visit(url);
        expect(answer.status).toBe(503);
        expect(answer.headers['retry-after']).toBeDefined();
      }
    });
    await until(async () => isIn(await logInAtFacade(world, new Browser(), 'yusuf')), 5_000);
  });

  test('for the blink of an eye under load is no crash: the next logins work', async () => {
    await execute(
      world.databaseUrl('postgres'),
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'footbridge' and application_name like 'footbridge%'`,
    );
    await until(async () => isIn(await logInAtFacade(world, new Browser(), 'aiko')), 5_000);
  });
});

describe('a server told to stop', () => {
  test('finishes the logins under way, then exits with 0', async () => {
    const server = await startServer(world);
    const there = { ...world, issuer: server.issuer };
    const people = [
      'bruno',
      'chiara',
      'grainne',
      'henrik',
      'leilani',
      'mehdi',
      'nils',
      'olga',
      'pham',
      'tomasz',
    ];
    const opened = await Promise.all(
      people.map(async (login) => {
        const browser = new Browser();
        return { browser, login, page: await browser.follow(authorizationUrl(there), there.callback) };
      }),
    );
    const under = opened.map(({ browser, login, page }) =>
      browser.visit(page.url, {
        form: {
          username: login,
          password: person(login).password,
          form_token: field(page.body, 'form_token')!,
        },
      }),
    );
    const first = await Promise.race(under);
    expect(first.status).toBe(303);
    server.process.kill('SIGTERM');
    for (const answer of await Promise.all(under)) expect(answer.status).toBe(303);
    expect(await server.exited).toBe(0);
  });
});
