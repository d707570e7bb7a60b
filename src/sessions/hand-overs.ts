/**
 * Sending a browser through a legacy app with a one-time token, in both directions: 256 random bits, kept only as a hash,
 * bound to the app, good once and for a minute at most.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { FoundSession, LegacyPerson } from './legacy-app.ts';

/** What the app learns when it redeems. */
export interface HandedOver {
  readonly sub: string;
  readonly legacyId: string;
  readonly username?: string;
  readonly authTime: number;
  readonly amr: readonly string[];
  /** Where the app sends the browser afterwards: never taken from a URL. */
  readonly returnTo: string;
  /** Seconds since the epoch: no session of this login is good after it. */
  readonly expiresAt?: number;
  /** The person wants to stay logged in on this device. */
  readonly remember?: boolean;
}

/** Who is signed in at the app, as it says. */
export interface Offer {
  readonly app: string;
  readonly found: FoundSession;
  /** Only where the app sends the browser by itself: the client to go on to. */
  readonly client?: string;
}

const TOKEN_BYTES = 32;
/** The kind of token comes first, so that one of another kind is never taken for it. */
const PREFIXES = { redeem: 'fbh1.', offer: 'fbo1.' } as const;
type Purpose = keyof typeof PREFIXES;
/** No setting makes it longer. */
const MAX_SECONDS = 60;

const STORE = statement(`insert into hand_overs (id, app, login, expires_at, purpose)
  values ($1, $2, $3, now() + make_interval(secs => $4), $5)`);

interface Stored {
  readonly app: string;
  readonly seconds: number;
  readonly purpose: Purpose;
  readonly content: object;
}

async function store(db: Queryable, { app, seconds, purpose, content }: Stored): Promise<string> {
  const token = PREFIXES[purpose] + randomBytes(TOKEN_BYTES).toString('base64url');
  const lives = Math.min(seconds, MAX_SECONDS);
  await db.run(STORE, [idOf(token), app, JSON.stringify(content), lives, purpose]);
  return token;
}

/** Returns the token. */
export const storeHandOver = (
  db: Queryable,
  { app, login, seconds }: { readonly app: string; readonly login: HandedOver; readonly seconds: number },
): Promise<string> => store(db, { app, seconds, purpose: 'redeem', content: login });

const REDEEM = statement(`delete from hand_overs
  where id = $1 and app = $2 and purpose = 'redeem' and expires_at > now() returning login`);

/** Undefined for an unknown, used or expired token, or another app's: that one stays good for its own. */
export async function redeemHandOver(
  db: Queryable,
  { app, token }: { readonly app: string; readonly token: string },
): Promise<HandedOver | undefined> {
  if (!token.startsWith(PREFIXES.redeem)) return undefined;
  const [row] = await db.run<{ login: HandedOver }>(REDEEM, [idOf(token), app]);
  return row?.login;
}

export interface NewOffer extends Offer {
  /** What we sent the browser to the app with; absent: the app sends it by itself. */
  readonly state?: string;
}

/** Returns the token. */
export function storeOffer(db: Queryable, { app, found, client, state }: NewOffer): Promise<string> {
  const content = {
    found,
    ...(client === undefined ? {} : { client }),
    ...(state === undefined ? {} : { state: digestOf(state) }),
  };
  return store(db, { app, seconds: MAX_SECONDS, purpose: 'offer', content });
}

const TAKE = statement(`delete from hand_overs where id = $1 and purpose = 'offer' and expires_at > now()
    and (login ->> 'state') is not distinct from $2::text and ($3::text is null or app = $3)
  returning app, login`);

/**
 * Undefined for an unknown, used or expired token; and for one that was made for another `state`, or for none where there
 * is one: that one stays good. `app`: only of this one.
 */
export async function takeOffer(
  db: Queryable,
  { token, state, app }: { readonly token: string; readonly state?: string; readonly app?: string },
): Promise<Offer | undefined> {
  if (!token.startsWith(PREFIXES.offer)) return undefined;
  const values = [idOf(token), state === undefined ? null : digestOf(state), app ?? null];
  const [row] = await db.run<OfferRow>(TAKE, values);
  return row && offerIn(row);
}

const PEEK = statement(`select app, login from hand_overs
  where id = $1 and purpose = 'offer' and expires_at > now() and login ->> 'state' is null`);

/** What the token of an app that was not asked says; it stays good. Undefined as for `takeOffer`. */
export async function peekOffer(db: Queryable, token: string): Promise<Offer | undefined> {
  if (!token.startsWith(PREFIXES.offer)) return undefined;
  const [row] = await db.run<OfferRow>(PEEK, [idOf(token)]);
  return row && offerIn(row);
}

const FORGET = statement(`delete from hand_overs where app = $1 and purpose = 'offer'
  and (login #>> '{found,handle}' = $2 or (login #>> '{found,person,by}' = $3 and login #>> '{found,person,value}' = $4))`);

/** What has ended at the app since it was offered lets nobody in: one session of its own, or all of a person's. */
export async function forgetOffers(
  db: Queryable,
  app: string,
  { session, person }: { readonly session?: string | undefined; readonly person?: LegacyPerson | undefined },
): Promise<void> {
  await db.run(FORGET, [app, session ?? null, person?.by ?? null, person?.value ?? null]);
}

interface OfferRow {
  readonly app: string;
  readonly login: Omit<Offer, 'app'>;
}

function offerIn({ app, login: { found, client } }: OfferRow): Offer {
  return { app, found, ...(client === undefined ? {} : { client }) };
}

function idOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Our state is in a browser's URL; it need not be in a dump as well. */
const digestOf = (state: string) => createHash('sha256').update(`state\0${state}`).digest('base64url');

export const SWEEP_HAND_OVERS = statement(`with gone as (delete from hand_overs where id in (
    select id from hand_overs where expires_at < now() limit $1) returning 1)
  select count(*)::int as gone from gone`);
