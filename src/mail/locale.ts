/** The languages that letters are written in. */
export const MAIL_LOCALES = ['en', 'de', 'fr'] as const;
export type MailLocale = (typeof MAIL_LOCALES)[number];

/** What we speak of a BCP 47 tag. */
export function mailLocaleOf(tag: string | undefined): MailLocale | undefined {
  const language = tag?.split(/[-_]/, 1)[0]?.toLowerCase();
  return MAIL_LOCALES.find((locale) => locale === language);
}
