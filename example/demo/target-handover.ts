/**
 * What makes the move unnoticed: right after a user's first login the target fetches the password hash and the second
 * factor, once, with the ticket that came with the login, and tells Footbridge that it has them.
 */
import * as oidc from 'openid-client';
import { refusalOf } from './passwap.ts';
import type { RelyingParty } from './target-rp.ts';
import type { Belongings, TargetStore } from './target-store.ts';
import { base32 } from './totp.ts';
import type { Log } from './web.ts';

const SCOPES = 'migration:secrets migration:write migration:read';

export interface Secrets {
  readonly password?: { readonly format: string; readonly encoded: unknown } | Unavailable;
  readonly totp?: TotpSeed | Unavailable;
  readonly roles?: readonly string[];
}
interface Unavailable {
  readonly reason: string;
  readonly sentence: string;
}
interface TotpSeed {
  readonly secret: string;
  readonly algorithm: string;
  readonly digits: number;
  readonly periodSeconds: number;
}

export interface Handover {
  /** Fetches, imports, confirms. Never throws: a login goes on without, and the next one tries again. */
  fetch(user: { id: string; sub: string; ticket: string }): Promise<void>;
  /** The person chose a new password here, because the old one could not be taken along. */
  confirm(user: { id: string; sub: string; imported: readonly string[] }): Promise<void>;
}

export interface HandoverOptions {
  readonly issuer: string;
  readonly store: TargetStore;
  readonly party: RelyingParty;
  readonly log: Log;
}

export function handover({ issuer, store, party, log }: HandoverOptions): Handover {
  const call = async (method: 'POST' | 'PUT', path: string, body: object) => {
    const config = await party.configuration();
    const { access_token: token } = await oidc.clientCredentialsGrant(config, { scope: SCOPES });
    const headers = new Headers({ 'content-type': 'application/json' });
    const url = new URL(`/migration/users/${path}`, issuer);
    return oidc.fetchProtectedResource(config, token, url, method, JSON.stringify(body), headers);
  };
  const flag = async (
    sub: string,
    state: { state: 'created' | 'migrated'; targetUserId: string; imported: readonly string[] },
  ) => {
    const response = await call('PUT', `${encodeURIComponent(sub)}/state`, state);
    if (!response.ok) throw new Error(`the state was answered ${response.status} ${await codeOf(response)}`);
  };
  const confirm: Handover['confirm'] = async ({ id, sub, imported }) => {
    await flag(sub, { state: 'migrated', targetUserId: id, imported });
    await store.bring(id, { movedAt: new Date(), note: null });
    log(`the target has all of ${sub}: ${imported.join(' and ') || 'nothing had to come along'}`);
  };
  return {
    confirm,
    async fetch({ id, sub, ticket }) {
      try {
        const response = await call('POST', `${encodeURIComponent(sub)}/secrets`, { ticket });
        if (!response.ok)
          throw new Error(`the secrets were answered ${response.status} ${await codeOf(response)}`);
        const { belongings, imported, missing } = belongingsIn((await response.json()) as Secrets);
        await store.bring(id, belongings);
        if (missing.length === 0) return await confirm({ id, sub, imported });
        await flag(sub, { state: 'created', targetUserId: id, imported });
        log(`the target could not take all of ${sub}: ${missing.join(' ')}`);
      } catch (error) {
        await store.bring(id, {
          note: 'Nothing could be fetched yet: the next login through Footbridge tries again.',
        });
        log(`the target could not take over ${sub}: ${(error as Error).message}`);
      }
    },
  };
}

async function codeOf(response: Response): Promise<string> {
  const body = (await response.json().catch(() => ({}))) as { code?: string };
  return body.code ?? '';
}

export interface FoundBelongings {
  readonly belongings: Belongings;
  readonly imported: string[];
  /** Why this user has not fully moved yet; sentences without secrets. */
  readonly missing: string[];
}

/**
 * Takes what this target can use. A password is never taken without the second factor that belongs to it; the other
 * way round does no harm.
 */
export function belongingsIn({ password, totp, roles = [] }: Secrets): FoundBelongings {
  const seed = seedIn(totp);
  const hash = hashIn(password);
  const missing = [seed, hash].flatMap((part) => ('missing' in part ? [part.missing] : []));
  const totpSeed = 'missing' in seed ? undefined : seed.value;
  const passwordHash = 'missing' in seed || 'missing' in hash ? undefined : hash.value;
  return {
    belongings: {
      roles,
      note: missing.join(' ') || null,
      factorMissing: 'missing' in seed,
      ...(passwordHash && { passwordHash }),
      ...(totpSeed && { totpSeed }),
    },
    imported: [...(passwordHash ? ['password'] : []), ...(totpSeed ? ['totp'] : [])],
    missing,
  };
}

type Found = { readonly value: string | undefined };
type Missing = { readonly missing: string };

function hashIn(password: Secrets['password']): Found | Missing {
  if (!password) return { missing: 'There is no password in the old system.' };
  if ('reason' in password) return { missing: password.sentence };
  const { encoded } = password;
  if (typeof encoded !== 'string') return { missing: 'The password hash is not a text.' };
  const refusal = refusalOf(encoded);
  return refusal ? { missing: `${refusal.message} (${refusal.code})` } : { value: encoded };
}

/** ZITADEL computes SHA-1, six digits, thirty seconds, and nothing else. */
function seedIn(totp: Secrets['totp']): Found | Missing {
  if (!totp) return { value: undefined };
  if ('reason' in totp) return { missing: totp.sentence };
  const usual = totp.algorithm === 'SHA1' && totp.digits === 6 && totp.periodSeconds === 30;
  if (!usual || !base32(totp.secret)) return { missing: 'This kind of second factor is not supported here.' };
  return { value: totp.secret };
}
