/**
 * Load on one provider: `node load.ts PROFILE SCENARIO AT-ONCE SECONDS [WARM-UP-SECONDS]` prints one line of JSON. Meant for any OpenID
 * Provider whose login page is a form with a password; what to know of it is in the profile (see `Profile`).
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Dispatcher } from 'undici';
import { Pool } from 'undici';

export interface Profile {
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Never contacted. */
  readonly redirectUri: string;
  /** `%d` is a number below `users`. */
  readonly user: string;
  readonly users: number;
  readonly password: string;
  /** Names of the form's fields. */
  readonly fields: { readonly user: string; readonly password: string };
  /** Of the client_credentials grant. */
  readonly machineScope?: string;
  /** Processes whose time is counted, with all their children: the server's, and its database's. */
  readonly pids: { readonly server: readonly number[]; readonly database?: number };
  /** Where its nodes listen, when there are several (`http://127.0.0.1:8080`): each request goes to the next one. */
  readonly nodes?: readonly string[];
}

export interface Measured {
  readonly operations: number;
  readonly errors: number;
  readonly firstError?: string;
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  /** Milliseconds of CPU per operation. */
  readonly serverMs: number;
  readonly databaseMs: number;
}

export const SCENARIOS = ['code', 'sso', 'refresh', 'machine', 'userinfo', 'introspection'] as const;
export type Scenario = (typeof SCENARIOS)[number];

interface Metadata {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly userinfo_endpoint: string;
  readonly introspection_endpoint: string;
}

/** Cookies by path, as browsers keep them. */
class Jar {
  readonly #cookies = new Map<string, { readonly path: string; readonly pair: string }>();

  take(headers: Dispatcher.ResponseData['headers'], path: string): void {
    for (const line of [headers['set-cookie'] ?? []].flat()) {
      const [pair = '', ...attributes] = line.split(/;\s*/);
      const cookiePath = attributes.find((a) => /^path=/i.test(a))?.slice(5) ?? path;
      const name = `${pair.split('=')[0]} ${cookiePath}`;
      const isGone = attributes.some((a) => /^max-age=0$|^expires=thu, 01 jan 1970/i.test(a));
      if (isGone) this.#cookies.delete(name);
      else this.#cookies.set(name, { path: cookiePath, pair });
    }
  }

  header(path: string): Record<string, string> {
    const fitting = [...this.#cookies.values()].filter((c) => path.startsWith(c.path));
    return fitting.length > 0 ? { cookie: fitting.map(({ pair }) => pair).join('; ') } : {};
  }
}

export class Client {
  readonly #profile: Profile;
  readonly #pools: readonly Pool[];
  #sent = 0;
  #metadata: Metadata | undefined;

  constructor(profile: Profile, atOnce: number) {
    this.#profile = profile;
    const nodes = profile.nodes ?? [new URL(profile.issuer).origin];
    this.#pools = nodes.map((node) => new Pool(node, { connections: atOnce }));
  }

  async open(): Promise<void> {
    const { pathname } = new URL(this.#profile.issuer);
    const answer = await this.#send(`${pathname.replace(/\/$/, '')}/.well-known/openid-configuration`, {});
    this.#metadata = JSON.parse(answer.body);
  }

  close = () => Promise.all(this.#pools.map((pool) => pool.close()));

  /** Each call is one operation; what has to be there before is made first. */
  async operation(scenario: Scenario, worker: number): Promise<(turn: number) => Promise<void>> {
    if (scenario === 'code') return async (turn) => void (await this.#code(turn));
    if (scenario === 'machine') return () => this.#machine();
    const jar = new Jar();
    const tokens = await this.#code(worker, jar, scenario === 'refresh');
    if (scenario === 'sso')
      return async () => void (await this.#token(await this.#authorize(jar, { prompt: 'none' })));
    if (scenario === 'refresh') {
      let token = tokens.refresh_token ?? '';
      return async () => {
        const form = { grant_type: 'refresh_token', refresh_token: token };
        token = (await this.#post('token_endpoint', form)).refresh_token ?? token;
      };
    }
    if (scenario === 'userinfo') return () => this.#userinfo(tokens.access_token ?? '');
    return async () => {
      const { active } = await this.#post('introspection_endpoint', { token: tokens.access_token ?? '' });
      if (active !== (true as unknown)) throw new Error('the token is not active');
    };
  }

  async #code(turn: number, jar = new Jar(), isOffline = false): Promise<Record<string, string>> {
    const offline = { scope: 'openid profile email offline_access', prompt: 'consent' };
    const page = await this.#authorize(jar, isOffline ? offline : {}, turn);
    const tokens = await this.#token(page);
    if (!isOffline) await this.#userinfo(tokens.access_token ?? '');
    return tokens;
  }

  async #authorize(jar: Jar, more: Record<string, string>, turn?: number) {
    const { clientId, redirectUri, fields, user, users, password } = this.#profile;
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      client_id: clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid profile email',
      state: randomBytes(12).toString('base64url'),
      nonce: randomBytes(12).toString('base64url'),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...more,
    });
    let at = `${this.#metadata?.authorization_endpoint}?${query}`;
    let form: URLSearchParams | undefined;
    for (let hops = 0; hops < 12; hops++) {
      const { pathname, search } = new URL(at, this.#profile.issuer);
      const answer = await this.#send(pathname + search, { jar, ...(form ? { form } : {}) });
      form = undefined;
      if (answer.location) {
        at = new URL(answer.location, new URL(at, this.#profile.issuer)).href;
        if (at.startsWith(redirectUri)) return { code: codeIn(at), verifier };
        continue;
      }
      const [, tag = '', inside = ''] =
        /<form([^>]*method="post"[^>]*)>([\s\S]*?)<\/form>/i.exec(answer.body) ?? [];
      if (!tag || turn === undefined) throw new Error(`status ${answer.status} instead of a login page`);
      form = new URLSearchParams();
      for (const [, input = ''] of inside.matchAll(/<input([^>]*)>/gi)) {
        const attribute = (name: string) => new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(input)?.[1];
        if (attribute('type') === 'hidden') form.set(attribute('name') ?? '', attribute('value') ?? '');
      }
      if (inside.includes(`name="${fields.password}"`)) {
        form.set(fields.user, user.replace('%d', String(turn % users)));
        form.set(fields.password, password);
      } else form.set('choice', 'continue');
      const action = (/action="([^"]*)"/i.exec(tag)?.[1] ?? at).replaceAll('&amp;', '&');
      at = new URL(action, new URL(at, this.#profile.issuer)).href;
    }
    throw new Error('more than twelve pages');
  }

  #token({ code, verifier }: { readonly code: string; readonly verifier: string }) {
    const { redirectUri } = this.#profile;
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    };
    return this.#post('token_endpoint', form);
  }

  async #machine(): Promise<void> {
    const { machineScope } = this.#profile;
    await this.#post('token_endpoint', {
      grant_type: 'client_credentials',
      ...(machineScope ? { scope: machineScope } : {}),
    });
  }

  async #userinfo(token: string): Promise<void> {
    const { pathname } = new URL(this.#metadata!.userinfo_endpoint);
    const answer = await this.#send(pathname, { headers: { authorization: `Bearer ${token}` } });
    if (answer.status !== 200) throw new Error(`userinfo answers ${answer.status}`);
  }

  async #post(endpoint: keyof Metadata, form: Record<string, string>): Promise<Record<string, string>> {
    const { clientId, clientSecret } = this.#profile;
    const { pathname } = new URL(this.#metadata![endpoint]);
    const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    const answer = await this.#send(pathname, {
      headers: { authorization },
      form: new URLSearchParams(form),
    });
    if (answer.status !== 200)
      throw new Error(`${endpoint} answers ${answer.status}: ${answer.body.slice(0, 200)}`);
    return JSON.parse(answer.body);
  }

  async #send(
    path: string,
    { jar, form, headers }: { jar?: Jar; form?: URLSearchParams; headers?: Record<string, string> },
  ) {
    const pool = this.#pools[this.#sent++ % this.#pools.length]!;
    const answer = await pool.request({
      path,
      method: form ? 'POST' : 'GET',
      headers: {
        host: new URL(this.#profile.issuer).host,
        accept: headers ? 'application/json' : 'text/html',
        ...jar?.header(path.split('?')[0] ?? ''),
        ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        ...headers,
      },
      ...(form ? { body: form.toString() } : {}),
    });
    jar?.take(answer.headers, path.split('?')[0] ?? '');
    const body = await answer.body.text();
    return { status: answer.statusCode, location: answer.headers.location as string | undefined, body };
  }
}

function codeIn(url: string): string {
  const { searchParams } = new URL(url);
  const code = searchParams.get('code');
  if (!code) throw new Error(`no code but ${searchParams.get('error')}`);
  return code;
}

/** Milliseconds of CPU of a process and all below it, those that have ended included. */
export function cpuMs(pid: number | undefined): number {
  if (pid === undefined) return 0;
  let ticks = 0;
  for (const one of treeOf(pid)) {
    const stat = read(`/proc/${one}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
  }
  return ticks * 10;
}

function treeOf(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim();
  return [
    pid,
    ...children
      .split(' ')
      .filter(Boolean)
      .flatMap((child) => treeOf(Number(child))),
  ];
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

async function measure(
  client: Client,
  { pids }: Profile,
  {
    scenario,
    atOnce,
    seconds,
    warmUp,
  }: { scenario: Scenario; atOnce: number; seconds: number; warmUp: number },
): Promise<Measured> {
  const operations = await Promise.all(
    Array.from({ length: atOnce }, (_, worker) => client.operation(scenario, worker)),
  );
  let turn = 0;
  let times: number[] = [];
  let errors = 0;
  let firstError: string | undefined;
  const until = async (end: number) => {
    await Promise.all(
      operations.map(async (operation) => {
        while (performance.now() < end) {
          const startedAt = performance.now();
          await operation(turn++).then(
            () => times.push(performance.now() - startedAt),
            (error: Error) => {
              errors += 1;
              firstError ??= error.message;
            },
          );
        }
      }),
    );
  };
  await until(performance.now() + warmUp * 1000);
  times = [];
  const serverMs = () => pids.server.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const before = { server: serverMs(), database: cpuMs(pids.database), at: performance.now() };
  await until(performance.now() + seconds * 1000);
  const took = (performance.now() - before.at) / 1000;
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return {
    operations: sorted.length,
    errors,
    ...(firstError ? { firstError } : {}),
    p50: at(0.5),
    p99: at(0.99),
    perSecond: sorted.length / took,
    serverMs: (serverMs() - before.server) / sorted.length,
    databaseMs: (cpuMs(pids.database) - before.database) / sorted.length,
  };
}

if (import.meta.main) {
  const [file = '', scenario = 'code', atOnce = '4', seconds = '3', warmUp = '1.5'] = process.argv.slice(2);
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const client = new Client(profile, Number(atOnce));
  await client.open();
  const how = { scenario: scenario as Scenario, atOnce: Number(atOnce), seconds: Number(seconds) };
  console.log(JSON.stringify(await measure(client, profile, { ...how, warmUp: Number(warmUp) })));
  await client.close();
}
