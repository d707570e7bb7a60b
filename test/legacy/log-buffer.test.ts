import { describe, expect, test } from 'vitest';
import { LogBuffer, positionFrom } from '../../src/legacy/connectors/sql/changes/log/log-buffer.ts';
import type { RowChange } from '../../src/legacy/connectors/sql/changes/log/log-source.ts';

const row = (legacyId: string, transaction = 't', kind: RowChange['kind'] = 'changed'): RowChange => ({
  legacyId,
  transaction,
  kind,
});
const NOW = 1_000;
const at = (position: string) => new LogBuffer(positionFrom(position));
const ids = (buffer: LogBuffer, limit: number) => buffer.take(limit, NOW).map(({ legacyId }) => legacyId);

describe('the buffer of a log', () => {
  test('counts what was read behind the last place', () => {
    const buffer = at('a');
    for (const id of ['1', '2', '3']) buffer.push(row(id), 0);
    buffer.reached('b');
    expect([ids(buffer, 2), buffer.position]).toEqual([['1', '2'], 'a+2']);
    expect([ids(buffer, 2), buffer.position, buffer.size]).toEqual([['3'], 'b', 0]);
  });

  test('begins behind what was read before, and tells none of it again', () => {
    const buffer = at('a+2');
    expect(buffer.position).toBe('a+2');
    for (const id of ['1', '2', '3']) buffer.push(row(id), 0);
    expect([ids(buffer, 9), buffer.position]).toEqual([['3'], 'a+3']);
  });

  test('still leaves out what was read where empty transactions come before', () => {
    const buffer = at('a+1');
    buffer.reached('b');
    expect(buffer.position).toBe('b+1');
    for (const id of ['1', '2']) buffer.push(row(id), 0);
    buffer.reached('c');
    expect([ids(buffer, 9), buffer.position]).toEqual([['2'], 'c']);
  });

  test('leaves nothing out of the next transaction where the one that was read is shorter than it was', () => {
    const buffer = at('a+5');
    buffer.push(row('1'), 0);
    buffer.reached('b');
    buffer.push(row('2'), 0);
    expect([ids(buffer, 9), buffer.position]).toEqual([['2'], 'b+1']);
  });

  test('tells of one person once in a transaction, as it was last, and again in the next', () => {
    const buffer = at('a');
    buffer.push(row('1'), 0);
    buffer.push(row('2'), 0);
    buffer.push(row('1', 't', 'deleted'), 0);
    buffer.push(row('1', 'u'), 0);
    expect(buffer.take(9, NOW).map(({ id }) => id)).toEqual(['t:changed:2', 't:deleted:1', 'u:changed:1']);
    expect(buffer.position).toBe('a+4');
  });

  test('a page of one goes over many rows of one person', () => {
    const buffer = at('a');
    for (let n = 0; n < 1_000; n++) buffer.push(row('1'), 0);
    buffer.push(row('2'), 0);
    expect([ids(buffer, 1), buffer.position]).toEqual([['1'], 'a+1000']);
  });

  test('keeps back what was heard a moment ago', () => {
    const buffer = at('a');
    buffer.push(row('1'), 0);
    buffer.push(row('2'), NOW + 1);
    expect([buffer.heardBy(NOW, 9), ids(buffer, 9), buffer.size]).toEqual([1, ['1'], 1]);
  });

  test('does not grow while nothing happens', () => {
    const buffer = at('a');
    buffer.push(row('1'), NOW + 1);
    for (let n = 0; n < 100; n++) buffer.reached(`b${n}`);
    expect([buffer.end, buffer.position]).toEqual(['b99', 'a']);
    expect(buffer.take(9, NOW + 1)).toHaveLength(1);
    expect(buffer.position).toBe('b99');
  });

  test('an id that is too long becomes another one of its own', () => {
    const buffer = at('a');
    for (const id of ['x'.repeat(300), `${'x'.repeat(299)}y`]) buffer.push(row(id), 0);
    const changes = buffer.take(9, NOW);
    expect(new Set(changes.map(({ id }) => id)).size).toBe(2);
    expect(changes.every(({ id }) => id.length <= 200)).toBe(true);
  });
});
