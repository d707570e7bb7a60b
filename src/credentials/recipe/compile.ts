/** A recipe's text, parsed and checked: what is left to go wrong is what a row holds. */
import type { Parameter } from './function.ts';
import { functionOf } from './functions/index.ts';
import { measure } from './measure.ts';
import type { ParsedRecipe } from './parse.ts';
import { parseRecipe } from './parse.ts';
import { RecipeError, StepError } from './recipe-error.ts';
import type { CallNode, Node, OutsideNode } from './tree.ts';
import { holds, nodesOf } from './tree.ts';

export { RecipeError } from './recipe-error.ts';

export interface Recipe {
  /** The side that hangs on the password. */
  readonly program: Node;
  /** What must come out: known once the row is. */
  readonly expected: Node;
  /** Everything that it needs from outside. */
  readonly needs: readonly OutsideNode[];
}

export interface CompileOptions {
  /** How many groups the row's pattern has; a mapping's recipe has no pattern. */
  readonly groups?: number;
}

const MAX_CHARACTERS = 2000;
const MAX_DERIVATIONS = 4;

const HASH: OutsideNode = { kind: 'hash', name: '', index: 0 };

const isPassword = (node: Node) => node.kind === 'password';
const isIt = (node: Node) => node.kind === 'it';
const isDerivation = (node: Node) => node.kind === 'call' && functionOf(node.name).deriving !== undefined;
const isLoop = (node: Node) => node.kind === 'call' && node.name === 'iterate';
/** Known as soon as the row is, without work worth the name. */
const isKnown = (node: Node) =>
  !holds(node, (one) => isPassword(one) || isIt(one) || isDerivation(one) || isLoop(one));

/**
 * `left = right`, or an expression that must come out as the `hash` column. Throws RecipeError: syntax, names, types,
 * number of values, constants out of bounds, sizes and costs that nothing bounds.
 */
export function compileRecipe(text: string, { groups = 0 }: CompileOptions = {}): Recipe {
  if (text.length > MAX_CHARACTERS) {
    const expected = `at most ${MAX_CHARACTERS} characters`;
    throw new RecipeError(text, MAX_CHARACTERS, { problem: 'the recipe is too long', expected });
  }
  return new Checker(text, groups).recipe();
}

class Checker {
  readonly #text: string;
  readonly #groups: number;
  readonly #parsed: ParsedRecipe;

  constructor(text: string, groups: number) {
    this.#text = text;
    this.#groups = groups;
    this.#parsed = parseRecipe(text);
  }

  recipe(): Recipe {
    const { program, expected } = this.#sides();
    const nodes = [program, expected].flatMap(nodesOf);
    for (const node of nodes) {
      if (node.kind === 'call') this.#call(node);
      if (node.kind === 'group' && node.index > this.#groups) this.#group(node);
    }
    const fourth = nodes.filter(isDerivation)[MAX_DERIVATIONS];
    if (fourth) this.#fail(fourth, 'too many slow hashes', `at most ${MAX_DERIVATIONS}`);
    this.#sizes(program);
    const needs = nodes.filter(
      (node): node is OutsideNode => 'index' in node && (node.kind !== 'group' || node.index > 0),
    );
    return { program, expected, needs };
  }

  #fail(node: Node, problem: string, expected: string): never {
    throw new RecipeError(this.#text, this.#parsed.places.get(node) ?? 0, { problem, expected });
  }

  #sides(): { readonly program: Node; readonly expected: Node } {
    const left = this.#parsed.left.node;
    const right = this.#parsed.right?.node ?? HASH;
    const [isLeft, isRight] = [holds(left, isPassword), holds(right, isPassword)];
    if (isLeft && isRight) this.#fail(right, 'both sides hang on the password', 'one side that does not');
    if (!isLeft && !isRight) this.#fail(left, 'nothing hangs on the password', '`password` on one side');
    const [program, expected] = isLeft ? [left, right] : [right, left];
    if (!isKnown(expected)) {
      this.#fail(expected, 'what must come out takes work', 'a side without slow hashes and loops');
    }
    return { program, expected };
  }

  #group(node: Node): never {
    return this.#groups === 0
      ? this.#fail(node, 'a group, but there is no pattern', '`hash`, or a part of it')
      : this.#fail(node, 'the pattern has no such group', `at most \`$${this.#groups}\``);
  }

  #call({ name, args }: CallNode): void {
    const { parameters } = functionOf(name);
    for (const [at, parameter] of parameters.entries()) {
      const arg = args[at];
      if (arg) this.#argument(name, arg, parameter);
    }
    const derivation = name === 'iterate' ? nodesOf(args[2]!).find(isDerivation) : undefined;
    if (derivation) this.#fail(derivation, 'a slow hash in a loop', 'digests and HMACs only in `iterate`');
  }

  #argument(
    name: string,
    arg: Node,
    { name: role, isFixed, min = 0, max = Number.MAX_SAFE_INTEGER }: Parameter,
  ) {
    if (isFixed && !isKnown(arg)) {
      const problem = `the ${role} of ${name} hangs on the password, a loop or a slow hash`;
      this.#fail(arg, problem, 'what is known before any work');
    }
    if (arg.kind === 'number' && (arg.value < min || arg.value > max)) {
      this.#fail(arg, `the ${role} of ${name} is out of bounds`, `${min} to ${max}`);
    }
  }

  #sizes(program: Node): void {
    let culprit = program;
    try {
      measure(program, { it: 0, isOptimistic: true }, (node) => {
        culprit = node;
      });
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      this.#fail(culprit, 'this may become too large', 'at most 65536 bytes from a password of 1024');
    }
  }
}

export interface RecipeNeeds {
  /** Without these there is nothing to verify. */
  readonly columns: readonly string[];
  /** All, also those that the recipe can do without. */
  readonly knownColumns: readonly string[];
  readonly settings: readonly string[];
  readonly username: boolean;
}

/** The names that a mapping has to bring; `undefined` where there is no recipe, or none that can be read. */
export function needsOf(text: string | undefined): RecipeNeeds | undefined {
  if (text === undefined) return undefined;
  let needs: readonly OutsideNode[];
  try {
    ({ needs } = compileRecipe(text));
  } catch (error) {
    if (error instanceof RecipeError) return undefined;
    throw error;
  }
  const columns = needs.filter(({ kind }) => kind === 'column' || kind === 'hash' || kind === 'salt');
  const settings = needs.filter(({ kind }) => kind === 'setting');
  const namesOf = (nodes: readonly OutsideNode[]) => [
    ...new Set(nodes.map(({ name, kind }) => name || kind)),
  ];
  const isNeeded = ({ fallback }: OutsideNode) => fallback === undefined;
  return {
    columns: namesOf(columns.filter(isNeeded)),
    knownColumns: namesOf(columns),
    settings: namesOf(settings.filter(isNeeded)),
    username: needs.some(({ kind }) => kind === 'username'),
  };
}
