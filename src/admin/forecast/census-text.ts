/** What a census found, for people. */
import type { Census } from '../../rollout/census.ts';
import type { Headcount } from '../../rollout/census-tally.ts';
import type { Section } from '../batch/sections.ts';
import { count, percent } from '../survey/report-text.ts';

export interface CensusOutput {
  readonly target: string;
  /** Null: it was told to stop, and goes on the next time. */
  readonly census: Census | null;
  readonly people: number;
  readonly continuedFrom: number;
}

export function censusSections({ target, census, people, continuedFrom }: CensusOutput): Section[] {
  const before = continuedFrom > 0 ? `, ${count(continuedFrom)} of them before` : '';
  if (!census)
    return [
      {
        title: `Census for ${target}`,
        text: [`Stopped after ${count(people)} people${before}. The same command goes on from there.`],
      },
    ];
  const idle = census.people - census.active;
  const sentences = [
    `${count(census.people)} people were read${before}, by version ${census.version} of the plan; ${count(idle)} have not logged in for 90 days.`,
    ...(census.unmappable > 0
      ? [
          `${count(census.unmappable)} of them cannot be mapped, and are in no phase: footbridge legacy survey says why.`,
        ]
      : []),
  ];
  return [
    { title: `Census for ${target}`, text: sentences },
    ...tableOf('By phase', census.phases, census.people),
    ...tableOf('By segment', census.segments, census.people),
    ...tableOf('By app', census.apps, census.people),
  ];
}

function tableOf(title: string, rows: Readonly<Record<string, Headcount>>, all: number): Section[] {
  const entries = Object.entries(rows);
  if (entries.length === 0) return [];
  return [
    {
      title,
      table: {
        head: ['', 'people', 'of all', 'active within 90 days'],
        rows: entries.map(([name, { people, active }]) => [
          name,
          count(people),
          percent(people / Math.max(1, all)),
          count(active),
        ]),
      },
    },
  ];
}
