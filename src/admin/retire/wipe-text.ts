/** What a wipe would do, or has done, in plain words. */
import type { WipeRun } from '../../migration/retiring/wiping.ts';
import type { Section } from '../batch/sections.ts';
import { count, NOTHING_CHANGED, people } from '../claim-tokens/claim-desk.ts';
import type { RetirementStatus } from './status.ts';
import { statusSections } from './status.ts';

export interface WipeOutput {
  readonly executed: boolean;
  readonly status: RetirementStatus;
  /** Null: nothing was done. */
  readonly run: WipeRun | null;
}

const STOPPED = {
  outage: 'The target does not answer. Say it again later: it goes on where it stopped.',
  signal: 'Stopped before everybody was looked at. Say it again: it goes on where it stopped.',
} as const;

export function wipeSections({ executed, status, run }: WipeOutput): Section[] {
  if (!run) return [...foreseen(status), ...statusSections(status)];
  const { people: looked, before, retired, failed, wiped, problems, stoppedBy } = run;
  return [
    {
      title: executed ? 'Wiped' : 'Would wipe',
      text: [
        `${people(looked)} looked at, ${count(before)} were done before.`,
        `${people(retired)} retired; ${
          Object.entries(wiped)
            .map(([place, rows]) => `${count(rows)} of ${place}`)
            .join(', ') || 'nothing secret was left'
        }.`,
        ...(failed > 0 ? [`${people(failed)} failed, and are tried again when you say it again.`] : []),
        ...(stoppedBy ? [STOPPED[stoppedBy]] : []),
      ],
      ...(problems.length > 0
        ? {
            table: {
              head: ['who', 'code', 'why'],
              rows: problems.map(({ sub, code, sentence }) => [sub, code, sentence]),
            },
          }
        : {}),
    },
    ...statusSections(status),
  ];
}

const foreseen = ({ users, wiped, target }: RetirementStatus): Section[] => [
  {
    title: 'Would wipe',
    text: [
      `${people(users - wiped)} at ${target}: links to us become local accounts where people can log in there by themselves, and are kept where they cannot.`,
      'Everybody who has arrived is retired in the ledger. What is secret of them in our database is deleted, and read again to prove it. Tombstones stay.',
      'It cannot be taken back.',
      NOTHING_CHANGED,
    ],
  },
];
