/**
 * A software house whose customers move to a hub by linking their own accounts: its database of users, accounts and
 * memberships, a hub, a mail server, and Footbridge as a process of its own between them.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import bcrypt from 'bcrypt';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config.ts';
import { openDesk } from '../../../src/desk.ts';
import { Browser, field } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import type { AtHub, Hub } from '../../support/hub/index.ts';
import { startHub, throughHub } from '../../support/hub/index.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Server } from '../server.ts';
import { startServer, until } from '../server.ts';
import type { Mailbox } from './mailbox.ts';
import { openMailbox } from './mailbox.ts';

export const TARGET = 'hub';
export const PASSWORD = 'likes-old-software-1';
const APP = { id: 'legacy-app', secret: 'secret-of-the-legacy-app-0123456789' };
/** Where the old application gets its codes; nobody listens there. */
export const APP_CALLBACK = 'http://127.0.0.1:9/callback';

/** The company's own people: who they are, and what they own. */
export const PEOPLE = [
  { id: 1, login: 'erika', email: 'erika@print.example', first: 'Erika', last: 'Muster', locale: 'en' },
  { id: 2, login: 'otto', email: 'otto@print.example', first: 'Otto', last: 'Normal', locale: 'de' },
  { id: 3, login: 'anna', email: 'anna@paper.example', first: 'Anna', last: 'Sommer', locale: 'fr' },
  { id: 4, login: 'unproved', email: 'unproved@paper.example', first: 'Ulla', last: 'Neu', locale: 'en' },
  { id: 5, login: 'factor', email: 'factor@paper.example', first: 'Fritz', last: 'Faktor', locale: 'en' },
] as const;
export const ACCOUNTS = [
  {
    id: 70,
    name: 'Druckerei Muster GmbH',
    country: 'DE',
    members: [
      [1, 'owner'],
      [2, 'staff'],
    ],
  },
  {
    id: 71,
    name: 'Papier & Söhne',
    country: 'AT',
    members: [
      [3, 'owner'],
      [1, 'owner'],
      [5, 'staff'],
    ],
  },
] as const;
export const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

// biome-ignore lint/suspicious/noExplicitAny: the file as an operator writes it
export type Settings = Record<string, any>;

export interface TownOptions {
  readonly change?: (settings: Settings) => void;
}

const SCHEMA = `
  create table users (id int primary key, login text unique, email text unique, email_ok boolean, first text, last text,
    locale text, pw text, otp text, hub_person_id text);
  create table accounts (id int primary key, name text, country text, hub_organization_id text);
  create table memberships (account_id int, user_id int, role text, from_hub boolean default false,
    primary key (account_id, user_id));`;

async function fill(url: string): Promise<void> {
  await execute(url, SCHEMA);
  const hashed = await bcrypt.hash(PASSWORD, 4);
  for (const { id, login, email, first, last, locale } of PEOPLE)
    await execute(url, 'insert into users values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      ...[id, login, email, login !== 'unproved', first, last, locale, hashed],
      login === 'factor' ? SEED : null,
    ]);
  for (const { id, name, country, members } of ACCOUNTS) {
    await execute(url, 'insert into accounts values ($1, $2, $3)', [id, name, country]);
    for (const [user, role] of members)
      await execute(url, 'insert into memberships values ($1, $2, $3)', [id, user, role]);
  }
}

export const legacySettings = (connection: string): Settings => ({
  store: 'shop',
  cacheSeconds: 0,
  staleSeconds: 0,
  sql: {
    engine: 'postgresql',
    connection,
    table: 'users',
    login: ['login', 'email'],
    queries: {
      related: {
        accounts:
          'select a.id, a.name, a.country, m.role from memberships m join accounts a on a.id = m.account_id where m.user_id = :id',
      },
    },
    writes: {
      linkPerson: { statement: 'update users set hub_person_id = :targetUserId where id = :id' },
      linkOrganization: {
        statement: 'update accounts set hub_organization_id = :targetOrganizationId where id = :organization',
      },
      setMember: {
        statement: `insert into memberships (account_id, user_id, role, from_hub) values (:organization, :id, :roles, true)
          on conflict (account_id, user_id) do update set role = excluded.role, from_hub = true`,
      },
      endMember: {
        statement: 'delete from memberships where account_id = :organization and user_id = :id',
      },
      endMemberships: {
        statement: 'delete from memberships where account_id = :organization and not from_hub',
      },
      createPerson: {
        statement: `insert into users (id, login, email, email_ok, first, last, hub_person_id)
          select coalesce(max(id), 0) + 1, :email, :email, true, :givenName, :familyName, :targetUserId from users
          having :name <> ''`,
      },
    },
  },
  mapping: {
    login: ['login', 'email'],
    username: 'login',
    email: 'email',
    emailVerified: { column: 'email_ok', equals: 'true' },
    givenName: 'first',
    familyName: 'last',
    locale: 'locale',
    password: [{ format: 'bcrypt', columns: { hash: 'pw' } }],
    totp: { secret: 'otp', when: { column: 'otp', present: true } },
    organizations: {
      from: 'accounts',
      id: 'id',
      name: 'name',
      countryCode: 'country',
      roles: 'role',
      owner: { column: 'role', equals: 'owner' },
    },
  },
});

export type Town = Awaited<ReturnType<typeof openTown>>;

export async function openTown({ change }: TownOptions = {}) {
  const [legacy, ours] = await Promise.all([testDatabase({ empty: true }), testDatabase()]);
  await fill(legacy.url);
  const hub: Hub = await startHub();
  const mailbox: Mailbox = await openMailbox();
  const data = mkdtempSync(join(tmpdir(), 'footbridge-town-'));
  const configFile = join(data, 'footbridge.yaml');
  const settings: Settings = {
    database: { url: ours.url },
    masterKey: randomBytes(32).toString('base64'),
    pages: { name: 'Print Shop' },
    provider: {
      login: { failureFloorMs: 0, networkLookups: 100_000 },
      clients: [
        {
          clientId: APP.id,
          name: 'The old app',
          secret: APP.secret,
          redirectUris: [APP_CALLBACK],
          grantTypes: ['authorization_code', 'client_credentials'],
          mayIssueClaimTokens: [TARGET],
        },
      ],
    },
    legacy: legacySettings(legacy.url),
    targets: [{ name: TARGET, displayName: 'The Hub', loginUrl: `${hub.url}/`, ...hub.settings() }],
    claimTokens: [
      {
        target: TARGET,
        contact: 'help@print.example',
        organizations: { roles: { owner: 'owner', admin: 'owner', member: 'staff' } },
      },
    ],
    mail: {
      smtp: { url: mailbox.url },
      from: 'Print Shop <accounts@print.example>',
      perMinute: 6_000,
    },
  };
  change?.(settings);
  writeFileSync(configFile, stringify(settings), { mode: 0o600 });
  const server: Server = await startServer({ configFile, data }, (file) => {
    hub.app.redirectUris.push(`${file.provider.issuer}/claim/callback/${TARGET}`);
  });
  hub.subscribe(`${server.issuer}/webhooks/${TARGET}`);
  // The desk of a command line, on the settings of the running node.
  const { desk, close: closeDesk } = await openDesk(loadConfig(join(data, `server-${server.port}.yaml`)), {
    actor: 'test',
  });
  const town = {
    hub,
    mailbox,
    server,
    desk,
    issuer: server.issuer,
    configFile: join(data, `server-${server.port}.yaml`),
    sql: (text: string, values?: unknown[]) => execute(ours.url, text, values),
    legacySql: (text: string, values?: unknown[]) => execute(legacy.url, text, values),
    app: APP,
    /** A link for somebody, as an operator issues it. */
    issue: async (sub: string, organization?: string): Promise<string> => {
      const { issueLink } = await import('../../../src/migration/claim-tokens/issuing.ts');
      const { db, directory, claimTokens, issuer, audit } = desk;
      const { link } = await issueLink(
        { db, directory, claimTokens, issuer, pseudonym: audit.pseudonym },
        { target: TARGET, sub, organization },
        { origin: 'operator', actor: 'operator:test' },
      );
      return link.reveal();
    },
    ledger: async (sub: string) =>
      (await execute(ours.url, 'select state, target_user_id as there from ledger where sub = $1', [sub]))[0],
    close: async () => {
      await closeDesk();
      server.process.kill('SIGTERM');
      await server.exited;
      await Promise.all([hub.close(), mailbox.stop()]);
      await Promise.all([legacy.drop(), ours.drop()]);
      rmSync(data, { recursive: true, force: true });
    },
  };
  return town;
}

/** Presses a button of a page of ours: `fields` besides its form token. */
export async function press(
  town: Pick<Town, 'issuer'>,
  browser: Browser,
  page: { readonly body: string },
  fields: Record<string, string>,
) {
  const action = /<form[^>]*method="post"[^>]*action="([^"]+)"/.exec(page.body)?.[1] ?? '/claim';
  return browser.follow(`${town.issuer}${action}`, 'http://never', {
    form: { form_token: field(page.body, 'form_token') ?? '', ...fields },
  });
}

/** The same, up to where it leads away from us. */
export async function pressTo(
  town: Pick<Town, 'issuer'>,
  browser: Browser,
  page: { readonly body: string },
  { fields, stopAt }: { readonly fields: Record<string, string>; readonly stopAt: string },
) {
  const action = /<form[^>]*method="post"[^>]*action="([^"]+)"/.exec(page.body)?.[1] ?? '/claim';
  return browser.follow(`${town.issuer}${action}`, stopAt, {
    form: { form_token: field(page.body, 'form_token') ?? '', ...fields },
  });
}

/** Opens a link, goes on, is somebody at the hub, and comes back: the page that asks to confirm, or says why not. */
export async function openAndCome(town: Town, browser: Browser, link: string, at: AtHub) {
  const first = await browser.follow(link, 'http://never');
  if (first.status !== 200) return first;
  return goAndCome(town, browser, first, at);
}

/** From a page with a button that leads to the hub. */
export async function goAndCome(
  town: Town,
  browser: Browser,
  page: { readonly body: string },
  at: AtHub,
  fields: Record<string, string> = { choice: 'continue' },
) {
  const out = await pressTo(town, browser, page, { fields, stopAt: town.hub.url });
  if (!out.location) return out;
  const back = await throughHub(browser, out.location, at);
  return browser.follow(back.location!, 'http://never');
}

/** Of the old app's every login. */
export const VERIFIER = 'v'.repeat(64);

/** Where the old app sends people who want to log in. */
export function loginUrl(town: Pick<Town, 'issuer' | 'app'>): string {
  const params = new URLSearchParams({
    client_id: town.app.id,
    redirect_uri: APP_CALLBACK,
    response_type: 'code',
    scope: 'openid roles',
    state: 's',
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    code_challenge_method: 'S256',
  });
  return `${town.issuer}/auth?${params}`;
}

/** At the old app's login page; the answer leads back to it where the login went through. */
export async function typePassword(town: Town, browser: Browser, username: string, password = PASSWORD) {
  const page = await browser.follow(loginUrl(town), APP_CALLBACK);
  return browser.follow(page.url.split('?')[0]!, APP_CALLBACK, {
    form: { username, password, form_token: field(page.body, 'form_token') ?? '' },
  });
}

/** What the old app learns of who has come back. */
export async function claimsOf(town: Town, location: string | undefined): Promise<Record<string, unknown>> {
  const code = new URL(location ?? 'x:').searchParams.get('code') ?? '';
  const basic = Buffer.from(`${town.app.id}:${town.app.secret}`).toString('base64');
  const tokens = await new Browser().visit(`${town.issuer}/token`, {
    form: { grant_type: 'authorization_code', code, redirect_uri: APP_CALLBACK, code_verifier: VERIFIER },
    headers: { authorization: `Basic ${basic}` },
  });
  const { access_token } = tokens.json<{ access_token: string }>();
  const headers = { authorization: `Bearer ${access_token}` };
  return (await new Browser().visit(`${town.issuer}/me`, { headers })).json();
}

export { Browser, field, until };
