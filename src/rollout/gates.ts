/** Whether a phase's gates hold: pure functions of its figures. What is not known never finishes a phase, and never stops it. */
import type { PhaseFigures, Tries } from './figures.ts';
import type { Phase } from './plan.ts';

export interface Check {
  readonly what: 'coverage' | 'days' | 'error-rate' | 'support';
  /** Of a finish gate: it is reached. Of a pause gate: it is not broken. */
  readonly holds: boolean;
  readonly sentence: string;
}

export interface Verdict {
  readonly holds: boolean;
  readonly checks: readonly Check[];
}

export interface Verdicts {
  /** It holds: the phase may be finished. */
  readonly finish?: Verdict;
  /** It does not hold: the phase has to be paused. */
  readonly pause?: Verdict;
}

export interface Coverage {
  readonly share: number;
  /** `assigned`: there is no census, so whoever has not come yet is not in it. */
  readonly of: 'everybody' | 'active' | 'assigned';
  readonly there: number;
  readonly people: number;
}

const DAY_MS = 86_400_000;
const PER_THOUSAND = 1_000;

/** Undefined: it was not counted, or there is nobody. */
export function coverageOf(
  { standings, census }: Pick<PhaseFigures, 'standings' | 'census'>,
  of: 'everybody' | 'active' = 'active',
): Coverage | undefined {
  if (!standings) return undefined;
  const { there, assigned } = standings;
  const people = census ? (of === 'active' ? census.active : census.people) : assigned;
  if (people === 0) return undefined;
  // Of those who are there some may not have logged in for long: a batch has brought them.
  return { share: Math.min(1, there / people), of: census ? of : 'assigned', there, people };
}

/** Undefined: nothing was tried. */
export const errorRate = ({ tries, wentWrong }: Tries): number | undefined =>
  tries === 0 ? undefined : wentWrong / tries;

/** Undefined: it was not counted, or there is nobody. */
export function supportPerThousand({
  supportRequests,
  standings,
}: Pick<PhaseFigures, 'supportRequests' | 'standings'>): number | undefined {
  if (!standings || standings.assigned === 0 || supportRequests === undefined) return undefined;
  return (supportRequests / standings.assigned) * PER_THOUSAND;
}

export function verdicts({ finish, pause }: Phase, figures: PhaseFigures, nowMs: number): Verdicts {
  return {
    ...(finish ? { finish: finishVerdict(finish, figures, nowMs) } : {}),
    ...(pause ? { pause: pauseVerdict(pause, figures) } : {}),
  };
}

type FinishGate = NonNullable<Phase['finish']>;

function finishVerdict(gate: FinishGate, figures: PhaseFigures, nowMs: number): Verdict {
  const checks = [
    ...coverageCheck(gate, figures),
    ...daysCheck(gate, figures, nowMs),
    ...movesCheck(gate, figures),
    ...supportCheck(gate.supportPerThousand, figures),
  ];
  // Where it says neither how far nor how long, it would hold as soon as the phase has begun.
  const saysEnough = gate.coverage !== undefined || gate.days > 0;
  return { holds: saysEnough && checks.every(({ holds }) => holds), checks };
}

function coverageCheck({ coverage: wanted, of }: FinishGate, figures: PhaseFigures): Check[] {
  if (wanted === undefined) return [];
  const what = 'coverage';
  const found = coverageOf(figures, of);
  if (!found) return [{ what, holds: false, sentence: unknownWords(figures, of) }];
  const { share, there, people } = found;
  const arrived = `${number(there)} of ${number(people)}`;
  if (found.of === 'assigned')
    return [
      {
        what,
        holds: false,
        sentence: `${arrived} who were assigned have arrived (${percent(share)}); how many there are nobody knows before the legacy store was read (rollout census).`,
      },
    ];
  const whom = of === 'active' ? 'who logged in within 90 days' : 'people';
  // A batch brings others, too.
  const who =
    there > people
      ? `${number(there)} have arrived, more than the ${number(people)} ${whom}`
      : `${arrived} ${whom} have arrived`;
  const sentence = `${who}: ${percent(share)} of at least ${percent(wanted)}.`;
  return [{ what, holds: share >= wanted, sentence }];
}

function unknownWords({ standings, census }: PhaseFigures, of: FinishGate['of']): string {
  if (!standings || !census) return 'How many have arrived is not known.';
  if (census.people === 0) return 'The legacy store has nobody for this phase.';
  return of === 'active'
    ? `Of its ${number(census.people)} people nobody is known to have logged in within 90 days: “of: everybody” counts all.`
    : 'How many have arrived is not known.';
}

function daysCheck({ days }: FinishGate, { startedAt }: PhaseFigures, nowMs: number): Check[] {
  if (days === 0) return [];
  const run = startedAt ? Math.max(0, Math.floor((nowMs - startedAt.getTime()) / DAY_MS)) : 0;
  return [
    {
      what: 'days',
      holds: startedAt !== null && run >= days,
      sentence: `It has been running for ${number(run)} of at least ${number(days)} days.`,
    },
  ];
}

/** Batches count nothing by the hour: without moves of the last day it is what the ledger says of all. */
function movesCheck({ errorRate: limit }: FinishGate, { day, standings }: PhaseFigures): Check[] {
  if (limit === undefined) return [];
  const what = 'error-rate';
  const inAll = standings ? standings.there + standings.failed : 0;
  const [failed, moves, when] =
    day.moves > 0
      ? [day.movesFailed, day.moves, 'of the last day']
      : [standings?.failed ?? 0, inAll, 'in all'];
  if (moves === 0) return [{ what, holds: true, sentence: 'Nobody was moved yet, so nothing went wrong.' }];
  const rate = failed / moves;
  const sentence = `${number(failed)} of ${number(moves)} moves ${when} went wrong: ${percentUp(rate)} of at most ${percent(limit)}.`;
  return [{ what, holds: rate <= limit, sentence }];
}

type PauseGate = NonNullable<Phase['pause']>;

function pauseVerdict(gate: PauseGate, figures: PhaseFigures): Verdict {
  const checks = [
    ...triesCheck(gate, figures),
    ...supportCheck(gate.supportPerThousand, figures, gate.minAttempts),
  ];
  return { holds: checks.every(({ holds }) => holds), checks };
}

function triesCheck(
  { errorRate: limit, minAttempts, windowMinutes }: PauseGate,
  { window }: PhaseFigures,
): Check[] {
  if (limit === undefined) return [];
  const rate = errorRate(window) ?? 0;
  const { tries, wentWrong } = window;
  const went = `${number(wentWrong)} of ${number(tries)} logins and moves within ${number(windowMinutes)} minutes went wrong`;
  const isEnough = tries >= minAttempts;
  const sentence = isEnough
    ? `${went}: ${percentUp(rate)} of at most ${percent(limit)}.`
    : `${went}; with fewer than ${number(minAttempts)} nothing is concluded.`;
  return [{ what: 'error-rate', holds: !isEnough || rate <= limit, sentence }];
}

/** One request of three people is much, and says nothing: `fewest` are needed to conclude from it. */
function supportCheck(limit: number | undefined, figures: PhaseFigures, fewest = 1): Check[] {
  if (limit === undefined) return [];
  const what = 'support';
  const { standings, supportRequests } = figures;
  if (!standings || supportRequests === undefined)
    return [{ what, holds: true, sentence: 'Requests to the support were not looked at this time.' }];
  const { assigned } = standings;
  const perThousand = supportPerThousand(figures) ?? 0;
  const asked = `${number(supportRequests)} requests to the support within seven days by ${number(assigned)} people`;
  if (assigned < fewest)
    return [{ what, holds: true, sentence: `${asked}; with so few people nothing is concluded.` }];
  const sentence = `${asked}: ${number(perThousand)} per thousand of at most ${number(limit)}.`;
  return [{ what, holds: perThousand <= limit, sentence }];
}

const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 1 });
const EPSILON = 1e-9;
const tenths = (value: number) => `${(value / 10).toLocaleString('en', { maximumFractionDigits: 1 })} %`;
/** Nothing is told to be reached that is not, and nothing to be within a limit that it has passed. */
const percent = (share: number) => tenths(Math.floor(share * 1_000 + EPSILON));
const percentUp = (share: number) => tenths(Math.max(0, Math.ceil(share * 1_000 - EPSILON)));
