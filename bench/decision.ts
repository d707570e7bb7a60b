/**
 * How long it takes to decide where somebody goes: the pure function with a plan of the largest size, and the whole of it
 * with our database, which reads the assignment and looks whether the plan is still the same.
 * `node bench/decision.ts [people]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { decide } from '../src/rollout/deciding.ts';
import type { Person } from '../src/rollout/membership.ts';
import { keepPlan, readSnapshot, turnPhase } from '../src/rollout/phases.ts';
import type { Plan } from '../src/rollout/plan.ts';
import { planShape } from '../src/rollout/plan.ts';
import { openRollout } from '../src/rollout/rollout.ts';
import { openDb } from '../src/store/db.ts';
import { startEmbeddedPostgres } from '../src/store/embedded.ts';
import { schemaUp } from '../src/store/schema.ts';
import { execute } from '../test/support/database.ts';

const PEOPLE = Number(process.argv[2] ?? 20_000);
const AT_ONCE = 8;
const TARGET = 'new';

const plan: Plan = planShape.parse({
  name: 'bench',
  target: TARGET,
  apps: Object.fromEntries(
    Array.from({ length: 500 }, (_, at) => [`app-${at}`, { clients: [`client-${at}`] }]),
  ),
  segments: Object.fromEntries(
    Array.from({ length: 200 }, (_, at) => [
      `segment-${at}`,
      at === 199 ? { percentage: 90 } : { emailDomains: [`domain-${at}.example`], roles: ['nobody'] },
    ]),
  ),
  phases: Array.from({ length: 100 }, (_, at) => ({
    name: `phase-${at}`,
    segments: at === 99 ? ['segment-199'] : [`segment-${2 * at}`, `segment-${2 * at + 1}`],
  })),
});
const small: Plan = planShape.parse({
  name: 'small',
  target: TARGET,
  segments: { staff: { emailDomains: ['staff.example'] }, tenth: { percentage: 90 } },
  phases: [
    { name: 'staff', segments: ['staff'] },
    { name: 'tenth', segments: ['tenth'] },
  ],
});
const people: Person[] = Array.from({ length: PEOPLE }, (_, at) => ({
  sub: `shop:${at}`,
  email: `p${at}@example.com`,
  emailVerified: true,
  locale: 'de-DE',
  roles: ['customer'],
}));

function tell(name: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))]!.toFixed(4);
  console.log(`${name.padEnd(58)} p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   p99.9 ${at(0.999)} ms`);
}

const data = mkdtempSync(join(tmpdir(), 'footbridge-decision-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(data, 'postgres') });
await execute(postgres.url('postgres'), 'create database footbridge');
await schemaUp({ url: postgres.url('footbridge') });
const db = openDb({ url: postgres.url('footbridge') });
try {
  for (const [name, one] of [
    ['largest plan (100 phases, 200 segments, 500 apps)', plan],
    ['two phases', small],
  ] as const) {
    await db.transaction(async (tx) => void (await keepPlan(tx, { plan: one, source: '', actor: 'bench' })));
    for (const phase of one.phases)
      await turnPhase(db, {
        target: TARGET,
        phase: phase.name,
        to: 'running',
        cause: 'bench',
        nowMs: Date.now(),
        actor: 'bench',
      });
    const snapshot = (await readSnapshot(db, TARGET))!;
    const question = { isThere: false, assignments: [], nowMs: Date.now() };
    const pure = people.map((person) => {
      const start = performance.now();
      decide(snapshot, { ...question, person });
      return performance.now() - start;
    });
    tell(`${name}: the function`, pure);
    const rollout = openRollout({ db, targets: [TARGET] });
    for (const round of ['first time, assigned', 'again'] as const) {
      const times: number[] = [];
      const left = people.slice(0, PEOPLE / 10);
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let person = left.pop(); person; person = left.pop()) {
            const start = performance.now();
            await rollout.decide(TARGET, { person, isThere: false });
            times.push(performance.now() - start);
          }
        }),
      );
      tell(`${name}: with our database, ${AT_ONCE} at once, ${round}`, times);
    }
    const alone: number[] = [];
    for (const person of people.slice(0, 2_000)) {
      const start = performance.now();
      await rollout.decide(TARGET, { person, isThere: false });
      alone.push(performance.now() - start);
    }
    tell(`${name}: with our database, one at a time`, alone);
  }
} finally {
  await db.close();
  await postgres.stop();
  rmSync(data, { recursive: true, force: true });
}
