/** What a write is told that would give a second row what only one may have. It is no outage: trying again changes nothing. */
import type { ErrorCode } from '../errors.ts';
import { FootbridgeError } from '../errors.ts';
import type { LegacyWrite } from './connector.ts';

export function conflictOf(what: LegacyWrite): FootbridgeError {
  const [code, why] = CONFLICTS[what] ?? OTHERS;
  return new FootbridgeError(code, { detail: `writes.${what}: ${why}` });
}

type Conflict = readonly [ErrorCode, string];

const CONFLICTS: { readonly [What in LegacyWrite]?: Conflict } = {
  linkPerson: ['already_linked', 'another person has this id'],
  linkOrganization: ['organization_linked', 'another organization has this id'],
  createPerson: ['user_ambiguous', 'there is somebody with one of these values'],
};
const OTHERS: Conflict = ['config_invalid', 'what is there already has to be changed, not added'];
