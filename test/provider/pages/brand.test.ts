import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contrast } from '../../../src/colour.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import { palette } from '../../../src/provider/pages/brand.ts';
import { openPages, pagesSettings } from '../../../src/provider/pages/index.ts';

const anyColour = fc
  .integer({ min: 0, max: 0xffffff })
  .map((value) => `#${value.toString(16).padStart(6, '0')}`);

describe('contrast', () => {
  it.each([
    ['#000000', '#ffffff', 21],
    ['#ffffff', '#000000', 21],
    ['#777777', '#ffffff', 4.48],
    ['#ff0000', '#ffffff', 4.0],
  ])('of %s and %s is %d', (a, b, ratio) => {
    expect(contrast(a, b)).toBeCloseTo(ratio, 2);
  });
});

describe('a brand colour', () => {
  it.each(['light', 'dark'] as const)('of any kind leaves everything readable in %s mode', (scheme) => {
    fc.assert(
      fc.property(anyColour, (brand) => {
        const colours = palette(pagesSettings.parse({ colours: { brand } }).colours, scheme) as Record<
          string,
          string
        >;
        const text = (name: string, surface: string) => contrast(colours[name]!, colours[surface]!);
        expect(text('on-brand', 'brand')).toBeGreaterThanOrEqual(4.5);
        expect(text('on-brand', 'brand-hover')).toBeGreaterThanOrEqual(4.5);
        for (const surface of ['card', 'tint', 'page', 'wash'])
          expect(text('accent', surface)).toBeGreaterThanOrEqual(4.5);
        for (const surface of ['page', 'wash'])
          expect(text('page-text', surface)).toBeGreaterThanOrEqual(4.5);
        for (const surface of ['card', 'tint']) expect(text('text', surface)).toBeGreaterThanOrEqual(4.5);
        expect(text('muted', 'card')).toBeGreaterThanOrEqual(4.5);
        expect(text('brand-edge', 'card')).toBeGreaterThanOrEqual(3);
        expect(text('edge', 'card')).toBeGreaterThanOrEqual(3);
      }),
      { numRuns: 500 },
    );
  });

  it('stays as it is on buttons', () => {
    expect(palette(pagesSettings.parse({ colours: { brand: '#FC0' } }).colours, 'light')).toMatchObject({
      brand: '#ffcc00',
      'on-brand': '#000000',
    });
  });

  it.each(['red', '#12', '#12345g', '#fff;}body{display:none', '#fff}\n', 'url(x)', ''])(
    '"%s" is refused',
    (brand) => {
      expect(pagesSettings.safeParse({ colours: { brand } }).success).toBe(false);
    },
  );
});

describe('a background', () => {
  it('on which the text cannot be read is refused', () => {
    const parse = (colours: object) => pagesSettings.safeParse({ colours });
    expect(parse({ background: '#fdf6e3' }).success).toBe(true);
    expect(parse({ background: '#666' }).error?.issues[0]?.message).toBe(
      'too dark for the text of the light scheme',
    );
    expect(parse({ backgroundDark: '#ccc' }).error?.issues[0]?.message).toBe(
      'too light for the text of the dark scheme',
    );
  });
});

describe('the settings', () => {
  it('have a default or may be left out, and every one has its sentence', () => {
    expect(pagesSettings.parse({})).toMatchObject({
      name: 'Footbridge',
      defaultLocale: 'en',
      loginWith: 'either',
      links: {},
    });
    for (const [name, schema] of Object.entries(pagesSettings.shape))
      expect(schema.description, name).toMatch(/\.$/);
  });

  it('refuse what they do not know, and links that are no web or mail address', () => {
    expect(pagesSettings.safeParse({ color: '#fff' }).success).toBe(false);
    for (const support of ['javascript:alert(1)', '/help', 'mailto:a@b?bcc=c@d', 'ftp://x']) {
      expect(pagesSettings.safeParse({ links: { support } }).success, support).toBe(false);
    }
    expect(pagesSettings.safeParse({ links: { support: 'mailto:help@example.com' } }).success).toBe(true);
  });
});

describe('assets', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'footbridge-logo-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, body: string | Buffer) => {
    writeFileSync(join(folder, name), body);
    return join(folder, name);
  };
  const page = (settings: object) => {
    const pages = openPages(pagesSettings.parse(settings));
    const html = pages.render({ page: 'logged-out' }, { locale: 'en' });
    const path = (name: string) => new RegExp(`"(/assets/${name}\\.[0-9a-f]{16}\\.\\w+)"`).exec(html)?.[1];
    return { html, path, asset: (name: string) => pages.asset(path(name) ?? '') };
  };

  it('carry the hash of their content in their name and as entity tag', () => {
    const plain = page({});
    const asset = plain.asset('brand')!;
    expect(asset.type).toBe('text/css; charset=utf-8');
    expect(plain.path('brand')).toBe(`/assets/brand.${asset.etag.slice(1, -1)}.css`);
    expect(page({}).path('brand')).toBe(plain.path('brand'));
    const other = page({ colours: { brand: '#a03' } });
    expect(other.path('brand')).not.toBe(plain.path('brand'));
    expect(other.path('style')).toBe(plain.path('style'));
    expect(other.asset('brand')?.body.toString()).toContain('--brand:#aa0033');
  });

  it.each(['/assets/', '/assets/style.css', '/assets/../index.ts', '/', '', '__proto__'])(
    'hold nothing at "%s"',
    (path) => {
      expect(openPages(pagesSettings.parse({})).asset(path)).toBeUndefined();
    },
  );

  it.each([
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml', 'svg'],
    ['a PNG', Buffer.from('89504e470d0a1a0a00', 'hex'), 'image/png', 'png'],
    ['a JPEG', Buffer.from('ffd8ffe000', 'hex'), 'image/jpeg', 'jpg'],
    ['a WebP', Buffer.from('RIFF\u0001\n\u0002\u0003WEBP'), 'image/webp', 'webp'],
  ])('hold the logo, told to be %s by its content', (_what, body, type, extension) => {
    const { html, path, asset } = page({ name: 'Shop & Co', logo: file('logo.bin', body) });
    expect(asset('logo')).toMatchObject({ type, body: Buffer.from(body) });
    expect(path('logo')).toMatch(new RegExp(`\\.${extension}$`));
    expect(html).toContain('alt="Shop &amp; Co"');
  });

  it('hold a second logo for dark mode', () => {
    const logo = file('light.svg', '<svg/>');
    const { html, path } = page({ logo, logoDark: file('dark.svg', '<svg id="d"/>') });
    expect(html).toContain(`<source media="(prefers-color-scheme: dark)" srcset="${path('logo-dark')}">`);
  });

  it.each([
    ['is no image', () => file('logo.svg', '<html>'), /neither SVG, PNG, WebP nor JPEG/],
    ['is too large', () => file('large.svg', `<svg>${' '.repeat(256 * 1024)}`), /larger than 262144 bytes/],
    ['does not exist', () => join(folder, 'gone.png'), /cannot read the logo/],
  ])('are refused when the logo %s', (_what, logo, reason) => {
    const settings = pagesSettings.parse({ logo: logo() });
    expect(() => openPages(settings)).toThrow(
      expect.toSatisfy((error) => error instanceof FootbridgeError && reason.test(error.detail ?? '')),
    );
  });
});
