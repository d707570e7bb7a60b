/**
 * A private Apache on loopback whose `/app` is guarded by mod_auth_openidc, a relying party written in C that shares
 * no line with our provider. What gets in is passed on to a server that answers with the headers it was sent.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { listen } from '../../src/listener.ts';
import { Browser } from '../support/browser.ts';
import type { Requirement } from '../support/requires.ts';
import { requires } from '../support/requires.ts';

/** Where Debian, Fedora, Alpine and Homebrew put Apache's modules. */
const MODULE_FOLDERS = [
  '/usr/lib/apache2/modules',
  '/usr/lib64/httpd/modules',
  '/usr/lib/apache2',
  '/opt/homebrew/lib/httpd/modules',
];
const MODULE = 'mod_auth_openidc.so';
/** Debian builds some of these in; the others are loaded where there is a file for them. */
const MODULES = [
  'mpm_event',
  'unixd',
  'authn_core',
  'authz_core',
  'authz_user',
  'headers',
  'proxy',
  'proxy_http',
  'auth_openidc',
];

const moduleFolder = () => MODULE_FOLDERS.find((folder) => existsSync(join(folder, MODULE)));

/** For `describe.skipIf(requiresApache().skip)(…)`. */
export function requiresApache(): Requirement {
  const apache = requires('mod_auth_openidc', 'apache2', 'httpd');
  if (apache.skip || moduleFolder()) return apache;
  const missing = `Apache's ${MODULE} is not installed`;
  if (process.env.FOOTBRIDGE_REQUIRE_SERVERS === '1') throw new Error(missing);
  return { path: undefined, skip: true, name: `mod_auth_openidc [skipped: ${missing}]` };
}

export interface ApachePlan {
  readonly port: number;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** More of the module's directives, or others than the usual. */
  readonly directives?: Readonly<Record<string, string>>;
}

export interface Apache {
  /** The page behind the login. */
  readonly page: string;
  /** Every request so far: method, path with query, status. */
  requests(): string[];
  stop(): Promise<void>;
}

/** What an application at this port registers at its provider. */
export const addresses = (port: number) => {
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    page: `${origin}/app/page`,
    redirectUri: `${origin}/app/redirect_uri`,
    loggedOut: `${origin}/bye`,
    backchannelLogout: `${origin}/app/redirect_uri?logout=backchannel`,
  };
};

const STARTS_WITHIN_MS = 30_000;
const PAUSE_MS = 50;

export async function startApache(plan: ApachePlan): Promise<Apache> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-apache-'));
  // Started as root, its workers are somebody else and have to get in.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'www'));
  writeFileSync(join(folder, 'www', 'bye'), 'signed out');
  const behind = await listen(echo, { host: '127.0.0.1', port: 0 });
  const config = join(folder, 'apache.conf');
  writeFileSync(config, [...server(folder, plan.port), ...application(plan, behind.port), ''].join('\n'), {
    mode: 0o600,
  });
  const process = spawn(requiresApache().path!, ['-f', config, '-DFOREGROUND'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  process.stderr.on('data', (chunk) => {
    complaint += chunk;
  });
  const exited = once(process, 'exit');
  const read = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '';
  const stop = async () => {
    if (process.exitCode === null) process.kill('SIGTERM');
    await exited;
    await behind.close(0);
    rmSync(folder, { recursive: true, force: true });
  };
  const { origin, page } = addresses(plan.port);
  for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
    const answer = await new Browser().visit(`${origin}/bye`).catch(() => undefined);
    if (answer?.status === 200) break;
    if (process.exitCode === null && waitedMs < STARTS_WITHIN_MS) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      continue;
    }
    const log = read('error.log');
    await stop();
    throw new Error(`Apache did not start: ${complaint}${log}`);
  }
  return { page, requests: () => read('access.log').split('\n').filter(Boolean), stop };
}

/** Answers with the headers of the request, as they were sent: their bytes are UTF-8, which node:http reads as Latin-1. */
const echo: RequestListener = (req, res) => {
  const text = JSON.stringify(req.headers);
  res.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from(text, 'latin1'));
};

/** Whom the distribution made for Apache's workers; it refuses to serve as root. */
function worker(): string {
  const known = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[0]);
  return ['www-data', 'apache', 'httpd', 'daemon'].find((name) => known.includes(name)) ?? 'nobody';
}

function server(folder: string, port: number): string[] {
  const modules = moduleFolder()!;
  return [
    `ServerRoot "${folder}"`,
    'ServerName 127.0.0.1',
    `Listen 127.0.0.1:${port}`,
    `PidFile "${folder}/pid"`,
    `DefaultRuntimeDir "${folder}"`,
    `ErrorLog "${folder}/error.log"`,
    'LogLevel warn',
    ...MODULES.map((name) => [name, join(modules, `mod_${name}.so`)] as const)
      .filter(([, file]) => existsSync(file))
      .map(([name, file]) => `LoadModule ${name}_module "${file}"`),
    ...(userInfo().uid === 0 ? [`User ${worker()}`, `Group ${worker()}`] : []),
    'StartServers 1',
    'ServerLimit 1',
    'ThreadsPerChild 8',
    'MaxRequestWorkers 8',
    'LogFormat "%m %U%q %>s" plain',
    `CustomLog "${folder}/access.log" plain`,
    `DocumentRoot "${folder}/www"`,
  ];
}

function application(plan: ApachePlan, behind: number): string[] {
  const { redirectUri, loggedOut } = addresses(plan.port);
  const directives = {
    ProviderMetadataURL: `${plan.issuer}/.well-known/openid-configuration`,
    ClientID: plan.clientId,
    ClientSecret: plan.clientSecret,
    RedirectURI: redirectUri,
    DefaultLoggedOutURL: loggedOut,
    CryptoPassphrase: randomBytes(24).toString('hex'),
    SSLValidateServer: 'Off',
    Scope: '"openid profile email phone"',
    PKCEMethod: 'S256',
    RemoteUserClaim: 'sub',
    PassClaimsAs: 'headers',
    SessionType: 'server-cache',
    CacheType: 'shm',
    CookieSameSite: 'On',
    ...plan.directives,
  };
  return [
    ...Object.entries(directives).map(([name, value]) => `OIDC${name} ${value}`),
    '<Location "/app">',
    '  AuthType openid-connect',
    '  Require valid-user',
    '  RequestHeader set X-Remote-User "expr=%{REMOTE_USER}"',
    '</Location>',
    // Not all of /app: the module answers its redirect URI itself, and errors there would be followed by a second answer.
    `ProxyPass "/app/page" "http://127.0.0.1:${behind}/"`,
  ];
}
