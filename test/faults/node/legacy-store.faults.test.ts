/** The legacy store cuts, swallows or keeps what it is asked, while people log in and others are logged in already. */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDirectory } from '../../../src/legacy/directory.ts';
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { Line } from '../../legacy/line.ts';
import { codeOf, logIn as logInOnStage, openStage } from '../../provider/harness.ts';
import { Browser } from '../../support/browser.ts';
import { execute, lockTables } from '../../support/database.ts';
import { tellFault } from '../../support/fault-row.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import { openClosing } from './closing.ts';
import { LIMIT_MS, LONG } from './form.ts';
import type { Place } from './place.ts';
import { isIn, logIn, openPlace, redeem, settled, silently, untilSo } from './place.ts';
import { crowd, seconds, Tally } from './tally.ts';

vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS });

const DOWN_MS = LONG ? 60_000 : 5_000;
const BACK_WITHIN_MS = 15_000;
/** Where the bar says three: a machine that a dozen others use is slow by itself. */
const CLEAR_PAGE_MS = 10_000;

const closing = openClosing();
let database: TestDatabase;
let line: Line;
let place: Place;
beforeAll(async () => {
  database = closing.keep(await testDatabase(), ({ drop }) => drop());
  const opening = openPlace({
    databaseUrl: database.url,
    legacyUrl: async (url) => {
      const there = new URL(url);
      line = closing.keep(new Line(() => connect(Number(there.port), there.hostname)), (opened) =>
        opened.close(),
      );
      return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(await line.listen()) }).href;
    },
  });
  place = closing.keep(await opening, ({ close }) => close());
});
afterAll(closing.close);

type Mend = () => Promise<void> | void;
const FAULTS: readonly (readonly [string, () => Promise<Mend> | Mend])[] = [
  [
    'cuts every connection',
    () => {
      line.cutAll();
      return () => {
        line.mode = 'open';
      };
    },
  ],
  [
    'swallows everything it is sent',
    () => {
      line.mode = 'silent';
      return () => {
        line.mode = 'open';
      };
    },
  ],
  [
    'answers each question only when all is over',
    async () => {
      const held = await lockTables(place.legacyUrl, ['people']);
      return () => held.release();
    },
  ],
];

test.each(FAULTS)(
  'a legacy store that %s is told as an outage, counts nobody as wrong, and ends no session',
  async (what, breakIt) => {
    const residents = await Promise.all([20, 21, 22].map((at) => settled(place, at)));
    const [logins, silent] = [new Tally(), new Tally()];
    const mend = await breakIt();
    const town = crowd(4, async (at) => {
      const answer = await logins.ask('a login', () => logIn(place, new Browser(), at));
      if (answer?.status === 200) throw new Error('a page without a word about the outage');
    });
    const withoutCode: (string | undefined)[] = [];
    const apps = crowd(residents.length, async (at) => {
      const answer = await silent.ask('a silent login', () => silently(place, residents[at]!.browser));
      if (answer && !isIn(answer)) withoutCode.push(answer.location);
    });
    await new Promise((resolve) => setTimeout(resolve, DOWN_MS));
    await mend();
    const backMs = await untilSo(async () => isIn(await logIn(place, new Browser(), 30)), BACK_WITHIN_MS);
    await Promise.all([town.stop(), apps.stop()]);
    expect([...logins.unexplained, ...silent.unexplained]).toEqual([]);
    expect([...logins.unanswered, ...silent.unanswered]).toEqual([]);
    expect(logins.count(503)).toBeGreaterThan(0);
    expect(logins.slowestMs).toBeLessThan(CLEAR_PAGE_MS);
    // Each with a code, for a cached user is as good as one just read.
    expect(silent.byStatus).toEqual(new Map([['303', silent.total]]));
    expect(withoutCode).toEqual([]);
    for (const { browser } of residents) {
      const code = codeOf((await silently(place, browser)).location);
      expect((await redeem(place, code)).status).toBe(200);
    }
    expect(await execute(database.url, 'select * from login_attempts')).toEqual([]);
    tellFault({
      id: 'R10',
      fault: `the legacy store ${what} for ${seconds(DOWN_MS)}`,
      load: `logins: ${logins}, a page within ${seconds(logins.slowestMs)}; silent logins: ${silent}, within ${seconds(silent.slowestMs)}`,
      lost: 0,
      doubled: 0,
      unexplained5xx: logins.unexplained.length + silent.unexplained.length,
      recovery: `logins ${seconds(backMs)} after it was back`,
    });
  },
);

test('a legacy store whose driver never comes back is an outage after its deadline, however many ask', async () => {
  const stuck = () => new Promise<never>(() => undefined);
  const settings = legacySettings.parse({
    store: 'shop',
    sql: {
      engine: 'postgresql',
      connection: 'postgresql://nobody@127.0.0.1:9/shop',
      table: 'people',
      login: ['login'],
    },
    mapping: { username: 'login' },
  });
  const connector = { findByLogin: stuck, findById: stuck, ping: stuck, close: async () => undefined };
  const stage = await openStage({
    settings: { trustedProxies: ['127.0.0.1'] },
    overrides: { directory: openDirectory(settings, { connector: connector as never }) },
  });
  try {
    const tally = new Tally();
    const asked = Array.from({ length: 30 }, () =>
      tally.ask('a login', () => logInOnStage(stage, new Browser())),
    );
    await Promise.all(asked);
    expect(tally.byStatus).toEqual(new Map([['503', 30]]));
    expect(tally.unexplained).toEqual([]);
    expect(tally.slowestMs).toBeLessThan(CLEAR_PAGE_MS);
    expect(await execute(stage.databaseUrl, 'select * from login_attempts')).toEqual([]);
    tellFault({
      id: 'R14',
      fault: 'a legacy driver that never comes back',
      load: `30 logins at once: ${tally}`,
      lost: 0,
      doubled: 0,
      unexplained5xx: tally.unexplained.length,
      recovery: `a clear page within ${seconds(tally.slowestMs)}`,
    });
  } finally {
    await stage.close();
  }
});
