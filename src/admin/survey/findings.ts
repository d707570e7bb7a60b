/**
 * What an operator should know before people are moved: a code, a sentence, and whether it stops a user from being
 * created at a target. The rules about missing names and addresses are what ZITADEL refuses.
 */
import type { LegacyEntry } from '../../user.ts';

export interface Finding {
  readonly code: string;
  readonly severity: 'stops' | 'warns' | 'tells';
  readonly sentence: string;
}

interface UserFinding extends Finding {
  applies(entry: LegacyEntry): boolean;
}

/** What stands where the store has no name (mapping `names.placeholder`). */
const PLACEHOLDER = '-';
const isMissing = (name: string | undefined) => name === undefined || name === PLACEHOLDER;
const hasDropped = (claim: string) => (entry: LegacyEntry) => entry.dropped?.includes(claim) ?? false;

export const USER_FINDINGS: readonly UserFinding[] = [
  {
    code: 'email_missing',
    severity: 'stops',
    sentence: 'Users without an email address: ZITADEL creates nobody without one.',
    applies: (entry) => entry.user.email === undefined && !hasDropped('email')(entry),
  },
  {
    code: 'email_invalid',
    severity: 'stops',
    sentence: 'Email addresses that are not well-formed: they are not passed on, as if there were none.',
    applies: hasDropped('email'),
  },
  {
    code: 'email_unverified',
    severity: 'tells',
    sentence: 'Nothing proves that the address is theirs: it cannot be used to link accounts.',
    applies: ({ user }) => user.email !== undefined && !user.emailVerified,
  },
  {
    code: 'given_name_missing',
    severity: 'warns',
    sentence:
      'Users without a given name: a placeholder is sent, because ZITADEL creates nobody without one.',
    applies: ({ user }) => isMissing(user.givenName),
  },
  {
    code: 'family_name_missing',
    severity: 'warns',
    sentence:
      'Users without a family name: a placeholder is sent, because ZITADEL creates nobody without one.',
    applies: ({ user }) => isMissing(user.familyName),
  },
  {
    code: 'phone_number_invalid',
    severity: 'warns',
    sentence: 'Telephone numbers that are not well-formed: they are not passed on.',
    applies: hasDropped('phone_number'),
  },
  {
    code: 'locale_invalid',
    severity: 'tells',
    sentence: 'Languages that are no language tags: they are not passed on.',
    applies: hasDropped('locale'),
  },
  {
    code: 'id_is_a_login',
    severity: 'warns',
    sentence: 'The id is what they log in with: if that can be changed, the subject is not stable.',
    applies: ({ user }) => [user.email, user.username].includes(user.legacyId) || user.legacyId.includes('@'),
  },
];

/** What only the whole store shows. */
export const STORE_FINDINGS = {
  login_shared: {
    severity: 'warns',
    sentence: 'Users who share a user name or an email address to the letter: nobody can log in with it.',
  },
  login_differs_by_case: {
    severity: 'warns',
    sentence:
      'User names or addresses that differ only in case or composition: targets take them for the same.',
  },
  local_part_shared: {
    severity: 'tells',
    sentence:
      'User names that are the same up to the @: they collide where ZITADEL cuts the domain off (userLoginMustBeDomain).',
  },
  id_repeated: {
    severity: 'stops',
    sentence: 'Ids that came twice: the column is no primary key, or its pages are not in order.',
  },
} as const satisfies Record<string, Omit<Finding, 'code'>>;
export type StoreFinding = keyof typeof STORE_FINDINGS;

/** What a configured target cannot take. Counted per target, as `code@target`. */
export const TARGET_FINDINGS = {
  password_needs_reset: {
    severity: 'warns',
    sentence: 'The stored password cannot be verified here: it has to be set anew.',
  },
  password_out_of_bounds: {
    severity: 'warns',
    sentence:
      'The target computes this algorithm, but not at this cost: widen its bounds, or the password is caught at the next login here.',
  },
  password_needs_capture: {
    severity: 'tells',
    sentence: 'The target cannot have the stored hash: the password is caught at the next login here.',
  },
  totp_not_supported: {
    severity: 'warns',
    sentence: 'The target does not compute these one-time codes: they have to be set up anew.',
  },
} as const satisfies Record<string, Omit<Finding, 'code'>>;
export type TargetFinding = keyof typeof TARGET_FINDINGS;

/** By code, for the report. */
export function findingOf(code: string): Finding | undefined {
  const [kind = ''] = code.split('@');
  if (Object.hasOwn(TARGET_FINDINGS, kind)) return { code, ...TARGET_FINDINGS[kind as TargetFinding] };
  const known = USER_FINDINGS.find((finding) => finding.code === code);
  if (known) return { code, severity: known.severity, sentence: known.sentence };
  return Object.hasOwn(STORE_FINDINGS, code) ? { code, ...STORE_FINDINGS[code as StoreFinding] } : undefined;
}
