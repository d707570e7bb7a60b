/**
 * Why a stored password cannot be verified or translated: stable code → sentence. Codes are for programs, metrics
 * and reports; the sentences never name a hash, a salt or a password.
 */
export const REASONS = {
  no_hash: 'The store holds no password hash for this user.',
  unusable: 'The store marks this password as unusable: no password matches.',
  unknown_format: 'No format has this name.',
  unrecognised: 'The hash has no unmistakable mark: the mapping has to name its format.',
  malformed: 'The columns do not hold a hash in this format.',
  unsupported_algorithm: 'The hash is well-formed, but its algorithm or variant is not computed here.',
  parameters_out_of_bounds: 'The cost parameters or the lengths of this hash are outside the allowed bounds.',
  setting_missing: 'The format needs a site-wide setting, such as a pepper, that is not configured.',
  column_missing: 'A column that the hash depends on is NULL, too long or not mapped.',
  recipe_invalid: 'The recipe is not well-formed.',
  recipe_bounds: 'A value of the recipe would be out of bounds for this row.',
  username_missing: 'The hash depends on the user name, which is not given.',
  password_refused: 'The password is empty, too long, not well-formed or holds a NUL character.',
  recoverable: 'The store can recover this password: hash it afresh instead of translating.',
  untranslatable_algorithm: 'The target does not compute this algorithm.',
  password_prepared: 'The store changes every password before hashing, which the target does not.',
  salt_not_representable: 'The salt cannot be written in a format that the target reads.',
  target_bounds: 'The cost parameters are outside the bounds that the target accepts.',
  too_long: 'The hash is longer than the target accepts.',
  target_unclear:
    'The target does not document how it computes this: it is written once the settings say what was tried.',
  rewrite_blocked:
    'A rewrite of this format has failed its proof: none is released until that is looked into.',
  hash_not_computable: 'The hash could not be computed.',
  format_unwritable:
    'No new hash is written in this format: it is too weak, is kept in more than one column, or is only read here.',
  columns_needed: 'A hash in this format depends on other columns of the row, which are not known.',
  unchanged_passwords_only: 'Holds only where the store leaves the password as entered.',
  password_length_limited:
    'Holds for passwords of up to 72 bytes: the target refuses longer ones, of which the store ignores the rest.',
  username_is_salt: 'The salt written for the target is the user name as the store has it now.',
  site_key_disclosed: 'The salt written for the target contains a site-wide value of the store.',
} as const satisfies Record<string, string>;

export type ReasonCode = keyof typeof REASONS;

export interface Refusal {
  readonly reason: ReasonCode;
  readonly sentence: string;
}

export function refuse(reason: ReasonCode): Refusal {
  return { reason, sentence: REASONS[reason] };
}

export function isRefusal(value: object): value is Refusal {
  return 'reason' in value && 'sentence' in value;
}
