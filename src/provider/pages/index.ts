/**
 * The pages people see: plain data in, a whole HTML document out. They work without script (a passkey alone cannot) and
 * under `default-src 'none'; style-src 'self'; img-src 'self' data:`, the passkey's with `script-src 'self'` besides. Nothing here knows HTTP, a database or OpenID Connect.
 */
import { Eta } from 'eta/core';
import { FootbridgeError } from '../../errors.ts';
import { type Asset, type AssetPaths, openAssets } from './assets.ts';
import { bdi, contactHref, day, href, told } from './drawing.ts';
import { chooseLocale, type LocaleWish } from './locale.ts';
import { LOCALES, type Locale, type Page, type View } from './page.ts';
import type { PagesSettings } from './pages-settings.ts';
import { SAMPLES } from './samples.ts';
import { readTheme, type TextKey } from './theme.ts';
import { backKey, type Translate, translator, wording } from './wording.ts';

export type { Asset } from './assets.ts';
export type { LocaleWish } from './locale.ts';
export type { ErrorKind, FactorPage, Locale, LoginProblem, Page, View } from './page.ts';
export { LOCALES } from './page.ts';
export { type PagesSettings, pagesSettings } from './pages-settings.ts';

export interface Pages {
  /** A whole HTML document. */
  render(page: Page, view: View): string;
  /** The file behind a path under `/assets/` that a page names; undefined for every other path. */
  asset(path: string): Asset | undefined;
  /** `ui_locales`, else `Accept-Language`, else the default of the settings. */
  chooseLocale(wish: LocaleWish): Locale;
}

/**
 * Reads theme and logo once, and draws every page once in every language, so that a mistake in a template
 * stops the start and not a login. Throws `config_invalid`.
 */
export function openPages(settings: PagesSettings): Pages {
  const theme = readTheme(settings.theme);
  const assets = openAssets(settings, theme.stylesheet);
  const draw = compile(theme.templates);
  const pages: Pages = {
    render(page, { locale }) {
      const t = translator(theme.catalogues[locale]);
      const words = wording(page, { name: settings.name, locale, t });
      const back = page.page === 'error' ? backKey(page) : undefined;
      const calls = callsOf(t, locale);
      return draw(page.page, {
        page,
        ...words,
        back,
        locale,
        t,
        ...calls,
        site: settings,
        assets: assets.paths,
      });
    },
    asset: (path) => assets.get(path),
    chooseLocale: (wish) => chooseLocale(wish, settings.defaultLocale),
  };
  rehearse(pages);
  return pages;
}

/** What a template can name. */
interface TemplateData {
  readonly page: Page;
  readonly locale: Locale;
  readonly site: PagesSettings;
  readonly assets: AssetPaths;
  readonly [name: string]: unknown;
}

/** `told` and `bdi` make HTML, all others text. */
const callsOf = (t: Translate, locale: Locale) => ({
  href,
  bdi,
  contactHref,
  told: (key: TextKey, names: Readonly<Record<string, string>>) => told(t, key, names),
  day: (date: string) => day(date, locale),
});

const NAMES =
  'const { page, heading, title, notice, back, locale, t, told, bdi, day, href, contactHref, site, assets, icon } = it;';

/** Templates hold code, as their language does: whoever may write the theme folder may run code here. */
function compile(templates: ReadonlyMap<string, string>): (name: string, data: TemplateData) => string {
  const eta = new Eta({ autoEscape: true, functionHeader: NAMES });
  for (const [name, text] of templates) {
    try {
      eta.loadTemplate(`@${name}`, text);
    } catch (cause) {
      throw new FootbridgeError('config_invalid', { detail: `template ${name}.eta cannot be read`, cause });
    }
  }
  return (name, data) => eta.render(`@${name}`, data);
}

function rehearse(pages: Pages): void {
  for (const [name, page] of Object.entries(SAMPLES)) {
    try {
      for (const locale of LOCALES) pages.render(page, { locale });
    } catch (cause) {
      const detail = `the page "${name}" cannot be drawn: ${(cause as Error).message}`;
      throw new FootbridgeError('config_invalid', { detail, cause });
    }
  }
}
