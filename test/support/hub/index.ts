/**
 * A hub of people and organizations for tests, as Zaikio's, whose server nobody can run: over HTTP, in memory, and strict
 * where its documentation says so.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { api } from './api.ts';
import type { HubApp, NewApp } from './apps.ts';
import { newApp } from './apps.ts';
import { openAuthorization } from './authorize.ts';
import { openBrowserRoutes } from './browser-routes.ts';
import type { Bearer, Membership, NewOrganization, NewPerson, Organization, Person } from './directory.ts';
import { openDirectory } from './directory.ts';
import { openFaults } from './faults.ts';
import type { Call, Reply } from './http.ts';
import { callOf, Refused, send } from './http.ts';
import { openLoom } from './loom.ts';
import { tokenEndpoint } from './token-endpoint.ts';
import { openTokens } from './tokens.ts';
import type { HubWorld } from './world.ts';
import { connectionsOf } from './world.ts';

export type { HubApp } from './apps.ts';
export type { AtHub } from './browsing.ts';
export { throughHub } from './browsing.ts';
export type { Bearer, Membership, Organization, Person } from './directory.ts';
export { DEFAULT_PASSWORD } from './directory.ts';
export type { Delivery, HubEvent } from './loom.ts';

export interface HubOptions {
  readonly port?: number;
  readonly now?: () => Date;
  /** How long access tokens are good. */
  readonly tokenSeconds?: number;
  /** The app that is there from the beginning. */
  readonly app?: NewApp;
  /** How events' names begin. */
  readonly eventPrefix?: 'zaikio' | 'directory';
}

/** A request as the hub heard it. */
export interface Heard {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly referer: string | undefined;
}

const TOKEN_SECONDS = 3_600;
const MAX_HEARD = 100_000;

export type Hub = Awaited<ReturnType<typeof startHub>>;

export async function startHub(options: HubOptions = {}) {
  const { now = () => new Date(), tokenSeconds = TOKEN_SECONDS } = options;
  const heard: Heard[] = [];
  let url = '';
  const directory = openDirectory(now);
  const app = newApp(options.app);
  const apps = new Map<string, HubApp>([[app.clientId, app]]);
  const loom = openLoom({ now, prefix: options.eventPrefix ?? 'zaikio' });
  const tokens = await openTokens(directory, { now, tokenSeconds, issuerUrl: () => url });
  const world: HubWorld = {
    directory,
    apps,
    tokens,
    loom,
    options: { expiresIn: 'seconds', errorsWithoutState: false, membersPerPage: Number.POSITIVE_INFINITY },
    url: () => url,
    now,
    ...connectionsOf(directory, apps, { loom, tokens }),
  };
  const faults = openFaults(now);
  const rewrites: { readonly only: RegExp; readonly change: (body: Record<string, unknown>) => unknown }[] =
    [];
  const answer = routesOf(world);

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '', headers } = request;
    if (heard.length < MAX_HEARD) heard.push({ method, url: path, referer: headers.referer });
    if (faults.meets(request, response)) return;
    let reply = await callOf(request)
      .then(answer)
      .catch((error): Reply => {
        if (!(error instanceof Refused)) throw error;
        return { status: error.status, body: error.document };
      });
    const rewrite = rewrites.find(({ only }) => only.test(`${method} ${path.split('?')[0]}`));
    if (rewrite && typeof reply.body === 'object')
      reply = { ...reply, body: rewrite.change(reply.body as Record<string, unknown>) as object };
    send(response, reply);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`the stand-in failed: ${error.stack}`);
    });
  });
  await listening(server, options.port ?? 0);
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    /** The first app; its `redirectUris` and `desiredScopes` can be added to. */
    app,
    addApp(given: NewApp): HubApp {
      const added = newApp(given);
      apps.set(added.clientId, added);
      return added;
    },
    ...peopleOf(world, app),
    /** Events are sent there from now on. */
    subscribe(to: string, by: HubApp = app): void {
      by.webhooks.push({ url: to, secret: by.sharedSecret });
    },
    /** What `targets[]` in the settings says of this hub, besides `name`, `displayName` and `loginUrl`. */
    settings: ({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}) => ({
      kind: 'hub' as const,
      hub: {
        url,
        webhook: { secret: app.sharedSecret, eventsUrl: url, app: app.name, password: app.eventPassword },
      },
      signIn: { clientId: app.clientId, clientSecret: app.clientSecret, timeoutMs },
    }),
    directory,
    tokens,
    /** Events: `mode`, `deliver`, `redeliver`, `resend`, `settled`, `deliveries`. */
    loom,
    /** `expiresIn`, `errorsWithoutState`, `membersPerPage`. */
    options: world.options,
    /** All requests, in order. */
    heard,
    fail: faults.fail,
    limit: faults.limit,
    /** Ends `fail`, `limit` and `rewrite`. */
    recover() {
      faults.recover();
      rewrites.splice(0);
    },
    /** Answers with JSON are changed so; `only` is matched against `GET /api/v1/person`. */
    rewrite(only: RegExp, change: (body: Record<string, unknown>) => unknown): void {
      rewrites.push({ only, change });
    },
    async close(): Promise<void> {
      await loom.settled();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function routesOf(world: HubWorld) {
  const authorization = openAuthorization(world);
  const pages = openBrowserRoutes(world, authorization, new Map());
  return async (call: Call): Promise<Reply> => {
    const { pathname } = call.url;
    if (pathname.startsWith('/api/v1/')) return api(world, call);
    if (pathname === '/oauth/access_token' && call.method === 'POST') return tokenEndpoint(world, call);
    if (pathname === '/oauth/authorize' && call.method === 'GET') return authorization.begin(call);
    return pages(call);
  };
}

/** Who is there, and what becomes of them: with the events that go with it. */
function peopleOf(world: HubWorld, app: HubApp) {
  const { directory } = world;
  const organizationOf = (id: string): Bearer => ({ type: 'Organization', id });
  const told = ({ id, personId, roles }: Membership) => ({ membership_id: id, person_id: personId, roles });
  const memberOf = (organizationId: string, personId: string) => {
    const membership = directory.membership(organizationId, personId);
    if (!membership) throw new Error(`${personId} is not in ${organizationId}`);
    return membership;
  };
  return {
    /** Their password is `DEFAULT_PASSWORD`, and their address confirmed, unless it is said. */
    addPerson: (given: NewPerson): Person => directory.addPerson(given),
    addOrganization(given: NewOrganization & { readonly owner?: string }): Organization {
      const organization = directory.addOrganization(given);
      if (given.owner !== undefined) directory.addMembership(organization.id, given.owner, ['owner']);
      return organization;
    },
    addMember(organizationId: string, personId: string, roles: readonly string[] = ['member']): Membership {
      const membership = directory.addMembership(organizationId, personId, roles);
      world.tell('member_joined', organizationOf(organizationId), told(membership));
      return membership;
    },
    setRoles(organizationId: string, personId: string, roles: readonly string[]): void {
      const membership = memberOf(organizationId, personId);
      membership.roles = roles;
      world.tell('member_roles_updated', organizationOf(organizationId), told(membership));
    },
    removeMember(organizationId: string, personId: string): void {
      const membership = memberOf(organizationId, personId);
      directory.memberships.delete(membership.id);
      world.tell('member_left', organizationOf(organizationId), told(membership));
    },
    /** As if they had agreed at the pages; scopes as `person.r`. */
    connect(bearer: Bearer, scopes: readonly string[], to: HubApp = app): void {
      world.connect(
        to,
        bearer,
        scopes.map((scope) => `zaikio.${scope}`),
      );
    },
    /** They take it back at the hub: our tokens are worth nothing any more. */
    disconnect: (bearer: Bearer, from: HubApp = app): void => world.disconnect(from, bearer),
  };
}

const listening = (server: Server, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
