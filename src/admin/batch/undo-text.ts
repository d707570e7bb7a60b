/** What taking a batch back would do, or has done, in plain words. */
import type { BatchCounts, BatchState } from '../../migration/batch/batch.ts';
import type { Foresight, Group, Loss, Will } from '../../migration/batch/undo-foresight.ts';
import { LOSSES, MAX_LOOKED, WILL } from '../../migration/batch/undo-foresight.ts';
import type { UndoEnd } from '../../migration/batch/undoing.ts';
import type { Section, Table } from './sections.ts';
import { count } from './status-text.ts';

export interface UndoOutput {
  readonly executed: boolean;
  readonly batch: string;
  readonly target: string;
  /** Who is asked for, in words. */
  readonly who: string;
  readonly state: BatchState;
  /** What would be done; absent where it was done. */
  readonly foresight?: Foresight;
  /** What was done, so far; of all that were ever asked for. */
  readonly done?: Omit<UndoEnd, 'state'>;
  /** It was ended before all were taken back: saying it again goes on. */
  readonly isInterrupted: boolean;
  /** Of those whom the batch has not brought. */
  readonly leftAlone: Pick<BatchCounts, 'there' | 'skipped' | 'failed' | 'waiting'>;
}

const WILL_WORDS: Readonly<Record<Will, string>> = {
  remove: 'removed at the target, where this batch has made them',
  unlink: 'only unlinked: the target had them before us, and keeps them',
  nothing: 'nothing to do: they are not there any more, or came by another road',
  refused: 'refused: they stay as they are',
};

const LOSS_WORDS: Readonly<Record<Loss, string>> = {
  loggedIn: 'have logged in at the target since, and have a session there that ends',
  password: 'have a password there that did not come from here: it is lost, the old one holds again',
  secondFactor: 'have set up a second factor there: it is lost',
  passkeys: 'have passkeys there: they are lost',
  profile: 'have another profile there than here: it is kept, and not brought back by itself',
  roles: 'were given roles there: they are kept, and not brought back by themselves',
  links: 'have linked accounts elsewhere there: they are kept, and not brought back by themselves',
  inactive: 'are deactivated or locked at the target: afterwards they can log in here',
};

const REFUSAL_WORDS: Readonly<Record<string, string>> = {
  cut_over: 'were cut over: the target is theirs by now (footbridge user rollback takes back one)',
  retired: 'were retired',
  legacy_user_gone: 'are not in the legacy store any more: they could log in nowhere',
  legacy_user_unreadable: 'have a legacy record that cannot be read: they could log in nowhere',
};

const row = ({ about, examples }: Group, words: string): string[] => [
  count(about),
  words,
  examples.slice(0, 3).join(' · '),
];
const tableOf = (rows: readonly string[][]): { readonly table?: Table } =>
  rows.length > 0 ? { table: { head: ['people', '', 'for example'], rows } } : {};

export function foresightSections(output: UndoOutput, foresight: Foresight): Section[] {
  const { batch, target, who } = output;
  const { people, will, refusals, lost, disabled } = foresight;
  const some = ([, group]: readonly [string, Group]) => group.people > 0;
  const refused = Object.entries(refusals).map(([code, group]) => row(group, REFUSAL_WORDS[code] ?? code));
  const losses = LOSSES.filter((loss) => lost[loss].people > 0).map((loss) =>
    row(lost[loss], LOSS_WORDS[loss]),
  );
  const locked = row(disabled, 'are disabled or locked in the legacy store: they can log in nowhere');
  return [
    {
      title: `Would take back ${count(people)} people of ${batch} from ${target}`,
      text: [`Who: ${who}.`, ...sampleWords(foresight), ...underWayWords(output)],
      ...tableOf(
        WILL.map((one) => [one, will[one]] as const)
          .filter(some)
          .map(([one, group]) => row(group, WILL_WORDS[one])),
      ),
    },
    ...(refused.length > 0 ? [{ title: 'Refused', ...tableOf(refused) }] : []),
    {
      title: 'Lost',
      text: lostWords(foresight, losses.length),
      ...tableOf([...losses, ...(disabled.people > 0 ? [locked] : [])]),
    },
    ...fieldSections(foresight),
    { title: 'Left alone', text: leftAloneWords(output) },
    { title: 'Next', text: ['Nothing was changed: add --execute.'] },
  ];
}

function sampleWords({ isSample, looked }: Foresight): string[] {
  if (!isSample) return [];
  return [
    `${count(looked)} of them were looked at, as chance has it (${count(MAX_LOOKED)} at most): the numbers are estimates for all.`,
  ];
}

const underWayWords = ({ state, batch }: UndoOutput): string[] =>
  state === 'undoing'
    ? [
        `It is being undone already: whoever is marked is not counted here. Add --execute to go on, or footbridge batch undo ${batch} --stop --execute ends it.`,
      ]
    : [];

function lostWords({ tellsSessions, will }: Foresight, losses: number): string[] {
  return [
    ...(will.remove.people > 0 && losses === 0
      ? ['Nobody is known to have changed anything at the target.']
      : []),
    'Whether somebody has replaced a password that we brought, no target tells: after it the old one holds.',
    ...(tellsSessions
      ? ['Of logins only those are known whose session still lives.']
      : ['Who has logged in there, this target does not tell.']),
  ];
}

function fieldSections({ fields }: Foresight): Section[] {
  const rows = Object.entries(fields).map(([field, group]) => row(group, field));
  return rows.length > 0 ? [{ title: 'Changed at the target, and kept', ...tableOf(rows) }] : [];
}

const ALONE = {
  there: 'were at the target before their turn',
  skipped: 'were not to be moved',
  failed:
    'are dead letters: if an earlier try has left one at the target, footbridge batch verify finds them',
  waiting: 'were not sent yet',
} as const;

function leftAloneWords({ leftAlone }: UndoOutput): string[] {
  const words = Object.entries(ALONE)
    .filter(([outcome]) => leftAlone[outcome as keyof typeof ALONE] > 0)
    .map(([outcome, text]) => `${count(leftAlone[outcome as keyof typeof ALONE])} ${text}.`);
  return words.length > 0 ? words : ['Nobody: it has brought everybody.'];
}

export function doneSections(output: UndoOutput, { tally, failures }: Omit<UndoEnd, 'state'>): Section[] {
  const { batch, target, state, who } = output;
  const rows = [
    [tally.removed, 'removed at the target'],
    [tally.unlinked, 'unlinked at the target, which had them before us'],
    [tally.nothing, 'were not there any more, or came by another road'],
    [tally.failed, 'could not be taken back'],
    [tally.open, 'are still to be taken back'],
  ] as const;
  const shown = rows.filter(([people]) => people > 0).map(([people, text]) => [count(people), text]);
  return [
    {
      title: `Batch ${batch} to ${target}: ${state}`,
      text: [`Who: ${who}.`, ...(shown.length > 0 ? [] : ['Nobody was to be taken back.'])],
      ...(shown.length > 0 ? { table: { head: ['', ''], rows: shown } } : {}),
    },
    ...failureSections(failures),
    { title: 'Next', text: output.executed ? nextWords(output, tally) : STOP_WORDS },
  ];
}

const STOP_WORDS = [
  'Would end it: whoever is still to be taken back, or could not be, stays at the target.',
  'Nothing was changed: add --execute.',
];

function failureSections(failures: UndoEnd['failures']): Section[] {
  if (failures.length === 0) return [];
  const rows = failures.map(({ sub, problem: { code, sentence, detail } }) => [
    sub,
    code,
    detail ? `${sentence} (${detail})` : sentence,
  ]);
  return [{ title: 'Not taken back', table: { head: ['user', 'code', 'why'], rows } }];
}

function nextWords(
  { batch, isInterrupted, state }: UndoOutput,
  { kept, failed }: UndoEnd['tally'],
): string[] {
  return [
    ...(isInterrupted ? ['It was cut off: say it again, and it goes on where it was.'] : []),
    ...(failed > 0 ? ['Mend what the codes name and say it again: whoever failed is tried again.'] : []),
    ...(kept > 0
      ? [
          `Of ${count(kept)} people something was changed at the target, and is kept: footbridge batch export-kept ${batch} --output FILE writes it out.`,
        ]
      : []),
    ...(state === 'undone'
      ? ['Its people can be planned again, and arrive as new users of the target.']
      : []),
    ...(state === 'paused' || state === 'done'
      ? [`It is ${state} as before, without those who were taken back.`]
      : []),
  ];
}
