/** People who log in all the while, a few at a time, and what became of each. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Settings } from '../../flows/zitadel/settings.ts';
import type { Answer } from '../../support/browser.ts';

/** Starting processes takes its time on a busy machine. */
export const OPENS_WITHIN_MS = 300_000;

/**
 * Everybody comes from one network, and the machine may be busy with other things: what is not broken on purpose is given time, so
 * that who fails has failed for the fault.
 */
export function patient(settings: Settings): void {
  settings.provider.login.networkLookups = 100_000;
  settings.passwords = { queueWaitSeconds: 60 };
  settings.legacy.timeoutMs = 20_000;
}

export interface Traffic {
  readonly done: number;
  /** Of those who did not get in: what they saw. */
  readonly failures: readonly string[];
  /** Answers of 500 and above that are not a 503 with Retry-After. */
  readonly unexplained5xx: number;
  /** Told to come back, and in when they did: where the machine has more to do than it can. */
  readonly turnedAway: number;
  readonly slowestMs: number;
  /** Logins a second since the beginning. */
  readonly perSecond: number;
  /** No new ones; waits for those under way. */
  stop(): Promise<void>;
}

export interface TrafficPlan {
  readonly perSecond: number;
  /** Under way at once at most: on a busy machine fewer come, and none is turned away for the machine's sake. */
  readonly atOnce?: number;
  /** The n-th login, from the way in to where it ends. */
  readonly logIn: (n: number) => Promise<Answer>;
}

/** Of all logins: a busy machine turns away a few; a node that goes away turns away everybody who was on it. */
export const MAX_TURNED_AWAY = 0.02;
/** Whoever is told so often to come back has failed. */
const MAX_TRIES = 3;

export function openTraffic({ perSecond, atOnce = 8, logIn }: TrafficPlan): Traffic {
  const startedAt = performance.now();
  const failures: string[] = [];
  const state = { begun: 0, done: 0, unexplained: 0, turnedAway: 0, slowestMs: 0 };
  const underWay = new Set<Promise<void>>();

  const one = async (n: number, tries = 1): Promise<void> => {
    const from = performance.now();
    try {
      const { status, location, url, body, headers } = await logIn(n);
      const again = Number(headers['retry-after'] ?? 0);
      if (status === 503 && again > 0 && tries < MAX_TRIES) {
        state.turnedAway += 1;
        await wait(again * 1_000);
        return one(n, tries + 1);
      }
      if (!location?.includes('code=')) failures.push(`${n}: ${status} ${url} ${body.slice(0, 300)}`);
      if (status >= 500 && !(status === 503 && again > 0)) state.unexplained += 1;
    } catch (error) {
      failures.push(`${n}: ${(error as NodeJS.ErrnoException).code ?? error}`);
    }
    state.slowestMs = Math.max(state.slowestMs, performance.now() - from);
    state.done += 1;
  };
  const timer = setInterval(() => {
    if (underWay.size >= atOnce) return;
    const login: Promise<void> = one(state.begun++).finally(() => underWay.delete(login));
    underWay.add(login);
  }, 1_000 / perSecond);

  return {
    get done() {
      return state.done;
    },
    failures,
    get unexplained5xx() {
      return state.unexplained;
    },
    get turnedAway() {
      return state.turnedAway;
    },
    get slowestMs() {
      return state.slowestMs;
    },
    get perSecond() {
      return Math.round(state.done / ((performance.now() - startedAt) / 1_000));
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}
