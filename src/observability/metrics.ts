/** Prometheus metrics. Labels are from closed sets: no user, no free text. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { keptFor, orNothing } from './kept.ts';
import type { NodeSources } from './node-metrics.ts';
import { nodeMetrics } from './node-metrics.ts';
import { sessionMetrics } from './session-metrics.ts';
import type { SyncGauges } from './sync-metrics.ts';
import { syncMetrics } from './sync-metrics.ts';

export interface Sources extends NodeSources {
  readonly hashing: () => { readonly slots: number; readonly running: number; readonly queued: number };
  readonly moves: () => Promise<
    readonly {
      readonly target: string;
      readonly waiting: number;
      readonly givenUp: number;
      /** Of those that wait; 0: none does. */
      readonly oldestSeconds: number;
    }[]
  >;
  /** Live sessions of this provider. */
  readonly opSessions: () => Promise<number | undefined>;
  readonly legacySessions: () => Promise<
    readonly { readonly app: string; readonly live: number; readonly failed: number }[]
  >;
  readonly deliveries: () => Promise<
    readonly {
      readonly kind: string;
      readonly name: string;
      readonly waiting: number;
      readonly dead: number;
    }[]
  >;
  readonly legacyWrites: () => Promise<number | undefined>;
  /** Of the delivery that waits longest; 0: none waits. */
  readonly oldestDeliverySeconds: () => Promise<number | undefined>;
  readonly sync: () => Promise<SyncGauges>;
}

/** Two gauges are of one look. */
const MOVES_MS = 5_000;

export interface Metrics {
  readonly registry: Registry;
  readonly logins: Counter<'result'>;
  readonly rewrites: Counter<'format' | 'write' | 'result'>;
  readonly captures: Counter<'target' | 'reason'>;
  readonly passwordsReleased: Counter<'target' | 'password'>;
  readonly requests: Histogram<'route' | 'status'>;
  readonly secretsReleased: Counter<'result'>;
  readonly moves: Counter<'target' | 'road' | 'result'>;
  readonly moveSeconds: Histogram<'target' | 'road'>;
  readonly dropInCalls: Counter<'dropIn' | 'result'>;
  readonly claims: Counter<'target' | 'purpose' | 'outcome'>;
  readonly membershipReads: Counter<'target' | 'result'>;
  readonly legacyWrites: Gauge;
  readonly hookCalls: Counter<'target' | 'hook' | 'call' | 'result'>;
  readonly lookups: Counter<'target' | 'found'>;
  readonly legacySessions: Counter<'app' | 'outcome'>;
  readonly recognitions: Counter<'app' | 'outcome'>;
  readonly sessionEndings: Counter<'cause'>;
  readonly logoutDeliveries: Counter<'kind' | 'result'>;
  readonly opSessionsLive: Gauge;
  readonly legacySessionsLive: Gauge<'app' | 'state'>;
  readonly deliveriesOpen: Gauge<'kind' | 'name' | 'state'>;
  readonly oldestDelivery: Gauge;
  readonly syncTurns: Counter<'target' | 'result'>;
  readonly syncFieldsWritten: Counter<'target' | 'side'>;
  readonly syncConflicts: Counter<'target'>;
  readonly syncIntake: Counter<'result'>;
  readonly syncState: Gauge<'target' | 'state'>;
  readonly syncWaiting: Gauge<'target' | 'lane'>;
  readonly syncOldest: Gauge<'target' | 'lane'>;
  readonly syncDead: Gauge<'target'>;
  readonly syncRetrying: Gauge<'target'>;
  readonly syncConflictsOpen: Gauge<'target' | 'kind'>;
  readonly syncPasswordsOpen: Gauge<'target' | 'state'>;
  readonly syncFeedLagSeconds: Gauge<'store' | 'feed'>;
  readonly syncFeedLagBytes: Gauge<'store' | 'feed'>;
  readonly syncFeedLagChanges: Gauge<'store' | 'feed'>;
  readonly syncFeedProblem: Gauge<'store' | 'feed'>;
  readonly hashingSeconds: Histogram<'call'>;
  readonly hashingRefused: Counter;
  readonly legacyCalls: Histogram<'call' | 'result'>;
  readonly targetCalls: Histogram<'target' | 'result'>;
  readonly loginOutcomes: Counter<'target' | 'path' | 'outcome'>;
  readonly webhookEvents: Counter<'target' | 'result'>;
  readonly configReloads: Counter<'result'>;
  readonly configLoadedAt: Gauge;
  readonly parts: Gauge<'part'>;
  readonly databaseConnections: Gauge<'state'>;
  readonly keyAge: Gauge<'purpose' | 'state'>;
  readonly clockOffset: Gauge;
  readonly auditUnsealed: Gauge;
  readonly legacyWritesOldest: Gauge;
  readonly people: Gauge<'target' | 'state'>;
  readonly storageUp: Gauge;
  readonly hashingQueue: Gauge<'state'>;
  readonly movesWaiting: Gauge<'target' | 'state'>;
  readonly movesOldest: Gauge<'target'>;
  /** Where the gauges' values come from when they are asked for. */
  watch(sources: Partial<Sources>): void;
}

export function openMetrics(): Metrics {
  let sources: Sources = {
    hashing: () => ({ slots: 0, running: 0, queued: 0 }),
    parts: async () => ({}),
    connections: () => ({ used: 0, idle: 0, waiting: 0 }),
    keys: async () => [],
    clockOffsetSeconds: async () => 0,
    oldestUnsealedSeconds: async () => 0,
    oldestLegacyWriteSeconds: async () => 0,
    people: async () => [],
    moves: async () => [],
    opSessions: async () => undefined,
    legacySessions: async () => [],
    deliveries: async () => [],
    legacyWrites: async () => undefined,
    oldestDeliverySeconds: async () => undefined,
    sync: async () => ({ pairs: [], feeds: [] }),
  };
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'footbridge_' });
  const registers = [registry];
  const moves = keptFor(MOVES_MS, () => sources.moves());
  return {
    registry,
    watch: (more) => {
      sources = { ...sources, ...more };
    },
    logins: new Counter({
      name: 'footbridge_logins_total',
      help: 'Login attempts by result.',
      labelNames: ['result'],
      registers,
    }),
    requests: new Histogram({
      name: 'footbridge_request_seconds',
      help: 'Time to answer on the public listener.',
      labelNames: ['route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 1, 3, 10],
      registers,
    }),
    rewrites: new Counter({
      name: 'footbridge_password_rewrites_total',
      help: 'Password hashes rewritten for a target, each proved at a login, by legacy format, form and result.',
      labelNames: ['format', 'write', 'result'],
      registers: [registry],
    }),
    captures: new Counter({
      name: 'footbridge_passwords_captured_total',
      help: 'Passwords hashed anew at a login, because the target cannot have the stored hash, by reason.',
      labelNames: ['target', 'reason'],
      registers: [registry],
    }),
    passwordsReleased: new Counter({
      name: 'footbridge_passwords_released_total',
      help: 'Releases by what became of the password: carried, rehashed, captured, reset or none.',
      labelNames: ['target', 'password'],
      registers,
    }),
    secretsReleased: new Counter({
      name: 'footbridge_secret_requests_total',
      help: 'Secret retrievals by result.',
      labelNames: ['result'],
      registers,
    }),
    moves: new Counter({
      name: 'footbridge_moves_total',
      help: 'Tries to make somebody at a target, by what asked for it and result.',
      labelNames: ['target', 'road', 'result'],
      registers,
    }),
    moveSeconds: new Histogram({
      name: 'footbridge_move_seconds',
      help: 'How long such a try took.',
      labelNames: ['target', 'road'],
      buckets: [0.05, 0.2, 0.5, 1, 3, 10, 30],
      registers,
    }),
    movesWaiting: new Gauge({
      name: 'footbridge_moves_waiting',
      help: 'People who are being made at a target: still to be tried, and given up.',
      labelNames: ['target', 'state'],
      registers,
      async collect() {
        const counted = await orNothing(moves);
        this.reset();
        for (const { target, waiting, givenUp } of counted ?? []) {
          this.set({ target, state: 'waiting' }, waiting);
          this.set({ target, state: 'given_up' }, givenUp);
        }
      },
    }),
    movesOldest: new Gauge({
      name: 'footbridge_moves_oldest_seconds',
      help: 'How long the one has waited who has waited longest to be made at a target, without those given up.',
      labelNames: ['target'],
      registers,
      async collect() {
        const counted = await orNothing(moves);
        this.reset();
        for (const { target, oldestSeconds } of counted ?? []) this.set({ target }, oldestSeconds);
      },
    }),
    dropInCalls: new Counter({
      name: 'footbridge_drop_in_calls_total',
      help: 'Passwords and people that other systems asked for in a contract of their own, by result.',
      labelNames: ['dropIn', 'result'],
      registers,
    }),
    claims: new Counter({
      name: 'footbridge_claims_total',
      help: 'Links of accounts and sign-ins at a target, by what became of them.',
      labelNames: ['target', 'purpose', 'outcome'],
      registers,
    }),
    membershipReads: new Counter({
      name: 'footbridge_membership_reads_total',
      help: 'Members of linked organizations read at their target, by what came of it.',
      labelNames: ['target', 'result'],
      registers,
    }),
    legacyWrites: new Gauge({
      name: 'footbridge_legacy_writes_waiting',
      help: 'What the legacy store is still to be told of links.',
      registers,
      async collect() {
        const waiting = await orNothing(() => sources.legacyWrites());
        if (waiting === undefined) this.remove();
        else this.set(waiting);
      },
    }),
    hookCalls: new Counter({
      name: 'footbridge_hook_calls_total',
      help: 'Calls of targets at our hooks, by what they meant and result.',
      labelNames: ['target', 'hook', 'call', 'result'],
      registers,
    }),
    lookups: new Counter({
      name: 'footbridge_target_lookups_total',
      help: 'People looked for at a target, and whether it has them.',
      labelNames: ['target', 'found'],
      registers,
    }),
    legacySessions: new Counter({
      name: 'footbridge_legacy_sessions_total',
      help: 'Sessions made at legacy apps, by app and outcome.',
      labelNames: ['app', 'outcome'],
      registers,
    }),
    ...nodeMetrics(registers, () => sources),
    ...sessionMetrics(registers, () => sources),
    ...syncMetrics(registers, () => sources),
    storageUp: new Gauge({
      name: 'footbridge_storage_up',
      help: '1 while our own database answers.',
      registers,
    }),
    hashingQueue: new Gauge({
      name: 'footbridge_password_hashing',
      help: 'Password hashes: how many can be computed at once, how many are, and how many wait.',
      labelNames: ['state'],
      registers,
      collect() {
        const { slots, running, queued } = sources.hashing();
        this.set({ state: 'slots' }, slots);
        this.set({ state: 'running' }, running);
        this.set({ state: 'queued' }, queued);
      },
    }),
  };
}
