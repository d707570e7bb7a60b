/**
 * `npm start`: an embedded PostgreSQL, Footbridge, and around it an old shop, a new identity system and a new app.
 * Everything is kept in one folder and on the loopback interface; Ctrl-C leaves nothing running.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { styleText } from 'node:util';
import { stringify } from 'yaml';
import { invitationLink, invite } from '../../src/admin/console/invitations.ts';
import type { App } from '../../src/app.ts';
import { openApp } from '../../src/app.ts';
import type { SettingsInput } from '../../src/config.ts';
import { loadConfig } from '../../src/config.ts';
import { counts } from '../../src/migration/ledger.ts';
import { untilStopped } from '../../src/run.ts';
import { openDb } from '../../src/store/db.ts';
import type { EmbeddedPostgres } from '../../src/store/embedded.ts';
import { EmbeddedPostgresError, startEmbeddedPostgres } from '../../src/store/embedded.ts';
import { schemaUp } from '../../src/store/schema.ts';
import type { Demo } from './demo.ts';
import { demoLegacySettings, startDemo, TARGET_CLIENT_ID, targetRedirectUris } from './demo.ts';
import { planDemo } from './demo-plan.ts';
import type { Held, Ports } from './ports.ts';
import { holdPorts, portsFrom } from './ports.ts';

export interface RunDemoOptions {
  readonly data: string;
  /** Begin anew. */
  readonly reset?: boolean;
  /** Footbridge's port; private + 1, shop + 10, target + 11, new app + 12, story + 13. */
  readonly port?: number;
}

export interface RunningDemo {
  readonly issuer: string;
  readonly ports: Ports;
  readonly links: Demo['links'];
  /** Lets its first visitor in, for ten minutes. */
  readonly consoleLink: string;
  readonly configFile: string;
  readonly app: App;
  close(): Promise<void>;
}

/** Made once and kept beside the data. */
interface DemoSecrets {
  readonly masterKey: string;
  readonly clientSecret: string;
  readonly hookKey: string;
  readonly adminToken: string;
}

const say = (text: string) => process.stderr.write(`${text}\n`);

/** What people type: a checkout has npm scripts, an installed package its command. */
const isCheckout = !/[\\/]node_modules[\\/]/.test(import.meta.dirname);
const COMMAND = isCheckout ? 'npm run -s footbridge --' : 'footbridge';
const DEMO = isCheckout ? 'npm start --' : 'footbridge demo';

/** Starts everything, prints the links, and ends when told to. */
export async function runDemo(options: RunDemoOptions): Promise<void> {
  say(styleText('dim', 'Starting PostgreSQL, the shop, the new identity system and Footbridge …'));
  // Asked to stop while still starting: the start ends first, so that nothing of it is left behind.
  const stopped = untilStopped();
  // A terminal that is closed leaves nothing running, and hears nothing more.
  process.on('SIGHUP', () => process.kill(process.pid, 'SIGTERM'));
  process.stderr.on('error', () => undefined);
  const isAsked = () => Promise.race([stopped.then(() => true), Promise.resolve(false)]);
  const demo = await openDemo({ ...options, log: () => undefined }).catch(async (error) => {
    // Ctrl-C is heard by what is being started as well, which fails then.
    if (!(await isAsked())) throw error;
  });
  if (!demo) {
    say(styleText('dim', '\nStopped before everything was started.'));
    return;
  }
  if (!(await isAsked())) print(demo);
  await stopped;
  say(styleText('dim', '\nStopping …'));
  await demo.close();
}

/** Everything running. Throws PortBusyError or EmbeddedPostgresError with one sentence; nothing then is left running. */
export async function openDemo(
  options: RunDemoOptions & { readonly log: (line: string) => void },
): Promise<RunningDemo> {
  const ports = portsFrom(options.port ?? 8080);
  const held = await holdPorts(ports);
  const data = resolve(options.data);
  const closers: (() => Promise<void>)[] = [held.release];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    if (options.reset) await forget(data);
    makeFolder(data);
    const postgres = await startEmbeddedPostgres({ dataDir: join(data, 'postgres'), log: options.log });
    closers.push(() => postgres.stop());
    return await openAround(postgres, { ports, data, log: options.log, closers, close, held });
  } catch (error) {
    await close();
    throw error;
  }
}

function makeFolder(data: string): void {
  try {
    mkdirSync(data, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The folder ${data} cannot be used (${(error as NodeJS.ErrnoException).code}): name another with --data.`,
    );
  }
}

interface Stage {
  readonly ports: Ports;
  readonly data: string;
  readonly log: (line: string) => void;
  readonly closers: (() => Promise<void>)[];
  readonly close: () => Promise<void>;
  readonly held: Held;
}

async function openAround(
  postgres: EmbeddedPostgres,
  { ports, data, log, closers, close, held }: Stage,
): Promise<RunningDemo> {
  for (const name of ['footbridge', 'shop', 'target']) await postgres.ensureDatabase(name);
  const secrets = keepSecrets(join(data, 'secrets.json'));
  const configFile = join(data, 'footbridge.yaml');
  const issuer = `http://127.0.0.1:${ports.public}`;
  writeFileSync(configFile, HEADER + stringify(demoSettings({ postgres, ports, secrets, issuer })), {
    mode: 0o600,
  });
  const settings = loadConfig(configFile);
  await schemaUp({ url: settings.database.url.reveal(), log });
  const db = openDb({ url: settings.database.url.reveal(), poolSize: 2 });
  closers.push(() => db.close());
  await planDemo(db);
  const demo = await startDemo({
    ports: { shop: ports.shop, target: ports.target, newApp: ports.newApp, story: ports.story },
    databases: {
      shop: postgres.url('shop'),
      shopAdmin: postgres.url('footbridge'),
      target: postgres.url('target'),
    },
    issuer,
    clientSecret: secrets.clientSecret,
    hookKey: secrets.hookKey,
    consoleUrl: `http://127.0.0.1:${ports.private}/admin`,
    states: async () => Object.fromEntries((await counts(db)).map(({ state, users }) => [state, users])),
    log,
  });
  closers.push(() => demo.close());
  await held.release();
  const app = await openApp(settings);
  closers.push(() => app.close());
  const { token } = await invite(
    db,
    { name: 'you', role: 'admin' },
    { actor: 'operator:demo', now: new Date() },
  );
  const consoleLink = invitationLink(`http://127.0.0.1:${ports.private}`, token);
  return { issuer, ports, links: demo.links, consoleLink, configFile, app, close };
}

const HEADER = `# The demo's configuration, written anew at each start. It holds the demo's secrets.
`;

interface SettingsParts {
  readonly postgres: EmbeddedPostgres;
  readonly ports: Ports;
  readonly secrets: DemoSecrets;
  readonly issuer: string;
}

function demoSettings({ postgres, ports, secrets, issuer }: SettingsParts): SettingsInput {
  return {
    database: { url: postgres.url('footbridge') },
    masterKey: secrets.masterKey,
    listen: { public: { port: ports.public }, private: { port: ports.private } },
    // Whoever tries the demo out is alone: there is nobody else to approve anything.
    admin: { token: secrets.adminToken, fourEyes: false },
    log: { level: 'warn' },
    provider: {
      issuer,
      clients: [
        {
          clientId: TARGET_CLIENT_ID,
          name: 'New Identity',
          secret: secrets.clientSecret,
          redirectUris: targetRedirectUris(ports),
          grantTypes: ['authorization_code', 'client_credentials'],
          pkce: 'optional',
        },
      ],
    },
    legacy: demoLegacySettings(postgres.url('shop')),
    targets: [
      {
        name: 'demo',
        kind: 'zitadel',
        displayName: 'New Identity',
        loginUrl: `http://127.0.0.1:${ports.target}/`,
        clientIds: [TARGET_CLIENT_ID],
      },
    ],
    legacySessions: [
      {
        kind: 'http-hook',
        name: 'shop',
        displayName: 'The Old Shop',
        url: `http://127.0.0.1:${ports.shop}/footbridge/session`,
        checkUrl: `http://127.0.0.1:${ports.shop}/footbridge/session/check`,
        endUrl: `http://127.0.0.1:${ports.shop}/footbridge/session/end`,
        keys: [{ id: 'demo', key: secrets.hookKey }],
        cookies: ['shop_session'],
        secure: false,
      },
    ],
    pages: { name: 'Old Shop' },
  } as unknown as SettingsInput;
}

function keepSecrets(file: string): DemoSecrets {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as DemoSecrets;
  const random = (encoding: 'base64' | 'base64url') => randomBytes(32).toString(encoding);
  const made = {
    masterKey: random('base64'),
    clientSecret: random('base64url'),
    hookKey: random('base64url'),
    adminToken: random('base64url'),
  };
  writeFileSync(file, JSON.stringify(made, null, 2), { mode: 0o600 });
  return made;
}

async function forget(data: string): Promise<void> {
  const folder = join(data, 'postgres');
  if (existsSync(folder)) {
    // An orphan of a killed demo still writes there: it is adopted in order to be stopped.
    await startEmbeddedPostgres({ dataDir: folder }).then(
      (postgres) => postgres.stop(),
      () => undefined,
    );
  }
  rmSync(data, { recursive: true, force: true });
}

function print({ links, consoleLink, issuer, ports }: RunningDemo): void {
  const width = Math.max(...links.map(({ label }) => label.length)) + 2;
  const line = (label: string, url: string, hint: string) =>
    `  ${styleText('bold', label.padEnd(width))}${styleText('cyan', url.padEnd(33))} ${styleText('dim', hint)}`;
  say('');
  for (const { label, url, hint } of links) say(line(label, url, hint));
  say(
    line('Footbridge', `${issuer}/.well-known/openid-configuration`, 'the bridge, as the new system sees it'),
  );
  say(line('Health', `http://127.0.0.1:${ports.private}/readyz`, 'and /metrics, /openapi.json'));
  say('');
  say(styleText('bold', '  Try'));
  say('  1. Open the new app, log in as anna with the password the story lists.');
  say('  2. Look at the old shop: anna is logged in there, too.');
  say(`  3. ${styleText('green', `${COMMAND} user show anna`)} says where she stands.`);
  say(
    '  4. Log out, switch the old shop’s database off, log in at the new identity system with the same password.',
  );
  say('  5. See it as its operator does. This link lets you in once, within ten minutes:');
  say(`     ${styleText('cyan', consoleLink)}`);
  say(styleText('dim', `     Another: ${COMMAND} console invite --name you --role admin --execute`));
  say(styleText('dim', `\n  Ctrl-C stops everything; ${DEMO} --reset begins anew.`));
}
