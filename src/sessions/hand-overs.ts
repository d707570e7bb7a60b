/**
 * Sending a browser through a legacy app with a one-time token: 256 random bits, kept only as a hash, bound to the app,
 * good once and for a minute at most.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';

/** What the app learns when it redeems. */
export interface HandedOver {
  readonly sub: string;
  readonly legacyId: string;
  readonly username?: string;
  readonly authTime: number;
  readonly amr: readonly string[];
  /** Where the app sends the browser afterwards: never taken from a URL. */
  readonly returnTo: string;
}

const TOKEN_BYTES = 32;
/** The kind of token comes first, so that one of another kind is never taken for it. */
const PREFIX = 'fbh1.';

const STORE = statement(`insert into hand_overs (id, app, login, expires_at)
  values ($1, $2, $3, now() + make_interval(secs => $4))`);

/** Returns the token. */
export async function storeHandOver(
  db: Queryable,
  { app, login, seconds }: { app: string; login: HandedOver; seconds: number },
): Promise<string> {
  const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  await db.run(STORE, [idOf(token), app, JSON.stringify(login), seconds]);
  return token;
}

const REDEEM = statement(
  'delete from hand_overs where id = $1 and app = $2 and expires_at > now() returning login',
);

/** Undefined for an unknown, used or expired token, or another app's: that one stays good for its own. */
export async function redeemHandOver(
  db: Queryable,
  { app, token }: { app: string; token: string },
): Promise<HandedOver | undefined> {
  if (!token.startsWith(PREFIX)) return undefined;
  const [row] = await db.run<{ login: HandedOver }>(REDEEM, [idOf(token), app]);
  return row?.login;
}

function idOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export const SWEEP_HAND_OVERS = statement(`with gone as (delete from hand_overs where id in (
    select id from hand_overs where expires_at < now() limit $1) returning 1)
  select count(*)::int as gone from gone`);
