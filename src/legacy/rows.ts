/** Where the mapping looks for things a person may have several of. */
import type { Row } from './connector.ts';
import type { Field, Proof } from './field-settings.ts';
import type { Scope } from './fields.ts';
import { parseJson, rowsOf, unmappable, valuesOf } from './fields.ts';
import { isProved } from './proofs.ts';

export interface Place {
  readonly from?: string | undefined;
  readonly each?: Field | undefined;
  readonly when?: Proof | undefined;
}

/** The related rows, the members of a JSON list, or the user's own row: those that `when` lets through. */
export function scopesOf({ from, each, when }: Place, record: Scope): Scope[] {
  const scopes =
    from !== undefined
      ? rowsOf(from, record).map((row) => ({ ...record, row }))
      : each
        ? membersOf(each, record).map((row) => ({ ...record, row, sparse: true }))
        : [record];
  return scopes.filter((scope) => when === undefined || isProved(when, scope));
}

function membersOf(each: Field, record: Scope): Row[] {
  const members = valuesOf(each, record).flatMap((value) => parseJson(value, 'each'));
  if (members.some((member) => typeof member !== 'object' || member === null || Array.isArray(member))) {
    throw unmappable('`each` is no list of JSON objects');
  }
  return members as Row[];
}
