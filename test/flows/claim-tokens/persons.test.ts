/** People who link their own accounts at a hub: the guide's own sequence, and everything that can go otherwise. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { throughHub } from '../../support/hub/index.ts';
import type { Town } from './town.ts';
import { Browser, goAndCome, openAndCome, openTown, press, until } from './town.ts';

let town: Town;
beforeAll(async () => {
  town = await openTown();
});
afterAll(() => town?.close());

const text = ({ body }: { readonly body: string }) => body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

test('somebody opens their link, signs up at the hub with what is filled in, confirms both sides, and is linked', async () => {
  const browser = new Browser();
  const link = await town.issue('shop:1');
  const confirm = await openAndCome(town, browser, link, { signUp: true });
  expect(confirm.status, text(confirm)).toBe(200);
  expect(text(confirm)).toContain('erika@print.example');
  expect(await town.ledger('shop:1')).toBeUndefined();
  const done = await press(town, browser, confirm, { choice: 'link' });
  expect(done.status, text(done)).toBe(200);
  const person = town.hub.directory.personByEmail('erika@print.example');
  expect(await town.ledger('shop:1')).toEqual({ state: 'migrated', there: person?.id });
  await until(async () => {
    const [row] = await town.legacySql('select hub_person_id from users where id = 1');
    return row?.hub_person_id === person?.id;
  });
  const { subject } = await town.mailbox.letterTo('erika@print.example');
  expect(subject).toContain('The Hub');
});

test('the link works once: whoever opens it again is told so', async () => {
  const browser = new Browser();
  const link = await town.issue('shop:2');
  const confirm = await openAndCome(town, browser, link, {
    signUp: true,
    email: 'otto.private@home.example',
  });
  expect(text(confirm)).toContain('otto.private@home.example');
  await press(town, browser, confirm, { choice: 'link' });
  expect((await town.ledger('shop:2'))?.state).toBe('migrated');
  const again = await new Browser().follow(link, 'http://never');
  expect(again.status).toBe(410);
});

test('who cancels at the hub has changed nothing, and can try again at once', async () => {
  const browser = new Browser();
  const link = await town.issue('shop:3');
  const first = await browser.follow(link, 'http://never');
  const cancelled = await goAndCome(town, browser, first, { signUp: true, deny: true });
  expect(cancelled.status, text(cancelled)).toBe(200);
  expect(await town.ledger('shop:3')).toBeUndefined();
  const confirm = await goAndCome(town, browser, cancelled, {}, { choice: 'retry' });
  expect(text(confirm)).toContain('anna@paper.example');
});

test('an answer in a browser that did not ask makes no link', async () => {
  const browser = new Browser();
  const first = await browser.follow(await town.issue('shop:4'), 'http://never');
  const out = await browser.follow(`${town.issuer}/claim`, town.hub.url, {
    form: { form_token: /name="form_token" value="([^"]+)"/.exec(first.body)?.[1] ?? '', choice: 'continue' },
  });
  const back = await throughHub(browser.copy(), out.location!, { signUp: true });
  const stranger = await new Browser().follow(back.location!, 'http://never');
  expect(stranger.status).toBe(400);
  expect(await town.ledger('shop:4')).toBeUndefined();
});
