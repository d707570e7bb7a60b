import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Move } from '../../src/migration/ledger.ts';
import { counts, find, move, proveParts, statePart, states } from '../../src/migration/ledger.ts';
import type { Event, State } from '../../src/migration/states.ts';
import { EVENTS, nextState } from '../../src/migration/states.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './stage.ts';
import { openStage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

let serial = 0;
const someone = () => `shop:${++serial}`;

const step = (sub: string, event: Event, more: Partial<Move> = {}): Move => ({
  target: 'main',
  sub,
  event,
  actor: 'operator:test',
  subject: stage.pseudonym(sub),
  legacyId: sub.slice(5),
  ...(event === 'create' ? { targetUserId: `t-${sub}` } : {}),
  ...more,
});

async function walk(sub: string, ...events: Event[]): Promise<void> {
  for (const event of events) await move(stage.db, step(sub, event));
}

const told = (sub: string) =>
  execute(
    stage.databaseUrl,
    'select event, from_state, to_state, version from ledger_outbox where sub = $1 order by id',
    [sub],
  );

const auditedOf = async (sub: string) => {
  const subject = stage.pseudonym(sub);
  return (await stage.auditRecords()).filter((record) => record.subject?.equals(subject));
};

const proofOf = (sub: string, amr = ['pwd']) => ({
  target: 'main',
  sub,
  legacyId: sub.slice(5),
  amr,
  subject: stage.pseudonym(sub),
});

describe('a move', () => {
  test('writes the row, the outbox and the audit record together', async () => {
    const sub = someone();
    await walk(sub, 'prove', 'release', 'create', 'confirm');
    const row = await find(stage.db, 'main', sub);
    expect(row).toMatchObject({
      state: 'migrated',
      version: 4,
      targetUserId: `t-${sub}`,
      legacyId: sub.slice(5),
    });
    expect(row?.createdAt).toBeInstanceOf(Date);
    expect(row?.migratedAt).toBeInstanceOf(Date);
    expect(await told(sub)).toEqual([
      { event: 'prove', from_state: 'legacy', to_state: 'authenticated', version: 1 },
      { event: 'release', from_state: 'authenticated', to_state: 'releasing', version: 2 },
      { event: 'create', from_state: 'releasing', to_state: 'created', version: 3 },
      { event: 'confirm', from_state: 'created', to_state: 'migrated', version: 4 },
    ]);
    expect((await auditedOf(sub)).map(({ action }) => action)).toEqual([
      'ledger.prove',
      'ledger.release',
      'ledger.create',
      'ledger.confirm',
    ]);
  });

  test('that is illegal writes nothing', async () => {
    const sub = someone();
    await expect(move(stage.db, step(sub, 'create'))).rejects.toMatchObject({ code: 'illegal_transition' });
    expect(await find(stage.db, 'main', sub)).toBeUndefined();
    expect(await told(sub)).toEqual([]);
    expect(await auditedOf(sub)).toEqual([]);
  });

  test('that changes no state is not told onwards', async () => {
    const sub = someone();
    await walk(sub, 'prove', 'prove');
    expect(await told(sub)).toHaveLength(1);
    expect(await find(stage.db, 'main', sub)).toMatchObject({ version: 1 });
  });

  test('agrees with the table for any history, in the database as in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...EVENTS), { maxLength: 12 }), async (history) => {
        const sub = someone();
        let state: State = 'legacy';
        let moves = 0;
        for (const event of history) {
          const next = nextState(state, event);
          const result = await move(stage.db, step(sub, event)).then(
            (row) => row.state,
            (error) => error.code,
          );
          expect(result).toBe(next ?? 'illegal_transition');
          if (next && next !== state) moves += 1;
          state = next ?? state;
        }
        const row = await find(stage.db, 'main', sub);
        expect(row?.state ?? 'legacy').toBe(state);
        expect(row?.version ?? 0).toBe(moves);
        expect(await told(sub)).toHaveLength(moves);
      }),
      { numRuns: 60 },
    );
  });

  test('back to legacy voids the proof and keeps the target user’s id', async () => {
    const sub = someone();
    await walk(sub, 'prove', 'create', 'confirm', 'revert');
    expect(await find(stage.db, 'main', sub)).toMatchObject({
      state: 'legacy',
      provedAt: null,
      amr: null,
      createdAt: null,
      migratedAt: null,
      targetUserId: `t-${sub}`,
    });
    await expect(move(stage.db, step(sub, 'create'))).rejects.toMatchObject({ code: 'illegal_transition' });
  });

  test('may link another target user after going back', async () => {
    const sub = someone();
    await walk(sub, 'prove', 'create', 'revert', 'prove');
    const again = await move(stage.db, step(sub, 'create', { targetUserId: 'made-anew' }));
    expect(again.targetUserId).toBe('made-anew');
  });

  test('to a target user of somebody else is refused', async () => {
    const [first, second] = [someone(), someone()];
    await walk(first, 'prove', 'create');
    await walk(second, 'prove');
    const taken = move(stage.db, step(second, 'create', { targetUserId: `t-${first}` }));
    await expect(taken).rejects.toMatchObject({ code: 'already_linked' });
    expect(await find(stage.db, 'main', second)).toMatchObject({
      state: 'authenticated',
      targetUserId: null,
    });
  });

  test('at one target leaves the other targets alone', async () => {
    const sub = someone();
    await walk(sub, 'prove', 'create');
    await move(stage.db, step(sub, 'prove', { target: 'other' }));
    expect((await states(stage.db, sub)).map(({ target, state }) => [target, state])).toEqual([
      ['main', 'created'],
      ['other', 'authenticated'],
    ]);
  });
});

describe('fifty at once', () => {
  test('proofs of one user make one row and one move', async () => {
    const sub = someone();
    await Promise.all(
      Array.from({ length: 50 }, () => stage.db.runParts(proveParts(proofOf(sub)), 'select 1')),
    );
    const rows = await execute(stage.databaseUrl, 'select state, version from ledger where sub = $1', [sub]);
    expect(rows).toEqual([{ state: 'authenticated', version: 1 }]);
    expect(await told(sub)).toHaveLength(1);
  });

  test('creations of one user make one link, whoever is first', async () => {
    const sub = someone();
    await walk(sub, 'prove');
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) =>
        move(stage.db, step(sub, 'create', { targetUserId: `racer-${n}` })),
      ),
    );
    const winners = results.filter((result) => result.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect(await find(stage.db, 'main', sub)).toMatchObject({
      state: 'created',
      targetUserId: winners[0]!.value.targetUserId,
    });
    expect(await told(sub)).toHaveLength(2);
  });

  test('users who claim one target user get it once', async () => {
    const subs = Array.from({ length: 50 }, someone);
    await Promise.all(subs.map((sub) => walk(sub, 'prove')));
    const results = await Promise.allSettled(
      subs.map((sub) => move(stage.db, step(sub, 'create', { targetUserId: 'wanted' }))),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
    expect(new Set(refused)).toEqual(new Set(['already_linked']));
  });
});

describe('a password proof', () => {
  test('is renewed by the next login and tells how the user proved it', async () => {
    const sub = someone();
    await stage.db.runParts(proveParts(proofOf(sub)), 'select 1');
    const longAgo = new Date('2026-01-01T00:00:00Z');
    await execute(
      stage.databaseUrl,
      'update ledger set proved_at = $2, state_changed_at = $2 where sub = $1',
      [sub, longAgo],
    );
    await stage.db.runParts(proveParts(proofOf(sub, ['pwd', 'otp'])), 'select 1');
    const after = await find(stage.db, 'main', sub);
    expect(after?.amr).toEqual(['pwd', 'otp']);
    expect(after!.provedAt!.getTime()).toBeGreaterThan(longAgo.getTime());
    expect(after?.stateChangedAt).toEqual(longAgo);
  });

  test.each<[State, Event[]]>([
    ['excluded', ['exclude']],
    ['deleted', ['delete']],
    ['cut-over', ['prove', 'create', 'confirm', 'cut-over']],
    ['retired', ['prove', 'create', 'confirm', 'cut-over', 'retire']],
  ])('leaves somebody alone who is %s, and does not fail their login', async (state, events) => {
    const sub = someone();
    await walk(sub, ...events);
    const before = await find(stage.db, 'main', sub);
    const rows = await stage.db.runParts(proveParts(proofOf(sub)), 'select * from ledger_row');
    expect(rows).toEqual([]);
    expect(await find(stage.db, 'main', sub)).toEqual(before);
    expect(before?.state).toBe(state);
  });
});

describe('the readers', () => {
  test('give the state as part of another statement', async () => {
    const sub = someone();
    const read = () => stage.db.runParts([statePart('main', sub)], 'select * from ledger_state');
    const known = { target: 'main', captured: null, blocked: null };
    expect(await read()).toEqual([{ ...known, state: null }]);
    await walk(sub, 'prove');
    expect(await read()).toEqual([{ ...known, state: 'authenticated' }]);
  });

  test('count users by state', async () => {
    const before = (await counts(stage.db)).find(({ state }) => state === 'queued')?.users ?? 0;
    await walk(someone(), 'enqueue');
    expect(await counts(stage.db)).toContainEqual({ target: 'main', state: 'queued', users: before + 1 });
  });
});
