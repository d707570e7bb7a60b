/**
 * A private Keycloak on loopback, its database in memory. It comes from Maven Central; nothing is downloaded here:
 * `mvn dependency:get -Dartifact=org.keycloak:keycloak-quarkus-dist:26.7.3:tar.gz -Dtransitive=false`. Unpacked and built
 * once, beside the archive.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Answer } from '../support/browser.ts';
import { Browser } from '../support/browser.ts';
import { freePort } from '../support/ports.ts';
import type { Requirement } from '../support/requires.ts';
import { requires } from '../support/requires.ts';

const VERSION = '26.7.3';
const INSTALL = `mvn dependency:get -Dartifact=org.keycloak:keycloak-quarkus-dist:${VERSION}:tar.gz -Dtransitive=false`;
const REPOSITORY = process.env.MAVEN_REPOSITORY ?? join(homedir(), '.m2', 'repository');
const FOLDER = join(REPOSITORY, 'org/keycloak/keycloak-quarkus-dist', VERSION);
const ARCHIVE = join(FOLDER, `keycloak-quarkus-dist-${VERSION}.tar.gz`);
/** With the options of `BUILD` compiled in. */
const BUILT = join(FOLDER, 'built-for-tests');
const BUILD = ['build', '--db=dev-mem'];

/** Two cores and little time: the compiler that is done soon, and the collector with one thread. */
const JAVA_OPTS = [
  '-Xms128m',
  '-Xmx512m',
  '-XX:MaxMetaspaceSize=256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
  '-Dfile.encoding=UTF-8',
].join(' ');

/** For `describe.skipIf(requiresKeycloak().skip)(…)`. */
export function requiresKeycloak(): Requirement {
  const java = requires('Keycloak', 'java');
  if (java.skip || existsSync(ARCHIVE)) return java;
  const missing = `Keycloak is not there: ${INSTALL}`;
  if (process.env.FOOTBRIDGE_REQUIRE_SERVERS === '1') throw new Error(missing);
  return { path: undefined, skip: true, name: `Keycloak [skipped: ${missing}]` };
}

export interface Keycloak {
  readonly url: string;
  /** Milliseconds until it answered. */
  readonly startedInMs: number;
  /** As its administrator; `path` is what follows `/admin/realms`. Throws for an answer that is no success. */
  admin<T = unknown>(method: string, path: string, body?: object): Promise<T>;
  /** All it has written. */
  output(): string;
  stop(): Promise<void>;
}

const STARTS_WITHIN_MS = 280_000;
const PAUSE_MS = 200;
const ADMIN = 'bootstrap';

export async function startKeycloak(): Promise<Keycloak> {
  await build();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const secret = randomBytes(24).toString('hex');
  const startedAt = performance.now();
  const server = spawn('sh', ['-c', ENDS_WITH_INPUT, join(BUILT, 'bin/kc.sh'), ...startOptions(port)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      JAVA_OPTS,
      KC_BOOTSTRAP_ADMIN_CLIENT_ID: ADMIN,
      KC_BOOTSTRAP_ADMIN_CLIENT_SECRET: secret,
    },
  });
  const chunks: Buffer[] = [];
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
  const output = () => Buffer.concat(chunks).toString();
  const exited = once(server, 'exit');
  const stop = async () => {
    server.stdin.end();
    await exited;
  };
  for (;;) {
    const known = `${url}/realms/master/.well-known/openid-configuration`;
    const answer = await new Browser().visit(known, { headers: { accept: '*/*' } }).catch(() => undefined);
    if (answer?.status === 200) break;
    if (
      server.exitCode === null &&
      server.signalCode === null &&
      performance.now() - startedAt < STARTS_WITHIN_MS
    ) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      continue;
    }
    await stop();
    throw new Error(`Keycloak did not start: ${output()}`);
  }
  const startedInMs = Math.round(performance.now() - startedAt);
  return { url, startedInMs, admin: administrator(url, secret), output, stop };
}

/** Keycloak gets the signal when our end of its input closes, so that it never outlives the test. */
const ENDS_WITH_INPUT = 'exec 3<&0; { cat <&3 >/dev/null; kill -TERM $$; } & exec "$0" "$@" </dev/null 3<&-';

const startOptions = (port: number) => [
  'start',
  '--optimized',
  '--cache=local',
  '--http-enabled=true',
  '--http-host=127.0.0.1',
  `--http-port=${port}`,
  '--hostname-strict=false',
];

/** Two tests may do so at once: each in a folder of its own, and the second finds that it is done. */
async function build(): Promise<void> {
  if (existsSync(BUILT)) return;
  const run = promisify(execFile);
  const folder = mkdtempSync(join(FOLDER, 'unpacked-'));
  try {
    await run('tar', ['-xzf', ARCHIVE, '-C', folder, '--strip-components=1']);
    await run(join(folder, 'bin/kc.sh'), BUILD, { env: { ...process.env, JAVA_OPTS } });
    renameSync(folder, BUILT);
  } catch (error) {
    if (!existsSync(BUILT)) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function administrator(url: string, secret: string): Keycloak['admin'] {
  const browser = new Browser();
  let token: string | undefined;
  const logIn = async () => {
    const answer = await browser.visit(`${url}/realms/master/protocol/openid-connect/token`, {
      form: { grant_type: 'client_credentials' },
      headers: { authorization: `Basic ${Buffer.from(`${ADMIN}:${secret}`).toString('base64')}` },
    });
    token = answer.json<{ access_token: string }>().access_token;
  };
  const ask = (method: string, path: string, body?: object): Promise<Answer> =>
    browser.visit(`${url}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  return async <T>(method: string, path: string, body?: object) => {
    if (token === undefined) await logIn();
    let answer = await ask(method, path, body);
    if (answer.status === 401) {
      await logIn();
      answer = await ask(method, path, body);
    }
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return (answer.body === '' ? undefined : answer.json()) as T;
  };
}
