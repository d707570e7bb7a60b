/**
 * Userinfo as ZITADEL's library reads it: Go types, not JavaScript's goodwill. One claim of the wrong type and the
 * whole login fails, so a provider has to get all of them right (OpenID Connect Core 1.0, section 5.1).
 */
export interface Claims {
  readonly sub: string;
  readonly name: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly nickname: string;
  readonly preferredUsername: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly phoneNumber: string;
  readonly phoneNumberVerified: boolean;
  /** A BCP 47 tag; empty when absent or unknown. */
  readonly locale: string;
  /** Seconds since the epoch; 0 when absent. */
  readonly updatedAt: number;
}

/** A claim that cannot be read; nothing else of the answer is used then. */
export class ClaimError extends Error {
  readonly claim: string;
  constructor(claim: string, found: unknown, wanted: string) {
    super(`cannot read the claim ${claim}: ${JSON.stringify(found)} is not ${wanted}`);
    this.claim = claim;
  }
}

/** Read and kept nowhere, but of the wrong type they break the login like any other. */
const UNUSED_TEXTS = ['middle_name', 'profile', 'picture', 'website', 'gender', 'birthdate', 'zoneinfo'];

export function readClaims(userinfo: unknown): Claims {
  if (typeof userinfo !== 'object' || userinfo === null || Array.isArray(userinfo)) {
    throw new ClaimError('(all)', userinfo, 'an object');
  }
  const found = userinfo as Record<string, unknown>;
  const text = (claim: string) => readText(claim, found[claim]);
  const flag = (claim: string) => readFlag(claim, found[claim]);
  UNUSED_TEXTS.forEach(text);
  return {
    sub: text('sub'),
    name: text('name'),
    givenName: text('given_name'),
    familyName: text('family_name'),
    nickname: text('nickname'),
    preferredUsername: text('preferred_username'),
    email: text('email'),
    emailVerified: flag('email_verified'),
    phoneNumber: text('phone_number'),
    phoneNumberVerified: flag('phone_number_verified'),
    locale: readLocale(found.locale),
    updatedAt: readTime(found.updated_at),
  };
}

function readText(claim: string, value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new ClaimError(claim, value, 'a string');
}

/** Some providers write booleans as strings, which the library forgives; anything else it does not, null included. */
function readFlag(claim: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new ClaimError(claim, value, 'a boolean');
}

/** Well-formed but unknown tags count as none; `_` is read as `-`, as golang.org/x/text does. */
function readLocale(value: unknown): string {
  if (value === undefined || value === null || value === '') return '';
  if (typeof value !== 'string') throw new ClaimError('locale', value, 'a language tag');
  try {
    return new Intl.Locale(value.replaceAll('_', '-')).toString();
  } catch {
    throw new ClaimError('locale', value, 'a language tag');
  }
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

function readTime(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number') return Math.trunc(value);
  if (typeof value === 'string' && RFC_3339.test(value)) return Math.floor(Date.parse(value) / 1000);
  throw new ClaimError('updated_at', value, 'a time');
}
