import type { Algorithm } from '../algorithm.ts';
import { evaluate } from '../recipe/evaluate.ts';
import { functionOf } from '../recipe/functions/index.ts';
import { isAffordable } from '../recipe/measure.ts';
import type { Node } from '../recipe/tree.ts';
import { holds } from '../recipe/tree.ts';

export interface RecipeParameters {
  /** Everything but the password is known. */
  readonly program: Node;
}

/** Fewer bytes out of a digest prove little: mysql323, the shortest of the named formats, has eight. */
const MIN_DIGEST_BYTES = 8;

const isOneWay = (node: Node) =>
  node.kind === 'call' && /^(?:digest|hmac|derivation)$/.test(functionOf(node.name).kind);

const isArgon2 = (node: Node) => node.kind === 'call' && node.name.startsWith('argon2');

/** A home-made scheme that is none of the other algorithms. */
export const recipeAlgorithm: Algorithm<RecipeParameters> = {
  label: () => 'recipe',
  usesThreadPool: ({ program }) => holds(program, isArgon2),
  minDigestBytes: 1,
  admits: ({ parameters: { program }, digest }, caps) =>
    digest.length >= (holds(program, isOneWay) ? MIN_DIGEST_BYTES : 1) && isAffordable(program, caps),
  derive: (password, { parameters }) => evaluate(parameters.program, password),
};
