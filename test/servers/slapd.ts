/** A private OpenLDAP server (slapd) on loopback, in a folder of its own, gone with the test. */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/ports.ts';
import { requires } from '../support/requires.ts';

export const SUFFIX = 'dc=legacy,dc=example';
export const ADMIN = { dn: `cn=admin,${SUFFIX}`, password: 'admin-secret' } as const;

/** Where Debian, Fedora and Alpine put modules; Debian has pw-pbkdf2 in a package of its own, slapd-contrib. */
const MODULE_FOLDERS = [
  ...(process.env.SLAPD_MODULES ? [process.env.SLAPD_MODULES] : []),
  '/usr/lib/ldap',
  '/usr/lib64/openldap',
  '/usr/lib/openldap',
];
const SCHEMA_FOLDER = ['/etc/ldap/schema', '/etc/openldap/schema'].find(existsSync);
const STARTS_WITHIN_MS = 30_000;
const PAUSE_MS = 25;

/** For `describe.skipIf(requiresSlapd().skip)(…)`. */
export const requiresSlapd = () => requires('OpenLDAP', 'slapd');
export const hasModule = (name: string) => MODULE_FOLDERS.some((at) => existsSync(join(at, `${name}.so`)));

export interface SlapdPlan {
  /** Loaded before the start. */
  readonly ldif: string;
  /** Lines of slapd.conf before the database (attribute types, other databases) and in it (overlays, limits, rights). */
  readonly global?: readonly string[];
  readonly database?: readonly string[];
  readonly certificate?: { readonly cert: string; readonly key: string; readonly ca: string };
  /** Entries that an overlay makes in the background once the server runs: it has started when they are there. */
  readonly makes?: readonly string[];
}

export interface Slapd {
  readonly url: string;
  readonly port: number;
  /** Only with a certificate. */
  readonly tlsUrl: string;
  /** Stops and starts again on the same ports. */
  restart(): Promise<void>;
  halt(): Promise<void>;
  /** As the administrator, through ldapmodify. */
  change(ldif: string): void;
  stop(): Promise<void>;
}

export async function startSlapd(plan: SlapdPlan): Promise<Slapd> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-slapd-'));
  const [port, tlsPort] = [await freePort(), await freePort()];
  const url = `ldap://127.0.0.1:${port}`;
  const tlsUrl = `ldaps://127.0.0.1:${tlsPort}`;
  const config = join(folder, 'slapd.conf');
  mkdirSync(join(folder, 'db'));
  writeFileSync(config, configuration(folder, plan), { mode: 0o600 });
  writeFileSync(join(folder, 'start.ldif'), plan.ldif);
  run('slapadd', ['-q', '-f', config, '-b', SUFFIX, '-l', join(folder, 'start.ldif')]);

  let server: ChildProcess;
  const start = async () => {
    const urls = plan.certificate ? `${url} ${tlsUrl}` : url;
    server = spawn(requiresSlapd().path!, ['-d', '0', '-h', urls, '-f', config], { stdio: 'ignore' });
    await listening(port, server);
    for (const dn of plan.makes ?? []) await made(url, dn, server);
  };
  const halt = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGTERM');
    await gone;
  };
  await start();
  return {
    url,
    port,
    tlsUrl,
    async restart() {
      await halt();
      await start();
    },
    halt,
    change(ldif) {
      run('ldapmodify', [...asAdmin(url), '-M'], ldif);
    },
    async stop() {
      await halt();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const MODULES = [
  'back_mdb',
  'pw-sha2',
  'pw-pbkdf2',
  'argon2',
  'ppolicy',
  'memberof',
  'syncprov',
  'accesslog',
];

function configuration(folder: string, { global = [], database = [], certificate }: SlapdPlan): string {
  return [
    ...['core', 'cosine', 'inetorgperson', 'nis'].map((name) => `include ${SCHEMA_FOLDER}/${name}.schema`),
    `modulepath ${MODULE_FOLDERS.filter(existsSync).join(':')}`,
    ...MODULES.filter(hasModule).map((name) => `moduleload ${name}`),
    `pidfile ${folder}/slapd.pid`,
    ...(certificate
      ? [
          `TLSCertificateFile ${certificate.cert}`,
          `TLSCertificateKeyFile ${certificate.key}`,
          `TLSCACertificateFile ${certificate.ca}`,
        ]
      : []),
    ...global,
    'database mdb',
    'maxsize 16777216',
    `suffix "${SUFFIX}"`,
    `rootdn "${ADMIN.dn}"`,
    `rootpw ${ADMIN.password}`,
    `directory ${folder}/db`,
    ...database,
    '',
  ].join('\n');
}

function run(binary: string, args: readonly string[], input = ''): void {
  const { status, stderr } = spawnSync(requires(binary).path ?? binary, args, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${binary} failed: ${stderr}`);
}

const asAdmin = (url: string) => ['-x', '-H', url, '-D', ADMIN.dn, '-w', ADMIN.password];

async function until(isSo: () => Promise<boolean>, server: ChildProcess): Promise<void> {
  for (let waitedMs = 0; waitedMs < STARTS_WITHIN_MS && server.exitCode === null; waitedMs += PAUSE_MS) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(server.exitCode === null ? 'slapd does not answer' : 'slapd ended while starting');
}

const listening = (port: number, server: ChildProcess): Promise<void> =>
  until(async () => {
    const socket = connect(port, '127.0.0.1');
    const answers = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    return answers;
  }, server);

const made = (url: string, dn: string, server: ChildProcess): Promise<void> =>
  until(async () => {
    const { status } = spawnSync('ldapsearch', [...asAdmin(url), '-b', dn, '-s', 'base', '1.1']);
    return status === 0;
  }, server);
