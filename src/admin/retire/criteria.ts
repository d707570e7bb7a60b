/**
 * What has to be true before a legacy store may go, as data: what is asked, how it is measured, what to do where it is not so.
 * Plain logic over `Facts`; docs/retire.md has the same list.
 */
import { isWrong } from '../../migration/reconcile/report.ts';
import { count, people } from '../claim-tokens/claim-desk.ts';
import type { Facts, LeftClass, Terms } from './facts.ts';

export interface Finding {
  /** Null: nobody but you can know. */
  readonly isMet: boolean | null;
  /** In a sentence. */
  readonly found: string;
  readonly examples?: readonly string[];
}

export interface Criterion {
  readonly code: string;
  /** What has to be so. */
  readonly sentence: string;
  /** How it is measured. `{quietDays}` and `{reportDays}` stand for the terms. */
  readonly measured: string;
  /** What to do where it is not so. `{target}` stands for the target. */
  readonly remedy: string;
  look(facts: Facts, terms: Terms): Finding;
}

const met = (found: string): Finding => ({ isMet: true, found });
const unless = (wrong: readonly string[], fine: string, examples?: readonly string[]): Finding =>
  wrong.length === 0
    ? met(fine)
    : { isMet: false, found: wrong.join(' '), ...(examples?.length ? { examples } : {}) };
const some = (value: number, sentence: string): string[] =>
  value > 0 ? [`${count(value)} ${sentence}`] : [];

const DAY_MS = 86_400_000;

export const CRITERIA: readonly Criterion[] = [
  {
    code: 'nobody_brokers',
    sentence: 'No client logs anybody in through us any more.',
    measured:
      'Password proofs in the ledger and the counted logins of this target’s clients, and of apps that lead there, within the last {quietDays} days.',
    remedy:
      'Find the apps that still send people here (footbridge rollout show), and switch them to the target itself.',
    look: ({ logins: { proved, counted, lastAt } }, { quietDays }) =>
      unless(
        [
          ...(proved > 0
            ? [
                `${people(proved)} proved a password here within ${count(quietDays)} days, the last on ${lastAt?.toISOString().slice(0, 10)}.`,
              ]
            : []),
          ...counted.map(
            ({ app, logins }) => `${count(logins)} logins at ${app || 'an app without a name'}.`,
          ),
        ],
        `Nobody within ${count(quietDays)} days.`,
      ),
  },
  {
    code: 'everybody_there',
    sentence: 'Everybody is at the target, or excluded, or deleted.',
    measured:
      'Every active person of the legacy store, read now from end to end, and where the ledger has them. `created` is not there yet: something of theirs is missing.',
    remedy:
      'Move them (footbridge batch plan), exclude them, or accept the rest: --accept-left N --reason TEXT.',
    look: leftBehind,
  },
  {
    code: 'no_dead_letters',
    sentence: 'Nothing was given up, and nothing waits.',
    measured:
      'Dead changes of sync, logouts that nobody could be told of, moves that were given up or wait, events of the target that nobody has looked at, writes that the legacy store has not got.',
    remedy:
      'footbridge sync dead, footbridge delivery list, footbridge work list: mend them, or do them again.',
    look: ({ letters: { sync, deliveries, work, events, legacyWrites } }) =>
      unless(
        [
          ...(sync === null
            ? ['The queue of sync does not answer.']
            : some(sync, 'changes of sync are dead.')),
          ...some(deliveries, 'logouts were told to nobody.'),
          ...some(work.givenUp, 'moves were given up.'),
          ...some(work.waiting, 'moves are still to be made.'),
          ...some(events, 'events of the target are not looked at yet.'),
          ...some(legacyWrites, 'writes to the legacy store wait.'),
        ],
        'Nothing waits.',
      ),
  },
  {
    code: 'nothing_runs',
    sentence: 'No batch, no campaign and no phase of the rollout is under way.',
    measured: 'Batches, letters of campaigns and phases of this target by their states.',
    remedy:
      'Let them end, or end them: footbridge batch pause or undo, footbridge rollout finish, footbridge claim status.',
    look: ({ running: { batches, campaigns, phases } }) =>
      unless(
        [
          ...batches.map(({ id, state }) => `The batch ${id} is ${state}.`),
          ...campaigns.map(
            ({ campaign, letters }) => `${count(letters)} letters of ${campaign} are still to be sent.`,
          ),
          ...phases.map(({ phase, state }) => `The phase ${phase} is ${state}.`),
        ],
        'Nothing is under way.',
      ),
  },
  {
    code: 'both_sides_equal',
    sentence: 'Both sides were compared, and are equal.',
    measured: 'The last comparison of all people (footbridge batch verify), no older than {reportDays} days.',
    remedy: 'footbridge batch verify --target {target}, and mend what it finds (footbridge batch repair).',
    look: compared,
  },
  {
    code: 'sync_ended',
    sentence: 'Sync has ended, or nothing of it is left to do.',
    measured:
      'The state of the pair, what waits in its queue, conflicts, passwords, changes that nobody has read.',
    remedy:
      'footbridge sync drain, then footbridge sync stop --execute, which signs that both sides are equal.',
    look: ({ sync: { state, undone } }) =>
      state === null
        ? met('This target is not kept in sync.')
        : unless(
            state === 'stopped' ? [] : undone,
            state === 'stopped' ? 'It was stopped with proof.' : `It is ${state}, and nothing is left to do.`,
          ),
  },
  {
    code: 'nothing_to_approve',
    sentence: 'Nobody waits for an approval.',
    measured: 'Requests that are neither decided nor expired, and name this target or nobody’s.',
    remedy: 'footbridge approval list: grant or refuse them.',
    look: ({ approvals }) =>
      unless(
        approvals.map(({ id, operation }) => `Request ${id} (${operation}) is open.`),
        'No request is open.',
      ),
  },
  {
    code: 'audit_whole',
    sentence: 'The audit log is whole.',
    measured: 'The chain of all its records, recomputed now.',
    remedy: 'Find out who has changed it before anything else is done: footbridge audit verify.',
    look: ({ audit: { ok, problem } }) =>
      ok ? met('Nothing was changed or removed.') : { isMet: false, found: problem ?? 'It is not whole.' },
  },
  {
    code: 'target_without_us',
    sentence: 'The target does not ask us at its logins any more.',
    measured: 'What footbridge target setup has made there and nobody has taken away.',
    remedy:
      'After the redirect hooks are answered 410: look what the target makes of that, or take them away there before. The link to us goes with retire wipe, so footbridge target teardown comes after it.',
    look: ({ hooks }) =>
      hooks === 0
        ? met('No hook of ours is registered there.')
        : { isMet: null, found: `${count(hooks)} hooks of ours are registered there.` },
  },
  {
    code: 'backup',
    sentence: 'There is a backup of the legacy store and of our database, and somebody has restored both.',
    measured: 'Only you know.',
    remedy: 'Make one, restore it somewhere else, and keep it as long as your rules say, sealed.',
    look: () => ({ isMet: null, found: 'Nobody but you can know.' }),
  },
];

const CLASS_WORDS: Readonly<Partial<Record<LeftClass, string>>> = {
  never: 'never came',
  unreadable: 'cannot be read from the legacy store',
  legacy: 'went back',
  authenticated: 'proved a password, and were not moved',
  queued: 'wait in a batch',
  releasing: 'are half-made',
  created: 'are there, with something missing',
  failed: 'could not be moved',
};

function leftBehind({ people: { left } }: Facts, { acceptLeft }: Terms): Finding {
  if (left === null)
    return {
      isMet: false,
      found: 'The legacy store cannot be read from end to end: nobody knows who is left.',
    };
  const total = left.reduce((sum, one) => sum + one.people, 0);
  const classes = left.map(
    (one) => `${people(one.people)} ${CLASS_WORDS[one.class] ?? one.class} (${one.examples.join(', ')}).`,
  );
  if (total === 0) return met('Nobody is left.');
  const found = `${people(total)} left: ${classes.join(' ')}`;
  if (acceptLeft === undefined || total > acceptLeft.people) return { isMet: false, found };
  return met(`${found} Accepted up to ${count(acceptLeft.people)}: ${acceptLeft.reason}`);
}

function compared({ report, nowMs }: Facts, { reportDays }: Terms): Finding {
  if (!report) return { isMet: false, found: 'Both sides were never compared from end to end.' };
  const days = (nowMs - Date.parse(report.finishedAt)) / DAY_MS;
  const wrong = [
    ...(days > reportDays ? [`The last comparison is ${Math.floor(days)} days old.`] : []),
    ...(isWrong(report)
      ? [
          `${count(report.differences.total)} differences, ${count(report.people.unreadable)} unreadable records.`,
        ]
      : []),
  ];
  const examples = Object.values(report.examples).flat().slice(0, 5);
  return unless(wrong, `Equal on ${report.finishedAt.slice(0, 10)}, checksum ${report.checksum}.`, examples);
}

export interface Checked extends Finding {
  readonly code: string;
  readonly sentence: string;
  readonly measured: string;
  readonly remedy: string;
}

export const checkAll = (facts: Facts, terms: Terms): Checked[] =>
  CRITERIA.map(({ look, code, sentence, measured, remedy }) => ({
    code,
    sentence,
    measured: measured
      .replace('{quietDays}', String(terms.quietDays))
      .replace('{reportDays}', String(terms.reportDays)),
    remedy: remedy.replaceAll('{target}', facts.target),
    ...look(facts, terms),
  }));

/** What only people can know does not hold anything up. */
export const missing = (checked: readonly Checked[]): Checked[] =>
  checked.filter(({ isMet }) => isMet === false);
