/** What `target setup`, `check` and `teardown` say to people. */
import type { CheckResult, StepResult, UndoResult } from '../../targets/run-setup.ts';
import type { Hop, Present } from '../../targets/setup.ts';

const indented = (text: string) => text.replace(/^/gm, '      ');
const VERDICTS = { ok: 'ok     ', warn: 'warning', wrong: 'WRONG  ', unknown: 'unknown' } as const;
const OUTCOMES = {
  there: 'is there ',
  'to-do': 'to do    ',
  done: 'done     ',
  'by-hand': 'BY HAND  ',
  failed: 'FAILED   ',
  waits: 'waits    ',
} as const;

export const checkLines = (checks: readonly CheckResult[]): string[] =>
  checks.flatMap(({ verdict, title, sentence, todo }) => [
    `  ${VERDICTS[verdict]}  ${title}: ${sentence}`,
    ...(todo ? [indented(todo)] : []),
  ]);

export const stepLines = (steps: readonly StepResult[]): string[] =>
  steps.flatMap(({ outcome, id, what, why, present, problem }) => [
    `  ${OUTCOMES[outcome]}  ${id}: ${what}`,
    ...(outcome === 'there' ? [] : [indented(why), ...detailOf(present)]),
    ...(problem ? [indented(`→ ${problem}`)] : []),
  ]);

function detailOf(present: Present | undefined): string[] {
  if (present?.state === 'differs') return present.differences.map((one) => indented(`· ${one}`));
  if (present?.state === 'by-hand') return [indented(present.todo)];
  return [];
}

export const undoLines = (undone: readonly UndoResult[]): string[] =>
  undone.flatMap(({ outcome, id, what, problem }) => [
    `  ${OUTCOMES[outcome]}  ${id}: ${what}`,
    ...(problem ? [indented(`→ ${problem}`)] : []),
  ]);

export const hopLines = (hops: readonly Hop[]): string[] =>
  hops.map(
    ({ isGood, what, detail }) =>
      `  ${isGood ? 'ok     ' : 'WRONG  '}  ${what}${detail ? `: ${detail}` : ''}`,
  );

export const UNCHANGED = 'Nothing was changed: add --execute.';
