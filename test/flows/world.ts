/** The whole demo world on ports of its own, with a database server of its own: what flow tests walk through. */
import { createHash, randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningDemo } from '../../example/demo/main.ts';
import { openDemo } from '../../example/demo/main.ts';
import type { Person } from '../../example/demo/people.ts';
import { PEOPLE } from '../../example/demo/people.ts';
import { PortBusyError } from '../../src/listener.ts';
import { Browser, field } from '../support/browser.ts';
import { tellRows } from '../support/database.ts';

export const VERIFIER = 'v'.repeat(64);
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

export interface World extends RunningDemo {
  readonly data: string;
  readonly clientSecret: string;
  readonly hookKey: string;
  readonly adminToken: string;
  readonly callback: string;
  readonly databaseUrl: (name: string) => string;
  readonly shop: string;
  readonly target: string;
  readonly newApp: string;
}

export async function openWorld(): Promise<World> {
  const data = mkdtempSync(join(tmpdir(), 'footbridge-world-'));
  const demo = await openAnywhere(data);
  const secrets = JSON.parse(readFileSync(join(data, 'secrets.json'), 'utf8')) as Record<
    'clientSecret' | 'hookKey' | 'adminToken',
    string
  >;
  const ours = /url: (\S+)/.exec(readFileSync(demo.configFile, 'utf8'))![1]!;
  const at = (port: number) => `http://127.0.0.1:${port}`;
  return {
    ...demo,
    ...secrets,
    data,
    callback: `${at(demo.ports.target)}/idps/callback`,
    shop: at(demo.ports.shop),
    target: at(demo.ports.target),
    newApp: at(demo.ports.newApp),
    databaseUrl: (name) => Object.assign(new URL(ours), { pathname: `/${name}` }).href,
    close: async () => {
      await tellRows(Object.assign(new URL(ours), { pathname: '/footbridge' }).href);
      await demo.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Other tests listen too: a range that is taken is no reason to give up. */
async function openAnywhere(data: string): Promise<RunningDemo> {
  for (let tries = 0; ; tries++) {
    try {
      return await openDemo({ data, port: 20_000 + 20 * randomInt(600), log: () => undefined });
    } catch (error) {
      if (!(error instanceof PortBusyError) || tries > 20) throw error;
    }
  }
}

export function person(login: string): Person {
  const found = PEOPLE.find((candidate) => candidate.login === login);
  if (!found) throw new Error(`nobody is called ${login}`);
  return found;
}

/** Logs in at Footbridge as the target's client would send people there; returns the answer that leads back to it. */
export async function logInAtFacade(
  world: World,
  browser: Browser,
  login: string,
  params: Record<string, string> = {},
) {
  const page = await browser.follow(authorizationUrl(world, params), world.callback);
  // Whoever is told at once to come back later has no page to type into.
  if (page.status === 503 || page.location?.startsWith(world.callback)) return page;
  return browser.follow(page.url.split('?')[0]!, world.callback, {
    form: {
      username: login,
      password: person(login).password,
      form_token: field(page.body, 'form_token') ?? '',
    },
  });
}

export function authorizationUrl(world: World, params: Record<string, string> = {}): string {
  const url = new URL('/auth', world.issuer);
  const all = {
    client_id: 'demo-target',
    redirect_uri: world.callback,
    response_type: 'code',
    scope: 'openid profile email phone',
    state: 's',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...params,
  };
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
  return url.href;
}

export const asTarget = (world: World) => ({
  authorization: `Basic ${Buffer.from(`demo-target:${encodeURIComponent(world.clientSecret)}`).toString('base64')}`,
});

/** Exchanges the code and asks userinfo, as the target does. */
export async function claimsOf(world: World, location: string | undefined): Promise<Record<string, unknown>> {
  const code = new URL(location ?? 'x:').searchParams.get('code') ?? '';
  const tokens = await new Browser().visit(`${world.issuer}/token`, {
    form: { grant_type: 'authorization_code', code, redirect_uri: world.callback, code_verifier: VERIFIER },
    headers: asTarget(world),
  });
  const { access_token } = tokens.json<{ access_token: string }>();
  const answer = await new Browser().visit(`${world.issuer}/me`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  return answer.json();
}

/** An access token of the target for the migration API. */
export async function machineToken(
  world: World,
  scope = 'migration:read migration:secrets migration:write',
): Promise<string> {
  const answer = await new Browser().visit(`${world.issuer}/token`, {
    form: { grant_type: 'client_credentials', scope },
    headers: asTarget(world),
  });
  return answer.json<{ access_token: string }>().access_token;
}

export function callApi(world: World, token: string, call: { method: string; path: string; body?: object }) {
  return new Browser().visit(`${world.issuer}${call.path}`, {
    method: call.method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(call.body ? { body: JSON.stringify(call.body) } : {}),
  });
}

export const secretsPath = (sub: string) => `/migration/users/${encodeURIComponent(sub)}/secrets`;
export const statePath = (sub: string) => `/migration/users/${encodeURIComponent(sub)}/state`;
export const TICKET = 'urn:footbridge:ticket';
