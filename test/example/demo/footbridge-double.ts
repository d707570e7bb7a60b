/**
 * A tiny provider that plays Footbridge for the demo's target: it signs in whoever the test says, and hands out
 * secrets against a ticket. The order of the target's calls is kept, because part of the contract is order.
 */
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Configuration } from 'oidc-provider';
import { interactionPolicy, Provider } from 'oidc-provider';
import { memoryAdapters } from '../../../example/demo/memory-adapter.ts';
import type { Door } from '../../../example/demo/web.ts';
import { openDoor, readBody } from '../../../example/demo/web.ts';

export interface Played {
  readonly claims: Readonly<Record<string, unknown>> & { readonly sub: string };
  readonly secrets?: Readonly<Record<string, unknown>>;
  /** Tells the shop, as Footbridge does at each login. */
  readonly legacyId?: string;
}

export interface FootbridgeDouble {
  readonly origin: string;
  /** Who signs in next. */
  next: Played;
  /** Method and path of every request, in their order. */
  readonly calls: string[];
  readonly authorizations: URLSearchParams[];
  /** What the target said about users. */
  readonly flagged: Record<string, unknown>[];
  /** What the shop said about its sessions, with what it signed it. */
  readonly ended: { readonly body: string; readonly signature: string }[];
  /** The next answers of the secret endpoint, instead of the secrets. */
  readonly refusals: { status: number; code: string }[];
  close(): Promise<void>;
}

export interface DoubleOptions {
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
  readonly idTokenAlg?: 'RS256' | 'EdDSA';
  readonly userinfoAlg?: 'RS256';
  readonly issuerSuffix?: string;
  readonly shop?: { readonly origin: string; readonly hookKey: string };
}

export async function footbridgeDouble(options: DoubleOptions): Promise<FootbridgeDouble> {
  const door = await openDoor({ port: 0, option: 'none' });
  const tickets = new Map<string, Played>();
  const double: FootbridgeDouble = {
    origin: door.origin,
    next: { claims: { sub: 'shop:0' } },
    calls: [],
    authorizations: [],
    flagged: [],
    ended: [],
    refusals: [],
    close: door.close,
  };
  const accounts = new Map<string, Played>();
  const provider = new Provider(
    `${door.origin}${options.issuerSuffix ?? ''}`,
    configuration(options, accounts, tickets),
  );
  provider.silent = true;
  serve(door, provider, { options, double, accounts, tickets });
  return double;
}

interface Stage {
  readonly options: DoubleOptions;
  readonly double: FootbridgeDouble;
  readonly accounts: Map<string, Played>;
  readonly tickets: Map<string, Played>;
}

function serve(door: Door, provider: Provider, stage: Stage): void {
  const { options, double, accounts } = stage;
  const callback = provider.callback();
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url!, door.origin);
    double.calls.push(`${request.method} ${url.pathname.replace(/\/interaction\/.*/, '/interaction')}`);
    if (url.pathname === '/auth') double.authorizations.push(url.searchParams);
    if (url.pathname.startsWith('/interaction/')) {
      const played = double.next;
      accounts.set(played.claims.sub, played);
      const cookie = options.shop && played.legacyId ? await tellShop(options.shop, played) : undefined;
      if (cookie) response.appendHeader('set-cookie', cookie);
      await provider.interactionFinished(request, response, {
        select_account: {},
        login: { accountId: played.claims.sub },
      });
      return;
    }
    if (url.pathname === '/legacy/sessions/ended') return ended(double, { request, response });
    if (url.pathname.startsWith('/migration/')) return migration(provider, stage, { request, response, url });
    callback(request, response);
  };
  door.serve((request, response) => {
    handle(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });
}

async function ended(
  double: FootbridgeDouble,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const body = (await readBody(request)).toString('utf8');
  double.ended.push({ body, signature: String(request.headers['footbridge-signature']) });
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"ended":1}');
}

async function migration(
  provider: Provider,
  { double, tickets }: Stage,
  { request, response, url }: { request: IncomingMessage; response: ServerResponse; url: URL },
): Promise<void> {
  const answer = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const body = JSON.parse((await readBody(request)).toString('utf8'));
  const bearer = request.headers.authorization?.replace('Bearer ', '') ?? '';
  const token = await provider.ClientCredentials.find(bearer);
  if (!token?.scope?.includes('migration:secrets')) return void answer(401, { code: 'unauthorized' });
  const sub = decodeURIComponent(url.pathname.split('/')[3]!);
  if (request.method === 'PUT') {
    double.flagged.push({ sub, ...body });
    return void answer(200, { sub, state: body.state });
  }
  const refusal = double.refusals.shift();
  if (refusal) return void answer(refusal.status, { code: refusal.code });
  const played = tickets.get(body.ticket);
  tickets.delete(body.ticket);
  if (played?.claims.sub !== sub) return void answer(403, { code: 'no_export_ticket' });
  answer(200, { sub, profile: played.claims, roles: ['customer'], links: [], ...played.secrets });
}

async function tellShop(
  shop: NonNullable<DoubleOptions['shop']>,
  played: Played,
): Promise<string | undefined> {
  const body = JSON.stringify({ sub: played.claims.sub, legacyId: played.legacyId, amr: ['pwd'] });
  const response = await fetch(`${shop.origin}/footbridge/session`, {
    method: 'POST',
    headers: { 'Footbridge-Signature': signatureOf(body, shop.hookKey) },
    body,
  }).catch(() => undefined);
  return response?.headers.getSetCookie()[0];
}

export function signatureOf(body: string, key: string, unixSeconds = Math.floor(Date.now() / 1000)): string {
  return `t=${unixSeconds},v1=${createHmac('sha256', key).update(`${unixSeconds}.${body}`).digest('hex')}`;
}

function configuration(
  options: DoubleOptions,
  accounts: ReadonlyMap<string, Played>,
  tickets: Map<string, Played>,
): Configuration {
  const policy = interactionPolicy.base();
  policy.remove('consent');
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0);
  const alg = options.idTokenAlg ?? 'RS256';
  return {
    adapter: memoryAdapters(),
    jwks: { keys: KEYS },
    ttl: {
      Interaction: 60,
      Grant: 60,
      Session: 60,
      AuthorizationCode: 60,
      AccessToken: 60,
      IdToken: 60,
      ClientCredentials: 60,
    },
    cookies: {
      names: { session: 'double_session', interaction: 'double_login', resume: 'double_resume' },
      keys: [randomBytes(16).toString('hex')],
    },
    clients: [
      {
        client_id: 'demo-target',
        client_secret: options.clientSecret,
        redirect_uris: [...options.redirectUris],
        grant_types: ['authorization_code', 'client_credentials'],
        response_types: ['code'],
        id_token_signed_response_alg: alg,
        ...(options.userinfoAlg && { userinfo_signed_response_alg: options.userinfoAlg }),
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    scopes: ['openid', 'migration:secrets', 'migration:write', 'migration:read'],
    claims: {
      openid: ['sub', 'urn:footbridge:ticket'],
      profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale'],
      email: ['email', 'email_verified'],
      phone: ['phone_number', 'phone_number_verified'],
    },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'EdDSA'], userinfoSigningAlgValues: ['RS256'] },
    pkce: { required: () => false },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      jwtUserinfo: { enabled: true },
    },
    interactions: { policy, url: (_ctx, { uid }) => `/interaction/${uid}` },
    findAccount: async (_ctx, sub) => {
      const played = accounts.get(sub);
      if (!played) return undefined;
      const claims = async (use: string) => {
        if (use !== 'userinfo') return { sub };
        const ticket = randomBytes(16).toString('hex');
        tickets.set(ticket, played);
        return { ...played.claims, 'urn:footbridge:ticket': ticket };
      };
      return { accountId: sub, claims };
    },
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ clientId: 'demo-target', accountId: oidc.session!.accountId! });
      grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' '));
      await grant.save();
      return grant;
    },
  };
}

/** Made once: RSA keys take their time. */
const KEYS = [
  {
    ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
    kid: 'rsa',
    alg: 'RS256',
    use: 'sig',
  },
  {
    ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
    kid: 'okp',
    alg: 'EdDSA',
    use: 'sig',
  },
] as unknown as NonNullable<Configuration['jwks']>['keys'];
