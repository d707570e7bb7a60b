/** Settings of the mail that we send ourselves. */
import { z } from 'zod';
import { longHex } from '../colour.ts';
import { count, secret } from '../settings.ts';
import { addressOf, mailboxOf } from './address.ts';
import { MAIL_LOCALES } from './locale.ts';
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

const oneLine = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{C}\u2028\u2029]*$/u, { error: 'expected one line' });

const footer = z
  .string()
  .trim()
  .min(1)
  .max(2_000)
  .transform((text) => text.replace(/\r\n?/g, '\n'))
  .optional();

const brandSettings = z.strictObject({
  name: oneLine(60).optional().describe('Signs every letter, in the place of the name in `from`.'),
  logoUrl: z
    .string()
    .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:' && !/[\s<>"]/.test(text), {
      error: 'expected an https URL',
    })
    .optional()
    .describe(
      'A picture that mail programs load themselves (https; PNG or JPEG, 40 pixels high or a multiple of that).',
    ),
  colour: z
    .string()
    .regex(/^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i, { error: 'expected a colour like #2f5bd8' })
    .transform(longHex)
    .optional()
    .describe(
      'Of the button, as #rrggbb. The text on it turns black or white, and it gets an edge where it would not be seen.',
    ),
  footer: z
    .strictObject({ en: footer, de: footer, fr: footer })
    .optional()
    .describe('Below every letter, as the law may want it; per language. Lines stay lines.'),
  contact: oneLine(200)
    .optional()
    .describe(
      'Whom people ask, or tell that it was not them: a mail or web address. Without one they are asked to answer the mail.',
    ),
});
export type Brand = z.output<typeof brandSettings>;

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
  theme: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder whose files replace ours: letter.html.eta, letter.text.eta, and texts as en.json, de.json, fr.json.',
    ),
  brand: brandSettings.optional().describe('What makes letters yours.'),
});
export type MailSettings = z.output<typeof mailSettings>;
