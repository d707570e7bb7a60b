/**
 * What could not be carried to a target, and what mends it. The rules are a table: the first one that fits a problem
 * names remedies in order of preference, and the first of them that is possible at this target is the one.
 */
import type { NotStored, TargetConnection } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { BatchUser } from '../batch/batch.ts';
import { FAILED_RULES, MISSING_RULES } from './rules.ts';

export const REMEDIES = [
  'capture-at-login',
  'reset-by-target',
  'reset-by-us',
  're-enrol-passkey',
  're-enrol-totp',
  'mend-record',
  'ask-operator',
  'none',
] as const;
export type Remedy = (typeof REMEDIES)[number];

/** What to do, for the operator; `{target}` is what people know it by. */
export const REMEDY_SENTENCES: Readonly<Record<Remedy, string>> = {
  'capture-at-login':
    'Nothing to do: the password goes along at their next login here, or when they type it at {target} and it is checked here. For those who will not come in time: `batch remind --also-capturable`.',
  'reset-by-target':
    'They choose a new password: {target} mails them a way to do so. `batch remind --remedy reset` asks it to, one person after the other.',
  'reset-by-us':
    'They choose a new password: {target} gives us a link, and we mail it. `batch remind --remedy reset` does, one person after the other.',
  're-enrol-passkey':
    'Passkeys are made for one website: they log in through us as before and register theirs again at {target}. `batch remind --remedy passkey` asks them to.',
  're-enrol-totp':
    'They log in through us as before, which asks for their code, and set up a second factor at {target}; a password there comes only after that.',
  'mend-record':
    'Their record or the mapping has to be mended: look at the code, mend it, and send them again with `batch replay` or `user move`.',
  'ask-operator':
    'Somebody has to look: whether it is the same person (`user link`), or what {target} says to it (the code), and then `batch replay`.',
  none: 'Nothing to do.',
};

/** What is possible at a target as it is set up. */
export interface Ways {
  /** A password typed there is checked here. */
  readonly checksTyped: boolean;
  /** People still log in here on their way to it. */
  readonly logsInHere: boolean;
  readonly mailsResets: boolean;
  readonly givesResetLinks: boolean;
}

export function waysOf(
  { capabilities, clientIds, move }: Pick<Target, 'capabilities' | 'clientIds' | 'move'>,
  connection: Pick<TargetConnection, 'mailReset' | 'resetLink'> | undefined,
): Ways {
  return {
    checksTyped: move.typedPasswords && (capabilities?.typedPasswords ?? 'no') !== 'no',
    logsInHere: clientIds.length > 0,
    mailsResets: capabilities?.reset === 'mail' && connection?.mailReset !== undefined,
    givesResetLinks: capabilities?.reset === 'link' && connection?.resetLink !== undefined,
  };
}

const POSSIBLE: Readonly<Partial<Record<Remedy, (ways: Ways) => boolean>>> = {
  'capture-at-login': ({ checksTyped, logsInHere }) => checksTyped || logsInHere,
  'reset-by-target': ({ mailsResets }) => mailsResets,
  'reset-by-us': ({ givesResetLinks }) => givesResetLinks,
};
const isPossible = (remedy: Remedy, ways: Ways) => POSSIBLE[remedy]?.(ways) ?? true;

export interface Prescription {
  readonly remedy: Remedy;
  /** What is missing; absent for somebody who is not there at all. */
  readonly what?: NotStored['what'];
  /** Why. */
  readonly code: string;
}

/**
 * One for each thing that is missing; none for people without a problem. A password whose second factor is missing gets
 * none, nor a reset: alone it would open the door there, so it waits for the factor.
 */
export function prescribe(
  { outcome, problem }: Pick<BatchUser, 'outcome' | 'problem'>,
  ways: Ways,
): Prescription[] {
  if (!problem) return [];
  if (outcome === 'failed') return [{ remedy: failedRemedy(problem.code), code: problem.code }];
  if (outcome !== 'created') return [];
  const missing = problem.missing ?? [];
  const lacksFactor = missing.some(({ what }) => what === 'totp');
  return missing
    .map(({ what, code }) => ({ remedy: missingRemedy({ what, code }, ways), what, code }))
    .filter(({ remedy, what }) => !(lacksFactor && what === 'password' && remedy !== 'mend-record'));
}

function missingRemedy({ what, code }: NotStored, ways: Ways): Remedy {
  const rule = MISSING_RULES.find((one) => one.what === what && (one.codes?.includes(code) ?? true));
  return rule?.remedies.find((remedy) => isPossible(remedy, ways)) ?? 'ask-operator';
}

function failedRemedy(code: string): Remedy {
  return FAILED_RULES.find(({ codes }) => codes.includes(code))?.remedy ?? 'ask-operator';
}

/** How somebody without a password comes to a new one at this target. */
export function resetOf(ways: Ways): Extract<Remedy, 'reset-by-target' | 'reset-by-us'> | undefined {
  return (['reset-by-target', 'reset-by-us'] as const).find((remedy) => isPossible(remedy, ways));
}

export function remedySentence(remedy: Remedy, target: string): string {
  return REMEDY_SENTENCES[remedy].replaceAll('{target}', () => target);
}
