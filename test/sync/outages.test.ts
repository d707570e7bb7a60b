import { expect, test } from 'vitest';
import type { Outage } from '../../src/sync/outages.ts';
import { openOutages } from '../../src/sync/outages.ts';
import type { Settlement, Turn } from '../../src/sync/queue/change-queue.ts';

const turn = { person: 'shop:1' } as Turn;
const later = (code: string, counts = false): Settlement => ({
  ...{ turn, result: 'later', seconds: 10, counts },
  problem: { code, sentence: '' },
});

function watch() {
  const told: Outage[] = [];
  let now = 0;
  const note = openOutages(
    (outage) => told.push(outage),
    () => now,
  );
  return { told, note, after: (ms: number) => (now += ms) };
}

test('an outage is told once a minute, by target and side, with how many wait', () => {
  const { told, note, after } = watch();
  const down = [later('target_unavailable: 503'), later('target_unavailable: 503')];
  note('main', down);
  note('main', down);
  expect(told).toEqual([{ target: 'main', problem: 'target_unavailable: 503', people: 2 }]);
  note('other', down);
  note('main', [later('legacy_unavailable')]);
  expect(told).toHaveLength(3);
  after(60_000);
  note('main', down);
  expect(told).toHaveLength(4);
});

test('whoever is refused, is looked at once more, is done or dead is no outage', () => {
  const { told, note } = watch();
  const dead: Settlement = { turn, result: 'dead', problem: { code: 'target_unavailable', sentence: '' } };
  note('main', [
    ...[later('target_refused: 400', true), later('gone'), later('changed_meanwhile'), dead],
    { turn, result: 'done' },
  ]);
  expect(told).toEqual([]);
});

test('details that never end are told, and not remembered for ever', () => {
  const { told, note } = watch();
  for (let at = 0; at < 1_000; at += 1) note('main', [later(`target_unavailable: ${at}`)]);
  expect(told).toHaveLength(1_000);
});
