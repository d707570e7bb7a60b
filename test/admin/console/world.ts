/**
 * A Footbridge as its operator starts it, with an old shop and a target, and its console: over HTTP, or in Chromium. Also for
 * whoever takes pictures of it.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  BrowserContext,
  BrowserContextOptions,
  Browser as Chromium,
  Page as Tab,
} from 'playwright-core';
import { stringify } from 'yaml';
import { demoLegacySettings } from '../../../example/demo/demo-legacy.ts';
import { invitationLink, invite } from '../../../src/admin/console/invitations.ts';
import type { Role } from '../../../src/admin/operation.ts';
import type { App } from '../../../src/app.ts';
import { openApp } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config.ts';
import { openDb } from '../../../src/store/db.ts';
import { cli } from '../../flows/zitadel/command-line.ts';
import type { Settings } from '../../flows/zitadel/settings.ts';
import { openShop } from '../../flows/zitadel/shop.ts';
import type { Answer, Visit } from '../../support/browser.ts';
import { Browser, field } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { freePort } from '../../support/ports.ts';
import { testDatabase } from '../../support/postgres.ts';

export const API_TOKEN = 'token-of-the-operator-0123456789';

export interface ConsoleWorldOptions {
  readonly change?: (settings: Settings) => void;
}

/** Somebody at the console, over HTTP. */
export interface Operator {
  readonly name: string;
  readonly browser: Browser;
  /** The word of our own forms, for this session. */
  readonly csrf: string;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** As a page of ours sends it. */
  post(path: string, fields?: Record<string, string>, headers?: Record<string, string>): Promise<Answer>;
  /** The same, and where it leads. */
  submit(path: string, fields?: Record<string, string>): Promise<Answer>;
}

export type ConsoleWorld = Awaited<ReturnType<typeof openConsoleWorld>>;

export async function openConsoleWorld({ change = () => undefined }: ConsoleWorldOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-console-'));
  const [database, shop] = [await testDatabase(), await openShop()];
  const [publicPort, privatePort] = [await freePort(), await freePort()];
  const origin = `http://127.0.0.1:${privatePort}`;
  const settings = settingsFor({ publicPort, privatePort, databaseUrl: database.url, shopUrl: shop.url });
  change(settings);
  const configFile = join(folder, 'footbridge.yaml');
  writeFileSync(configFile, stringify(settings), { mode: 0o600 });
  const app: App = await openApp(loadConfig(configFile));
  const db = openDb({ url: database.url, poolSize: 1 });
  let people = 0;

  const world = {
    origin,
    /** The provider's. */
    issuer: `http://127.0.0.1:${publicPort}`,
    configFile,
    shop,
    db,
    sql: (text: string, values?: unknown[]) => execute(database.url, text, values),
    cli: (...args: string[]) => cli(...args, '--config', configFile),
    /** Of an operation over the API, as `api`. */
    async api<T = Record<string, unknown>>(operation: string, input: object = {}): Promise<T> {
      const answer = await new Browser().visit(`${origin}/admin/api/${operation.replaceAll(' ', '/')}`, {
        headers: { authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify(input),
      });
      if (answer.status !== 200) throw new Error(`${operation}: ${answer.status} ${answer.body}`);
      return answer.json<T>();
    },
    /** What somebody is invited with. */
    async invited(
      role: Role,
      name: string = `${role}-${++people}`,
    ): Promise<{ name: string; token: string; link: string }> {
      const { token } = await invite(db, { name, role }, { actor: 'operator:test', now: new Date() });
      return { name, token, link: invitationLink(origin, token) };
    },
    async signIn(role: Role, name?: string): Promise<Operator> {
      const invited = await world.invited(role, name);
      const browser = new Browser();
      const answer = await browser.visit(`${origin}/admin/sign-in/invitation`, {
        form: { token: invited.token },
        headers: { origin },
      });
      if (answer.status !== 303) throw new Error(`nobody was signed in: ${answer.status}`);
      return operatorAt(origin, { browser, name: invited.name });
    },
    /** Somebody in a browser, signed in; close its context. */
    async tab(
      chromium: Chromium,
      role: Role,
      { name, ...options }: BrowserContextOptions & { readonly name?: string } = {},
    ): Promise<Tab & { context(): BrowserContext }> {
      const { link } = await world.invited(role, name);
      const context = await chromium.newContext(options);
      const tab = await context.newPage();
      await tab.goto(link);
      if (options.javaScriptEnabled === false) await tab.fill('#token', link.replace(/^.*#/, ''));
      await Promise.all([
        tab.waitForURL(/\/admin(?!\/sign-in)/),
        tab.getByRole('button', { name: 'Sign in' }).click(),
      ]);
      return tab;
    },
    async close(): Promise<void> {
      await app.close();
      await db.close();
      await shop.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return world;
}

/** Somebody whose browser is signed in already. */
export async function operatorAt(
  origin: string,
  { browser, name }: { readonly browser: Browser; readonly name: string },
): Promise<Operator> {
  const get = (path: string, headers: Record<string, string> = {}) =>
    browser.visit(new URL(path, origin).href, { headers });
  const csrf = field((await get('/admin/runs')).body, 'csrf') ?? '';
  const post = (path: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}) => {
    const visit: Visit = { form: { csrf, ...fields }, headers: { origin, ...headers } };
    return browser.visit(new URL(path, origin).href, visit);
  };
  const submit = async (path: string, fields?: Record<string, string>) => {
    const answer = await post(path, fields);
    return answer.location ? get(answer.location) : answer;
  };
  return { name, browser, csrf, get, post, submit };
}

interface Ends {
  readonly publicPort: number;
  readonly privatePort: number;
  readonly databaseUrl: string;
  readonly shopUrl: string;
}

function settingsFor({ publicPort, privatePort, databaseUrl, shopUrl }: Ends): Settings {
  return {
    database: { url: databaseUrl },
    masterKey: randomBytes(32).toString('base64'),
    listen: { public: { port: publicPort }, private: { port: privatePort } },
    log: { level: 'silent' },
    admin: { token: API_TOKEN, console: {} },
    provider: {
      issuer: `http://127.0.0.1:${publicPort}`,
      clients: [
        {
          clientId: 'new-one',
          secret: 'secret-of-the-target-0123456789',
          redirectUris: ['http://new-one.example/callback'],
        },
      ],
    },
    targets: [
      {
        name: 'new-one',
        kind: 'generic',
        displayName: 'The New One',
        loginUrl: 'https://app.example.com/login?login_hint={login_hint}',
        clientIds: ['new-one'],
      },
    ],
    legacy: demoLegacySettings(shopUrl),
  };
}
