/** Whom a letter goes to, and how they are spoken to. */
import type { Mailbox } from '../../mail/address.ts';
import { addressOf, nameOf } from '../../mail/address.ts';
import type { MailLocale } from '../../mail/letters.ts';
import { mailLocaleOf } from '../../mail/letters.ts';
import type { User } from '../../user.ts';

export interface Recipient {
  readonly to: Mailbox;
  /** Of the languages that letters are written in; undefined: theirs is not known, or none of these. */
  readonly locale: MailLocale | undefined;
  readonly timeZone: string | undefined;
}

/** Where mail reaches nobody else; undefined: no address of theirs was verified, or mail cannot go there. */
export const addressFor = ({ email, emailVerified }: User): string | undefined =>
  email && emailVerified ? addressOf(email) : undefined;

/** That address, with the name that they go by. */
export function mailboxFor(user: User): Mailbox | undefined {
  const address = addressFor(user);
  if (!address) return undefined;
  const name = nameOf(user.name ?? [user.givenName, user.familyName].filter(Boolean).join(' '));
  return { ...(name ? { name } : {}), address };
}

export function recipientOf(user: User): Recipient | undefined {
  const to = mailboxFor(user);
  return to && { to, locale: mailLocaleOf(user.locale), timeZone: user.zoneinfo };
}
