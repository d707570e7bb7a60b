/** A forecast in parts: the same for a terminal and for a page. */
import type { Ending, Forecast, Line, Milestone, PhaseLine, Point } from '../../rollout/forecast.ts';
import type { Section } from '../batch/sections.ts';
import { sectionsPage } from '../batch/sections.ts';
import { count, percent } from '../survey/report-text.ts';
import type { Happened } from './forecast-svg.ts';
import { forecastSvg } from './forecast-svg.ts';

export interface ForecastOutput {
  readonly forecast: Forecast;
  /** As it was written down, day by day. */
  readonly happened: readonly Happened[];
  /** Its number, where it was kept. */
  readonly kept?: string;
}

/** A line each four weeks; the page draws the rest. */
const WEEKS_APART = 4;
const NEVER = 'not in this time';

export function forecastSections({ forecast, kept }: ForecastOutput): Section[] {
  const { all, phases, segments, apps, restsOn, tail } = forecast;
  return [
    {
      title: `Forecast for ${forecast.target}, ${forecast.at.slice(0, 10)}`,
      text: [headline(forecast), ...(kept === undefined ? [] : [`Kept as number ${kept}.`])],
    },
    coverage(all),
    milestones(all),
    ...(phases.length > 1 ? [ofPhases(phases)] : []),
    ...(segments.length > 0 ? [ofLines('By segment', segments)] : []),
    ...(apps.length > 0 ? [ofLines('By app', apps)] : []),
    ending(forecast),
    {
      title: 'Who may never come by themselves',
      text: ['Of everybody in the legacy store; somebody may be in several of these.'],
      table: {
        head: ['', 'people'],
        rows: [
          [`not at the target after ${forecast.asked.horizonDays} days`, whole(tail.people)],
          ['never logged in', whole(tail.neverLoggedIn)],
          ['last logged in more than two years ago', whole(tail.longAgo)],
          ['disabled, or not to be mapped', whole(tail.barred)],
          ['in no phase of the plan', whole(tail.inNoPhase)],
        ],
      },
    },
    { title: 'What this rests on', text: restsOn },
  ];
}

const whole = (people: number) => count(Math.round(people));
const range = ({ low, high }: Pick<Point, 'low' | 'high'>) => `${percent(low)} to ${percent(high)}`;

function headline({ all, end, asked }: Forecast): string {
  const last = all.points.at(-1);
  if (!last) return 'There is nobody in the legacy store.';
  const reaches = `${percent(all.points[0]!.expected)} of ${count(all.people)} people are at the target. By themselves ${percent(last.expected)} are expected there by ${last.day} (${range(last)}).`;
  return end
    ? `${reaches} The legacy store can go on ${end.day}.`
    : `${reaches} ${percent(asked.goal)} are not reached in this time, even with letters: the rest is for a batch.`;
}

function coverage({ points }: Line): Section {
  const shown = points.filter((_, index) => index % WEEKS_APART === 0 || index === points.length - 1);
  return {
    title: 'At the target',
    table: {
      head: ['day', 'expected', 'four times of five'],
      rows: shown.map((point) => [point.day, percent(point.expected), range(point)]),
    },
  };
}

const dayIn = (milestone: Milestone | undefined, which: 'day' | 'earliest' | 'latest') =>
  milestone?.[which] ?? NEVER;

const milestones = (line: Line): Section => ({
  title: 'When so many are there',
  table: {
    head: ['share', 'expected', 'at the earliest', 'at the latest'],
    rows: line.milestones.map((one) => [
      percent(one.share),
      dayIn(one, 'day'),
      dayIn(one, 'earliest'),
      dayIn(one, 'latest'),
    ]),
  },
});

const at = (line: Line, share: number) => line.milestones.find((one) => one.share === share);
const lastOf = ({ points }: Line) => {
  const last = points.at(-1);
  return last ? percent(last.expected) : '–';
};

const ofPhases = (phases: readonly PhaseLine[]): Section => ({
  title: 'By phase',
  table: {
    head: ['phase', 'people', 'state', 'begins', '50 %', '90 %', 'finished', 'in the end'],
    rows: phases.map((phase) => [
      phase.name,
      count(phase.people),
      phase.state,
      phase.begins ?? NEVER,
      dayIn(at(phase, 0.5), 'day'),
      dayIn(at(phase, 0.9), 'day'),
      phase.finishes ?? '–',
      lastOf(phase),
    ]),
  },
});

const ofLines = (title: string, lines: readonly Line[]): Section => ({
  title,
  table: {
    head: ['', 'people', '50 %', '90 %', 'in the end'],
    rows: lines.map((line) => [
      line.name,
      count(line.people),
      dayIn(at(line, 0.5), 'day'),
      dayIn(at(line, 0.9), 'day'),
      lastOf(line),
    ]),
  },
});

function ending({ end, asked }: Forecast): Section {
  const title = 'When the legacy store can go';
  const { campaign, goal } = asked;
  if (!end)
    return {
      title,
      text: [
        `Not within ${asked.horizonDays} days with ${percent(goal)} of the people at the target, if ${percent(campaign.answerShare)} of those who are written to answer. A batch moves whoever is left (footbridge batch plan), with a password to be set anew where none can be carried.`,
      ],
    };
  return {
    title,
    text: [
      `On ${end.day}: by then ${percent(end.coverage)} are there, and the letters have had their ${campaign.days} days. It may be ${between(end)}.`,
      `${whole(end.left)} people are left even then: for a batch, or for nobody to miss.`,
    ],
    table: {
      head: ['letters to those who have not come', ''],
      rows: [
        ['sent on', end.campaign.begins],
        ['to people', whole(end.campaign.mails)],
        ['of whom do what they ask for', whole(end.campaign.answers)],
        ['and ask the support', whole(end.campaign.requests)],
        ['cost, in your currency', money(end.campaign.cost)],
      ],
    },
  };
}

const between = ({ earliest, day, latest }: Ending) =>
  `as early as ${earliest ?? day}${latest ? `, or as late as ${latest}` : ', or not in this time'}`;

const money = (value: number) =>
  value.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** One file that needs nothing else. */
export function forecastPage(output: ForecastOutput): string {
  const { forecast, happened } = output;
  const page = sectionsPage(`Forecast for ${forecast.target}`, forecastSections(output));
  return page.replace('</h1>', () => `</h1>\n${forecastSvg(forecast, happened)}`);
}
