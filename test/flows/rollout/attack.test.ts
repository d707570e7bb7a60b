/** Roads by which somebody would be moved, sent away or moved again although the plan says that they stay. */
import Koa from 'koa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shownInput } from '../../../src/admin/approvals/digest.ts';
import { listen } from '../../../src/listener.ts';
import { routingRoutes } from '../../../src/migration/routing-routes.ts';
import type { Assignment, PhaseState, Question, Snapshot } from '../../../src/rollout/deciding.ts';
import { decide, switchKey } from '../../../src/rollout/deciding.ts';
import type { Person } from '../../../src/rollout/membership.ts';
import { leaseRound } from '../../../src/rollout/phases.ts';
import { planShape } from '../../../src/rollout/plan.ts';
import type { RolloutStage } from '../../rollout/rollout-stage.ts';
import { openRolloutStage, person, TARGET } from '../../rollout/rollout-stage.ts';

const NOW = Date.parse('2026-12-15T12:00:00Z');
const PLAN = {
  name: 'move',
  target: TARGET,
  apps: { wiki: { clients: ['wiki-web'] }, shop: { clients: ['shop-web'] } },
  segments: { staff: { emailDomains: ['staff.example'] }, berlin: { roles: ['berlin'] } },
  phases: [
    { name: 'pilot', apps: ['wiki'], segments: ['berlin', 'staff'] },
    { name: 'all', apps: ['wiki', 'shop'] },
  ],
};
const anna = person('anna', { email: 'anna@staff.example', roles: ['berlin'] });

function asked(
  states: Record<string, PhaseState>,
  switches: string[],
  more: Partial<Question> & { person?: Person } = {},
) {
  const snapshot: Snapshot = {
    ...{ target: TARGET, version: 1, epoch: '1', salt: Buffer.alloc(16), plan: planShape.parse(PLAN) },
    phases: new Map(Object.entries(states).map(([name, state]) => [name, { state, attempt: 1 }])),
    switches: new Set(switches),
  };
  const question = { person: anna, app: 'wiki-web', isThere: false, assignments: [], nowMs: NOW, ...more };
  return decide(snapshot, question);
}
const pilot = (more: Partial<Assignment> = {}): Assignment => ({
  ...{ phase: 'pilot', attempt: 1, segment: 'berlin', isBack: false },
  ...more,
});

describe('whoever belonged to a phase that was taken back', () => {
  test('is not brought again by a later phase that is for them too', () => {
    const states = { pilot: 'rolled-back', all: 'running' } as const;
    const held = { decision: 'stay', reason: 'rolled_back' };
    expect(asked(states, [], { assignments: [pilot()], isThere: true })).toMatchObject(held);
    expect(asked(states, [], { assignments: [pilot({ isBack: true })] })).toMatchObject(held);
    expect(asked(states, [], { assignments: [pilot({ attempt: 0 })] }).decision).toBe('migrate');
    expect(asked(states, []).decision).toBe('migrate');
  });

  test('of one who alone was taken back the same holds while their phase runs on', () => {
    const states = { pilot: 'running', all: 'running' } as const;
    expect(asked(states, [], { assignments: [pilot({ isBack: true })] })).toMatchObject({
      ...{ decision: 'stay', reason: 'rolled_back' },
    });
  });

  test('stays by its kill switch too, and goes again without', () => {
    const states = { pilot: 'running', all: 'running' } as const;
    const off = [switchKey('phase', 'pilot')];
    expect(asked(states, off, { assignments: [pilot()], isThere: true }).reason).toBe('phase_off');
    expect(asked(states, [], { assignments: [pilot()], isThere: true }).decision).toBe('redirect');
  });
});

describe('the kill switch of a segment', () => {
  const states = { pilot: 'running', all: 'running' } as const;
  const off = [switchKey('segment', 'staff')];

  test('holds who is in it by whichever phase or segment they would go', () => {
    const held = { decision: 'stay', reason: 'segment_off' };
    expect(asked(states, off)).toMatchObject(held);
    expect(asked({ all: 'running' }, off, { app: 'shop-web' })).toMatchObject(held);
    const everybodys = [{ phase: 'all', attempt: 1, segment: null, isBack: false }];
    expect(asked(states, off, { assignments: everybodys, isThere: true })).toMatchObject(held);
    expect(asked(states, off, { person: person('carl') }).decision).toBe('migrate');
  });

  test('holds who was assigned by it and is not in it any more', () => {
    const assignments = [pilot({ segment: 'staff' })];
    expect(asked(states, off, { person: person('anna'), assignments }).reason).toBe('segment_off');
  });
});

test('where every app of a phase is switched off, no way without an app leads into it', () => {
  const states = { all: 'running' } as const;
  const both = [switchKey('app', 'wiki'), switchKey('app', 'shop')];
  expect(asked(states, both, { app: undefined })).toMatchObject({ decision: 'stay', reason: 'app_off' });
  expect(asked(states, both.slice(1), { app: undefined }).decision).toBe('migrate');
});

test('exceptions of exceptions that nobody could look at in time are refused, a few are not', () => {
  const nested = (depth: number) =>
    Object.fromEntries(
      Array.from({ length: depth }, (_, at) =>
        ['a', 'b'].map((side) => {
          const except = at + 1 < depth ? { except: [`a${at + 1}`, `b${at + 1}`] } : {};
          return [`${side}${at}`, { roles: ['x'], ...except }];
        }),
      ).flat(),
    );
  const read = (depth: number) =>
    planShape.safeParse({ ...PLAN, segments: { ...PLAN.segments, ...nested(depth) } });
  expect(read(6).success).toBe(true);
  expect(read(99).error?.issues[0]?.message).toMatch(/excepts so much/);
});

describe('a node whose clock was ahead', () => {
  let stage: RolloutStage;
  beforeAll(async () => {
    stage = await openRolloutStage();
    await stage.plan({ phases: [{ name: 'all' }] });
  });
  afterAll(() => stage?.close());

  test('keeps the others from looking for minutes, and not until its time has come', async () => {
    const ahead = stage.nowMs() + 365 * 86_400_000;
    expect(await leaseRound(stage.db, TARGET, { lease: 'ahead', nowMs: ahead })).toBeDefined();
    expect(await leaseRound(stage.db, TARGET, { lease: 'right', nowMs: stage.nowMs() })).toBeDefined();
    expect(
      await leaseRound(stage.db, TARGET, { lease: 'other', nowMs: stage.nowMs() + 1_000 }),
    ).toBeUndefined();
  });
});

describe('a router that asks', () => {
  const route = async (hasArrived: boolean) => {
    const user = { sub: 'anna', state: 'active' };
    const decided = {
      decision: 'redirect',
      reason: 'there',
      phase: 'all',
      target: TARGET,
      bucket: 1,
    } as const;
    const router = routingRoutes({
      directory: { userBySub: async () => user, findByLogin: async () => undefined } as never,
      targets: { byName: () => ({ name: TARGET }) } as never,
      routing: { where: async () => ({ ...decided, hasArrived }) } as never,
      links: { linkFor: async () => ({ href: 'https://new.example/' }) } as never,
      resolveToken: (async () => ({ clientId: 'router', scopes: ['migration:read'] })) as never,
      mayAsk: () => [TARGET],
      onError: () => undefined,
    });
    const app = new Koa().use(router.routes() as Koa.Middleware);
    const served = await listen(app.callback(), { host: '127.0.0.1', port: 0 });
    try {
      const answer = await fetch(`http://127.0.0.1:${served.port}/migration/route`, {
        method: 'POST',
        headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
        body: JSON.stringify({ target: TARGET, app: 'wiki', sub: 'anna' }),
      });
      return (await answer.json()) as Record<string, unknown>;
    } finally {
      await served.close(0);
    }
  };

  test('sends nobody to the target who could not log in there yet', async () => {
    expect(await route(false)).toEqual({ decision: 'migrate', reason: 'assigned', phase: 'all' });
    expect(await route(true)).toMatchObject({ decision: 'redirect', redirectUrl: 'https://new.example/' });
  });
});

test('what somebody approves shows whether passwords are lost, and no password', () => {
  expect(shownInput({ losePasswords: true, phase: 'pilot', password: 'swordfish' })).toEqual({
    ...{ losePasswords: true, phase: 'pilot', password: '[hidden]' },
  });
});
