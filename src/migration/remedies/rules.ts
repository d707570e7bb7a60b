/** Which problem has which remedies. Whoever adds a reason (`credentials/reasons.ts`) need not come here: see the last rules. */
import type { ReasonCode } from '../../credentials/reasons.ts';
import type { Stored } from '../../targets/connection.ts';
import type { Remedy } from './remedies.ts';

interface MissingRule {
  readonly what: Stored;
  /** Any, when absent. */
  readonly codes?: readonly string[];
  /** The first that is possible; when none is, somebody has to look. */
  readonly remedies: readonly Remedy[];
}

/** The store may well hold a password, but we do not understand what it says: a question of the mapping. */
const NOT_READ: readonly ReasonCode[] = [
  'unknown_format',
  'unrecognised',
  'malformed',
  'setting_missing',
  'column_missing',
  'recipe_invalid',
  'username_missing',
];

/** Nobody's typing can prove these: there is nothing to compare with, or we cannot compute it. */
const NEVER_PROVED: readonly ReasonCode[] = [
  'unusable',
  'unsupported_algorithm',
  'parameters_out_of_bounds',
  'recipe_bounds',
  'hash_not_computable',
];

const RESETS = ['reset-by-target', 'reset-by-us'] as const;

/** The first that fits counts. */
export const MISSING_RULES: readonly MissingRule[] = [
  { what: 'password', codes: NOT_READ, remedies: ['mend-record'] },
  { what: 'password', codes: NEVER_PROVED, remedies: RESETS },
  // Alone it would open the door there: it waits for the second factor, and so does a reset.
  { what: 'password', codes: ['second_factor_missing'], remedies: ['re-enrol-totp'] },
  // All others are checked here when they are typed, and can then be hashed as the target reads it.
  { what: 'password', remedies: ['capture-at-login', ...RESETS] },
  { what: 'totp', codes: ['passkey_not_portable'], remedies: ['re-enrol-passkey'] },
  { what: 'totp', remedies: ['re-enrol-totp'] },
  { what: 'passkeys', remedies: ['re-enrol-passkey'] },
  // They come anew with the second factor that they belong to.
  { what: 'recoveryCodes', remedies: ['none'] },
  { what: 'links', codes: ['no_identity_provider'], remedies: ['ask-operator'] },
  { what: 'profile', codes: ['inactive'], remedies: ['ask-operator'] },
  { what: 'links', remedies: ['mend-record'] },
  { what: 'profile', remedies: ['mend-record'] },
  { what: 'metadata', remedies: ['mend-record'] },
  { what: 'grants', remedies: ['mend-record'] },
];

interface FailedRule {
  readonly codes: readonly string[];
  readonly remedy: Remedy;
}

/** Of people who are not there at all; whatever is not named here is for somebody to look at. */
export const FAILED_RULES: readonly FailedRule[] = [
  {
    codes: ['mapping_failed', 'user_ambiguous', 'email_missing', 'username_too_long'],
    remedy: 'mend-record',
  },
  { codes: ['user_not_found', 'user_disabled', 'user_excluded'], remedy: 'none' },
  { codes: ['target_conflict', 'already_linked'], remedy: 'ask-operator' },
];
