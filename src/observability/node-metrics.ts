/** What is measured of a node itself: what it stands on, how long that takes to answer, and how old what waits is. */
import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from 'prom-client';
import { keptFor, orNothing } from './kept.ts';
import type { Metrics, Sources } from './metrics.ts';

export interface NodeSources {
  /** As `/readyz` says it. */
  readonly parts: () => Promise<Readonly<Record<string, string>>>;
  /** Of our own database's pool. */
  readonly connections: () => { readonly used: number; readonly idle: number; readonly waiting: number };
  readonly keys: () => Promise<
    readonly { readonly purpose: string; readonly state: string; readonly stateSince: Date }[]
  >;
  /** How far our database's clock is ahead of ours. */
  readonly clockOffsetSeconds: () => Promise<number>;
  /** Of the record that has waited longest for its seal. */
  readonly oldestUnsealedSeconds: () => Promise<number>;
  readonly oldestLegacyWriteSeconds: () => Promise<number>;
  readonly people: () => Promise<
    readonly { readonly target: string; readonly state: string; readonly users: number }[]
  >;
}

type Own =
  | 'hashingSeconds'
  | 'hashingRefused'
  | 'legacyCalls'
  | 'targetCalls'
  | 'loginOutcomes'
  | 'webhookEvents'
  | 'configReloads'
  | 'configLoadedAt'
  | 'parts'
  | 'databaseConnections'
  | 'keyAge'
  | 'clockOffset'
  | 'auditUnsealed'
  | 'legacyWritesOldest'
  | 'people';

/** Changes by the day. */
const KEYS_MS = 60_000;
/** Counting a million people takes a moment. */
const PEOPLE_MS = 60_000;
const LOOK_MS = 10_000;

/** A storm of logins and an outage both lie above a second. */
const CALL_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function nodeMetrics(registers: Registry[], sources: () => Sources): Pick<Metrics, Own> {
  const keys = keptFor(KEYS_MS, () => sources().keys());
  const people = keptFor(PEOPLE_MS, () => sources().people());
  return {
    ...callMetrics(registers),
    ...secondsOf(registers, sources),
    parts: new Gauge({
      name: 'footbridge_part_up',
      help: '1 for each part of a node that is well, as /readyz says it: storage, schema, legacy, hashing, sync, audit, and each target.',
      labelNames: ['part'],
      registers,
      async collect() {
        const parts = await orNothing(() => sources().parts());
        this.reset();
        for (const [part, says] of Object.entries(parts ?? {})) this.set({ part }, says === 'up' ? 1 : 0);
      },
    }),
    databaseConnections: new Gauge({
      name: 'footbridge_database_connections',
      help: 'Connections to our own database that are in use and idle, and requests that wait for one.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, count] of Object.entries(sources().connections())) this.set({ state }, count);
      },
    }),
    keyAge: new Gauge({
      name: 'footbridge_key_age_seconds',
      help: 'How long keys of the provider have been in their state, by purpose; of several previous ones the youngest.',
      labelNames: ['purpose', 'state'],
      registers,
      async collect() {
        const known = await orNothing(keys);
        this.reset();
        for (const [purpose, state, age] of agesOf(known ?? [])) this.set({ purpose, state }, age);
      },
    }),
    people: new Gauge({
      name: 'footbridge_people',
      help: 'People of the ledger by target and state; who was never here is not in it.',
      labelNames: ['target', 'state'],
      registers,
      async collect() {
        const rows = await orNothing(people);
        this.reset();
        for (const { target, state, users } of rows ?? []) this.set({ target, state }, users);
      },
    }),
  };
}

function secondsOf(registers: Registry[], sources: () => Sources) {
  const gauge = (name: string, help: string, ask: () => Promise<number>) => {
    const look = keptFor(LOOK_MS, ask);
    return new Gauge({
      name: `footbridge_${name}_seconds`,
      help,
      registers,
      async collect() {
        // 0 would say that all is well.
        this.set((await orNothing(look)) ?? Number.NaN);
      },
    });
  };
  return {
    clockOffset: gauge('clock_offset', 'How far our database’s clock is ahead of this node’s.', () =>
      sources().clockOffsetSeconds(),
    ),
    auditUnsealed: gauge(
      'audit_unsealed_oldest',
      'How long the record of the audit log has waited that waits longest for its seal; 0: none waits.',
      () => sources().oldestUnsealedSeconds(),
    ),
    legacyWritesOldest: gauge(
      'legacy_writes_oldest',
      'How long the one has waited that has waited longest to be written to the legacy store; 0: none waits.',
      () => sources().oldestLegacyWriteSeconds(),
    ),
  };
}

const callMetrics = (registers: Registry[]) => ({
  hashingSeconds: new Histogram({
    name: 'footbridge_password_hashing_seconds',
    help: 'From asking for a hash to having it, with the time that it waits for a core.',
    labelNames: ['call'],
    buckets: CALL_SECONDS,
    registers,
  }),
  hashingRefused: new Counter({
    name: 'footbridge_password_hashing_refused_total',
    help: 'Hashes that were refused at once, because too many waited.',
    registers,
  }),
  legacyCalls: new Histogram({
    name: 'footbridge_legacy_seconds',
    help: 'Calls to the legacy store; unavailable: it did not answer, or was not asked because it had not before.',
    labelNames: ['call', 'result'],
    buckets: CALL_SECONDS,
    registers,
  }),
  targetCalls: new Histogram({
    name: 'footbridge_target_seconds',
    help: 'Calls to targets; unavailable: it did not answer, or said that it cannot.',
    labelNames: ['target', 'result'],
    buckets: CALL_SECONDS,
    registers,
  }),
  loginOutcomes: new Counter({
    name: 'footbridge_login_outcomes_total',
    help: 'Logins and moves by the way people came, and what came of it: as the rollout plan counts them.',
    labelNames: ['target', 'path', 'outcome'],
    registers,
  }),
  webhookEvents: new Counter({
    name: 'footbridge_webhook_events_total',
    help: 'Signed events that targets told, new and told again.',
    labelNames: ['target', 'result'],
    registers,
  }),
  configReloads: new Counter({
    name: 'footbridge_config_reloads_total',
    help: 'Times that the configuration was to be read again; refused: the one before goes on.',
    labelNames: ['result'],
    registers,
  }),
  configLoadedAt: new Gauge({
    name: 'footbridge_config_loaded_timestamp_seconds',
    help: 'When the configuration that is in force was read.',
    registers,
  }),
});

/** The youngest of each purpose and state. */
function agesOf(keys: Awaited<ReturnType<NodeSources['keys']>>): [string, string, number][] {
  const byKind = Map.groupBy(keys, ({ purpose, state }) => `${purpose} ${state}`);
  return [...byKind.values()].map((same) => {
    const youngest = Math.max(...same.map(({ stateSince }) => stateSince.getTime()));
    return [same[0]!.purpose, same[0]!.state, Math.max(0, (Date.now() - youngest) / 1_000)];
  });
}
