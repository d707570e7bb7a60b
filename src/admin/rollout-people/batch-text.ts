/** What making batches of a phase would do, or has done, in plain words. */
import type { LeftOut } from '../../migration/phases/belonging.ts';
import { LEFT_OUT } from '../../migration/phases/belonging.ts';
import type { Filled } from '../../migration/phases/gathering.ts';
import type { PlanReport } from '../batch/plan-report.ts';
import { planSections } from '../batch/plan-sections.ts';
import type { Section } from '../batch/sections.ts';
import { count } from '../batch/status-text.ts';
import type { Cases } from '../survey/tally.ts';

export interface PhaseBatchOutput {
  readonly executed: boolean;
  readonly target: string;
  readonly phase: string;
  readonly attempt: number;
  /** Why nobody may be brought by it now. */
  readonly closed: readonly string[];
  readonly read: number;
  /** To be moved: those of this reading. */
  readonly people: number;
  readonly leftOut: Readonly<Partial<Record<LeftOut, Cases>>>;
  readonly pace: { readonly size: number; readonly perSecond: number | null; readonly workers: number };
  readonly report: PlanReport;
  readonly batches: readonly Filled[];
  readonly isInterrupted: boolean;
}

const people = (value: number) => `${count(value)} ${value === 1 ? 'person' : 'people'}`;
const EXAMPLES = 3;
/** What the report says of people whom nobody has to name twice. */
const OWN_TITLES = ['Next'];

export function phaseBatchSections(output: PhaseBatchOutput): Section[] {
  const { phase, target, attempt, closed, executed } = output;
  const who = `The people of the phase ${phase}, attempt ${attempt}, by the plan of this moment.`;
  const [head, ...rest] = planSections({
    ...{ executed, id: phase, target, who, pace: output.pace, report: output.report },
    ...{ sample: { subs: [], requests: [], users: [], notes: [] }, members: output.people, continuedFrom: 0 },
  }).filter(({ title }) => !OWN_TITLES.includes(title));
  return [
    { ...head!, title: `Phase ${phase}: ${people(output.people)} of ${count(output.read)}, to ${target}` },
    ...(closed.length > 0 ? [{ title: 'Not now', text: closed }] : []),
    ...leftOutSections(output),
    ...rest,
    { title: 'Next', text: nextWords(output) },
  ];
}

function leftOutSections({ leftOut }: PhaseBatchOutput): Section[] {
  const rows = Object.entries(leftOut).map(([code, { count: users, examples }]) => [
    count(users),
    LEFT_OUT[code as LeftOut],
    code === 'not_asked' ? '' : examples.slice(0, EXAMPLES).join(' · '),
  ]);
  return rows.length > 0 ? [{ title: 'Left out', table: { head: ['people', 'why', 'like'], rows } }] : [];
}

function nextWords({
  executed,
  people: all,
  batches,
  isInterrupted,
  phase,
  closed,
}: PhaseBatchOutput): string[] {
  if (!executed) {
    if (closed.length > 0) return ['Nothing was changed, and nothing could be now.'];
    if (all === 0) return ['Nobody is left to be moved: there is no batch to make.'];
    return ['Nobody was assigned or written down: add --execute. Then batch run moves them.'];
  }
  if (isInterrupted)
    return [
      `It was ended before the store was read to its end. Say it again: footbridge rollout batch ${phase} --execute`,
    ];
  if (batches.length === 0) return ['Nobody was left to be put into a batch.'];
  return [
    'Written down, assigned, and nobody is moved yet. Move them with:',
    ...batches.map(
      ({ batch, people: users }) => `footbridge batch run ${batch} --execute (${people(users)})`,
    ),
  ];
}
