/** One letter, written and handed over, and what it means that something did not answer. */
import { isFootbridgeError } from '../../errors.ts';
import type { Letter, MailLocale, Written } from '../../mail/letters.ts';
import type { Mailer, SendOutcome } from '../../mail/mailer.ts';
import type { Part } from '../../store/statement.ts';
import type { Target } from '../../targets/target.ts';
import type { MailingProblem } from './mailing.ts';
import type { Recipient } from './recipient.ts';

export type Sent =
  /** `parts`: what is noted of it, in the statement that says so. */
  | { readonly kind: 'sent'; readonly parts?: readonly Part[] }
  /** This person will not get it as things are. */
  | { readonly kind: 'failed'; readonly problem: MailingProblem }
  /** Their side wants us to come again. */
  | { readonly kind: 'later'; readonly problem: MailingProblem }
  /** Nothing went out, to nobody's fault: mail server or target are away. */
  | { readonly kind: 'unavailable'; readonly problem: MailingProblem; readonly retryAfterSeconds?: number }
  | { readonly kind: 'unsure'; readonly problem: MailingProblem };

export interface LetterDeps {
  readonly target: Pick<Target, 'displayName'>;
  readonly mailer: Mailer | undefined;
  /** Instead of what people's records say. */
  readonly language?: MailLocale | undefined;
  /** Whom they can ask; the mail settings' when absent. */
  readonly contact?: string | undefined;
}

/** Never throws for what the mail server does. */
export async function mail(deps: LetterDeps, recipient: Recipient, letter: Letter): Promise<SendOutcome> {
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
  { target, mailer, language, contact }: LetterDeps & { readonly mailer: Mailer },
  { to, locale, timeZone }: Recipient,
  letter: Letter,
): Written {
  return mailer.render(letter, {
    locale: language ?? locale ?? mailer.defaultLocale,
    name: to.name,
    target: target.displayName,
    sender: mailer.sender,
    timeZone,
    contact,
  });
}

export function sentBy(outcome: SendOutcome): Sent {
  if (outcome.kind === 'sent') return outcome;
  const kinds = { refused: 'failed', later: 'later', unavailable: 'unavailable', unsure: 'unsure' } as const;
  return { kind: kinds[outcome.kind], problem: { code: `mail_${outcome.kind}`, detail: outcome.code } };
}

/** What an error of one of the ends means for one person; others are thrown on. */
export function failureOf(error: unknown): Extract<Sent, { kind: 'failed' | 'unavailable' }> {
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
