/**
 * A town with an old shop, the people who have been its customers for years, and a Footbridge as its operator starts it,
 * for a target of any kind. Targets that nobody watches are reached through a relay, which notes what is said.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { stringify } from 'yaml';
import { demoLegacySettings } from '../../../example/demo/demo-legacy.ts';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import type { Person } from '../../../example/demo/people.ts';
import type { App } from '../../../src/app.ts';
import { openApp } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config.ts';
import { listen } from '../../../src/listener.ts';
import { Browser, field } from '../../support/browser.ts';
import { execute, lockTables } from '../../support/database.ts';
import { freePort } from '../../support/ports.ts';
import { testDatabase } from '../../support/postgres.ts';
import { until } from '../server.ts';
import { cli } from '../zitadel/command-line.ts';
import type { Settings } from '../zitadel/settings.ts';
import { openShop } from '../zitadel/shop.ts';

export const SHOP = 'http://shop.example/callback';
export const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
export const ADMIN_TOKEN = 'token-of-the-operator-0123456789';
/** A few hundred people on a busy machine. */
const DONE_MS = 60_000;
const NEW_ONE = 'http://new-one.example/callback';

export interface TownOptions {
  /** The kind, its API and whatever else of `targets[0]` is its own; its name is its kind's, unless it has one. */
  readonly target: Settings;
  readonly change?: (settings: Settings) => void;
  /** False: the test starts servers of its own. */
  readonly app?: boolean;
}

/** Whatever of a person is not as everybody's. */
export type Some = Partial<Person> & { readonly kind?: HashKindName };

export const subOf = ({ id }: Pick<Person, 'id'>) => `shop:${id}`;

export type Town = Awaited<ReturnType<typeof openTown>>;

export async function openTown({ target, change = () => undefined, app = true }: TownOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-town-'));
  const [database, shop, port] = [await testDatabase(), await openShop(), await freePort()];
  const issuer = `http://127.0.0.1:${port}`;
  const settings = settingsFor({ target, issuer, databaseUrl: database.url, shopUrl: shop.url });
  const name: string = settings.targets[0].name;
  change(settings);
  const configFile = join(folder, 'footbridge.yaml');
  writeFileSync(configFile, stringify(settings), { mode: 0o600 });
  const people: Person[] = [];
  let running: App | undefined;

  const town = {
    issuer,
    /** As `startServer` wants it. */
    data: folder,
    configFile,
    settings,
    shop,
    people,
    sql: (text: string, values?: unknown[]) => execute(database.url, text, values),
    async start(): Promise<void> {
      running = await openApp(loadConfig(configFile));
    },
    async stop(): Promise<void> {
      await running?.close();
      running = undefined;
    },
    cli: (...args: string[]) => cli(...args, '--config', configFile),
    /** A command that is to go well, with what it says as JSON; `findings`: it may have found something wrong. */
    async told<T = Told>(...args: string[]): Promise<T> {
      const { code, out, err } = await town.cli(...args, '--json');
      if (code !== 0 && out === '') throw new Error(`${args.join(' ')}: ${code} ${err}`);
      return JSON.parse(out) as T;
    },
    /** Once the servers have sent everybody of it. */
    async done(batch: string): Promise<Told> {
      const status = () => town.told('batch', 'status', batch, '--look', '0');
      await until(async () => (await status()).state === 'done', DONE_MS);
      return status();
    },
    /** New people of the shop, in the order given. */
    async settle(some: readonly Some[]): Promise<Person[]> {
      const added = some.map((one, at) => personOf(people.length + at + 1, one));
      await shop.seed(added);
      people.push(...added);
      return added;
    },
    /** Where a login at the shop's own client leads. */
    logIn: (person: Person) => logIn(issuer, person),
    async state(person: Pick<Person, 'id'>): Promise<string | undefined> {
      const text = 'select state from ledger where target = $1 and sub = $2';
      const [row] = await town.sql(text, [name, subOf(person)]);
      return row?.state as string | undefined;
    },
    /** How many people are in each state. */
    async states(): Promise<Record<string, number>> {
      const rows = await town.sql(
        'select state, count(*)::int as people from ledger where target = $1 group by state',
        [name],
      );
      return Object.fromEntries(rows.map(({ state, people }) => [String(state), Number(people)]));
    },
    /** Our own tables are out of reach until it is released. */
    lock: (tables: readonly string[]) => lockTables(database.url, tables),
    openWork: () => town.sql('select sub, problem from target_work'),
    /** Failed logins that are remembered. */
    async failures(): Promise<number> {
      const [row] = await town.sql('select coalesce(sum(failures), 0)::int as failures from login_attempts');
      return Number(row?.failures);
    },
    async close(): Promise<void> {
      await town.stop();
      await shop.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  if (app) await town.start();
  return town;
}

/** What the batch commands say of a batch, as far as these tests look. */
export interface Told {
  readonly state: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly codes: readonly { readonly outcome: string; readonly code: string; readonly users: number }[];
  readonly note: { readonly code: string } | null;
}

interface Ends {
  readonly target: Settings;
  readonly issuer: string;
  readonly databaseUrl: string;
  readonly shopUrl: string;
}

function settingsFor({ target, issuer, databaseUrl, shopUrl }: Ends): Settings {
  const legacy: Settings = demoLegacySettings(shopUrl);
  legacy.cacheSeconds = 0;
  legacy.staleSeconds = 0;
  const name = target.name ?? target.kind;
  return {
    database: { url: databaseUrl },
    masterKey: randomBytes(32).toString('base64'),
    listen: { public: { host: '127.0.0.1', port: Number(new URL(issuer).port) }, private: { port: 0 } },
    log: { level: 'silent' },
    admin: { token: ADMIN_TOKEN, fourEyes: false },
    provider: {
      issuer,
      login: { failureFloorMs: 0 },
      clients: [
        { clientId: 'new-one', secret: 'secret-of-the-target-0123456789', redirectUris: [NEW_ONE] },
        {
          clientId: 'legacy-shop',
          secret: 'secret-of-the-legacy-login-0123456789',
          redirectUris: [SHOP],
          // Nobody is moved to a target that has no API.
          ...(target.kind === 'generic' ? {} : { leadsTo: name }),
          pkce: 'optional',
        },
      ],
    },
    targets: [
      {
        name,
        displayName: 'The new one',
        loginUrl: 'https://app.example.com/login?login_hint={login_hint}',
        clientIds: ['new-one'],
        move: {},
        sessions: { end: false, follow: false },
        ...target,
      },
    ],
    legacy,
  };
}

function personOf(id: number, { kind = 'bcrypt', ...more }: Some): Person {
  const login = `${kind}-${id}`;
  return {
    id,
    login,
    givenName: 'Anna',
    familyName: 'Sommerfeld',
    email: `${login}@example.com`,
    password: `${login}-likes-old-shops`,
    kind,
    role: 'customer',
    language: 'en',
    emailConfirmed: true,
    active: true,
    ...more,
  };
}

/** Where the login at the old shop's page has led to. */
export async function logIn(issuer: string, { login, password }: Person): Promise<string> {
  const browser = new Browser();
  const url = new URL(`${issuer}/auth`);
  const query = {
    client_id: 'legacy-shop',
    redirect_uri: SHOP,
    response_type: 'code',
    scope: 'openid',
    state: 's',
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const post = (page: { url: string; body: string }, form: Record<string, string>) =>
    browser.visit(page.url.split('?')[0]!, {
      form: { ...form, form_token: field(page.body, 'form_token') ?? '' },
    });
  const named = await post(await browser.follow(url.href, SHOP), { username: login });
  // Whoever has just arrived with the batch is sent to the target after the name alone.
  if (named.status === 303) return named.location ?? '';
  for (;;) {
    const { status, location = '', body, headers } = await post(named, { username: login, password });
    // So many at once are more than the machine hashes: whoever is told to come back does.
    if (status !== 503) return status === 303 || status === 200 ? location || body : `${status} ${body}`;
    await setTimeout(Number(headers['retry-after'] ?? 1) * 1_000);
  }
}

export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly status: number;
}

/** Passes everything on to `to`, with headers besides, as a proxy of the operator's does; what was said is noted. */
export async function openRelay(to: () => string, added: Readonly<Record<string, string>> = {}) {
  const heard: Heard[] = [];
  const server = await listen(
    async (req, res) => {
      try {
        const { method = '', url: path = '', headers } = req;
        const body = await textOf(req);
        const passed = { ...headers, ...added } as Record<string, string>;
        for (const hop of ['host', 'connection', 'content-length', 'transfer-encoding']) delete passed[hop];
        const answer = await fetch(to() + path, { method, headers: passed, ...(body && { body }) });
        const text = await answer.text();
        heard.push({ method, path, headers, body, status: answer.status });
        const back = Object.fromEntries(
          ['content-type', 'retry-after', 'link'].flatMap((name) => {
            const value = answer.headers.get(name);
            return value === null ? [] : [[name, value]];
          }),
        );
        res.writeHead(answer.status, back).end(text || undefined);
      } catch {
        res.destroy();
      }
    },
    { host: '127.0.0.1', port: 0 },
  );
  return { url: `http://127.0.0.1:${server.port}`, heard, close: () => server.close(0) };
}

async function textOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
