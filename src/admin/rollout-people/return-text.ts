/** What taking the people of a phase back would do, or has done, in plain words. */

import type { Group, Loss, Will } from '../../migration/batch/undo-foresight.ts';
import { LOSSES, MAX_LOOKED, WILL } from '../../migration/batch/undo-foresight.ts';
import type { ReturnForesight } from '../../migration/phases/return-foresight.ts';
import type { PasswordStanding } from '../../migration/phases/return-person.ts';
import type { ReturnProblem, ReturnTally } from '../../migration/phases/return-tally.ts';
import type { Section, Table } from '../batch/sections.ts';
import { count } from '../batch/status-text.ts';

export interface ReturnOutput {
  readonly executed: boolean;
  readonly target: string;
  /** Who is asked for, in words. */
  readonly who: string;
  readonly phases: readonly string[];
  /** What has to be done before, as sentences. */
  readonly first: readonly string[];
  readonly losePasswords: boolean;
  /** What would be done; absent where it was done. */
  readonly foresight?: ReturnForesight;
  /** What was done so far; of all that were ever asked for. */
  readonly done?: ReturnTally;
  /** The first who could not go back. */
  readonly problems: readonly ReturnProblem[];
  /** It was ended before all were back: saying it again goes on. */
  readonly isInterrupted: boolean;
}

const WILL_WORDS: Readonly<Record<Will, string>> = {
  remove: 'removed at the target, where we have made them',
  unlink: 'only unlinked: the target had them before us, and keeps them',
  nothing: 'not at the target: nothing of theirs is left there',
  refused: 'refused: they stay as they are',
};

const LOSS_WORDS: Readonly<Record<Loss, string>> = {
  loggedIn: 'have logged in at the target since, and have a session there that ends',
  password: 'have chosen a password there that nobody can bring: it is lost, the old one holds again',
  secondFactor: 'have set up a second factor there: it is lost',
  passkeys: 'have passkeys there: they are lost',
  profile: 'have another profile there than here',
  roles: 'were given roles there: they are kept, and not brought back by themselves',
  links: 'have linked accounts elsewhere there: they are kept, and not brought back by themselves',
  inactive: 'are deactivated or locked at the target',
};

const PASSWORD_WORDS: Readonly<Partial<Record<PasswordStanding, string>>> = {
  here: 'have their newest password in the legacy store: sync keeps both equal',
  catchable:
    'have a newer password at the target, which is caught when they next log in here: until then they are refused (--lose-passwords takes them back without it)',
};

const REFUSAL_WORDS: Readonly<Record<string, string>> = {
  retired: 'were retired: nothing of the legacy store is theirs any more',
  legacy_user_gone: 'are not in the legacy store any more: they could log in nowhere',
  legacy_user_unreadable: 'have a legacy record that cannot be read: they could log in nowhere',
};

const row = ({ about, examples }: Group, words: string): string[] => [
  count(about),
  words,
  examples.slice(0, 3).join(' · '),
];
const isSome = ({ people }: Group) => people > 0;
const tableOf = (rows: readonly string[][]): { readonly table?: Table } =>
  rows.length > 0 ? { table: { head: ['people', '', 'for example'], rows } } : {};
const section = (title: string, rows: readonly string[][]): Section[] =>
  rows.length > 0 ? [{ title, ...tableOf(rows) }] : [];

export function returnSections(output: ReturnOutput): Section[] {
  const { foresight, done } = output;
  if (done) return doneSections(output, done);
  return foresight ? foreseenSections(output, foresight) : [];
}

function foreseenSections({ target, who, first }: ReturnOutput, foresight: ReturnForesight): Section[] {
  const { people, will, stay, refusals, elsewhere, looked, isSample } = foresight;
  const does = WILL.filter((one) => isSome(will[one]) && one !== 'nothing').map((one) =>
    row(will[one], WILL_WORDS[one]),
  );
  const nothing = { ...will.nothing, people: will.nothing.people - stay.people };
  return [
    {
      title: `Would take back ${count(people)} people from ${target}`,
      text: [
        `Who: ${who}.`,
        ...(isSample
          ? [
              `${count(looked)} of them were looked at, as chance has it (${count(MAX_LOOKED)} at most): the numbers are estimates for all.`,
            ]
          : []),
      ],
      ...tableOf([
        ...does,
        ...(isSome(stay) ? [row(stay, 'stay: they were at the target before this phase')] : []),
        ...(isSome(nothing)
          ? [row({ ...nothing, about: will.nothing.about - stay.about }, WILL_WORDS.nothing)]
          : []),
      ]),
    },
    ...(first.length > 0 ? [{ title: 'First', text: first }] : []),
    ...section(
      'Refused',
      Object.entries(refusals).map(([code, group]) => row(group, REFUSAL_WORDS[code] ?? code)),
    ),
    ...passwordSections(foresight),
    ...lostSections(foresight),
    ...fieldSections(foresight),
    ...section(
      'Belong to another phase too',
      isSome(elsewhere) ? [row(elsewhere, 'would come again by it, at their next login')] : [],
    ),
    {
      title: 'Next',
      text: [
        'Logins under way finish. Whoever is brought again later arrives as a new user of the target: nobody has two accounts.',
        first.length > 0
          ? 'Nothing was changed. It is not done before what stands above.'
          : 'Nothing was changed: add --execute.',
      ],
    },
  ];
}

function passwordSections({ passwords }: ReturnForesight): Section[] {
  const rows = Object.entries(PASSWORD_WORDS)
    .filter(([standing]) => isSome(passwords[standing as PasswordStanding]))
    .map(([standing, words]) => row(passwords[standing as PasswordStanding], words));
  return section('Passwords', rows);
}

function lostSections({ lost, disabled, tellsSessions, will }: ReturnForesight): Section[] {
  const losses = LOSSES.filter((loss) => isSome(lost[loss])).map((loss) => row(lost[loss], LOSS_WORDS[loss]));
  const locked = row(disabled, 'are disabled or locked in the legacy store: they can log in nowhere');
  const isNothing = isSome(will.remove) && losses.length === 0;
  return [
    {
      title: 'Lost',
      text: [
        ...(isNothing ? ['Nobody is known to have changed anything at the target.'] : []),
        'Whether somebody has replaced a password that we brought is known only where sync runs, or the target tells of it.',
        tellsSessions
          ? 'Of logins only those are known whose session still lives.'
          : 'Who has logged in there, this target does not tell.',
      ],
      ...tableOf([...losses, ...(isSome(disabled) ? [locked] : [])]),
    },
  ];
}

/** What nobody knows which side has changed is not written over what the legacy store has. */
function fieldSections({ fields, brought }: ReturnForesight): Section[] {
  const none: Group = { people: 0, about: 0, examples: [] };
  const kept = Object.entries(fields).map(([field, group]): [string, Group] => {
    const { people, about } = brought[field as keyof typeof brought] ?? none;
    return [field, { ...group, people: group.people - people, about: group.about - about }];
  });
  return [
    ...section(
      'Changed at the target, and brought back',
      Object.entries(brought).map(([field, group]) =>
        row(group, `${field}: written to the legacy store first`),
      ),
    ),
    ...section(
      'Changed at the target, and kept',
      kept.filter(([, group]) => isSome(group)).map(([field, group]) => row(group, field)),
    ),
  ];
}

function doneSections(
  { target, who, problems, isInterrupted, phases }: ReturnOutput,
  done: ReturnTally,
): Section[] {
  const rows = [
    [done.returned, 'are back at the old login'],
    [done.kept, 'stay: they were at the target before, or are excluded'],
    [done.refused, 'were refused, and stay at the target'],
    [done.failed, 'could not be taken back'],
    [done.open, 'are still on the way'],
    [done.withBrought, 'of them with changes that were brought back to the legacy store'],
    [done.withKept, 'of them with changes that could only be kept'],
  ] as const;
  const shown = rows.filter(([people]) => people > 0).map(([people, text]) => [count(people), text]);
  return [
    {
      title: `Back from ${target}`,
      text: [`Who: ${who}.`, ...(shown.length > 0 ? [] : ['Nobody was to be taken back.'])],
      ...(shown.length > 0 ? { table: { head: ['', ''], rows: shown } } : {}),
    },
    ...(problems.length > 0
      ? [
          {
            title: 'Not taken back',
            table: {
              head: ['user', 'phase', 'code', 'why'],
              rows: problems.map(({ sub, phase, problem }) => [
                sub,
                phase,
                problem?.code ?? '',
                problem?.detail ? `${problem.sentence} (${problem.detail})` : (problem?.sentence ?? ''),
              ]),
            },
          },
        ]
      : []),
    {
      title: 'Next',
      text: [
        ...(isInterrupted ? ['It was cut off: say it again, and it goes on where it was.'] : []),
        ...(done.failed + done.refused > 0
          ? ['Mend what the codes name and say it again: whoever could not go is tried again.']
          : []),
        ...(done.withKept > 0
          ? phases.map(
              (phase) =>
                `What could only be kept: footbridge rollout kept ${phase} --target ${target} --output FILE writes it out.`,
            )
          : []),
        'A phase that is started again begins its next attempt, and brings them anew.',
      ],
    },
  ];
}
