/** One person of a campaign, written to by us or by the target. Links are held only as long as this takes. */
import type { Letter } from '../../mail/letters.ts';
import { Secret } from '../../settings.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LetterDeps, Sent } from '../mailings/sending.ts';
import { failureOf, mail, sentBy } from '../mailings/sending.ts';
import { withHint } from '../target-link.ts';
import type { Recipient } from './recipient.ts';

/**
 * `target`: it mails a reset itself; `link`: it gives us a link to one, which we mail; `login`: we mail where they log
 * in there.
 */
export type Way = 'target' | 'link' | 'login';

export interface SendingDeps extends LetterDeps {
  readonly target: Pick<Target, 'displayName' | 'loginUrl'>;
  readonly connection: Pick<TargetConnection, 'mailReset' | 'resetLink'>;
  readonly way: Way;
  /** Where the target writes: we tell them to expect it. */
  readonly announces: boolean;
}

/** Ready to go out: everything that could be asked beforehand was. */
export interface Prepared {
  readonly recipient: Recipient;
  readonly letter: Letter | undefined;
}

/** The letter for somebody, with its link. Throws target_unavailable, target_refused. */
export async function prepare(
  { target, connection, way }: SendingDeps,
  recipient: Recipient,
): Promise<Prepared> {
  if (way === 'target') return { recipient, letter: undefined };
  if (way === 'login')
    return { recipient, letter: { letter: 'register-passkey', link: loginLink(target, recipient) } };
  const link = await connection.resetLink?.(recipient.targetUserId);
  if (!link) throw new TypeError('this target gives no links');
  return { recipient, letter: { letter: 'choose-password', link: link.url, expiresAt: link.expiresAt } };
}

/** Where they log in, with their name filled in where the operator has marked a place for it. */
const loginLink = ({ loginUrl }: SendingDeps['target'], { loginName }: Recipient) =>
  new Secret(loginUrl.includes('{login_hint}') ? withHint(loginUrl, loginName) : loginUrl);

/** Never throws for what the other side does. `onAnnounced`: that letter is out, whatever follows. */
export async function send(
  deps: SendingDeps,
  { recipient, letter }: Prepared,
  announcement: { readonly isOut: boolean; readonly onAnnounced: () => Promise<void> },
): Promise<Sent> {
  if (letter) return sentBy(await mail(deps, recipient, letter));
  if (deps.announces && !announcement.isOut) {
    const outcome = await mail(deps, recipient, { letter: 'password-reset-announced' });
    // A second announcement is worse than none: what may have arrived counts as told.
    if (outcome.kind !== 'sent' && outcome.kind !== 'unsure') return sentBy(outcome);
    await announcement.onAnnounced();
  }
  return askTarget(deps, recipient);
}

async function askTarget({ connection }: SendingDeps, { targetUserId }: Recipient): Promise<Sent> {
  try {
    await connection.mailReset?.(targetUserId);
    return { kind: 'sent' };
  } catch (error) {
    const failure = failureOf(error);
    // It said when to come again, so it has done nothing. A call that was lost may have been heard.
    if (failure.kind !== 'unavailable' || failure.retryAfterSeconds !== undefined) return failure;
    return { kind: 'unsure', problem: failure.problem };
  }
}
