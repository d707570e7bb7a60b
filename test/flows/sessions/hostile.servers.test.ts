/** A thief and other people who mean harm, in a town of real parts: with cookies that were copied, ended or made up. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requiresApache } from '../../servers/apache.ts';
import { requiresDjango } from '../../servers/django.ts';
import { requiresPhp } from '../../servers/php.ts';
import { Browser, field } from '../../support/browser.ts';
import { until } from '../server.ts';
import type { Everywhere, Town } from './town.ts';
import { openTown } from './town.ts';

const needed = [requiresDjango(), requiresPhp(), requiresApache()];
const skip = needed.some((one) => one.skip);
const NAME = skip ? needed.map(({ name }) => name).join(', ') : 'a town with a thief in it';

describe.skipIf(skip)(NAME, () => {
  let town: Town;
  beforeAll(async () => {
    town = await openTown({ people: 8 });
  }, 180_000);
  afterAll(() => town?.close());

  /** Has the cookies of one name, as they are or changed, and nothing else. */
  function thiefOf(
    { browser }: Pick<Everywhere, 'browser'>,
    name: string,
    change = (value: string) => value,
  ) {
    const thief = browser.copy();
    thief.cookies = thief.cookies
      .filter((cookie) => cookie.name === name)
      .map((cookie) => ({ ...cookie, value: change(cookie.value) }));
    expect(thief.cookies).toHaveLength(1);
    return thief;
  }
  const isLetIn = async (browser: Browser) =>
    new URL((await browser.visit(town.silently())).location ?? 'x:').searchParams.has('code');
  const logOutHere = async (browser: Browser) => {
    const page = await browser.visit(`${town.bridge.issuer}/session/end`);
    const form = { xsrf: field(page.body, 'xsrf')!, logout: 'yes' };
    await browser.visit(`${town.bridge.issuer}/session/end/confirm`, { form });
  };

  test.each([
    ['the shop', 'sessionid'],
    ['the forum', 'PHPSESSID'],
  ])('a cookie copied from %s lets nobody stay when its owner logs out here', async (_where, name) => {
    const owner = await town.everywhere(town.somebody());
    const thief = thiefOf(owner, name);
    expect(await isLetIn(thief)).toBe(true);
    expect(await town.isKnownHere(thief)).toBe(true);
    const late = thiefOf(owner, name);
    await logOutHere(owner.browser);
    expect(await town.isKnownHere(thief)).toBe(false);
    // Whether or not the app has been told already.
    const tries = Array.from({ length: 20 }, () => isLetIn(late.copy()));
    expect(await Promise.all(tries)).not.toContain(true);
  });

  test('a thief who came first is out when the owner logs out at the forum', async () => {
    const person = town.somebody();
    const owner = new Browser();
    const { username, password } = person;
    await town.post(town.forum.origin, '/login', { username, password }, owner);
    const thief = thiefOf({ browser: owner }, 'PHPSESSID');
    expect(await isLetIn(thief)).toBe(true);
    expect(await isLetIn(owner)).toBe(true);
    await town.post(town.forum.origin, '/logout', {}, owner);
    await until(async () => !(await town.isKnownHere(owner)) && !(await town.isKnownHere(thief)));
  });

  test('whoever comes by at the very moment of the logout does not stay', async () => {
    const person = town.somebody();
    const owner = await town.enter(person);
    const thieves = Array.from({ length: 30 }, () => thiefOf({ browser: owner }, 'sessionid'));
    const page = await owner.visit(`${town.bridge.issuer}/session/end`);
    const form = { xsrf: field(page.body, 'xsrf')!, logout: 'yes' };
    const [late, soon] = [thieves.slice(0, 15), thieves.slice(15)];
    await Promise.all([
      ...soon.map(isLetIn),
      owner.visit(`${town.bridge.issuer}/session/end/confirm`, { form }),
      ...late.map(isLetIn),
    ]);
    const here = async () =>
      town.sql(
        `select encode(uid, 'hex') as uid from oidc_records where kind = 'Session' and payload ->> 'accountId' = $1`,
        [town.subOf(person)],
      );
    await until(async () => (await here()).length === 0);
  });

  test('cookies that only look like a session let nobody in, and end nothing', async () => {
    const owner = await town.everywhere(town.somebody());
    const changes: ((value: string) => string)[] = [
      (value) => value.toUpperCase(),
      (value) => `"${value}"`,
      (value) => `${value}%20`,
      (value) => `${value}%00`,
      (value) => `../${value}`,
      (value) => value.slice(0, -1),
      () => '%',
      () => '*',
      () => 'x'.repeat(4_000),
      () => `' or '1'='1`,
    ];
    for (const name of ['sessionid', 'PHPSESSID'])
      for (const change of changes) {
        const thief = thiefOf(owner, name, change);
        expect(await isLetIn(thief), `${name} ${thief.cookies[0]?.value}`).toBe(false);
      }
    expect((await town.state(owner)).length).toBe(5);
  });
});
