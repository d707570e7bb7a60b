/** What is measured of keeping both sides equal. Labels are names from the settings and closed sets. */
import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';
import { keptFor } from './kept.ts';
import type { Metrics, Sources } from './metrics.ts';

/** `not-started` where it never was. */
export const SYNC_STATES = ['not-started', 'aligning', 'running', 'paused', 'draining', 'stopped'] as const;

export interface SyncGauges {
  readonly pairs: readonly {
    readonly target: string;
    readonly state: (typeof SYNC_STATES)[number];
    /** Null: the queue does not answer. */
    readonly queue: {
      readonly live: number;
      readonly backlog: number;
      /** For another try. */
      readonly waiting: number;
      readonly dead: number;
      readonly oldestLiveSeconds: number;
      readonly oldestBacklogSeconds: number;
    } | null;
    /** To be decided by somebody. */
    readonly conflicts: readonly { readonly kind: string; readonly conflicts: number }[];
    readonly passwords: readonly { readonly state: string; readonly people: number }[];
  }[];
  readonly feeds: readonly {
    readonly store: string;
    readonly feed: string;
    readonly seconds: number | undefined;
    readonly bytes: number | undefined;
    readonly changes: number | undefined;
    readonly isWrong: boolean;
  }[];
}

type Own =
  | 'syncTurns'
  | 'syncFieldsWritten'
  | 'syncConflicts'
  | 'syncIntake'
  | 'syncState'
  | 'syncWaiting'
  | 'syncDead'
  | 'syncRetrying'
  | 'syncOldest'
  | 'syncConflictsOpen'
  | 'syncPasswordsOpen'
  | 'syncFeedLagSeconds'
  | 'syncFeedLagBytes'
  | 'syncFeedLagChanges'
  | 'syncFeedProblem';

/** What `onTurns` tells. */
export interface CountedTurns {
  readonly target: string;
  readonly people: number;
  readonly toTarget: number;
  readonly toLegacy: number;
  readonly conflicts: number;
  /** Of `people`. */
  readonly failed: number;
}

export const countTurns =
  ({ syncTurns, syncFieldsWritten, syncConflicts }: Pick<Metrics, Own>) =>
  ({ target, people, toTarget, toLegacy, conflicts, failed }: CountedTurns): void => {
    syncTurns.inc({ target, result: 'done' }, people - failed);
    syncTurns.inc({ target, result: 'failed' }, failed);
    syncFieldsWritten.inc({ target, side: 'target' }, toTarget);
    syncFieldsWritten.inc({ target, side: 'legacy' }, toLegacy);
    syncConflicts.inc({ target }, conflicts);
  };

/** All gauges of one scrape are of one look, which all of them share. */
const KEPT_MS = 5_000;

/** While our database does not answer they have no value, and the other metrics go on. */
export function syncMetrics(registers: Registry[], sources: () => Sources): Pick<Metrics, Own> {
  const look = keptFor(KEPT_MS, () => sources().sync());
  const gauge = <Label extends string>(
    name: string,
    help: string,
    { labels, set }: { readonly labels: readonly Label[]; readonly set: Setting<Label> },
  ) =>
    new Gauge<Label>({
      name: `footbridge_sync_${name}`,
      help,
      labelNames: [...labels],
      registers,
      async collect() {
        const seen = await look().catch(() => undefined);
        this.reset();
        if (seen) set(seen, (of, value) => value !== undefined && this.set(of, value));
      },
    });
  const counter = <Label extends string>(name: string, help: string, labels: readonly Label[]) =>
    new Counter<Label>({ name: `footbridge_sync_${name}`, help, labelNames: [...labels], registers });
  return {
    syncTurns: counter('turns_total', 'People whose two sides were looked at, by what came of it.', [
      'target',
      'result',
    ]),
    syncFieldsWritten: counter('fields_written_total', 'Fields that were written, by side.', [
      'target',
      'side',
    ]),
    syncConflicts: counter('conflicts_total', 'Fields that both sides had changed, or that were overruled.', [
      'target',
    ]),
    syncIntake: counter('intake_total', 'Changes told at POST /legacy/changes, by what became of them.', [
      'result',
    ]),
    ...pairGauges(gauge),
    ...feedGauges(gauge),
  };
}

type Setting<Label extends string> = (
  seen: SyncGauges,
  set: (of: Record<Label, string>, value: number | undefined) => void,
) => void;
type MakeGauge = <Label extends string>(
  name: string,
  help: string,
  how: { readonly labels: readonly Label[]; readonly set: Setting<Label> },
) => Gauge<Label>;

const pairGauges = (gauge: MakeGauge) => ({
  syncState: gauge('state', '1 for the state that a target’s sync is in.', {
    labels: ['target', 'state'],
    set: ({ pairs }, set) => {
      for (const { target, state } of pairs)
        for (const one of SYNC_STATES) set({ target, state: one }, one === state ? 1 : 0);
    },
  }),
  syncWaiting: gauge('waiting', 'People whose turn it is, by lane: live edits, and backlog.', {
    labels: ['target', 'lane'],
    set: ({ pairs }, set) => {
      for (const { target, queue } of pairs) {
        set({ target, lane: 'live' }, queue?.live);
        set({ target, lane: 'backlog' }, queue?.backlog);
      }
    },
  }),
  syncOldest: gauge(
    'oldest_seconds',
    'How long the one has waited who has waited longest and could be taken.',
    {
      labels: ['target', 'lane'],
      set: ({ pairs }, set) => {
        for (const { target, queue } of pairs) {
          set({ target, lane: 'live' }, queue?.oldestLiveSeconds);
          set({ target, lane: 'backlog' }, queue?.oldestBacklogSeconds);
        }
      },
    },
  ),
  syncDead: gauge('dead', 'Dead letters: people who could not be made equal.', {
    labels: ['target'],
    set: ({ pairs }, set) => {
      for (const { target, queue } of pairs) set({ target }, queue?.dead);
    },
  }),
  syncRetrying: gauge(
    'retrying',
    'People who wait for another try, because a side is down or refuses them.',
    {
      labels: ['target'],
      set: ({ pairs }, set) => {
        for (const { target, queue } of pairs) set({ target }, queue?.waiting);
      },
    },
  ),
  syncConflictsOpen: gauge('conflicts_open', 'Conflicts that somebody has to decide, by kind.', {
    labels: ['target', 'kind'],
    set: ({ pairs }, set) => {
      for (const { target, conflicts } of pairs)
        for (const { kind, conflicts: open } of conflicts) set({ target, kind }, open);
    },
  }),
  syncPasswordsOpen: gauge(
    'passwords_open',
    'People of whom one side does not have the newest password yet.',
    {
      labels: ['target', 'state'],
      set: ({ pairs }, set) => {
        for (const { target, passwords } of pairs)
          for (const state of ['at-target', 'waits'])
            set(
              { target, state },
              passwords.filter((one) => one.state === state).reduce((sum, { people }) => sum + people, 0),
            );
      },
    },
  ),
});

const feedGauges = (gauge: MakeGauge) => {
  const lag = (unit: 'seconds' | 'bytes' | 'changes') =>
    gauge(`feed_lag_${unit}`, `How far the reading of a store’s changes is behind, in ${unit}.`, {
      labels: ['store', 'feed'],
      set: ({ feeds }, set) => {
        for (const { store, feed, [unit]: value } of feeds) set({ store, feed }, value);
      },
    });
  return {
    syncFeedLagSeconds: lag('seconds'),
    syncFeedLagBytes: lag('bytes'),
    syncFeedLagChanges: lag('changes'),
    syncFeedProblem: gauge(
      'feed_problem',
      '1 while a store’s changes cannot be read, or somebody has to see to it.',
      {
        labels: ['store', 'feed'],
        set: ({ feeds }, set) => {
          for (const { store, feed, isWrong } of feeds) set({ store, feed }, isWrong ? 1 : 0);
        },
      },
    ),
  };
};
