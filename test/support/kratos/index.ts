/** A Kratos for tests: its admin API over HTTP, everything in memory, strict where the real one is. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerTo } from './admin.ts';
import type { Kept } from './answers.ts';
import { Refused, undecodable } from './errors.ts';
import type { Faults } from './faults.ts';
import { openFaults } from './faults.ts';
import type { Identities, Identity } from './identities.ts';
import { openIdentities } from './identities.ts';
import type { SchemaNode } from './identity-schema.ts';
import type { LoginFlow } from './login-flow.ts';
import { openLoginFlow } from './login-flow.ts';
import person from './person.schema.json' with { type: 'json' };
import type { Logins, MigrationHook } from './sessions.ts';
import { openLogins } from './sessions.ts';
import type { People, WebHook } from './web-hook.ts';
import { openPeople } from './web-hook.ts';

export interface KratosOptions {
  readonly port?: number;
  /** Asked for as a bearer token, as Ory Network does; else everybody may. */
  readonly token?: string;
  readonly hook?: MigrationHook;
  /** As v26.2.0, which imports passwords and links only. */
  readonly isOld?: boolean;
  readonly now?: () => Date;
  /** Routes that no Kratos has: `GET /_state`, with what it answers. They meet no faults. */
  readonly own?: Readonly<Record<string, (body: Record<string, unknown>) => unknown>>;
}

export interface StandInKratos extends Pick<Faults, 'fail' | 'throttle' | 'dropAfter' | 'hang' | 'recover'> {
  readonly url: string;
  readonly identities: Identities;
  readonly sessions: Logins['sessions'];
  readonly login: Logins['logIn'];
  /** `PATCH /admin/identities`, in order; bodies are not kept. */
  readonly calls: readonly string[];
  /** Asked for passwords of people with the mark; none by default. */
  setHook(hook: MigrationHook | undefined): void;
  /** Told of what people do by themselves; nobody by default. */
  setWebHook(hook: WebHook | undefined): void;
  readonly people: People;
  /** Of the public API. */
  readonly loginFlows: {
    expire(): void;
    /** As with the hook `require_verified_address`. */
    wantVerified(): void;
  };
  state(): KratosState;
  close(): Promise<void>;
}

export interface KratosState {
  readonly identities: number;
  readonly calls: number;
  /** Over all identities, in the order of their external ids, without what differs from run to run. */
  readonly checksum: string;
  /** External ids, links and legacy ids that more than one has. */
  readonly duplicates: number;
}

/** More of them are counted, and not listed. */
const MAX_CALLS = 100_000;

export async function startKratos(options: KratosOptions = {}): Promise<StandInKratos> {
  const { now = () => new Date(), token, isOld = false } = options;
  const identities = openIdentities();
  let { hook } = options;
  const logins = openLogins(identities, { hook: () => hook, now });
  let wantsVerified = false;
  const flows = openLoginFlow(logins, { wantsVerified: () => wantsVerified });
  let webHook: WebHook | undefined;
  const people = openPeople(
    () => kept,
    () => webHook,
  );
  const faults = openFaults();
  const calls: string[] = [];
  let counted = 0;
  let kept: Kept;

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', 'http://kratos');
    const text = await textOf(request);
    const own = options.own?.[`${request.method} ${url.pathname}`];
    if (own) {
      const answer = await own(text === '' ? {} : JSON.parse(text));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      return;
    }
    counted++;
    if (calls.length < MAX_CALLS) calls.push(`${request.method} ${url.pathname}`);
    if (!faults.before(request, response)) return;
    const { status, document, headers } = await outcomeOf(kept, request, { url, text, token, flows });
    if (!faults.after(request, response)) return;
    response.writeHead(status, {
      ...(document !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
      ...headers,
    });
    response.end(document === undefined ? undefined : JSON.stringify(document));
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`the stand-in failed: ${error.stack}`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const schemas = { default: person as unknown as SchemaNode };
  kept = { identities, sessions: logins.sessions, schemas, isOld, publicUrl: url, now };

  return {
    ...faults,
    url,
    identities,
    sessions: logins.sessions,
    login: logins.logIn,
    calls,
    setHook: (next) => {
      hook = next;
    },
    setWebHook: (next) => {
      webHook = next;
    },
    people,
    loginFlows: {
      expire: flows.expire,
      wantVerified: () => {
        wantsVerified = true;
      },
    },
    state: () => stateOf([...identities.byId.values()], counted),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Given {
  readonly flows: LoginFlow;
  readonly url: URL;
  readonly text: string;
  readonly token: string | undefined;
}

async function outcomeOf(
  kept: Kept,
  { method = '', headers }: IncomingMessage,
  { url, text, token, flows }: Given,
) {
  try {
    // Anybody may call it.
    if (url.pathname.startsWith('/self-service/')) {
      const answer = await flows.answer(kept, { method, url, headers, body: documentOf(text) });
      if (answer) return answer;
    }
    if (token !== undefined && headers.authorization !== `Bearer ${token}`)
      throw new Refused(401, { reason: 'Access credentials are invalid' });
    const call = { method, path: url.pathname, query: url.searchParams, body: documentOf(text) };
    const answer = answerTo(kept, call);
    if (answer) return answer;
    return { status: 404, document: undefined, headers: { 'content-type': 'text/plain; charset=utf-8' } };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { status: error.status, document: { error: error.document }, headers: undefined };
  }
}

function documentOf(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    throw undecodable('unexpected EOF');
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function stateOf(all: readonly Identity[], calls: number): KratosState {
  const sorted = [...all].sort((a, b) => ((a.external_id ?? a.id) < (b.external_id ?? b.id) ? -1 : 1));
  const hash = createHash('sha256');
  const seen = new Set<string>();
  let duplicates = 0;
  for (const identity of sorted) {
    hash.update(JSON.stringify(lasting(identity)));
    const legacyId = (identity.metadata_admin as Record<string, unknown> | null)?.legacy_id;
    const links = identity.credentials.oidc?.identifiers ?? [];
    for (const one of [
      `external ${identity.external_id ?? identity.id}`,
      `legacy ${legacyId ?? identity.id}`,
      ...links,
    ]) {
      if (seen.has(one)) duplicates++;
      seen.add(one);
    }
  }
  return { identities: all.length, calls, checksum: hash.digest('hex'), duplicates };
}

/** What another run with the same people has as well. */
function lasting({ id, credentials, verifiable_addresses, ...rest }: Identity) {
  const kinds = Object.keys(credentials).sort();
  const told = kinds.map((kind) => {
    const { identifiers, config } = credentials[kind]!;
    return [kind, identifiers.filter((one) => one !== id).sort(), config];
  });
  return [rest, verifiable_addresses.map(({ id: _id, ...one }) => one), told];
}
