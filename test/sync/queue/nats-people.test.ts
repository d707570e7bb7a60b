/** The people of a partition in memory, without a server: who is due, who waits, whom somebody is at. */
import { describe, expect, test } from 'vitest';
import type { Heard, Person } from '../../../src/sync/queue/nats-people.ts';
import { openPeople } from '../../../src/sync/queue/nats-people.ts';

const T = 'cidaas';
const heard = (seq: number, more: Partial<Heard> = {}): Heard => ({
  seq,
  ack: `ack.${seq}`,
  lane: 'live',
  hint: {},
  sinceMs: 0,
  ...more,
});
const who = (name: string) => ({ key: `key-${name}`, target: T, name });
const names = (people: readonly Person[]) => people.map(({ name }) => name);
const BEGIN = { nowMs: 1_000_000, elapsedMs: 0 };

function filled(...names: string[]) {
  const people = openPeople();
  for (const [index, name] of names.entries()) people.hear(who(name), heard(index + 1));
  return people;
}

describe('who is due', () => {
  test('comes in the order of hearing, and is not passed by who is heard of again', () => {
    const people = filled('a', 'b', 'c', 'a');
    expect(names(people.due(T, 'live', 10))).toEqual(['a', 'b', 'c']);
    expect(names(people.due(T, 'live', 2))).toEqual(['a', 'b']);
    expect(people.due(T, 'live', 0)).toEqual([]);
    expect(people.due(T, 'backlog', 10)).toEqual([]);
    expect(people.due('other', 'live', 10)).toEqual([]);
  });

  test('moves up when something live is heard', () => {
    const people = openPeople();
    people.hear(who('a'), heard(1, { lane: 'backlog' }));
    people.hear(who('b'), heard(2, { lane: 'backlog' }));
    people.hear(who('b'), heard(3));
    expect([names(people.due(T, 'live', 9)), names(people.due(T, 'backlog', 9))]).toEqual([['b'], ['a']]);
  });

  test('is nobody whom somebody is at, until the turn ends', () => {
    const people = filled('a');
    const [a] = people.due(T, 'live', 1);
    people.lease(a!, { ticket: 't', untilMs: 1_000 });
    people.hear(who('a'), heard(2));
    expect(people.due(T, 'live', 9)).toEqual([]);
    people.settled(a!, []);
    expect(people.due(T, 'live', 9)).toEqual([a]);
    expect([...a!.heard.keys()]).toEqual([2]);
  });

  test('is forgotten when nothing is left', () => {
    const people = filled('a');
    const [a] = people.due(T, 'live', 1);
    people.lease(a!, { ticket: 't', untilMs: 1_000 });
    people.settled(a!, []);
    expect(people.get('key-a')).toBeUndefined();
    expect(people.counts()).toEqual({ people: 0, changes: 0, leased: 0 });
  });

  test('the same message delivered again counts once, and is acknowledged where it came last', () => {
    const people = filled('a');
    people.hear(who('a'), heard(1, { ack: 'newer' }));
    expect(people.counts().changes).toBe(1);
    expect(people.get('key-a')!.heard.get(1)!.ack).toBe('newer');
  });
});

describe('a lease', () => {
  test('runs out to the moment, and the person is due with all that was heard', () => {
    const people = filled('a');
    const [a] = people.due(T, 'live', 1);
    people.lease(a!, { ticket: 't', untilMs: 1_000 });
    people.advance({ ...BEGIN, elapsedMs: 999 });
    expect(people.leasedOf(T)).toBe(1);
    people.advance({ ...BEGIN, elapsedMs: 1_000 });
    expect([people.leasedOf(T), names(people.due(T, 'live', 1)), a!.lease]).toEqual([0, ['a'], undefined]);
  });

  test('does not run out while it is being settled', () => {
    const people = filled('a');
    const [a] = people.due(T, 'live', 1);
    people.lease(a!, { ticket: 't', untilMs: 1_000 }).isSettling = true;
    people.advance({ ...BEGIN, elapsedMs: 5_000 });
    expect(people.leasedOf(T)).toBe(1);
    people.settled(a!, []);
    expect(people.counts().people).toBe(0);
  });

  test('outlives that everything is read anew, and settles what is delivered again', () => {
    const people = filled('a', 'b');
    const [a] = people.due(T, 'live', 1);
    people.lease(a!, { ticket: 't', untilMs: 1_000 });
    people.forgetMessages();
    expect(people.counts()).toEqual({ people: 1, changes: 0, leased: 1 });
    people.hear(who('a'), heard(1));
    people.hear(who('a'), heard(3));
    people.settled(a!, []);
    expect([...people.get('key-a')!.heard.keys()]).toEqual([3]);
  });

  test('that was settled before the message is delivered again has it acknowledged then, once', () => {
    const people = filled('a');
    const [a] = people.due(T, 'live', 1);
    people.lease(a!, { ticket: 't', untilMs: 1_000 });
    people.forgetMessages();
    people.settled(a!, []);
    expect([people.hear(who('a'), heard(1)), people.counts().people]).toEqual([false, 0]);
    expect([people.hear(who('a'), heard(1)), people.counts().people]).toEqual([true, 1]);
  });
});

describe('who is kept', () => {
  const kept = (seq: number, dueMs: number, lane: 'live' | 'backlog' | 'dead' = 'live') => ({
    seq,
    dueMs,
    lane,
  });

  test('is due at the time, not before, and at most a quarter of a second later', () => {
    const people = openPeople();
    people.keep(who('a'), kept(1, BEGIN.nowMs + 60_001));
    people.advance({ ...BEGIN, nowMs: BEGIN.nowMs + 60_000 });
    expect([people.due(T, 'live', 9), people.waitingOf(T)]).toEqual([[], 1]);
    people.advance({ ...BEGIN, nowMs: BEGIN.nowMs + 60_251 });
    expect([people.due(T, 'live', 9).length, people.waitingOf(T)]).toEqual([1, 0]);
  });

  test('is due at once when something is heard', () => {
    const people = openPeople();
    people.keep(who('a'), kept(1, BEGIN.nowMs + 60_000, 'backlog'));
    people.hear(who('a'), heard(9));
    expect([people.due(T, 'live', 9).length, people.waitingOf(T)]).toEqual([1, 0]);
  });

  test('as a dead letter is never due, and lives again when something is heard', () => {
    const people = openPeople();
    people.keep(who('a'), kept(1, Number.POSITIVE_INFINITY, 'dead'));
    people.advance({ ...BEGIN, nowMs: Number.MAX_SAFE_INTEGER });
    expect([people.due(T, 'live', 9), people.waitingOf(T), people.counts().people]).toEqual([[], 0, 1]);
    people.hear(who('a'), heard(9, { lane: 'backlog' }));
    expect(people.due(T, 'backlog', 9)).toHaveLength(1);
  });

  test('with two records, as after a kill, is due with the sooner one, and one turn is about both', () => {
    const people = openPeople();
    people.keep(who('a'), kept(1, 0));
    people.keep(who('a'), kept(2, BEGIN.nowMs + 60_000, 'backlog'));
    const [a] = people.due(T, 'live', 1);
    expect(people.lease(a!, { ticket: 't', untilMs: 1 }).kept.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('are found again, each in its time, many as they are', () => {
    const people = openPeople();
    for (let index = 0; index < 10_000; index++)
      people.keep(who(`${index}`), kept(index + 1, BEGIN.nowMs + (index % 100) * 1_000));
    for (let second = 0; second < 100; second++) {
      people.advance({ ...BEGIN, nowMs: BEGIN.nowMs + second * 1_000 });
      expect(people.due(T, 'live', 10_000)).toHaveLength(100 * (second + 1));
    }
    expect(people.waitingOf(T)).toBe(0);
  });
});
