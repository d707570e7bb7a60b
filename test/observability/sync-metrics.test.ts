/** What is measured of keeping both sides equal, as Prometheus reads it. */
import { expect, test } from 'vitest';
import { openMetrics } from '../../src/observability/metrics.ts';
import type { SyncGauges } from '../../src/observability/sync-metrics.ts';
import { countTurns } from '../../src/observability/sync-metrics.ts';

const linesOf = async (metrics: ReturnType<typeof openMetrics>, name: string) =>
  (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(`footbridge_sync_${name}`));

const SEEN: SyncGauges = {
  pairs: [
    {
      target: 'main',
      state: 'running',
      queue: { live: 3, backlog: 200, dead: 1, waiting: 6, oldestLiveSeconds: 2, oldestBacklogSeconds: 90 },
      conflicts: [{ kind: 'both-changed', conflicts: 4 }],
      passwords: [
        { state: 'waits', people: 2 },
        { state: 'waits', people: 5 },
      ],
    },
  ],
  feeds: [
    { store: 'shop', feed: 'log', seconds: undefined, bytes: 4_096, changes: undefined, isWrong: true },
    { store: 'crm', feed: 'outbox', seconds: 7, bytes: undefined, changes: 12, isWrong: false },
  ],
};

test('targets and feeds are shown as they are when they are asked for', async () => {
  const metrics = openMetrics();
  metrics.watch({ sync: async () => SEEN });
  expect(await linesOf(metrics, 'state{')).toContain(
    'footbridge_sync_state{target="main",state="running"} 1',
  );
  expect(await linesOf(metrics, 'state{')).toContain('footbridge_sync_state{target="main",state="paused"} 0');
  expect(await linesOf(metrics, 'waiting{')).toEqual([
    'footbridge_sync_waiting{target="main",lane="live"} 3',
    'footbridge_sync_waiting{target="main",lane="backlog"} 200',
  ]);
  expect(await linesOf(metrics, 'oldest_seconds{')).toEqual([
    'footbridge_sync_oldest_seconds{target="main",lane="live"} 2',
    'footbridge_sync_oldest_seconds{target="main",lane="backlog"} 90',
  ]);
  expect(await linesOf(metrics, 'dead{')).toEqual(['footbridge_sync_dead{target="main"} 1']);
  expect(await linesOf(metrics, 'retrying{')).toEqual(['footbridge_sync_retrying{target="main"} 6']);
  expect(await linesOf(metrics, 'conflicts_open{')).toEqual([
    'footbridge_sync_conflicts_open{target="main",kind="both-changed"} 4',
  ]);
  expect(await linesOf(metrics, 'passwords_open{')).toEqual([
    'footbridge_sync_passwords_open{target="main",state="at-target"} 0',
    'footbridge_sync_passwords_open{target="main",state="waits"} 7',
  ]);
  expect(await linesOf(metrics, 'feed_lag_bytes{')).toEqual([
    'footbridge_sync_feed_lag_bytes{store="shop",feed="log"} 4096',
  ]);
  expect(await linesOf(metrics, 'feed_lag_seconds{')).toEqual([
    'footbridge_sync_feed_lag_seconds{store="crm",feed="outbox"} 7',
  ]);
  expect(await linesOf(metrics, 'feed_lag_changes{')).toEqual([
    'footbridge_sync_feed_lag_changes{store="crm",feed="outbox"} 12',
  ]);
  expect(await linesOf(metrics, 'feed_problem{')).toEqual([
    'footbridge_sync_feed_problem{store="shop",feed="log"} 1',
    'footbridge_sync_feed_problem{store="crm",feed="outbox"} 0',
  ]);
});

test('a queue that does not answer has no figures, and is not said to be empty', async () => {
  const metrics = openMetrics();
  metrics.watch({ sync: async () => ({ ...SEEN, pairs: [{ ...SEEN.pairs[0]!, queue: null }] }) });
  for (const name of ['waiting{', 'oldest_seconds{', 'dead{', 'retrying{'])
    expect(await linesOf(metrics, name)).toEqual([]);
  expect(await linesOf(metrics, 'conflicts_open{')).toHaveLength(1);
});

test('all figures of one scrape are of one look, and after an outage it is looked again', async () => {
  const metrics = openMetrics();
  let asked = 0;
  let isDown = true;
  metrics.watch({
    sync: async () => {
      asked += 1;
      if (isDown) throw new Error('down');
      return SEEN;
    },
  });
  metrics.syncFieldsWritten.inc({ target: 'main', side: 'legacy' });
  expect(await linesOf(metrics, 'dead{')).toEqual([]);
  expect(await linesOf(metrics, 'fields_written_total')).toHaveLength(1);
  isDown = false;
  const before = asked;
  expect(await linesOf(metrics, 'dead{')).toHaveLength(1);
  expect(await linesOf(metrics, 'dead{')).toHaveLength(1);
  expect(asked).toBe(before + 1);
});

test('what nobody keeps equal has no figures', async () => {
  expect(await linesOf(openMetrics(), '')).toEqual([]);
});

test('turns are counted by what came of them, and fields by the side they were written at', async () => {
  const metrics = openMetrics();
  const count = countTurns(metrics);
  count({ target: 'main', people: 5, failed: 2, toTarget: 3, toLegacy: 1, conflicts: 1 });
  count({ target: 'main', people: 1, failed: 0, toTarget: 0, toLegacy: 1, conflicts: 0 });
  expect(await linesOf(metrics, 'turns_total')).toEqual([
    'footbridge_sync_turns_total{target="main",result="done"} 4',
    'footbridge_sync_turns_total{target="main",result="failed"} 2',
  ]);
  expect(await linesOf(metrics, 'fields_written_total')).toEqual([
    'footbridge_sync_fields_written_total{target="main",side="target"} 3',
    'footbridge_sync_fields_written_total{target="main",side="legacy"} 2',
  ]);
  expect(await linesOf(metrics, 'conflicts_total')).toEqual([
    'footbridge_sync_conflicts_total{target="main"} 1',
  ]);
});
