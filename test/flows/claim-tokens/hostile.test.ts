/** Claim tokens under attack: what docs/security.md promises of them, each line a test. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import { issueLink } from '../../../src/migration/claim-tokens/issuing.ts';
import { goBack, wayBack } from '../../../src/migration/moving/back.ts';
import { throughHub } from '../../support/hub/index.ts';
import type { Town } from './town.ts';
import {
  Browser,
  field,
  goAndCome,
  openAndCome,
  openTown,
  PASSWORD,
  press,
  SEED,
  TARGET,
  typePassword,
} from './town.ts';

let town: Town;
beforeAll(async () => {
  town = await openTown();
});
afterAll(() => town?.close());

const text = ({ body }: { readonly body: string }) => body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

/** Of people who are made for one test. */
let newest = 100;
async function newcomer() {
  newest += 1;
  await town.legacySql(
    'insert into users (id, login, email, email_ok, first, last) values ($1, $2, $3, true, $4, $5)',
    [...[newest, `p${newest}`, `p${newest}@new.example`, 'Nova', `Neu ${newest}`]],
  );
  return { sub: `shop:${newest}`, email: `p${newest}@new.example` };
}
async function unlink(sub: string) {
  const { db, directory, targets, audit } = town.desk;
  const deps = { db, directory, targets, pseudonym: audit.pseudonym };
  await goBack(deps, await wayBack(deps, { target: TARGET, sub }), {
    event: 'revert',
    actor: 'operator:test',
  });
}

test('a link with which somebody at the hub has begun is refused to somebody else there, until they let go', async () => {
  const { sub, email } = await newcomer();
  const link = await town.issue(sub);
  const first = new Browser();
  const confirm = await openAndCome(town, first, link, { signUp: true });
  town.hub.addPerson({ email: `other-${email}`, name: 'Other' });
  const second = await openAndCome(town, new Browser(), link, { email: `other-${email}` });
  expect(second.status, text(second)).toBe(409);
  expect(await town.ledger(sub)).toBeUndefined();
  await press(town, first, confirm, { choice: 'cancel' });
  const third = await openAndCome(town, new Browser(), link, { email: `other-${email}` });
  expect(third.status, text(third)).toBe(200);
});

test('of twenty who confirm one link at once, one is linked, and the ledger has one row', async () => {
  const { sub } = await newcomer();
  const browser = new Browser();
  const confirm = await openAndCome(town, browser, await town.issue(sub), { signUp: true });
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => press(town, browser.copy(), confirm, { choice: 'link' })),
  );
  expect((await town.ledger(sub))?.state).toBe('migrated');
  const rows = await town.sql('select count(*)::int as rows from ledger where sub = $1', [sub]);
  expect(rows).toEqual([{ rows: 1 }]);
  const records = await town.sql(
    "select count(*)::int as links from audit_log where action = 'ledger.claim' and detail ->> 'targetUserId' = $1",
    [(await town.ledger(sub))?.there],
  );
  expect(records).toEqual([{ links: 1 }]);
  expect(answers.every(({ status }) => [200, 400, 409, 410].includes(status))).toBe(true);
});

test('two accounts at the hub and one link: twenty tries of each at once make one link', async () => {
  const { sub, email } = await newcomer();
  const link = await town.issue(sub);
  town.hub.addPerson({ email: `rival-${email}`, name: 'Rival' });
  const [one, two] = [new Browser(), new Browser()];
  const [mine, theirs] = await Promise.all([
    openAndCome(town, one, link, { signUp: true }),
    openAndCome(town, two, link, { email: `rival-${email}` }),
  ]);
  const tries = Array.from({ length: 20 }, (_, n) =>
    press(town, (n % 2 ? one : two).copy(), n % 2 ? mine : theirs, { choice: 'link' }),
  );
  await Promise.all(tries);
  const rows = await town.sql('select target_user_id from ledger where sub = $1', [sub]);
  expect(rows).toHaveLength(1);
});

test('an organization’s link in a person’s clothes is refused as such, and stays good', async () => {
  const owner = new Browser();
  const confirm = await openAndCome(town, owner, await town.issue('shop:1'), { signUp: true });
  await press(town, owner, confirm, { choice: 'link' });
  const link = await town.issue('shop:1', '70');
  const disguised = link.replace('/fbco1.', '/fbcp1.');
  const refused = await new Browser().follow(disguised, 'http://never');
  expect(refused.status).toBe(400);
  const first = await owner.follow(link, 'http://never');
  expect(first.status, text(first)).toBe(200);
});

test('a link for somebody who is linked already is refused with 409, and the owner hears of it', async () => {
  const { sub, email } = await newcomer();
  const [used, left] = [await town.issue(sub), await town.issue(sub)];
  // It was open in another browser while the first was used.
  const late = new Browser();
  const lateConfirm = late.follow(left, 'http://never');
  await lateConfirm;
  const browser = new Browser();
  const confirm = await openAndCome(town, browser, used, { signUp: true });
  await press(town, browser, confirm, { choice: 'link' });
  await town.mailbox.letterTo(email);
  await town.sql("update claim_tokens set state = 'open' where sub = $1 and state = 'revoked'", [sub]);
  const refused = await new Browser().follow(left, 'http://never');
  expect(refused.status, text(refused)).toBe(409);
  const { text: letter = '' } = await town.mailbox.letterTo(email, 1);
  expect(letter).not.toContain('/claim/');
});

test('after they were unlinked, neither the used link nor one from before opens anything', async () => {
  const { sub } = await newcomer();
  const [used, spare] = [await town.issue(sub), await town.issue(sub)];
  const browser = new Browser();
  const confirm = await openAndCome(town, browser, used, { signUp: true });
  await press(town, browser, confirm, { choice: 'link' });
  await unlink(sub);
  for (const link of [used, spare])
    expect((await new Browser().follow(link, 'http://never')).status).toBe(410);
  const replayed = await press(town, browser, confirm, { choice: 'link' });
  expect(replayed.status).not.toBe(200);
  expect((await town.ledger(sub))?.state).toBe('legacy');
});

test('`state` says nothing of the token, and an answer without this browser’s state is nothing', async () => {
  const { sub } = await newcomer();
  const link = await town.issue(sub);
  const secret = link.split('.').at(-1)!;
  const browser = new Browser();
  const first = await browser.follow(link, 'http://never');
  expect(first.url).toBe(`${town.issuer}/claim`);
  const out = await browser.follow(`${town.issuer}/claim`, town.hub.url, {
    form: { form_token: field(first.body, 'form_token') ?? '', choice: 'continue' },
  });
  const sent = new URL(out.location!);
  expect(decodeURIComponent(out.location!)).not.toContain(secret);
  const back = await throughHub(browser, out.location!, { signUp: true });
  const changed = new URL(back.location!);
  changed.searchParams.set('state', `${sent.searchParams.get('state')}x`);
  expect((await browser.copy().follow(changed.href, 'http://never')).status).toBe(400);
  // A leaked answer in a stranger’s browser that has a link of its own under way.
  const strangers = new Browser();
  const own = await strangers.follow(await town.issue((await newcomer()).sub), 'http://never');
  await strangers.follow(`${town.issuer}/claim`, town.hub.url, {
    form: { form_token: field(own.body, 'form_token') ?? '', choice: 'continue' },
  });
  expect((await strangers.follow(back.location!, 'http://never')).status).toBe(400);
});

test('nothing is linked without the button of the page that shows both sides', async () => {
  const { sub } = await newcomer();
  const browser = new Browser();
  const confirm = await openAndCome(town, browser, await town.issue(sub), { signUp: true });
  await browser.visit(`${town.issuer}/claim?choice=link`);
  const form = { choice: 'link', form_token: 'made-up' };
  expect((await browser.visit(`${town.issuer}/claim`, { form })).status).toBe(403);
  const crossSite = { form_token: field(confirm.body, 'form_token') ?? '', choice: 'link' };
  const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
  expect((await browser.visit(`${town.issuer}/claim`, { form: crossSite, headers })).status).toBe(403);
  expect(await town.ledger(sub)).toBeUndefined();
});

test('a mailbox does not replace a second factor: whoever has one logs in here first', async () => {
  const browser = new Browser();
  const first = await browser.follow(await town.issue('shop:5'), 'http://never');
  const login = await press(town, browser, first, { choice: 'continue' });
  const password = await browser.follow(login.url.split('?')[0]!, town.hub.url, {
    form: { username: 'factor', password: PASSWORD, form_token: field(login.body, 'form_token') ?? '' },
  });
  expect(password.location).toBeUndefined();
  const step = {
    step: field(password.body, 'step') ?? '',
    form_token: field(password.body, 'form_token') ?? '',
  };
  const out = await browser.follow(login.url.split('?')[0]!, town.hub.url, {
    form: { ...step, factor: 'totp', code: codeOfStep(SEED, stepAt(Date.now() / 1_000)) },
  });
  const back = await throughHub(browser, out.location!, { signUp: true });
  const confirm = await browser.follow(back.location!, 'http://never');
  // The proof dies with the logout.
  const left = browser.copy();
  await left.visit(`${town.issuer}/session/end`);
  await press(town, left, confirm, { choice: 'link' });
  expect(await town.ledger('shop:5')).toBeUndefined();
  await press(town, browser, confirm, { choice: 'link' });
  expect((await town.ledger('shop:5'))?.state).toBe('migrated');
});

test('logging in to link an account begins no session: nothing else is opened by it', async () => {
  const browser = new Browser();
  const start = await browser.follow(`${town.issuer}/claim/start/${TARGET}`, 'http://never');
  const login = await press(town, browser, start, { choice: 'continue' });
  await browser.follow(login.url.split('?')[0]!, town.hub.url, {
    form: { username: 'anna', password: PASSWORD, form_token: field(login.body, 'form_token') ?? '' },
  });
  expect(
    await town.sql(
      "select 1 from oidc_records where kind = 'Session' and payload ->> 'accountId' = 'shop:3'",
    ),
  ).toEqual([]);
});

test('a link for one person in the browser of another is refused, whoever is logged in there', async () => {
  const browser = new Browser();
  await typePassword(town, browser, 'otto');
  const { sub } = await newcomer();
  const refused = await browser.follow(await town.issue(sub), 'http://never');
  expect(refused.status, text(refused)).toBe(403);
});

test('links that expired, were taken back, or never were, each say what to do', async () => {
  const { sub, email } = await newcomer();
  const expired = await town.issue(sub);
  await town.sql("update claim_tokens set expires_at = now() - interval '1 minute' where sub = $1", [sub]);
  const browser = new Browser();
  const page = await browser.follow(expired, 'http://never');
  expect(page.status).toBe(410);
  await press(town, browser, page, { choice: 'new-link' });
  const { text: letter = '' } = await town.mailbox.letterTo(email);
  expect(letter).toMatch(/\/claim\/fbcp1\./);
  const revoked = await town.issue((await newcomer()).sub);
  await town.sql("update claim_tokens set state = 'revoked' where state = 'open' and sub = $1", [
    `shop:${newest}`,
  ]);
  expect((await new Browser().follow(revoked, 'http://never')).status).toBe(410);
  const made = `${town.issuer}/claim/fbcp1.${'A'.repeat(43)}`;
  const unknown = await new Browser().follow(made, 'http://never');
  expect(unknown.status).toBe(404);
  // Even there is a way on.
  expect(unknown.body).toContain(`href="/claim/start/${TARGET}"`);
  for (const nonsense of ['x', 'fbcp1.', '%00', 'fbcp1.%2e%2e', 'a'.repeat(5_000)])
    expect((await new Browser().visit(`${town.issuer}/claim/${nonsense}`)).status).toBeLessThan(500);
});

test('an account at the hub that is another person’s is not linked twice', async () => {
  const [one, two] = [await newcomer(), await newcomer()];
  const browser = new Browser();
  const confirm = await openAndCome(town, browser, await town.issue(one.sub), { signUp: true });
  await press(town, browser, confirm, { choice: 'link' });
  const conflict = await openAndCome(town, new Browser(), await town.issue(two.sub), { email: one.email });
  expect(conflict.status, text(conflict)).toBe(409);
  expect(await town.ledger(two.sub)).toBeUndefined();
  // And on with another one, from that very page.
  const other = new Browser();
  const page = await openAndCome(town, other, await town.issue(two.sub), { email: one.email });
  town.hub.addPerson({ email: `mine-${two.email}`, name: 'Mine' });
  const right = await goAndCome(
    town,
    other,
    page,
    { other: { email: `mine-${two.email}` }, email: `mine-${two.email}` },
    { choice: 'other-account' },
  );
  expect(right.status, text(right)).toBe(200);
});

test('the hub’s outage is told as one, and the link stays good', async () => {
  const { sub } = await newcomer();
  const link = await town.issue(sub);
  const browser = new Browser();
  const first = await browser.follow(link, 'http://never');
  town.hub.fail({ kind: 'http', status: 503, only: /^POST \/oauth\/access_token$/ });
  const down = await goAndCome(town, browser, first, { signUp: true });
  town.hub.recover();
  expect(down.status, text(down)).toBe(503);
  const confirm = await openAndCome(town, new Browser(), link, {
    signUp: true,
    email: `later-${newest}@new.example`,
  });
  expect(confirm.status, text(confirm)).toBe(200);
});

test('no token is in a log, in our database, in a Referer, or in an address that the hub has seen', async () => {
  const { db, directory, claimTokens, issuer, audit } = town.desk;
  const { sub } = await newcomer();
  const { link } = await issueLink(
    { db, directory, claimTokens, issuer, pseudonym: audit.pseudonym },
    { target: TARGET, sub },
    { origin: 'operator', actor: 'operator:test' },
  );
  const browser = new Browser();
  const confirm = await openAndCome(town, browser, link.reveal(), { signUp: true });
  await press(town, browser, confirm, { choice: 'link' });
  const secret = link.reveal().split('.').at(-1)!;
  expect(town.server.output()).not.toContain(secret);
  expect(JSON.stringify(town.hub.heard)).not.toContain(secret);
  const tables = await town.sql(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  for (const { name } of tables) {
    const found = await town.sql(`select count(*)::int as rows from "${name}" t where t::text like $1`, [
      `%${secret}%`,
    ]);
    expect(found, String(name)).toEqual([{ rows: 0 }]);
  }
});
