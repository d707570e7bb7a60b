/** After everything that can happen to a login, no secret is anywhere but where it belongs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Server } from './server.ts';
import { startServer } from './server.ts';
import type { World } from './world.ts';
import {
  asTarget,
  authorizationUrl,
  callApi,
  claimsOf,
  logInAtFacade,
  machineToken,
  openWorld,
  person,
  secretsPath,
  TICKET,
} from './world.ts';

let world: World;
let server: Server;
beforeAll(async () => {
  world = await openWorld();
  server = await startServer(world);
});
afterAll(async () => {
  server?.process.kill('SIGTERM');
  await server?.exited;
  await world?.close();
});

test('no password, hash, seed, cookie, code, token, ticket or client secret is in any log, page, error, metric or audit record', async () => {
  const there: World = { ...world, issuer: server.issuer };
  const secrets = new Map<string, string>([
    ['client secret', world.clientSecret],
    ['hook key', world.hookKey],
    ['admin token', world.adminToken],
    ['database password', new URL(world.databaseUrl('x')).password],
    ['password', person('anna').password],
    ['wrong password', 'canary-wrong-password'],
    ['password with a second factor', person('ines').password],
    ['seed', person('ines').otpSeed!],
  ]);
  for (const { pw } of (await execute(world.databaseUrl('shop'), 'select pw from customers')) as {
    pw: string;
  }[]) {
    if (pw.length > 20) secrets.set(`hash ${pw.slice(0, 4)}`, pw);
  }
  const seen: string[] = [];
  const look = <T extends { body: string; headers: object }>(answer: T): T => {
    seen.push(answer.body);
    return answer;
  };

  const browser = new Browser();
  const end = await logInAtFacade(there, browser, 'anna');
  const code = new URL(end.location!).searchParams.get('code')!;
  secrets.set('code', code);
  const claims = await claimsOf(there, end.location);
  secrets.set('ticket', String(claims[TICKET]));
  for (const cookie of browser.cookies.filter((c) => c.value.length > 20))
    secrets.set(`cookie ${cookie.name}`, cookie.value);
  const token = await machineToken(there);
  secrets.set('access token', token);
  const path = secretsPath(String(claims.sub));
  const released = await callApi(there, token, { method: 'POST', path, body: { ticket: claims[TICKET] } });
  expect(released.status).toBe(200);
  secrets.set('released hash', released.json<{ password: { encoded: string } }>().password.encoded);
  // The second time is an error, and errors are what leaks.
  look(await callApi(there, token, { method: 'POST', path, body: { ticket: claims[TICKET] } }));
  look(
    await callApi(there, token, {
      method: 'POST',
      path,
      body: { ticket: claims[TICKET], password: 'canary-wrong-password' },
    }),
  );

  const page = await browser.follow(authorizationUrl(there, { prompt: 'login' }), there.callback);
  const form_token = field(page.body, 'form_token')!;
  const submit = (form: Record<string, string>) => browser.visit(page.url, { form: { form_token, ...form } });
  look(await submit({ username: 'anna', password: 'canary-wrong-password' }));
  look(await submit({ username: 'hana', password: 'canary-wrong-password' }));
  look(await submit({ username: 'nadia', password: person('nadia').password }));
  const second = look(await submit({ username: 'ines', password: person('ines').password }));
  look(await submit({ step: field(second.body, 'step')!, code: '000000' }));
  look(
    await new Browser().visit(`${there.issuer}/token`, {
      form: {
        grant_type: 'authorization_code',
        code,
        redirect_uri: there.callback,
        code_verifier: 'wrong'.repeat(10),
      },
      headers: asTarget(world),
    }),
  );
  look(
    await new Browser().visit(`${there.issuer}/token`, {
      form: { grant_type: 'refresh_token', refresh_token: code },
      headers: asTarget(world),
    }),
  );
  look(await new Browser().visit(`${there.issuer}/me`, { headers: { authorization: `Bearer ${token}x` } }));
  look(await new Browser().visit(`${there.issuer}/auth/${code}?code=${code}`));
  await execute(world.databaseUrl('postgres'), `alter database shop with allow_connections false`);
  await execute(
    world.databaseUrl('postgres'),
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop'`,
  );
  look(await submit({ username: 'anna', password: person('anna').password }));
  await execute(world.databaseUrl('postgres'), `alter database shop with allow_connections true`);
  const metrics = look(await new Browser().visit(`${server.inside}/metrics`));
  expect(metrics.body).toMatch(/footbridge_logins_total\{result="wrong"\} [1-9]/);
  expect(metrics.body).toMatch(/footbridge_request_seconds_count\{route="token",status="200"\} [1-9]/);
  look(await new Browser().visit(`${server.inside}/readyz`));
  look(await new Browser().visit(`${server.inside}/openapi.json`));
  seen.push(JSON.stringify(await execute(world.databaseUrl('footbridge'), 'select * from audit_log')));
  seen.push(JSON.stringify(await execute(world.databaseUrl('footbridge'), 'select * from ledger')));
  seen.push(server.output());

  expect(seen.length).toBeGreaterThan(15);
  expect(server.output()).toContain('"level"');
  const leaks = [...secrets]
    .filter(([, secret]) => seen.some((text) => text.includes(secret)))
    .map(([name]) => name);
  expect(leaks).toEqual([]);
});
