/** From text to tree: syntax, names, types and number of arguments, each refused at its place. */
import type { RecipeFunction, ValueType } from './function.ts';
import { FUNCTIONS } from './functions/index.ts';
import { RecipeError } from './recipe-error.ts';
import type { Token } from './tokens.ts';
import { bytesOfText, tokensOf } from './tokens.ts';
import type { Node } from './tree.ts';

const MAX_DEPTH = 32;
const MAX_NODES = 200;
const MAX_GROUP = 9;
const MAX_NUMBER = 0xffffffff;

const NAMES = ['password', 'hash', 'salt', 'username', 'it'];
const LOOKUPS = ['column', 'setting'];
const VALUE = 'a value';

/** A node that is still known by its place. */
export interface Placed {
  readonly node: Node;
  readonly offset: number;
}

export interface ParsedRecipe {
  readonly left: Placed;
  readonly right?: Placed;
  /** Every node of the tree → where it stands. */
  readonly places: ReadonlyMap<Node, number>;
}

export function typeOf(node: Node): ValueType {
  if (node.kind === 'number') return 'number';
  return node.kind === 'call' ? FUNCTIONS.get(node.name)!.result : 'bytes';
}

/** Throws RecipeError. */
export function parseRecipe(text: string): ParsedRecipe {
  return new Parser(text).recipe();
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #places = new Map<Node, number>();
  #at = 0;
  #depth = 0;
  /** How many `next` of `iterate` are around. */
  #loops = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  recipe(): ParsedRecipe {
    const left = this.#sequence('bytes');
    const right = this.#takes('=') ? this.#sequence('bytes') : undefined;
    if (this.#next.kind !== 'end') {
      this.#fail(
        this.#next,
        `${this.#named(this.#next)} after the end`,
        right ? 'the end' : '`.`, `=` or the end',
      );
    }
    return { left, places: this.#places, ...(right && { right }) };
  }

  get #next(): Token {
    return this.#tokens[this.#at]!;
  }

  #takes(sign: string): boolean {
    const isThere = this.#next.kind === 'sign' && this.#next.written === sign;
    if (isThere) this.#at += 1;
    return isThere;
  }

  #demand(sign: string, otherwise = ''): void {
    if (!this.#takes(sign)) this.#fail(this.#next, this.#named(this.#next), `${otherwise}\`${sign}\``);
  }

  #fail(token: { readonly offset: number }, problem: string, expected: string): never {
    throw new RecipeError(this.#text, token.offset, { problem, expected });
  }

  /** Never what a text holds. */
  #named({ kind, written }: Token): string {
    if (kind === 'end') return 'the recipe ends';
    return kind === 'text' ? 'a text' : `\`${written.slice(0, 40)}\``;
  }

  #place<N extends Node>(node: N, offset: number): Placed & { readonly node: N } {
    this.#places.set(node, offset);
    if (this.#places.size > MAX_NODES) {
      this.#fail({ offset }, 'the recipe has too many parts', `at most ${MAX_NODES}`);
    }
    return { node, offset };
  }

  /** Values with dots between. */
  #sequence(type: ValueType): Placed {
    const start = this.#next;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      this.#fail(start, 'the recipe is nested too deeply', `at most ${MAX_DEPTH} levels`);
    }
    const parts = [this.#value()];
    while (this.#takes('.')) parts.push(this.#value());
    this.#depth -= 1;
    if (parts.length === 1) return this.#ofType(parts[0]!, type);
    for (const part of parts) this.#ofType(part, 'bytes');
    return this.#ofType(
      this.#place({ kind: 'concat', parts: parts.map(({ node }) => node) }, start.offset),
      type,
    );
  }

  #ofType(placed: Placed, type: ValueType): Placed {
    if (typeOf(placed.node) === type) return placed;
    return type === 'bytes'
      ? this.#fail(placed, 'a number', 'bytes, such as a text, a column or a digest')
      : this.#fail(placed, 'bytes', 'a number, such as 1000 or int(…)');
  }

  #value(): Placed {
    const token = this.#next;
    if (this.#takes('(')) {
      const inner = this.#sequence('bytes');
      this.#demand(')', '`.` or ');
      return inner;
    }
    if (token.kind === 'end' || token.kind === 'sign') this.#fail(token, this.#named(token), VALUE);
    this.#at += 1;
    if (token.kind === 'text') {
      return this.#place({ kind: 'text', bytes: bytesOfText(this.#text, token) }, token.offset);
    }
    if (token.kind === 'number') return this.#number(token);
    return token.kind === 'group' ? this.#group(token) : this.#name(token);
  }

  #number(token: Token): Placed {
    const value = Number(token.written);
    if (Math.abs(value) > MAX_NUMBER) this.#fail(token, 'the number is too large', `at most ${MAX_NUMBER}`);
    return this.#place({ kind: 'number', value }, token.offset);
  }

  #group(token: Token): Placed {
    const index = Number(token.written.slice(1));
    if (index < 1 || index > MAX_GROUP) this.#fail(token, this.#named(token), '`$1` to `$9`');
    return this.#place({ kind: 'group', index, name: '' }, token.offset);
  }

  #name(token: Token): Placed {
    const { written: name, offset } = token;
    if (LOOKUPS.includes(name)) return this.#lookup(token);
    const row = FUNCTIONS.get(name);
    if (row) return this.#call(row, token);
    if (!NAMES.includes(name)) this.#unknown(token);
    if (this.#next.written === '(') this.#fail(this.#next, `\`${name}\` is no function`, '`.` or the end');
    if (name === 'password') return this.#place({ kind: 'password' }, offset);
    if (name === 'it') {
      if (this.#loops === 0) this.#fail(token, '`it` outside of `iterate`', 'a value that is there');
      return this.#place({ kind: 'it' }, offset);
    }
    return this.#place({ kind: name as 'hash' | 'salt' | 'username', name: '', index: 0 }, offset);
  }

  #unknown(token: Token): never {
    const isCall = this.#tokens[this.#at]?.written === '(';
    const known = isCall ? [...FUNCTIONS.keys(), ...LOOKUPS] : NAMES;
    const near = known.find(
      (name) =>
        name.toLowerCase().replaceAll('_', '') === token.written.toLowerCase().replaceAll(/[_-]/g, ''),
    );
    const problem = `there is no ${isCall ? 'function' : 'value'} ${this.#named(token)}`;
    const values = '`password`, `hash`, `salt`, `username`, `column(…)` or `setting(…)`';
    const expected = near ? `\`${near}\`` : isCall ? 'a function of the language' : values;
    return this.#fail(token, problem, expected);
  }

  /** `column('name')`, `setting('name', 'otherwise')`. */
  #lookup(token: Token): Placed {
    this.#demand('(');
    const place = this.#next;
    const name = this.#literal('its name as a text in quotes').toString('utf8');
    if (name === '') this.#fail(place, 'an empty name', 'its name as a text in quotes');
    const fallback = this.#takes(',') ? this.#literal('a text in quotes') : undefined;
    this.#demand(')', fallback ? '' : '`,` or ');
    return this.#place(
      { kind: token.written as 'column' | 'setting', name, index: 0, ...(fallback && { fallback }) },
      token.offset,
    );
  }

  #literal(expected: string): Buffer {
    const token = this.#next;
    if (token.kind !== 'text') this.#fail(token, this.#named(token), expected);
    this.#at += 1;
    return bytesOfText(this.#text, token);
  }

  #call(row: RecipeFunction, token: Token): Placed {
    this.#demand('(');
    const args: Node[] = [];
    for (const [at, { name, type, isOptional }] of row.parameters.entries()) {
      if (isOptional && this.#next.written === ')') break;
      if (at > 0 && !this.#takes(',')) {
        this.#fail(this.#next, this.#named(this.#next), `\`,\` and the ${name} of ${row.name}`);
      }
      const isBody = row.kind === 'loop' && at === row.parameters.length - 1;
      this.#loops += isBody ? 1 : 0;
      args.push(this.#sequence(type).node);
      this.#loops -= isBody ? 1 : 0;
    }
    if (this.#next.written === ',') {
      this.#fail(this.#next, `${row.name} takes no more values`, '`)`');
    }
    this.#demand(')', '`.` or ');
    return this.#place({ kind: 'call', name: row.name, args }, token.offset);
  }
}
