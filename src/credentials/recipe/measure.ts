/** How large the values of a recipe may become and how much work it is: known before any of it is done. */
import type { Caps } from '../password-settings.ts';
import { MAX_BYTES } from './function.ts';
import { functionOf } from './functions/index.ts';
import { StepError } from './recipe-error.ts';
import type { CallNode, Node } from './tree.ts';
import { nodesOf } from './tree.ts';

/** `passwords.ts` refuses longer ones. */
const MAX_PASSWORD_BYTES = 1024;
/** About what a digest takes in a microsecond. */
const BYTES_PER_UNIT = 512;
/** A round of a loop is a handful of calls. */
const UNITS_PER_ROUND = 4;
/** A value that still grows after so many rounds grows with the count. */
const TRIED_ROUNDS = 64;

export interface Measure {
  /** Bytes at most; of a number its greatest value. */
  readonly size: number;
  /** In calls on up to 512 bytes. */
  readonly work: number;
}

export interface Unknowns {
  readonly it: number;
  /** True before the row is known: what it brings is taken for empty, its numbers for 0. */
  readonly isOptimistic?: boolean;
}

/** Throws StepError `bounds` where a value may become too large. `told` hears of the node first. */
export function measure(node: Node, unknowns: Unknowns, told?: (node: Node) => void): Measure {
  switch (node.kind) {
    case 'text':
      return { size: node.bytes.length, work: 0 };
    case 'number':
      return { size: node.value, work: 0 };
    case 'password':
      return { size: MAX_PASSWORD_BYTES, work: 0 };
    case 'it':
      return { size: unknowns.it, work: 0 };
    case 'concat':
    case 'call':
      return bounded(node, unknowns, told);
    default:
      return { size: 0, work: 0 };
  }
}

function bounded(node: Node & { kind: 'concat' | 'call' }, unknowns: Unknowns, told?: (node: Node) => void) {
  const found = measureParts(node, unknowns, told);
  const isNumber = node.kind === 'call' && functionOf(node.name).result === 'number';
  if (isNumber && unknowns.isOptimistic) return { ...found, size: 0 };
  if (isNumber || found.size <= MAX_BYTES) return found;
  told?.(node);
  throw new StepError('bounds');
}

function measureParts(
  node: Node & { kind: 'concat' | 'call' },
  unknowns: Unknowns,
  told?: (node: Node) => void,
): Measure {
  if (node.kind === 'call' && node.name === 'iterate') return measureLoop(node, unknowns, told);
  const parts = (node.kind === 'concat' ? node.parts : node.args).map((part) =>
    measure(part, unknowns, told),
  );
  const sizes = parts.map(({ size }) => size);
  const size = node.kind === 'concat' ? sum(sizes) : functionOf(node.name).greatest(sizes);
  const units = 1 + (sum(sizes) + size) / BYTES_PER_UNIT;
  return { size, work: units + sum(parts.map(({ work }) => work)) };
}

function measureLoop(loop: CallNode, unknowns: Unknowns, told?: (node: Node) => void): Measure {
  const [count, first, next] = loop.args as [Node, Node, Node];
  const rounds = count.kind === 'number' ? count.value : 1;
  const start = measure(first, unknowns, told);
  let it = start.size;
  let round = measure(next, { ...unknowns, it }, told);
  for (let tried = 1; round.size > it && tried < rounds; tried += 1) {
    if (tried > TRIED_ROUNDS) {
      told?.(loop);
      throw new StepError('bounds');
    }
    it = round.size;
    round = measure(next, { ...unknowns, it }, told);
  }
  return { size: Math.max(it, round.size), work: start.work + rounds * (round.work + 1) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Whether a program, whose only unknown is the password, may be computed. */
export function isAffordable(program: Node, caps: Caps): boolean {
  try {
    const calls = nodesOf(program).filter((node) => node.kind === 'call');
    return (
      measure(program, { it: 0 }).work <= UNITS_PER_ROUND * caps.cryptRounds + FIXED_UNITS &&
      calls.every((call) => isRoundCountAllowed(call, caps) && isDerivationAllowed(call, caps))
    );
  } catch (error) {
    if (error instanceof StepError) return false;
    throw error;
  }
}

/** What a recipe without loops may take: 200 nodes on the largest values. */
const FIXED_UNITS = 40_000;

function isRoundCountAllowed({ name, args: [count] }: CallNode, caps: Caps): boolean {
  return (
    name !== 'iterate' || (count?.kind === 'number' && count.value >= 1 && count.value <= caps.cryptRounds)
  );
}

/** By the algorithm's own bounds. What is not known yet is as long as it can be. */
function isDerivationAllowed({ name, args }: CallNode, caps: Caps): boolean {
  const { deriving } = functionOf(name);
  if (!deriving) return true;
  const values = args.map((arg) => {
    if (arg.kind === 'number') return arg.value;
    return arg.kind === 'text' ? Buffer.from(arg.bytes) : Buffer.alloc(measure(arg, { it: 0 }).size);
  });
  const { algorithm, derivation } = deriving(values);
  return algorithm.admits(derivation as never, caps);
}
