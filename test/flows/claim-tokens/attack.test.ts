/** What somebody with another tab, an old cookie, a mailbox, a name too long or a hub of their own tries with claim tokens. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goBack, wayBack } from '../../../src/migration/moving/back.ts';
import { bounded } from '../../../src/provider/claiming/claim-cookie.ts';
import type { AtHub } from '../../support/hub/index.ts';
import { throughHub } from '../../support/hub/index.ts';
import type { Town } from './town.ts';
import {
  APP_CALLBACK,
  Browser,
  field,
  goAndCome,
  loginUrl,
  openAndCome,
  openTown,
  PASSWORD,
  press,
  pressTo,
  TARGET,
  typePassword,
} from './town.ts';

const text = ({ body }: { readonly body: string }) => body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

let newest = 300;
/** Somebody who is made for one test; with a password, and the owner of so many organizations. */
async function newcomer(town: Town, { organizations = 0 } = {}) {
  newest += 1;
  const id = newest;
  await town.legacySql(
    `insert into users (id, login, email, email_ok, first, last, pw)
     select $1, $2, $3, true, 'Nova', $4, pw from users where id = 1`,
    [id, `p${id}`, `p${id}@new.example`, `Neu ${id}`],
  );
  for (let n = 0; n < organizations; n += 1) {
    await town.legacySql('insert into accounts values ($1, $2, $3)', [
      id * 1_000 + n,
      `Firm ${id}-${n}.`,
      'DE',
    ]);
    await town.legacySql('insert into memberships values ($1, $2, $3)', [id * 1_000 + n, id, 'owner']);
  }
  return { id, sub: `shop:${id}`, login: `p${id}`, email: `p${id}@new.example` };
}

async function unlink(town: Town, sub: string) {
  const { db, directory, targets, audit } = town.desk;
  const deps = { db, directory, targets, pseudonym: audit.pseudonym };
  const how = { event: 'revert', actor: 'operator:test' } as const;
  await goBack(deps, await wayBack(deps, { target: TARGET, sub }), how);
}

const claim = (town: Town, browser: Browser, form: Record<string, string>) =>
  browser.follow(`${town.issuer}/claim`, town.hub.url, { form });
const formToken = (page: { readonly body: string }) => field(page.body, 'form_token') ?? '';

async function linked(town: Town, sub: string, browser = new Browser(), at: AtHub = { signUp: true }) {
  const confirm = await openAndCome(town, browser, await town.issue(sub), at);
  return press(town, browser, confirm, { choice: 'link' });
}

async function signInWithHub(town: Town, browser: Browser, at: AtHub) {
  const page = await browser.follow(loginUrl(town), APP_CALLBACK);
  const href = /href="(\/login\/[^"]+\/with\/hub)"/.exec(page.body)?.[1];
  const out = await browser.visit(`${town.issuer}${href}`);
  const back = await throughHub(browser, out.location!, at);
  return browser.follow(back.location!, APP_CALLBACK);
}

describe('with links', () => {
  let town: Town;
  beforeAll(async () => {
    town = await openTown();
  });
  afterAll(() => town?.close());

  test('the button of a page that showed one account does not link another that a second tab came back with', async () => {
    const { sub, email } = await newcomer(town);
    const browser = new Browser();
    const shown = await openAndCome(town, browser, await town.issue(sub), { signUp: true });
    town.hub.addPerson({ email: `evil-${email}`, name: 'Evil' });
    const second = await goAndCome(
      town,
      browser,
      shown,
      { other: { email: `evil-${email}` }, email: `evil-${email}` },
      { choice: 'other' },
    );
    expect(text(second)).toContain(`evil-${email}`);
    const pressed = await press(town, browser, shown, { choice: 'link' });
    expect(pressed.status, text(pressed)).toBe(403);
    expect(await town.ledger(sub)).toBeUndefined();
    const right = await press(town, browser, second, { choice: 'link' });
    expect(right.status, text(right)).toBe(200);
  });

  test('two links in two tabs: the older page’s button does nothing', async () => {
    const [one, two] = [await newcomer(town), await newcomer(town)];
    const browser = new Browser();
    const shown = await openAndCome(town, browser, await town.issue(one.sub), { signUp: true });
    await browser.follow(await town.issue(two.sub), 'http://never');
    expect((await press(town, browser, shown, { choice: 'link' })).status).toBe(403);
    expect([await town.ledger(one.sub), await town.ledger(two.sub)]).toEqual([undefined, undefined]);
  });

  test('no choice of the first page leads past the second factor, nor says whose link it is', async () => {
    for (const choice of ['other', 'other-account', 'continue', 'retry', 'link']) {
      const browser = new Browser();
      const first = await browser.follow(await town.issue('shop:5'), 'http://never');
      const next = await claim(town, browser, { form_token: formToken(first), choice });
      expect(next.location ?? '', choice).not.toContain('/oauth/authorize');
      expect(next.body, choice).not.toContain('factor@paper.example');
    }
  });

  test('whoever comes after the logout finds nothing to go on with, and does not read whose link it was', async () => {
    const { sub, login, email } = await newcomer(town, { organizations: 1 });
    const browser = new Browser();
    await typePassword(town, browser, login);
    const done = await linked(town, sub, browser);
    expect(text(done)).toContain(email);
    await town.sql("delete from oidc_records where kind = 'Session'");
    const stale = browser.copy();
    const again = await stale.follow(`${town.issuer}/claim`, 'http://never');
    expect(again.status).toBe(400);
    expect(text(again)).not.toContain(email);
    const organization = String(newest * 1_000);
    await claim(town, browser, { form_token: formToken(done), organization });
    const tokens = await town.sql("select 1 from claim_tokens where sub = $1 and purpose = 'organization'", [
      sub,
    ]);
    expect(tokens).toEqual([]);
  });

  test('somebody else who logs in at the same computer does not go on for whoever was there before', async () => {
    const [one, two] = [await newcomer(town, { organizations: 1 }), await newcomer(town)];
    const browser = new Browser();
    const done = await linked(town, one.sub, browser);
    await typePassword(town, browser, two.login);
    const again = await browser.follow(`${town.issuer}/claim`, 'http://never');
    expect(text(again)).not.toContain(one.email);
    await claim(town, browser, { form_token: formToken(done), organization: String(one.id * 1_000) });
    const tokens = await town.sql("select 1 from claim_tokens where sub = $1 and purpose = 'organization'", [
      one.sub,
    ]);
    expect(tokens).toEqual([]);
  });

  test('after they were unlinked, the page that was left open says nothing more and leads nowhere', async () => {
    const { id, sub, email } = await newcomer(town, { organizations: 1 });
    const browser = new Browser();
    const done = await linked(town, sub, browser);
    await unlink(town, sub);
    const copy = browser.copy();
    const again = await browser.follow(`${town.issuer}/claim`, 'http://never');
    expect(again.status, text(again)).toBe(400);
    expect(text(again)).not.toContain(email);
    const chained = await claim(town, copy, {
      form_token: formToken(done),
      organization: String(id * 1_000),
    });
    expect(chained.status).toBe(400);
  });

  test('names of any length and script are linked, with their organization, and are shown as text', async () => {
    const { id, sub, email } = await newcomer(town, { organizations: 1 });
    const name = '𠮷'.repeat(400);
    town.hub.addPerson({
      email: `long-${email}`,
      firstName: `"\\${name}`,
      name: `<script>alert(1)</script>${name}`,
    });
    const browser = new Browser();
    const confirm = await openAndCome(town, browser, await town.issue(sub), { email: `long-${email}` });
    expect(confirm.status, text(confirm)).toBe(200);
    expect(confirm.body).not.toContain('<script>alert');
    const done = await press(town, browser, confirm, { choice: 'link' });
    expect(done.status, text(done)).toBe(200);
    await town.legacySql('update accounts set name = $2 where id = $1', [id * 1_000, '株'.repeat(180)]);
    const next = await goAndCome(town, browser, done, {}, { organization: String(id * 1_000) });
    expect(next.status, text(next)).toBe(200);
    expect((await press(town, browser, next, { choice: 'link' })).status).toBe(200);
  });

  test('whoever owns more organizations than one page shows comes to the last of them', async () => {
    const { id, sub } = await newcomer(town, { organizations: 23 });
    for (let n = 0; n < 20; n += 1)
      await town.sql(
        `insert into organization_links (target, organization, target_organization_id, state, name, owner_sub, due_at)
         values ($1, $2, $3, 'linked', 'x', $4, now() + interval '1 day')`,
        [TARGET, `shop:${id * 1_000 + n}`, `there-${id}-${n}`, sub],
      );
    const done = await linked(town, sub);
    for (const n of [20, 21, 22]) expect(text(done)).toContain(`Firm ${id}-${n}.`);
  });

  test('whoever has stopped being the owner since their link was issued does not link the organization', async () => {
    const { id, sub } = await newcomer(town, { organizations: 1 });
    const browser = new Browser();
    const done = await linked(town, sub, browser);
    const confirm = await goAndCome(town, browser, done, {}, { organization: String(id * 1_000) });
    expect(confirm.status).toBe(200);
    await town.legacySql("update memberships set role = 'staff' where user_id = $1", [id]);
    const refused = await press(town, browser, confirm, { choice: 'link' });
    expect(refused.status, text(refused)).toBe(403);
    expect(await town.sql('select 1 from organization_links where owner_sub = $1', [sub])).toEqual([]);
  });

  test('a page that stood open longer than a hold is confirmed, unless somebody else has come or it was let go', async () => {
    const [late, taken, left] = [await newcomer(town), await newcomer(town), await newcomer(town)];
    const age = (sub: string) =>
      town.sql("update claim_tokens set held_until = now() - interval '1 minute' where sub = $1", [sub]);
    const browsers = [new Browser(), new Browser(), new Browser()] as const;
    const links = [
      await town.issue(late.sub),
      await town.issue(taken.sub),
      await town.issue(left.sub),
    ] as const;
    const pages: { readonly body: string }[] = [];
    for (const n of [0, 1, 2] as const)
      pages.push(await openAndCome(town, browsers[n], links[n], { signUp: true }));
    for (const { sub } of [late, taken]) await age(sub);
    const done = await press(town, browsers[0], pages[0]!, { choice: 'link' });
    expect(done.status, text(done)).toBe(200);
    town.hub.addPerson({ email: `x-${taken.email}`, name: 'X' });
    await openAndCome(town, new Browser(), links[1], { email: `x-${taken.email}` });
    expect((await press(town, browsers[1], pages[1]!, { choice: 'link' })).status).toBe(409);
    expect(await town.ledger(taken.sub)).toBeUndefined();
    // An old cookie, as it was before they cancelled.
    const before = browsers[2].copy();
    await press(town, browsers[2], pages[2]!, { choice: 'cancel' });
    expect((await press(town, before, pages[2]!, { choice: 'link' })).status).toBe(409);
    expect(await town.ledger(left.sub)).toBeUndefined();
  });

  test('what only asks whether there is a page changes nothing, and has opened nothing', async () => {
    const { sub } = await newcomer(town);
    const browser = new Browser();
    const link = await town.issue(sub);
    await browser.visit(link, { method: 'HEAD' });
    await browser.visit(`${town.issuer}/claim`, { method: 'HEAD' });
    await new Browser().visit(link);
    const [token] = await town.sql(
      'select opened_at, started_at, held_by, state from claim_tokens where sub = $1',
      [sub],
    );
    expect(token).toEqual({ opened_at: null, started_at: null, held_by: null, state: 'open' });
    await browser.visit(`${town.issuer}/claim`);
    const [opened] = await town.sql('select opened_at from claim_tokens where sub = $1', [sub]);
    expect(opened?.opened_at).not.toBeNull();
  });

  test('nobody is told that a letter is on its way which is never sent', async () => {
    const { id, sub } = await newcomer(town, { organizations: 1 });
    await linked(town, sub);
    const link = await town.issue(sub, String(id * 1_000));
    await town.sql("update claim_tokens set expires_at = now() - interval '1 minute' where sub = $1", [sub]);
    const page = await new Browser().follow(link, 'http://never');
    expect(page.status).toBe(410);
    expect(page.body).not.toContain('new-link');
  });

  test('an answer for another target, or without a state in a browser that has begun nothing, is nothing', async () => {
    const { sub } = await newcomer(town);
    const browser = new Browser();
    const first = await browser.follow(await town.issue(sub), 'http://never');
    const out = await claim(town, browser, { form_token: formToken(first), choice: 'continue' });
    const back = await throughHub(browser.copy(), out.location!, { signUp: true });
    const other = back.location!.replace(`/callback/${TARGET}`, '/callback/elsewhere');
    expect((await browser.copy().visit(other)).status).toBe(400);
    const error = `${town.issuer}/claim/callback/${TARGET}?error=access_denied`;
    expect((await new Browser().visit(error)).status).toBe(400);
    expect((await browser.copy().visit(`${error}&state=`)).status).toBe(400);
    expect((await browser.copy().visit(`${error}&code=x`)).status).toBe(400);
    expect((await browser.visit(back.location!)).status).toBe(303);
    expect((await browser.visit(back.location!)).status).toBe(400);
  });

  test('the legacy store’s outage at the last step is told as one, and the same button works afterwards', async () => {
    const { sub } = await newcomer(town);
    const browser = new Browser();
    const confirm = await openAndCome(town, browser, await town.issue(sub), { signUp: true });
    await town.legacySql('alter table users rename to users_away');
    const down = await press(town, browser.copy(), confirm, { choice: 'link' });
    await town.legacySql('alter table users_away rename to users');
    expect(down.status, text(down)).toBe(503);
    expect(await town.ledger(sub)).toBeUndefined();
    const retried = async () => (await press(town, browser, confirm, { choice: 'link' })).status === 200;
    await expect.poll(retried, { timeout: 20_000, interval: 500 }).toBe(true);
  });

  test('following addresses alone leads nobody who is logged in to the target', async () => {
    const { sub, login } = await newcomer(town);
    const browser = new Browser();
    await typePassword(town, browser, login);
    await browser.visit(`${town.issuer}/claim/start/${TARGET}`);
    const sent = await browser.follow(`${town.issuer}/claim/return`, town.hub.url);
    expect(sent.location).toBeUndefined();
    expect(await town.sql('select 1 from claim_tokens where sub = $1', [sub])).toEqual([]);
  });

  test('two organizations here and one there, confirmed at once: one is linked', async () => {
    const { id, sub, email } = await newcomer(town, { organizations: 2 });
    const browser = new Browser();
    const done = await linked(town, sub, browser);
    const there = town.hub.addOrganization({
      name: 'One',
      owner: town.hub.directory.personByEmail(email)!.id,
    });
    const browsers = [browser.copy(), browser.copy()];
    const pages: { readonly body: string }[] = [];
    for (const [n, one] of browsers.entries()) {
      const choice = { organization: String(id * 1_000 + n) };
      pages.push(await goAndCome(town, one, done, { email, organization: there.id }, choice));
    }
    const answers = await Promise.all(
      browsers.map((one, n) => press(town, one, pages[n]!, { choice: 'link' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await town.sql('select 1 from organization_links where owner_sub = $1', [sub])).toHaveLength(1);
  });

  test('an account at the hub that was unlinked here is nobody’s, and another person links it', async () => {
    const [one, two] = [await newcomer(town), await newcomer(town)];
    await linked(town, one.sub);
    await unlink(town, one.sub);
    const done = await linked(town, two.sub, new Browser(), { email: one.email });
    expect(done.status, text(done)).toBe(200);
    expect((await town.ledger(two.sub))?.state).toBe('migrated');
    expect((await town.ledger(one.sub))?.state).toBe('legacy');
  });

  test('whoever asks for a new link after that one has expired too gets it', async () => {
    const { sub, email } = await newcomer(town);
    const link = await town.issue(sub);
    for (const seen of [0, 1]) {
      await town.sql("update claim_tokens set expires_at = now() - interval '1 second' where sub = $1", [
        sub,
      ]);
      await town.sql("update claim_notices set ended_at = ended_at - interval '2 hours' where sub = $1", [
        sub,
      ]);
      const browser = new Browser();
      const page = await browser.follow(link, 'http://never');
      const sent = await press(town, browser, page, { choice: 'new-link' });
      expect(sent.status).toBe(200);
      const { text: letter = '' } = await town.mailbox.letterTo(email, seen);
      expect(letter).toMatch(/\/claim\/fbcp1\./);
    }
  });

  test('a browser that goes in circles does not fill the table', async () => {
    const { sub, login } = await newcomer(town);
    const browser = new Browser();
    await typePassword(town, browser, login);
    await town.sql(
      `insert into claim_tokens (digest, target, purpose, sub, origin, state, expires_at)
       select sha256(($1 || n)::bytea), $2, 'person', $1, 'login', 'revoked', now() from generate_series(1, 300) n`,
      [sub, TARGET],
    );
    const start = await browser.follow(`${town.issuer}/claim/start/${TARGET}`, 'http://never');
    const refused = await press(town, browser, start, { choice: 'continue' });
    expect(refused.status, text(refused)).toBe(429);
  });

  test('no log and no metric says who somebody is, or what a browser brought back', async () => {
    const { sub, email } = await newcomer(town);
    const browser = new Browser();
    const first = await browser.follow(await town.issue(sub), 'http://never');
    const out = await claim(town, browser, { form_token: formToken(first), choice: 'continue' });
    const back = await throughHub(browser, out.location!, { signUp: true });
    await browser.follow(back.location!, 'http://never');
    // And once more, which the hub refuses: what is written of a failure.
    await browser.follow(back.location!, 'http://never');
    const metrics = await new Browser().visit(`${town.server.inside}/metrics`);
    const said = `${town.server.output()}${metrics.body}`;
    const { searchParams } = new URL(back.location!);
    for (const secret of [searchParams.get('code')!, searchParams.get('state')!, email, sub])
      expect(said.includes(secret), secret === sub ? 'the subject' : 'a secret or an address').toBe(false);
  });

  test('a link for an organization leads nobody but its owner at the hub to the end', async () => {
    const { id, sub, email } = await newcomer(town, { organizations: 1 });
    await linked(town, sub);
    const link = await town.issue(sub, String(id * 1_000));
    const evil = town.hub.addPerson({ email: `thief-${email}`, name: 'Thief' });
    const foreign = town.hub.addOrganization({ name: 'Thief & Sons', owner: evil.id });
    // Whom somebody has in their own organization there is theirs to say.
    town.hub.addMember(foreign.id, town.hub.directory.personByEmail(email)!.id, ['admin']);
    // The hub does not say who acted for an organization: so its owner has to show that they are there.
    const browser = new Browser();
    const first = await browser.follow(link, 'http://never');
    const login = await pressTo(town, browser, first, {
      fields: { choice: 'continue' },
      stopAt: town.hub.url,
    });
    expect(login.location).toBeUndefined();
    expect(login.url).toContain('/login/');
    expect(
      await town.sql('select * from organization_links where organization = $1', [`shop:${id * 1_000}`]),
    ).toEqual([]);
  });

  test('webhooks that are forged, another’s, too big or nested too deep are refused, and one that comes again is one', async () => {
    const send = (body: string, signature: string, target = TARGET) =>
      new Browser().visit(`${town.issuer}/webhooks/${target}`, {
        body,
        headers: { 'x-loom-signature': signature, 'content-type': 'application/json' },
      });
    const sign = (body: string, secret = town.hub.app.sharedSecret) =>
      createHmac('sha256', secret).update(body).digest('hex');
    const event = JSON.stringify({
      id: 'attack-1',
      name: 'zaikio.member_left',
      subject: 'Org/7f0e7dd0-0000-4000-8000-000000000000',
      timestamp: new Date().toISOString(),
    });
    expect((await send(event, sign(event, 'of another'))).status).toBe(401);
    expect((await send(event, '')).status).toBe(401);
    expect((await send(event, sign(event), 'elsewhere')).status).toBe(404);
    const deep = '['.repeat(50_000);
    expect((await send(deep, sign(deep))).status).toBe(400);
    expect((await send('x'.repeat(2_000_000), sign('x'))).status).toBe(413);
    for (const _ of [1, 2, 3]) expect((await send(event, sign(event))).status).toBe(200);
    expect(await town.sql("select count(*)::int as rows from target_events where id = 'attack-1'")).toEqual([
      { rows: 1 },
    ]);
  });
});

describe('with accounts made for strangers', () => {
  let town: Town;
  beforeAll(async () => {
    town = await openTown({
      change: (settings) => {
        settings.claimTokens[0].unknown = 'create';
      },
    });
  });
  afterAll(() => town?.close());
  const people = (email: string) =>
    town.legacySql('select id from users where lower(email) = lower($1)', [email]);

  test('twenty sign-ins of one stranger at once make one account, and all are let in', async () => {
    await town.legacySql('alter table users drop constraint users_email_key');
    await town.legacySql('alter table users drop constraint users_login_key');
    town.hub.addPerson({ email: 'twenty@else.example', name: 'Twenty' });
    const browsers = Array.from({ length: 20 }, () => new Browser());
    const pages = await Promise.all(browsers.map((browser) => browser.follow(loginUrl(town), APP_CALLBACK)));
    const answers = await Promise.all(
      browsers.map(async (browser, n) => {
        const href = /href="(\/login\/[^"]+\/with\/hub)"/.exec(pages[n]!.body)?.[1];
        const out = await browser.visit(`${town.issuer}${href}`);
        const back = await throughHub(browser, out.location!, { email: 'twenty@else.example' });
        return browser.follow(back.location!, APP_CALLBACK);
      }),
    );
    expect(await people('twenty@else.example')).toHaveLength(1);
    for (const answer of answers) expect(answer.location ?? text(answer)).toContain(`${APP_CALLBACK}?code=`);
  });

  test('an address in other letters than somebody here has is theirs all the same', async () => {
    town.hub.addPerson({ email: 'ERIKA@Print.example', name: 'Not Erika' });
    const refused = await signInWithHub(town, new Browser(), { email: 'ERIKA@Print.example' });
    expect(refused.location, text(refused)).toBeUndefined();
    expect(await people('erika@print.example')).toHaveLength(1);
  });

  test('a stranger whose account was made just before an outage of ours gets it at the next sign-in', async () => {
    town.hub.addPerson({ email: 'outage@else.example', name: 'Outage' });
    await town.sql('alter table claim_tokens rename to claim_tokens_away');
    const down = await signInWithHub(town, new Browser(), { email: 'outage@else.example' });
    await town.sql('alter table claim_tokens_away rename to claim_tokens');
    expect(down.status).toBeGreaterThanOrEqual(500);
    const again = await signInWithHub(town, new Browser(), { email: 'outage@else.example' });
    expect(again.location, text(again)).toContain(`${APP_CALLBACK}?code=`);
  });

  test('an address that nobody has verified makes nobody', async () => {
    town.hub.addPerson({ email: 'unverified@else.example', name: 'U', emailConfirmed: false });
    const refused = await signInWithHub(town, new Browser(), { email: 'unverified@else.example' });
    expect(refused.status).toBe(403);
    expect(await people('unverified@else.example')).toEqual([]);
  });

  test('whoever is disabled, excluded or unlinked is not let in by the target, and gets no second account', async () => {
    const disabled = await newcomer(town);
    await linked(town, disabled.sub);
    await town.legacySql('delete from users where id = $1', [disabled.id]);
    const gone = await signInWithHub(town, new Browser(), { email: disabled.email });
    expect(gone.status, text(gone)).toBe(410);
    const unlinked = await newcomer(town);
    await linked(town, unlinked.sub, new Browser(), { signUp: true, email: `there-${unlinked.email}` });
    await unlink(town, unlinked.sub);
    const left = await signInWithHub(town, new Browser(), { email: `there-${unlinked.email}` });
    expect(left.location, text(left)).toBeUndefined();
  });
});

describe('when the old login ends at two targets', () => {
  let town: Town;
  beforeAll(async () => {
    town = await openTown({
      change: (settings) => {
        const [target] = settings.targets;
        const [claims] = settings.claimTokens;
        settings.targets.push({ ...target, name: 'second', displayName: 'The Second' });
        claims.enforcement = [{ name: 'soon', from: day(-2), graceDays: 14 }];
        const enforcement = [{ name: 'over', from: day(-30), graceDays: 14 }];
        settings.claimTokens.push({ target: 'second', signIn: false, enforcement });
      },
    });
  });
  afterAll(() => town?.close());

  test('"not now" at one of them does not lead past the end at the other', async () => {
    const browser = new Browser();
    const asked = await typePassword(town, browser, 'erika');
    const next = await browser.follow(asked.url, APP_CALLBACK, {
      form: { form_token: formToken(asked), step: field(asked.body, 'step') ?? '', choice: 'later' },
    });
    expect(next.location, text(next)).toBeUndefined();
    expect(asked.status).toBe(403);
  });

  test('logging in to link an account opens no app, with a link and without', async () => {
    const browser = new Browser();
    const start = await browser.follow(`${town.issuer}/claim/start/${TARGET}`, 'http://never');
    const login = await press(town, browser, start, { choice: 'continue' });
    const form = { username: 'erika', password: PASSWORD, form_token: formToken(login) };
    const out = await browser.follow(login.url.split('?')[0]!, town.hub.url, { form });
    expect(out.location).toContain('/oauth/authorize');
    expect((await browser.follow(loginUrl(town), APP_CALLBACK)).location).toBeUndefined();
  });

  test('a session that began before the end does not outlive it', async () => {
    await town.desk.db.run({
      name: 'attack_pause',
      text: `insert into claim_rules (target, rule, paused, reason, actor) values ('second', 'over', true, 'x', 'test'), ('hub', 'soon', true, 'x', 'test')`,
    });
    const browser = new Browser();
    const home = await typePassword(town, browser, 'otto');
    expect(home.location).toContain('code=');
    await town.sql('delete from claim_rules');
    const again = await browser.follow(loginUrl(town), APP_CALLBACK);
    expect(again.location, 'silent sign-in').toBeUndefined();
  });
});

test('an address that does not fit is left out, and not cut into somebody else’s', () => {
  const mine = `a@${'b.'.repeat(95)}victim.example`;
  const email = `${mine}${'.evil.example'.repeat(10)}`;
  const there = { targetUserId: 'x', emailVerified: true, amr: ['pwd', 'y'.repeat(5_000)], email };
  expect(bounded(there)).toEqual({ targetUserId: 'x', emailVerified: false, amr: ['pwd'] });
});
