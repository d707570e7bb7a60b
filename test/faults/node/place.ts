/** A Footbridge as its operator starts it, a process of its own, with people in a legacy database and one client. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import bcrypt from 'bcrypt';
import { stringify } from 'yaml';
import { schemaUp } from '../../../src/store/schema.ts';
import { until } from '../../flows/server.ts';
import type { Settings } from '../../flows/zitadel/settings.ts';
import { basic, CALLBACK, CHALLENGE, CLIENT, codeOf, submitLogin, VERIFIER } from '../../provider/harness.ts';
import { Browser } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { freePort } from '../../support/ports.ts';
import { testDatabase } from '../../support/postgres.ts';
import { startNode } from './node-process.ts';

export const PASSWORD = 'everybody has the same one';
/** Cheap to verify: most faults are not about hashing. */
const CHEAP_HASH = await bcrypt.hash(PASSWORD, 4);
const PEOPLE = 100;

export interface PlaceOptions {
  readonly databaseUrl: string;
  /** How the server reaches the legacy store, if not straight. */
  readonly legacyUrl?: (url: string) => Promise<string> | string;
  readonly hash?: { readonly format: string; readonly text: string };
  readonly people?: number;
  readonly change?: (settings: Settings) => void;
  /** A file's descriptor, for its log. */
  readonly stderr?: number;
}

export type Place = Awaited<ReturnType<typeof openPlace>>;

export async function openPlace(options: PlaceOptions) {
  const { databaseUrl, hash = { format: 'bcrypt', text: CHEAP_HASH }, people = PEOPLE } = options;
  const legacy = await testDatabase({ empty: true });
  const folder = await mkdtemp(join(tmpdir(), 'footbridge-place-'));
  const clear = async () => {
    await legacy.drop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await execute(legacy.url, 'create table people (id int primary key, login text unique, password text)');
    const add = `insert into people select n, 'person' || n, $1 from generate_series(1, $2::int) as n`;
    await execute(legacy.url, add, [hash.text, people]);
    await schemaUp({ url: databaseUrl });
    const [port, inner] = [await freePort(), await freePort()];
    const issuer = `http://127.0.0.1:${port}`;
    const settings = settingsFor({
      issuer,
      ports: [port, inner],
      databaseUrl,
      legacyUrl: (await options.legacyUrl?.(legacy.url)) ?? legacy.url,
      format: hash.format,
    });
    options.change?.(settings);
    const configFile = join(folder, 'footbridge.yaml');
    await writeFile(configFile, stringify(settings), { mode: 0o600 });
    const { stderr = 'pipe' } = options;
    const node = await startNode(configFile, { issuer, stderr });
    return {
      issuer,
      port,
      inside: `http://127.0.0.1:${inner}`,
      node,
      legacyUrl: legacy.url,
      close: () => node.end().finally(clear),
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

interface Ends {
  readonly issuer: string;
  readonly ports: readonly [number, number];
  readonly databaseUrl: string;
  readonly legacyUrl: string;
  readonly format: string;
}

function settingsFor({ issuer, ports: [port, inner], databaseUrl, legacyUrl, format }: Ends): Settings {
  return {
    database: { url: databaseUrl },
    masterKey: randomBytes(32).toString('base64'),
    listen: { public: { port }, private: { port: inner } },
    log: { level: 'debug' },
    provider: {
      issuer,
      // Everybody comes from an address of their own, as through a balancer.
      trustedProxies: ['127.0.0.1'],
      login: { failureFloorMs: 0 },
      clients: [
        {
          clientId: CLIENT.id,
          secret: CLIENT.secret,
          redirectUris: [CALLBACK],
          grantTypes: ['authorization_code', 'client_credentials'],
        },
      ],
    },
    legacy: {
      store: 'shop',
      sql: { engine: 'postgresql', connection: legacyUrl, table: 'people', login: ['login'] },
      mapping: { username: 'login', password: [{ format, columns: { password: 'password' } }] },
    },
  };
}

/** What these functions need of a place. */
export type Door = Pick<Place, 'issuer'>;

export const personOf = (at: number) => ({ login: `person${(at % PEOPLE) + 1}`, password: PASSWORD });

/** An address of their own, for the n-th who comes. */
export const from = (at: number) => ({
  'x-forwarded-for': `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`,
});

export function authorizationUrl({ issuer }: Door, params: Record<string, string> = {}): string {
  const query = {
    client_id: CLIENT.id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid',
    state: 's',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...params,
  };
  return `${issuer}/auth?${new URLSearchParams(query)}`;
}

/** Through the login page, to wherever that leads. */
export async function logIn(door: Door, browser: Browser, at = 0) {
  const page = await browser.follow(authorizationUrl(door), CALLBACK);
  return page.status === 200 ? submitLogin(browser, page, personOf(at)) : page;
}

/** A login without a page, as apps do for whoever has a session. */
export const silently = (door: Door, browser: Browser) =>
  browser.follow(authorizationUrl(door, { prompt: 'none' }), CALLBACK);

export const isIn = ({ location }: { location: string | undefined }) => codeOf(location) !== '';

export const redeem = (door: Door, code: string) =>
  new Browser().visit(`${door.issuer}/token`, {
    form: { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER },
    headers: { ...basic(), accept: 'application/json' },
  });

/** A token for the client itself: one statement, no person. */
export const machineToken = (door: Door) =>
  new Browser().visit(`${door.issuer}/token`, {
    form: { grant_type: 'client_credentials' },
    headers: { ...basic(), accept: 'application/json' },
  });

export const userinfo = (door: Door, token: string) =>
  new Browser().visit(`${door.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });

/** Somebody who is logged in, and a token of theirs. */
export async function settled(door: Door, at = 0): Promise<{ browser: Browser; token: string }> {
  const browser = new Browser();
  const { status, location } = await logIn(door, browser, at);
  if (!isIn({ location })) throw new Error(`nobody was logged in: ${status} ${location}`);
  const answer = await redeem(door, codeOf(location));
  return { browser, token: String(answer.json().access_token) };
}

/** Milliseconds until it is so; a refused connection is not yet. */
export async function untilSo(condition: () => Promise<boolean>, timeoutMs: number): Promise<number> {
  const startedAt = performance.now();
  await until(condition, timeoutMs);
  return performance.now() - startedAt;
}
