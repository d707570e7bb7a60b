/**
 * What is written to people: plain data in, a subject and a text and an HTML document out. Nothing here knows SMTP, why
 * somebody is written to, or whether a link is good.
 */
import { Eta } from 'eta/core';
import type { ButtonColours } from './colour.ts';
import { buttonColours } from './colour.ts';
import type { Circumstance, Letter, Written } from './letter.ts';
import { LINK_PLACEHOLDER } from './letter.ts';
import { MAIL_LOCALES } from './locale.ts';
import type { Brand } from './mail-settings.ts';
import type { MailTheme } from './mail-theme.ts';
import { HTML_TEMPLATE, readMailTheme, TEXT_TEMPLATE, wrongFile } from './mail-theme.ts';
import type { Paragraphs, Say, Values } from './paragraphs.ts';
import { PARAGRAPHS } from './paragraphs.ts';
import { SAMPLE_CIRCUMSTANCES, SAMPLE_LETTERS } from './samples.ts';
import { sayable } from './sayable.ts';

export type * from './letter.ts';
export { LINK_PLACEHOLDER } from './letter.ts';
export type { MailLocale } from './locale.ts';
export { MAIL_LOCALES, mailLocaleOf } from './locale.ts';

/** Throws TypeError for a link that is no web address. */
export type RenderLetter = (letter: Letter, circumstance: Circumstance) => Written;

export interface LettersSettings {
  /** A folder whose files replace ours. */
  readonly theme?: string | undefined;
  readonly brand?: Brand | undefined;
}

/**
 * Reads the theme once, and writes every letter once in every language, so that a mistake in it stops the start and not a
 * letter. Throws `config_invalid`, which names the file.
 */
export function openLetters({ theme: folder, brand = {} }: LettersSettings): RenderLetter {
  const theme = readMailTheme(folder);
  const draw = compile(theme);
  const colours = buttonColours(brand.colour ?? OUR_COLOUR);
  let isSample = true;
  const render: RenderLetter = (letter, circumstance) => {
    const { locale } = circumstance;
    const values = valuesOf(letter, circumstance, { theme, brand });
    const say: Say = (key) => filled(theme.catalogues[locale][key], values);
    const { sender } = values;
    const paragraphs = (PARAGRAPHS[letter.letter] as Write)(letter, say, values);
    const data: TemplateData = {
      ...{ isSample, locale, sender, colours, logoUrl: brand.logoUrl, ...paragraphs },
      greeting: say(values.name ? 'greeting.name' : 'greeting'),
      link: 'link' in letter ? webAddress(letter.link.reveal()) : undefined,
      footer: brand.footer?.[locale]?.split('\n') ?? [],
    };
    return { locale, subject: paragraphs.subject, text: draw.text(data), html: draw.html(data) };
  };
  rehearse(render);
  isSample = false;
  return render;
}

const OUR_COLOUR = '#3450c4';
/** Which letter it takes is settled by its place in the table. */
type Write = (letter: Letter, say: Say, values: Values) => Paragraphs;

/** What a template can name. */
interface TemplateData extends Paragraphs {
  readonly isSample: boolean;
  readonly locale: string;
  readonly greeting: string;
  readonly link: string | undefined;
  readonly sender: string;
  readonly logoUrl: string | undefined;
  readonly colours: ButtonColours;
  readonly footer: readonly string[];
}

const NAMES =
  'const { locale, subject, greeting, before, link, button, after, sender, logoUrl, colours, footer } = it;';

/** Templates hold code, as their language does: whoever may write the theme folder may run code here. */
function compile({ templates }: MailTheme) {
  const html = new Eta({ functionHeader: NAMES, autoEscape: true });
  const text = new Eta({ functionHeader: NAMES, autoEscape: false, autoTrim: false });
  for (const [file, eta] of [[HTML_TEMPLATE, html] as const, [TEXT_TEMPLATE, text] as const]) {
    try {
      eta.loadTemplate('@letter', templates[file]);
    } catch (cause) {
      throw wrongFile(file, `cannot be read as a template: ${firstLine(cause)}`, cause);
    }
  }
  return {
    html: (data: TemplateData) => drawn(html, HTML_TEMPLATE, data),
    text: (data: TemplateData) => drawn(text, TEXT_TEMPLATE, data),
  };
}

/** What an error of a template says may hold what it was to draw: of a real letter nothing of it goes further. */
function drawn(eta: Eta, file: string, data: TemplateData): string {
  try {
    return eta.render('@letter', data);
  } catch (cause) {
    throw wrongFile(file, `a letter cannot be drawn with it${data.isSample ? `: ${firstLine(cause)}` : ''}`);
  }
}

const firstLine = (cause: unknown) => (cause as Error).message.split('\n', 1)[0] ?? '';

function rehearse(render: RenderLetter): void {
  for (const letter of SAMPLE_LETTERS)
    for (const locale of MAIL_LOCALES)
      for (const circumstance of SAMPLE_CIRCUMSTANCES) {
        const { text, html } = render(letter, { ...circumstance, locale });
        // A letter without its link would leave people with nothing to do.
        if (!('link' in letter)) continue;
        if (!text.includes(LINK_PLACEHOLDER)) throw wrongFile(TEXT_TEMPLATE, 'it leaves out `link`');
        if (!html.includes(LINK_PLACEHOLDER)) throw wrongFile(HTML_TEMPLATE, 'it leaves out `link`');
      }
}

function valuesOf(
  letter: Letter,
  circumstance: Circumstance,
  { theme, brand }: { readonly theme: MailTheme; readonly brand: Brand },
): Values {
  const { locale, name = '', target, sender, contact = brand.contact ?? '' } = circumstance;
  const texts = theme.catalogues[locale];
  const { expiresAt, until, at, there, organization } = letter as Partial<
    Record<'there' | 'organization', string>
  > &
    Partial<Record<'expiresAt' | 'until' | 'at', Date>>;
  return {
    ...{ name, target, sender, contact },
    until: expiresAt ? timeText(expiresAt, circumstance) : '',
    lastDay: until ? dayText(until, circumstance) : '',
    at: at ? timeText(at, circumstance) : '',
    there: sayable(there) ?? '',
    organization: sayable(organization) ?? texts.organization,
  };
}

/** One pass, so that a name that looks like a place stays what it is. */
const filled = (sentence: string, values: Values) =>
  sentence.replace(/\{(\w+)\}/g, (place, name: string) => values[name as keyof Values] ?? place);

const DAY = { day: 'numeric', month: 'long', year: 'numeric' } as const;
const TIME = { ...DAY, hour: '2-digit', minute: '2-digit', timeZoneName: 'short' } as const;

function timeText(time: Date, { locale, timeZone }: Circumstance): string {
  const format = (zone: string) => new Intl.DateTimeFormat(locale, { ...TIME, timeZone: zone });
  try {
    return format(timeZone ?? 'UTC').format(time);
  } catch {
    return format('UTC').format(time);
  }
}

const dayText = (day: Date, { locale }: Circumstance) =>
  new Intl.DateTimeFormat(locale, { ...DAY, timeZone: 'UTC' }).format(day);

function webAddress(link: string): string {
  if (link === LINK_PLACEHOLDER) return link;
  const isWeb = URL.canParse(link) && /^https?:$/.test(new URL(link).protocol) && !/[\s<>"]/.test(link);
  if (!isWeb) throw new TypeError('a link in a letter is a web address');
  return link;
}

/** With our own templates and texts. */
export const renderLetter: RenderLetter = openLetters({});
