/**
 * What is compared with what. Text that only wraps a result is taken off on both sides, so that bytes are compared:
 * hexadecimal in either case, base64 padded or not, constants in front and behind.
 */
import type { Bound } from './bind.ts';
import { functionOf } from './functions/index.ts';
import { StepError } from './recipe-error.ts';
import type { CallNode, ConcatNode, Node, TextNode } from './tree.ts';
import { sandwichOf } from './tree.ts';

/** Throws StepError `malformed` where what must come out is not of the right form. */
export function unwrapped(bound: Bound): Bound {
  for (let current = bound; ; ) {
    const next = oneOff(current);
    if (!next) return current;
    current = next;
  }
}

function oneOff({ program, expected }: Bound): Bound | undefined {
  if (program.kind === 'concat') return withoutConstants(program, expected);
  if (program.kind !== 'call') return undefined;
  if (isCaseChange(program.name) && isHex(program.args[0]!)) return { program: program.args[0]!, expected };
  if (program.name === 'iterate') return withCanonical(program, expected);
  const { decode } = functionOf(program.name);
  return (
    decode && { program: program.args[0]!, expected: changed(expected, decode(Buffer.from(expected.bytes))) }
  );
}

const isHex = (node: Node) => node.kind === 'call' && node.name.toLowerCase() === 'hex';
const isCaseChange = (name: string) => /^(?:ascii_)?(?:lower|upper)$/.test(name);

function changed(expected: TextNode, bytes: Uint8Array | undefined): TextNode {
  if (!bytes) throw new StepError('malformed');
  return { ...expected, bytes };
}

/** `salt . '$' . hex(…)`: the constants must be there. */
function withoutConstants(node: ConcatNode, expected: TextNode): Bound | undefined {
  const sandwich = sandwichOf(node);
  if (!sandwich) return undefined;
  const bytesOf = (constants: readonly TextNode[]) => Buffer.concat(constants.map(({ bytes }) => bytes));
  const [front, back, whole] = [bytesOf(sandwich.front), bytesOf(sandwich.back), Buffer.from(expected.bytes)];
  const end = whole.length - back.length;
  const isThere =
    end >= front.length && whole.subarray(0, front.length).equals(front) && whole.subarray(end).equals(back);
  const middle = isThere ? whole.subarray(front.length, end) : undefined;
  return { program: sandwich.middle, expected: changed(expected, middle) };
}

/** A loop whose steps are encoded ends in that encoding: what must come out is written as the loop writes it. */
function withCanonical(program: CallNode, expected: TextNode): Bound | undefined {
  const next = program.args[2]!;
  const { decode, compute } = next.kind === 'call' ? functionOf(next.name) : {};
  const bytes = decode?.(Buffer.from(expected.bytes));
  if (!decode) return undefined;
  const written = compute!([changed(expected, bytes).bytes as Buffer]) as Buffer;
  return written.equals(expected.bytes) ? undefined : { program, expected: changed(expected, written) };
}
