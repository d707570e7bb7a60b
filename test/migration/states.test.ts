import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event, State } from '../../src/migration/states.ts';
import {
  EVENTS,
  hasReached,
  hasTargetUser,
  LOST_BY_REVERT,
  nextState,
  STATES,
  statesBefore,
  TRANSITIONS,
} from '../../src/migration/states.ts';

const histories = fc.array(fc.constantFrom(...EVENTS), { maxLength: 40 });

/** Follows the legal events of a history; illegal ones change nothing. */
function follow(history: readonly Event[]): { state: State; event: Event | undefined }[] {
  const steps: { state: State; event: Event | undefined }[] = [{ state: 'legacy', event: undefined }];
  for (const event of history) {
    const state = nextState(steps.at(-1)!.state, event);
    if (state) steps.push({ state, event });
  }
  return steps;
}

describe('the state machine', () => {
  test('makes no user at the target without a password proof or an explicit batch', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const steps = follow(history);
        if (!hasTargetUser(steps.at(-1)!.state)) return;
        const sinceRevert = steps.slice(steps.findLastIndex(({ event }) => event === 'revert') + 1);
        expect(sinceRevert.some(({ event }) => event === 'prove' || event === 'enqueue')).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('lets a deleted user go nowhere', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const states = follow([...history, 'delete', ...history]).map(({ state }) => state);
        const died = states.indexOf('deleted');
        if (died >= 0) expect(new Set(states.slice(died))).toEqual(new Set(['deleted']));
      }),
    );
  });

  test('releases nothing for users who are excluded, cut over, retired, deleted or unproved', () => {
    const closed: State[] = ['legacy', 'cut-over', 'retired', 'failed', 'excluded', 'deleted'];
    expect(STATES.filter((state) => !nextState(state, 'release'))).toEqual(closed);
  });

  test('goes back to legacy from every state before retired, and says what is lost', () => {
    const irrevocable: State[] = ['legacy', 'retired', 'deleted'];
    const revertible = statesBefore('revert');
    expect(revertible).toEqual(STATES.filter((state) => !irrevocable.includes(state)));
    expect(revertible.map((state) => nextState(state, 'revert'))).toEqual(revertible.map(() => 'legacy'));
    expect(Object.keys(LOST_BY_REVERT).sort()).toEqual([...revertible].sort());
  });

  test('never loses a user: every state is reached, and every state but the tombstone is left again', () => {
    const reached = new Set(STATES.flatMap((state) => Object.values(TRANSITIONS[state])));
    expect(STATES.filter((state) => !reached.has(state))).toEqual([]);
    const stuck = STATES.filter((state) => Object.values(TRANSITIONS[state]).every((next) => next === state));
    expect(stuck).toEqual(['deleted']);
  });

  test('does not move anybody by a further password proof', () => {
    const moved = statesBefore('prove').filter((state) => nextState(state, 'prove') !== state);
    expect(moved).toEqual(['legacy', 'failed']);
  });

  test('knows what a target that reports again has reported before', () => {
    expect(STATES.filter((state) => hasReached(state, 'created'))).toEqual([
      'created',
      'migrated',
      'cut-over',
      'retired',
    ]);
    expect(STATES.filter((state) => hasReached(state, 'migrated'))).toEqual([
      'migrated',
      'cut-over',
      'retired',
    ]);
  });

  test('has the states that the database allows', () => {
    const sql = readFileSync(join(import.meta.dirname, '../../migrations/0003_migration.sql'), 'utf8');
    const [, list = ''] = /check \(state in \(([^)]*)\)\)/.exec(sql) ?? [];
    expect([...list.matchAll(/'([^']+)'/g)].map((match) => match[1])).toEqual([...STATES]);
  });
});
