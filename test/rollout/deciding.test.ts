import { describe, expect, test } from 'vitest';
import type { Assignment, PhaseState, Question, Snapshot } from '../../src/rollout/deciding.ts';
import { decide, switchKey } from '../../src/rollout/deciding.ts';
import type { Person } from '../../src/rollout/membership.ts';
import { bucketOf } from '../../src/rollout/membership.ts';
import { planShape } from '../../src/rollout/plan.ts';

const NOW = Date.parse('2026-12-01T12:00:00Z');
const SALT = Buffer.alloc(16, 7);

const person = (sub: string, more: Partial<Person> = {}): Person => ({
  sub,
  emailVerified: true,
  email: `${sub}@example.com`,
  roles: [],
  ...more,
});
const staff = person('staff', { email: 'anna@staff.example' });
const customer = person('customer');

function snapshotOf(
  plan: object,
  states: Record<string, PhaseState | [PhaseState, number]>,
  switches: string[] = [],
) {
  const read = planShape.parse({ name: 'move', target: 'new', ...plan });
  const phases = new Map(
    Object.entries(states).map(([name, state]) => {
      const [is, attempt] = typeof state === 'string' ? [state, 1] : state;
      return [name, { state: is, attempt }] as const;
    }),
  );
  return {
    ...{ target: 'new', version: 1, epoch: '1', salt: SALT },
    ...{ plan: read, phases, switches: new Set(switches) },
  } satisfies Snapshot;
}

const ask = (snapshot: Snapshot, who: Person, more: Partial<Question> = {}) =>
  decide(snapshot, { person: who, isThere: false, assignments: [], nowMs: NOW, ...more });

const TWO = {
  apps: { wiki: { clients: ['wiki-web'], legacySessions: ['old-wiki'] }, shop: { clients: ['shop-web'] } },
  segments: { staff: { emailDomains: ['staff.example'] } },
  phases: [
    { name: 'staff', apps: ['wiki'], segments: ['staff'] },
    { name: 'all', identities: 'bulk' },
  ],
};
const assigned = (phase: string, more: Partial<Assignment> = {}): Assignment => ({
  ...{ phase, attempt: 1, segment: 'staff', isBack: false },
  ...more,
});

describe('a decision', () => {
  test('leaves everybody at the old login before a phase runs', () => {
    expect(ask(snapshotOf(TWO, {}), staff)).toMatchObject({ decision: 'stay', reason: 'no_phase' });
    expect(ask(snapshotOf(TWO, { staff: 'planned' }), staff)).toMatchObject({ reason: 'no_phase' });
  });

  test('moves who belongs to a phase that runs, and says what is to be written down', () => {
    const answer = ask(snapshotOf(TWO, { staff: 'running' }), staff, { app: 'wiki-web' });
    expect(answer).toMatchObject({
      ...{ decision: 'migrate', reason: 'assigned', phase: 'staff', segment: 'staff' },
      assign: { phase: 'staff', attempt: 1, segment: 'staff', bucket: bucketOf(SALT, 'staff') },
    });
  });

  test('leaves who belongs to none where they are', () => {
    expect(ask(snapshotOf(TWO, { staff: 'running' }), customer)).toMatchObject({
      decision: 'stay',
      reason: 'no_phase',
    });
  });

  test.each(['wiki', 'wiki-web', 'old-wiki'])('knows the app by %s', (app) => {
    expect(ask(snapshotOf(TWO, { staff: 'running' }), staff, { app }).decision).toBe('migrate');
  });

  test('is for the apps of the phase only', () => {
    expect(ask(snapshotOf(TWO, { staff: 'running' }), staff, { app: 'shop-web' }).reason).toBe('no_phase');
    expect(ask(snapshotOf(TWO, { staff: 'running' }), staff, { app: 'nobody' }).reason).toBe('app_unknown');
  });

  test('sends whoever is there already to the target', () => {
    expect(ask(snapshotOf(TWO, { staff: 'running' }), staff, { isThere: true })).toMatchObject({
      ...{ decision: 'redirect', reason: 'there' },
    });
  });

  test('of a phase that moves by a batch waits for the batch', () => {
    const snapshot = snapshotOf(TWO, { all: 'running' });
    expect(ask(snapshot, customer)).toMatchObject({ decision: 'stay', reason: 'waits_for_batch' });
    expect(ask(snapshot, customer).assign).toBeUndefined();
    expect(ask(snapshot, customer, { isThere: true }).decision).toBe('redirect');
  });

  test('of several phases takes the first that does not leave them', () => {
    const snapshot = snapshotOf(TWO, { staff: 'paused', all: 'running' });
    expect(ask(snapshot, staff, { isThere: true })).toMatchObject({ decision: 'redirect', phase: 'all' });
    expect(ask(snapshot, staff)).toMatchObject({ decision: 'stay', reason: 'phase_paused', phase: 'staff' });
  });
});

describe('an assignment', () => {
  test('is kept though the segment does not fit any more', () => {
    const answer = ask(snapshotOf(TWO, { staff: 'running' }), customer, { assignments: [assigned('staff')] });
    expect(answer).toMatchObject({ decision: 'migrate', phase: 'staff' });
    expect(answer.assign).toBeUndefined();
  });

  test('is kept while its phase is paused or the plan is frozen; nobody new comes in', () => {
    const freezes = [{ from: '2026-12-01', until: '2026-12-02', reason: 'sale' }];
    const frozen = snapshotOf({ ...TWO, freezes }, { staff: 'running' });
    const paused = snapshotOf(TWO, { staff: 'paused' });
    for (const snapshot of [frozen, paused])
      expect(ask(snapshot, staff, { assignments: [assigned('staff')] }).decision).toBe('migrate');
    expect(ask(frozen, staff).reason).toBe('frozen');
    expect(ask(frozen, staff, { nowMs: NOW + 86_400_000 }).decision).toBe('migrate');
    expect(ask(paused, staff).reason).toBe('phase_paused');
  });

  test('of an earlier attempt does not count', () => {
    const snapshot = snapshotOf(TWO, { staff: ['running', 2] });
    expect(ask(snapshot, customer, { assignments: [assigned('staff')] }).reason).toBe('no_phase');
    expect(ask(snapshot, staff, { assignments: [assigned('staff')] }).assign).toMatchObject({ attempt: 2 });
  });

  test('does not hold anybody in a phase that was rolled back', () => {
    const snapshot = snapshotOf(TWO, { staff: 'rolled-back' });
    const answer = ask(snapshot, staff, { assignments: [assigned('staff')], isThere: true });
    expect(answer).toMatchObject({ decision: 'stay', reason: 'rolled_back' });
  });

  test('that was taken back is made again by the next attempt only', () => {
    const assignments = [assigned('staff', { isBack: true })];
    const answer = ask(snapshotOf(TWO, { staff: 'running' }), staff, { assignments });
    expect(answer).toMatchObject({ decision: 'stay', reason: 'rolled_back' });
    const next = ask(snapshotOf(TWO, { staff: ['running', 2] }), staff, { assignments });
    expect(next).toMatchObject({ decision: 'migrate', assign: { attempt: 2 } });
  });
});

describe('a kill switch', () => {
  const running = (...switches: string[]) => snapshotOf(TWO, { staff: 'running' }, switches);
  const there = { isThere: true, assignments: [assigned('staff')], app: 'wiki' };

  test.each([
    [switchKey('everything'), 'everything_off'],
    [switchKey('app', 'wiki'), 'app_off'],
    [switchKey('phase', 'staff'), 'phase_off'],
    [switchKey('segment', 'staff'), 'segment_off'],
  ])('%s leaves everybody whom it names at the old login', (key, reason) => {
    expect(ask(running(key), staff, there)).toMatchObject({ decision: 'stay', reason });
  });

  test('of something else changes nothing', () => {
    const others = [switchKey('app', 'shop'), switchKey('phase', 'all'), switchKey('segment', 'other')];
    expect(ask(running(...others), staff, there).decision).toBe('redirect');
  });
});

describe('a share of people', () => {
  const shares = (percentage: number, more: object = {}) =>
    snapshotOf(
      { segments: { some: { percentage, ...more } }, phases: [{ name: 'some', segments: ['some'] }] },
      { some: 'running' },
    );
  const people = Array.from({ length: 20_000 }, (_, at) => person(`shop:${at}`));
  const inside = (snapshot: Snapshot) =>
    new Set(people.filter((one) => ask(snapshot, one).decision === 'migrate').map(({ sub }) => sub));

  test('is as large as it says', () => {
    const size = inside(shares(10)).size;
    expect(size).toBeGreaterThan(1_850);
    expect(size).toBeLessThan(2_150);
  });

  test('has everybody of a smaller one in it', () => {
    const [small, large] = [inside(shares(5)), inside(shares(30))];
    expect([...small].every((sub) => large.has(sub))).toBe(true);
  });

  test('that shrinks lets nobody go who is assigned', () => {
    const before = inside(shares(30));
    const after = shares(10);
    for (const sub of before) {
      const assignments = [assigned('some', { segment: 'some' })];
      expect(ask(after, person(sub), { assignments }).decision).toBe('migrate');
    }
  });

  test('of a hundredth of a percent is possible, and a hundred is everybody', () => {
    expect(inside(shares(100)).size).toBe(people.length);
    expect(inside(shares(0.01)).size).toBeLessThan(15);
  });
});
