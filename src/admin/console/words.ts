/**
 * The audit log in plain words: action → what happened, as a sentence about one person or about all of it. `{name}` stands for
 * a value of the record's detail; what is in brackets is left out where one of its values is not there.
 */
import type { AuditEntry, Json } from '../../store/audit-log.ts';
import type { ConflictKind } from '../../sync/people/conflicts.ts';
import type { Tone } from './panels.ts';

type Word = readonly [Tone, string];

export const WORDS: Readonly<Record<string, Word>> = {
  'ledger.prove': ['ok', 'Proved their password[ on the way to {target}][, and again: {amr}]'],
  'ledger.enqueue': ['quiet', 'Was put into a batch for {target}'],
  'ledger.release': ['quiet', 'Their account is being made at {target}[, by way of {road}]'],
  'ledger.create': ['ok', 'Is at {target} now[, by way of {road}]'],
  'ledger.confirm': ['ok', 'Has moved to {target} for good[, by way of {road}]'],
  'ledger.claim': ['ok', 'Linked their own account at {target}'],
  'ledger.cut-over': ['ok', 'The old login ended for them: {target} is their only one'],
  'ledger.retire': ['ok', 'Their old secrets were wiped'],
  'ledger.revert': ['warn', 'Went back to the old login from {target}[: {reason}]'],
  'ledger.exclude': ['quiet', 'Was excluded: they do not move to {target}[: {reason}]'],
  'ledger.fail': ['bad', 'Could not be moved to {target}[: {code}]'],
  'ledger.delete': ['warn', 'Was deleted: nobody makes them at {target} again'],
  'secrets.released': [
    'warn',
    'Their secrets were handed to {target}[ by way of {road}][, in the batch {batch}]',
  ],
  'drop-in.seeds': ['warn', 'The seeds of their second factor were handed out[ for {target}]: {seeds}'],
  'ensure.trusted-proof': [
    'quiet',
    'A client gave its word that they had proved themselves[, on the way to {target}]',
  ],
  'move.given-up': ['bad', 'Moving them to {target} was given up[: {code}]'],
  'legacy.flag-failed': ['warn', 'The mark of who has moved could not be set in the legacy store[: {code}]'],
  'legacy.write-failed': ['warn', 'The legacy store did not take “{what}”[: {code}]'],
  'login.passkey_counter_regressed': ['bad', 'A passkey counted backwards: it may have been copied'],

  'target.linked-by-hand': ['warn', 'Was linked by hand to a user of {target}[: {targetUserId}]'],
  'target.incomplete': ['warn', 'Is at {target}, and something is missing there[: {missing}]'],
  'target.password-set': ['ok', 'Set a new password at {target}'],
  'target.deactivated': ['warn', 'Was deactivated at {target}'],
  'target.reactivated': ['ok', 'Was reactivated at {target}'],
  'target.removed': ['warn', 'Was removed at {target}'],
  'target.linked': ['ok', 'Was linked at {target}'],
  'target.unlinked': ['warn', 'Was unlinked at {target}'],
  'target.set-up': ['quiet', 'Footbridge was set up at {target}'],
  'target.torn-down': ['warn', 'What Footbridge had made at {target} was removed'],
  'person.connection-changed': ['quiet', 'Their connection at {target} changed[: {event}]'],
  'user.deactivated': ['warn', 'Was deactivated[ at {target}]'],
  'user.reactivated': ['ok', 'Was reactivated[ at {target}]'],
  'user.exported': ['quiet', 'Everything that is known of them was exported'],
  'user.erasure-begun': ['warn', 'Erasing them everywhere was begun'],
  'user.erased': ['warn', 'Was erased everywhere'],

  'sessions.ended': ['quiet', 'Sessions were ended: {cause}[, of the whole {scope}]'],
  'sessions.end_reason': ['quiet', 'An operator ended sessions[: {reason}]'],
  'claim-token.issued': [
    'quiet',
    'A link for their own account was made for {target}[, for the organization {organization}][, in the campaign {campaign}]',
  ],
  'claim-token.revoked': ['quiet', 'Links were taken back[: {tokens}]'],
  'claim-exception.added': ['warn', 'Their old login goes on although others’ end[: {reason}]'],
  'claim-exception.removed': ['quiet', 'Their old login ends as others’ do[ at {target}]'],
  'claim-rule.paused': ['warn', 'The rule {rule} for {target} was paused[: {reason}]'],
  'claim-rule.resumed': ['quiet', 'The rule {rule} for {target} counts again[: {reason}]'],
  'organization.linked': ['ok', 'Linked their organization {organization} at {target}'],
  'organization.unlinked': ['warn', 'The organization {organization} was unlinked at {target}'],
  'organization.member-joined': ['quiet', 'Joined the organization {organization}[ at {target}]'],
  'organization.member-changed': ['quiet', 'Their roles in the organization {organization} changed'],
  'organization.member-left': ['quiet', 'Left the organization {organization}[ at {target}]'],
  'mail.sent': ['ok', 'Got a letter[ of the campaign {campaign}][: {notice}][: {letter}]'],
  'mail.failed': ['bad', 'A letter could not be sent[, of the campaign {campaign}][: {code}]'],
  'mail.refused': ['bad', 'A letter was refused for good[: {code}]'],
  'mail.later': ['warn', 'A letter was put off by the mail server[: {code}]'],
  'mail.unavailable': ['warn', 'A letter was not taken[: {code}]'],
  'mail.unsure': ['warn', 'A letter may have arrived: the answer was lost[, of the campaign {campaign}]'],
  'mail.checked': ['quiet', 'A sample letter was sent[: {letter}]'],

  'sync.wrote': [
    'quiet',
    'Sync brought both sides together[; at the target: {toTarget}][; in the legacy store: {toLegacy}]',
  ],
  'sync.legacy-password': ['ok', 'Their newer password was written to the legacy store'],
  'sync.gone-from-legacy': ['warn', 'Was gone from the legacy store: {did} at {target}'],
  'sync.gone-from-target': ['warn', 'Was gone from {target}: {did} in the legacy store'],
  'sync.conflict-decided': ['quiet', 'Somebody decided about {field}: {kept} is kept'],
  'sync.values-shown': ['warn', 'Somebody looked at both sides’ values of their conflicts'],
  'sync.redriven': ['quiet', 'Dead letters got another turn at {target}[: {letters}]'],
  'sync.replayed': ['quiet', 'What was heard was gone through again[ for {target}]'],
  'sync.reading-asked': ['quiet', 'Both sides of {target} are to be read from end to end'],
  'sync.braked': ['bad', 'Sync of {target} paused itself: too many people vanished at once'],
  'sync.let-go': ['warn', 'Sync of {target} may let go of any number of people for a while'],
  'sync.installed': ['quiet', 'The store {store} tells of its changes'],
  'sync.uninstalled': ['warn', 'The store {store} tells of its changes no more'],
  'sync.started': ['quiet', 'Sync of {target} was started'],
  'sync.paused': ['warn', 'Sync of {target} was paused'],
  'sync.resumed': ['quiet', 'Sync of {target} goes on'],
  'sync.draining': ['quiet', 'Sync of {target} does what waits, and then ends'],
  'sync.stopped': ['warn', 'Sync of {target} was stopped'],
  'reconciliation.finished': ['quiet', 'Both sides of {target} were compared'],
  'reconciliation.repair': ['quiet', 'A difference was to be mended at {target}[: {kind}, {result}]'],

  'batch.planned': ['quiet', 'The batch {batch} was planned[ for {target}]'],
  'batch.started': ['quiet', 'The batch {batch} was started'],
  'batch.paused': ['warn', 'The batch {batch} was paused'],
  'batch.resumed': ['quiet', 'The batch {batch} goes on'],
  'batch.tuned': ['quiet', 'The pace of the batch {batch} was changed'],
  'batch.replayed': ['quiet', 'Dead letters of the batch {batch} are sent again[: {code}]'],
  'batch.dropped': ['warn', 'The batch {batch} was dropped before anybody was sent'],
  'batch.undone': ['warn', 'The batch {batch} is taken back: {users} people'],
  'batch.undo-stopped': ['warn', 'Taking back the batch {batch} was stopped'],
  'batch.kept-exported': ['warn', 'What taking back the batch {batch} had kept was exported'],

  'rollout.set': ['quiet', 'A new plan for {target}[, version {version}][: {reason}]'],
  'rollout.started': ['ok', 'The phase {phase} was started[ at {target}][: {reason}]'],
  'rollout.paused': ['warn', 'The phase {phase} was paused[ at {target}][: {reason}]'],
  'rollout.resumed': ['ok', 'The phase {phase} goes on[ at {target}][: {reason}]'],
  'rollout.finished': ['ok', 'The phase {phase} is finished[ at {target}][: {reason}]'],
  'rollout.rolled-back': ['bad', 'The phase {phase} was rolled back[ at {target}][: {reason}]'],
  'rollout.switched-off': ['bad', 'A kill switch was put on[ at {target}][: {kind}][ {name}][: {reason}]'],
  'rollout.switched-on': ['ok', 'A kill switch was taken off[ at {target}][: {kind}][ {name}]'],
  'rollout.batched': ['quiet', 'The phase {phase} got its batch[: {batch}]'],
  'rollout.returned': ['warn', 'People of the phases {phases} are taken back from {target}[: {people}]'],
  'rollout.brought-back': ['ok', 'Brought back from {target} to the legacy store[: {fields}]'],
  'rollout.support': ['quiet', 'The support was asked {requests} times[ about the phase {phase}]'],
  'rollout.forecast-kept': ['quiet', 'A forecast for {target} was kept'],
  'rollout.cut-over': ['warn', 'The old logins of the phase {phase} end at {target}'],
  'rollout.kept-exported': ['warn', 'What taking back the phase {phase} had kept was exported'],
  'retirement.open': ['warn', 'The retirement at {target} was called off'],
  'retirement.redirecting': ['warn', 'The retirement at {target} has begun: everybody is sent on'],
  'retirement.wiping': ['warn', 'The old secrets of everybody at {target} are wiped'],
  'retirement.retired': ['ok', 'The legacy store is retired for {target}'],
  'evidence.written': ['quiet', 'The evidence of {target} was written'],
  'retirement.wiped': ['ok', 'Their old secrets were wiped, and looked for in vain afterwards'],
  'storage.restored': [
    'bad',
    'Our database was restored from a backup[, whose newest record was of {newest}]',
  ],
  'keys.rotated': ['quiet', 'The signing keys moved on'],
  'rewrite.unblocked': ['warn', 'Hashes of {format} are written for {target} again'],
  'approval.asked': ['warn', 'An approval was asked for[: {operation}]'],
  'approval.granted': ['warn', 'An approval was granted[: {operation}]'],
  'approval.refused': ['quiet', 'An approval was refused[: {operation}]'],
  'approval.used': ['warn', 'An approval was used[: {operation}]'],
  'console.invited': ['quiet', 'An operator was invited[: {name}, as {role}]'],
  'console.signed-in': ['quiet', 'An operator signed in[ as {role}][, by {via}]'],
  'console.signed-out': ['quiet', 'An operator was signed out[: {name}]'],
  'console.refused': ['warn', 'Somebody was not let in at the console'],
  'console.looked-up': ['quiet', 'An operator looked them up[: {how}]'],
};

export const CONFLICTS: Readonly<Record<ConflictKind, string>> = {
  'both-changed': 'It was changed on both sides since they were last equal.',
  overruled: 'The side that does not lead had another value.',
  unseen: 'It was changed at the target while we wrote.',
  password: 'Both sides have a new password.',
};

export interface Worded {
  readonly tone: Tone;
  readonly title: string;
  /** There is a sentence for it. */
  readonly isKnown: boolean;
}

/** What nobody has written words for yet is shown as it is. */
export function wordsOf({ action, detail }: Pick<AuditEntry, 'action' | 'detail'>): Worded {
  if (!Object.hasOwn(WORDS, action)) return { tone: 'quiet', title: action, isKnown: false };
  const [tone, sentence] = WORDS[action]!;
  const isMissing = (part: string) =>
    [...part.matchAll(NAME)].some(([, name = '']) => textOf(detail[name]) === '');
  const fitting = sentence.replace(/\[([^\]]*)\]/g, (_all, part: string) => (isMissing(part) ? '' : part));
  return {
    tone,
    title: fitting.replace(NAME, (_all, name: string) => textOf(detail[name]) || '?'),
    isKnown: true,
  };
}
const NAME = /\{(\w+)\}/g;

/** Longer values are in the record itself. */
const MAX_TEXT = 120;

function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  const text = Array.isArray(value)
    ? value.map((one: Json) => textOf(one)).join(', ')
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** Who did it: `by {actor}`, in words where it is one of ours. */
export function actorWords(actor: string): string {
  if (Object.hasOwn(ACTORS, actor)) return ACTORS[actor]!;
  const [kind = '', ...rest] = actor.split(':');
  const name = rest.join(':');
  return name && Object.hasOwn(KINDS, kind) ? `${KINDS[kind]} ${name}` : actor;
}
const ACTORS: Readonly<Record<string, string>> = {
  user: 'themselves',
  api: 'the operator’s API',
  sync: 'sync',
  node: 'Footbridge',
  console: 'the console',
  footbridge: 'Footbridge',
  rollout: 'the plan',
};
const KINDS: Readonly<Record<string, string>> = {
  operator: 'the operator',
  client: 'the client',
  target: 'the target',
  'drop-in': 'the drop-in',
};

/** The record as it is, for whoever wants to know exactly; a fingerprint of a secret is for auditors, and not for a page. */
export const exactly = ({ action, actor, detail }: Pick<AuditEntry, 'action' | 'actor' | 'detail'>): string =>
  JSON.stringify(
    { action, actor, ...detail },
    (name, value) => (name === 'sha256' && action === 'secrets.released' ? '[not shown]' : value),
    2,
  );
