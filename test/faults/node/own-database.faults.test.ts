/** Our own PostgreSQL stops, loses its connections, hangs and is killed, while people log in. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { codeOf } from '../../provider/harness.ts';
import type { Answer } from '../../support/browser.ts';
import { Browser } from '../../support/browser.ts';
import { lockTables } from '../../support/database.ts';
import { tellFault } from '../../support/fault-row.ts';
import { openClosing } from './closing.ts';
import { LIMIT_MS, LONG, randomOf, SEED } from './form.ts';
import type { OwnPostgres } from './own-postgres.ts';
import { openOwnPostgres } from './own-postgres.ts';
import type { Place } from './place.ts';
import {
  authorizationUrl,
  isIn,
  logIn,
  machineToken,
  openPlace,
  redeem,
  settled,
  silently,
  untilSo,
  userinfo,
} from './place.ts';
import { crowd, seconds, Tally } from './tally.ts';

vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS });

const DOWN_MS = LONG ? 60_000 : 4_000;
const BACK_WITHIN_MS = 15_000;

const closing = openClosing();
let postgres: OwnPostgres;
let place: Place;
beforeAll(async () => {
  postgres = closing.keep(await openOwnPostgres(), ({ close }) => close());
  await postgres.ensureDatabase('footbridge');
  place = closing.keep(await openPlace({ databaseUrl: postgres.url('footbridge') }), ({ close }) => close());
});
afterAll(closing.close);

const WITHOUT_STORAGE = ['/.well-known/openid-configuration', '/jwks'];

/** What a town asks of its provider, one after the other. */
const asked = (token: string): readonly (readonly [string, () => Promise<Answer>])[] => [
  ['/auth', () => new Browser().visit(authorizationUrl(place))],
  ['/me', () => userinfo(place, token)],
  ['/token', () => machineToken(place)],
  ['/session/end', () => new Browser().visit(`${place.issuer}/session/end?client_id=app`)],
  ['/migration', () => new Browser().visit(`${place.issuer}/migration/users/x`)],
  ['a login', () => logIn(place, new Browser(), 7)],
];

test('our PostgreSQL stopped for a while leaves discovery and keys, makes the rest a clear 503, and ends no session', async () => {
  const { browser, token } = await settled(place);
  const [tally, keys] = [new Tally(), new Tally()];
  const town = crowd(4, async () => {
    for (const path of WITHOUT_STORAGE) await keys.ask(path, () => new Browser().visit(place.issuer + path));
    for (const [what, ask] of asked(token)) await tally.ask(what, ask);
  });
  await postgres.stop();
  const before = tally.count(503);
  await new Promise((resolve) => setTimeout(resolve, DOWN_MS));
  expect(tally.count(503)).toBeGreaterThan(before);
  expect((await new Browser().visit(`${place.inside}/readyz`)).status).toBe(503);
  await postgres.start();
  const backMs = await untilSo(async () => isIn(await logIn(place, new Browser(), 1)), BACK_WITHIN_MS);
  await town.stop();
  expect(tally.unexplained).toEqual([]);
  expect([...tally.unanswered, ...keys.unanswered]).toEqual([]);
  expect(keys.byStatus).toEqual(new Map([['200', keys.total]]));
  expect(isIn(await silently(place, browser))).toBe(true);
  expect((await userinfo(place, token)).status).toBe(200);
  tellFault({
    id: 'R11',
    fault: `our PostgreSQL stopped for ${seconds(DOWN_MS)}`,
    load: `4 clients at once: ${tally}; discovery and keys: ${keys}`,
    lost: 0,
    doubled: 0,
    unexplained5xx: tally.unexplained.length,
    recovery: `logins ${seconds(backMs)} after it was back, without a restart; the longest answer took ${seconds(tally.slowestMs)}`,
  });
});

test('all connections to our PostgreSQL ended: whoever comes next does not notice', async () => {
  const { token } = await settled(place);
  const rounds = LONG ? 100 : 15;
  const idle = new Tally();
  for (let round = 0; round < rounds; round++) {
    await postgres.endBackends('footbridge');
    for (let at = 0; at < 3; at++) await idle.ask('/me', () => userinfo(place, token));
  }
  expect(idle.byStatus).toEqual(new Map([['200', 3 * rounds]]));
  const busy = new Tally();
  const town = crowd(8, () => busy.ask('/me', () => userinfo(place, token)));
  for (let round = 0; round < rounds; round++) await postgres.endBackends('footbridge');
  const backMs = await untilSo(async () => isIn(await logIn(place, new Browser(), 1)), BACK_WITHIN_MS);
  await town.stop();
  expect(busy.unexplained).toEqual([]);
  expect(busy.unanswered).toEqual([]);
  tellFault({
    id: 'R12',
    fault: `all back-ends of our PostgreSQL ended, ${2 * rounds} times`,
    load: `idle: ${idle}; 8 clients at once: ${busy}`,
    lost: 0,
    doubled: 0,
    unexplained5xx: busy.unexplained.length,
    recovery: `logins after ${seconds(backMs)}`,
  });
});

test.each([
  [
    'locked tables',
    async () => {
      const held = await lockTables(postgres.url('footbridge'), ['oidc_records']);
      return () => held.release();
    },
  ],
  [
    'a server that says nothing more',
    async () => {
      await postgres.freeze();
      return () => postgres.thaw();
    },
  ],
] as const)(
  '%s that keep every connection busy are a 503 and not a wait without end',
  async (fault, breakIt) => {
    const { browser, token } = await settled(place);
    const tally = new Tally();
    const mend = await breakIt();
    const answers = Promise.all(
      Array.from({ length: 40 }, () => tally.ask('/me', () => userinfo(place, token))),
    );
    await answers.finally(mend);
    expect(tally.byStatus).toEqual(new Map([['503', 40]]));
    expect(tally.unexplained).toEqual([]);
    const backMs = await untilSo(async () => isIn(await logIn(place, new Browser(), 1)), BACK_WITHIN_MS);
    expect(isIn(await silently(place, browser))).toBe(true);
    tellFault({
      id: 'R13',
      fault: `all connections to our PostgreSQL blocked: ${fault}`,
      load: `40 requests at once: ${tally}, the last after ${seconds(tally.slowestMs)}`,
      lost: 0,
      doubled: 0,
      unexplained5xx: tally.unexplained.length,
      recovery: `logins after ${seconds(backMs)}`,
    });
  },
);

/** Redeems one code after the other while PostgreSQL is killed at a moment of `random`; the codes that were given tokens. */
async function redeemWhileKilled(
  codes: readonly string[],
  tally: Tally,
  random: () => number,
): Promise<string[]> {
  const killedAt = Math.floor(random() * codes.length);
  const given: string[] = [];
  let killed: Promise<void> | undefined;
  for (const [at, code] of codes.entries()) {
    if (at === killedAt) killed = postgres.kill();
    const answer = await tally.ask('/token', () => redeem(place, code));
    if (answer?.status === 200) given.push(code);
  }
  await killed;
  return given;
}

test(`a code that was redeemed stays so when PostgreSQL is killed at any moment (FOOTBRIDGE_SEED=${SEED})`, async () => {
  const [kills, codesEach] = LONG ? [20, 60] : [2, 30];
  const random = randomOf(SEED);
  const { browser } = await settled(place, 3);
  const [tally, again] = [new Tally(), new Tally()];
  let backMs = 0;
  for (let kill = 0; kill < kills; kill++) {
    const codes: string[] = [];
    while (codes.length < codesEach) codes.push(codeOf((await silently(place, browser)).location));
    const given = await redeemWhileKilled(codes, tally, random);
    await postgres.start();
    const back = async () => isIn(await silently(place, browser));
    backMs = Math.max(backMs, await untilSo(back, BACK_WITHIN_MS));
    for (const code of given) await again.ask('/token again', () => redeem(place, code));
  }
  expect(tally.count(200)).toBeGreaterThan(0);
  expect(again.byStatus).toEqual(new Map([['400', tally.count(200)]]));
  expect([tally.unexplained, tally.unanswered]).toEqual([[], []]);
  tellFault({
    id: 'R15',
    fault: `PostgreSQL killed (-9) ${kills} times while codes are redeemed`,
    load: `${kills * codesEach} codes: ${tally}; each that was given redeemed again: ${again}`,
    lost: 0,
    doubled: again.count(200),
    unexplained5xx: tally.unexplained.length,
    recovery: `the same session goes on ${seconds(backMs)} after it was back`,
  });
});
