/**
 * Ending provider sessions. The library delivers logout tokens inline, once, while the person waits (OpenID Connect
 * Back-Channel Logout 1.0 section 2.5 asks for neither); here they go out after the answer, with retries.
 */
import type { Client, KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { StoredRecord } from './records.ts';
import type { RequestScope, Scopes } from './request-scope.ts';

export interface LogoutLog {
  readonly delivered: (client: string) => void;
  readonly failed: (client: string, attempts: number, error: Error) => void;
}

/** Deliveries waiting in memory; beyond it new ones are reported as failed instead of eating the process. */
const QUEUE_LENGTH = 10_000;
const RETRY_AFTER_MS = [0, 1_000, 5_000, 30_000] as const;

type Send = (this: Client, sub: string, sid: string) => Promise<void>;
type LogoutClient = Client & { backchannelLogout: Send };

export class BackchannelLogout {
  readonly #scopes: Scopes;
  readonly #log: LogoutLog;
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(scopes: Scopes, log: LogoutLog) {
    this.#scopes = scopes;
    this.#log = log;
  }

  /** Replaces the library's inline delivery on this provider's clients. */
  attach(provider: Provider): void {
    const prototype = (provider as unknown as { Client: { prototype: LogoutClient } }).Client.prototype;
    const send = prototype.backchannelLogout;
    const queue = (client: LogoutClient, sub: string, sid: string) => this.#queue(send, client, { sub, sid });
    prototype.backchannelLogout = async function backchannelLogout(sub, sid) {
      queue(this as LogoutClient, sub, sid);
    };
  }

  #queue(send: Send, client: LogoutClient, session: { sub: string; sid: string }): void {
    const scope = this.#scopes.getStore();
    const start = () => this.#deliver(send, client, session, 0);
    // The client that asks for the logout knows; Keycloak would show its error page if told in mid-flight.
    const initiator = (scope?.ctx as KoaContextWithOIDC | undefined)?.oidc?.session?.state?.clientId;
    if (!scope) start();
    else if (client.clientId !== initiator) scope.onCommit(start);
  }

  #deliver(send: Send, client: LogoutClient, session: { sub: string; sid: string }, attempt: number): void {
    if (this.#closed || this.#timers.size >= QUEUE_LENGTH) {
      this.#log.failed(client.clientId, attempt, new Error('the queue is full or closed'));
      return;
    }
    const timer = setTimeout(async () => {
      this.#timers.delete(timer);
      try {
        await send.call(client, session.sub, session.sid);
        this.#log.delivered(client.clientId);
      } catch (error) {
        if (attempt + 1 < RETRY_AFTER_MS.length) this.#deliver(send, client, session, attempt + 1);
        else this.#log.failed(client.clientId, attempt + 1, error as Error);
      }
    }, RETRY_AFTER_MS[attempt]);
    this.#timers.add(timer);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

/**
 * Ends one session within this request: its row, the grants given under it, and its clients' sessions. Used when
 * somebody else logs in in the same browser; the library would need a page with a script for that.
 */
export async function endSession(provider: Provider, scope: RequestScope, sessionId: string): Promise<void> {
  const session = await scope.find('Session', sessionId);
  if (session) await endRecord(provider, scope, session);
}

/** Ends all of one person's sessions; returns how many. */
export async function endSessionsOf(
  provider: Provider,
  scope: RequestScope,
  sessions: readonly StoredRecord[],
): Promise<number> {
  for (const session of sessions) await endRecord(provider, scope, session);
  return sessions.length;
}

async function endRecord(provider: Provider, scope: RequestScope, session: StoredRecord): Promise<void> {
  const authorizations = Object.entries(
    (session.payload.authorizations ?? {}) as Record<string, Authorization>,
  );
  for (const [clientId, { grantId, sid, persistsLogout }] of authorizations) {
    if (grantId && !persistsLogout) scope.revokeGrant(grantId);
    const client = (await provider.Client.find(clientId)) as LogoutClient | undefined;
    if (client?.backchannelLogoutUri && sid)
      await client.backchannelLogout(String(session.payload.accountId), sid);
  }
  scope.destroyRecord(session.id, session);
}

interface Authorization {
  readonly grantId?: string;
  readonly sid?: string;
  readonly persistsLogout?: boolean;
}
