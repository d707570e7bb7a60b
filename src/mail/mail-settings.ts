/** Settings of the mail that we send ourselves. */
import { z } from 'zod';
import { count, secret } from '../settings.ts';
import { addressOf, mailboxOf } from './address.ts';
import { MAIL_LOCALES } from './letters.ts';
import { isSmtpUrl } from './smtp-server.ts';

const mailbox = z.string().refine((text) => mailboxOf(text) !== undefined, {
  error: 'expected `Name <name@example.com>` or an address',
});

const smtpSettings = z
  .strictObject({
    url: secret
      .refine((url) => isSmtpUrl(url.reveal()), {
        error: 'expected smtps://user:password@host:465 or smtp://user:password@host:587',
      })
      .optional()
      .describe(
        'The server and who we are there: smtps://user:password@host:465 (TLS from the start) or smtp://… (STARTTLS).',
      ),
    host: z.string().min(1).max(255).optional().describe('Instead of a URL: the server.'),
    port: z.int().min(1).max(65_535).optional().describe('465 with `tls`, else 587.'),
    tls: z.boolean().optional().describe('TLS from the start; otherwise STARTTLS.'),
    user: z.string().min(1).max(255).optional().describe('Who we are there.'),
    password: secret.optional().describe('And how we prove it.'),
    requireTls: z
      .boolean()
      .optional()
      .describe('Nothing is sent without TLS. True, unless the server is on this very machine.'),
    timeoutMs: count(1_000, 120_000, 30_000).describe('How long one mail may take.'),
  })
  .refine(({ url, host }) => (url === undefined) !== (host === undefined), {
    error: 'expected one of url, host',
  })
  .refine(
    ({ url, port, tls, user, password }) => !url || [port, tls, user, password].every((x) => x === undefined),
    {
      error: 'with url, port, tls, user and password stand in it',
    },
  )
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    error: 'expected user and password, or neither',
  });
export type SmtpSettings = z.output<typeof smtpSettings>;

export const mailSettings = z.strictObject({
  smtp: smtpSettings.describe('The server that takes our mail.'),
  from: mailbox.describe(
    'Whom mail comes from: `Shop <accounts@shop.example>`. The name, or else the domain, signs every letter.',
  ),
  replyTo: z
    .string()
    .refine((text) => addressOf(text) !== undefined, { error: 'expected an address' })
    .optional()
    .describe('Where answers go; to `from` when absent.'),
  perMinute: count(1, 6_000, 60).describe('Mails per minute and node.'),
  language: z
    .enum(MAIL_LOCALES)
    .default('en')
    .describe('The language of letters to people whose own we do not know or do not speak.'),
});
export type MailSettings = z.output<typeof mailSettings>;
