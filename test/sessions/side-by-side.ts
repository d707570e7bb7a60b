/**
 * Legacy sessions on a real database, beside people in real (SQLite) stores, and legacy apps in memory: what the engine does
 * with what an app says is tested here; what apps say is tested with each kind, by the contract.
 */
import { randomBytes } from 'node:crypto';
import { FootbridgeError } from '../../src/errors.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { legacyStores } from '../../src/legacy/legacy-settings.ts';
import { openStores } from '../../src/legacy/stores.ts';
import type {
  BrowserRequest,
  Created,
  FoundSession,
  LegacyApp,
  LegacyLogin,
  RenewOptions,
} from '../../src/sessions/legacy-app.ts';
import { legacySessionSettings } from '../../src/sessions/legacy-session-settings.ts';
import type { LegacySessionDeps, LegacySessions } from '../../src/sessions/legacy-sessions.ts';
import { openLegacySessions } from '../../src/sessions/legacy-sessions.ts';
import { Secret } from '../../src/settings.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import type { Keyring } from '../../src/store/encryption.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { User } from '../../src/user.ts';
import { sqliteStore } from '../legacy/stores.ts';
import { userOf } from '../migration/stage.ts';
import { execute } from '../support/database.ts';
import { testDatabase } from '../support/postgres.ts';

export const newMasterKey = () => new Secret(randomBytes(32).toString('base64'));
export const nowSeconds = () => Math.floor(Date.now() / 1_000);
export const MINUTE = 60;
export const HOUR = 3_600;
export const DAY = 86_400;

const PEOPLE = `create table people (id integer primary key, login text, mail text, otp text, off integer default 0);
  insert into people (id, login, mail) values (1, 'anna', 'anna@example.com'), (2, 'bob', null), (4711, 'carl', null);
  insert into people (id, login, otp) values (3, 'fay', 'JBSWY3DPEHPK3PXP');
  insert into people (id, login, off) values (4, 'gone', 1);`;

export interface Ground {
  readonly db: Db;
  readonly url: string;
  readonly keyring: Keyring;
  /** Two stores, `shop` and `club`, with the same people. */
  readonly directory: Directory;
  readonly stores: LegacySessionDeps['stores'];
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

export async function openGround(): Promise<Ground> {
  const [database, shop, club] = [await testDatabase(), sqliteStore(PEOPLE), sqliteStore(PEOPLE)];
  const store = (name: string, file: string) => ({
    store: name,
    cacheSeconds: 0,
    sql: { engine: 'sqlite', file, table: 'people', login: ['login'] },
    mapping: {
      username: 'login',
      email: 'mail',
      disabled: { column: 'off', equals: '1' },
      totp: { secret: 'otp' },
    },
  });
  const directory = openStores(
    legacyStores.parse({ stores: [store('shop', shop.file), store('club', club.file)] }),
  );
  const db = openDb({ url: database.url });
  return {
    db,
    url: database.url,
    keyring: openKeyring(newMasterKey()),
    directory,
    stores: [
      { name: 'shop', prefix: 'shop:' },
      { name: 'club', prefix: 'club:' },
    ],
    sql: (text, values) => execute(database.url, text, values),
    close: async () => {
      await directory.close();
      await db.close();
      await database.drop();
      shop.drop();
      club.drop();
    },
  };
}

/** What an app in memory knows of a session. */
export type Stored = Omit<FoundSession, 'handle'>;

export interface TestApp {
  /** By handle, which is the value of the app's cookie as well. */
  readonly sessions: Map<string, Stored>;
  /** Every question, in order: `check s1`. */
  readonly calls: string[];
  readonly logins: LegacyLogin[];
  readonly renewals: RenewOptions['login'][];
  /** It does not answer. */
  isDown: boolean;
  /** Comes instead of a session, from now on. */
  instead: Created | undefined;
  /** An answer waits for it. */
  meanwhile: ((call: string) => Promise<unknown>) | undefined;
  readonly app: LegacyApp;
}

/** An app with every ability, as long as it is not taken away by `without`. */
export function testApp(name: string, without: readonly (keyof LegacyApp)[] = []): TestApp {
  let made = 0;
  const test: Omit<TestApp, 'app'> = {
    sessions: new Map(),
    calls: [],
    logins: [],
    renewals: [],
    isDown: false,
    instead: undefined,
    meanwhile: undefined,
  };
  const call = async (what: string) => {
    test.calls.push(what);
    await test.meanwhile?.(what);
    if (test.isDown) throw new FootbridgeError('legacy_unavailable', { retryAfterSeconds: 7 });
  };
  const find = (handle: string) => {
    const stored = test.sessions.get(handle);
    return stored && { handle, ...stored };
  };
  const cookie = (value: string) => `${name}=${value}; Path=/`;
  const app: LegacyApp = {
    recognise: async (request) => {
      const handle = request.cookie(name);
      if (handle === undefined) return undefined;
      await call(`recognise ${handle}`);
      return find(handle);
    },
    create: async (login) => {
      test.logins.push(login);
      test.calls.push('create');
      await test.meanwhile?.('create');
      if (test.isDown) return { failure: 'unreachable' };
      if (test.instead) return test.instead;
      made += 1;
      const handle = `${name}-${made}`;
      test.sessions.set(handle, { person: { by: 'subject', value: login.sub }, amr: [] });
      return { handle, setCookies: [cookie(handle)] };
    },
    check: async (handle) => {
      await call(`check ${handle}`);
      return find(handle);
    },
    renew: async (handle, until, options) => {
      await call(`renew ${handle}`);
      test.renewals.push(options?.login);
      const stored = test.sessions.get(handle);
      if (stored) test.sessions.set(handle, { ...stored, expiresAt: until });
      return { setCookies: [cookie(handle)] };
    },
    end: async (handle) => {
      await call(`end ${handle}`);
      test.sessions.delete(handle);
    },
    endAllOf: async ({ sub, legacyId }) => {
      await call(`endAllOf ${sub} ${legacyId}`);
      test.sessions.clear();
    },
    clearCookies: () => [`${name}=; Max-Age=0`],
    askUrl: (state) => `https://${name}.example/who?state=${state}`,
    close: async () => undefined,
  };
  for (const ability of without) delete (app as Partial<LegacyApp>)[ability];
  return Object.assign(test, { app });
}

/** What a browser brings along: the test apps' cookies. */
export const browser = (cookies: Readonly<Record<string, string>> = {}): BrowserRequest => ({
  cookie: (name) => cookies[name],
  header: () => undefined,
});

export interface Opened {
  readonly sessions: LegacySessions;
  /** `forum recognised` */
  readonly outcomes: string[];
  readonly ended: { readonly app: string; readonly ids: readonly Buffer[] }[];
  readonly used: { readonly opSession: Buffer; readonly at: number }[];
}

export interface OpenOptions {
  /** By name, in the order of the settings. */
  readonly apps: Readonly<Record<string, TestApp>>;
  /** More settings by name. */
  readonly settings?: Readonly<Record<string, object>>;
  readonly deps?: Partial<LegacySessionDeps>;
}

export function openSessions(ground: Ground, { apps, settings = {}, deps = {} }: OpenOptions): Opened {
  const told: Omit<Opened, 'sessions'> = { outcomes: [], ended: [], used: [] };
  const parsed = legacySessionSettings.parse(
    Object.keys(apps).map((name) => ({
      kind: 'http-hook',
      name,
      url: 'https://app.example/sessions',
      ...('kind' in (settings[name] ?? {}) ? {} : { cookies: [name] }),
      keys: [{ id: 'one', key: 'a-key-that-nobody-uses-here' }],
      identifies: 'subject',
      ...settings[name],
    })),
  );
  const sessions = openLegacySessions(
    parsed,
    {
      ...ground,
      checkSeconds: 30,
      onOutcome: ({ app, outcome }) => told.outcomes.push(`${app} ${outcome}`),
      onRecognition: ({ app, outcome }) => told.outcomes.push(`${app} ${outcome}`),
      onEnded: async (ended) => void told.ended.push(ended),
      onUsed: async (used) => void told.used.push(used),
      ...deps,
    },
    ({ name }) => apps[name]!.app,
  );
  return { sessions, ...told };
}

export const anna: User = userOf('1', { username: 'anna', email: 'anna@example.com' });

export const loginOf = (more: Partial<LegacyLogin> = {}): LegacyLogin => ({
  sub: 'shop:1',
  user: anna,
  authTime: nowSeconds(),
  amr: ['pwd'],
  clientId: 'app',
  returnTo: 'https://id.example.com/auth/resume-1',
  expiresAt: nowSeconds() + DAY,
  remember: false,
  ...more,
});

/** As a login or a session of the provider is called in our tables. */
export const key = (): Buffer => randomBytes(32);
