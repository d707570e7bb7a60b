/**
 * Whether time tells a stranger anything: refused logins of different kinds, in shuffled order, at the real login page
 * with real hashes. Prints the median of each kind and how far it is from that of an unknown user.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { openDemo } from '../example/demo/main.ts';
import { openApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { Browser, field } from '../test/support/browser.ts';

const SAMPLES = 40;
const KINDS: Record<string, (i: number) => string> = {
  unknown: (i) => `nobody${i}`,
  bcrypt: () => 'anna',
  pbkdf2: () => 'juergen',
  'plain md5': () => 'wanda',
  argon2id: () => 'yusuf',
  'no readable hash': () => 'hana',
  locked: () => 'oskar',
};

const data = mkdtempSync(join(tmpdir(), 'footbridge-bench-'));
const demo = await openDemo({ data, port: 19_000, log: () => undefined });
const settings = parse(readFileSync(demo.configFile, 'utf8'));
const issuer = 'http://127.0.0.1:19002';
Object.assign(settings.provider, { issuer, login: { accountFailures: 100, networkFailures: 100_000 } });
settings.listen = { public: { port: 19_002 }, private: { port: 19_003 } };
const file = join(data, 'bench.yaml');
writeFileSync(file, stringify(settings), { mode: 0o600 });
const app = await openApp(loadConfig(file));

const times: Record<string, number[]> = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, []]));
const order = Object.keys(KINDS).flatMap((kind) => Array.from({ length: SAMPLES }, (_, i) => ({ kind, i })));
order.sort(() => Math.random() - 0.5);
const callback = `http://127.0.0.1:${demo.ports.target}/idps/callback`;
const start = `${issuer}/auth?client_id=demo-target&redirect_uri=${encodeURIComponent(callback)}&response_type=code&scope=openid`;
for (const { kind, i } of order) {
  const browser = new Browser();
  const page = await browser.follow(start, callback);
  const form = {
    username: KINDS[kind]!(i),
    password: 'wrong',
    form_token: field(page.body, 'form_token') ?? '',
  };
  const before = performance.now();
  const answer = await browser.visit(page.url, { form });
  times[kind]!.push(performance.now() - before);
  if (answer.status !== 401) throw new Error(`${kind} answered ${answer.status}`);
}
await app.close();
await demo.close();
rmSync(data, { recursive: true, force: true });

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const reference = median(times.unknown!);
for (const [kind, values] of Object.entries(times)) {
  const own = median(values);
  console.log(
    `${kind.padEnd(18)} ${own.toFixed(1).padStart(8)} ms  ${(own - reference).toFixed(1).padStart(6)} ms from unknown`,
  );
}
