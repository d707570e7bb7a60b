/** A session of ours lives on while its legacy session is used. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { recordKey } from '../../src/provider/record.ts';
import type { SessionLifetimes } from '../../src/provider/session-lives.ts';
import {
  expiresAt,
  idleUntil,
  isTooOld,
  recognisedAt,
  recognisedUid,
  startedAt,
} from '../../src/provider/session-lives.ts';
import { touchSession } from '../../src/provider/session-touch.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import { authorizationUrl, CALLBACK, codeOf, logIn, openStage } from './harness.ts';

const LIFETIMES: SessionLifetimes = { sessionIdleSeconds: 600, sessionSeconds: 3_600, rememberedSeconds: 0 };
const now = () => Math.floor(Date.now() / 1_000);

let stage: Stage;
let browser: Browser;
beforeAll(async () => {
  stage = await openStage({ settings: { lifetimes: { sessionIdleSeconds: 600, sessionSeconds: 3_600 } } });
});
afterAll(() => stage.close());
beforeEach(async () => {
  await execute(stage.databaseUrl, 'truncate oidc_records');
  browser = new Browser();
  await logIn(stage, browser);
});

const SESSION = `kind = 'Session' and payload ->> 'accountId' is not null`;
const read = async () => {
  const [row] = await execute(
    stage.databaseUrl,
    `select payload ->> 'uid' as uid, (payload ->> 'exp')::int as exp, extract(epoch from expires_at)::float8 as expires
       from oidc_records where ${SESSION}`,
  );
  return row as { uid: string; exp: number; expires: number };
};
/** As if the login had been so long ago, and the session would end so soon. */
const age = (loginAgo: number, left: number) =>
  execute(
    stage.databaseUrl,
    `update oidc_records set expires_at = now() + interval '${left} seconds', payload = payload || jsonb_build_object(
       'loginTs', extract(epoch from now())::bigint - ${loginAgo}, 'exp', extract(epoch from now())::bigint + ${left})
     where ${SESSION}`,
  );
const touch = async (at = now()) =>
  touchSession(stage.db, LIFETIMES, { opSession: recordKey('uid', (await read()).uid), at });

test('used at a legacy app, it lives as long as if it had been used here', async () => {
  await age(1_000, 60);
  await touch();
  const { exp, expires } = await read();
  expect(Math.abs(expires - now() - 600)).toBeLessThan(30);
  expect(exp).toBe(expires);
  const end = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
  expect(codeOf(end.location)).not.toBe('');
});

test('it never lives beyond its end, and what is said of the future counts as now', async () => {
  await age(3_500, 60);
  await touch(now() + 10_000);
  expect(Math.abs((await read()).expires - now() - 100)).toBeLessThan(30);
});

test('an older use takes nothing away', async () => {
  await age(1_000, 500);
  const before = await read();
  await touch(now() - 590);
  expect(await read()).toEqual(before);
});

test('one that is over stays over, and one that is unknown is nothing', async () => {
  await age(1_000, -60);
  await touch();
  expect((await read()).expires).toBeLessThan(now());
  await touchSession(stage.db, LIFETIMES, { opSession: recordKey('uid', 'unknown'), at: now() });
});

test('a uid tells when somebody was recognised, and no other says anything of the kind', () => {
  expect(recognisedAt(recognisedUid(1_700_000_000))).toBe(1_700_000_000);
  for (const uid of [undefined, '', 'r', `r0s44we8-${'x'.repeat(35)}`, `r0s44we8-${'x'.repeat(21)}!`])
    expect(recognisedAt(uid)).toBeUndefined();
});

test('a session began when its person proved who they are here, or was recognised', () => {
  const uid = recognisedUid(5_000);
  expect(startedAt({ loginTs: 1_000 })).toBe(1_000);
  expect(startedAt({ loginTs: 1_000, uid })).toBe(5_000);
  expect(startedAt({ loginTs: 9_000, uid })).toBe(9_000);
  expect(expiresAt({ loginTs: 1_000, uid }, LIFETIMES)).toBe(8_600);
  expect(idleUntil({ loginTs: 1_000, uid }, LIFETIMES, 6_000)).toBe(6_600);
});

test('only those who asked for it stay longer, and they stay whether they come back or not', () => {
  const lifetimes = { ...LIFETIMES, rememberedSeconds: 100_000 };
  expect(idleUntil({ loginTs: 1_000 }, lifetimes, 2_000)).toBe(101_000);
  expect(idleUntil({ loginTs: 1_000, transient: true }, lifetimes, 2_000)).toBe(2_600);
  const session = { loginTs: now() - 4_000 };
  expect([isTooOld(session, lifetimes), isTooOld({ ...session, transient: true }, lifetimes)]).toEqual([
    false,
    true,
  ]);
});
