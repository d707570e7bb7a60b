/** To whom a notice goes and what it says, looked up right before it is sent. */

import { isFootbridgeError } from '../../errors.ts';
import type { Letter } from '../../mail/letters.ts';
import { mailLocaleOf } from '../../mail/letters.ts';
import type { Mailer, Message } from '../../mail/mailer.ts';
import type { Targets } from '../../targets/target.ts';
import type { User } from '../../user.ts';
import { mailboxFor } from '../mailings/recipient.ts';
import type { IssuingDeps } from './issuing.ts';
import { issueLink } from './issuing.ts';
import type { DueNotice } from './notices.ts';

export const NOTICE_SKIPS = {
  no_mail: 'The settings have no `mail`.',
  target_gone: 'The settings say nothing of the target any more.',
  gone: 'The legacy store has them no more.',
  disabled: 'They are disabled in the legacy store.',
  no_verified_address: 'No email address of theirs was verified: mail could reach somebody else.',
  linked: 'They have linked their account since.',
  excluded: 'They are excluded from the migration.',
} as const satisfies Record<string, string>;
export type NoticeSkip = keyof typeof NOTICE_SKIPS;

export type NoticeLook =
  | {
      readonly kind: 'write';
      readonly message: Message;
      /** Of the link in it. */
      readonly tokenId: string | undefined;
    }
  | { readonly kind: 'skip'; readonly code: NoticeSkip }
  /** It cannot be written as things are. */
  | { readonly kind: 'failed'; readonly code: string }
  /** Of the legacy store. */
  | { readonly kind: 'unavailable'; readonly code: string };

export interface NoticeLetterDeps extends IssuingDeps {
  readonly targets: Pick<Targets, 'byName'>;
}

/** For the audit records. */
export const NOTICE_ACTOR = 'footbridge';

/** Throws storage_unavailable. */
export async function lookUpNotice(
  deps: NoticeLetterDeps,
  mailer: Mailer,
  due: DueNotice,
): Promise<NoticeLook> {
  try {
    return await messageOf(deps, mailer, due);
  } catch (error) {
    if (!isFootbridgeError(error) || error.code === 'storage_unavailable') throw error;
    if (error.code === 'legacy_unavailable') return { kind: 'unavailable', code: error.code };
    const skip = SKIPPED[error.code];
    return skip ? { kind: 'skip', code: skip } : { kind: 'failed', code: error.code };
  }
}

/** What issuing a link says to somebody who needs none any more. */
const SKIPPED: Readonly<Record<string, NoticeSkip>> = {
  not_found: 'target_gone',
  user_not_found: 'gone',
  user_disabled: 'disabled',
  user_excluded: 'excluded',
  user_linked: 'linked',
};

async function messageOf(deps: NoticeLetterDeps, mailer: Mailer, due: DueNotice): Promise<NoticeLook> {
  const target = deps.targets.byName(due.target);
  const settings = deps.claimTokens.find((one) => one.target === due.target);
  if (!target || !settings) return { kind: 'skip', code: 'target_gone' };
  const entry = await deps.directory.findBySub(due.sub);
  const to = entry && (entry.user.state === 'active' ? mailboxFor(entry.user) : undefined);
  if (!to) return { kind: 'skip', code: entry ? whyNot(entry.user) : 'gone' };
  const { locale, zoneinfo: timeZone } = entry.user;
  const { letter, tokenId } = await letterOf(deps, due);
  const written = mailer.render(letter, {
    locale: mailLocaleOf(locale) ?? mailer.defaultLocale,
    ...{ name: to.name, timeZone, contact: settings.contact },
    ...{ target: target.displayName, sender: mailer.sender },
  });
  return { kind: 'write', message: { to, ...written }, tokenId };
}

const whyNot = ({ state }: User): NoticeSkip => (state === 'active' ? 'no_verified_address' : 'disabled');

async function letterOf(
  deps: NoticeLetterDeps,
  { target, sub, notice, detail, createdAt }: DueNotice,
): Promise<{ readonly letter: Letter; readonly tokenId?: string }> {
  if (notice === 'account-linked' || notice === 'link-tried')
    return { letter: { letter: notice, ...detail, at: createdAt } };
  const { id, link, expiresAt } = await issueLink(deps, { target, sub }, MAILED);
  return { letter: { letter: notice, link, expiresAt }, tokenId: id };
}

/** It lies in a mailbox like a campaign's, and like there a second factor is asked for before it is followed. */
const MAILED = { origin: 'letter', actor: NOTICE_ACTOR } as const;
