/** The pattern of docs/patterns/brokering.md over real HTTP: log in at the bridge, pull the secrets, flag, and leave. */
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verify } from '../../example/demo/passwap.ts';
import type { Answer } from '../support/browser.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { World } from './world.ts';
import {
  callApi,
  claimsOf,
  logInAtFacade,
  machineToken,
  openWorld,
  person,
  secretsPath,
  statePath,
  TICKET,
} from './world.ts';

let world: World;
let token: string;
beforeAll(async () => {
  world = await openWorld();
  token = await machineToken(world);
});
afterAll(() => world?.close());

const arrive = async (login: string) =>
  claimsOf(world, (await logInAtFacade(world, new Browser(), login)).location);
const pull = (sub: string, ticket: unknown) =>
  callApi(world, token, { method: 'POST', path: secretsPath(sub), body: { ticket } });
const flag = (sub: string, body: object) =>
  callApi(world, token, { method: 'PUT', path: statePath(sub), body });
const ledger = (sub: string) =>
  execute(world.databaseUrl('footbridge'), 'select state, target_user_id from ledger where sub = $1', [sub]);

describe('a person who logs in at the bridge for the first time', () => {
  test('brings a ticket; the secrets are released in the target’s format, and the flag closes the endpoint', async () => {
    const claims = await arrive('juergen');
    const sub = String(claims.sub);
    expect(claims).toMatchObject({ given_name: 'Jürgen', family_name: 'Müßig', email_verified: true });
    expect(await ledger(sub)).toMatchObject([{ state: 'authenticated' }]);
    const released = await pull(sub, claims[TICKET]);
    expect(released.status).toBe(200);
    expect(released.headers['cache-control']).toBe('no-store');
    const { password } = released.json<{ password: { format: string; encoded: string } }>();
    expect(password.encoded).toMatch(/^\$pbkdf2-sha256\$\d+\$/);
    expect(await ledger(sub)).toMatchObject([{ state: 'releasing' }]);
    expect(
      (await flag(sub, { state: 'migrated', targetUserId: 't-juergen', imported: ['password'] })).status,
    ).toBe(200);
    expect(
      (await flag(sub, { state: 'migrated', targetUserId: 't-juergen', imported: ['password'] })).status,
    ).toBe(200);
    expect(await ledger(sub)).toMatchObject([{ state: 'migrated', target_user_id: 't-juergen' }]);
    const again = await arrive('juergen');
    const closed = await pull(sub, again[TICKET]);
    expect(closed.status).toBe(410);
    expect(closed.json().code).toBe('already_migrated');
  });

  test('has the legacy app’s session as well', async () => {
    const browser = new Browser();
    await logInAtFacade(world, browser, 'zoe');
    const page = await browser.visit(`${world.shop}/`);
    expect(page.body).toContain(person('zoe').givenName!);
    expect(page.body).toMatch(/Sign out/);
  });
});

describe('a ticket', () => {
  test('used 20 times at once gives one 200 and nineteen 409', async () => {
    const claims = await arrive('dagny');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => pull(String(claims.sub), claims[TICKET])),
    );
    const statuses = answers.map((answer) => answer.status).sort();
    expect(statuses).toEqual([200, ...Array<number>(19).fill(409)]);
    for (const answer of answers.filter((a) => a.status === 409))
      expect(answer.json().code).toBe('ticket_used');
  });

  test('that is missing, made up, another person’s or another login’s leftovers opens nothing: 403', async () => {
    const claims = await arrive('emre');
    const other = await arrive('jomo');
    for (const ticket of [undefined, 'fbt1.x.y', other[TICKET], `${claims[TICKET]}x`]) {
      const answer = await pull(String(claims.sub), ticket);
      expect(answer.status).toBe(403);
      expect(answer.json().code).toBe('no_export_ticket');
    }
  });

  test('is not handed to a client that belongs to no target, nor to a caller without the scope', async () => {
    const claims = await arrive('florin');
    const weak = await machineToken(world, 'migration:read');
    const answer = await callApi(world, weak, {
      method: 'POST',
      path: secretsPath(String(claims.sub)),
      body: { ticket: claims[TICKET] },
    });
    expect(answer.status).toBe(403);
    expect(answer.json().code).toBe('insufficient_scope');
    const nobody = await callApi(world, 'nonsense', {
      method: 'POST',
      path: secretsPath(String(claims.sub)),
      body: {},
    });
    expect(nobody.status).toBe(401);
    expect(nobody.headers['www-authenticate']).toMatch(/^Bearer/);
  });
});

describe('a password that the target cannot read as it is stored', () => {
  test('is hashed anew behind the login, and opens at the target', async () => {
    const claims = await arrive('fatou');
    const sub = String(claims.sub);
    const { password, profile } = (await pull(sub, claims[TICKET])).json<{
      password: { encoded: string };
      profile: object;
    }>();
    expect(profile).toMatchObject({ given_name: 'Fatou' });
    expect(await verify(password.encoded, person('fatou').password)).toBe(true);
    expect(await verify(password.encoded, 'another')).toBe(false);
    const [row] = await execute(
      world.databaseUrl('footbridge'),
      'select password, (select count(*)::int from captured_passwords where sub = $1) as captured from ledger where sub = $1',
      [sub],
    );
    expect(row).toEqual({ password: 'captured', captured: 1 });
    await flag(sub, { state: 'migrated', targetUserId: 't-fatou', imported: ['password'] });
    const left = 'select 1 from captured_passwords where sub = $1';
    expect(await execute(world.databaseUrl('footbridge'), left, [sub])).toEqual([]);
  });
});

/** Fifty write to one person's row, one after the other: on a busy machine some are told to come back in a moment. */
async function patiently(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    const isBusy = answer.status === 503 || answer.location?.includes('error=temporarily_unavailable');
    if (!isBusy) return answer;
    await setTimeout(Number(answer.headers['retry-after'] ?? 1) * 1_000);
  }
}

describe('50 first logins of one person at once', () => {
  test('leave one ledger row and one target user, and every browser is answered', async () => {
    const ends = await Promise.all(
      Array.from({ length: 50 }, () => patiently(() => logInAtFacade(world, new Browser(), 'itzel'))),
    );
    expect(ends.filter((end) => end.location?.includes('code='))).toHaveLength(50);
    const sub = String((await claimsOf(world, ends[0]!.location)).sub);
    expect(await ledger(sub)).toHaveLength(1);
    const flags = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        patiently(() => flag(sub, { state: 'created', targetUserId: `t-${i}` })),
      ),
    );
    expect(flags.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(flags.filter((answer) => answer.status === 409)).toHaveLength(49);
  }, 120_000);
});
