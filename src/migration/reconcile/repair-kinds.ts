/** What mends a difference: by itself where one side is right without a doubt, and else what a person may choose. */
import type { ProfileField } from '../../targets/connection.ts';
import { PROFILE_FIELDS } from '../../targets/connection.ts';
import { hasTargetUser, nextState } from '../states.ts';
import type { Kind, Person } from './classify.ts';
import type { ComparedField } from './marks.ts';

/**
 * In the order in which they are made. `record`: the ledger learns of somebody, by a move like every other; `import`: the
 * person, or their second factor, is stored; `relink`: our link and our metadata; `update-target`: the fields are written
 * over; `none`: a person decides.
 */
export const REPAIRS = [
  'record',
  'import',
  'relink',
  'update-target',
  'set-password',
  'deactivate-target',
  'remove-target',
  'none',
] as const;
export type Repair = (typeof REPAIRS)[number];

/** Which side is right where they differ. */
export const LEADERS = ['legacy', 'target'] as const;
export type Leads = (typeof LEADERS)[number];

export function repairOfPerson(kind: Kind, { left, row }: Person, leads: Leads): Repair {
  switch (kind) {
    case 'missing': {
      const isReady = left.kind === 'there' && left.user !== undefined;
      const hasWay = !row || !hasTargetUser(row.state) || nextState(row.state, 'revert') !== undefined;
      return isReady && hasWay && leads === 'legacy' ? 'import' : 'none';
    }
    case 'extra':
      return leads === 'legacy' ? 'deactivate-target' : 'none';
    case 'resurrected':
      return 'remove-target';
    case 'unrecorded':
      return repairOfUnrecorded({ left, row });
    default:
      return 'none';
  }
}

function repairOfUnrecorded({ left, row }: Pick<Person, 'left' | 'row'>): Repair {
  if (left.kind !== 'there' || row?.state === 'excluded' || (row && hasTargetUser(row.state))) return 'none';
  if (left.state === 'active') return left.user ? 'record' : 'none';
  return left.state === 'disabled' ? 'deactivate-target' : 'none';
}

export interface DifferingField {
  readonly kind: Kind;
  readonly field: ComparedField;
  readonly wants: string;
  readonly has: string;
  readonly leads: Leads;
  readonly canUpdate: boolean;
}

export function repairOfField({ kind, field, wants, has, leads, canUpdate }: DifferingField): Repair {
  // The link and the metadata are ours, whoever leads.
  if (field === 'link' || field === 'legacyId') return has === '' ? 'relink' : 'none';
  if (kind !== 'changed-left' || leads !== 'legacy') return 'none';
  if (field === 'password') return 'set-password';
  if (field === 'totp') return wants === '' ? 'none' : 'import';
  if (field === 'state') return wants === 'inactive' ? 'deactivate-target' : 'update-target';
  return canUpdate ? 'update-target' : 'none';
}

const UPDATED: readonly ComparedField[] = [...PROFILE_FIELDS, 'state'];
export const isProfileField = (field: ComparedField): field is ProfileField =>
  (PROFILE_FIELDS as readonly string[]).includes(field);

const OF_FIELDS: Readonly<Partial<Record<Repair, readonly ComparedField[]>>> = {
  'update-target': UPDATED,
  'set-password': ['password'],
  import: ['totp'],
  relink: ['link', 'legacyId'],
  'deactivate-target': ['state'],
};
const OF_PEOPLE: Readonly<Partial<Record<Kind, readonly Repair[]>>> = {
  missing: ['import'],
  extra: ['deactivate-target', 'remove-target'],
  resurrected: ['deactivate-target', 'remove-target'],
  unrecorded: ['record', 'deactivate-target', 'remove-target'],
};

/** Whether an operator may have this done about such a difference. */
export function isAllowed(repair: Repair, kind: Kind, fields: readonly ComparedField[]): boolean {
  if (repair === 'none') return true;
  if (fields.length === 0) return OF_PEOPLE[kind]?.includes(repair) ?? false;
  return fields.every((field) => OF_FIELDS[repair]?.includes(field));
}
