/**
 * How much faster or slower people come by than their history says, learned from what has happened. One factor, the speed,
 * stretches the time of a curve: with 0.8 ten days bring what eight should. Each stretch of days is a trial: of those who had
 * not come before it, how many came in it. Trials are independent, coverage on its own is not.
 */
import type { Curve } from './forecast-curve.ts';

/** Of those who had not come by `from` days, `came` of `before` came until `to`; days in which people could come. */
export interface Trial {
  readonly curve: Curve;
  readonly from: number;
  readonly to: number;
  readonly before: number;
  readonly came: number;
}

export interface Speed {
  /** 1: as history says. */
  readonly factor: number;
  /** It is within these, four times of five. */
  readonly low: number;
  readonly high: number;
  /** Trials that it rests on. */
  readonly trials: number;
  /** How much more the trials differ from one another than chance alone makes them. */
  readonly dispersion: number;
}

export interface Prior {
  /** Of the logarithm. */
  readonly mean: number;
  readonly spread: number;
}

/** Before anything has happened: four of five rollouts are thought to be within 0.7 and 1.5 of what history says. */
export const BLANK: Prior = { mean: 0, spread: 0.3 };
/** A phase differs from the whole by about this. */
const PHASE_SPREAD = 0.2;
/** Nobody comes four times as often because of a rollout; what looks so is another cause. */
const BOUND = Math.log(4);
const STEPS = 160;
/** No model of people is better than this, however much has happened. */
const LEAST_SPREAD = 0.05;
/** What two weeks of nothing unusual tell of the dispersion: people come in waves, with weekends and letters. */
const SUPPOSED = { trials: 2, dispersion: 4 };
/** A trial that is further out than this counts less: one campaign is no trend. */
const FAR = 2.5;
/** The median of the square of a standard normal deviate. */
const MEDIAN_SQUARE = 0.455;
const Z80 = 1.2816;

const GRID = Array.from({ length: STEPS + 1 }, (_, step) => -BOUND + (2 * BOUND * step) / STEPS);

export function speedFrom(trials: readonly Trial[], prior: Prior = BLANK): Speed {
  const known = trials.filter(({ before, to, from }) => before > 0 && to > from);
  const dispersion = dispersionOf(known, bestOf(known, prior, 1));
  // Once more, with the dispersion known and what lies far out counting less.
  const best = bestOf(known, prior, dispersion);
  const weights = known.map((trial) =>
    Math.min(1, FAR / Math.max(Math.abs(deviation(trial, Math.exp(best))) / Math.sqrt(dispersion), 1e-9)),
  );
  const posterior = weighed(known, { prior, dispersion, weights });
  const mean = sum(GRID.map((log, i) => log * posterior[i]!));
  const spread = Math.sqrt(sum(GRID.map((log, i) => (log - mean) ** 2 * posterior[i]!)));
  return speedOf(mean, Math.max(spread, LEAST_SPREAD), { trials: known.length, dispersion });
}

/** What a phase is expected to do, from the whole and from its own days. */
export function speedOfPhase(whole: Speed, trials: readonly Trial[]): Speed {
  const spread = Math.log(whole.high / whole.factor) / Z80;
  return speedFrom(trials, { mean: Math.log(whole.factor), spread: Math.hypot(spread, PHASE_SPREAD) });
}

function speedOf(mean: number, spread: number, basis: Pick<Speed, 'trials' | 'dispersion'>): Speed {
  const at = (log: number) => Math.exp(Math.min(BOUND, Math.max(-BOUND, log)));
  return { factor: at(mean), low: at(mean - Z80 * spread), high: at(mean + Z80 * spread), ...basis };
}

const chance = ({ curve, from, to }: Trial, speed: number) =>
  Math.min(1 - 1e-6, Math.max(1e-6, curve.between(from * speed, to * speed)));

/** In standard deviations of what chance alone does. */
function deviation(trial: Trial, speed: number): number {
  const p = chance(trial, speed);
  return (cameOf(trial) - trial.before * p) / Math.sqrt(trial.before * p * (1 - p));
}

/** Somebody who went back does not make anybody come a negative number of times. */
const cameOf = ({ came, before }: Trial) => Math.min(before, Math.max(0, came));

function logLikelihood(trial: Trial, speed: number): number {
  const p = chance(trial, speed);
  const came = cameOf(trial);
  return came * Math.log(p) + (trial.before - came) * Math.log(1 - p);
}

interface Weighing {
  readonly prior: Prior;
  readonly dispersion: number;
  readonly weights: readonly number[];
}

/** How probable each step of the grid is. */
function weighed(trials: readonly Trial[], { prior, dispersion, weights }: Weighing): number[] {
  const logs = GRID.map((log) => {
    const told = sum(trials.map((trial, i) => weights[i]! * logLikelihood(trial, Math.exp(log))));
    return told / dispersion - (log - prior.mean) ** 2 / (2 * prior.spread ** 2);
  });
  const most = Math.max(...logs);
  const shares = logs.map((log) => Math.exp(log - most));
  const all = sum(shares);
  return shares.map((share) => share / all);
}

function bestOf(trials: readonly Trial[], prior: Prior, dispersion: number): number {
  const posterior = weighed(trials, { prior, dispersion, weights: trials.map(() => 1) });
  return GRID[posterior.indexOf(Math.max(...posterior))]!;
}

/** By the median, which a few odd weeks do not move. */
function dispersionOf(trials: readonly Trial[], best: number): number {
  const squares = trials.map((trial) => deviation(trial, Math.exp(best)) ** 2).sort((a, b) => a - b);
  const found = squares.length > 0 ? squares[Math.floor((squares.length - 1) / 2)]! / MEDIAN_SQUARE : 1;
  const { trials: supposed, dispersion } = SUPPOSED;
  return Math.max(1, (supposed * dispersion + squares.length * found) / (supposed + squares.length));
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
