/**
 * Logging out at our own page. The library would tell its clients inline, once, while the person waits (OpenID Connect
 * Back-Channel Logout 1.0 section 2.5 asks for neither); here the logout is an ending like any other, written down in the
 * request's own statement, and the courier tells everybody afterwards.
 */
import type { Context } from 'koa';
import type { Client, KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Delivery, Send } from '../sessions/ending/delivery.ts';
import { DeliveryError, readRetryAfter } from '../sessions/ending/delivery.ts';
import type { Endings } from '../sessions/ending/ending.ts';
import type { LoggedOut, LoggedOutDeps } from './logged-out.ts';
import { openLoggedOut } from './logged-out.ts';
import type { LoggedOutPage } from './pages/page.ts';
import { recordKey } from './record.ts';
import type { Scopes } from './request-scope.ts';

export interface LogoutDeps extends LoggedOutDeps {
  readonly scopes: Scopes;
  readonly endings: Pick<Endings, 'parts'>;
}

interface LogoutState {
  /** The client that asked for it, and so need not be told. */
  readonly asker?: string;
  /** It wants to be told all the same. */
  readonly isTold?: boolean;
}

/**
 * Before the page that asks: anybody can send a browser here in a client's name. It is believed that it was the client if
 * this person's own ID token came along; the others are told like everybody.
 */
export function noteAsker(
  { oidc }: KoaContextWithOIDC,
  { isTold }: { readonly isTold: boolean } = { isTold: false },
): void {
  const { session, client, entities } = oidc;
  const hint = entities.IdTokenHint as { readonly payload?: { readonly sub?: unknown } } | undefined;
  const isAsker = client && hint?.payload?.sub !== undefined && hint.payload.sub === session?.accountId;
  if (session?.state) Object.assign(session.state, { asker: isAsker ? client.clientId : undefined, isTold });
}

type Tell = (this: Client, sub: string, sid: string | null) => Promise<void>;
type LogoutClient = Client & { backchannelLogout: Tell };

export class BackchannelLogout {
  readonly #deps: LogoutDeps;
  readonly #loggedOut: LoggedOut;
  #current: { readonly provider: Provider; readonly tell: Tell } | undefined;

  constructor(deps: LogoutDeps) {
    this.#deps = deps;
    this.#loggedOut = openLoggedOut(deps);
  }

  /** Takes the library's inline delivery from this provider, and makes its logouts endings. Rotated keys bring a new one. */
  attach(provider: Provider): void {
    const prototype = (provider as unknown as { Client: { prototype: LogoutClient } }).Client.prototype;
    this.#current = { provider, tell: prototype.backchannelLogout };
    prototype.backchannelLogout = async () => undefined;
    provider.on('end_session.success', (ctx: KoaContextWithOIDC) => this.#end(ctx));
  }

  /** Runs before the request's statement goes out: the library has only said what it would write. */
  #end(ctx: KoaContextWithOIDC): void {
    const { session, params } = ctx.oidc;
    const scope = this.#deps.scopes.getStore();
    if (!scope || !session?.accountId || !params?.logout) return;
    const { asker: clientId, isTold } = (session.state ?? {}) as LogoutState;
    const { id, parts, afterCommit } = this.#deps.endings.parts({
      selection: { by: 'op-session', uid: recordKey('uid', session.uid) },
      cause: 'logout',
      actor: clientId === undefined ? 'user' : `client:${clientId}`,
      // Keycloak would show its error page if it were told while it waits for the browser.
      ...(clientId === undefined || isTold ? {} : { initiator: { kind: 'client', name: clientId } }),
    });
    // One row, one hand: what the scope has deleted, the ending would not find any more.
    scope.leaveToOthers('Session', session.jti);
    scope.also(...parts);
    scope.onCommit(afterCommit);
    this.#loggedOut.show(ctx as unknown as Context, id);
  }

  /** For the browser that has logged out. */
  page(ctx: Context): Promise<LoggedOutPage> {
    return this.#loggedOut.page(ctx);
  }

  /**
   * Tells a client with a logout token of its own for each try. The library bounds the call (2.5 s), follows no redirect, and
   * refuses addresses inside (its check of the connected address; `acceptedOrigins` are free of it).
   */
  readonly send: Send = async ({ name, sub, handle }) => {
    const { provider, tell } = this.#current ?? {};
    if (!provider || !tell)
      throw new DeliveryError('not_ready', 'The provider is not there yet.', { retryAfterSeconds: 5 });
    const client = await clientOf(provider, name);
    if (!client?.backchannelLogoutUri)
      throw new DeliveryError('unknown_recipient', 'This client is not told about logouts any more.', {
        isFinal: true,
      });
    await tell.call(client, sub, handle).catch(failed);
  };
}

/** All clients are in the settings; for any other the library would look into a request's records, and there is none. */
async function clientOf(provider: Provider, clientId: Delivery['name']): Promise<LogoutClient | undefined> {
  return provider.Client.find(clientId).catch(() => undefined) as Promise<LogoutClient | undefined>;
}

/** What the library says when the address is one inside. */
const INSIDE = 'hostname resolves to a special-use IP address';

function failed(error: unknown): never {
  const { response, cause, name } = error as { response?: Response; cause?: Error; name?: string };
  if (response) {
    const { status, headers } = response;
    void response.body?.cancel().catch(() => undefined);
    const retryAfterSeconds = readRetryAfter(headers.get('retry-after'));
    throw new DeliveryError(`status_${status}`, `It answered with status ${status}.`, { retryAfterSeconds });
  }
  if (cause?.message === INSIDE)
    throw new DeliveryError('refused', 'It is at an internal address that acceptedOrigins does not list.', {
      isFinal: true,
    });
  if (name === 'TimeoutError') throw new DeliveryError('timeout', 'It did not answer in time.');
  // What fetch itself says: everything else, such as a missing key, is our own failure.
  if (error instanceof TypeError && cause) throw new DeliveryError('unreachable', 'It could not be reached.');
  throw error;
}
