/** The demo with a double in Footbridge's place, and the ways people go through it. */

import { afterAll, beforeAll } from 'vitest';
import type { Demo } from '../../../example/demo/demo.ts';
import { startDemo, targetRedirectUris } from '../../../example/demo/demo.ts';
import { HASH_KINDS } from '../../../example/demo/hash-kinds.ts';
import { PEOPLE } from '../../../example/demo/people.ts';
import { Browser, field } from '../../support/browser.ts';
import { freePort } from '../../support/ports.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { DoubleOptions, FootbridgeDouble, Played } from './footbridge-double.ts';
import { footbridgeDouble } from './footbridge-double.ts';

export const HOOK_KEY = 'a key of the demo, long enough';
export const SECRET = 'a secret of the demo, long enough';
export const API_TOKEN = 'a token of the import';
export const ANNA = PEOPLE.find(({ login }) => login === 'anna')!;
export const INES = PEOPLE.find(({ login }) => login === 'ines')!;

export interface Stage {
  readonly demo: Demo;
  readonly shop: string;
  readonly target: string;
  readonly newApp: string;
  readonly story: string;
  readonly footbridge: FootbridgeDouble;
  readonly log: string[];
  close(): Promise<void>;
}

/** One shop for all stages of a file: filling it takes a second. */
export function shopDatabase(): { readonly url: string } {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase({ empty: true });
  });
  afterAll(() => database.drop());
  return {
    get url() {
      return database.url;
    },
  };
}

/** Ports are given by the system, so the double learns the target's only after it has told its own. */
export async function stage(shopUrl: string, double: Partial<DoubleOptions> = {}): Promise<Stage> {
  const database = await testDatabase({ empty: true });
  const log: string[] = [];
  const [shopPort, targetPort] = [await freePort(), await freePort()];
  const ports = { shop: shopPort, target: targetPort, newApp: 0, story: 0 };
  const footbridge = await footbridgeDouble({
    clientSecret: SECRET,
    redirectUris: targetRedirectUris(ports),
    shop: { origin: `http://127.0.0.1:${shopPort}`, hookKey: HOOK_KEY },
    ...double,
  });
  const demo = await startDemo({
    ports,
    databases: { shop: shopUrl, shopAdmin: inAdmin(shopUrl), target: database.url },
    issuer: footbridge.origin,
    clientSecret: SECRET,
    hookKey: HOOK_KEY,
    target: { apiToken: API_TOKEN },
    states: async () => ({ legacy: 38, migrated: 2 }),
    log: (line) => log.push(line),
  });
  const url = (label: string) => demo.links.find((link) => link.label === label)!.url;
  return {
    demo,
    shop: url('Old shop'),
    target: url('New identity system'),
    newApp: url('New app'),
    story: url('The story'),
    footbridge,
    log,
    async close() {
      await demo.close();
      await footbridge.close();
      await database.drop();
    },
  };
}

export function inAdmin(url: string): string {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  return admin.href;
}

/** A person as Footbridge would tell of them; bcrypt is what needs no translation. */
export async function played(person: (typeof PEOPLE)[number], more: Partial<Played> = {}): Promise<Played> {
  const { pw } = await HASH_KINDS.bcrypt.make(person.password);
  return {
    claims: {
      sub: `shop:${person.id}`,
      preferred_username: person.login,
      given_name: person.givenName,
      family_name: person.familyName,
      name: `${person.givenName} ${person.familyName}`,
      email: person.email,
      email_verified: true,
    },
    secrets: {
      password: { format: 'bcrypt', encoded: pw },
      ...(person.otpSeed && {
        totp: { secret: person.otpSeed, algorithm: 'SHA1', digits: 6, periodSeconds: 30 },
      }),
    },
    legacyId: String(person.id),
    ...more,
  };
}

/** From the new app to the target's login page. */
export async function toLogin(browser: Browser, { newApp }: Stage) {
  return browser.follow(`${newApp}/login`, 'nowhere', { form: {} });
}

export async function throughFootbridge(browser: Browser, at: Stage) {
  const page = await toLogin(browser, at);
  return browser.follow(`${at.target}/ui/login/login/externalidp`, 'nowhere', {
    form: { authRequestID: field(page.body, 'authRequestID')! },
  });
}

export async function withPassword(
  browser: Browser,
  at: Stage,
  { login, password }: { login: string; password: string },
) {
  const page = await toLogin(browser, at);
  return browser.follow(`${at.target}/ui/login/login`, 'nowhere', {
    form: { authRequestID: field(page.body, 'authRequestID')!, username: login, password },
  });
}

export async function switchShop({ shop }: Stage, database: 'on' | 'off'): Promise<void> {
  await new Browser().visit(`${shop}/backoffice/database`, { form: { database } });
}
