/**
 * The drop-ins on a real port, with a real database, the real password room and limits, and a legacy store that is a file.
 */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type Router from '@koa/router';
import Koa from 'koa';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { openDirectory } from '../../../src/legacy/directory.ts';
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { dropInSettings } from '../../../src/migration/drop-ins/drop-in-settings.ts';
import type { DropInResult } from '../../../src/migration/drop-ins/drop-ins-routes.ts';
import { dropInsRoutes } from '../../../src/migration/drop-ins/drop-ins-routes.ts';
import type { ProveTyped } from '../../../src/migration/drop-ins/proving.ts';
import { find, move, proveParts } from '../../../src/migration/ledger.ts';
import { requestPart } from '../../../src/migration/moving/target-work.ts';
import type { Event } from '../../../src/migration/states.ts';
import { passwordProof } from '../../../src/provider/password-proof.ts';
import { tryPassword } from '../../../src/provider/password-try.ts';
import { providerSettings } from '../../../src/provider/provider-settings.ts';
import { Throttle } from '../../../src/provider/throttle.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { sqliteStore } from '../../legacy/stores.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import { UNPLANNED } from '../../support/unplanned.ts';

export const SECRET = 'the-secret-of-the-caller-0123';
export const BEARER = { bearer: SECRET };
/** Of everybody in the store. */
export const PASSWORD = 'old password';
const HASH = '$2b$04$kYWyY2LU/AWI3HAIcelCzeiRfwwLt8FUm8nPRxS2T/X4EfJFuaCPm';
/** Base32 of "a seed of 20 bytes..". */
export const SEED = 'MEQHGZLFMQQG6ZRAGIYCAYTZORSXGLRO';
export const ACCOUNT_FAILURES = 3;
export const FLOOR_MS = 40;

const COLUMNS = 'id, login, email, verified, given, family, phone, lang, state, role, seed, password';
/** By login; those without a word about them are active, have a verified address and nothing special. */
const PEOPLE: readonly Readonly<Record<string, string | number | null>>[] = [
  { id: 1, login: 'Anna', phone: '+4930123456', lang: 'de-AT', role: 'buyer' },
  { id: 2, login: 'dora', state: 'disabled' },
  { id: 3, login: 'excluded' },
  { id: 4, login: 'gone' },
  { id: 5, login: 'unverified', verified: 0 },
  { id: 6, login: 'tina', seed: SEED },
  { id: 7, login: 'With Blank', email: 'with+plus@example.com' },
  { id: 8, login: 'nomail', email: null },
  { id: 9, login: 'known' },
  { id: 10, login: 'looks.like@example.com', email: 'another@example.com' },
  ...Array.from({ length: 30 }, (_, i) => ({ id: 100 + i, login: `guest-${i}` })),
];

const TARGETS = [
  { name: 'main', kind: 'generic', displayName: 'The new one', loginUrl: 'https://new.example/' },
  { name: 'tenant', kind: 'cidaas', displayName: 'cidaas', loginUrl: 'https://tenant.example/' },
  {
    name: 'served',
    kind: 'zitadel',
    displayName: 'With an API',
    loginUrl: 'https://served.example/',
    api: { url: 'http://127.0.0.1:9', token: 'unused' },
  },
];

export type Stage = Awaited<ReturnType<typeof openStage>>;
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any answer
  readonly json: any;
}

/** `mounted`: routers that come after the drop-ins, as in the product. */
export async function openStage(dropIns: readonly object[], after: readonly Router[] = []) {
  const store = sqliteStore(peopleSql());
  const directories = { up: openStore(store.file), down: openStore(`${store.file}.gone`) };
  const database = await testDatabase();
  const db = openDb({ url: database.url, poolSize: 10 });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const audit = openAuditLog({ db, keyring });
  const passwords = openPasswords(passwordSettings.parse({ slots: 2 }));
  const targets = openTargets(targetSettings.parse(TARGETS), { issuer: 'https://id.example.com' });
  const { login } = providerSettings.parse({
    login: { accountFailures: ACCOUNT_FAILURES, networkFailures: 1_000, blockSeconds: 60 },
  });
  const state = {
    isDown: false,
    proofs: 0,
    calls: [] as { dropIn: string; result: DropInResult }[],
    /** What proofs wait for. */
    held: Promise.resolve(),
  };
  const errors: { error: unknown; where: string }[] = [];
  const directory: typeof directories.up = {
    ...directories.up,
    findByLogin: (typed) => asked().findByLogin(typed),
    findBySub: (sub) => asked().findBySub(sub),
    userBySub: (sub) => asked().userBySub(sub),
  };
  const asked = () => (state.isDown ? directories.down : directories.up);
  const deps = {
    db,
    directory,
    passwords,
    throttle: new Throttle(db, keyring, login),
    failureFloorMs: FLOOR_MS,
    // What a proof leaves behind, where something is carried.
    carry: async () => [{ name: 'carried', text: 'select 1', values: [] }],
  };
  const proved = passwordProof(deps);
  const provePassword: ProveTyped = async ({ target, ...typed }) => {
    state.proofs += 1;
    await state.held;
    return target ? proved({ ...typed, target }) : provedNowhere(deps, typed);
  };
  const router = dropInsRoutes({
    db,
    routing: UNPLANNED,
    keyring,
    targets,
    directory,
    provePassword,
    mover: { requestParts: (request) => [requestPart(request)] },
    pseudonym: audit.pseudonym,
    failureFloorMs: FLOOR_MS,
    dropIns: dropInSettings.parse(dropIns),
    onError: (error, where) => errors.push({ error, where }),
    onCall: (call) => state.calls.push(call),
  });
  const server = await serve([router, ...after]);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
  let guests = 0;
  return Object.assign(state, {
    url,
    errors,
    keyring,
    sql,
    /** Somebody whom nobody has tried yet. */
    guest: () => `guest-${guests++}`,
    send: (method: string, path: string, body?: unknown, headers: object = AUTHORIZED) =>
      send(url + path, method, { body, headers }),
    row: (sub: string, target = 'main') => find(db, target, sub),
    failures: async (): Promise<number> =>
      Number((await sql('select coalesce(max(failures), 0) as n from login_attempts'))[0]?.n),
    prove: (sub: string, target = 'main') =>
      db.runParts(
        proveParts({ target, sub, legacyId: sub.slice(5), amr: ['pwd'], subject: audit.pseudonym(sub) }),
        'select 1',
      ),
    happens: (sub: string, event: Event, target = 'main') =>
      move(db, {
        target,
        sub,
        event,
        actor: 'operator:test',
        subject: audit.pseudonym(sub),
        ...(event === 'create' ? { targetUserId: `there-${sub}` } : {}),
      }),
    auditRecords: () => audit.records({ limit: 1_000 }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await passwords.close();
      await targets.close();
      await directories.up.close();
      await directories.down.close();
      await db.close();
      await database.drop();
      store.drop();
    },
  });
}

export const AUTHORIZED = { authorization: `Bearer ${SECRET}` };

function peopleSql(): string {
  const rows = PEOPLE.map((more) => {
    const { login = '' } = more;
    const email = `${String(login).toLowerCase().replace(' ', '.')}@example.com`;
    const standard = {
      email,
      verified: 1,
      given: 'Given',
      family: 'Family',
      state: 'active',
      password: HASH,
    };
    const person: Record<string, unknown> = {
      phone: null,
      lang: null,
      role: null,
      seed: null,
      ...standard,
      ...more,
    };
    const values = COLUMNS.split(', ').map((column) => person[column]);
    return `(${values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))).join(', ')})`;
  });
  return `create table people (id integer primary key, login text collate nocase, email text collate nocase, verified integer, given text, family text,
    phone text, lang text, state text, role text, seed text, password text);
    insert into people (${COLUMNS}) values ${rows.join(',\n')};`;
}

const openStore = (file: string) =>
  openDirectory(
    legacySettings.parse({
      store: 'shop',
      sql: { engine: 'sqlite', file, table: 'people', login: ['login', 'email'] },
      mapping: {
        username: 'login',
        email: 'email',
        emailVerified: { column: 'verified', truthy: true },
        givenName: 'given',
        familyName: 'family',
        phoneNumber: 'phone',
        locale: 'lang',
        roles: 'role',
        disabled: { column: 'state', equals: 'disabled' },
        totp: { secret: 'seed', encoding: 'base32' },
        password: [{ format: 'bcrypt', columns: { password: 'password' } }],
      },
    }),
  );

/** As `passwordProof` without a target. */
async function provedNowhere(
  deps: Parameters<typeof passwordProof>[0],
  { login, sub, ...typed }: Omit<Parameters<ProveTyped>[0], 'target'>,
): ReturnType<ProveTyped> {
  const who = sub === undefined ? { login: login ?? '' } : { sub };
  const tried = await tryPassword(deps, { ...who, ...typed, clientId: '', ledgerPart: () => undefined });
  if (tried.kind === 'matched')
    return { kind: 'proved', entry: tried.entry, amr: ['pwd'], writes: tried.cleared };
  if (tried.kind === 'throttled') return tried;
  return { kind: tried.kind === 'locked' ? 'disabled' : 'wrong' };
}

function serve(routers: readonly Router[]): Promise<Server> {
  const app = new Koa();
  for (const router of routers) app.use(router.routes());
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server));
  });
}

async function send(
  url: string,
  method: string,
  { body, headers }: { readonly body: unknown; readonly headers: object },
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
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
