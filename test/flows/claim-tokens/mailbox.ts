/** What the mail server of a test has got, as people read it. */
import type { Email } from 'postal-mime';
import PostalMime from 'postal-mime';
import type { MailStage } from '../../mail/smtp-stage.ts';
import { openMailStage } from '../../mail/smtp-stage.ts';
import { until } from '../server.ts';

export interface Mailbox extends MailStage {
  readonly url: string;
  /** The newest to this address, once there are more than `seen`. */
  letterTo(to: string, seen?: number): Promise<Email>;
}

export async function openMailbox(): Promise<Mailbox> {
  const stage = await openMailStage();
  const letterTo = async (to: string, seen = 0) => {
    const theirs = () => stage.mails.filter((mail) => mail.to.includes(to));
    await until(async () => theirs().length > seen);
    return PostalMime.parse(theirs().at(-1)!.raw);
  };
  return Object.assign(stage, { url: `smtp://127.0.0.1:${stage.port}`, letterTo });
}
