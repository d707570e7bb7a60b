/** The criteria in plain words, on a terminal and in one HTML file. */
import type { Section } from '../batch/sections.ts';
import type { Checked } from './criteria.ts';
import { missing } from './criteria.ts';

const MARKS = { met: '✓', missing: '✗', unknown: '?' } as const;
const markOf = ({ isMet }: Checked) => (isMet === null ? MARKS.unknown : isMet ? MARKS.met : MARKS.missing);

export interface CheckOutput {
  readonly target: string;
  readonly criteria: readonly Checked[];
}

export function checkSections({ target, criteria }: CheckOutput): Section[] {
  const open = missing(criteria);
  const known = criteria.filter(({ isMet }) => isMet === null);
  return [
    {
      title: `The end of the legacy store for ${target}`,
      text: [
        open.length === 0
          ? 'Nothing holds it up.'
          : `${open.length} of ${criteria.length} criteria are not met: it cannot go yet.`,
      ],
      table: {
        head: ['', 'criterion', 'found'],
        rows: criteria.map((one) => [markOf(one), one.sentence, foundOf(one)]),
      },
    },
    ...(open.length > 0 ? [{ title: 'What is missing', text: open.map(remedyLine) }] : []),
    ...(known.length > 0 ? [{ title: 'What only you can know', text: known.map(remedyLine) }] : []),
  ];
}

const remedyLine = ({ code, remedy }: Checked) => `${code}: ${remedy}`;

const foundOf = ({ found, examples = [] }: Checked) =>
  examples.length > 0 ? `${found} Like ${examples.join(', ')}.` : found;
