/** People who link their own accounts at ZITADEL, where Footbridge is an application and an identity provider. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goBack, wayBack } from '../../../src/migration/moving/back.ts';
import type { AtLogin } from '../../support/zitadel/at-login.ts';
import { pageOf, throughLogin } from '../../support/zitadel/at-login.ts';
import { typing } from '../../support/zitadel/at-provider.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { cli } from '../zitadel/command-line.ts';
import type { Settings, Town } from './town.ts';
import {
  APP_CALLBACK,
  Browser,
  loginUrl,
  openTown,
  PASSWORD,
  press,
  pressTo,
  TARGET,
  until,
} from './town.ts';

const AT_ZITADEL = 'A-password-of-ZITADEL-1';
const OURS = { clientId: 'zitadel', secret: 'secret-of-zitadel-0123456789' };
const AUTOMATIC = { isLinkingAllowed: true, isCreationAllowed: true, isAutoCreation: true };
const PRIVATE = { loginName: 'e.private', password: AT_ZITADEL };
const SECOND = { loginName: 'second', password: AT_ZITADEL };
const text = ({ body }: { readonly body: string }) => body.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

let zitadel: Zitadel;
let town: Town;
let idpId: string;
let app: { readonly appId: string; readonly clientId: string; readonly clientSecret: string };
beforeAll(async () => {
  zitadel = await openZitadel();
  const { id: project } = await call('POST', '/management/v1/projects', { name: 'shop' });
  const apps = `/management/v1/projects/${project}/apps`;
  // Others of the project are in the audience of our tokens too.
  await call('POST', `${apps}/oidc`, { name: 'shop', redirectUris: ['https://shop.example/callback'] });
  app = await call('POST', `${apps}/oidc`, { name: 'Footbridge' });
  ({ id: idpId } = await call('POST', '/admin/v1/idps/generic_oidc', provider('http://127.0.0.1:9')));
  await call('POST', '/admin/v1/policies/login/idps', { idpId });
  town = await openTown({ change: settingsOf });
  // Now it is known where Footbridge is.
  await call('PUT', `/admin/v1/idps/generic_oidc/${idpId}`, provider(town.issuer));
  const redirectUris = [`${town.issuer}/claim/callback/${TARGET}`];
  await call('PUT', `${apps}/${app.appId}/oidc_config`, { redirectUris });
  for (const { loginName } of [PRIVATE, SECOND])
    await call('POST', '/v2/users/human', {
      userId: loginName,
      username: loginName,
      profile: { givenName: 'Erika', familyName: 'Privat' },
      email: { email: `${loginName}@home.example`, isVerified: true },
      password: { password: AT_ZITADEL },
    });
});
afterAll(async () => {
  await town?.close();
  await zitadel?.close();
});

const provider = (issuer: string) => ({
  name: 'The old login',
  issuer,
  clientId: OURS.clientId,
  clientSecret: OURS.secret,
  providerOptions: AUTOMATIC,
  usePkce: true,
});

function settingsOf(settings: Settings): void {
  settings.provider.clients.push({
    ...OURS,
    name: 'The new login',
    redirectUris: ['/ui/login/login/externalidp/callback', '/idps/callback'].map(
      (path) => zitadel.url + path,
    ),
  });
  settings.targets = [
    {
      name: TARGET,
      kind: 'zitadel',
      displayName: 'The new login',
      loginUrl: `${zitadel.url}/ui/console`,
      clientIds: [OURS.clientId],
      api: { url: zitadel.url, token: zitadel.token, perSecond: 1_000, identityProvider: idpId },
      move: {},
      signIn: { issuer: zitadel.url, clientId: app.clientId, clientSecret: app.clientSecret },
    },
  ];
  delete settings.claimTokens[0].organizations;
}

// biome-ignore lint/suspicious/noExplicitAny: looked into as it comes
async function call(method: string, path: string, body: object): Promise<any> {
  const headers = { authorization: `Bearer ${zitadel.token}` };
  const answer = await fetch(zitadel.url + path, { method, headers, body: JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`);
  return json;
}

const linksOf = (userId: string) => zitadel.instance.users.get(userId)?.links;

/** From a link to ZITADEL's answer, or to the page of ZITADEL's that lets nobody on. */
async function go(browser: Browser, link: string, at: AtLogin) {
  const first = await browser.follow(link, 'http://never');
  const out = await pressTo(town, browser, first, { fields: { choice: 'continue' }, stopAt: zitadel.url });
  return throughLogin(browser, out.location!, at);
}

/** And on, to our page. */
async function come(browser: Browser, link: string, at: AtLogin) {
  const back = await go(browser, link, at);
  return browser.follow(back.location!, 'http://never');
}

async function link(sub: string, at: AtLogin): Promise<void> {
  const browser = new Browser();
  const confirm = await come(browser, await town.issue(sub), at);
  expect(confirm.status, text(confirm)).toBe(200);
  const done = await press(town, browser, confirm, { choice: 'link' });
  expect(done.status, text(done)).toBe(200);
}

/** ZITADEL's login page, by the button that leads to us. */
const throughUs = (username: string) =>
  zitadel.loginV2(new Browser()).throughProvider(idpId, typing({ username, password: PASSWORD }));

async function signInWithZitadel(at: AtLogin) {
  const browser = new Browser();
  const page = await browser.follow(loginUrl(town), APP_CALLBACK);
  const href = /href="(\/login\/[^"]+\/with\/hub)"/.exec(page.body)?.[1];
  const out = await browser.visit(`${town.issuer}${href}`);
  const back = await throughLogin(browser, out.location!, at);
  return browser.follow(back.location!, APP_CALLBACK);
}

test('whoever says no, or types a wrong password, at ZITADEL has changed nothing', async () => {
  const issued = await town.issue('shop:1');
  const wrong = await go(new Browser(), issued, { ...PRIVATE, password: 'wrong' });
  expect(pageOf(wrong)).toMatchObject({ name: 'login', problem: expect.stringContaining('invalid') });
  const cancelled = await come(new Browser(), issued, { cancel: true });
  expect(cancelled.status, text(cancelled)).toBe(200);
  expect(await town.ledger('shop:1')).toBeUndefined();
  expect(linksOf('e.private')).toEqual([]);
});

test('an account with another address is linked here and there, and its password stays', async () => {
  const { password } = structuredClone(zitadel.instance.users.get('e.private')!);
  const browser = new Browser();
  const confirm = await come(browser, await town.issue('shop:1'), PRIVATE);
  expect(text(confirm)).toContain('e.private@home.example');
  expect(text(confirm)).toContain('erika@print.example');
  expect(linksOf('e.private')).toEqual([]);
  const done = await press(town, browser, confirm, { choice: 'link' });
  expect(done.status, text(done)).toBe(200);
  expect(await town.ledger('shop:1')).toEqual({ state: 'migrated', there: 'e.private' });
  expect(linksOf('e.private')).toEqual([{ idpId, userId: 'shop:1', userName: 'erika' }]);
  expect(zitadel.instance.users.get('e.private')).toMatchObject({
    password,
    username: 'e.private',
    email: { address: 'e.private@home.example' },
  });
  await until(async () => {
    const [row] = await town.legacySql('select hub_person_id as there from users where id = 1');
    return row?.there === 'e.private';
  });
});

test('a later login through us is theirs, and makes nobody', async () => {
  const before = zitadel.instance.users.size;
  expect(await throughUs('erika')).toMatchObject({ kind: 'logged-in', userId: 'e.private', did: [] });
  expect(zitadel.instance.users.size).toBe(before);
  expect(await zitadel.opens('e.private', AT_ZITADEL)).toBe(true);
});

test('the same account is nobody else’s', async () => {
  const conflict = await come(new Browser(), await town.issue('shop:2'), PRIVATE);
  expect(conflict.status, text(conflict)).toBe(409);
  expect(await town.ledger('shop:2')).toBeUndefined();
  expect(linksOf('e.private')).toHaveLength(1);
});

test('the old app’s login page lets in whoever has linked, and nobody else', async () => {
  const signedIn = await signInWithZitadel(PRIVATE);
  expect(signedIn.location, text(signedIn)).toContain(`${APP_CALLBACK}?code=`);
  const unknown = await signInWithZitadel(SECOND);
  expect(unknown.status, text(unknown)).toBe(403);
});

test('whoever is unlinked is unlinked there too, and can link another account', async () => {
  const { db, directory, targets, audit } = town.desk;
  const deps = { db, directory, targets, pseudonym: audit.pseudonym };
  const way = await wayBack(deps, { target: TARGET, sub: 'shop:1' });
  expect(way.does).toBe('unlink');
  await goBack(deps, way, { event: 'revert', actor: 'operator:test' });
  expect(linksOf('e.private')).toEqual([]);
  expect(await zitadel.opens('e.private', AT_ZITADEL)).toBe(true);
  await link('shop:1', SECOND);
  expect(await town.ledger('shop:1')).toEqual({ state: 'migrated', there: 'second' });
  expect(linksOf('second')).toEqual([{ idpId, userId: 'shop:1', userName: 'erika' }]);
});

test('whom a move has made there is linked to nobody else, and moves to no other account', async () => {
  const moved = await cli(
    'user',
    'move',
    'shop:3',
    '--target',
    TARGET,
    '--execute',
    '--config',
    town.configFile,
  );
  expect(moved.code, moved.out + moved.err).toBe(0);
  const { there } = (await town.ledger('shop:3')) as { there: string };
  // The password went along: they are somebody at ZITADEL by it.
  const anna = { loginName: 'anna', password: PASSWORD };
  const conflict = await come(new Browser(), await town.issue('shop:2'), anna);
  expect(conflict.status, text(conflict)).toBe(409);
  expect(linksOf(there)).toMatchObject([{ userId: 'shop:3' }]);
  expect(await town.ledger('shop:2')).toBeUndefined();
  await expect(town.issue('shop:3')).rejects.toMatchObject({ code: 'user_linked' });
});

test('ZITADEL has refused and dropped nothing of ours without a word', () => {
  expect([zitadel.violations, zitadel.faults]).toEqual([[], []]);
});

test('an account there that is linked to another subject of ours is nobody else’s, whatever the ledger says', async () => {
  const userId = 'made-at-a-login';
  await call('POST', '/v2/users/human', {
    userId,
    username: userId,
    profile: { givenName: 'Ulla', familyName: 'Neu' },
    email: { email: 'made@home.example', isVerified: true },
    password: { password: AT_ZITADEL },
    idpLinks: [{ idpId, userId: 'shop:5', userName: 'factor' }],
  });
  const browser = new Browser();
  const confirm = await come(browser, await town.issue('shop:4'), {
    loginName: userId,
    password: AT_ZITADEL,
  });
  const refused = await press(town, browser, confirm, { choice: 'link' });
  expect(refused.status, text(refused)).toBe(409);
  expect(await town.ledger('shop:4')).toBeUndefined();
  expect(linksOf(userId)).toHaveLength(1);
});

test('a person without an address, whom ZITADEL would not have made, links the account that is there', async () => {
  await town.legacySql("update users set email = null where login = 'unproved'");
  await call('POST', '/v2/users/human', {
    userId: 'own',
    username: 'own',
    profile: { givenName: 'Ulla', familyName: 'Neu' },
    email: { email: 'own@home.example', isVerified: true },
    password: { password: AT_ZITADEL },
  });
  await link('shop:4', { loginName: 'own', password: AT_ZITADEL });
  expect(await town.ledger('shop:4')).toEqual({ state: 'migrated', there: 'own' });
});
