/**
 * Stylesheets and scripts of the console, under names that change with what is in them: a browser keeps them for good.
 * Everything comes from here, nothing from anywhere else.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const ASSETS_AT = '/admin/assets/';

export interface Asset {
  readonly body: Buffer;
  readonly type: string;
  /** A strong entity tag, quoted (RFC 9110 section 8.8.3). */
  readonly etag: string;
}

/** Paths to write into a page, in this order. */
export interface AssetPaths {
  readonly stylesheets: readonly string[];
  readonly scripts: readonly string[];
  readonly icon: string;
}

export interface Assets {
  readonly paths: AssetPaths;
  get(path: string): Asset | undefined;
}

const TYPES = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

/** The bridge. */
export const MARK =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="13" fill="#3450c4"/><path d="M7 31h34M7 31c8-15 26-15 34 0M15 31v-6M24 31V20.500M33 31v-6" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>';

/** Read once, at the start: a missing file stops the start and not a page. */
export function openAssets(): Assets {
  const assets = new Map<string, Asset>();
  const add = (name: string, extension: keyof typeof TYPES, body: Buffer): string => {
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
    const path = `${ASSETS_AT}${name}.${hash}.${extension}`;
    assets.set(path, { body, type: TYPES[extension], etag: `"${hash}"` });
    return path;
  };
  const packaged = (file: string) => readFileSync(createRequire(import.meta.url).resolve(file));
  // Ours after theirs, and the ground before what stands on it.
  const sheets = [packaged('uplot/dist/uPlot.min.css'), ...filesOf('styles', '.css', 'base.css')];
  const paths: AssetPaths = {
    stylesheets: [add('console', 'css', Buffer.concat(sheets.flatMap((sheet) => [sheet, NEW_LINE])))],
    scripts: [
      add('htmx', 'js', packaged('htmx.org/dist/htmx.min.js')),
      add('uplot', 'js', packaged('uplot/dist/uPlot.iife.min.js')),
      add('console', 'js', Buffer.concat(filesOf('scripts', '.js').flatMap((one) => [one, NEW_LINE]))),
    ],
    icon: add('icon', 'svg', Buffer.from(MARK)),
  };
  return { paths, get: (path) => assets.get(path) };
}

const NEW_LINE = Buffer.from('\n');

function filesOf(folder: string, ending: string, first?: string): Buffer[] {
  const at = join(import.meta.dirname, folder);
  const names = readdirSync(at)
    .filter((name) => name.endsWith(ending))
    .sort((a, b) => Number(b === first) - Number(a === first) || a.localeCompare(b));
  return names.map((name) => readFileSync(join(at, name)));
}
