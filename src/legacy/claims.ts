/**
 * Claim values as relying parties accept them. A wrong type or a malformed value is not passed on: ZITADEL's library
 * refuses the whole login for one locale that is not a language tag.
 */

/**
 * RFC 5321 section 4.5.3.1: 64 octets before the @, and a path of 256 with its brackets. Letters that nobody sees make one
 * address look like another.
 */
const EMAIL =
  /^[^\s@<>()[\]\\,;:"\p{C}]{1,64}@(?=.{1,253}$)[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}.-]*[\p{L}\p{M}\p{N}])?$/u;
const MAX_EMAIL_LENGTH = 254;

/** A well-formed address, or undefined. Internationalised ones (RFC 6531) are kept as they are. */
export function emailOf(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_EMAIL_LENGTH || text.includes('..')) return undefined;
  return EMAIL.test(text) && !/^\.|\.@/.test(text) ? text : undefined;
}

export function phoneNumberOf(text: string | undefined): string | undefined {
  return text !== undefined && /^\+?[0-9][0-9 ()./-]{1,30}$/.test(text) ? text : undefined;
}

/** A language tag (BCP 47) from `de`, `de_CH`, `de_CH.UTF-8` or `de_DE@euro`. */
export function localeOf(text: string | undefined): string | undefined {
  const tag = text
    ?.trim()
    .replace(/[.@].*$/, '')
    .replaceAll('_', '-');
  if (!tag) return undefined;
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}

export function zoneinfoOf(text: string | undefined): string | undefined {
  if (text === undefined || !/^[A-Za-z]/.test(text)) return undefined;
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return text;
  } catch {
    return undefined;
  }
}

export function pictureOf(text: string | undefined): string | undefined {
  const url = text === undefined ? null : URL.parse(text);
  return url && /^https?:$/.test(url.protocol) && !url.username ? url.href : undefined;
}

/** Two letters (ISO 3166-1 alpha-2), upper case. */
export function countryCodeOf(text: string | undefined): string | undefined {
  const code = text?.trim().toUpperCase();
  return code !== undefined && /^[A-Z]{2}$/.test(code) ? code : undefined;
}
