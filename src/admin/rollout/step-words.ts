/** What comes of a step with a phase, in sentences. */
import { assignedCounts } from '../../rollout/assignments.ts';
import { lastCensus } from '../../rollout/census.ts';
import { verdicts } from '../../rollout/gates.ts';
import type { PhaseRow } from '../../rollout/phases.ts';
import type { Phase } from '../../rollout/plan.ts';
import { momentWords, startOf } from '../../rollout/schedule.ts';
import type { Step } from '../../rollout/turning.ts';
import { people } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import type { Standing } from './rollout-desk.ts';
import { figuresOf } from './rollout-desk.ts';

export interface Stepping {
  readonly step: Exclude<Step, 'rollback'>;
  readonly phase: Phase;
  readonly row: PhaseRow;
  readonly nowMs: number;
}

type Words = (desk: Pick<Desk, 'db'>, standing: Standing, stepping: Stepping) => Promise<string[]>;

const WORDS: Readonly<Record<Stepping['step'], Words>> = {
  start: startWords,
  pause: pauseWords,
  resume: async (_desk, _standing, { row }) => [
    row.state === 'finished'
      ? 'It is open again. Phases that needed it and have begun stay as they are.'
      : 'Whoever fits it is assigned again.',
    'Its pause gate counts what goes wrong from now on.',
  ],
  finish: finishWords,
};

export const stepWords: Words = (desk, standing, stepping) => WORDS[stepping.step](desk, standing, stepping);

async function startWords(
  { db }: Pick<Desk, 'db'>,
  { target }: Standing,
  { phase, row, nowMs }: Stepping,
): Promise<string[]> {
  const { name, starts, identities, apps, segments } = phase;
  const census = (await lastCensus(db, target))?.phases ?? {};
  const counted = Object.hasOwn(census, name) ? census[name] : undefined;
  const whom = segments.length === 0 ? 'everybody' : segments.join(', ');
  const where = apps === 'all' ? 'at any app' : `at ${apps.join(', ')}`;
  return [
    ...(starts && Date.parse(starts) > nowMs
      ? [`That is earlier than planned (${momentWords(starts)}).`]
      : []),
    ...(row.state === 'rolled-back'
      ? [
          `It is attempt ${row.attempt + 1}: whoever was assigned before belongs to it again when they log in next, and whoever is at ${target} already is led there.`,
        ]
      : []),
    `It is for ${whom}, ${where}.`,
    ...(counted
      ? [
          `By the census that is ${people(counted.people)}; ${people(counted.active)} logged in within 90 days.`,
        ]
      : []),
    identities === 'bulk'
      ? `Nobody is moved by this alone: people stay until a batch has brought them (rollout batch ${name}).`
      : `Whoever of them logs in from now on is moved to ${target} at that login.`,
  ];
}

async function pauseWords(
  { db }: Pick<Desk, 'db'>,
  { target }: Standing,
  { row }: Stepping,
): Promise<string[]> {
  const assigned = (await assignedCounts(db, { target, phases: [row] })).get(row.phase) ?? 0;
  return [
    `Nobody new is assigned. ${people(assigned)} who ${assigned === 1 ? 'is' : 'are'} assigned go on as before, and logins that are under way finish.`,
    'It goes on only when an operator says so (rollout resume).',
  ];
}

async function finishWords(
  desk: Pick<Desk, 'db'>,
  { snapshot, rows }: Standing,
  { phase, nowMs }: Stepping,
): Promise<string[]> {
  const figures = await figuresOf(desk)({ snapshot, rows, nowMs, everybody: true });
  const { finish } = verdicts(phase, figures.get(phase.name)!, nowMs);
  const open = finish && !finish.holds ? finish.checks.filter(({ holds }) => !holds) : [];
  const waiting = snapshot.plan.phases.filter(
    (one) => one.needs.includes(phase.name) && startOf(snapshot, one, nowMs) !== undefined,
  );
  const names = waiting.map(({ name, starts }) => (starts ? `${name} (by itself)` : name)).join(', ');
  return [
    ...(open.length > 0
      ? [`Its gate is not reached: ${open.map(({ sentence }) => sentence).join(' ')}`]
      : []),
    'Whoever fits it and comes later is moved all the same.',
    waiting.length > 0 ? `It is out of the way of ${names}.` : 'No phase has waited for it.',
  ];
}
