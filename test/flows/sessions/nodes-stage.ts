/**
 * Several Footbridges as processes on one database, behind a balancer, and clients that are told of logouts. Lighter than
 * the demo's world: there is the old shop's database, and nothing else.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JWTVerifyGetKey } from 'jose';
import { createLocalJWKSet } from 'jose';
import { stringify } from 'yaml';
import { demoLegacySettings } from '../../../example/demo/demo-legacy.ts';
import type { Person } from '../../../example/demo/people.ts';
import { Browser, field } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import { typing } from '../../support/zitadel/at-provider.ts';
import type { Server } from '../server.ts';
import { startServer } from '../server.ts';
import { cli } from '../zitadel/command-line.ts';
import type { Settings } from '../zitadel/settings.ts';
import { openShop } from '../zitadel/shop.ts';
import { openBalancer } from './balancer.ts';
import type { ToldClient } from './told-clients.ts';
import { openClient } from './told-clients.ts';

export type NodesStage = Awaited<ReturnType<typeof openNodes>>;

export interface NodesPlan {
  readonly clients: readonly string[];
  readonly people: number;
  readonly nodes: number;
  readonly change?: (settings: Settings) => void;
}

const peopleOf = (count: number): Person[] =>
  Array.from({ length: count }, (_, index) => ({
    id: 1_000 + index,
    login: `person${index}`,
    givenName: 'Anna',
    familyName: 'Sommerfeld',
    email: `person${index}@example.com`,
    password: `person${index}-likes-old-shops`,
    kind: 'bcrypt',
    role: 'customer',
    language: 'en',
    emailConfirmed: true,
    active: true,
  }));

export async function openNodes({ clients: names, people: count, nodes: wanted, change }: NodesPlan) {
  const data = mkdtempSync(join(tmpdir(), 'footbridge-nodes-'));
  const [database, shop, balancer] = [await testDatabase(), await openShop(), await openBalancer()];
  const people = peopleOf(count);
  await shop.seed(people);
  let keys: JWTVerifyGetKey | undefined;
  const tokens = { issuer: balancer.origin, keys: () => keys! };
  const clients = new Map<string, ToldClient>();
  for (const name of names) clients.set(name, await openClient(name, tokens));
  const all = [...clients.values()];
  const settings: Settings = {
    database: { url: database.url },
    masterKey: randomBytes(32).toString('base64'),
    log: { level: 'info' },
    admin: { fourEyes: false },
    provider: {
      issuer: balancer.origin,
      login: { failureFloorMs: 0 },
      acceptedOrigins: all.map(({ origin }) => origin),
      clients: all.map(({ id, origin }) => ({
        clientId: id,
        secret: `secret-of-${id}-0123456789-and-some-more`,
        redirectUris: [`${origin}/callback`],
        backchannelLogoutUri: `${origin}/logout`,
      })),
    },
    legacy: demoLegacySettings(shop.url),
  };
  change?.(settings);
  const configFile = join(data, 'footbridge.yaml');
  writeFileSync(configFile, stringify(settings), { mode: 0o600 });
  const running = new Set<Server>();
  const free = [...people];

  const stage = {
    people,
    configFile,
    settings,
    balancer,
    issuer: balancer.origin,
    databaseUrl: database.url,
    sql: (text: string, values?: unknown[]) => execute(database.url, text, values),
    cli: (...args: string[]) => cli(...args, '--config', configFile),
    client(id: string): ToldClient {
      const found = clients.get(id);
      if (!found) throw new Error(`there is no client ${id}`);
      return found;
    },
    /** Somebody whom no test has had yet. */
    somebody(): Person {
      const person = free.shift();
      if (!person) throw new Error('the stage needs more people');
      return person;
    },
    subOf: ({ id }: Person) => `shop:${id}`,
    async start(): Promise<Server> {
      const server = await startServer({ configFile, data }, (changed) => {
        changed.provider.issuer = balancer.origin;
        changed.log = { level: 'info' };
      });
      running.add(server);
      balancer.nodes = [...running].map(({ port }) => port);
      return server;
    },
    nodeAt(port: number): Server {
      const found = [...running].find((server) => server.port === port);
      if (!found) throw new Error(`there is no node at ${port}`);
      return found;
    },
    /** As the kernel does it: nothing is finished, nobody is told. */
    async kill(server: Server): Promise<void> {
      running.delete(server);
      server.process.kill('SIGKILL');
      await server.exited;
      balancer.nodes = [...running].map(({ port }) => port);
    },
    /** Where a login at this client ends: with a code, or not at all. */
    async logIn({ login: username, password }: Person, client: string, browser = new Browser()) {
      const redirectUri = `${stage.client(client).origin}/callback`;
      const query = new URLSearchParams({
        client_id: client,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: 'openid',
        code_challenge: 'c'.repeat(43),
        code_challenge_method: 'S256',
      });
      return typing({ username, password })({ browser, url: `${stage.issuer}/auth?${query}`, redirectUri });
    },
    /** Logged in at all of these clients, in one browser. */
    async logInAt(person: Person, ...at: readonly string[]): Promise<Browser> {
      const browser = new Browser();
      for (const client of at) {
        const end = await stage.logIn(person, client, browser);
        if (!end.location?.includes('code=')) throw new Error(`no login: ${end.status} ${end.body}`);
      }
      return browser;
    },
    /** By what each client knows this person's sessions; nothing where they have none. */
    async sidsOf(person: Person): Promise<{ readonly client: string; readonly sid: string }[]> {
      const rows = await stage.sql(
        `select a.key as client, a.value ->> 'sid' as sid from oidc_records, jsonb_each(payload -> 'authorizations') a
         where kind = 'Session' and payload ->> 'accountId' = $1::text order by 1`,
        [stage.subOf(person)],
      );
      return rows.map(({ client, sid }) => ({ client: String(client), sid: String(sid) }));
    },
    /** The page that asks, and how long the answer to its button takes. */
    async logOut(browser: Browser) {
      const page = await browser.visit(`${stage.issuer}/session/end`);
      const form = { xsrf: field(page.body, 'xsrf') ?? '', logout: 'yes' };
      const startedAt = performance.now();
      const answer = await browser.visit(`${stage.issuer}/session/end/confirm`, { form });
      return { answer, tookMs: performance.now() - startedAt };
    },
    deliveries: (person: Person) =>
      stage.sql(
        `select id, name, attempts, problem, done_at, due_at = 'infinity' as is_dead from logout_deliveries
         where sub = $1 order by name`,
        [stage.subOf(person)],
      ),
    async close(): Promise<void> {
      for (const server of [...running]) await stage.kill(server);
      for (const client of all) await client.down();
      await balancer.close();
      await shop.close();
      await database.drop();
      rmSync(data, { recursive: true, force: true });
    },
  };
  try {
    for (let started = 0; started < wanted; started++) await stage.start();
    keys = createLocalJWKSet((await new Browser().visit(`${stage.issuer}/jwks`)).json());
    return stage;
  } catch (error) {
    await stage.close();
    throw error;
  }
}
