/** Signing in here with an account at the hub, with and without a link; and the end of the old login. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AtHub } from '../../support/hub/index.ts';
import { throughHub } from '../../support/hub/index.ts';
import type { Settings, Town } from './town.ts';
import {
  APP_CALLBACK,
  Browser,
  field,
  loginUrl,
  openAndCome,
  openTown,
  PASSWORD,
  press,
  typePassword,
} from './town.ts';

const text = ({ body }: { readonly body: string }) => body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

/** The old app's login page, the button that leads to the hub, and back. */
async function signInWithHub(town: Town, browser: Browser, at: AtHub) {
  const page = await browser.follow(loginUrl(town), APP_CALLBACK);
  const href = /href="(\/login\/[^"]+\/with\/hub)"/.exec(page.body)?.[1];
  if (!href) throw new Error(`no button leads to the hub: ${text(page)}`);
  const out = await browser.visit(`${town.issuer}${href}`);
  const back = await throughHub(browser, out.location!, at);
  return browser.follow(back.location!, APP_CALLBACK);
}

async function townWith(change: (settings: Settings) => void): Promise<Town> {
  return openTown({ change });
}

describe('with links only', () => {
  let town: Town;
  beforeAll(async () => {
    town = await townWith(() => undefined);
  });
  afterAll(() => town?.close());

  test('whoever has linked their account signs in with the one at the hub', async () => {
    const browser = new Browser();
    const confirm = await openAndCome(town, browser, await town.issue('shop:1'), { signUp: true });
    await press(town, browser, confirm, { choice: 'link' });
    const signedIn = await signInWithHub(town, new Browser(), { email: 'erika@print.example' });
    expect(signedIn.location, text(signedIn)).toContain(`${APP_CALLBACK}?code=`);
  });

  test('whoever has not is offered to link theirs, and goes on to the app once both sides are proved', async () => {
    town.hub.addPerson({ email: 'o.private@home.example', name: 'Otto' });
    const browser = new Browser();
    const unknown = await signInWithHub(town, browser, { email: 'o.private@home.example' });
    expect(unknown.status, text(unknown)).toBe(403);
    const login = await press(town, browser, unknown, { choice: 'link' });
    const start = await press(town, browser, login, { choice: 'continue' });
    const form = { username: 'otto', password: PASSWORD, form_token: field(start.body, 'form_token') ?? '' };
    const confirm = await browser.follow(start.url.split('?')[0]!, APP_CALLBACK, { form });
    expect(text(confirm)).toContain('o.private@home.example');
    expect(text(confirm)).toContain('otto@print.example');
    const done = await press(town, browser, confirm, { choice: 'link' });
    const onward = /href="(\/login\/[^"]+\/with\/hub)"/.exec(done.body)?.[1];
    const home = await browser.follow(`${town.issuer}${onward}`, APP_CALLBACK);
    expect(home.location, text(home)).toContain(`${APP_CALLBACK}?code=`);
    expect((await town.ledger('shop:2'))?.state).toBe('migrated');
  });
});

describe('with accounts made for strangers', () => {
  let town: Town;
  beforeAll(async () => {
    town = await townWith((settings) => {
      settings.claimTokens[0].unknown = 'create';
    });
  });
  afterAll(() => town?.close());

  test('a stranger with a confirmed address gets an account and is let in', async () => {
    const { id } = town.hub.addPerson({ email: 'new@else.example', firstName: 'Nora', name: 'Neu' });
    const signedIn = await signInWithHub(town, new Browser(), { email: 'new@else.example' });
    expect(signedIn.location, text(signedIn)).toContain(`${APP_CALLBACK}?code=`);
    const [made] = await town.legacySql(
      "select id, first, hub_person_id as hub from users where email = 'new@else.example'",
    );
    expect(made).toMatchObject({ first: 'Nora', hub: id });
  });

  test('a stranger with the address of somebody who is here does not become them', async () => {
    town.hub.addPerson({ email: 'anna@paper.example', name: 'Not Anna' });
    const refused = await signInWithHub(town, new Browser(), { email: 'anna@paper.example' });
    expect(refused.status, text(refused)).toBe(403);
    expect(await town.ledger('shop:3')).toBeUndefined();
  });
});

describe('when the old login ends', () => {
  const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
  let town: Town;
  beforeAll(async () => {
    town = await townWith((settings) => {
      settings.claimTokens[0].enforcement = [
        { name: 'print', from: day(-30), graceDays: 14, who: { emailDomains: 'print.example' } },
        { name: 'paper', from: day(-2), graceDays: 14, who: { emailDomains: 'paper.example' } },
      ];
    });
  });
  afterAll(() => town?.close());

  test('in the days of grace a page asks, and the login goes on for whoever says not now', async () => {
    const browser = new Browser();
    const asked = await typePassword(town, browser, 'anna');
    expect(asked.status).toBe(200);
    const home = await browser.follow(asked.url, APP_CALLBACK, {
      form: {
        form_token: field(asked.body, 'form_token') ?? '',
        step: field(asked.body, 'step') ?? '',
        choice: 'later',
      },
    });
    expect(home.location, text(home)).toContain(`${APP_CALLBACK}?code=`);
  });

  test('after them a right password is refused, the link is mailed, and the button leads to it at once', async () => {
    const browser = new Browser();
    const refused = await typePassword(town, browser, 'erika');
    expect(refused.status, text(refused)).toBe(403);
    const { text: letter = '' } = await town.mailbox.letterTo('erika@print.example');
    expect(letter).toMatch(/\/claim\/fbcp1\./);
    const out = await browser.follow(refused.url, town.hub.url, {
      form: {
        form_token: field(refused.body, 'form_token') ?? '',
        step: field(refused.body, 'step') ?? '',
        choice: 'link',
      },
    });
    const back = await throughHub(browser, out.location!, { signUp: true });
    const confirm = await browser.follow(back.location!, 'http://never');
    await press(town, browser, confirm, { choice: 'link' });
    expect((await town.ledger('shop:1'))?.state).toBe('migrated');
    const again = await typePassword(town, new Browser(), 'erika');
    expect(text(again)).toContain('The Hub');
    expect(again.location).toBeUndefined();
  });

  test('a wrong password says nothing of it', async () => {
    const wrong = await typePassword(town, new Browser(), 'otto', 'wrong');
    expect(wrong.status).toBe(401);
    expect(text(wrong)).not.toContain('not now');
  });
});
