/**
 * A link in the making lives in its browser, sealed: which token opened it, what the target has to answer, and who came back
 * from there. Nothing of it is in a URL, and nothing of it is kept here; what must happen once is the token's row.
 */
import { randomBytes } from 'node:crypto';
import type { Context } from 'koa';
import { nowSeconds } from '../../clock.ts';
import type { ClaimOrigin, ClaimPurpose } from '../../migration/claim-tokens/claim-token.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { SignedIn, SignInChecks } from '../../targets/sign-in.ts';
import { SignInFailed } from '../../targets/sign-in.ts';
import { isSecure } from '../cookies.ts';

/** The token that opened it. */
export interface OpenedToken {
  readonly id: string;
  readonly purpose: ClaimPurpose;
  readonly sub: string;
  readonly organization: string | null;
  readonly origin: ClaimOrigin;
}

export interface OrganizationThere {
  readonly targetOrganizationId: string;
  readonly name: string;
}

export interface Done {
  readonly sub: string;
  /** Whoever's session this browser had then: what was proved ends with it. */
  readonly session?: string;
  readonly there?: SignedIn;
  readonly organization?: string;
}

export interface Claiming {
  /** Binds the forms of this link to it. */
  readonly nonce: string;
  readonly target: string;
  /** To link, or to sign in with an account that is linked. */
  readonly use: 'claim' | 'sign-in';
  /** Absent: whoever logs in here gets one. */
  readonly token?: OpenedToken;
  /** They have to show who they are here: by a session of this browser, or by logging in for this. */
  readonly bySession?: true;
  /** Who has logged in here for this; seconds since the epoch. It opens nothing else, and no session begins with it. */
  readonly proved?: { readonly sub: string; readonly at: number };
  /** They have pressed the button, and are logging in here before it goes on. */
  readonly pressed?: true;
  /** Out at the target. */
  readonly checks?: SignInChecks;
  /** Back from there: the person. */
  readonly there?: SignedIn;
  /** Back from there: the organization. */
  readonly organizationThere?: OrganizationThere;
  /** Of whom the link was made, in this browser, just now. */
  readonly done?: Done;
  /** The login that goes on afterwards. */
  readonly uid?: string;
}

/** A sign-up at the target with a confirmed address has to fit in. */
const LIFETIME_SECONDS = 1_800;
/** Browsers keep 4,096 bytes per cookie, name and attributes included (RFC 6265 section 6.1). */
const COOKIE_BYTES = 3_900;
/** Bytes of one text in it. */
const MAX_TEXT = 200;
/** RFC 5321 section 4.5.3.1.3. */
const MAX_EMAIL = 254;
/** OpenID Connect Core section 2: a `sub` has no more. */
const MAX_ID = 255;
/** Of RFC 8176 none is longer than that. */
const MAX_AMR = 20;
const CONTROL = /\p{Cc}+/gu;

export class ClaimCookie {
  readonly #keyring: Keyring;
  readonly #issuer: string;
  readonly #name: string;

  constructor(keyring: Keyring, issuer: string) {
    this.#keyring = keyring;
    this.#issuer = issuer;
    this.#name = isSecure(issuer) ? '__Host-fb_claim' : 'fb_claim';
  }

  read(ctx: Context): Claiming | undefined {
    const cookie = ctx.cookies.get(this.#name, { signed: false });
    const opened = cookie && this.#keyring.open('claim', cookie, this.#issuer);
    if (!opened) return undefined;
    const { at, ...claiming } = JSON.parse(opened.toString()) as Claiming & { at: number };
    return nowSeconds() - at <= LIFETIME_SECONDS ? claiming : undefined;
  }

  /** Each step begins its time anew. */
  write(ctx: Context, claiming: Omit<Claiming, 'nonce'> & { readonly nonce?: string }): Claiming {
    const nonce = claiming.nonce ?? randomBytes(16).toString('base64url');
    const whole = { ...claiming, nonce };
    const sealed = this.#keyring.seal('claim', JSON.stringify({ ...whole, at: nowSeconds() }), this.#issuer);
    if (sealed.length > COOKIE_BYTES)
      throw new RangeError('what came from the target does not fit into a cookie');
    this.#set(ctx, sealed, LIFETIME_SECONDS);
    return whole;
  }

  clear(ctx: Context): void {
    if (ctx.cookies.get(this.#name, { signed: false }) !== undefined) this.#set(ctx, '', 0);
  }

  #set(ctx: Context, value: string, maxAgeSeconds: number): void {
    const secure = isSecure(this.#issuer) ? '; Secure' : '';
    ctx.append(
      'Set-Cookie',
      `${this.#name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax${secure}`,
    );
  }
}

/**
 * What is shown and kept of somebody there: the target may send texts of any length, and all of them are in one cookie, twice
 * where an organization follows. An address is kept whole or not at all, because half of one may be somebody else's.
 */
export function bounded(there: SignedIn): SignedIn {
  const { targetUserId, email, emailVerified, amr, authTime, ...texts } = there;
  if (targetUserId.length > MAX_ID) throw new SignInFailed('refused', 'subject_too_long');
  const short = Object.entries(texts).flatMap(([key, text]) => {
    const kept = typeof text === 'string' ? cut(text) : '';
    return kept === '' ? [] : [[key, kept] as const];
  });
  const isAddress =
    email !== undefined && email !== '' && email.length <= MAX_EMAIL && cut(email, MAX_EMAIL) === email;
  return {
    ...Object.fromEntries(short),
    ...(isAddress ? { email } : {}),
    targetUserId,
    emailVerified: isAddress && emailVerified,
    amr: amr.filter((one) => one.length <= MAX_AMR).slice(0, 10),
    ...(authTime === undefined ? {} : { authTime }),
  };
}

/** As much of a text as fits, in whole characters and without those that control something. */
export function cut(text: string, bytes = MAX_TEXT): string {
  let [kept, left] = ['', bytes];
  for (const one of text.toWellFormed().replace(CONTROL, ' ')) {
    left -= Buffer.byteLength(JSON.stringify(one)) - 2;
    if (left < 0) break;
    kept += one;
  }
  return kept;
}
