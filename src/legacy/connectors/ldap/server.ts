/** The directory server behind its URLs: pooled connections that search as the configured identity, fresh ones for everybody else. */
import type { Connection, Identity, Limits } from './connection.ts';
import { dial } from './connection.ts';
import { Refusal, reasonOf, unavailable } from './failure.ts';
import { Gate } from './gate.ts';
import type { LdapSettings } from './ldap-settings.ts';

/** Firewalls forget a connection that says nothing, and servers close it. */
const IDLE_MS = 30_000;
/** A share of the caller's deadline is left for what comes around the answer. */
const ANSWER_SHARE = 0.8;
/** Less than that, so that the next address is still tried in time. */
const CONNECT_SHARE = 0.5;

export interface Server {
  /** Asks as the configured identity. What is under way when a connection ends is asked once more on a new one. */
  ask<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** A connection for one purpose, not bound yet, closed when the work is done. */
  fresh<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** A connection as the configured identity that the caller keeps and closes. */
  open(): Promise<Connection>;
  close(): void;
}

/** Everything throws legacy_unavailable; a Refusal comes through where the server has answered. */
export function serverAt(settings: LdapSettings, timeoutMs: number): Server {
  const limits: Limits = {
    connectMs: Math.round((timeoutMs * CONNECT_SHARE) / settings.url.length),
    answerMs: Math.round(timeoutMs * ANSWER_SHARE),
  };
  const connect = dialler(settings, limits);
  const lookups = new Gate(settings.poolSize, limits.answerMs);
  const purposes = new Gate(settings.poolSize, limits.answerMs);
  const idle: { connection: Connection; sinceMs: number }[] = [];
  let isClosed = false;

  const open = async () => {
    const connection = await connect();
    try {
      await connection.bind(identityOf(settings));
      return connection;
    } catch (error) {
      connection.close();
      if (!(error instanceof Refusal)) throw error;
      throw unavailable(`${connection.place} refuses ldap.bindDn: ${error.reason}`);
    }
  };
  const pooled = () => {
    for (let kept = idle.pop(); kept; kept = idle.pop()) {
      if (kept.connection.isOpen && performance.now() - kept.sinceMs < IDLE_MS) return kept.connection;
      kept.connection.close();
    }
    return undefined;
  };
  const giveBack = (connection: Connection) => {
    if (isClosed || !connection.isOpen) connection.close();
    else idle.push({ connection, sinceMs: performance.now() });
  };
  const askOn = async <T>(connection: Connection, work: (connection: Connection) => Promise<T>) => {
    try {
      const answer = await work(connection);
      giveBack(connection);
      return answer;
    } catch (error) {
      if (error instanceof Refusal) giveBack(connection);
      else connection.close();
      throw error;
    }
  };

  return {
    ask: (work) =>
      lookups.run(async () => {
        const startedMs = performance.now();
        const kept = pooled();
        try {
          if (kept) return await askOn(kept, work);
        } catch (error) {
          // The server has gone and may be back; what took its whole time would take it again.
          const isLate = performance.now() - startedMs > limits.connectMs;
          if (error instanceof Refusal || kept?.isOpen || isLate) throw error;
        }
        return askOn(await open(), work);
      }),
    fresh: (work) =>
      purposes.run(async () => {
        const connection = await connect();
        return work(connection).finally(() => connection.close());
      }),
    open,
    close() {
      isClosed = true;
      for (const { connection } of idle.splice(0)) connection.close();
    },
  };
}

/** Tries the addresses in their order, from the one that answered last. */
function dialler(settings: LdapSettings, limits: Limits): () => Promise<Connection> {
  let first = 0;
  return async () => {
    const failures: string[] = [];
    for (let tried = 0; tried < settings.url.length; tried++) {
      const index = (first + tried) % settings.url.length;
      const url = settings.url[index]!;
      try {
        const connection = await dial(url, settings, limits);
        first = index;
        return connection;
      } catch (error) {
        failures.push(`${new URL(url).host} ${reasonOf(error)}`);
      }
    }
    throw unavailable(failures.join('; '));
  };
}

function identityOf({ bindDn, bindPassword }: LdapSettings): Identity | undefined {
  return bindDn && bindPassword ? { dn: bindDn, password: bindPassword.reveal() } : undefined;
}
