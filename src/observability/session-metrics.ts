/** What is measured of sessions: who is recognised, what ends, who is told. Labels are names from the settings and closed sets. */
import type { Registry } from 'prom-client';
import { Counter, Gauge } from 'prom-client';
import { keptFor, orNothing } from './kept.ts';
import type { Metrics, Sources } from './metrics.ts';

type Own =
  | 'recognitions'
  | 'sessionEndings'
  | 'logoutDeliveries'
  | 'opSessionsLive'
  | 'legacySessionsLive'
  | 'deliveriesOpen'
  | 'oldestDelivery';

/** Gauges ask our database when they are asked; while it is down they have no value, and the other metrics go on. */
export function sessionMetrics(registers: Registry[], sources: () => Sources): Pick<Metrics, Own> {
  const legacySessions = keptFor(KEPT_MS, () => sources().legacySessions());
  return {
    recognitions: new Counter({
      name: 'footbridge_recognitions_total',
      help: 'Legacy sessions looked at instead of asking for a password, by app and outcome.',
      labelNames: ['app', 'outcome'],
      registers,
    }),
    sessionEndings: new Counter({
      name: 'footbridge_session_endings_total',
      help: 'Endings of sessions by cause.',
      labelNames: ['cause'],
      registers,
    }),
    logoutDeliveries: new Counter({
      name: 'footbridge_logout_deliveries_total',
      help: 'Clients, legacy apps and targets told that a session has ended, by result of each try.',
      labelNames: ['kind', 'result'],
      registers,
    }),
    opSessionsLive: numberGauge(registers, {
      name: 'footbridge_op_sessions',
      help: 'Live sessions of this provider, on all nodes together.',
      read: keptFor(KEPT_MS, () => sources().opSessions()),
    }),
    oldestDelivery: numberGauge(registers, {
      name: 'footbridge_logout_delivery_oldest_seconds',
      help: 'How long the one has waited who has waited longest to be told of a logout, without those given up.',
      read: () => sources().oldestDeliverySeconds(),
    }),
    legacySessionsLive: new Gauge({
      name: 'footbridge_legacy_sessions',
      help: 'Sessions at legacy apps that belong to ours: live, and those that could not be made or asked about.',
      labelNames: ['app', 'state'],
      registers,
      async collect() {
        const rows = await orNothing(legacySessions);
        this.reset();
        for (const { app, live, failed } of rows ?? []) {
          this.set({ app, state: 'live' }, live);
          this.set({ app, state: 'failed' }, failed);
        }
      },
    }),
    deliveriesOpen: new Gauge({
      name: 'footbridge_logout_deliveries_open',
      help: 'Who is still to be told of a logout, and who was given up.',
      labelNames: ['kind', 'name', 'state'],
      registers,
      async collect() {
        const rows = await orNothing(() => sources().deliveries());
        this.reset();
        for (const { kind, name, waiting, dead } of rows ?? []) {
          this.set({ kind, name, state: 'waiting' }, waiting);
          this.set({ kind, name, state: 'dead' }, dead);
        }
      },
    }),
  };
}

interface NumberGauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => Promise<number | undefined>;
}

function numberGauge(registers: Registry[], { name, help, read: ask }: NumberGauge): Gauge {
  return new Gauge({
    name,
    help,
    registers,
    async collect() {
      const value = await orNothing(ask);
      // A gauge without labels cannot be without a value otherwise: 0 would say that nobody is logged in.
      this.set(value ?? Number.NaN);
    },
  });
}

/** Counting a million sessions takes a second, and whoever measures asks every node every few seconds. */
const KEPT_MS = 30_000;
