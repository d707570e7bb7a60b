/**
 * Everything that browser, app, facade and ZITADEL say to one another over HTTP, in order, as short texts. It listens to
 * Node's own diagnostics: nothing stands between the parts.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { Delivery } from '../../support/zitadel/delivery.ts';
import { routeOf } from '../../support/zitadel/protobuf.ts';

export interface Parties {
  readonly facadePort: number;
  readonly zitadelUrl: string;
  /** What the stand-in has sent: only there a call tells which event it is about. */
  readonly deliveries: readonly Delivery[];
}

export interface Messages {
  note(text: string): void;
  /** So far; they stay. */
  said(): readonly string[];
  /** Since the last time. */
  taken(): string[];
  /** Resolves when nobody has said anything for so long. */
  quiet(forMs: number): Promise<void>;
  close(): void;
}

/** The calls of a login, told from those of the facade. */
export const LOGIN_MARK = 'x-test-login';

export function recordMessages(parties: Parties): Messages {
  let said: string[] = [];
  const zitadel = new URL(parties.zitadelUrl);
  const listeners: Record<string, (message: unknown) => void> = {
    'http.server.request.start': (message) => {
      const { request } = message as { request: IncomingMessage };
      if (request.socket.localPort === parties.facadePort) said.push(toFacade(request, parties.deliveries));
    },
    'undici:request:create': (message) => {
      const { request } = message as {
        request: { origin: unknown; method: string; path: string; headers: unknown };
      };
      const isOurs =
        String(request.origin) === zitadel.origin && !String(request.headers).includes(LOGIN_MARK);
      if (isOurs) said.push(facadeCalls(request));
    },
    'http.client.request.start': (message) => {
      const { request } = message as { request: ClientRequest };
      const [path] = request.path.split('?');
      if (request.getHeader('host') === zitadel.host)
        said.push(`browser → zitadel ${request.method} ${path}`);
    },
  };
  for (const [channel, listen] of Object.entries(listeners)) subscribe(channel, listen);
  return {
    note: (text) => void said.push(text),
    said: () => said,
    taken() {
      const all = said;
      said = [];
      return all.filter((text, at) => text !== all[at - 1] || !text.includes(' reads '));
    },
    async quiet(forMs) {
      for (let count = -1; count !== said.length; ) {
        count = said.length;
        await setTimeout(forMs);
      }
    },
    close: () => {
      for (const [channel, listen] of Object.entries(listeners)) unsubscribe(channel, listen);
    },
  };
}

/** Its looks at one user come in parallel, so they count as one. */
const READS: Readonly<Record<string, string>> = {
  'UserService/GetUserByID': 'the user',
  'UserService/ListIDPLinks': 'the user',
  'UserService/ListAuthenticationMethodTypes': 'the user',
  'ManagementService/ListUserMetadata': 'the user',
  'ManagementService/GetUserGrantByID': 'the user',
  'ManagementService/ListUserGrants': 'the user',
  'UserService/ListUsers': 'who has this name',
  'AdminService/ListEvents': 'the newest links',
  'SessionService/GetSession': 'the session',
  'SessionService/ListSessions': 'the session',
};

function facadeCalls({ method, path }: { readonly method: string; readonly path: string }): string {
  const name = rpcOf(method, path);
  return Object.hasOwn(READS, name) ? `facade → zitadel reads ${READS[name]}` : `facade → zitadel ${name}`;
}

export function rpcOf(method: string, path: string): string {
  const [bare = ''] = path.split('?');
  const found = routeOf(method, bare);
  return found ? `${found.route.method.parent.name}/${found.route.method.name}` : `${method} ${bare}`;
}

const BACK_CHANNEL = /^\/(?:\.well-known\/openid-configuration|token|jwks|me|jwt\/jwks)$/;
const FROM_APP = /^\/migration\//;

function toFacade({ method, url = '', headers }: IncomingMessage, deliveries: readonly Delivery[]): string {
  const [path = ''] = url.split('?');
  const [, hook] = /^\/hooks\/[^/]+\/[^/]+\/(\w+)$/.exec(path) ?? [];
  if (hook === 'events') return `zitadel → facade event ${eventOf(headers, deliveries)}`;
  if (hook) return `zitadel → facade ${hook}`;
  const [, basic = ''] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
  const isApp = FROM_APP.test(path) || Buffer.from(basic, 'base64').toString().startsWith('legacy-');
  if (isApp) return `app → facade ${method} ${path}`;
  if (BACK_CHANNEL.test(path)) return `zitadel → facade ${method} ${path}`;
  return `browser → facade ${method} ${path.replace(/^\/(login|auth)\/.*/, '/$1/…')}`;
}

function eventOf(headers: IncomingMessage['headers'], deliveries: readonly Delivery[]): string {
  const signature = headers['zitadel-signature'];
  const sent = deliveries.findLast((one) => one.headers['ZITADEL-Signature'] === signature);
  return String(sent?.payload.event_type ?? '');
}
