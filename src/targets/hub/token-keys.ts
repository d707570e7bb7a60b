/** The keys that the hub signs its tokens with: kept for an hour, as it asks for, and asked for anew where a token has another. */
import type { CryptoKey } from 'jose';
import { importJWK } from 'jose';
import { z } from 'zod';
import type { HubApi } from './api.ts';
import { readDocument } from './documents.ts';

export interface TokenKey {
  readonly kid: string;
  readonly key: CryptoKey;
}

export interface TokenKeys {
  /** Those that may have signed a token with this `kid`: the one, or all where it names none. Throws HubError. */
  candidates(kid: string | undefined): Promise<readonly TokenKey[]>;
}

export const KEYS_PATH = '/api/v1/jwt_public_keys';
/** “Cache them for an hour maximum” (its changelog, 2022-05-09). */
const KEEP_SECONDS = 3_600;
/** Tokens with made-up keys do not make us ask more often. */
const AGAIN_SECONDS = 30;
const MAX_KEYS = 50;

const keySet = z.object({
  keys: z
    .array(
      z.object({
        kty: z.string(),
        kid: z.string().max(200),
        n: z.string().max(2_000).optional(),
        e: z.string().max(20).optional(),
      }),
    )
    .max(MAX_KEYS),
});

export function openTokenKeys(api: HubApi, nowSeconds: () => number): TokenKeys {
  let held: { readonly keys: readonly TokenKey[]; readonly at: number } | undefined;
  let fetching: Promise<readonly TokenKey[]> | undefined;

  const fetch = async () => {
    const { document } = await api.ask({ method: 'GET', path: KEYS_PATH });
    const { keys } = readDocument(keySet, document, `GET ${KEYS_PATH}`);
    const usable = (await Promise.all(keys.map(imported))).flat();
    held = { keys: usable, at: nowSeconds() };
    return usable;
  };
  const fetched = () => {
    fetching ??= fetch().finally(() => {
      fetching = undefined;
    });
    return fetching;
  };
  return {
    async candidates(kid) {
      const fit = (keys: readonly TokenKey[]) => keys.filter((one) => kid === undefined || one.kid === kid);
      const age = held ? nowSeconds() - held.at : Number.POSITIVE_INFINITY;
      if (!held || age >= KEEP_SECONDS) return fit(await fetched());
      const known = fit(held.keys);
      return known.length > 0 || age < AGAIN_SECONDS ? known : fit(await fetched());
    },
  };
}

/** What is no RSA key, or none that can be read, signs nothing for us. */
async function imported({ kty, kid, n, e }: z.output<typeof keySet>['keys'][number]): Promise<TokenKey[]> {
  if (kty !== 'RSA' || !n || !e) return [];
  const key = await importJWK({ kty, n, e }, 'RS256').catch(() => undefined);
  return key === undefined || key instanceof Uint8Array ? [] : [{ kid, key }];
}
