/**
 * What the OpenID Foundation's conformance suite and the configurations beside this file need: somebody who can log in,
 * secrets and keys for its clients, and the suite's own configurations with them. All of it is made anew, for this machine.
 *
 *   npx node example/conformance/make-suite.ts FOLDER https://op.example.com
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import bcrypt from 'bcrypt';

/** The suite's own, when it runs where it is built. */
const ALIAS = 'footbridge';
const BCRYPT_ROUNDS = 10;

export interface Made {
  readonly username: string;
  readonly password: string;
  /** For the configurations. */
  readonly env: Readonly<Record<string, string>>;
}

/** Nothing is written over: who logs in with the old ones would be out. */
export async function makeSuite(folder: string, issuer: string): Promise<Made> {
  const at = (name: string) => join(resolve(folder), name);
  if (existsSync(at('suite.env'))) throw new Error(`${at('suite.env')} is there already and stays as it is`);
  mkdirSync(folder, { recursive: true });
  const person = { username: 'suite', password: randomText() };
  await makePeople(at('people.sqlite'), person);
  const secrets = { one: randomText(), two: randomText(), post: randomText() };
  const keys = [newKey(1), newKey(2)] as const;
  const env = {
    FOOTBRIDGE_MASTER_KEY: randomBytes(32).toString('base64'),
    CONFORMANCE_ISSUER: issuer,
    CONFORMANCE_PEOPLE: at('people.sqlite'),
    CONFORMANCE_SECRET_1: secrets.one,
    CONFORMANCE_SECRET_2: secrets.two,
    CONFORMANCE_SECRET_POST: secrets.post,
    ...publicPart(1, keys[0]),
    ...publicPart(2, keys[1]),
  };
  const lines = Object.entries(env).map(([name, value]) => `${name}='${value}'\n`);
  const write = (name: string, text: string) => writeFileSync(at(name), text, { mode: 0o600, flag: 'wx' });
  write('suite.env', lines.join(''));
  const server = { discoveryUrl: `${issuer}/.well-known/openid-configuration`, login_hint: person.username };
  write('suite-openid.json', json(openidConfiguration(server, secrets)));
  write('suite-fapi.json', json(fapiConfiguration(server, issuer, keys)));
  return { ...person, env };
}

type Server = Readonly<Record<string, string>>;
type Key = Readonly<Record<string, unknown>>;

function openidConfiguration(server: Server, secrets: { one: string; two: string; post: string }) {
  const client = (client_id: string, client_secret: string) => ({ client_id, client_secret });
  return {
    alias: ALIAS,
    description: 'Footbridge, OpenID Connect',
    server,
    client: client('suite-1', secrets.one),
    client2: client('suite-2', secrets.two),
    client_secret_post: client('suite-post', secrets.post),
  };
}

function fapiConfiguration(server: Server, issuer: string, [one, two]: readonly [Key, Key]) {
  // With offline_access the suite looks at refresh tokens, too.
  const scope = 'openid offline_access';
  const client = (client_id: string, key: Key) => ({ client_id, scope, jwks: { keys: [key] } });
  return {
    alias: ALIAS,
    description: 'Footbridge, FAPI 2.0 Security Profile',
    server,
    client: client('suite-1', one),
    client2: client('suite-2', two),
    resource: { resourceUrl: `${issuer}/me` },
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const randomText = (): string => randomBytes(24).toString('base64url');

function newKey(number: number): Key {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: `suite-${number}`, alg: 'ES256', use: 'sig' };
}

const publicPart = (number: number, { x, y }: Key) => ({
  [`CONFORMANCE_KEY_${number}_X`]: String(x),
  [`CONFORMANCE_KEY_${number}_Y`]: String(y),
});

/** Somebody with all the claims that a mapping knows: the suite warns of each that is missing. */
async function makePeople(file: string, { username, password }: { username: string; password: string }) {
  const person = {
    id: 1,
    username,
    password: await bcrypt.hash(password, BCRYPT_ROUNDS),
    email: 'suite@example.com',
    email_verified: 1,
    phone: '+41440000000',
    phone_verified: 1,
    given_name: 'Con',
    family_name: 'Formance',
    nickname: 'suite',
    picture: 'https://example.com/suite.png',
    locale: 'en',
    zoneinfo: 'Europe/Zurich',
    updated_at: '2026-01-01T00:00:00Z',
  };
  const db = new DatabaseSync(file);
  const columns = Object.keys(person);
  db.exec(
    `create table people (${columns.map((name) => (name === 'id' ? 'id integer primary key' : name)).join(', ')})`,
  );
  db.prepare(`insert into people values (${columns.map(() => '?').join(', ')})`).run(
    ...Object.values(person),
  );
  db.close();
}

if (import.meta.main) {
  const [folder, issuer] = process.argv.slice(2);
  if (!folder || !issuer?.startsWith('https://')) {
    process.stderr.write('npx node example/conformance/make-suite.ts FOLDER https://op.example.com\n');
    process.exit(2);
  }
  const { username, password } = await makeSuite(folder, issuer);
  process.stdout.write(`Written to ${folder}. Log in to the suite’s pages as ${username} with ${password}\n`);
}
