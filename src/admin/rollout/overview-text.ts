/** A plan at a glance, for a terminal and as a page. */
import type { Verdict } from '../../rollout/gates.ts';
import { momentWords } from '../../rollout/schedule.ts';
import type { Section } from '../batch/sections.ts';
import { count, minute } from '../claim-tokens/claim-desk.ts';
import type { PhaseOverview, PlanOverview } from './overview.ts';

const HEAD = ['phase', 'state', 'since', 'assigned', 'there', 'failed', 'coverage', 'errors', 'support ‰'];

export function overviewSections(overview: PlanOverview): Section[] {
  const { target, plan, version, setBy, setAt, note, phases, switches } = overview;
  const set = `Version ${version}, set by ${setBy} on ${minute(setAt)} UTC${note ? `: ${note}` : ''}.`;
  return [
    {
      title: `Plan ${plan} for ${target}`,
      text: [set],
      table: { head: HEAD, rows: phases.map(phaseRow) },
    },
    ...gateSections(phases),
    ...(switches.length > 0 ? [switchSection(overview)] : []),
    ...freezeSections(overview),
    { title: 'Next', text: nextWords(overview) },
  ];
}

const NONE = '–';
export const percentWords = (share: number | null): string =>
  share === null ? NONE : `${(share * 100).toLocaleString('en', { maximumFractionDigits: 1 })} %`;

const phaseRow = (one: PhaseOverview): string[] => [
  one.phase,
  one.attempt > 1 ? `${one.state}, attempt ${one.attempt}` : one.state,
  one.since && one.state !== 'planned' ? minute(one.since) : NONE,
  count(one.assigned),
  count(one.there),
  count(one.failed),
  one.coverage
    ? `${percentWords(one.coverage.share)}${one.coverage.of === 'assigned' ? ' of assigned' : ''}`
    : NONE,
  one.errorRate === null ? NONE : `${percentWords(one.errorRate)} of ${count(one.tries)}`,
  one.supportPerThousand === null ? NONE : one.supportPerThousand.toFixed(1),
];

function gateSections(phases: readonly PhaseOverview[]): Section[] {
  const rows = phases
    .filter(({ state }) => state === 'running' || state === 'paused')
    .flatMap(({ phase, verdicts: { finish, pause } }) => [
      ...verdictRows(phase, ['finish', 'reached', 'not yet'], finish),
      ...verdictRows(phase, ['pause', 'well', 'BROKEN'], pause),
    ]);
  return rows.length > 0 ? [{ title: 'Gates', table: { head: ['phase', 'gate', '', ''], rows } }] : [];
}

function verdictRows(
  phase: string,
  [gate, yes, no]: readonly [string, string, string],
  verdict: Verdict | undefined,
): string[][] {
  return (verdict?.checks ?? []).map(({ holds, sentence }) => [phase, gate, holds ? yes : no, sentence]);
}

const switchSection = ({ switches }: PlanOverview): Section => ({
  title: 'Kill switches',
  text: ['What they name stays at the old login.'],
  table: {
    head: ['what', 'since', 'by', 'why'],
    rows: switches.map(({ kind, name, at, actor, reason }) => [
      name === '' ? kind : `${kind} ${name}`,
      minute(at),
      actor,
      reason,
    ]),
  },
});

function freezeSections({ freezes, now }: PlanOverview): Section[] {
  if (freezes.length === 0) return [];
  const rows = freezes.map(({ from, until, reason }) => [
    Date.parse(from) <= now.getTime() ? 'now' : 'to come',
    momentWords(from),
    momentWords(until),
    reason,
  ]);
  return [{ title: 'Freezes', table: { head: ['', 'from', 'until', 'why'], rows } }];
}

function nextWords({ phases, target }: PlanOverview): string[] {
  const words = phases.flatMap((one) => nextOf(one, target));
  return words.length > 0 ? words : ['Nothing happens by itself: every phase is finished or rolled back.'];
}

/** Where nothing but an operator is waited for. */
const beginning = ({ phase, start }: PhaseOverview, target: string) =>
  start && start.at === undefined && start.waitsFor.length === 1
    ? ` footbridge rollout start ${phase} --target ${target}`
    : '';

function nextOf(one: PhaseOverview, target: string): string[] {
  const { phase, state, reason, start, verdicts: gates } = one;
  const why = reason ? `: ${reason}` : '.';
  switch (state) {
    case 'planned':
      return [
        start?.isDue
          ? `${phase} starts within a minute.`
          : `${phase} has not begun. ${start?.waitsFor.join(' ')}${beginning(one, target)}`,
      ];
    case 'running':
      return [
        gates.finish
          ? gates.finish.holds
            ? `${phase} is finished within some minutes: its gate is reached.`
            : `${phase} is finished by itself when its gate is reached.`
          : `${phase} runs until an operator finishes it: footbridge rollout finish ${phase} --target ${target}`,
      ];
    case 'paused':
      return [
        `${phase} is paused${why} It goes on with footbridge rollout resume ${phase} --target ${target}`,
      ];
    case 'rolled-back':
      return [
        `${phase} is rolled back${why} footbridge rollout start ${phase} --target ${target} begins its next attempt.`,
      ];
    case 'finished':
      return [];
  }
}
