import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { openPages, type Page, pagesSettings } from '../../../src/provider/pages/index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-theme-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (file: string, text: string) => writeFileSync(join(folder, file), text);
const open = () => openPages(pagesSettings.parse({ theme: folder }));
const render = (page: Page) => open().render(page, { locale: 'de' });

function refusal(): string {
  try {
    open();
  } catch (error) {
    if (error instanceof FootbridgeError && error.code === 'config_invalid') return error.detail ?? '';
    throw error;
  }
  return 'not refused';
}

describe("the operator's theme folder", () => {
  it('replaces one template and leaves the others', () => {
    put('logged-out.eta', "<% layout('@layout') %><h1>Bye from <%= site.name %></h1>");
    expect(render({ page: 'logged-out' })).toContain('<h1>Bye from Footbridge</h1>');
    expect(render({ page: 'moved', targetName: 'Neu', href: '/' })).toContain(
      '<h1>Ihr Konto ist umgezogen</h1>',
    );
  });

  it('escapes in its templates too', () => {
    put('moved.eta', '<b><%= page.targetName %></b>');
    expect(render({ page: 'moved', targetName: '<i>', href: '/' })).toBe('<b>&lt;i&gt;</b>');
  });

  it('brings parts of its own for its templates to include', () => {
    put('_banner.eta', '<p>banner</p>');
    put('logged-out.eta', "<%~ include('@_banner') %>");
    expect(render({ page: 'logged-out' })).toBe('<p>banner</p>');
  });

  it('replaces single texts of one language', () => {
    put('de.json', JSON.stringify({ 'moved.heading': 'Willkommen im neuen Haus' }));
    const html = render({ page: 'moved', targetName: 'Neu', href: '/' });
    expect(html).toContain('<h1>Willkommen im neuen Haus</h1>');
    expect(html).toContain('Weiter zu <bdi>Neu</bdi>');
  });

  it('replaces the stylesheet, which gets another name', () => {
    const path = (html: string) => /href="(\/assets\/style[^"]+)"/.exec(html)![1]!;
    const before = path(openPages(pagesSettings.parse({})).render({ page: 'logged-out' }, { locale: 'en' }));
    put('style.css', 'h1{color:red}');
    const after = path(render({ page: 'logged-out' }));
    expect(after).not.toBe(before);
    expect(open().asset(after)?.body.toString()).toBe('h1{color:red}');
  });

  it('may hold a README and hidden files', () => {
    put('README.md', 'ours');
    put('.DS_Store', '');
    expect(refusal()).toBe('not refused');
  });

  it('is refused when it does not exist', () => {
    rmSync(folder, { recursive: true });
    expect(refusal()).toBe(`cannot read the theme folder ${folder}`);
    mkdirSync(folder);
  });

  it.each([
    [
      'a name that replaces nothing',
      'lgoin.eta',
      '',
      /lgoin\.eta in the theme folder replaces none of .*login\.eta/,
    ],
    ['a language we do not speak', 'it.json', '{}', /it\.json in the theme folder replaces none of/],
    ['a template that cannot be read', 'login.eta', '<% if ( %>', /template login\.eta cannot be read/],
    [
      'a template with a name that is not there',
      'login.eta',
      '<%= usrname %>',
      /page "login" cannot be drawn: usrname/,
    ],
    [
      'a template that includes a missing one',
      'login.eta',
      "<%~ include('@_gone') %>",
      /cannot be drawn: .*@_gone/,
    ],
    ['a template that asks for a missing text', 'login.eta', "<%= t('nope') %>", /there is no text "nope"/],
    [
      'a text that is not there',
      'de.json',
      '{"nope":"x"}',
      /de\.json in the theme folder: there is no text "nope"/,
    ],
    ['a text that is none', 'de.json', '{"cancel":1}', /"cancel" is not a text/],
    ['texts that are no JSON', 'de.json', '{', /not a JSON object/],
    ['texts that are a list', 'de.json', '[]', /not a JSON object/],
  ])('is refused at the start for %s', (_what, file, text, reason) => {
    put(file, text);
    expect(refusal()).toMatch(reason);
  });
});
