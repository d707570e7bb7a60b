import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FootbridgeError } from '../../errors.ts';
import { brandMark, brandStylesheet } from './brand.ts';
import type { PagesSettings } from './pages-settings.ts';

/**
 * A file that never changes under its name: serve it with `Cache-Control: public, max-age=31536000, immutable`,
 * and with the pages' Content-Security-Policy, because an SVG opened by itself is a document.
 */
export interface Asset {
  readonly body: Buffer;
  readonly type: string;
  /** A strong entity tag, quoted (RFC 9110 section 8.8.3). */
  readonly etag: string;
}

/** Paths to write into a page. */
export interface AssetPaths {
  readonly stylesheets: readonly string[];
  /** Of the passkey page alone. */
  readonly passkeyScript: string;
  readonly icon: string;
  readonly logo: string | undefined;
  readonly logoDark: string | undefined;
}

export interface Assets {
  readonly paths: AssetPaths;
  get(path: string): Asset | undefined;
}

/** Everybody downloads it before they can log in, often on a phone. */
const MAX_LOGO_BYTES = 256 * 1024;

/** What a file is, by its first bytes: names lie. */
const IMAGE_TYPES = [
  { extension: 'png', type: 'image/png', pattern: /^\x89PNG\r\n\x1a\n/ },
  { extension: 'jpg', type: 'image/jpeg', pattern: /^\xff\xd8\xff/ },
  { extension: 'webp', type: 'image/webp', pattern: /^RIFF.{4}WEBP/s },
  {
    extension: 'svg',
    type: 'image/svg+xml',
    pattern: /^(?:\xef\xbb\xbf)?\s*<(?:svg|\?xml|!--|!doctype svg)/i,
  },
] as const;

/** Reads the logo files. Throws `config_invalid` when one cannot be read, is too large, or is no image. */
export function openAssets(settings: PagesSettings, stylesheet: string): Assets {
  const assets = new Map<string, Asset>();
  const add = (name: string, { extension, type, body }: AssetFile) => {
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
    const path = `/assets/${name}.${hash}.${extension}`;
    assets.set(path, { body, type, etag: `"${hash}"` });
    return path;
  };
  const css = (text: string) => ({
    extension: 'css',
    type: 'text/css; charset=utf-8',
    body: Buffer.from(text),
  });
  const script = {
    extension: 'js',
    type: 'text/javascript; charset=utf-8',
    body: readFileSync(join(import.meta.dirname, 'scripts', 'passkey.js')),
  };
  const mark = Buffer.from(brandMark(settings.name, settings.colours.brand));
  const paths: AssetPaths = {
    stylesheets: [add('brand', css(brandStylesheet(settings.colours))), add('style', css(stylesheet))],
    passkeyScript: add('passkey', script),
    icon: add('icon', { extension: 'svg', type: 'image/svg+xml', body: mark }),
    logo: settings.logo && add('logo', image(settings.logo)),
    logoDark: settings.logoDark && add('logo-dark', image(settings.logoDark)),
  };
  return { paths, get: (path) => assets.get(path) };
}

interface AssetFile {
  readonly extension: string;
  readonly type: string;
  readonly body: Buffer;
}

function image(file: string): AssetFile {
  const body = contents(file);
  if (body.length > MAX_LOGO_BYTES) throw invalid(`the logo ${file} is larger than ${MAX_LOGO_BYTES} bytes`);
  const start = body.subarray(0, 256).toString('latin1');
  const known = IMAGE_TYPES.find(({ pattern }) => pattern.test(start));
  if (!known) throw invalid(`the logo ${file} is neither SVG, PNG, WebP nor JPEG`);
  return { extension: known.extension, type: known.type, body };
}

function contents(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FootbridgeError('config_invalid', { detail: `cannot read the logo ${file}`, cause });
  }
}

function invalid(detail: string): FootbridgeError {
  return new FootbridgeError('config_invalid', { detail });
}
