/**
 * A claim token is a one-time link for one person: whoever opens it and proves to be somebody at the target is that person.
 * It is 256 random bits, kept as a hash, good once and for three days at most, and for one purpose only.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '../../settings.ts';

/** What is linked with it: a person, or an organization by its owner. */
export const CLAIM_PURPOSES = ['person', 'organization'] as const;
export type ClaimPurpose = (typeof CLAIM_PURPOSES)[number];

/**
 * How it came about: after a login here, at the wish of a legacy app where somebody has logged in, by an operator, in a
 * campaign, after the person's own, because somebody signed in at the target whom nobody knew, or in a letter that something
 * of theirs has caused.
 */
export const CLAIM_ORIGINS = ['login', 'app', 'operator', 'campaign', 'chain', 'sign-in', 'letter'] as const;
export type ClaimOrigin = (typeof CLAIM_ORIGINS)[number];

/** `expired` is an open one whose time is over. */
export const CLAIM_STATES = ['open', 'claimed', 'revoked', 'expired'] as const;
export type ClaimState = (typeof CLAIM_STATES)[number];

export interface ClaimToken {
  /** Names it to operators; opens nothing. */
  readonly id: string;
  readonly target: string;
  readonly purpose: ClaimPurpose;
  /** Whom it was issued to; of an organization, its owner. */
  readonly sub: string;
  /** The legacy organization, with its store's prefix. */
  readonly organization: string | null;
  readonly origin: ClaimOrigin;
  readonly campaign: string | null;
  readonly state: ClaimState;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** When a letter with it went out; null: none, or it is not known that it did. */
  readonly sentAt: Date | null;
  readonly openedAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly failedAt: Date | null;
  /** Why the last try came to nothing: a code. */
  readonly failure: string | null;
}

/** 256 bits. */
const SECRET_BYTES = 32;
/** The purpose is in the text too, and has to agree with what is kept. */
const PREFIXES: Readonly<Record<ClaimPurpose, string>> = { person: 'fbcp1', organization: 'fbco1' };
const TEXT = /^(fbcp1|fbco1)\.([A-Za-z0-9_-]{43})$/;

export interface NewSecret {
  readonly text: Secret;
  readonly digest: Buffer;
}

export function newSecret(purpose: ClaimPurpose): NewSecret {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { text: new Secret(`${PREFIXES[purpose]}.${secret}`), digest: digestOf(secret) };
}

/** What a token's text says; undefined for what is none. */
export function readSecret(
  text: string,
): { readonly purpose: ClaimPurpose; readonly digest: Buffer } | undefined {
  const [, prefix, secret] = TEXT.exec(text) ?? [];
  if (!secret) return undefined;
  return { purpose: prefix === PREFIXES.person ? 'person' : 'organization', digest: digestOf(secret) };
}

const digestOf = (secret: string) => createHash('sha256').update(secret).digest();

/** Where people open it. */
export const CLAIM_PATH = '/claim';
export const claimLink = (issuer: string, text: Secret): Secret =>
  new Secret(`${issuer}${CLAIM_PATH}/${text.reveal()}`);
