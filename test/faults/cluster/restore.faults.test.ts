/** Our database is restored from a backup, and what happened since is forgotten here, and nowhere else. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { invite, redeem as redeemInvitation } from '../../../src/admin/console/invitations.ts';
import {
  checkOpen,
  findByText,
  holdClaim,
  issueClaimToken,
  takeParts,
} from '../../../src/migration/claim-tokens/claim-tokens.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import type { Town } from '../../flows/batch/town.ts';
import { openTown, subOf } from '../../flows/batch/town.ts';
import type { Answer } from '../../support/browser.ts';
import { Browser, field } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { tellFault } from '../../support/fault-row.ts';
import type { StandInKratos } from '../../support/kratos/index.ts';
import { startKratos } from '../../support/kratos/index.ts';
import type { BackedUp } from './backup.ts';
import { openBackedUp } from './backup.ts';
import { OPENS_WITHIN_MS, patient } from './traffic.ts';

const isLong = Boolean(process.env.FOOTBRIDGE_LONG);
/** Moved in one batch after the backup. */
const BATCH = isLong ? 500 : 20;
const APP = {
  id: 'app',
  secret: 'secret-of-the-app-0123456789-and-more',
  callback: 'http://app.example/callback',
};
/** Of another target, which fetches what it needs with a ticket. */
const FETCHING = {
  ...{
    id: 'fetching',
    secret: 'secret-of-the-target-0123456789',
    callback: 'http://fetching.example/callback',
  },
};
const TICKET = 'urn:footbridge:ticket';
const VERIFIER = 'v'.repeat(64);
const CONSOLE = { sessionSeconds: 3_600, idleSeconds: 3_600 };
const HELD_BY = Buffer.from('somebody at the target');

let database: BackedUp;
let kratos: StandInKratos;
let town: Town;
let db: Db;
let before: Awaited<ReturnType<typeof live>>;
/** Every answer of 500 and above. */
const errors: string[] = [];

const noted = (answer: Answer): Answer => {
  if (answer.status >= 500) errors.push(`${answer.status} ${answer.url} ${answer.body}`);
  return answer;
};
const basic = ({ id, secret }: typeof APP) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  accept: 'application/json',
});
const codeOf = ({ location = 'x:' }: Answer) => new URL(location).searchParams.get('code') ?? '';

function authorization({ id, callback }: typeof APP, more: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    ...{ client_id: id, redirect_uri: callback, response_type: 'code', scope: 'openid' },
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    ...{ code_challenge_method: 'S256', ...more },
  });
  return `${town.issuer}/auth?${query}`;
}
const open = async (browser: Browser, client = APP) =>
  noted(await browser.follow(authorization(client), client.callback));
/** What the login page answers to the right password; the browser has not followed it yet. */
const type = async (browser: Browser, page: Answer, { login: username, password }: Person) => {
  const form = { username, password, form_token: field(page.body, 'form_token') ?? '' };
  return noted(await browser.visit(page.url.split('?')[0]!, { form }));
};
/** From the right password to the code, if there is one. */
async function arrive(
  browser: Browser,
  page: Answer,
  { person, client = APP }: { readonly person: Person; readonly client?: typeof APP },
): Promise<string> {
  const { location } = await type(browser, page, person);
  return location === undefined ? '' : codeOf(noted(await browser.follow(location, client.callback)));
}
const logIn = async (browser: Browser, person: Person, client = APP) =>
  arrive(browser, await open(browser, client), { person, client });
const redeem = async (code: string, client = APP) => {
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: client.callback,
    code_verifier: VERIFIER,
  };
  return noted(await new Browser().visit(`${town.issuer}/token`, { form, headers: basic(client) }));
};
const userinfo = async (token: string) =>
  noted(await new Browser().visit(`${town.issuer}/me`, { headers: { authorization: `Bearer ${token}` } }));
const isSignedIn = async (browser: Browser) =>
  codeOf(noted(await browser.visit(authorization(APP, { prompt: 'none' })))) !== '';
const tokenOf = (answer: Answer) => answer.json<{ access_token: string }>().access_token;

/** What a target may fetch with a ticket, once. */
async function pull(person: Person, ticket: string): Promise<Answer> {
  const form = { grant_type: 'client_credentials', scope: 'migration:secrets' };
  const answer = await new Browser().visit(`${town.issuer}/token`, { form, headers: basic(FETCHING) });
  return noted(
    await new Browser().visit(`${town.issuer}/migration/users/${encodeURIComponent(subOf(person))}/secrets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokenOf(answer)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ticket }),
    }),
  );
}

/** Spends a link as the page does, once its owner has confirmed. */
async function spend(id: string): Promise<boolean> {
  await holdClaim(db, id, HELD_BY);
  return (await db.runParts(takeParts(id, HELD_BY), 'select 1 from claim_taken')).length === 1;
}
const isLinkOpen = async (text: string) => {
  const token = await findByText(db, text);
  try {
    checkOpen(token);
    return true;
  } catch {
    return false;
  }
};
const isInvited = async (token: string) =>
  (await redeemInvitation(db, { token, now: new Date() }, CONSOLE)) !== undefined;

interface Line {
  readonly sub: string;
  readonly kind: string;
}
interface Verified {
  readonly kinds: Record<string, number>;
  readonly plan: string;
}
/** What differs, by kind, and the file that would mend it. */
async function verify(name: string): Promise<Verified> {
  const plan = join(town.data, `${name}.jsonl`);
  await town.told('batch', 'verify', '--target', 'kratos', '--plan', plan);
  const kinds: Record<string, number> = {};
  for (const { kind } of linesOf(plan)) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return { kinds, plan };
}
const linesOf = (plan: string): Line[] =>
  readFileSync(plan, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

/** The hour: what was good at the backup is used, and ends; people move, and one is forgotten. */
async function live() {
  const [anna, bert, carla, dora, emil, fritz, gerda] = (await town.settle(
    Array.from({ length: 7 }, () => ({})),
  )) as [Person, Person, Person, Person, Person, Person, Person];
  const crowd = await town.settle(Array.from({ length: BATCH }, () => ({ kind: 'md5' as const })));
  const browsers = { anna: new Browser(), bert: new Browser(), opened: new Browser() };
  const token = tokenOf(await redeem(await logIn(browsers.anna, anna)));
  const code = await logIn(browsers.bert, bert);
  const ticketed = await redeem(await logIn(new Browser(), carla, FETCHING), FETCHING);
  const claims = (await userinfo(tokenOf(ticketed))).json<Record<string, string>>();
  const ticket = claims[TICKET] ?? '';
  for (const moved of [dora, emil]) await town.logIn(moved);
  const page = await open(browsers.opened);
  const link = await issueClaimToken(db, {
    ...{ target: 'kratos', purpose: 'person', sub: subOf(gerda), origin: 'operator', ttlSeconds: 3_600 },
    ...{ actor: 'operator:test', subject: Buffer.alloc(32) },
  });
  const invitation = await invite(
    db,
    { name: 'mona', role: 'admin' },
    { actor: 'operator:test', now: new Date() },
  );
  const some = join(town.data, 'some.txt');
  writeFileSync(some, crowd.map(subOf).join('\n'));
  await town.told('batch', 'plan', '--target', 'kratos', '--name', 'crowd', '--list', some, '--execute');

  await database.backUp();

  // From here on nothing is in the backup.
  const confirm = await browsers.anna.visit(`${town.issuer}/session/end`);
  const form = { xsrf: field(confirm.body, 'xsrf') ?? '', logout: 'yes' };
  const out = browsers.anna.copy();
  await out.visit(`${town.issuer}/session/end/confirm`, { form });
  const later = new Browser();
  const tokens = [token, tokenOf(await redeem(code)), tokenOf(await redeem(await logIn(later, anna)))];
  // A login that was finished once: what the browser had then, somebody has copied.
  const finished = new Browser();
  const typed = await type(finished, await open(finished), bert);
  const copied = finished.copy();
  expect(codeOf(await finished.follow(typed.location!, APP.callback))).not.toBe('');
  const used = {
    ticket: (await pull(carla, ticket)).status,
    link: await spend(link.id),
    invitation: await isInvited(invitation.token),
  };
  expect(used).toEqual({ ticket: 200, link: true, invitation: true });
  await town.logIn(fritz);
  await town.told('batch', 'run', 'crowd', '--execute');
  const counts = (await town.done('crowd')).counts;
  await town.told('user', 'forget', subOf(emil), '--target', 'kratos', '--execute');
  return {
    ...{ people: { anna, bert, carla, dora, emil, fritz, gerda }, crowd, counts },
    sessions: [browsers.anna, out, browsers.bert, later],
    ...{
      tokens,
      code,
      ticket,
      page,
      opened: browsers.opened,
      resumed: { browser: copied, url: typed.location! },
    },
    ...{ link: link.text.reveal(), invitation: invitation.token, identities: kratos.state().identities },
  };
}

describe('a restore', () => {
  beforeAll(async () => {
    database = await openBackedUp();
    kratos = await startKratos();
    const api = { url: kratos.url, token: 'any', identityProvider: 'footbridge', perSecond: 1_000 };
    town = await openTown({
      target: { kind: 'kratos', api, move: { push: 'at-login' } },
      change: (settings) => {
        patient(settings);
        settings.database.url = database.url;
        const { clients } = settings.provider;
        for (const { id, secret, callback } of [APP, FETCHING])
          clients.push({ clientId: id, secret, redirectUris: [callback] });
        clients.at(-1).grantTypes = ['authorization_code', 'client_credentials'];
        settings.targets.push({
          ...{ name: FETCHING.id, kind: 'zitadel', displayName: 'Fetching', clientIds: [FETCHING.id] },
          loginUrl: 'http://fetching.example/',
        });
      },
    });
    db = openDb({ url: database.url });
    before = await live();
  }, OPENS_WITHIN_MS);
  afterAll(async () => {
    await db?.close();
    await town?.close();
    await kratos?.close();
    await database?.close();
  });

  test('brings back what had ended and makes good again what was used: without the command', async () => {
    await db.close();
    await town.stop();
    await database.restore();
    db = openDb({ url: database.url });
    const [row] = await execute(
      database.url,
      `select (select count(*)::int from oidc_records where kind = 'Session' and payload ->> 'accountId' is not null) as sessions,
        (select count(*)::int from oidc_records where kind = 'AuthorizationCode' and consumed_at is null) as codes,
        (select count(*)::int from redeemed_tickets) as tickets`,
    );
    expect([row?.sessions, row?.tickets]).toEqual([expect.toSatisfy((n) => n > 1), 0]);
    expect(row?.codes).toBeGreaterThan(0);
    expect(await isLinkOpen(before.link)).toBe(true);
    expect((await town.told('batch', 'status', 'crowd', '--look', '0')).state).toBe('planned');
  });

  test('ends and takes back all of it with the command, which without --execute changes nothing', async () => {
    const dry = await town.cli('restored');
    expect(dry).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed') });
    expect(await isLinkOpen(before.link)).toBe(true);
    const done = await town.cli('restored', '--execute');
    expect(done).toMatchObject({ code: 0, out: expect.stringContaining('batch verify --target kratos') });
    await town.start();
    const { sessions, tokens, code, ticket, people, page, opened, resumed, link, invitation } = before;
    const alive = [];
    for (const browser of sessions) alive.push(await isSignedIn(browser));
    expect(alive).toEqual(sessions.map(() => false));
    const statuses = [];
    for (const token of tokens) statuses.push((await userinfo(token)).status);
    expect(statuses).toEqual(tokens.map(() => 401));
    expect((await redeem(code)).json()).toMatchObject({ error: 'invalid_grant' });
    expect((await pull(people.carla, ticket)).json()).toMatchObject({ code: 'ticket_expired' });
    expect([await isLinkOpen(link), await isInvited(invitation)]).toEqual([false, false]);
    // A login under way, and one that was finished with these very cookies.
    expect(await arrive(opened, page, { person: people.bert })).toBe('');
    expect(codeOf(noted(await resumed.browser.follow(resumed.url, APP.callback)))).toBe('');
    // And everybody gets in again.
    const again = new Browser();
    expect((await redeem(await logIn(again, people.anna))).status).toBe(200);
    expect(await isSignedIn(again)).toBe(true);
  });

  test('shows by a reconciliation who has moved meanwhile, and mending makes nobody twice', async () => {
    const { people, crowd, identities } = before;
    const startedAt = performance.now();
    const found = await verify('found');
    // Those of the batch and Fritz are there, Emil is not: he had been forgotten.
    expect(found.kinds).toEqual({ unrecorded: crowd.length + 1, missing: 1 });
    const [emil] = linesOf(found.plan).filter(({ kind }) => kind === 'missing');
    expect(emil?.sub).toBe(subOf(people.emil));
    // Whoever was to be forgotten is forgotten again; nobody brings them back.
    await town.told('user', 'forget', subOf(people.emil), '--target', 'kratos', '--execute');
    const kept = readFileSync(found.plan, 'utf8')
      .split('\n')
      .filter((line) => !line.includes('"missing"'));
    writeFileSync(found.plan, kept.join('\n'));
    const mended = await town.cli('batch', 'repair', '--plan', found.plan, '--execute');
    expect(mended).toMatchObject({ code: 0, out: expect.stringContaining(`${crowd.length + 1} repaired`) });
    expect((await verify('left')).kinds).toEqual({});
    const tookMs = performance.now() - startedAt;

    // What was forgotten is done again: a login, and the batch that had been only planned.
    await town.logIn(people.fritz);
    await town.told('batch', 'run', 'crowd', '--execute');
    expect((await town.done('crowd')).counts).toMatchObject({ waiting: 0, failed: 0 });
    expect(kratos.state()).toMatchObject({ identities, duplicates: 0 });
    expect((await town.cli('audit', 'verify')).code).toBe(0);
    expect(errors).toEqual([]);
    tellFault({
      id: 'R25',
      fault: `our database restored from a backup, by ${database.way}`,
      load: `${crowd.length + 1} people moved, one forgotten, sessions, codes, a ticket, a link and an invitation used since`,
      lost: crowd.length + 1 - found.kinds.unrecorded!,
      doubled: kratos.state().duplicates + kratos.state().identities - identities,
      unexplained5xx: errors.length,
      recovery: `one command; all differences found and mended in ${(tookMs / 1_000).toFixed(1)} s`,
    });
  });
});
