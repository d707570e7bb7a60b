/** Ready, degraded, down and stopping are told apart, and nobody is asked too often. */
import { expect, test, vi } from 'vitest';
import type { HealthOptions, Part } from '../../src/observability/health.ts';
import { openHealth } from '../../src/observability/health.ts';

const well = (name: string, more: Partial<Part> = {}): Part => ({
  name,
  everyMs: 0,
  ask: () => undefined,
  ...more,
});
const ill = (name: string, more: Partial<Part> = {}) => well(name, { ask: () => 'down', ...more });
const asked = (parts: readonly Part[], more: Partial<HealthOptions> = {}) =>
  openHealth({ parts, isStopping: () => false, ...more })();

test('a node whose parts are all well is ready', async () => {
  expect(await asked([well('storage', { isNeeded: true }), well('legacy')])).toEqual({
    status: 'ready',
    ready: true,
    parts: { storage: 'up', legacy: 'up' },
  });
});

test('a part that is not needed makes a node degraded, which takes logins', async () => {
  expect(await asked([well('storage', { isNeeded: true }), ill('legacy')])).toEqual({
    status: 'degraded',
    ready: true,
    parts: { storage: 'up', legacy: 'down' },
  });
});

test('a part that is needed makes it down, whatever else is well', async () => {
  const health = await asked([ill('storage', { isNeeded: true }), well('legacy')]);
  expect(health).toMatchObject({ status: 'down', ready: false });
});

test('a node that stops takes no logins, though all of it is well', async () => {
  const health = await asked([well('storage', { isNeeded: true })], { isStopping: () => true });
  expect(health).toEqual({ status: 'stopping', ready: false, parts: { storage: 'up', process: 'stopping' } });
});

test('a thousand probes ask a part once, until it is time again', async () => {
  let nowMs = 0;
  const ask = vi.fn(() => 'down');
  const health = openHealth({
    parts: [well('legacy', { everyMs: 5_000, ask })],
    isStopping: () => false,
    nowMs: () => nowMs,
  });
  await Promise.all(Array.from({ length: 1_000 }, () => health()));
  expect(ask).toHaveBeenCalledTimes(1);
  nowMs = 4_999;
  await health();
  expect(ask).toHaveBeenCalledTimes(1);
  nowMs = 5_000;
  await health();
  expect(ask).toHaveBeenCalledTimes(2);
});

test('a part that does not answer holds nobody up: what is known of it counts until it does', async () => {
  let nowMs = 0;
  const answers: ((wrong: string | undefined) => void)[] = [];
  const ask = () => new Promise<string | undefined>((resolve) => answers.push(resolve));
  const health = openHealth({
    parts: [well('legacy', { everyMs: 1_000, ask })],
    isStopping: () => false,
    patienceMs: 1,
    nowMs: () => nowMs,
  });
  expect((await health()).status).toBe('ready');
  answers[0]!('down');
  expect((await health()).status).toBe('degraded');
  nowMs = 1_000;
  expect((await health()).status).toBe('degraded');
  expect(answers).toHaveLength(2);
  answers[1]!(undefined);
  expect((await health()).status).toBe('ready');
});

test('a part of which nobody could find out anything stays as it was', async () => {
  const fails = well('sync', { ask: () => Promise.reject(new Error('our database is down')) });
  expect((await asked([fails])).parts).toEqual({ sync: 'up' });
});
