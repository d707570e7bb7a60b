/** Templates, stylesheet and texts: ours, with the operator's put over them file by file and text by text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { FootbridgeError } from '../../errors.ts';
import de from './catalogues/de.json' with { type: 'json' };
import en from './catalogues/en.json' with { type: 'json' };
import fr from './catalogues/fr.json' with { type: 'json' };
import { LOCALES, type Locale } from './page.ts';

export type TextKey = keyof typeof en;
/** Plain text, never HTML; `{name}` marks where a value goes. */
export type Catalogue = Readonly<Record<TextKey, string>>;

export interface Theme {
  /** By name without extension; `_…` are parts that other templates include. */
  readonly templates: ReadonlyMap<string, string>;
  readonly stylesheet: string;
  readonly catalogues: Readonly<Record<Locale, Catalogue>>;
}

const STYLESHEET = 'style.css';

/** Throws `config_invalid` for a folder or file that cannot be read, and for a file or text that replaces nothing. */
export function readTheme(folder: string | undefined): Theme {
  const own = readFolder(join(import.meta.dirname, 'templates'));
  const theirs = folder === undefined ? new Map<string, string>() : readFolder(folder);
  for (const file of theirs.keys()) if (!replaces(file, own)) throw unused(file, [...own.keys()]);
  const files = new Map([...own, ...theirs]);
  const templates = [...files].filter(([file]) => file.endsWith('.eta'));
  return {
    templates: new Map(templates.map(([file, text]) => [parse(file).name, text])),
    stylesheet: files.get(STYLESHEET) ?? '',
    catalogues: {
      en: { ...en, ...texts('en', theirs) },
      de: { ...de, ...texts('de', theirs) },
      fr: { ...fr, ...texts('fr', theirs) },
    },
  };
}

/** Hidden files and Markdown are left alone: `.git`, `.DS_Store`, a README. */
function readFolder(folder: string): Map<string, string> {
  try {
    const files = readdirSync(folder).filter((file) => !/^\.|\.md$/i.test(file));
    return new Map(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
  } catch (cause) {
    throw new FootbridgeError('config_invalid', { detail: `cannot read the theme folder ${folder}`, cause });
  }
}

function replaces(file: string, own: ReadonlyMap<string, string>): boolean {
  return own.has(file) || /^_.+\.eta$/.test(file) || LOCALES.some((locale) => file === `${locale}.json`);
}

function unused(file: string, own: readonly string[]): FootbridgeError {
  const known = [...own, '_*.eta', ...LOCALES.map((locale) => `${locale}.json`)].join(', ');
  return new FootbridgeError('config_invalid', {
    detail: `${file} in the theme folder replaces none of ${known}`,
  });
}

function texts(locale: Locale, files: ReadonlyMap<string, string>): Partial<Catalogue> {
  const file = `${locale}.json`;
  const json = files.get(file);
  if (json === undefined) return {};
  const entries = Object.entries(parseObject(file, json));
  for (const [key, text] of entries) {
    if (!Object.hasOwn(en, key)) throw wrong(file, `there is no text "${key}"`);
    if (typeof text !== 'string') throw wrong(file, `"${key}" is not a text`);
  }
  return Object.fromEntries(entries);
}

function parseObject(file: string, json: string): object {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Falls through to the one sentence that helps in both cases.
  }
  throw wrong(file, 'not a JSON object of key and text');
}

function wrong(file: string, reason: string): FootbridgeError {
  return new FootbridgeError('config_invalid', { detail: `${file} in the theme folder: ${reason}` });
}
