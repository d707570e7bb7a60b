/** What a login costs our database. The figures stand in `docs/performance.md`; they may fall, not rise. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { proveParts, statePart } from '../../src/migration/ledger.ts';
import { openLoginWatch } from '../../src/provider/login-watch.ts';
import { openPeopleWatch } from '../../src/sessions/people-watch.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './harness.ts';
import {
  ANNA,
  authorizationUrl,
  BOB,
  basic,
  CALLBACK,
  codeOf,
  logIn,
  openStage,
  redeem,
  submitLogin,
  userinfo,
} from './harness.ts';
import { legacyWorld } from './legacy-world.ts';

let stage: Stage;
beforeAll(async () => {
  const audit = { subject: Buffer.alloc(32, 1) };
  stage = await openStage({
    // As the app has it for a target's client: the ledger is read at the login and written with the code; and people are watched.
    overrides: (parts) => ({
      ledgerStatePart: (sub) => statePart('zitadel', sub),
      loginParts: async ({ user, amr }) =>
        proveParts({ target: 'zitadel', sub: user, legacyId: user, amr, ...audit }),
      watch: openLoginWatch(
        openPeopleWatch({
          ...parts,
          watchSeconds: 60,
          watchPerSecond: 20,
          onError: (error) => expect.fail(`${error}`),
        }),
        86_400,
      ),
    }),
  });
});
afterAll(() => stage.close());

/** Statements sent, and committed transactions that wrote a row of ours. */
async function costOf(work: () => Promise<unknown>) {
  const [{ next }] = (await execute(
    stage.databaseUrl,
    'select pg_snapshot_xmax(pg_current_snapshot())::text as next',
  )) as [{ next: string }];
  stage.statements.length = 0;
  await work();
  const statements = stage.statements.length;
  const [{ commits }] = (await execute(
    stage.databaseUrl,
    `select count(distinct x)::int as commits from (
       select xmin::text::bigint as x from oidc_records union all select xmin::text::bigint from login_attempts
       union all select xmin::text::bigint from ledger union all select xmin::text::bigint from watched_people union all select xmin::text::bigint from audit_log) rows
     where x >= $1::bigint`,
    [next],
  )) as [{ commits: number }];
  return { statements, commits };
}

test('a full code flow with login and userinfo takes 4 statements and 2 durable commits of ours', async () => {
  const cost = await costOf(async () => {
    const end = await logIn(stage, new Browser());
    const { access_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
    expect((await userinfo(stage, access_token!)).status).toBe(200);
  });
  expect(await execute(stage.databaseUrl, 'select state from ledger')).toEqual([{ state: 'authenticated' }]);
  expect(await execute(stage.databaseUrl, 'select sub from watched_people')).toEqual([{ sub: 'shop:anna' }]);
  expect(cost).toEqual({ statements: 4, commits: 2 });
});

test('a login after a wrong password takes one statement and one commit more, and is watched from then on', async () => {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(stage), CALLBACK);
  const again = await submitLogin(browser, page, { ...BOB, password: 'wrong' });
  const cost = await costOf(async () => {
    const end = await submitLogin(browser, again, BOB);
    expect((await redeem(stage, codeOf(end.location))).status).toBe(200);
  });
  expect(await execute(stage.databaseUrl, 'select sub from watched_people order by sub')).toHaveLength(2);
  expect(cost).toEqual({ statements: 4, commits: 3 });
});

test('a re-authorization within a session, with the exchange, takes 3 statements and 2 commits', async () => {
  const browser = new Browser();
  await logIn(stage, browser);
  const cost = await costOf(async () => {
    const end = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect((await redeem(stage, codeOf(end.location))).status).toBe(200);
  });
  expect(cost).toEqual({ statements: 3, commits: 2 });
});

test('a refresh takes 1 statement and 1 commit', async () => {
  const browser = new Browser();
  const page = await browser.follow(
    authorizationUrl(stage, { scope: 'openid offline_access', prompt: 'consent' }),
    CALLBACK,
  );
  const end = await submitLogin(browser, page, ANNA);
  const { refresh_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
  const cost = await costOf(async () => {
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'refresh_token', refresh_token: refresh_token! },
      headers: basic(),
    });
    expect(answer.status).toBe(200);
  });
  expect(cost).toEqual({ statements: 1, commits: 1 });
});

test('client credentials take 1 statement and 1 commit, and introspection 1 statement', async () => {
  let token = '';
  const cost = await costOf(async () => {
    const answer = await new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'client_credentials', scope: 'migration:read' },
      headers: basic(),
    });
    token = String(answer.json().access_token);
  });
  expect(cost).toEqual({ statements: 1, commits: 1 });
  const read = await costOf(async () => {
    const answer = await new Browser().visit(`${stage.issuer}/token/introspection`, {
      form: { token },
      headers: basic(),
    });
    expect(answer.json().active).toBe(true);
  });
  expect(read).toEqual({ statements: 1, commits: 0 });
});

test('people who are logged in cost nothing more where there are legacy apps, nor do visitors', async () => {
  const beside = await openStage({ overrides: { legacySessions: legacyWorld() } });
  try {
    const browser = new Browser();
    await logIn(beside, browser);
    beside.statements.length = 0;
    const end = await browser.follow(authorizationUrl(beside, { prompt: 'none' }), CALLBACK);
    expect((await redeem(beside, codeOf(end.location))).status).toBe(200);
    expect(beside.statements).toHaveLength(3);
    beside.statements.length = 0;
    await new Browser().visit(authorizationUrl(beside));
    expect(beside.statements).toHaveLength(0);
  } finally {
    await beside.close();
  }
});
