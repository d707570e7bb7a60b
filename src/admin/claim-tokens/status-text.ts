/** Figures of claim tokens as text: sections of a report, and a chart of bars. */
import type { ClaimDay } from '../../migration/claim-tokens/claim-tokens.ts';
import type { Section } from '../batch/sections.ts';
import { count, people as peopleWords } from './claim-desk.ts';
import type { ClaimFigures, Coverage } from './figures.ts';
import { FIGURE_WORDS, FIGURES, LETTERS, share } from './figures.ts';

const BAR_WIDTH = 24;

export function statusSections(figures: ClaimFigures): Section[] {
  const { target, campaign, days, totals, byDay } = figures;
  const of = campaign === null ? '' : `, campaign ${campaign}`;
  return [
    {
      title: `Links for ${target}${of}, within ${days} ${days === 1 ? 'day' : 'days'}`,
      ...(totals.issued === 0
        ? { text: ['None was made.'] }
        : {
            table: {
              head: ['links', 'share', '', 'which'],
              rows: FIGURES.map((name) => [
                count(totals[name]),
                share(totals[name], totals.issued),
                name,
                FIGURE_WORDS[name],
              ]),
            },
          }),
    },
    ...(byDay.length > 0 ? [daySection(byDay)] : []),
    peopleSection(figures),
  ];
}

const DAY_HEAD = ['day', 'issued', 'sent', 'opened', 'started', 'claimed', 'expired', 'failed', ''];

const daySection = (byDay: readonly ClaimDay[]): Section => {
  const most = Math.max(1, ...byDay.map(({ issued }) => issued));
  return {
    title: 'By the day on which they were made (UTC)',
    table: { head: DAY_HEAD, rows: byDay.map((one) => [...dayCells(one), chart(one, most)]) },
    text: ['█ claimed  ▓ opened, and not claimed  ░ not opened'],
  };
};

export const dayCells = (one: ClaimDay): string[] => [
  one.day,
  ...[one.issued, one.sent, one.opened, one.started, one.claimed, one.expired, one.failed].map(count),
];

/** Of the day's links how many were claimed, opened, or neither; as long as there are many of them. */
export function chart({ issued, opened, claimed }: ClaimDay, most: number, width = BAR_WIDTH): string {
  const cells = (links: number) => Math.round((Math.min(links, issued) / most) * width);
  const [all, done] = [issued === 0 ? 0 : Math.max(1, cells(issued)), cells(claimed)];
  // Whoever claims has opened, whether or not their browser kept a cookie the first time.
  const seen = Math.max(done, cells(opened));
  return '█'.repeat(done) + '▓'.repeat(seen - done) + '░'.repeat(Math.max(0, all - seen));
}

const peopleSection = (figures: ClaimFigures): Section => ({
  title: 'The people',
  text: peopleSentences(figures),
});

export function peopleSentences({ target, linked, letters, coverage }: ClaimFigures): string[] {
  const told = LETTERS.map((name) => `${count(letters[name])} ${name}`).join(', ');
  return [
    `${peopleWords(linked)} ${linked === 1 ? 'is' : 'are'} linked at ${target}, by whatever road.`,
    ...(letters.enrolled > 0 ? [`Letters of campaigns: ${told}.`] : []),
    ...coverage.map(coverageWords),
  ];
}

function coverageWords({ rule, people, linked }: Coverage): string {
  if (people === null || linked === null)
    return `Rule ${rule}: not counted, the legacy store would have to be read for it.`;
  return `Rule ${rule}: ${count(linked)} of ${peopleWords(people)} linked${people === 0 ? '' : ` (${share(linked, people)})`}.`;
}
