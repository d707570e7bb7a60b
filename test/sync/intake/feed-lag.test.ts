import { expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import type { Feed } from '../../../src/legacy/feed.ts';
import type { LagDeps, NotedLag } from '../../../src/sync/intake/feed-lag.ts';
import { isUnread, lagOf } from '../../../src/sync/intake/feed-lag.ts';

const feed = { name: 'outbox', lag: async () => ({ changes: 3 }) } as unknown as Feed;
const SENTENCE = 'The trigger is missing. footbridge sync install makes it.';
const MISSING: NotedLag = { changes: 1, isMissing: true, problem: SENTENCE };

async function look(
  missing: LagDeps['missing'],
  { lag = null as NotedLag | null, isLookDue = true } = {},
): Promise<{ lag: NotedLag; lost: string[] }> {
  const lost: string[] = [];
  const deps: LagDeps = { ...(missing && { missing }), onLost: async (store) => void lost.push(store) };
  const known = { position: '1', lag };
  return { lag: await lagOf(deps, { store: 'shop', feed }, { known, isLookDue }), lost };
}

test('what is missing at the store is a problem that names the command', async () => {
  expect(await look(async () => ['The trigger is missing.'])).toEqual({
    lag: { changes: 3, isMissing: true, problem: SENTENCE },
    lost: [],
  });
  expect(await look(async () => [])).toEqual({ lag: { changes: 3 }, lost: [] });
});

test('once it is made again, both sides are to be read, and only once', async () => {
  expect(await look(async () => [], { lag: MISSING })).toEqual({ lag: { changes: 3 }, lost: ['shop'] });
  expect((await look(async () => [], { lag: { changes: 1 } })).lost).toEqual([]);
});

test('as long as nobody can look, what was known stays', async () => {
  const noRights: LagDeps['missing'] = async () => {
    throw new FootbridgeError('legacy_unavailable');
  };
  for (const one of [
    look(noRights, { lag: MISSING }),
    look(async () => [], { lag: MISSING, isLookDue: false }),
  ])
    expect(await one).toEqual({ lag: { changes: 3, isMissing: true, problem: SENTENCE }, lost: [] });
  expect(await look(noRights)).toEqual({ lag: { changes: 3 }, lost: [] });
});

test('an outage of our own database and mistakes of ours are not swallowed', async () => {
  const failing = (error: Error) => look(() => Promise.reject(error));
  await expect(failing(new FootbridgeError('storage_unavailable'))).rejects.toThrow();
  await expect(failing(new TypeError('ours'))).rejects.toThrow('ours');
});

test('a feed that nobody reads for more than five minutes is noticed; one that was never read is not', () => {
  const now = Date.parse('2027-03-01T12:00:00Z');
  expect(isUnread(new Date(now - 301_000), now)).toBe(true);
  expect(isUnread(new Date(now - 299_000), now)).toBe(false);
  expect(isUnread(null, now)).toBe(false);
});
