/**
 * A company in the middle of its move, with real parts: a Django with its own users and session table, a PHP forum with
 * sessions in files, an application behind mod_auth_openidc, ZITADEL, and Footbridge between them.
 */

import type { Apache } from '../../servers/apache.ts';
import { addresses, startApache } from '../../servers/apache.ts';
import type { Django, DjangoPerson } from '../../servers/django.ts';
import { startDjango } from '../../servers/django.ts';
import type { PhpForum } from '../../servers/php.ts';
import { startPhpForum } from '../../servers/php.ts';
import type { Answer } from '../../support/browser.ts';
import { Browser } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { freePort } from '../../support/ports.ts';
import { typing } from '../../support/zitadel/at-provider.ts';
import { until } from '../server.ts';
import type { Bridge } from '../zitadel/bridge.ts';
import { openBridge } from '../zitadel/bridge.ts';
import type { Settings } from '../zitadel/settings.ts';
import { TARGET } from '../zitadel/settings.ts';

export const HOOK_KEY = 'the-forum-and-footbridge-know-this';
export const SHOP_KEY = 'the-shop-and-footbridge-know-this';
export const APACHE_SECRET = 'secret-of-the-apache-0123456789-and-more';
const NOWHERE = 'nowhere:';

export interface TownOptions {
  readonly people: number;
  /** Whether the forum tells of its logouts, or has to be asked. */
  readonly forumTells?: boolean;
  readonly change?: (settings: Settings) => void;
}

export type Town = Awaited<ReturnType<typeof openTown>>;

/** Everybody has a name and a password; ids as Django gives them. */
function peopleOf(count: number): DjangoPerson[] {
  return Array.from({ length: count }, (_, index) => ({
    id: 100 + index,
    username: `person${index}`,
    email: `person${index}@example.com`,
    password: `person${index}-likes-old-shops`,
    givenName: 'Anna',
    familyName: `Sommerfeld ${index}`,
  }));
}

export async function openTown({ people: count, forumTells = true, change }: TownOptions) {
  const people = peopleOf(count);
  const django: Django = await startDjango(people);
  const [forumPort, apachePort] = [await freePort(), await freePort()];
  const forumOrigin = `http://127.0.0.1:${forumPort}`;
  const at = addresses(apachePort);
  const bridge: Bridge = await openBridge({
    change: (settings) => {
      settings.legacy = {
        preset: 'django',
        connector: 'sql',
        url: django.databaseUrl,
        store: 'shop',
        cacheSeconds: 0,
        staleSeconds: 0,
      };
      settings.provider.acceptedOrigins = [at.origin];
      // Everybody comes from one address.
      settings.provider.login.networkLookups = 100_000;
      settings.provider.clients.push({
        clientId: 'apache',
        name: 'The old wiki',
        secret: APACHE_SECRET,
        redirectUris: [at.redirectUri],
        postLogoutRedirectUris: [at.loggedOut],
        backchannelLogoutUri: at.backchannelLogout,
      });
      settings.targets[0].users = {};
      settings.targets[0].sessions = {};
      settings.legacySessions = [
        {
          kind: 'sql-table',
          name: 'shop',
          displayName: 'The shop',
          database: { engine: 'postgresql', connection: django.databaseUrl },
          framework: { format: 'django', secretKeys: [django.secretKey] },
          authTimeField: 'logged_in_at',
          cookie: { secure: false },
          create: { data: { logged_in_at: '{authTime}' } },
          keys: [{ id: 'one', key: SHOP_KEY }],
        },
        {
          kind: 'http-hook',
          name: 'forum',
          displayName: 'The forum',
          url: `${forumOrigin}/footbridge/create`,
          checkUrl: `${forumOrigin}/footbridge/check`,
          endUrl: `${forumOrigin}/footbridge/end`,
          cookies: ['PHPSESSID'],
          secure: false,
          keys: [{ id: 'one', key: HOOK_KEY }],
        },
      ];
      settings.sessions = { checkSeconds: 5, watchSeconds: 5 };
      change?.(settings);
    },
  });
  const forum: PhpForum = await startPhpForum({
    port: forumPort,
    people,
    hookKey: HOOK_KEY,
    facade: bridge.issuer,
    tells: forumTells,
  });
  const apache: Apache = await startApache({
    port: apachePort,
    issuer: bridge.issuer,
    clientId: 'apache',
    clientSecret: APACHE_SECRET,
  });
  bridge.standIn.events.mode = 'at-once';
  const free = [...people];

  const town = {
    bridge,
    django,
    forum,
    apache,
    at,
    /** Somebody whom no test has had yet. */
    somebody(): DjangoPerson {
      const person = free.shift();
      if (!person) throw new Error('the town needs more people');
      return person;
    },
    subOf: ({ id }: DjangoPerson) => `shop:${id}`,
    sql: (text: string, values?: unknown[]) => execute(bridge.databaseUrl, text, values),
    atDjango: (text: string, values?: unknown[]) => execute(django.databaseUrl, text, values),
    post: (origin: string, path: string, form: Record<string, string> = {}, browser = new Browser()) =>
      browser.visit(`${origin}${path}`, { form }),

    /** Logs in at the wiki by way of Footbridge. */
    async enter(person: DjangoPerson, browser = new Browser()): Promise<Browser> {
      const provider = typing({ username: person.username, password: person.password });
      await provider({ browser, url: at.page, redirectUri: NOWHERE });
      return browser;
    },
    /** From there on to ZITADEL, where nobody is asked again; the id of the session there. */
    async goOnToZitadel(person: DjangoPerson, browser: Browser): Promise<string> {
      const silent = typing({ username: person.username, password: 'not asked for' });
      const outcome = await bridge.loginV2(browser).throughProvider(await bridge.idp(), silent);
      if (outcome.kind !== 'logged-in') throw new Error(`at ZITADEL: ${JSON.stringify(outcome)}`);
      return outcome.sessionId!;
    },
    /** Logged in everywhere, in one browser. */
    async everywhere(person: DjangoPerson): Promise<Everywhere> {
      const browser = await town.enter(person);
      const targetSession = await town.goOnToZitadel(person, browser);
      const whole = { person, browser, targetSession };
      await until(async () => (await town.state(whole)).join() === ALL.join());
      await until(async () => (await town.tied(targetSession)) !== undefined);
      return whole;
    },
    /** Whose session at ZITADEL this is, once Footbridge has heard of it. */
    async tied(targetSession: string): Promise<Buffer | undefined> {
      const [row] = await town.sql(
        'select op_session from target_sessions where target = $1 and id = $2 and op_session is not null',
        [TARGET, targetSession],
      );
      return row?.op_session as Buffer | undefined;
    },
    /** Where somebody is logged in, asked of each part itself. */
    async state({ browser, targetSession }: Omit<Everywhere, 'person'>): Promise<readonly Part[]> {
      const is = async (part: Part, answer: Promise<boolean>) => ((await answer) ? [part] : []);
      const parts = await Promise.all([
        is('provider', town.isKnownHere(browser)),
        is('django', isFine(browser.visit(`${django.origin}/whoami`))),
        is('forum', isFine(browser.visit(`${forum.origin}/whoami`))),
        is('wiki', isFine(browser.visit(at.page))),
        is('zitadel', Promise.resolve(bridge.standIn.instance.sessions.has(targetSession))),
      ]);
      return parts.flat();
    },
    /** By the provider's own session alone: no legacy app is looked at. */
    async isKnownHere(browser: Browser): Promise<boolean> {
      const alone = browser.copy();
      alone.cookies = alone.cookies.filter(({ name }) => name.startsWith('fb_session'));
      const answer = await alone.visit(town.silently());
      return new URL(answer.location ?? 'x:').searchParams.has('code');
    },
    /** The address of a login that asks nobody anything. */
    silently(params: Record<string, string> = {}): string {
      const query = new URLSearchParams({
        client_id: 'apache',
        redirect_uri: at.redirectUri,
        response_type: 'code',
        scope: 'openid',
        prompt: 'none',
        code_challenge: 'c'.repeat(43),
        code_challenge_method: 'S256',
        ...params,
      });
      return `${bridge.issuer}/auth?${query}`;
    },
    async close(): Promise<void> {
      await apache.stop();
      await forum.stop();
      await bridge.close();
      await django.stop();
    },
  };
  return town;
}

export interface Everywhere {
  readonly person: DjangoPerson;
  readonly browser: Browser;
  readonly targetSession: string;
}

export type Part = 'provider' | 'django' | 'forum' | 'wiki' | 'zitadel';
export const ALL: readonly Part[] = ['provider', 'django', 'forum', 'wiki', 'zitadel'];

const isFine = async (answer: Promise<Answer>) => (await answer).status === 200;
