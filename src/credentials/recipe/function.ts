/** What a function of the language is: a row of a table. */
import type { Algorithm, Derivation } from '../algorithm.ts';
import { StepError } from './recipe-error.ts';

export type Value = Buffer | number;
export type ValueType = 'bytes' | 'number';

/** No value of a recipe is larger. */
export const MAX_BYTES = 65_536;
/** What a row brings is no longer than this. */
export const MAX_OUTSIDE_BYTES = 4096;

export interface Parameter {
  readonly name: string;
  readonly type: ValueType;
  /** Must be known before any work: what a step costs hangs on it. */
  readonly isFixed?: boolean;
  readonly isOptional?: boolean;
  /** Of a number; 0 where none is named. */
  readonly min?: number;
  readonly max?: number;
}

/** A key derivation as the algorithms compute it. */
export interface Deriving {
  readonly algorithm: Algorithm<never>;
  readonly derivation: Derivation<unknown>;
  /** How the derived bytes are written: crypt(3)'s functions give a text. */
  readonly write: (derived: Uint8Array) => Buffer;
}

export interface RecipeFunction {
  readonly name: string;
  readonly kind: 'digest' | 'hmac' | 'derivation' | 'encoding' | 'text' | 'bytes' | 'loop';
  readonly parameters: readonly Parameter[];
  readonly result: ValueType;
  /** One sentence for the reference. */
  readonly does: string;
  /** Throws StepError. Loops and derivations have none: they are evaluated in `evaluate.ts`. */
  readonly compute?: (args: readonly Value[]) => Value;
  /** The longest result (or the greatest number) that arguments up to these lengths (or numbers) give. */
  readonly greatest: (args: readonly number[]) => number;
  /** Of an encoding that can be turned back: strict. */
  readonly decode?: (text: Buffer) => Buffer | undefined;
  /** Of a digest: its result in hexadecimal, in one step, as loops do it thousands of times. */
  readonly inHex?: (value: Buffer) => Buffer;
  /** Of a derivation. Throws StepError. */
  readonly deriving?: (args: readonly Value[]) => Deriving;
}

export const bytes = (name: string): Parameter => ({ name, type: 'bytes' });
export const number = (name: string, min = 0, max = MAX_BYTES): Parameter => ({
  name,
  type: 'number',
  min,
  max,
});
/** A number that is known before any work. */
export const fixed = (name: string, min: number, max: number): Parameter => ({
  ...number(name, min, max),
  isFixed: true,
});

export function malformed(): never {
  throw new StepError('malformed');
}

/** A function from bytes to bytes; `undefined` is what it cannot read. */
export function mapping(
  name: string,
  row: Pick<RecipeFunction, 'kind' | 'does'> & {
    readonly map: (value: Buffer) => Buffer | undefined;
    readonly greatest: (length: number) => number;
    readonly decode?: (text: Buffer) => Buffer | undefined;
    readonly parameter?: string;
  },
): RecipeFunction {
  const { kind, does, map, greatest, decode, parameter = 'value' } = row;
  return {
    name,
    kind,
    does,
    parameters: [bytes(parameter)],
    result: 'bytes',
    compute: ([value]) => map(value as Buffer) ?? malformed(),
    greatest: ([length = 0]) => greatest(length),
    ...(decode && { decode }),
  };
}
