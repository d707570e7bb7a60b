/** Prometheus metrics. Labels are from closed sets: no user, no free text. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  readonly logins: Counter<'result'>;
  readonly rewrites: Counter<'format' | 'write' | 'result'>;
  readonly captures: Counter<'target' | 'reason'>;
  readonly passwordsReleased: Counter<'target' | 'password'>;
  readonly requests: Histogram<'route' | 'status'>;
  readonly secretsReleased: Counter<'result'>;
  readonly backchannelLogouts: Counter<'result'>;
  readonly legacySessions: Counter<'app' | 'outcome'>;
  readonly storageUp: Gauge;
  readonly hashingQueue: Gauge<'state'>;
}

export function openMetrics(hashing: () => { running: number; queued: number }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'footbridge_' });
  const registers = [registry];
  return {
    registry,
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
    backchannelLogouts: new Counter({
      name: 'footbridge_backchannel_logouts_total',
      help: 'Logout tokens by result.',
      labelNames: ['result'],
      registers,
    }),
    legacySessions: new Counter({
      name: 'footbridge_legacy_sessions_total',
      help: 'Sessions made at legacy apps, by app and outcome.',
      labelNames: ['app', 'outcome'],
      registers,
    }),
    storageUp: new Gauge({
      name: 'footbridge_storage_up',
      help: '1 while our own database answers.',
      registers,
    }),
    hashingQueue: new Gauge({
      name: 'footbridge_password_hashing',
      help: 'Password verifications running and waiting.',
      labelNames: ['state'],
      registers,
      collect() {
        const { running, queued } = hashing();
        this.set({ state: 'running' }, running);
        this.set({ state: 'queued' }, queued);
      },
    }),
  };
}
