/** What stores do to texts. A text is its UTF-8 bytes; bytes that are not well-formed UTF-8 are refused. */
import { isUtf8 } from 'node:buffer';
import type { PreparationStep } from '../../preparation.ts';
import { prepare } from '../../preparation.ts';
import type { RecipeFunction } from '../function.ts';
import { malformed, mapping } from '../function.ts';

/** U+0390 is 2 bytes and its capital 6; U+FDFA is 3 bytes and 33 under NFKC. */
const CASE_GROWTH = 3;
const NFC_GROWTH = 3;
const NFKC_GROWTH = 11;
/** `"` becomes `&quot;`. */
const ESCAPE_GROWTH = 6;

/**
 * A password of 1,024 bytes grows eleven times at most, however many of these steps it takes: what grows in one does
 * not in the others. Where more than a password grows more, the step fails when it is taken.
 */
const MOST_GROWN = 12 * 1024;

const same = (length: number) => length;
const times = (factor: number) => (length: number) => Math.min(factor * length, length + MOST_GROWN);
const twice = (length: number) => 2 * length;

function text(
  name: string,
  change: (text: string) => string | Buffer,
  { does, greatest = same }: { does: string; greatest?: (length: number) => number },
): RecipeFunction {
  const map = (value: Buffer) => {
    if (!isUtf8(value)) return malformed();
    const changed = change(value.toString('utf8'));
    return typeof changed === 'string' ? Buffer.from(changed, 'utf8') : changed;
  };
  return mapping(name, { kind: 'text', map, does, greatest, parameter: 'text' });
}

/** The very steps that formats name. */
const step = (taken: PreparationStep) => (value: string) => prepare(Buffer.from(value, 'utf8'), [taken]);

/** Characters beyond Latin-1 are `?`, as in Java, .NET and PHP. */
function latin1(value: string): Buffer {
  return Buffer.from(value.replace(/[^\u0000-\u00ff]/gu, '?'), 'latin1');
}

export const textFunctions: readonly RecipeFunction[] = [
  text('utf16le', step({ step: 'utf16le' }), {
    does: 'UTF-16, least significant byte first.',
    greatest: twice,
  }),
  text('utf16be', (value) => Buffer.from(value, 'utf16le').swap16(), {
    does: 'UTF-16, most significant byte first.',
    greatest: twice,
  }),
  text('latin1', latin1, { does: 'ISO 8859-1; `?` for a character that it does not have.' }),
  text('lower', (value) => value.toLowerCase(), {
    does: 'Small letters, of every script.',
    greatest: times(CASE_GROWTH),
  }),
  text('upper', (value) => value.toUpperCase(), {
    does: 'Capital letters, of every script.',
    greatest: times(CASE_GROWTH),
  }),
  text('ascii_lower', (value) => value.replace(/[A-Z]/g, (letter) => letter.toLowerCase()), {
    does: 'Small letters; only A to Z are changed.',
  }),
  text('ascii_upper', (value) => value.replace(/[a-z]/g, (letter) => letter.toUpperCase()), {
    does: 'Capital letters; only a to z are changed.',
  }),
  text('trim', (value) => value.replace(/^[ \t\n\r\v\0]+|[ \t\n\r\v\0]+$/g, ''), {
    does: 'Without blanks, tabs, line ends and NULs at both ends, as PHP’s `trim`.',
  }),
  text('nfc', step({ step: 'normalize', form: 'NFC' }), {
    does: 'Unicode NFC.',
    greatest: times(NFC_GROWTH),
  }),
  text('nfkc', step({ step: 'normalize', form: 'NFKC' }), {
    does: 'Unicode NFKC.',
    greatest: times(NFKC_GROWTH),
  }),
  text('escape_html', step({ step: 'escape-html' }), {
    does: '`&`, `<`, `>` and `"` as entities, as PHP’s `htmlspecialchars` with ENT_COMPAT.',
    greatest: times(ESCAPE_GROWTH),
  }),
  text('strip_blanks', step({ step: 'remove-blanks' }), { does: 'Without any blanks and tabs.' }),
];
