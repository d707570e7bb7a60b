/**
 * The whole way from the old shop to ZITADEL: a database with people in it, Footbridge as its operator starts it, a
 * ZITADEL, and Footbridge registered there by its own command.
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import type { Person } from '../../../example/demo/people.ts';
import type { App } from '../../../src/app.ts';
import { openApp } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config.ts';
import { Browser } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import type { LoginOutcome } from '../../support/zitadel/login-outcome.ts';
import { failed } from '../../support/zitadel/login-outcome.ts';
import { CallError, LoginV2 } from '../../support/zitadel/login-v2.ts';
import { cli } from './command-line.ts';
import type { Messages } from './messages.ts';
import { LOGIN_MARK, recordMessages, rpcOf } from './messages.ts';
import { facadePlace } from './place.ts';
import { realZitadel } from './real.ts';
import type { Settings } from './settings.ts';
import { ROLES, settingsFor, TARGET } from './settings.ts';
import { openShop } from './shop.ts';
import type { OrganizedCall, SeenUser, ZitadelView } from './zitadel-view.ts';
import { apiView, standInView } from './zitadel-view.ts';

export interface BridgeOptions {
  /** Changes the configuration before it is written. */
  readonly change?: (settings: Settings) => void;
  /** False: `target setup` is left to the test. */
  readonly setup?: boolean;
  /** False: the test starts it, as a process. */
  readonly app?: boolean;
}

export interface LedgerRow {
  readonly state: string;
  readonly version: number;
  readonly targetUserId: string | null;
  readonly made: boolean | null;
}

/** A real ZITADEL has told everything when it has been silent for so long. */
const REAL_EVENTS_MS = 3_000;

export type Bridge = Awaited<ReturnType<typeof openBridge>>;

export const subOf = ({ id }: Pick<Person, 'id'>) => `shop:${id}`;

const onlyRefused = (error: unknown) => {
  if (!(error instanceof CallError)) throw error;
};

/** Calls the API as a login does: its own, or ZITADEL's. */
function loginCall(zitadelUrl: string, token: string, note: (text: string) => void): OrganizedCall {
  return async (verb, path, body, organization) => {
    note(`login → zitadel ${rpcOf(verb, path)}`);
    const answer = await fetch(zitadelUrl + path, {
      method: verb,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'accept-language': 'en',
        [LOGIN_MARK]: '1',
        ...(organization && { 'x-zitadel-orgid': organization }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (text.startsWith('fault of')) throw new Error(text);
    const json = JSON.parse(text);
    if (!answer.ok) throw new CallError(answer.status, json as object);
    return json as never;
  };
}

async function openProject(call: OrganizedCall, run: string): Promise<string> {
  const { id } = await call<{ id: string }>('POST', '/management/v1/projects', { name: `shop-${run}` });
  for (const roleKey of Object.values(ROLES)) {
    const path = `/management/v1/projects/${id}/roles`;
    await call('POST', path, { roleKey, displayName: roleKey });
  }
  return id;
}

export async function openBridge({ change, setup = true, app = true }: BridgeOptions = {}) {
  const real = realZitadel();
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-flows-'));
  const [database, shop, facade] = [await testDatabase(), await openShop(), await facadePlace()];
  const standIn = real ? undefined : await openZitadel();
  const zitadel = real ?? standIn!;
  if (standIn) {
    standIn.instance.checksProjects = true;
    // Delivered when a test says so, that messages have one order.
    standIn.events.mode = 'held';
  }
  const run = randomBytes(3).toString('hex');
  const messages: Messages = recordMessages({
    facadePort: facade.port,
    zitadelUrl: zitadel.url,
    deliveries: standIn?.deliveries ?? [],
  });
  // Somebody else than Footbridge, where that can be had.
  const operatorToken = standIn?.oauth.addServiceUser().token ?? zitadel.token;
  const operator = loginCall(zitadel.url, operatorToken, () => undefined);
  const loginToken = standIn?.oauth.addServiceUser({ roles: ['IAM_LOGIN_CLIENT'] }).token ?? zitadel.token;
  const login = loginCall(zitadel.url, loginToken, messages.note);
  const view: ZitadelView = standIn ? standInView(standIn) : apiView(operator);
  const project = await openProject(operator, run);
  const settings = settingsFor({ facade, zitadel, databaseUrl: database.url, shopUrl: shop.url, project });
  change?.(settings);
  const configFile = join(folder, 'footbridge.yaml');
  writeFileSync(configFile, stringify(settings), { mode: 0o600 });
  const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
  let running: App | undefined;
  const people: Person[] = [];
  let nextId = randomInt(1_000_000, 1_000_000_000);

  /** At a ZITADEL that stays. */
  const leaveNothing = async () => {
    for (const person of people)
      for (const { id } of await bridge.usersOf(person)) await operator('DELETE', `/v2/users/${id}`);
    await bridge.cli('target', 'teardown', TARGET, '--execute');
    await operator('DELETE', `/management/v1/projects/${project}`).catch(onlyRefused);
  };
  const bridge = {
    issuer: facade.issuer,
    facade,
    folder,
    configFile,
    settings,
    project,
    shop,
    sql,
    messages,
    view,
    databaseUrl: database.url,
    zitadelUrl: zitadel.url,
    /** Calls ZITADEL's API as its operator. */
    operator,
    /** Calls ZITADEL's API as a login. */
    login,
    /** Only where it is one: see `standInTest`. */
    get standIn(): Zitadel {
      if (!standIn) throw new Error('this needs the stand-in');
      return standIn;
    },
    start: async () => {
      running = await openApp(loadConfig(configFile));
      return running;
    },
    stop: async () => {
      await running?.close();
      running = undefined;
    },
    /** Another configuration, and the facade starts anew with it; `setup` says whether it has to be told to ZITADEL. */
    async configure(change: (settings: Settings) => void, { setup = true } = {}) {
      change(settings);
      writeFileSync(configFile, stringify(settings), { mode: 0o600 });
      await bridge.stop();
      await bridge.start();
      if (setup) await bridge.setUp();
      messages.taken();
    },
    async setUp(): Promise<void> {
      const { code, out, err } = await bridge.cli('target', 'setup', TARGET, '--execute');
      if (code !== 0) throw new Error(`target setup failed: ${out}${err}`);
    },
    cli: (...args: string[]) => cli(...args, '--config', configFile),
    /** Somebody of the shop, with a password of this kind. */
    async someone(kind: HashKindName = 'bcrypt', more: Partial<Person> & { googleId?: string } = {}) {
      const id = nextId++;
      const name = `${kind}-${run}-${people.length}`;
      const { googleId, ...rest } = more;
      const person: Person = {
        id,
        login: name,
        givenName: 'Anna',
        familyName: 'Sommerfeld',
        email: `${name}@example.com`,
        password: `${name}-likes-old-shops`,
        kind,
        role: 'customer',
        language: 'en',
        emailConfirmed: true,
        active: true,
        ...rest,
      };
      people.push(person);
      await shop.seed([person]);
      if (googleId) await shop.sql('update customers set google_id = $2 where id = $1', [id, googleId]);
      return person;
    },
    browser: () => new Browser(),
    loginV2: (browser = new Browser(), organization?: string) =>
      new LoginV2({ browser, call: login, origin: zitadel.url, ...(organization && { organization }) }),
    /** A login page of the customer's own: name and password in one call. */
    async ownLogin(loginName: string, password: string): Promise<LoginOutcome> {
      try {
        const checks = { user: { loginName }, password: { password } };
        // Two calls that are the same to the letter are one and its replay, if they come in one second.
        const userAgent = { fingerprintId: randomUUID() };
        const { sessionId } = await login<{ sessionId: string }>('POST', '/v2/sessions', {
          checks,
          userAgent,
        });
        const { session } = await operator<{ session: { factors: { user: { id: string } } } }>(
          'GET',
          `/v2/sessions/${sessionId}`,
        );
        return { kind: 'logged-in', userId: session.factors.user.id, sessionId, did: [] };
      } catch (error) {
        return failed(error);
      }
    },
    /** The id of our identity provider at ZITADEL. */
    async idp(name: 'oidc' | 'jwt' = 'oidc'): Promise<string> {
      const [row] = await sql(
        `select remote_id from target_resources where target = $1 and kind = 'idp' and name = $2`,
        [TARGET, name],
      );
      return String(row?.remote_id);
    },
    async row(person: Pick<Person, 'id'>): Promise<LedgerRow | undefined> {
      const [row] = await sql(
        `select state, version, target_user_id as "targetUserId", made from ledger where target = $1 and sub = $2`,
        [TARGET, subOf(person)],
      );
      return row as LedgerRow | undefined;
    },
    work: (person: Pick<Person, 'id'>) =>
      sql('select road, attempts, problem from target_work where sub = $1', [subOf(person)]),
    openWork: () => sql('select sub, problem from target_work'),
    /** The mark in the shop that somebody has moved. */
    async isFlagged({ id }: Pick<Person, 'id'>): Promise<boolean> {
      const [row] = await shop.sql('select moved from customers where id = $1', [id]);
      return row?.moved === 1;
    },
    usersOf: ({ login: username, email, ...person }: Person): Promise<SeenUser[]> =>
      view.usersOf({ username, email, sub: subOf(person) }),
    /** What was said and told before is no business of the next test. */
    fresh(): void {
      standIn?.events.held.splice(0);
      messages.taken();
    },
    /** Brings what ZITADEL has to tell to the facade, until there is nothing more. */
    async deliver(): Promise<void> {
      if (!standIn) return messages.quiet(REAL_EVENTS_MS);
      while (standIn.events.held.length > 0) await standIn.events.deliver();
    },
    async close(): Promise<void> {
      messages.close();
      if (real) await leaveNothing();
      await bridge.stop();
      await standIn?.close();
      await shop.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };

  if (app) await bridge.start();
  if (setup) await bridge.setUp();
  messages.taken();
  return bridge;
}
