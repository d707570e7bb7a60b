/** Letters with the operator's own templates, texts, name and colours, and what stops the start instead. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contrast } from '../../src/colour.ts';
import { FootbridgeError } from '../../src/errors.ts';
import { buttonColours } from '../../src/mail/colour.ts';
import type { LettersSettings } from '../../src/mail/letters.ts';
import { MAIL_LOCALES, openLetters, renderLetter } from '../../src/mail/letters.ts';
import { mailSettings } from '../../src/mail/mail-settings.ts';
import { openMailer } from '../../src/mail/mailer.ts';
import { writeSample } from '../../src/mail/sample-letter.ts';
import { SAMPLE_NAMES } from '../../src/mail/samples.ts';
import { Secret } from '../../src/settings.ts';
import { openMailStage } from './smtp-stage.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-mail-theme-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (files: Readonly<Record<string, string>>) => {
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
};
const settingsOf = (more: object) =>
  mailSettings.safeParse({ smtp: { url: 'smtp://127.0.0.1:9' }, from: 'Shop <a@shop.example>', ...more });
const brandOf = (brand: object) => settingsOf({ brand }).data?.brand;
/** What stops the start. */
function mistake(settings: LettersSettings = { theme: folder }): string | undefined {
  try {
    openLetters(settings);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(FootbridgeError);
    expect((error as FootbridgeError).code).toBe('config_invalid');
    return (error as FootbridgeError).detail;
  }
}

const circumstance = { locale: 'en', target: 'New & Co', sender: 'Shop' } as const;
const letter = {
  letter: 'claim-account',
  link: new Secret('https://id.example/claim/x?a=1&b=2'),
  expiresAt: new Date('2027-05-04T10:00:00Z'),
} as const;

describe('a theme', () => {
  test('replaces text by text and language by language; all others stay ours', () => {
    put({
      'de.json': JSON.stringify({ 'claim.button': 'Los geht’s bei {target}', greeting: 'Moin,' }),
      'README.md': 'about it',
      '.hidden': '',
    });
    const render = openLetters({ theme: folder });
    const german = render(letter, { ...circumstance, locale: 'de' });
    expect(german.html).toContain('Los geht’s bei New &amp; Co</a>');
    expect(german.text.startsWith('Moin,\n\nIn Zukunft')).toBe(true);
    expect(render(letter, circumstance)).toEqual(renderLetter(letter, circumstance));
  });

  test('replaces one template and leaves the other', () => {
    put({ 'letter.text.eta': '<%= subject %> | <%= link %> | <%= after.length %>' });
    const { text, html } = openLetters({ theme: folder })(letter, circumstance);
    expect(text).toBe('Please link your Shop account to New & Co | https://id.example/claim/x?a=1&b=2 | 2');
    expect(html).toBe(renderLetter(letter, circumstance).html);
  });

  test('escapes what it draws in HTML', () => {
    put({ 'letter.html.eta': '<p><%= subject %> <%= link %></p>' });
    const { html } = openLetters({ theme: folder })(letter, { ...circumstance, target: '<script>' });
    expect(html).toContain('&lt;script&gt; https://id.example/claim/x?a=1&amp;b=2');
  });

  test.each([
    ['en.json', '{"greeting.nmae": "Hi"}', 'en.json in the mail theme: there is no text "greeting.nmae"'],
    ['fr.json', '{"toString": "Hi"}', 'fr.json in the mail theme: there is no text "toString"'],
    [
      'de.json',
      '{"claim.until": "Bis {untill}"}',
      '"claim.until" has no place {untill}; it has {until}, {target}, {sender}',
    ],
    ['de.json', '{"greeting": "Hallo {name},"}', 'de.json in the mail theme: "greeting" has no place {name}'],
    ['en.json', '{"greeting": "Hi { target }"}', '"greeting" has no place { target }'],
    ['en.json', '{"greeting": 1}', '"greeting" is not a text'],
    ['en.json', '{"greeting": " "}', '"greeting" is not a text'],
    ['en.json', `{"greeting": "${'x'.repeat(2_001)}"}`, '"greeting" is longer than 2000 characters'],
    ['en.json', '["greeting"]', 'en.json in the mail theme: not a JSON object of key and text'],
    ['en.json', '{', 'en.json in the mail theme: not a JSON object of key and text'],
    ['es.json', '{}', 'es.json in the mail theme: it replaces none of letter.html.eta, letter.text.eta'],
    ['letter.html', '<p>', 'letter.html in the mail theme: it replaces none of'],
    ['letter.html.eta', '<% if (', 'letter.html.eta in the mail theme: cannot be read as a template'],
    [
      'letter.text.eta',
      '<%= lnik %>',
      'letter.text.eta in the mail theme: a letter cannot be drawn with it: lnik is not',
    ],
    ['letter.text.eta', '<%= subject %>', 'letter.text.eta in the mail theme: it leaves out `link`'],
    ['letter.html.eta', '<p><%= button %></p>', 'letter.html.eta in the mail theme: it leaves out `link`'],
  ])('with a mistake stops the start and names the file: %s %s', (file, text, sentence) => {
    put({ [file]: text });
    expect(mistake()).toContain(sentence);
    put({ [file]: '' });
    rmSync(join(folder, file));
    expect(mistake()).toBeUndefined();
  });

  test('that fails for one letter in one language alone stops the start', () => {
    const trap = `<% if (locale === 'fr' && subject.includes('Quelqu')) throw new Error('no') %><%= link %>`;
    put({ 'letter.text.eta': trap });
    expect(mistake()).toContain('letter.text.eta in the mail theme: a letter cannot be drawn with it: no');
  });

  test('that is not there, or holds a folder, stops the start', () => {
    expect(mistake({ theme: join(folder, 'none') })).toContain('cannot read the mail theme');
    mkdirSync(join(folder, 'de.json'));
    expect(mistake()).toBe('de.json in the mail theme: cannot be read');
  });

  test('with a mistake keeps the mailer from opening, before anything is sent', () => {
    put({ 'de.json': '{"no": "x"}' });
    const { data } = settingsOf({ theme: folder });
    expect(() => openMailer(data!)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  test('that fails later says the file and nothing of the letter', () => {
    put({ 'letter.text.eta': `<% if (link?.startsWith('http')) throw new Error(link) %><%= link %>` });
    const render = openLetters({ theme: folder });
    let error: unknown;
    try {
      render(letter, circumstance);
    } catch (thrown) {
      error = thrown;
    }
    expect((error as FootbridgeError).detail).toBe(
      'letter.text.eta in the mail theme: a letter cannot be drawn with it',
    );
    expect((error as FootbridgeError).cause).toBeUndefined();
    expect(inspect(error)).not.toContain('id.example');
  });
});

describe('a brand', () => {
  test('signs, shows its picture, and has its footer in each language where there is one', () => {
    const brand = brandOf({
      name: 'Shop & Friends',
      logoUrl: 'https://shop.example/logo.png?a=1&b=2',
      footer: { en: 'Shop Ltd\n1 Street', de: 'Shop GmbH' },
    });
    const { data } = settingsOf({ brand });
    expect(openMailer(data!).sender).toBe('Shop & Friends');
    const render = openLetters({ brand });
    const { text, html } = render(letter, circumstance);
    expect(text.endsWith('\n\nShop\n\nShop Ltd\n1 Street\n')).toBe(true);
    expect(html).toContain('Shop Ltd<br>1 Street</p>');
    expect(html).toContain('<img src="https://shop.example/logo.png?a=1&amp;b=2" alt="Shop"');
    const french = render(letter, { ...circumstance, locale: 'fr' });
    expect(french.html).not.toContain('<hr');
    expect(french.text.endsWith('\n\nShop\n')).toBe(true);
    expect(renderLetter(letter, circumstance).html).not.toContain('<img');
  });

  test('names whom to ask, unless the letter knows better', () => {
    const render = openLetters({ brand: brandOf({ contact: 'help@shop.example' }) });
    expect(render(letter, circumstance).text).toContain('If you have a question: help@shop.example');
    const { text } = render(letter, { ...circumstance, contact: 'links@shop.example' });
    expect(text).toContain('links@shop.example');
    expect(text).not.toContain('help@shop.example');
  });

  test.each([
    ['#2e7d32', '#ffffff', '#2e7d32'],
    ['#3450c4', '#ffffff', '#767676'],
    ['#ffcc00', '#000000', '#767676'],
    ['#ffffff', '#000000', '#767676'],
    ['#000', '#ffffff', '#767676'],
  ])('with the colour %s has a button that everybody can read and see', (colour, text, edge) => {
    const brand = brandOf({ colour });
    expect(buttonColours(brand!.colour!)).toEqual({ background: brand!.colour, text, edge });
    expect(openLetters({ brand })(letter, circumstance).html).toContain(
      `border:1px solid ${edge};border-radius:6px;background:${brand!.colour};color:${text}`,
    );
  });

  test('of any colour has text at 4.5 and an edge at 3 in light and in dark', () => {
    const steps = ['00', '33', '66', '80', '99', 'cc', 'ff'];
    for (const red of steps)
      for (const green of steps)
        for (const blue of steps) {
          const { background, text, edge } = buttonColours(`#${red}${green}${blue}`);
          expect(contrast(background, text)).toBeGreaterThanOrEqual(4.5);
          for (const surface of ['#ffffff', '#121212'])
            expect(contrast(edge, surface)).toBeGreaterThanOrEqual(3);
        }
  });

  test.each([
    [{ colour: 'red' }, 'expected a colour'],
    [{ colour: '#12345' }, 'expected a colour'],
    [{ colour: '#123456;background:url(x)' }, 'expected a colour'],
    [{ logoUrl: 'http://shop.example/logo.png' }, 'expected an https URL'],
    [{ logoUrl: '/logo.png' }, 'expected an https URL'],
    [{ logoUrl: 'https://shop.example/"><script>' }, 'expected an https URL'],
    [{ name: '' }, 'Too small'],
    [{ name: 'a\r\nBcc: x@y.example' }, 'expected one line'],
    [{ contact: 'a\nb' }, 'expected one line'],
    [{ footer: { es: 'x' } }, 'Unrecognized key'],
    [{ footer: { de: '' } }, 'Too small'],
    [{ slogan: 'x' }, 'Unrecognized key'],
  ])('cannot be %j', (brand, sentence) => {
    const { error } = settingsOf({ brand });
    expect(error?.issues.map(({ message }) => message).join()).toContain(sentence);
  });
});

describe('every letter', () => {
  test('arrives as it was written, in every language', async () => {
    const stage = await openMailStage();
    const { data } = mailSettings.safeParse({
      smtp: { url: `smtp://127.0.0.1:${stage.port}` },
      from: 'Shop <accounts@shop.example>',
      perMinute: 6_000,
      brand: { name: 'Größer & Co', contact: 'help@shop.example', footer: { de: 'Straße 1\n10115 Berlin' } },
    });
    const mailer = openMailer(data!, { nowMs: () => Date.now(), sleep: async () => undefined });
    for (const letter of SAMPLE_NAMES)
      for (const language of MAIL_LOCALES) {
        const written = writeSample(mailer, { letter, language, target: 'Neu & Söhne' });
        const address = `${letter}-${language}@example.com`;
        expect(await mailer.send({ to: { address, name: 'Zoë' }, ...written })).toEqual({ kind: 'sent' });
        const mail = await stage.parsed(address);
        expect(mail.subject).toBe(written.subject);
        expect(mail.text?.replaceAll('\r', '').trim()).toBe(written.text.trim());
        expect(mail.html?.replaceAll('\r', '').trim()).toBe(written.html.trim());
        expect(mail.attachments).toEqual([]);
      }
    await mailer.close();
    await stage.stop();
  });
});
