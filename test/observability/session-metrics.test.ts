/** What is measured of sessions, as Prometheus reads it. */
import { expect, test } from 'vitest';
import { openMetrics } from '../../src/observability/metrics.ts';

const linesOf = async (metrics: ReturnType<typeof openMetrics>, name: string) =>
  (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name));

test('sessions and deliveries are shown as they are when they are asked for', async () => {
  const metrics = openMetrics();
  metrics.watch({
    opSessions: async () => 7,
    legacySessions: async () => [{ app: 'forum', live: 3, failed: 1 }],
    deliveries: async () => [{ kind: 'client', name: 'app', waiting: 2, dead: 1 }],
    oldestDeliverySeconds: async () => 40,
  });
  expect(await linesOf(metrics, 'footbridge_op_sessions')).toEqual(['footbridge_op_sessions 7']);
  expect(await linesOf(metrics, 'footbridge_legacy_sessions{')).toEqual([
    'footbridge_legacy_sessions{app="forum",state="live"} 3',
    'footbridge_legacy_sessions{app="forum",state="failed"} 1',
  ]);
  expect(await linesOf(metrics, 'footbridge_logout_deliveries_open{')).toEqual([
    'footbridge_logout_deliveries_open{kind="client",name="app",state="waiting"} 2',
    'footbridge_logout_deliveries_open{kind="client",name="app",state="dead"} 1',
  ]);
  expect(await linesOf(metrics, 'footbridge_logout_delivery_oldest_seconds')).toEqual([
    'footbridge_logout_delivery_oldest_seconds 40',
  ]);
});

test('what is over is no longer shown', async () => {
  const metrics = openMetrics();
  const waiting = [{ kind: 'client', name: 'app', waiting: 2, dead: 0 }];
  metrics.watch({ deliveries: async () => waiting.splice(0) });
  expect(await linesOf(metrics, 'footbridge_logout_deliveries_open{')).toHaveLength(2);
  expect(await linesOf(metrics, 'footbridge_logout_deliveries_open{')).toEqual([]);
});

test('sessions are not counted anew for everybody who asks, but after an outage', async () => {
  const metrics = openMetrics();
  let asked = 0;
  let isDown = true;
  metrics.watch({
    opSessions: async () => {
      asked += 1;
      if (isDown) throw new Error('down');
      return asked;
    },
  });
  expect(await linesOf(metrics, 'footbridge_op_sessions')).toEqual(['footbridge_op_sessions Nan']);
  isDown = false;
  for (let i = 0; i < 3; i += 1)
    expect(await linesOf(metrics, 'footbridge_op_sessions')).toEqual(['footbridge_op_sessions 2']);
});

test('while our database is down nobody is said to be logged out, and the other metrics go on', async () => {
  const metrics = openMetrics();
  const down = () => Promise.reject(new Error('down'));
  metrics.watch({ opSessions: down, legacySessions: down, deliveries: down, oldestDeliverySeconds: down });
  metrics.recognitions.inc({ app: 'forum', outcome: 'recognised' });
  metrics.sessionEndings.inc({ cause: 'logout' });
  metrics.logoutDeliveries.inc({ kind: 'client', result: 'done' });
  expect(await linesOf(metrics, 'footbridge_op_sessions')).toEqual(['footbridge_op_sessions Nan']);
  expect(await linesOf(metrics, 'footbridge_legacy_sessions{')).toEqual([]);
  expect(await linesOf(metrics, 'footbridge_recognitions_total{')).toHaveLength(1);
  expect(await linesOf(metrics, 'footbridge_session_endings_total{')).toHaveLength(1);
  expect(await linesOf(metrics, 'footbridge_logout_deliveries_total{')).toHaveLength(1);
});
