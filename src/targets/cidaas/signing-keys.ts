/** The keys that a tenant signs its tokens with (RFC 7517 section 5): kept for an hour, and asked for anew where a token has another. */
import type { JSONWebKeySet } from 'jose';
import { createLocalJWKSet } from 'jose';
import { Agent } from 'undici';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { exchange, unanswered, whatOf } from '../exchange.ts';

export type KeyOf = ReturnType<typeof createLocalJWKSet>;

export interface SigningKeys {
  /** A set that has the key with this `kid`, if the tenant has it. Throws target_unavailable. */
  setFor(kid: string | undefined): Promise<KeyOf>;
  close(): Promise<void>;
}

const KEEP_SECONDS = 3_600;
/** Tokens with made-up keys do not make us ask more often; nor does a tenant that does not answer. */
const AGAIN_SECONDS = 30;
const AFTER_FAILURE_SECONDS = 5;
const MAX_KEYS = 50;

/** Keys with members that we do not know are used by those that we know. */
const keySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().max(500).optional() })).max(MAX_KEYS),
});

interface Held {
  readonly set: KeyOf;
  readonly kids: ReadonlySet<string | undefined>;
  readonly at: number;
}

export interface SigningKeysOptions {
  readonly url: string;
  readonly timeoutMs: number;
  readonly nowSeconds: () => number;
}

export function openSigningKeys({ url, timeoutMs, nowSeconds }: SigningKeysOptions): SigningKeys {
  const { origin, pathname, search } = new URL(url);
  const agent = new Agent({ connections: 1, pipelining: 1, connect: { timeout: timeoutMs } });
  let held: Held | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<Held> | undefined;

  const fetch = async () => {
    const signal = AbortSignal.timeout(timeoutMs);
    const question = { origin, method: 'GET', path: pathname + search, headers: {}, signal } as const;
    const { status, document } = await exchange(agent, question).catch((error) => {
      throw away(unanswered(error, whatOf(question), signal).message);
    });
    const { success, data } = keySet.safeParse(document);
    if (status !== 200 || !success) throw away(`${whatOf(question)} answers ${status} without keys`);
    held = {
      set: createLocalJWKSet(data as JSONWebKeySet),
      kids: new Set(data.keys.map(({ kid }) => kid)),
      at: nowSeconds(),
    };
    return held;
  };
  const fetched = async () => {
    if (nowSeconds() - failedAt < AFTER_FAILURE_SECONDS) throw away('its keys could not be had a moment ago');
    fetching ??= fetch()
      .catch((error) => {
        failedAt = nowSeconds();
        throw error;
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };

  return {
    async setFor(kid) {
      const age = held ? nowSeconds() - held.at : Number.POSITIVE_INFINITY;
      if (!held || age >= KEEP_SECONDS) return (await fetched()).set;
      if (kid === undefined || held.kids.has(kid) || age < AGAIN_SECONDS) return held.set;
      return (await fetched()).set;
    },
    close: () => agent.destroy(),
  };
}

/** A moment later it may be there: whoever called is to call again. */
const away = (detail: string) => new FootbridgeError('target_unavailable', { detail });
