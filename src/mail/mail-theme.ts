/** Templates and texts of letters: ours, with the operator's put over them file by file and text by text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FootbridgeError } from '../errors.ts';
import de from './catalogues/de.json' with { type: 'json' };
import en from './catalogues/en.json' with { type: 'json' };
import fr from './catalogues/fr.json' with { type: 'json' };
import type { MailLocale } from './locale.ts';
import { MAIL_LOCALES } from './locale.ts';

export type TextKey = keyof typeof en;
/** Plain text, never HTML; `{name}` marks where a value goes. */
export type Catalogue = Readonly<Record<TextKey, string>>;

export const HTML_TEMPLATE = 'letter.html.eta';
export const TEXT_TEMPLATE = 'letter.text.eta';
const TEMPLATES = [HTML_TEMPLATE, TEXT_TEMPLATE] as const;

export interface MailTheme {
  readonly templates: Readonly<Record<(typeof TEMPLATES)[number], string>>;
  readonly catalogues: Readonly<Record<MailLocale, Catalogue>>;
}

const OURS = join(import.meta.dirname, 'templates');
const FILES = [...TEMPLATES, ...MAIL_LOCALES.map((locale) => `${locale}.json`)];
/** A letter has these whatever it is about. */
const ALWAYS = ['{target}', '{sender}'];
/** More is no sentence of a letter. */
const MAX_TEXT_LENGTH = 2_000;

/** Throws `config_invalid` for a folder or file that cannot be read, and for a file, text or place that there is not. */
export function readMailTheme(folder?: string): MailTheme {
  const theirs = folder === undefined ? new Map<string, string>() : readFolder(folder);
  const template = (name: string) => theirs.get(name) ?? readFileSync(join(OURS, name), 'utf8');
  return {
    templates: {
      [HTML_TEMPLATE]: template(HTML_TEMPLATE),
      [TEXT_TEMPLATE]: template(TEXT_TEMPLATE),
    },
    catalogues: {
      en: { ...en, ...textsOf('en.json', theirs) },
      de: { ...de, ...textsOf('de.json', theirs) },
      fr: { ...fr, ...textsOf('fr.json', theirs) },
    },
  };
}

/** Hidden files and Markdown are left alone: `.git`, `.DS_Store`, a README. */
function readFolder(folder: string): Map<string, string> {
  let files: string[];
  try {
    files = readdirSync(folder).filter((file) => !/^\.|\.md$/i.test(file));
  } catch (cause) {
    throw new FootbridgeError('config_invalid', { detail: `cannot read the mail theme ${folder}`, cause });
  }
  for (const file of files)
    if (!FILES.includes(file)) throw wrongFile(file, `it replaces none of ${FILES.join(', ')}`);
  return new Map(files.map((file) => [file, readText(folder, file)]));
}

function readText(folder: string, file: string): string {
  try {
    return readFileSync(join(folder, file), 'utf8');
  } catch (cause) {
    throw wrongFile(file, 'cannot be read', cause);
  }
}

function textsOf(file: string, files: ReadonlyMap<string, string>): Partial<Catalogue> {
  const json = files.get(file);
  if (json === undefined) return {};
  const entries = Object.entries(parseObject(file, json));
  for (const [key, text] of entries) checkText(file, key, text);
  return Object.fromEntries(entries);
}

function checkText(file: string, key: string, text: unknown): void {
  if (!isTextKey(key)) throw wrongFile(file, `there is no text "${key}"`);
  if (typeof text !== 'string' || text.trim() === '') throw wrongFile(file, `"${key}" is not a text`);
  if (text.length > MAX_TEXT_LENGTH)
    throw wrongFile(file, `"${key}" is longer than ${MAX_TEXT_LENGTH} characters`);
  const places = [...new Set([...placesOf(en[key]), ...ALWAYS])];
  const unknown = placesOf(text).find((place) => !places.includes(place));
  if (unknown) throw wrongFile(file, `"${key}" has no place ${unknown}; it has ${places.join(', ')}`);
}

const isTextKey = (key: string): key is TextKey => Object.hasOwn(en, key);
const placesOf = (text: string): string[] => text.match(/\{[^{}]*\}/g) ?? [];

function parseObject(file: string, json: string): object {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Falls through to the one sentence that helps in both cases.
  }
  throw wrongFile(file, 'not a JSON object of key and text');
}

/** Always names the file, whoever finds the mistake. */
export function wrongFile(file: string, reason: string, cause?: unknown): FootbridgeError {
  const detail = `${file} in the mail theme: ${reason}`;
  return new FootbridgeError('config_invalid', cause === undefined ? { detail } : { detail, cause });
}
