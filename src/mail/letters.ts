/**
 * What is written to people: plain data in, a subject and a text and an HTML document out. Nothing here knows SMTP, why
 * somebody is written to, or whether a link is good.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Eta } from 'eta/core';
import type { Secret } from '../settings.ts';
import de from './catalogues/de.json' with { type: 'json' };
import en from './catalogues/en.json' with { type: 'json' };
import fr from './catalogues/fr.json' with { type: 'json' };

export const MAIL_LOCALES = ['en', 'de', 'fr'] as const;
export type MailLocale = (typeof MAIL_LOCALES)[number];

/** Leads to a page where they choose one: whoever has the link has the account. */
export interface ChoosePassword {
  readonly letter: 'choose-password';
  readonly link: Secret;
  readonly expiresAt?: Date;
}

/** The target mails them itself, and they are told to expect it. */
export interface PasswordResetAnnounced {
  readonly letter: 'password-reset-announced';
}

export interface RegisterPasskey {
  readonly letter: 'register-passkey';
  /** Where they log in at the target. */
  readonly link: Secret;
}

export type Letter = ChoosePassword | PasswordResetAnnounced | RegisterPasskey;

export interface Circumstance {
  readonly locale: MailLocale;
  /** As `nameOf` has let it through. */
  readonly name?: string | undefined;
  /** What people know the target by. */
  readonly target: string;
  /** Who signs. */
  readonly sender: string;
  /** An IANA name, for times; UTC when absent or unknown. */
  readonly timeZone?: string | undefined;
}

export interface Written {
  readonly locale: MailLocale;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** In a link's place where a letter is only shown. */
export const LINK_PLACEHOLDER = '[link]';

type TextKey = keyof typeof en;
type Catalogue = Readonly<Record<TextKey, string>>;
const CATALOGUES: Readonly<Record<MailLocale, Catalogue>> = { en, de, fr };

const FOLDER = join(import.meta.dirname, 'templates');
const template = (name: string) => readFileSync(join(FOLDER, `${name}.eta`), 'utf8');
const DATA = {
  functionHeader: 'const { locale, subject, greeting, before, link, button, after, sender } = it;',
};
const html = new Eta({ ...DATA, autoEscape: true });
const text = new Eta({ ...DATA, autoEscape: false, autoTrim: false });
html.loadTemplate('@letter', template('letter.html'));
text.loadTemplate('@letter', template('letter.text'));

/** Throws TypeError for a link that is no web address. */
export function renderLetter(letter: Letter, circumstance: Circumstance): Written {
  const { locale, name, target, sender } = circumstance;
  const values = { name: name ?? '', target, sender, until: untilOf(letter, circumstance) };
  const say = (key: TextKey) => filled(CATALOGUES[locale][key], values);
  const subject = say(`${letter.letter}.subject`);
  const data = {
    locale,
    subject,
    greeting: say(name ? 'greeting.name' : 'greeting'),
    sender,
    ...PARAGRAPHS[letter.letter](say, values.until !== ''),
    link: 'link' in letter ? webAddress(letter.link.reveal()) : undefined,
  };
  return { locale, subject, text: text.render('@letter', data), html: html.render('@letter', data) };
}

interface Paragraphs {
  readonly before: readonly string[];
  readonly button?: string;
  readonly after: readonly string[];
}
type Say = (key: TextKey) => string;

const PARAGRAPHS: Readonly<Record<Letter['letter'], (say: Say, expires: boolean) => Paragraphs>> = {
  'choose-password': (say, expires) => ({
    before: [say('choose-password.why'), say('choose-password.what')],
    button: say('choose-password.button'),
    after: [...(expires ? [say('choose-password.until')] : []), say('choose-password.private')],
  }),
  'password-reset-announced': (say) => ({
    before: [say('password-reset-announced.why'), say('password-reset-announced.what')],
    after: [say('password-reset-announced.missing')],
  }),
  'register-passkey': (say) => ({
    before: [say('register-passkey.why'), say('register-passkey.what')],
    button: say('register-passkey.button'),
    after: [say('register-passkey.old')],
  }),
};

/** One pass, so that a name that looks like a placeholder stays what it is. */
const filled = (sentence: string, values: Readonly<Record<string, string>>) =>
  sentence.replace(/\{(\w+)\}/g, (mark, name: string) => values[name] ?? mark);

const UNTIL = {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZoneName: 'short',
} as const;

function untilOf(letter: Letter, { locale, timeZone }: Circumstance): string {
  if (letter.letter !== 'choose-password' || !letter.expiresAt) return '';
  const format = (zone: string) => new Intl.DateTimeFormat(locale, { ...UNTIL, timeZone: zone });
  try {
    return format(timeZone ?? 'UTC').format(letter.expiresAt);
  } catch {
    return format('UTC').format(letter.expiresAt);
  }
}

function webAddress(link: string): string {
  if (link === LINK_PLACEHOLDER) return link;
  const isWeb = URL.canParse(link) && /^https?:$/.test(new URL(link).protocol) && !/[\s<>"]/.test(link);
  if (!isWeb) throw new TypeError('a link in a letter is a web address');
  return link;
}

/** What we speak of a BCP 47 tag. */
export function mailLocaleOf(tag: string | undefined): MailLocale | undefined {
  const language = tag?.split(/[-_]/, 1)[0]?.toLowerCase();
  return MAIL_LOCALES.find((locale) => locale === language);
}
