/** Text and addresses as somebody writes them who means no good, and what becomes of them. */
import fc from 'fast-check';

/** The five characters that can end a text or an attribute, written without the template engine's help. */
export const escaped = (text: string) =>
  [...text]
    .map((c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c] ?? c)
    .join('');

/** Stands on a page where a text goes. */
export const TOKEN = 'PLACEHOLDER';

export const hostile = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '<script>alert(1)</script>',
        '"><img src=x onerror=alert(1)>',
        "' autofocus onfocus='alert(1)",
        '</title>',
        '-->',
        '<%= it %>',
        '{name}{client}{target}{when}',
        '$&$1$`',
        '&amp;&lt;',
        '\u0000\u2028\u202e',
        'Ünï',
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((parts) => parts.join('')),
);

/** Addresses that are drawn as they are. */
export const ADDRESSES = [
  '/next?a=1&b="2"',
  'https://example.com/?a=1&b=2',
  'http://localhost:3000/',
] as const;

/** Addresses that lead nowhere. */
export const TRICKS = [
  'javascript:alert(1)',
  ' javascript:alert(1)',
  'java\tscript:alert(1)',
  'data:text/html,x',
  '//evil.example',
  '/\\evil.example',
  '/\t/evil.example',
  'evil',
] as const;
