/** The migration API on a real port and a real database. People come from a list in memory; passwords are the real room. */

import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type Router from '@koa/router';
import Koa from 'koa';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { FootbridgeError } from '../../src/errors.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { proveParts } from '../../src/migration/ledger.ts';
import type { MigrationRoutesDeps } from '../../src/migration/migration-routes.ts';
import { migrationRoutes } from '../../src/migration/migration-routes.ts';
import { signBody } from '../../src/migration/signature.ts';
import { issueTicket } from '../../src/migration/tickets.ts';
import { Secret } from '../../src/settings.ts';
import type { AuditEntry } from '../../src/store/audit-log.ts';
import { openAuditLog } from '../../src/store/audit-log.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb, statement } from '../../src/store/db.ts';
import type { Keyring } from '../../src/store/encryption.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import { openTargets } from '../../src/targets/index.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';
import type { LegacyEntry, User } from '../../src/user.ts';
import { findBySubsWith } from '../support/find-by-subs.ts';
import { NO_WRITES } from '../support/no-writes.ts';
import { testDatabase } from '../support/postgres.ts';

export const SIGNING_KEY = 'signing-key-of-the-action-target';

/** Targets as an operator would write them; `main` has two clients, `other` is somebody else. */
export const TARGETS = [
  {
    name: 'main',
    kind: 'zitadel',
    displayName: 'The new one',
    loginUrl: 'https://new.example/',
    clientIds: ['main-login', 'main-machine'],
    hmacKeys: [{ id: '2026', key: SIGNING_KEY }],
  },
  {
    name: 'other',
    kind: 'generic',
    displayName: 'Another one',
    loginUrl: 'https://other.example/',
    clientIds: ['other-login'],
  },
];

/** Must never be seen outside an answer with secrets. */
export const CANARY = {
  hash: '$2b$10$CANARYCANARYCANARYCANuQ7w6mCq1Qe1b1yqv0oVQq7l5K4oT9n2',
  seed: 'CANARY-SEED-01234567',
};

export function userOf(id: string, more: Partial<User> = {}): User {
  return {
    sub: `shop:${id}`,
    legacyId: id,
    username: `user-${id}`,
    email: `${id}@example.com`,
    emailVerified: true,
    phoneNumberVerified: false,
    givenName: 'Anna',
    familyName: 'Tester',
    name: 'Anna Tester',
    state: 'active',
    roles: ['buyer'],
    attributes: {},
    ...more,
  };
}

export function entryOf(id: string, more: Partial<User> = {}): LegacyEntry {
  return {
    user: userOf(id, more),
    credentials: {
      passwords: [{ format: 'bcrypt', columns: { password: CANARY.hash } }],
      totp: { secret: Buffer.from(CANARY.seed), algorithm: 'SHA1', digits: 6, periodSeconds: 30 },
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any answer
  readonly json: any;
}

export interface Call {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Stage {
  readonly db: Db;
  readonly databaseUrl: string;
  readonly keyring: Keyring;
  readonly url: string;
  readonly people: Map<string, LegacyEntry>;
  readonly outcomes: string[];
  readonly flagged: [string, boolean][];
  readonly errors: unknown[];
  nowSeconds: number;
  legacyDown: boolean;
  /** Runs while the legacy store is being asked for a user’s credentials. */
  meanwhile: (() => Promise<unknown>) | undefined;
  flagFails: boolean;
  pseudonym(sub: string): Buffer;
  call(method: string, path: string, call?: Call): Promise<Answer>;
  /** A login at this client: proves the user for its target, and returns the ticket. */
  login(sub: string, options?: { clientId?: string; target?: string; agoSeconds?: number }): Promise<string>;
  auditRecords(): Promise<AuditEntry[]>;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly targets?: readonly object[];
  readonly routes?: (deps: MigrationRoutesDeps) => Router;
}

const CONNECTIONS = 20;

/** Tokens are `<client>|<scope> <scope>`. */
async function resolveToken(token: string) {
  const [clientId, scopes] = Buffer.from(token, 'base64url').toString().split('|');
  return clientId && scopes ? { clientId, scopes: scopes.split(' ') } : undefined;
}
export const tokenOf = (clientId: string, ...scopes: string[]) =>
  Buffer.from(`${clientId}|${scopes.join(' ')}`).toString('base64url');
export const ALL_SCOPES = tokenOf('main-machine', 'migration:read', 'migration:secrets', 'migration:write');

export async function openStage({
  targets = TARGETS,
  routes = migrationRoutes,
}: StageOptions = {}): Promise<Stage> {
  const database = await testDatabase();
  const db = openDb({ url: database.url, poolSize: CONNECTIONS });
  // Open beforehand: those who come at once must not have to wait for a connection one after the other.
  await Promise.all(Array.from({ length: CONNECTIONS }, () => db.run(statement('select 1'))));
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const audit = openAuditLog({ db, keyring });
  const passwords = openPasswords(passwordSettings.parse({}));
  const opened = openTargets(targetSettings.parse(targets));
  const stage = {
    people: new Map<string, LegacyEntry>(),
    outcomes: [],
    flagged: [],
    errors: [],
    nowSeconds: 1_800_000_000,
    legacyDown: false,
    meanwhile: undefined,
    flagFails: false,
  } as unknown as Stage;
  const router = routes({
    db,
    keyring,
    passwords,
    targets: opened,
    resolveToken,
    directory: directoryOf(stage),
    issuer: 'https://id.example.com',
    pseudonym: audit.pseudonym,
    nowSeconds: () => stage.nowSeconds,
    onError: (error) => stage.errors.push(error),
    onRetrieval: ({ outcome }) => stage.outcomes.push(outcome),
  });
  const server = await serve(router);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(stage, {
    db,
    databaseUrl: database.url,
    keyring,
    url,
    pseudonym: audit.pseudonym,
    call: (method: string, path: string, call: Call = {}) => send(url + path, method, call),
    login: async (sub: string, { clientId = 'main-login', target = 'main', agoSeconds = 0 } = {}) => {
      const proof = {
        target,
        sub,
        legacyId: sub.split(':')[1] ?? sub,
        amr: ['pwd'],
        subject: audit.pseudonym(sub),
      };
      await db.runParts(proveParts(proof), 'select 1');
      // Tickets expire by the database's clock, which is this machine's.
      const authTime = Math.floor(Date.now() / 1_000) - agoSeconds;
      return issueTicket(keyring, { sub, clientId, authTime, loginId: randomBytes(8).toString('hex') });
    },
    auditRecords: () => audit.records({ limit: 1_000 }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await passwords.close();
      await db.close();
      await database.drop();
    },
  });
}

function serve(router: Router): Promise<Server> {
  const app = new Koa();
  app.use(router.routes());
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server));
  });
}

async function send(url: string, method: string, { body, token, headers = {} }: Call): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** A signed call as ZITADEL's Action targets make it. */
export function signed(stage: Stage, body: unknown, key = SIGNING_KEY, header = 'ZITADEL-Signature'): Call {
  const text = JSON.stringify(body);
  return {
    body: text,
    headers: { [header]: signBody(new Secret(key), Buffer.from(text), stage.nowSeconds) },
  };
}

function directoryOf(stage: Stage): Directory {
  const ask = <T>(found: T): Promise<T> =>
    stage.legacyDown
      ? Promise.reject(new FootbridgeError('legacy_unavailable', { retryAfterSeconds: 2 }))
      : Promise.resolve(found);
  const unused = () => Promise.reject(new Error('not asked for here'));
  return {
    legacyIdOf: (sub) => (sub.startsWith('shop:') ? sub.slice(5) : undefined),
    findByLogin: (login) => ask([...stage.people.values()].find(({ user }) => user.username === login)),
    findBySub: async (sub) => {
      await stage.meanwhile?.();
      return ask(stage.people.get(sub));
    },
    findBySubs: findBySubsWith((sub) => ask(stage.people.get(sub))),
    userBySub: (sub) => ask(stage.people.get(sub)?.user),
    forget: () => undefined,
    ...NO_WRITES,
    flag: async (sub, migrated) => {
      if (stage.flagFails) throw new Error(`no write access, last row ${CANARY.hash}`);
      stage.flagged.push([sub, migrated]);
    },
    check: unused,
    close: async () => undefined,
  };
}
