/** What gates and operators look at, phase by phase. Where people stand is the ledger's to say, and handed in. */
import type { Queryable } from '../store/db.ts';
import type { PeopleAsked, PhaseAttempt } from './assignments.ts';
import type { CountOutcome } from './counts.ts';
import { outcomesSince, STEP_MINUTES } from './counts.ts';
import type { Snapshot } from './deciding.ts';
import type { PhaseRow } from './phases.ts';
import type { Phase } from './plan.ts';
import { supportSince } from './support.ts';

export interface PhaseStandings {
  readonly assigned: number;
  /** They exist at the target and are linked. */
  readonly there: number;
  readonly failed: number;
}

export interface PhaseCensus {
  readonly people: number;
  /** Who logged in within 90 days. */
  readonly active: number;
}

export interface Tries {
  readonly tries: number;
  readonly wentWrong: number;
  /** Moves that came to an end, and those of them that failed. */
  readonly moves: number;
  readonly movesFailed: number;
  /** Not among the tries: people mistype. */
  readonly wrongPasswords: number;
}

export interface PhaseFigures {
  /** Undefined: not counted this time, because it takes a look at everybody. */
  readonly standings: PhaseStandings | undefined;
  /** Undefined: the legacy store was not read since the phase is in the plan. */
  readonly census: PhaseCensus | undefined;
  /** Within the window of the pause gate, and not before the phase went on. */
  readonly window: Tries;
  readonly day: Tries;
  /** Requests in the last seven days, and not before the phase went on: its own, and its part of those for all. */
  readonly supportRequests: number | undefined;
  /** Since when it has been running in this attempt. */
  readonly startedAt: Date | null;
}

export interface FiguresAsked {
  readonly snapshot: Snapshot;
  readonly rows: readonly PhaseRow[];
  readonly nowMs: number;
  /** Also who is assigned and at the target, which takes a look at everybody. */
  readonly everybody: boolean;
}

export type FiguresOf = (asked: FiguresAsked) => Promise<ReadonlyMap<string, PhaseFigures>>;

export interface FiguresDeps {
  readonly db: Queryable;
  readonly standingsOf: (q: Queryable, asked: PeopleAsked) => Promise<ReadonlyMap<string, PhaseStandings>>;
  readonly censusOf: (
    q: Queryable,
    target: string,
  ) => Promise<{ readonly phases: Readonly<Record<string, PhaseCensus>> } | undefined>;
}

const HOUR_MINUTES = 60;
const DAY_MS = 86_400_000;
const SUPPORT_DAYS = 7;
const STEP_MS = STEP_MINUTES * 60_000;

/** Of every phase of the plan. Throws storage_unavailable. */
export const openFigures =
  ({ db, standingsOf, censusOf }: FiguresDeps): FiguresOf =>
  async ({ snapshot, rows, nowMs, everybody }) => {
    const { plan, target } = snapshot;
    const rowOf = (phase: string) => rows.find((row) => row.phase === phase);
    const phases: PhaseAttempt[] = plan.phases.map(({ name: phase }) => ({
      phase,
      attempt: rowOf(phase)?.attempt ?? 1,
    }));
    const to = new Date(nowMs + STEP_MS);
    const outcomes = (sinceOf: (phase: Phase) => Date) =>
      outcomesSince(db, {
        target,
        to,
        phases: plan.phases.map((phase) => ({ phase: phase.name, since: sinceOf(phase) })),
      });
    const windowOf = ({ name, pause }: Phase) =>
      sinceOf(rowOf(name), nowMs - (pause?.windowMinutes ?? HOUR_MINUTES) * 60_000);
    const supportFrom = (phase: string) => sinceOf(rowOf(phase), nowMs - SUPPORT_DAYS * DAY_MS);
    const [standings, census, window, day, support] = await Promise.all([
      everybody ? standingsOf(db, { target, phases }) : undefined,
      censusOf(db, target),
      outcomes(windowOf),
      outcomes(() => new Date(nowMs - DAY_MS)),
      supportSince(db, {
        target,
        to,
        phases: phases.map(({ phase }) => ({ phase, since: supportFrom(phase) })),
      }),
    ]);
    const everyone = [...(standings?.values() ?? [])].reduce((sum, { assigned }) => sum + assigned, 0);
    const requestsOf = (phase: string) => {
      const { own, shared } = support.get(phase) ?? { own: 0, shared: 0 };
      const people = standings?.get(phase)?.assigned;
      if (people === undefined) return undefined;
      return own + (everyone === 0 ? 0 : (shared * people) / everyone);
    };
    return new Map(
      phases.map(({ phase }): [string, PhaseFigures] => {
        return [
          phase,
          {
            standings: standings?.get(phase),
            census: censusIn(census?.phases, phase),
            window: triesOf(window.get(phase)),
            day: triesOf(day.get(phase)),
            supportRequests: requestsOf(phase),
            startedAt: rowOf(phase)?.startedAt ?? null,
          },
        ];
      }),
    );
  };

const censusIn = (phases: Readonly<Record<string, PhaseCensus>> | undefined, name: string) =>
  phases && Object.hasOwn(phases, name) ? phases[name] : undefined;

/**
 * Whoever lets a phase go on after a pause has seen what was: only what comes after it counts, from the next step of the
 * counts on. A phase that has just begun has nothing before it.
 */
function sinceOf(row: PhaseRow | undefined, fromMs: number): Date {
  const wentOn =
    row && (row.attempt > 1 || row.since.getTime() !== row.startedAt?.getTime())
      ? Math.ceil(row.since.getTime() / STEP_MS) * STEP_MS
      : 0;
  return new Date(Math.max(Math.floor(fromMs / STEP_MS) * STEP_MS, wentOn));
}

function triesOf(outcomes: Readonly<Partial<Record<CountOutcome, number>>> = {}): Tries {
  const of = (...names: readonly CountOutcome[]) =>
    names.reduce((sum, name) => sum + (outcomes[name] ?? 0), 0);
  const wentWrong = of('outage', 'move-failed', 'move-later');
  return {
    tries: of('ok', 'moved') + wentWrong,
    wentWrong,
    moves: of('moved', 'move-failed'),
    movesFailed: of('move-failed'),
    wrongPasswords: of('wrong'),
  };
}
