/**
 * Fields that were never equal have no base, and so nothing tells a later reading that somebody has changed one of them: what
 * each side had is kept instead, with the rule that left it so.
 */
import type { Authority, Side } from './deciding.ts';
import type { SyncField, Values } from './fields.ts';
import { SYNC_FIELDS } from './fields.ts';
import type { Marking } from './marks.ts';
import type { Plan } from './planning.ts';
import type { Intended, PersonState } from './states.ts';

type AuthorityOf = (field: SyncField) => Authority;

/** Another rule is another mark: whom it leaves alone, a new one may not. */
const noteOf = (
  marking: Marking,
  field: SyncField,
  { value, rule }: { readonly value: string; readonly rule: Authority },
) => `${marking.mark(field, value)} ${rule}`;

export function unequalAfter({ person, decision }: Plan, authority: AuthorityOf): Intended {
  const { marking, legacy, target, state } = person;
  // Of what was not looked at, what was known still holds.
  if (!target) return state.unequal;
  const notes = (values: Values) =>
    Object.fromEntries(
      SYNC_FIELDS.flatMap((field) => {
        const value = values[field];
        if (value === undefined || decision.base[field] !== undefined) return [];
        return [[field, noteOf(marking, field, { value, rule: authority(field) })]];
      }),
    );
  const [here, there] = [notes(legacy), notes(target)];
  return {
    ...(Object.keys(here).length > 0 ? { legacy: here } : {}),
    ...(Object.keys(there).length > 0 ? { target: there } : {}),
  };
}

/** Whether a side has something else than when both were equal, or were looked at last. */
export function differsFrom(
  { fields, unequal }: Pick<PersonState, 'fields' | 'unequal'>,
  values: Values,
  {
    side,
    marking,
    authority,
  }: { readonly side: Side; readonly marking: Marking; readonly authority: AuthorityOf },
): boolean {
  return SYNC_FIELDS.some((field) => {
    const value = values[field];
    if (value === undefined) return false;
    const base = fields[field];
    if (base !== undefined) return marking.mark(field, value) !== base;
    return noteOf(marking, field, { value, rule: authority(field) }) !== unequal[side]?.[field];
  });
}
