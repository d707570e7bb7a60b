/** A recipe as a tree of plain data: it travels to a worker as it is. */

/** Where a constant's bytes come from, as far as it matters to somebody who exports them. */
export interface Origin {
  /** Holds something of the row: a column, a salt, the user name. */
  readonly row: boolean;
  readonly username: boolean;
  /** Holds a site-wide setting. */
  readonly setting: boolean;
}

export interface TextNode {
  readonly kind: 'text';
  readonly bytes: Uint8Array;
  /** Set once the row's values are in. */
  readonly origin?: Origin;
}
export interface NumberNode {
  readonly kind: 'number';
  readonly value: number;
}
/** `it`: the value so far, inside `iterate`. */
export interface VariableNode {
  readonly kind: 'password' | 'it';
}
/** What the row or the configuration brings. */
export interface OutsideNode {
  readonly kind: 'hash' | 'salt' | 'username' | 'column' | 'setting' | 'group';
  /** Of a column or a setting. */
  readonly name: string;
  /** Of a group of the row's pattern. */
  readonly index: number;
  /** Where there is no such column or setting. */
  readonly fallback?: Uint8Array;
}
export interface ConcatNode {
  readonly kind: 'concat';
  readonly parts: readonly Node[];
}
export interface CallNode {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Node[];
}
export type Node = TextNode | NumberNode | VariableNode | OutsideNode | ConcatNode | CallNode;

export function childrenOf(node: Node): readonly Node[] {
  if (node.kind === 'concat') return node.parts;
  return node.kind === 'call' ? node.args : [];
}

/** Whether the node or one below it is such a one. */
export function holds(node: Node, test: (node: Node) => boolean): boolean {
  return test(node) || childrenOf(node).some((child) => holds(child, test));
}

/** The node and all below it, innermost first. */
export function nodesOf(node: Node): readonly Node[] {
  return [...childrenOf(node).flatMap(nodesOf), node];
}

/** Steps, loops and all: a node that is asked for twice is the same data twice. */
export function isSame(a: Node, b: Node): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'text') return Buffer.compare(a.bytes, (b as TextNode).bytes) === 0;
  if (a.kind === 'number') return a.value === (b as NumberNode).value;
  if (a.kind === 'call' && a.name !== (b as CallNode).name) return false;
  const [left, right] = [childrenOf(a), childrenOf(b)];
  return left.length === right.length && left.every((child, at) => isSame(child, right[at]!));
}

/** What a constant is; of anything else nothing is known. */
export function constantOf(node: Node): Buffer | number {
  if (node.kind === 'number') return node.value;
  return Buffer.from(node.kind === 'text' ? node.bytes : []);
}

export interface Sandwich {
  readonly front: readonly TextNode[];
  readonly middle: Node;
  readonly back: readonly TextNode[];
}

/** A sequence of constants around one value that is none; `undefined` where there are several. */
export function sandwichOf({ parts }: ConcatNode): Sandwich | undefined {
  const [middle, second] = parts.filter(({ kind }) => kind !== 'text');
  if (!middle || second) return undefined;
  const at = parts.indexOf(middle);
  return {
    front: parts.slice(0, at) as TextNode[],
    middle,
    back: parts.slice(at + 1) as TextNode[],
  };
}
