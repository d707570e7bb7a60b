/** What goes wrong with a directory server, in words an operator can act on: host and code, never a value. */
import { FootbridgeError } from '../../../errors.ts';

/** Result codes of RFC 4511 appendix A, with what is usually behind them. */
const RESULTS: Readonly<Record<number, string>> = {
  1: 'operationsError: often a search without a bind, see ldap.bindDn',
  2: 'protocolError',
  3: 'timeLimitExceeded',
  4: 'sizeLimitExceeded: the server gives this bindDn no more entries, not even in pages',
  8: 'strongerAuthRequired: the server wants TLS',
  10: 'referral: another server has these entries, and referrals are not followed',
  11: 'adminLimitExceeded',
  12: 'unavailableCriticalExtension: the server cannot give its entries in pages',
  13: 'confidentialityRequired: the server wants TLS',
  16: 'noSuchAttribute',
  17: 'undefinedAttributeType: the server does not know an attribute',
  18: 'inappropriateMatching',
  19: 'constraintViolation: the server does not take a value, or somebody else has it',
  20: 'attributeOrValueExists',
  21: 'invalidAttributeSyntax',
  32: 'noSuchObject: there is no such base, or ldap.bindDn may not see it',
  34: 'invalidDNSyntax',
  48: 'inappropriateAuthentication',
  49: 'invalidCredentials',
  50: 'insufficientAccessRights',
  51: 'busy',
  52: 'unavailable',
  53: 'unwillingToPerform',
  64: 'namingViolation',
  65: 'objectClassViolation: the entry may not have an attribute, or may not be without it',
  66: 'notAllowedOnNonLeaf: there are entries below this one',
  67: 'notAllowedOnRDN: the attribute is part of the entry’s name',
};
export const INVALID_SYNTAX = 21;
export const SIZE_LIMIT_EXCEEDED = 4;
export const NO_SUCH_OBJECT = 32;

/** The server has answered, and not with success. */
export class Refusal extends Error {
  /** Host and port. */
  readonly place: string;
  readonly status: number;
  /** The server's own words: they may quote values, so they go nowhere. */
  readonly words: string;

  constructor(place: string, { status, words }: { status: number; words: string }) {
    super('refused');
    this.place = place;
    this.status = status;
    this.words = words;
  }

  get reason(): string {
    // Active Directory's number for why a bind was refused: 52e, 532, 533, 775.
    const [, data] = /\bdata ([\da-f]{1,8})\b/i.exec(this.words) ?? [];
    return `${RESULTS[this.status] ?? 'refused'} (${this.status}${data ? `, data ${data}` : ''})`;
  }
}

export function unavailable(detail: string): FootbridgeError {
  return new FootbridgeError('legacy_unavailable', { detail: `ldap ${detail}`, retryAfterSeconds: 2 });
}

/** A refusal is an outage too where nobody expected it. */
export function outage(thrown: unknown): unknown {
  return thrown instanceof Refusal ? unavailable(`${thrown.place} ${thrown.reason}`) : thrown;
}

/** Never the error itself: drivers put requests into what they say. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Refusal) return thrown.reason;
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (code && /^\w{2,60}$/.test(code)) return code;
  return /timed out/i.test(message) ? 'does not answer in time' : 'closed the connection';
}
