/**
 * What a verification costs beside the bare primitive, side by side, and whether the rest of the server answers while
 * every slot is hashing. Prints ratios; of each pair the first quartiles.
 */
import { pbkdf2, scrypt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import argon2 from 'argon2';
import bcrypt from 'bcrypt';
import { parse, stringify } from 'yaml';
import { openDemo } from '../example/demo/main.ts';
import { openApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { passwordSettings } from '../src/credentials/password-settings.ts';
import { openPasswords } from '../src/credentials/passwords.ts';
import type { StoredPassword } from '../src/user.ts';
import { Browser, field } from '../test/support/browser.ts';

const ROUNDS = 60;
const PASSWORD = 'correct horse battery staple';
const salt = Buffer.from('0123456789abcdef');
const ab64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '').replaceAll('+', '.');

interface Pair {
  readonly name: string;
  readonly stored: StoredPassword;
  bare(): Promise<unknown>;
}

const text = (hash: string): StoredPassword => ({ format: 'auto', columns: { hash } });
const derived = async (digest: string, iterations: number) =>
  promisify(pbkdf2)(PASSWORD, salt, iterations, 32, digest);

async function pairs(): Promise<Pair[]> {
  const bcryptHash = await bcrypt.hash(PASSWORD, 10);
  const argon2Hash = await argon2.hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  const scryptCosts = { N: 16_384, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
  const scryptKey = await promisify<string, Buffer, number, object, Buffer>(scrypt)(
    PASSWORD,
    salt,
    32,
    scryptCosts,
  );
  const sha256 = await derived('sha256', 310_000);
  const sha512 = await derived('sha512', 120_000);
  return [
    { name: 'bcrypt 10', stored: text(bcryptHash), bare: () => bcrypt.compare(PASSWORD, bcryptHash) },
    { name: 'argon2id 19 MiB', stored: text(argon2Hash), bare: () => argon2.verify(argon2Hash, PASSWORD) },
    {
      name: 'pbkdf2-sha256 310,000',
      stored: text(`$pbkdf2-sha256$310000$${ab64(salt)}$${ab64(sha256)}`),
      bare: () => derived('sha256', 310_000),
    },
    {
      name: 'pbkdf2-sha512 120,000',
      stored: text(`$pbkdf2-sha512$120000$${ab64(salt)}$${ab64(sha512)}`),
      bare: () => derived('sha512', 120_000),
    },
    {
      name: 'scrypt 2^14',
      stored: text(`$scrypt$ln=14,r=8,p=1$${ab64(salt)}$${ab64(scryptKey)}`),
      bare: () => promisify<string, Buffer, number, object, Buffer>(scrypt)(PASSWORD, salt, 32, scryptCosts),
    },
  ];
}

const passwords = openPasswords(passwordSettings.parse({ queueLength: 10_000, queueWaitSeconds: 60 }));
/** Of what others on the machine slow down, the faster half says more. */
const quartile = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 4)]!;
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const all = await pairs();
for (const { name, stored, bare } of all) {
  if (!(await passwords.verify(stored, PASSWORD)).verified) throw new Error(`${name} does not verify`);
  const [ours, primitive]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await timed(() => passwords.verify(stored, PASSWORD)));
    primitive.push(await timed(bare));
  }
  const [a, b] = [quartile(ours), quartile(primitive)];
  console.log(
    `${name.padEnd(24)} ${a.toFixed(2).padStart(8)} ms, bare ${b.toFixed(2).padStart(8)} ms: ${(a / b).toFixed(3)}`,
  );
}

await passwords.close();

// Logins keep every slot of a real server busy while its keys are asked for again and again.
const data = mkdtempSync(join(tmpdir(), 'footbridge-bench-'));
const demo = await openDemo({ data, port: 19_000, log: () => undefined });
const settings = parse(readFileSync(demo.configFile, 'utf8'));
const issuer = 'http://127.0.0.1:19002';
Object.assign(settings.provider, {
  issuer,
  login: { accountFailures: 100, networkFailures: 100_000, failureFloorMs: 0 },
});
settings.listen = { public: { port: 19_002 }, private: { port: 19_003 } };
const file = join(data, 'bench.yaml');
writeFileSync(file, stringify(settings), { mode: 0o600 });
const app = await openApp(loadConfig(file));
const callback = `http://127.0.0.1:${demo.ports.target}/idps/callback`;
const start = `${issuer}/auth?client_id=demo-target&redirect_uri=${encodeURIComponent(callback)}&response_type=code&scope=openid`;
let isOpen = true;
let logins = 0;
const storm = Array.from({ length: 16 }, async () => {
  const browser = new Browser();
  const page = await browser.follow(start, callback);
  const form_token = field(page.body, 'form_token') ?? '';
  // Nobody by these names: each costs a hash, and none is slowed for having failed before.
  while (isOpen) {
    logins += 1;
    await browser.visit(page.url, { form: { username: `nobody${logins}`, password: 'wrong', form_token } });
  }
});
const waits: number[] = [];
for (let asked = 0; asked < 1_000; asked++)
  waits.push(await timed(async () => (await fetch(`${issuer}/jwks`)).text()));
isOpen = false;
await Promise.all(storm);
await app.close();
await demo.close();
rmSync(data, { recursive: true, force: true });
const p99 = waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.99)]!;
console.log(
  `/jwks while ${logins} logins hash: p50 ${median(waits).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
);
