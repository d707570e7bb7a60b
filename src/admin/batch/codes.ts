/**
 * Why somebody of a batch is not, or not wholly, at the target, as a table: what it means, what to do about it, and
 * whether a replay helps. Lists, exports and docs/reference/batch-codes.md come from it. A code never changes its meaning.
 */

import type { ReasonCode } from '../../credentials/reasons.ts';
import { REASONS } from '../../credentials/reasons.ts';
import type { ErrorCode } from '../../errors.ts';
import { ERRORS } from '../../errors.ts';
import type { Stored } from '../../targets/connection.ts';

/** `yes`: another try may end otherwise; `mended`: once what is named was mended; `no`: it ends the same. */
export type Replay = 'yes' | 'mended' | 'no';

export interface CodeAdvice {
  readonly sentence: string;
  readonly todo: string;
  readonly replay: Replay;
}

const own = (code: ErrorCode, replay: Replay, todo: string): CodeAdvice => ({
  sentence: ERRORS[code][1],
  replay,
  todo,
});

/** Nobody is made at the target, or nobody can tell. */
export const PERSON_CODES = {
  user_disabled: own(
    'user_disabled',
    'no',
    'Nothing, if that is right. Else activate them in the legacy store, and put them into another batch.',
  ),
  user_not_found: own(
    'user_not_found',
    'no',
    'Nothing: they were removed from the legacy store after the plan.',
  ),
  user_excluded: own(
    'user_excluded',
    'no',
    'Nothing, if that is right. Else take them back (footbridge user flag, event revert), and put them into another batch.',
  ),
  user_deleted: {
    sentence: 'The person was forgotten: the ledger keeps a tombstone.',
    todo: 'Nothing: whoever comes with this id again is somebody else.',
    replay: 'no',
  },
  user_ambiguous: own(
    'user_ambiguous',
    'mended',
    'Mend the legacy store: two records have one id. Then replay.',
  ),
  mapping_failed: own(
    'mapping_failed',
    'mended',
    'The detail names the column or setting: mend the mapping or the record, and replay.',
  ),
  email_missing: {
    sentence:
      'The target insists on an email address, the person has none, and no placeholder is configured.',
    todo: 'Give them an address in the legacy store, or configure users.placeholders.email for the target; then replay.',
    replay: 'mended',
  },
  username_too_long: {
    sentence: 'The username that the rules make of this person is longer than 200 characters.',
    todo: 'Change users.username of the target, or the name in the legacy store; then replay.',
    replay: 'mended',
  },
  target_conflict: own(
    'target_conflict',
    'mended',
    'Compare the two: link them by hand (footbridge user link) if they are one person, else change the name or address of one. Then replay.',
  ),
  already_linked: own(
    'already_linked',
    'mended',
    'Find out whose user it is (footbridge user show), roll the wrong link back, and replay.',
  ),
  target_user_gone: {
    sentence: 'The user was removed at the target after they were made.',
    todo: 'Nothing, if somebody meant it. Else roll the person back (footbridge user rollback), and replay.',
    replay: 'mended',
  },
  target_refused: own(
    'target_refused',
    'mended',
    'The detail is the target’s own answer: mend what it names, and replay.',
  ),
  target_unavailable: own(
    'target_unavailable',
    'yes',
    'Nothing, while the batch runs: it is tried again. After it was given up: replay once the target answers.',
  ),
  target_without_api: own('target_without_api', 'mended', 'Add `api` to the target’s settings, and replay.'),
  illegal_transition: own(
    'illegal_transition',
    'yes',
    'Somebody else moved them at the same moment: replay.',
  ),
  hashing_overloaded: own('hashing_overloaded', 'yes', 'Fewer workers (footbridge batch tune), and replay.'),
  volume_exceeded: own('volume_exceeded', 'yes', 'Replay tomorrow, or raise volume.perDay of the target.'),
  legacy_unavailable: own('legacy_unavailable', 'yes', 'Replay once the legacy store answers.'),
  storage_unavailable: own('storage_unavailable', 'yes', 'Replay once our own database answers.'),
  legacy_not_flagged: {
    sentence: 'They are at the target, and the legacy store did not take the mark that they have moved.',
    todo: 'Look whether the flag statement may write; it is tried again by itself, and by a replay.',
    replay: 'yes',
  },
  internal: own('internal', 'yes', 'The server’s log has the place: report it. A replay may do.'),
} as const satisfies Record<string, CodeAdvice>;

const AT_LOGIN_TODO =
  'Nothing: it is caught at their next login here. Whoever does not come has to choose a new one.';
const RESET_TODO =
  'They choose a new one. If the mapping or a setting is wrong: mend it, and complete them (footbridge user move).';

/** Refusals of a hash that nobody can read here as things are. */
const UNREADABLE: readonly ReasonCode[] = [
  'no_hash',
  'unusable',
  'unknown_format',
  'unrecognised',
  'malformed',
  'unsupported_algorithm',
  'parameters_out_of_bounds',
  'setting_missing',
  'column_missing',
  'recipe_invalid',
  'recipe_bounds',
  'username_missing',
  'hash_not_computable',
];

const hashCodes = (Object.keys(REASONS) as ReasonCode[]).map((code): [string, CodeAdvice] => {
  const todo = UNREADABLE.includes(code) ? RESET_TODO : AT_LOGIN_TODO;
  return [code, { sentence: REASONS[code], todo, replay: 'no' }];
});

const lacking = (sentence: string, todo: string): CodeAdvice => ({ sentence, todo, replay: 'no' });

/** The first thing that somebody who was made lacks; `missing` says all, each with a code of its own. */
const LACKING: Readonly<Record<Stored, CodeAdvice>> = {
  profile: lacking(
    'They are at the target, and not all of their profile is.',
    'Look at `missing`: the target’s own code says what it did not take. Complete them with footbridge user move.',
  ),
  password: lacking(
    'They are at the target, and have no password there yet.',
    'Look at `missing`. Mostly nothing: it is caught at their next login here; whoever does not come chooses a new one.',
  ),
  totp: lacking(
    'They are at the target without their second factor, and therefore without their password.',
    'They set up both anew at the target, after a login here.',
  ),
  passkeys: lacking('They are at the target, and their passkeys are not.', 'They make new ones there.'),
  recoveryCodes: lacking(
    'They are at the target, and their recovery codes are not.',
    'They make new ones there.',
  ),
  links: lacking(
    'They are at the target, and not all of their accounts at other identity providers are linked.',
    'Look at `missing`, and at users.identityProviders of the target; complete them with footbridge user move.',
  ),
  metadata: lacking(
    'They are at the target, and not all of their metadata is.',
    'Look at `missing`: the target’s own code says why. Complete them with footbridge user move.',
  ),
  grants: lacking(
    'They are at the target, and not all of their roles are.',
    'See that the projects and roles of users.grants exist there; complete them with footbridge user move.',
  ),
};

/** They are at the target, and something of theirs is not: nobody is sent again for it. */
export const MISSING_CODES: Readonly<Record<string, CodeAdvice>> = {
  ...Object.fromEntries(Object.entries(LACKING).map(([what, advice]) => [`${what}_missing`, advice])),
  second_factor_missing: {
    sentence:
      'Their second factor cannot go to the target, so their password does not either: it alone would open the door.',
    todo: 'They set up both anew at the target, after a login here.',
    replay: 'no',
  },
  totp_not_supported: {
    sentence: 'The target does not compute these one-time codes.',
    todo: 'They set up a second factor anew at the target.',
    replay: 'no',
  },
  passkey_not_portable: {
    sentence: 'Passkeys cannot be brought to this target.',
    todo: 'They make a new one there.',
    replay: 'no',
  },
  recovery_codes_not_portable: {
    sentence: 'Recovery codes cannot be brought to this target.',
    todo: 'They make new ones there.',
    replay: 'no',
  },
  changed_meanwhile: {
    sentence: 'The password was changed in the legacy store after an earlier one was stored at the target.',
    todo: AT_LOGIN_TODO,
    replay: 'no',
  },
  inactive: {
    sentence: 'Somebody has deactivated the user at the target.',
    todo: 'Nothing, if it was meant. Else activate them (footbridge user reactivate).',
    replay: 'no',
  },
  ...Object.fromEntries(hashCodes),
};

/** Why a batch is slow, or stands still. */
export const NOTE_CODES = {
  undoing: {
    sentence: 'People are being taken back.',
    todo: 'Nothing while it is under way. If it was cut off, say the same footbridge batch undo again.',
    replay: 'no',
  },
  undo_left: {
    sentence: 'Some of its people could not be taken back.',
    todo: 'footbridge batch undo ID --execute names them and tries them again, said as before; --stop --execute lets go of them.',
    replay: 'no',
  },
  paused_by_operator: {
    sentence: 'An operator has paused it.',
    todo: 'footbridge batch resume ID --execute',
    replay: 'no',
  },
  rollout_stays: {
    sentence: 'The rollout plan leaves them at the old login for now.',
    todo: 'footbridge rollout show --user SUB says why. Nothing: their next login asks again, when it is their turn.',
    replay: 'no',
  },
  phase_held: {
    sentence: 'Its phase was rolled back, or a kill switch is on: nobody of it is sent.',
    todo: 'footbridge rollout show says why. Once the phase goes on: footbridge batch resume ID --execute; after a rollback footbridge rollout batch makes another one.',
    replay: 'no',
  },
  too_many_failures: {
    sentence: 'It has paused itself: too many people failed one after the other.',
    todo: 'See the codes (footbridge batch status ID), mend what they name, then footbridge batch resume ID --execute.',
    replay: 'mended',
  },
  target_throttles: {
    sentence: 'The target asks for fewer calls; it is obeyed.',
    todo: 'Nothing. If it stays so: a lower --per-second, or ask the target’s operator for more.',
    replay: 'no',
  },
  target_down: {
    sentence: 'The target does not answer; it is tried again.',
    todo: 'Nothing: it goes on by itself once the target answers.',
    replay: 'no',
  },
  own_limit: {
    sentence: 'It keeps to the limit that was set for it.',
    todo: 'footbridge batch tune ID --per-second N --execute, if it may be faster.',
    replay: 'no',
  },
  legacy_down: {
    sentence: 'The legacy store does not answer; it is tried again.',
    todo: 'Nothing: it goes on by itself once the store answers.',
    replay: 'no',
  },
} as const satisfies Record<string, CodeAdvice>;

const TARGETS_OWN = /^target:/;

/** Of any code, those of targets included. `sentence` is what was written down with it. */
export function adviceFor(code: string, sentence?: string): CodeAdvice {
  for (const table of [PERSON_CODES, MISSING_CODES, NOTE_CODES] as Readonly<Record<string, CodeAdvice>>[]) {
    if (Object.hasOwn(table, code)) return table[code]!;
  }
  return {
    sentence: sentence ?? (TARGETS_OWN.test(code) ? 'The target’s own code.' : 'No more is known of it.'),
    todo: 'The sentence and the detail are the target’s: mend the record or the settings that they name, and replay.',
    replay: 'mended',
  };
}

export const REPLAY_WORDS: Readonly<Record<Replay, string>> = {
  yes: 'a replay may help',
  mended: 'replay once it is mended',
  no: 'a replay changes nothing',
};
