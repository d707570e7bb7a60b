/** Running a program: a tree whose only unknown is the password. Nothing of it is evaluated as code. */
import type { RecipeFunction, Value } from './function.ts';
import { MAX_BYTES } from './function.ts';
import { functionOf } from './functions/index.ts';
import { StepError } from './recipe-error.ts';
import type { CallNode, Node } from './tree.ts';
import { nodesOf } from './tree.ts';

/** A node made ready: given the value so far of the loop around it, its own. */
type Step = (it: Buffer) => Value;

interface Run {
  readonly password: Buffer;
  /** The slow hashes, computed before the rest. */
  readonly derived: Map<Node, Buffer>;
}

const NOTHING = Buffer.alloc(0);

/** Throws StepError where a step cannot take a value, and what a derivation throws. Call `isAffordable` before. */
export async function evaluate(program: Node, password: Buffer): Promise<Buffer> {
  const run: Run = { password, derived: new Map() };
  // Innermost first; none stands in a loop, so each is computed once.
  for (const node of nodesOf(program)) {
    if (node.kind === 'call' && functionOf(node.name).deriving)
      run.derived.set(node, await derive(node, run));
  }
  return ready(program, run)(NOTHING) as Buffer;
}

async function derive({ name, args }: CallNode, run: Run): Promise<Buffer> {
  const values = args.map((arg) => ready(arg, run)(NOTHING));
  const { algorithm, derivation, write } = functionOf(name).deriving!(values);
  return write(await algorithm.derive(values[0] as Buffer, derivation as never));
}

function ready(node: Node, run: Run): Step {
  switch (node.kind) {
    case 'text':
      return always(Buffer.from(node.bytes));
    case 'number':
      return always(node.value);
    case 'password':
      return always(run.password);
    case 'it':
      return (it) => it;
    case 'concat':
      return concat(node.parts.map((part) => ready(part, run)));
    case 'call': {
      const derived = run.derived.get(node);
      return derived ? always(derived) : call(node, run);
    }
    default:
      throw new StepError('malformed');
  }
}

const always = (value: Value) => () => value;

function concat(steps: readonly Step[]): Step {
  return (it) => within(Buffer.concat(steps.map((step) => step(it) as Buffer)));
}

function call({ name, args }: CallNode, run: Run): Step {
  const [inner] = args;
  const inHex = name === 'hex' && inner?.kind === 'call' ? functionOf(inner.name).inHex : undefined;
  if (inHex) {
    const step = ready((inner as CallNode).args[0]!, run);
    return (it) => inHex(step(it) as Buffer);
  }
  const steps = args.map((arg) => ready(arg, run));
  if (name === 'iterate') return loop(steps as [Step, Step, Step]);
  const row = functionOf(name);
  const [only, another] = steps;
  if (only && !another) return (it) => computeRow(row, [only(it)]);
  return (it) =>
    computeRow(
      row,
      steps.map((step) => step(it)),
    );
}

function loop([count, first, next]: readonly [Step, Step, Step]): Step {
  return (it) => {
    let value = first(it) as Buffer;
    for (let round = count(it) as number; round > 0; round -= 1) value = next(value) as Buffer;
    return value;
  };
}

/** One call on known values. Throws StepError. */
export function compute(name: string, values: readonly Value[]): Value {
  return computeRow(functionOf(name), values);
}

function computeRow(row: RecipeFunction, values: readonly Value[]): Value {
  demandBounds(row, values);
  const result = row.compute!(values);
  return typeof result === 'number' ? result : within(result);
}

/** Throws StepError where a number is not one that the function takes. */
export function demandBounds({ parameters }: RecipeFunction, values: readonly Value[]): void {
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at];
    if (typeof value !== 'number') continue;
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = parameters[at]!;
    if (value < min || value > max) throw new StepError('bounds');
  }
}

function within(value: Buffer): Buffer {
  if (value.length > MAX_BYTES) throw new StepError('bounds');
  return value;
}
