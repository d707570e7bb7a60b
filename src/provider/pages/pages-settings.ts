import { z } from 'zod';
import { contrast, longHex } from '../../colour.ts';
import { httpUrl } from '../../settings.ts';
import { SCHEMES, type Scheme } from './brand.ts';
import { LOCALES } from './page.ts';

/** Level AAA for the page's own background: what is drawn on it may then lose some contrast and still be AA. */
const BACKGROUND_CONTRAST = 7;

/** Only hexadecimal colours: what goes into the stylesheet can then be nothing but a colour. */
const colour = z
  .string()
  .regex(/^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i, { error: 'expected a colour like #2f5bd8' })
  .transform(longHex);

const background = (scheme: Scheme) =>
  colour.refine((value) => contrast(value, SCHEMES[scheme].text) >= BACKGROUND_CONTRAST, {
    error: `too ${scheme === 'light' ? 'dark' : 'light'} for the text of the ${scheme} scheme`,
  });

const mailto = z
  .string()
  .regex(/^mailto:[^\s@?&]+@[^\s@?&]+$/, { error: 'expected an http(s) or mailto: URL' });
const link = z.union([httpUrl, mailto], { error: 'expected an http(s) or mailto: URL' }).optional();
const file = z.string().min(1).optional();

export const pagesSettings = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(60)
    .default('Footbridge')
    .describe('The name people know you by. It stands above every page and in its title.'),
  logo: file.describe(
    'File with your logo (SVG, PNG, WebP or JPEG, at most 256 KiB). Without one the name is shown.',
  ),
  logoDark: file.describe('File with the logo for dark mode, where the usual one would not be seen.'),
  colours: z
    .strictObject({
      brand: colour
        .default('#3450c4')
        .describe(
          'Colour of buttons, links and focus. Text on it turns black or white, links are darkened as needed.',
        ),
      background: background('light').default('#f4f5f8').describe('Background of the page in light mode.'),
      backgroundDark: background('dark').default('#121419').describe('Background of the page in dark mode.'),
    })
    .prefault({})
    .describe('Your colours, as #rrggbb. Combinations that nobody can read are corrected or refused.'),
  links: z
    .strictObject({
      forgotPassword: link.describe('Where the legacy system resets a forgotten password.'),
      support: link.describe('Where people get help: a page or a mailto: address.'),
      privacy: link.describe('Your privacy notice.'),
      imprint: link.describe('Your legal notice (Impressum, mentions légales).'),
    })
    .prefault({})
    .describe('Links shown on the pages. One that is not set is not shown.'),
  loginWith: z
    .enum(['username', 'email', 'either'])
    .default('either')
    .describe(
      'What people type to say who they are: decides the label of the field and the keyboard of a phone.',
    ),
  defaultLocale: z
    .enum(LOCALES)
    .default('en')
    .describe('Language of the pages when neither the application nor the browser asks for one we speak.'),
  theme: file.describe(
    'Folder whose files replace ours one by one: templates, style.css, and texts as de.json.',
  ),
});

export type PagesSettings = z.output<typeof pagesSettings>;
