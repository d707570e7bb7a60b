/** Sends letters, not faster than the settings say. */
import type { Mailbox } from './address.ts';
import { addressOf, mailboxOf, oneLine } from './address.ts';
import type { SendOutcome } from './delivery.ts';
import { deliver, greet } from './delivery.ts';
import type { MailLocale, RenderLetter, Written } from './letters.ts';
import { openLetters } from './letters.ts';
import type { MailSettings } from './mail-settings.ts';
import type { Clock } from './pace.ts';
import { openPace, systemClock } from './pace.ts';
import { smtpServerOf } from './smtp-server.ts';

export type { SendOutcome } from './delivery.ts';

export interface Message extends Written {
  readonly to: Mailbox;
}

export interface Mailer {
  /** Who signs: the brand's name, else the one in `from`, else its domain. */
  readonly sender: string;
  /** A letter as the settings' theme and brand have it. */
  readonly render: RenderLetter;
  readonly defaultLocale: MailLocale;
  readonly perMinute: number;
  /** Waits for its turn, and never throws. Repeats nothing. */
  send(message: Message): Promise<SendOutcome>;
  /** `sent`: the server answers and lets us in; else `unavailable`. Sends nothing. */
  check(): Promise<SendOutcome>;
  /** Waits for the mail that is under way. */
  close(): Promise<void>;
}

/** Connects when there is something to send. Throws `config_invalid` for a theme with which no letter can be written. */
export function openMailer(settings: MailSettings, clock: Clock = systemClock): Mailer {
  const server = smtpServerOf(settings.smtp);
  const { timeoutMs } = settings.smtp;
  const from = mailboxOf(settings.from)!;
  const pace = openPace(60_000 / settings.perMinute, clock);
  const underWay = new Set<Promise<unknown>>();
  const send = async (message: Message): Promise<SendOutcome> => {
    const to = addressOf(message.to.address);
    if (!to) return { kind: 'refused', code: 'address_invalid' };
    await pace.turn();
    const mime = await mimeOf(message, { from, replyTo: settings.replyTo });
    return deliver(server, { envelope: { from: from.address, to }, message: mime }, { timeoutMs });
  };
  return {
    sender: settings.brand?.name ?? from.name ?? from.address.slice(from.address.lastIndexOf('@') + 1),
    render: openLetters(settings),
    defaultLocale: settings.language,
    perMinute: settings.perMinute,
    send: async (message) => {
      const sent = send(message).finally(() => underWay.delete(sent));
      underWay.add(sent);
      return sent;
    },
    check: () => greet(server, { timeoutMs }),
    close: async () => void (await Promise.allSettled(underWay)),
  };
}

/** As RFC 5322 and MIME have it, with both parts. Names and subject are one line each, whatever is in them. */
async function mimeOf(
  { to, subject, text, html, locale }: Message,
  { from, replyTo }: { readonly from: Mailbox; readonly replyTo: string | undefined },
): Promise<Buffer> {
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer');
  const mail = new MailComposer({
    from: headerOf(from),
    to: headerOf(to),
    ...(replyTo ? { replyTo } : {}),
    subject: oneLine(subject),
    text,
    html,
    headers: {
      // RFC 3834: nobody's absence is answered to us.
      'Auto-Submitted': 'auto-generated',
      'Content-Language': locale,
    },
    // RFC 5321 section 2.3.8: lines end so, and nothing between here and the socket is to change that.
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return mail.compile().build();
}

const headerOf = ({ name = '', address }: Mailbox) => ({ name: oneLine(name), address });
