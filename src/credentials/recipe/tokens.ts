/** The words of a recipe. */
import { RecipeError } from './recipe-error.ts';

export interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'group' | 'sign' | 'end';
  /** As it stands there. */
  readonly written: string;
  readonly offset: number;
}

const BLANK = /[ \t\r\n]*/y;
const WORDS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['number', /-?\d+/y],
  ['group', /\$\d+/y],
  ['text', /'(?:[^'\\]|\\.)*'/sy],
  ['sign', /[().,=]/y],
];

function matchAt(pattern: RegExp, text: string, offset: number): string | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0];
}

export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let offset = matchAt(BLANK, text, 0)!.length;
  while (offset < text.length) {
    const token = tokenAt(text, offset);
    tokens.push(token);
    offset += token.written.length;
    offset += matchAt(BLANK, text, offset)!.length;
  }
  return [...tokens, { kind: 'end', written: '', offset }];
}

function tokenAt(text: string, offset: number): Token {
  for (const [kind, pattern] of WORDS) {
    const written = matchAt(pattern, text, offset);
    if (written !== undefined) return { kind, written, offset };
  }
  const isOpen = text[offset] === "'";
  throw new RecipeError(text, offset, {
    problem: isOpen ? 'a text that does not end' : 'a character that no recipe has',
    expected: isOpen
      ? 'a closing quote'
      : 'a name, a number, a text in single quotes, `$1`, `(`, `)`, `,`, `.` or `=`',
  });
}

const ESCAPE = /\\(x[0-9A-Fa-f]{2}|.)/gs;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', "'": "'", n: '\n' };

/** The bytes of a text: UTF-8, with `\\`, `\'`, `\n` and `\xHH`, which is a byte. */
export function bytesOfText(text: string, { written, offset }: Token): Buffer {
  const inner = written.slice(1, -1);
  const pieces: Buffer[] = [];
  let end = 0;
  for (const match of inner.matchAll(ESCAPE)) {
    const escaped = match[1]!;
    pieces.push(Buffer.from(inner.slice(end, match.index), 'utf8'));
    const isByte = escaped.length === 3;
    const plain = ESCAPES[escaped];
    if (!isByte && plain === undefined) {
      throw new RecipeError(text, offset + 1 + match.index, {
        problem: 'an escape that no text has',
        expected: "`\\\\`, `\\'`, `\\n` or `\\x` with two hexadecimal digits",
      });
    }
    pieces.push(isByte ? Buffer.from(escaped.slice(1), 'hex') : Buffer.from(plain!, 'utf8'));
    end = match.index + match[0].length;
  }
  return Buffer.concat([...pieces, Buffer.from(inner.slice(end), 'utf8')]);
}
