/** An application behind mod_auth_openidc, whose people Footbridge vouches for: in by one door, and out by every one. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeOfStep, stepAt } from '../../example/demo/totp.ts';
import type { Apache } from '../servers/apache.ts';
import { addresses, requiresApache, startApache } from '../servers/apache.ts';
import { Browser, field } from '../support/browser.ts';
import { freePort } from '../support/ports.ts';
import type { Server } from './server.ts';
import { startServer, until } from './server.ts';
import type { World } from './world.ts';
import { authorizationUrl, openWorld, person } from './world.ts';

const needed = requiresApache();
const SECRET = 'secret-of-the-apache-0123';
/** Another application beside the one behind Apache; it is never told of a logout. */
const OTHER = { id: 'other', callback: 'http://127.0.0.1:9/cb', bye: 'http://127.0.0.1:9/bye' };
const NOWHERE = 'nowhere:';

describe.skipIf(needed.skip)(needed.name, () => {
  let world: World;
  let bridge: Server;
  let apache: Apache;
  let at: ReturnType<typeof addresses>;
  /** A second Apache's, registered otherwise. */
  let strictAt: ReturnType<typeof addresses>;

  beforeAll(async () => {
    world = await openWorld();
    const [port, otherPort] = [await freePort(), await freePort()];
    at = addresses(port);
    strictAt = addresses(otherPort);
    bridge = await startServer(world, ({ provider }) => {
      const client = { secret: SECRET, pkce: 'optional' };
      provider.acceptedOrigins = [at.origin];
      provider.clients = [
        {
          ...client,
          clientId: 'apache',
          name: 'The old wiki',
          pkce: 'required',
          redirectUris: [at.redirectUri],
          postLogoutRedirectUris: [at.loggedOut],
          backchannelLogoutUri: at.backchannelLogout,
        },
        {
          ...client,
          clientId: 'strict',
          authMethod: 'client_secret_post',
          idTokenAlg: 'ES256',
          userinfoAlg: 'ES256',
          redirectUris: [strictAt.redirectUri],
        },
        {
          ...client,
          clientId: OTHER.id,
          redirectUris: [OTHER.callback],
          postLogoutRedirectUris: [OTHER.bye],
        },
      ];
    });
    apache = await startApache({ port, issuer: bridge.issuer, clientId: 'apache', clientSecret: SECRET });
  });
  afterAll(async () => {
    await apache?.stop();
    bridge?.process.kill('SIGTERM');
    await bridge?.exited;
    await world?.close();
  });

  const submit = (browser: Browser, page: { url: string; body: string }, form: Record<string, string>) =>
    browser.follow(page.url.split('?')[0]!, OTHER.callback, {
      form: { form_token: field(page.body, 'form_token') ?? '', ...form },
    });
  const enter = async (login: string, door = at.page) => {
    const browser = new Browser();
    const page = await browser.follow(door, NOWHERE);
    const answer = await submit(browser, page, { username: login, password: person(login).password });
    return { browser, answer };
  };
  const isIn = async (browser: Browser) => (await browser.visit(at.page)).status === 200;
  const isOut = async (browser: Browser) => !(await isIn(browser));
  const logoutTokens = () => apache.requests().filter((line) => line.startsWith('POST /app/redirect_uri'));
  /** At Footbridge's question whether to log out. */
  const confirm = async (browser: Browser, query = '', form: Record<string, string> = { logout: 'yes' }) => {
    const page = await browser.visit(`${bridge.issuer}/session/end${query}`);
    const xsrf = field(page.body, 'xsrf') ?? '';
    return browser.visit(`${bridge.issuer}/session/end/confirm`, { form: { xsrf, ...form } });
  };
  const startAtOther = (params: Record<string, string> = {}) =>
    authorizationUrl(
      { ...world, issuer: bridge.issuer, callback: OTHER.callback },
      { client_id: OTHER.id, ...params },
    );

  describe('the way in', () => {
    test('leads through the login page and brings the person and their claims', async () => {
      const { answer } = await enter('tomasz');
      expect(answer.url).toBe(at.page);
      expect(answer.json()).toMatchObject({
        'x-remote-user': `shop:${person('tomasz').id}`,
        oidc_claim_sub: `shop:${person('tomasz').id}`,
        oidc_claim_iss: bridge.issuer,
        oidc_claim_name: 'Tomasz Źdźbłowski',
        oidc_claim_given_name: 'Tomasz',
        oidc_claim_family_name: 'Źdźbłowski',
        oidc_claim_preferred_username: 'tomasz',
        oidc_claim_email: person('tomasz').email,
        oidc_claim_email_verified: '1',
        oidc_claim_phone_number: '+48 22 555 01 33',
        oidc_claim_phone_number_verified: '0',
        oidc_claim_locale: 'pl',
        oidc_claim_amr: 'pwd',
      });
    });

    test('tells an address that was never confirmed as such, and nothing of what is not there', async () => {
      const headers = (await enter('lars')).answer.json();
      expect(headers).toMatchObject({
        oidc_claim_email: person('lars').email,
        oidc_claim_email_verified: '0',
      });
      expect(headers).not.toHaveProperty('oidc_claim_phone_number');
      expect((await enter('priya')).answer.json()).not.toHaveProperty('oidc_claim_email');
    });

    test('asks for the second factor where there is one', async () => {
      const { browser, answer: page } = await enter('ines');
      expect(page.body).toContain('name="code"');
      expect(await isIn(browser)).toBe(false);
      const code = codeOfStep(person('ines').otpSeed!, stepAt(Date.now() / 1000));
      const end = await submit(browser, page, { step: field(page.body, 'step')!, code });
      expect(end.json()).toMatchObject({ oidc_claim_amr: 'pwd,otp', oidc_claim_acr: 'urn:footbridge:acr:2' });
    });

    test('is closed to a wrong password, to the disabled and to nobody at all', async () => {
      const browser = new Browser();
      const page = await browser.follow(at.page, NOWHERE);
      const attempts = [
        { username: 'anna', password: person('juergen').password, status: 401 },
        { username: 'nobody', password: 'x', status: 401 },
        { username: 'anna', password: '', status: 401 },
        { username: 'nadia', password: person('nadia').password, status: 403 },
      ];
      for (const { status, ...form } of attempts) {
        const answer = await submit(browser, page, form);
        expect(answer).toMatchObject({ status, location: undefined });
        expect(await isIn(browser)).toBe(false);
      }
    });

    test('is open at once to who is logged in at Footbridge already', async () => {
      const browser = new Browser();
      const page = await browser.follow(startAtOther(), OTHER.callback);
      const other = await submit(browser, page, { username: 'zoe', password: person('zoe').password });
      expect(other.location).toContain('code=');
      const answer = await browser.follow(at.page, NOWHERE);
      expect(answer.json()).toMatchObject({ oidc_claim_preferred_username: 'zoe' });
    });
  });

  describe('ES256, client_secret_post and signed userinfo', () => {
    const good = {
      IDTokenSignedResponseAlg: 'ES256',
      UserInfoSignedResponseAlg: 'ES256',
      ProviderTokenEndpointAuth: 'client_secret_post',
    };
    const enterStrictly = async (directives: Record<string, string>, clientSecret = SECRET) => {
      const port = Number(new URL(strictAt.origin).port);
      const plan = { port, issuer: bridge.issuer, clientId: 'strict', clientSecret, directives };
      const strict = await startApache(plan);
      try {
        const { browser, answer } = await enter('juergen', strictAt.page);
        return { answer, status: (await browser.visit(strictAt.page)).status };
      } finally {
        await strict.stop();
      }
    };

    test('are as good a way in', async () => {
      const { answer, status } = await enterStrictly(good);
      expect(status).toBe(200);
      expect(answer.json()).toMatchObject({
        'x-remote-user': `shop:${person('juergen').id}`,
        oidc_claim_given_name: 'Jürgen',
        oidc_claim_email: person('juergen').email,
      });
    });

    test('let nobody in with another secret, or where RS256 is expected', async () => {
      const refused = [
        await enterStrictly(good, `${SECRET}x`),
        await enterStrictly({ ...good, IDTokenSignedResponseAlg: 'RS256' }),
      ];
      for (const { answer, status } of refused) {
        expect(status).toBe(302);
        expect(answer.url).toContain(`${strictAt.redirectUri}?code=`);
        expect(answer.body).toContain('OpenID Connect Provider error');
      }
    });
  });

  describe('the way out', () => {
    test('through redirect_uri?logout= ends both sessions and returns to the application', async () => {
      const { browser } = await enter('anna');
      const url = `${at.redirectUri}?logout=${encodeURIComponent(at.loggedOut)}`;
      const page = await browser.follow(url, NOWHERE);
      expect(page.body).toContain('The old wiki');
      const form = { xsrf: field(page.body, 'xsrf')!, logout: 'yes' };
      const end = await browser.follow(`${bridge.issuer}/session/end/confirm`, NOWHERE, { form });
      expect(end).toMatchObject({ url: at.loggedOut, body: 'signed out' });
      expect((await browser.follow(at.page, NOWHERE)).body).toContain('name="password"');
    });

    test('that the application itself began does not come back to it as a logout token', async () => {
      const before = logoutTokens().length;
      const { browser } = await enter('anna');
      const { browser: next } = await enter('zoe');
      const hint = await browser.visit(`${at.redirectUri}?logout=${encodeURIComponent(at.loggedOut)}`);
      await confirm(browser, new URL(hint.location!).search);
      await confirm(next);
      await until(() => isOut(next));
      await until(async () => logoutTokens().length > before);
      expect(logoutTokens().slice(before)).toHaveLength(1);
    });

    test('of another application ends this one’s session by a logout token', async () => {
      const { browser } = await enter('juergen');
      expect((await browser.follow(startAtOther(), OTHER.callback)).location).toContain('code=');
      expect(await isIn(browser)).toBe(true);
      const query = new URLSearchParams({ client_id: OTHER.id, post_logout_redirect_uri: OTHER.bye });
      expect((await confirm(browser, `?${query}`)).location).toBe(OTHER.bye);
      await until(() => isOut(browser));
      await until(async () => logoutTokens().some((line) => line.endsWith('logout=backchannel 200')));
    });

    test('of Footbridge itself ends this browser’s session; a second browser’s and a declined one live on', async () => {
      const [here, elsewhere, declined] = [await enter('anna'), await enter('anna'), await enter('anna')];
      await confirm(declined.browser, '', {});
      await confirm(here.browser);
      await until(() => isOut(here.browser));
      expect(await isIn(elsewhere.browser)).toBe(true);
      expect(await isIn(declined.browser)).toBe(true);
    });

    test('is taken when somebody else logs in in the same browser', async () => {
      const { browser } = await enter('anna');
      const page = await browser.follow(startAtOther({ prompt: 'login' }), OTHER.callback);
      const end = await submit(browser, page, { username: 'zoe', password: person('zoe').password });
      expect(end.location).toContain('code=');
      await until(() => isOut(browser));
      const answer = await browser.follow(at.page, NOWHERE);
      expect(answer.json()).toMatchObject({ oidc_claim_preferred_username: 'zoe' });
    });

    test('begun at the legacy shop ends all of that person’s sessions, and nobody else’s', async () => {
      const [first, second, stranger] = [await enter('anna'), await enter('anna'), await enter('zoe')];
      const body = JSON.stringify({ sub: `shop:${person('anna').id}` });
      const seconds = Math.floor(Date.now() / 1000);
      const told = (key: string) => {
        const mac = createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex');
        const headers = {
          'content-type': 'application/json',
          'footbridge-signature': `t=${seconds},v1=${mac}`,
        };
        return new Browser().visit(`${bridge.issuer}/legacy/sessions/ended`, { body, headers });
      };
      expect((await told('another key')).status).toBe(401);
      expect((await told(world.hookKey)).status).toBe(200);
      await until(async () => (await isOut(first.browser)) && (await isOut(second.browser)));
      expect(await isIn(stranger.browser)).toBe(true);
    });
  });
});
