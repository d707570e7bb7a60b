/** An erasure in words: what would be done, what was, and what is to be done by hand. */
import { seen } from '../batch/sections.ts';
import type { Erasure, LegacyEnd, TargetEnd } from './erasing.ts';

const AT_TARGET = {
  removed: ['The user there is removed.', 'The user there would be removed.'],
  nobody: ['Nobody of ours is there, and nobody is made.', 'Nobody of ours is there.'],
  unlinked: [
    'The user was there before us: only the link is gone.',
    'The user was there before us: only the link would go.',
  ],
} as const;

function targetLine(end: TargetEnd, isDone: boolean): string {
  const before = `  ${end.target.padEnd(12)} `;
  const tense = isDone ? 0 : 1;
  switch (end.did) {
    case 'failed':
      return `${before}${isDone ? 'NOT done' : 'Cannot be told'}: ${end.problem.sentence}`;
    case 'by hand':
      return `${before}BY HAND: the settings do not say how to reach it. Delete the user ${end.targetUserId ?? ''} there.`;
    case 'unlinked':
      return `${before}${AT_TARGET.unlinked[tense]} Delete ${end.targetUserId ?? 'them'} there if they are to go, or say --also-theirs.`;
    default:
      return before + AT_TARGET[end.did][tense];
  }
}

function legacyLine(end: LegacyEnd, isDone: boolean): string {
  const before = `  ${'legacy store'.padEnd(12)} `;
  switch (end.did) {
    case 'gone':
      return `${before}Nobody of this id is there.`;
    case 'removed':
      return `${before}The record ${isDone ? 'is removed' : 'would be removed'}, as the settings say.`;
    case 'failed':
      return `${before}${isDone ? 'NOT done' : 'Cannot be told'}: ${end.problem.sentence}`;
    case 'by hand':
      return `${before}BY HAND: nothing says how to remove anybody there (apply.remove). Delete the record ${end.legacyId} and everything that belongs to it, then say this again: it is looked for.`;
  }
}

export const sideLines = (sides: Pick<Erasure, 'targets' | 'legacy'>, isDone: boolean): string[] =>
  [...sides.targets.map((end) => targetLine(end, isDone)), legacyLine(sides.legacy, isDone)].map(seen);

const rowsOf = (many: number) => `${many} row${many === 1 ? '' : 's'}`;

export const hereLines = ({ erased, left }: Pick<Erasure, 'erased' | 'left'>): string[] => [
  ...erased.map(({ place, rows }) => `  here         ${place}: ${rowsOf(rows)}`),
  ...left.map(({ place, rows, why }) => `  stays        ${place}: ${rowsOf(rows)}. ${why}`),
];
