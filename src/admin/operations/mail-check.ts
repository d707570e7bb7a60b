import { z } from 'zod';
import { addressOf } from '../../mail/address.ts';
import { MAIL_LOCALES } from '../../mail/letters.ts';
import type { SendOutcome } from '../../mail/mailer.ts';
import { SAMPLE_NAMES } from '../../mail/samples.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { mailerOf, sampleOf } from '../mail/sample.ts';
import { defineOperation } from '../operation.ts';

interface Output {
  /** What the server said to us, without any mail. */
  readonly server: SendOutcome;
  /** The letter that was asked for. */
  readonly letter?: { readonly to: string; readonly subject: string };
  /** What became of it; absent: it was not sent. */
  readonly sent?: SendOutcome;
}

export const mailCheck = defineOperation({
  name: 'mail check',
  summary:
    'Looks whether the mail server answers and lets us in. Given an address and executed, it sends a letter there, to somebody who is made up and without its link.',
  input: z.strictObject({
    to: z
      .string()
      .refine((text) => addressOf(text) !== undefined, { error: 'expected an address' })
      .optional()
      .describe('An address of yours.'),
    letter: z.enum(SAMPLE_NAMES).default('claim-account').describe('Which letter it gets.'),
    language: z.enum(MAIL_LOCALES).optional().describe('`mail.language` when absent.'),
    target: z.string().min(1).optional().describe('The target’s name; the first one when absent.'),
  }),
  changes: true,
  async run(desk, { to, ...input }, { execute }): Promise<Output> {
    const mailer = mailerOf(desk);
    const written = to === undefined ? undefined : sampleOf(desk, input);
    const server = await mailer.check();
    if (to === undefined || !written) return { server };
    const letter = { to, subject: written.subject };
    if (!execute || server.kind !== 'sent') return { server, letter };
    const sent = await mailer.send({ to: { address: to }, ...written });
    const detail = { letter: input.letter, outcome: sent.kind };
    await appendAudit(desk.db, { actor: desk.actor, action: 'mail.checked', detail });
    return { server, letter, sent };
  },
  print: ({ server, letter, sent }) =>
    [
      server.kind === 'sent'
        ? 'The mail server answers and lets us in.'
        : `The mail server does not take our mail (${server.code}).`,
      ...(letter && !sent ? [`Would send “${letter.subject}” to ${letter.to}.`] : []),
      ...(letter && !sent && server.kind === 'sent' ? ['Nothing was sent: add --execute.'] : []),
      ...(letter && sent ? [sentLine(letter.to, sent)] : []),
    ].join('\n'),
  foundWrong: ({ server, sent }) => server.kind !== 'sent' || (sent !== undefined && sent.kind !== 'sent'),
});

const OUTCOMES = {
  refused: 'It was refused for good',
  later: 'It was put off: the server wants us to come again',
  unavailable: 'It was not taken',
  unsure: 'It was handed over, and the answer was lost: it may arrive',
} as const;

function sentLine(to: string, sent: SendOutcome): string {
  if (sent.kind === 'sent')
    return `A letter for ${to} was taken: look whether it arrives, and in which folder.`;
  return `${OUTCOMES[sent.kind]} (${sent.code}).`;
}
