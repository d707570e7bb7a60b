/** What letters say, and whom they can be sent as. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf, mailboxOf, nameOf } from '../../src/mail/address.ts';
import type { Letter } from '../../src/mail/letters.ts';
import { LINK_PLACEHOLDER, MAIL_LOCALES, mailLocaleOf, renderLetter } from '../../src/mail/letters.ts';
import { mailSettings } from '../../src/mail/mail-settings.ts';
import { SAMPLE_NAMES, SAMPLES } from '../../src/mail/samples.ts';
import { smtpServerOf } from '../../src/mail/smtp-server.ts';
import { Secret } from '../../src/settings.ts';

const LINK = 'https://new.example/reset?code=1&user=2';
const LETTERS: readonly Letter[] = [
  { letter: 'choose-password', link: new Secret(LINK), expiresAt: new Date('2026-05-04T10:00:00Z') },
  { letter: 'choose-password', link: new Secret(LINK) },
  { letter: 'password-reset-announced' },
  { letter: 'register-passkey', link: new Secret(LINK) },
];
const circumstance = { locale: 'en', target: 'New & Co', sender: 'Shop' } as const;

describe('a letter', () => {
  const all = LETTERS.flatMap((letter) => MAIL_LOCALES.map((locale) => ({ letter, locale })));

  test.each(all)('$letter.letter in $locale is whole, as text and as HTML', ({ letter, locale }) => {
    const { subject, text, html } = renderLetter(letter, { ...circumstance, locale, name: 'Anna' });
    expect(subject).toContain('New & Co');
    for (const form of [subject, text, html]) expect(form).not.toMatch(/\{\w+\}|undefined|<%/);
    expect(text).toContain('Anna,\n\n');
    expect(text.endsWith('\n\nShop\n')).toBe(true);
    expect(text).not.toMatch(/\n{3}/);
    expect(html).toContain(`<html lang="${locale}">`);
    expect([text.includes(LINK), html.includes(LINK.replaceAll('&', '&amp;'))]).toEqual(
      'link' in letter ? [true, true] : [false, false],
    );
  });

  test('without a name greets nobody by none, and without an end says none', () => {
    const { text } = renderLetter(LETTERS[1]!, circumstance);
    expect(text.startsWith('Hello,\n')).toBe(true);
    expect(text).not.toContain('works once');
    expect(renderLetter(LETTERS[0]!, circumstance).text).toContain('May 4, 2026 at 10:00 AM UTC');
  });

  test('tells the end in the reader’s time, and in UTC where nobody knows theirs', () => {
    const at = (timeZone: string) =>
      renderLetter(LETTERS[0]!, { ...circumstance, locale: 'de', timeZone }).text;
    expect(at('Europe/Berlin')).toContain('4. Mai 2026 um 12:00 MESZ');
    expect(at('Mars/Olympus')).toContain('4. Mai 2026 um 10:00 UTC');
  });

  test('is escaped in HTML and never filled in twice', () => {
    const names = { target: '<b>{sender}</b>', name: '{target}" onload="x', sender: '</div><script>' };
    const { html } = renderLetter(LETTERS[0]!, { ...circumstance, ...names });
    expect(html).not.toMatch(/<b>|<script>|" onload="x/);
    expect(html).toContain('{target}&quot; onload=&quot;x');
    expect(html).toContain('&lt;b&gt;{sender}&lt;/b&gt;');
  });

  test.each([
    'javascript:alert(1)',
    'ftp://x.example/',
    '//x.example',
    '',
    'https://x.example/ y',
    'https://x/"><b>',
  ])('takes no link such as %j, and does not say what it was', (link) => {
    const letter = { letter: 'choose-password', link: new Secret(link) } as const;
    expect(() => renderLetter(letter, circumstance)).toThrow(
      new TypeError('a link in a letter is a web address'),
    );
  });

  test('can be shown without its link', () => {
    const letter = { letter: 'choose-password', link: new Secret(LINK_PLACEHOLDER) } as const;
    expect(renderLetter(letter, circumstance).text).toContain('\n[link]\n');
  });

  test('has the same texts with the same places in every language', () => {
    const folder = join(import.meta.dirname, '../../src/mail/catalogues');
    const files = readdirSync(folder);
    expect(files.sort()).toEqual(MAIL_LOCALES.map((locale) => `${locale}.json`).sort());
    const placesOf = (file: string) =>
      Object.fromEntries(
        Object.entries(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, string>).map(
          ([key, text]) => [key, [...new Set(text.match(/\{\w+\}/g))].sort()],
        ),
      );
    for (const file of files) expect(placesOf(file)).toEqual(placesOf('en.json'));
  });
});

describe('a letter about linking', () => {
  const EXPIRES = new Date('2027-05-04T10:00:00Z');
  const link = new Secret(LINK);
  const write = (letter: Letter, more: object = {}) => renderLetter(letter, { ...circumstance, ...more });
  const all = SAMPLE_NAMES.flatMap((name) => MAIL_LOCALES.map((locale) => ({ name, locale })));

  test.each(all)('or anything else is whole: $name in $locale', ({ name, locale }) => {
    for (const contact of [undefined, 'help@shop.example']) {
      const { subject, text, html } = write(SAMPLES[name], { locale, contact });
      for (const form of [subject, text, html]) expect(form).not.toMatch(/\{\w*\}|undefined|<%/);
      expect(text).not.toMatch(/ {2}|\n{3}|:\n*$/);
      expect(text.includes('help@shop.example')).toBe(contact !== undefined);
    }
  });

  test('says why it comes, what the link does, until when it works, and that it is for them alone', () => {
    const { subject, text } = write({ letter: 'claim-account', link, expiresAt: EXPIRES });
    expect(subject).toBe('Please link your Shop account to New & Co');
    expect(text).toContain('because you have an account with us');
    expect(text).toContain('Nothing is linked before you confirm.');
    expect(text).toContain('until May 4, 2027 at 10:00 AM UTC. It is for you alone');
    expect(text).toContain('without you nothing is linked');
  });

  test('names the organization that it is for, or says “your organization” of one with an odd name', () => {
    const letter = { letter: 'claim-account', link, expiresAt: EXPIRES } as const;
    expect(write({ ...letter, organization: 'Müller & Söhne' }).subject).toBe(
      'Please link Müller & Söhne to New & Co',
    );
    for (const organization of ['win.evil.example', 'https://evil.example', '', 'x'.repeat(200), '<b>'])
      expect(write({ ...letter, organization }).subject).toBe('Please link your organization to New & Co');
  });

  test('that reminds names the last day, which is the same everywhere', () => {
    const until = new Date('2027-05-31T00:00:00Z');
    const letter = { letter: 'claim-reminder', link, expiresAt: EXPIRES, until } as const;
    for (const timeZone of ['America/Los_Angeles', 'Asia/Tokyo'])
      expect(write(letter, { timeZone }).text).toContain('as usual until May 31, 2027.');
    expect(write(letter, { locale: 'de' }).subject).toBe(
      'Bitte verknüpfen Sie Ihr Konto bis zum 31. Mai 2027 mit New & Co',
    );
  });

  test('after a refused login says what to do if it was somebody else', () => {
    const letter = { letter: 'claim-enforced', link, expiresAt: EXPIRES } as const;
    expect(write(letter).text).toContain('Please do not open the link then, and answer this mail at once.');
    expect(write(letter, { contact: '+49 30 1234' }).text).toContain('tell us at once: +49 30 1234');
  });

  test.each(['account-linked', 'link-tried'] as const)(
    'after the fact says what and when, in their time, and has no link: %s',
    (letter) => {
      const told = { letter, there: 'a…@new.example', at: EXPIRES } as const;
      const { text, html } = write(told, { locale: 'de', timeZone: 'Europe/Berlin' });
      expect(text).toContain('Am 4. Mai 2027 um 12:00 MESZ');
      expect(text).toContain('Das Konto dort: a…@new.example');
      expect(html).not.toContain('href');
    },
  );

  test.each([
    'a@evil.example',
    'https://evil.example',
    'Win at evil.example',
    'a…@evil.example/x',
    'x…:y@b',
    `…@${'b'.repeat(120)}`,
    '',
  ])('does not say %j, which somebody at the target may have chosen', (there) => {
    const { text } = write({ letter: 'link-tried', there, at: EXPIRES });
    expect(text).not.toMatch(/evil|The account there/);
  });
});

describe('a language', () => {
  test.each([
    ['de', 'de'],
    ['de-CH', 'de'],
    ['FR_fr', 'fr'],
    ['en-GB-oxendict', 'en'],
    ['nl', undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const)('for %j is %j', (tag, locale) => {
    expect(mailLocaleOf(tag)).toBe(locale);
  });
});

describe('a name', () => {
  test.each([
    ['  Anna \t Tester ', 'Anna Tester'],
    ['Dr. Anna von Üb', 'Dr. Anna von Üb'],
    ['José, Marie-Claire O’Neill', 'José, Marie-Claire O’Neill'],
  ])('%j is said', (text, name) => {
    expect(nameOf(text)).toBe(name);
  });

  test.each([
    'Win at https://evil.example',
    'evil.example',
    'www.evil',
    'mail me@evil.example',
    'a/b',
    '<b>x</b>',
    'x'.repeat(81),
    ' ',
    '',
  ])('%j is not', (text) => {
    expect(nameOf(text)).toBeUndefined();
  });

  test('that is anything at all is one line, or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
        expect(nameOf(text) ?? '').not.toMatch(/[\p{C}\u2028\u2029]/u);
        expect(addressOf(text) ?? '').not.toMatch(/[\s,<>\p{C}]/u);
      }),
    );
  });
});

describe('the settings', () => {
  const parse = (smtp: object, more: object = {}) =>
    mailSettings.safeParse({ smtp, from: 'a@b.example', ...more });
  const server = (smtp: object) => smtpServerOf(mailSettings.parse({ smtp, from: 'a@b.example' }).smtp);

  test('name a server by a URL or by its parts', () => {
    const login = { user: 'a b@c', password: 'p/ü' };
    const common = { host: 'mail.example', requireTls: true, isLocal: false, login };
    const url = 'smtps://a%20b%40c:p%2F%C3%BC@mail.example';
    expect(server({ url })).toEqual({ ...common, port: 465, tls: true });
    expect(server({ host: 'mail.example', tls: true, ...login })).toEqual(server({ url }));
    expect(server({ url: 'smtp://mail.example:2525' })).toMatchObject({
      port: 2525,
      tls: false,
      requireTls: true,
    });
    expect(server({ host: 'mail.example' })).toMatchObject({ port: 587 });
    expect(server({ host: 'mail.example' }).login).toBeUndefined();
  });

  test.each(['localhost', '127.0.0.1', '127.8.9.1', '[::1]'])(
    'want no TLS on %s, unless they say so',
    (host) => {
      expect(server({ url: `smtp://${host}:25` })).toMatchObject({ requireTls: false, isLocal: true });
      expect(server({ url: `smtp://${host}:25`, requireTls: true })).toMatchObject({ requireTls: true });
      expect(server({ url: 'smtp://127.0.0.1.example', requireTls: false })).toMatchObject({
        isLocal: false,
      });
    },
  );

  test.each([
    [{}, 'expected one of url, host'],
    [{ url: 'smtp://a.example', host: 'a.example' }, 'expected one of url, host'],
    [{ url: 'https://a.example' }, 'expected smtps://'],
    [{ url: 'smtp://user@a.example' }, 'expected smtps://'],
    [{ url: 'smtp://a.example/path' }, 'expected smtps://'],
    [{ url: 'smtp://a.example?tls=no' }, 'expected smtps://'],
    [{ url: 'smtp://a.example', port: 25 }, 'stand in it'],
    [{ host: 'a.example', user: 'x' }, 'expected user and password'],
    [{ host: 'a.example', pass: 'x' }, 'Unrecognized key'],
  ])('refuse %o', (smtp, sentence) => {
    expect(
      parse(smtp)
        .error?.issues.map(({ message }) => message)
        .join(),
    ).toContain(sentence);
  });

  test.each(['nobody', 'A <a@b.example>, B <c@d.example>', 'a@b.example, c@d.example', 'A <a@b.example'])(
    'take no sender such as %j',
    (from) => {
      expect(parse({ host: 'localhost' }, { from }).success).toBe(false);
    },
  );

  test('show no password', () => {
    const settings = mailSettings.parse({ smtp: { url: 'smtp://u:canary@a.example' }, from: 'a@b.example' });
    expect(JSON.stringify(settings)).not.toContain('canary');
    const wrong = parse({ url: 'smtp://u:canary@a.example/x' });
    expect(JSON.stringify(wrong.error?.issues)).not.toContain('canary');
  });

  test.each([
    ['Shop <a@b.example>', { name: 'Shop', address: 'a@b.example' }],
    ['"Shop, Inc." <a@b.example>', { name: 'Shop, Inc.', address: 'a@b.example' }],
    ['a@b.example', { address: 'a@b.example' }],
    ['<a@b.example>', { address: 'a@b.example' }],
  ])('read the sender %j', (text, mailbox) => {
    expect(mailboxOf(text)).toEqual(mailbox);
  });
});
