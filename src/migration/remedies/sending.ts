/** One person of a campaign, written to by us or by the target. Links are held only as long as this takes. */
import { isFootbridgeError } from '../../errors.ts';
import type { Letter, MailLocale, Written } from '../../mail/letters.ts';
import { renderLetter } from '../../mail/letters.ts';
import type { Mailer, SendOutcome } from '../../mail/mailer.ts';
import { Secret } from '../../settings.ts';
import type { TargetConnection } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import { withHint } from '../target-link.ts';
import type { MailingProblem } from './mailings.ts';
import type { Recipient } from './recipient.ts';

/**
 * `target`: it mails a reset itself; `link`: it gives us a link to one, which we mail; `login`: we mail where they log
 * in there.
 */
export type Way = 'target' | 'link' | 'login';

export interface SendingDeps {
  readonly target: Pick<Target, 'displayName' | 'loginUrl'>;
  readonly connection: Pick<TargetConnection, 'mailReset' | 'resetLink'>;
  readonly mailer: Mailer | undefined;
  readonly way: Way;
  /** Instead of what people's records say. */
  readonly language?: MailLocale | undefined;
  /** Where the target writes: we tell them to expect it. */
  readonly announces: boolean;
}

export type Sent =
  | { readonly kind: 'sent' }
  /** This person will not get it as things are. */
  | { readonly kind: 'failed'; readonly problem: MailingProblem }
  /** Their side wants us to come again. */
  | { readonly kind: 'later'; readonly problem: MailingProblem }
  /** Nothing went out, to nobody's fault: mail server or target are away. */
  | { readonly kind: 'unavailable'; readonly problem: MailingProblem; readonly retryAfterSeconds?: number }
  | { readonly kind: 'unsure'; readonly problem: MailingProblem };

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

async function mail(deps: SendingDeps, recipient: Recipient, letter: Letter): Promise<SendOutcome> {
  const { mailer } = deps;
  if (!mailer) throw new TypeError('there is no mail server');
  let text: Written;
  try {
    text = written({ ...deps, mailer }, recipient, letter);
  } catch {
    // A link that is no web address is the target's doing; what it was must not get further than here.
    return { kind: 'refused', code: 'link_invalid' };
  }
  return mailer.send({ to: recipient.to, ...text });
}

export function written(
  { target, mailer, language }: Pick<SendingDeps, 'target' | 'language'> & { readonly mailer: Mailer },
  { to, locale, timeZone }: Recipient,
  letter: Letter,
): Written {
  return renderLetter(letter, {
    locale: language ?? locale ?? mailer.defaultLocale,
    name: to.name,
    target: target.displayName,
    sender: mailer.sender,
    timeZone,
  });
}

function sentBy(outcome: SendOutcome): Sent {
  if (outcome.kind === 'sent') return outcome;
  const kinds = { refused: 'failed', later: 'later', unavailable: 'unavailable', unsure: 'unsure' } as const;
  return { kind: kinds[outcome.kind], problem: { code: `mail_${outcome.kind}`, detail: outcome.code } };
}

async function askTarget({ connection }: SendingDeps, { targetUserId }: Recipient): Promise<Sent> {
  try {
    await connection.mailReset?.(targetUserId);
    return { kind: 'sent' };
  } catch (error) {
    const failure = targetFailure(error);
    // It said when to come again, so it has done nothing. A call that was lost may have been heard.
    if (failure.kind !== 'unavailable' || failure.retryAfterSeconds !== undefined) return failure;
    return { kind: 'unsure', problem: failure.problem };
  }
}

/** What a target's error means for one person; others are thrown on. */
export function targetFailure(error: unknown): Extract<Sent, { kind: 'failed' | 'unavailable' }> {
  if (isFootbridgeError(error, 'target_refused')) return { kind: 'failed', problem: problemOf(error) };
  if (isFootbridgeError(error, 'target_unavailable') || isFootbridgeError(error, 'legacy_unavailable')) {
    const { retryAfterSeconds } = error;
    return {
      kind: 'unavailable',
      problem: problemOf(error),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    };
  }
  throw error;
}

/** Only what looks like a code: a target may echo whom, or what, we asked for. */
function problemOf({
  code,
  detail = '',
}: {
  readonly code: string;
  readonly detail?: string | undefined;
}): MailingProblem {
  return /^[\w.-]{1,64}$/.test(detail) ? { code, detail } : { code };
}
