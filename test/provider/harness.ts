/**
 * The real front on a real port and a real database; people come from a list in memory, so that a test can make any
 * person it needs, and passwords are compared as they are.
 */

import { createHash, randomBytes } from 'node:crypto';
import { refuse } from '../../src/credentials/reasons.ts';
import { FootbridgeError } from '../../src/errors.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import type { Listener } from '../../src/listener.ts';
import { listen } from '../../src/listener.ts';
import { opSessionParts } from '../../src/provider/ending.ts';
import type { Front, FrontOptions } from '../../src/provider/front.ts';
import { openFront } from '../../src/provider/front.ts';
import { ensureKeys, loadKeys } from '../../src/provider/keys.ts';
import { BackchannelLogout } from '../../src/provider/logout.ts';
import { openPages } from '../../src/provider/pages/index.ts';
import { pagesSettings } from '../../src/provider/pages/pages-settings.ts';
import { providerSettings } from '../../src/provider/provider-settings.ts';
import { openScopes } from '../../src/provider/request-scope.ts';
import { Throttle } from '../../src/provider/throttle.ts';
import { openCourier } from '../../src/sessions/ending/courier.ts';
import { openEndings } from '../../src/sessions/ending/endings.ts';
import { Secret } from '../../src/settings.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { Credentials, LegacyEntry, TotpSecret, UserState } from '../../src/user.ts';
import { Browser, field } from '../support/browser.ts';
import { findBySubsWith } from '../support/find-by-subs.ts';
import { NO_WRITES } from '../support/no-writes.ts';
import { freePort } from '../support/ports.ts';
import { testDatabase } from '../support/postgres.ts';

export const CALLBACK = 'http://127.0.0.1:9/cb';
export const CLIENT = { id: 'app', secret: 'app-secret-0123456789' };
export const VERIFIER = 'v'.repeat(64);
export const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

export interface Person {
  readonly login: string;
  readonly password: string;
  readonly state?: UserState;
  readonly totp?: TotpSecret;
  readonly email?: string;
  /** What else the store has of them beside the password. */
  readonly credentials?: Partial<Credentials>;
}

/** What the front is made of, for those who put more beside it. */
export type StageParts = Pick<
  FrontOptions,
  | 'settings'
  | 'keyring'
  | 'scopes'
  | 'db'
  | 'directory'
  | 'passwords'
  | 'throttle'
  | 'failureFloorMs'
  | 'pages'
  | 'endings'
>;

export interface Stage {
  readonly parts: StageParts;
  readonly issuer: string;
  readonly db: Db;
  readonly databaseUrl: string;
  readonly front: Front;
  readonly people: Person[];
  readonly errors: unknown[];
  /** How the courier fared. */
  readonly told: { readonly name: string; readonly result: string; readonly code?: string }[];
  readonly statements: string[];
  outage: FootbridgeError | undefined;
  storageUp: boolean;
  close(): Promise<void>;
}

export interface StageOptions {
  /** Of the issuer; browsers use passkeys on domains only. */
  readonly host?: string;
  readonly clients?: readonly object[];
  readonly settings?: object;
  readonly people?: readonly Person[];
  readonly logoutEnds?: 'session' | 'person';
  readonly overrides?: Partial<FrontOptions> | ((parts: StageParts) => Partial<FrontOptions>);
}

export const ANNA: Person = { login: 'anna', password: 'correct horse', email: 'anna@example.com' };
export const BOB: Person = { login: 'bob', password: 'staple battery', email: 'bob@example.com' };

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const database = await testDatabase();
  const statements: string[] = [];
  const uncounted = openDb({ url: database.url });
  const db = counting(uncounted, statements);
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  await ensureKeys(db, keyring);
  const listener: { value?: Listener } = {};
  const port = await freePort();
  const issuer = `http://${options.host ?? '127.0.0.1'}:${port}`;
  const stage = {
    people: [...(options.people ?? [ANNA, BOB])],
    errors: [] as unknown[],
    outage: undefined,
    storageUp: true,
    told: [],
  } as unknown as Stage;
  const settings = providerSettings.parse({
    issuer,
    clients: options.clients ?? [client()],
    login: { failureFloorMs: 0 },
    ...options.settings,
  });
  const scopes = openScopes();
  const directory = directoryOf(stage);
  const clients = settings.clients.filter(({ backchannelLogoutUri }) => backchannelLogoutUri !== undefined);
  const endings = openEndings({
    db,
    recipients: { clients: clients.map(({ clientId }) => clientId), apps: [], appsByPerson: [], targets: [] },
    opSessions: opSessionParts,
    settings: { logoutEnds: options.logoutEnds ?? 'session' },
    pseudonym: (sub) => keyring.mac('audit-subject', sub),
    kick: () => courier.kick(),
  });
  const nameOf = ({ name }: { name: string }) =>
    settings.clients.find(({ clientId }) => clientId === name)?.name ?? name;
  const backchannel = new BackchannelLogout({ scopes, endings, db, keyring, issuer, nameOf });
  const nobody = async () => undefined;
  // It looks for work by itself, whatever a test counts meanwhile.
  const courier = openCourier({
    db: uncounted,
    senders: { client: backchannel.send, legacy: nobody, target: nobody },
    onResult: (result) => stage.told.push(result),
    onError: (error) => stage.storageUp && stage.errors.push(error),
  });
  const parts: StageParts = {
    settings,
    keyring,
    scopes,
    db,
    directory,
    passwords: plainPasswords,
    throttle: new Throttle(db, keyring, settings.login),
    failureFloorMs: settings.login.failureFloorMs,
    pages: openPages(pagesSettings.parse({})),
    endings,
  };
  const { overrides = {} } = options;
  const front = openFront(
    {
      ...parts,
      ledgerStatePart: () => undefined,
      userBySub: directory.userBySub,
      ticket: async () => undefined,
      backchannel,
      routers: () => [],
      loginParts: async () => [],
      storageUp: () => stage.storageUp,
      onError: (error) => stage.errors.push(error),
      targetLink: (target) => ({ name: target, href: 'https://target.example/' }),
      ...(typeof overrides === 'function' ? overrides(parts) : overrides),
    },
    await loadKeys(db, keyring),
  );
  listener.value = await listen(front.handle, { host: '127.0.0.1', port });
  return Object.assign(stage, {
    parts,
    issuer,
    db,
    databaseUrl: database.url,
    front,
    statements,
    close: async () => {
      await courier.close();
      await listener.value?.close(1_000);
      await db.close();
      await database.drop();
    },
  });
}

export const client = (more: object = {}) => ({
  clientId: CLIENT.id,
  name: 'The App',
  secret: CLIENT.secret,
  redirectUris: [CALLBACK],
  postLogoutRedirectUris: ['http://127.0.0.1:9/bye'],
  grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  ...more,
});

/** Notes the text of every statement sent. */
function counting(db: Db, statements: string[]): Db {
  return {
    ...db,
    run: (statement, values) => {
      statements.push(statement.text);
      return db.run(statement, values);
    },
    runParts: (parts, final) => {
      statements.push(parts.map((part) => part.name).join('+'));
      return db.runParts(parts, final);
    },
  };
}

function directoryOf(stage: Stage): Directory {
  const entry = (person: Person): LegacyEntry => ({
    user: {
      sub: `shop:${person.login}`,
      legacyId: person.login,
      username: person.login,
      ...(person.email ? { email: person.email } : {}),
      emailVerified: Boolean(person.email),
      phoneNumberVerified: false,
      name: `${person.login} Example`,
      givenName: person.login,
      familyName: 'Example',
      state: person.state ?? 'active',
      roles: [],
      attributes: {},
    },
    credentials: {
      passwords: [{ format: 'plain', columns: { password: person.password } }],
      ...(person.totp ? { totp: person.totp } : {}),
      ...person.credentials,
    },
  });
  const find = async (wanted: (person: Person) => boolean) => {
    if (stage.outage) throw stage.outage;
    const person = stage.people.find(wanted);
    return person && entry(person);
  };
  const findBySub = (sub: string) => find((person) => `shop:${person.login}` === sub);
  return {
    legacyIdOf: (sub) => (sub.startsWith('shop:') ? sub.slice(5) : undefined),
    findByLogin: (login) => find((person) => person.login === login || person.email === login),
    findBySub,
    findBySubs: findBySubsWith(findBySub),
    userBySub: async (sub) => (await findBySub(sub))?.user,
    forget: () => undefined,
    ...NO_WRITES,
    check: async () => undefined,
    close: async () => undefined,
  } as Directory;
}

const plainPasswords: FrontOptions['passwords'] = {
  verify: async (stored, password) => ({
    verified: stored.columns.password === password,
    format: 'plain',
    algorithm: 'none',
  }),
  decoy: async () => undefined,
  announce: () => () => undefined,
  identify: () => ({ format: 'plain', algorithm: 'none', costs: '' }),
  translate: () => refuse('unknown_format'),
  examine: () => ({ identified: refuse('unknown_format'), translations: [] }),
  hash: async () => refuse('unknown_format'),
  rehash: async () => refuse('unknown_format'),
  hashFor: async () => refuse('unknown_format'),
  translateFor: () => refuse('unknown_format'),
  prove: async () => ({ kind: 'unfit', reason: 'unknown_format' }),
  stats: () => ({ slots: 1, running: 0, queued: 0 }),
  close: async () => undefined,
};

export const legacyDown = () => new FootbridgeError('legacy_unavailable', { retryAfterSeconds: 2 });

export function authorizationUrl(stage: Stage, params: Record<string, string | undefined> = {}): string {
  const url = new URL('/auth', stage.issuer);
  const all = {
    client_id: CLIENT.id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid profile email',
    state: 's1',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...params,
  };
  for (const [name, value] of Object.entries(all)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

/** An authorization request that was pushed beforehand (RFC 9126): the answer, and where its login begins. */
export async function push(stage: Stage) {
  const answer = await new Browser().visit(`${stage.issuer}/request`, {
    form: Object.fromEntries(new URL(authorizationUrl(stage)).searchParams),
    headers: { ...basic(), accept: 'application/json' },
  });
  const { request_uri = '' } = answer.json<Record<string, string>>();
  const start = `${stage.issuer}/auth?client_id=${CLIENT.id}&request_uri=${encodeURIComponent(request_uri)}`;
  return { answer, start };
}

/** Fills in the login page an authorization request leads to; returns where the browser ends up. */
export async function logIn(
  stage: Stage,
  browser: Browser,
  login: { person?: Person; params?: Record<string, string | undefined> } = {},
) {
  const { person = ANNA, params = {} } = login;
  const page = await browser.follow(authorizationUrl(stage, params), CALLBACK);
  return submitLogin(browser, page, person);
}

export async function submitLogin(
  browser: Browser,
  page: { url: string; body: string },
  person: { login: string; password: string },
) {
  const form = {
    username: person.login,
    password: person.password,
    form_token: field(page.body, 'form_token') ?? '',
  };
  return browser.follow(page.url.split('?')[0]!, CALLBACK, { form });
}

export const basic = (id = CLIENT.id, secret = CLIENT.secret) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
});

export const codeOf = (location: string | undefined) =>
  new URL(location ?? 'x:').searchParams.get('code') ?? '';

export async function redeem(stage: Stage, code: string, form: Record<string, string> = {}) {
  return new Browser().visit(`${stage.issuer}/token`, {
    form: {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
      ...form,
    },
    headers: { ...basic(), accept: 'application/json' },
  });
}

export async function userinfo(stage: Stage, token: string) {
  return new Browser().visit(`${stage.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
}
