/** What an ending ends, and whom it tells: every selection in both scopes. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EndingRequest, Selection } from '../../../src/sessions/ending/ending.ts';
import { endingsOfPerson } from '../../../src/sessions/ending/endings.ts';
import { sweepSessions } from '../../../src/sessions/sweeper.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import type { Stage } from './stage.ts';
import { idOf, openStage, openWorld, uid } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());
beforeEach(() => openWorld(stage));

const ALL = {
  ops: ['A', 'B', 'C'],
  legacy: ['h1', 'h2', 'h3', 'h4'],
  targets: ['t1', 't2', 't3'],
  tokens: ['refresh-a1', 'refresh-a2', 'refresh-a3', 'refresh-b1', 'refresh-c1'],
};
const WITHOUT_A = {
  ops: ['B', 'C'],
  legacy: ['h3', 'h4'],
  targets: ['t2', 't3'],
  tokens: ['refresh-a2', 'refresh-b1', 'refresh-c1'],
};
const WITHOUT_ANNA = {
  ops: ['C'],
  legacy: ['h4'],
  targets: ['t3'],
  tokens: ['refresh-a2', 'refresh-c1'],
};
const TOLD_A = ['client forum a2', 'client shop a1', 'legacy old h1', 'legacy older h2', 'target main t1'];
const TOLD_ANNA = [
  ...TOLD_A,
  'client shop b1',
  'legacy old all of anna',
  'legacy old h3',
  'target main all of anna',
  'target main t2',
].sort();

const BY: Record<string, () => Selection> = {
  'op-session': () => ({ by: 'op-session', uid: uid('A') }),
  client: () => ({ by: 'client', clientId: 'shop', sid: 'a1' }),
  legacy: () => ({ by: 'legacy', app: 'old', ids: idOf(stage, 'h1') }),
  target: () => ({ by: 'target', target: 'main', id: 't1' }),
};
const LOGOUT = { cause: 'logout', actor: 'user' } as const;

describe.each(Object.keys(BY))('selected by %s', (by) => {
  const request = (more: Partial<EndingRequest> = {}) => ({ selection: BY[by]!(), ...LOGOUT, ...more });

  test('a session ends with what belongs to it, and nobody else’s', async () => {
    const ended = await stage.endings.end(request());
    expect(ended).toMatchObject({ opSessions: 1, legacySessions: 2, targetSessions: 1, deliveries: 5 });
    expect(await stage.alive()).toEqual(WITHOUT_A);
    expect(await stage.deliveries()).toEqual(TOLD_A);
  });

  test('a person’s sessions end everywhere where the settings say so', async () => {
    const ended = await stage.with({ logoutEnds: 'person' }).end(request());
    expect(ended).toMatchObject({ opSessions: 2, legacySessions: 3, targetSessions: 2, deliveries: 10 });
    expect(await stage.alive()).toEqual(WITHOUT_ANNA);
    expect(await stage.deliveries()).toEqual(TOLD_ANNA);
  });

  test('ending it once more changes nothing and tells nobody', async () => {
    for (const endings of [stage.endings, stage.with({ logoutEnds: 'person' })]) {
      await openWorld(stage);
      await endings.end(request());
      const told = await stage.deliveries();
      const again = await endings.end(request());
      expect(again).toMatchObject({ opSessions: 0, legacySessions: 0, targetSessions: 0, deliveries: 0 });
      expect(await stage.deliveries()).toEqual(told);
      expect(await stage.sql('select 1 from session_endings')).toHaveLength(1);
      expect(stage.told).toHaveLength(1);
    }
  });
});

describe('selected by person', () => {
  const selection = { by: 'person', sub: 'anna' } as const;

  test.each(['logout', 'operator', 'password-changed', 'deactivated', 'removed'] as const)(
    'everything ends, whatever the settings say about logouts (%s)',
    async (cause) => {
      await stage.endings.end({ selection, cause, actor: 'footbridge' });
      expect(await stage.alive()).toEqual(WITHOUT_ANNA);
      expect(await stage.deliveries()).toEqual(TOLD_ANNA);
    },
  );

  test('only the provider’s sessions and what belongs to them end where that is asked for', async () => {
    await stage.endings.end({ selection, ...LOGOUT, scope: 'session' });
    expect(await stage.alive()).toEqual({ ...WITHOUT_ANNA, targets: ['t2', 't3'] });
    expect(await stage.deliveries()).toEqual(TOLD_ANNA.filter((told) => !/all of|t2/.test(told)));
  });

  test('those who may know of sessions that we do not are told where it is about the person', async () => {
    await stage.account('zoe');
    const zoe = { by: 'person', sub: 'zoe' } as const;
    const ended = await stage.endings.end({ selection: zoe, cause: 'deactivated', actor: 'footbridge' });
    expect(ended).toMatchObject({ opSessions: 0, deliveries: 2 });
    expect(await stage.deliveries()).toEqual(['legacy old all of zoe', 'target main all of zoe']);
  });

  test('nobody is told of a person without sessions who has logged out somewhere', async () => {
    await stage.account('zoe');
    const zoe = { by: 'person', sub: 'zoe' } as const;
    expect(await stage.endings.end({ selection: zoe, cause: 'legacy', actor: 'legacy:old' })).toMatchObject({
      deliveries: 0,
    });
    expect(await stage.sql('select 1 from session_endings')).toEqual([]);
    expect(stage.kicks).toBe(0);
  });

  test('what outlives a session ends with everything, and only then', async () => {
    await stage.endings.end({ selection, cause: 'deactivated', actor: 'footbridge' });
    expect((await stage.alive()).tokens).toContain('refresh-a2');
    await stage.endings.end({ selection, cause: 'deactivated', actor: 'footbridge', everything: true });
    expect((await stage.alive()).tokens).toEqual(['refresh-c1']);
  });
});

describe('selected by any', () => {
  test('as many as asked for, in the second lane, until none is left', async () => {
    const request = { selection: { by: 'any', limit: 2 }, cause: 'operator', actor: 'operator:x' } as const;
    const first = await stage.endings.end({ ...request, scope: 'session' });
    expect(first.opSessions).toBe(2);
    expect((await stage.endings.end({ ...request, scope: 'session' })).opSessions).toBe(1);
    expect((await stage.endings.end({ ...request, scope: 'session' })).opSessions).toBe(0);
    expect((await stage.alive()).ops).toEqual([]);
    expect(await stage.sql('select distinct lane from logout_deliveries')).toEqual([{ lane: 1 }]);
  });

  test('only those that have a session for the client, and all of the same people', async () => {
    const selection = { by: 'any', limit: 10, clientId: 'forum' } as const;
    await stage.endings.end({ selection, cause: 'operator', actor: 'operator:x' });
    expect(await stage.alive()).toEqual(WITHOUT_ANNA);
  });

  test('sessions that somebody is busy with are left for the next time, and not waited for', async () => {
    const request = { selection: { by: 'any', limit: 10 }, cause: 'operator', actor: 'operator:x' } as const;
    await stage.db.connection(async (client) => {
      await client.query('begin');
      await client.query('select 1 from oidc_records where uid = $1 for update', [uid('A')]);
      expect((await stage.endings.end(request)).opSessions).toBe(2);
      await client.query('rollback');
    });
    expect((await stage.alive()).ops).toEqual(['A']);
    expect((await stage.endings.end(request)).opSessions).toBe(1);
  });
});

describe('who asked for it', () => {
  const person = (initiator: NonNullable<EndingRequest['initiator']>, selection: Selection) =>
    stage.with({ logoutEnds: 'person' }).end({ selection, ...LOGOUT, initiator });

  test('a client is spared for its own session, not for the person’s others', async () => {
    await person({ kind: 'client', name: 'shop' }, BY['op-session']!());
    expect(await stage.deliveries()).toEqual(TOLD_ANNA.filter((told) => told !== 'client shop a1'));
  });

  test('a client that named its sid is spared for that one', async () => {
    await person({ kind: 'client', name: 'shop' }, BY.client!());
    expect(await stage.deliveries()).toEqual(TOLD_ANNA.filter((told) => told !== 'client shop a1'));
  });

  test('a legacy app is spared for the session that it named', async () => {
    await person({ kind: 'legacy', name: 'old' }, BY.legacy!());
    expect(await stage.deliveries()).toEqual(TOLD_ANNA.filter((told) => told !== 'legacy old h1'));
  });

  test('a legacy app whose session was found over is spared for what belongs to that login', async () => {
    await person({ kind: 'legacy', name: 'old' }, BY['op-session']!());
    expect(await stage.deliveries()).toEqual(TOLD_ANNA.filter((told) => told !== 'legacy old h1'));
  });

  test('a target is spared for the session that it named', async () => {
    await person({ kind: 'target', name: 'main' }, BY.target!());
    expect(await stage.deliveries()).toEqual(TOLD_ANNA.filter((told) => told !== 'target main t1'));
  });

  test('whoever named the person has seen to all of theirs', async () => {
    await person({ kind: 'target', name: 'main' }, { by: 'person', sub: 'anna' });
    expect(await stage.deliveries()).toEqual(TOLD_ANNA.filter((told) => !told.startsWith('target')));
    await openWorld(stage);
    await person({ kind: 'legacy', name: 'old' }, { by: 'person', sub: 'anna' });
    expect(await stage.deliveries()).toEqual(TOLD_ANNA.filter((told) => !told.startsWith('legacy old ')));
  });
});

test('somebody else’s login in the same browser leaves the first one’s other browsers alone', async () => {
  const endings = stage.with({ logoutEnds: 'person' });
  await endings.end({ selection: BY['op-session']!(), cause: 'replaced', actor: 'user' });
  expect(await stage.alive()).toEqual(WITHOUT_A);
});

test('nobody is told who is not a recipient', async () => {
  const recipients = { clients: [], apps: [], appsByPerson: [], targets: [] };
  const endings = stage.with({ logoutEnds: 'person', recipients });
  const ended = await endings.end({ selection: BY['op-session']!(), ...LOGOUT });
  expect(ended).toMatchObject({ opSessions: 2, deliveries: 0 });
  expect(await stage.deliveries()).toEqual([]);
  expect(stage.kicks).toBe(0);
});

test('an unknown session ends nothing', async () => {
  const unknown: Selection[] = [
    { by: 'op-session', uid: uid('X') },
    { by: 'person', sub: 'nobody' },
    { by: 'client', clientId: 'shop', sid: 'c9' },
    { by: 'client', clientId: 'forum', sid: 'a1' },
    { by: 'legacy', app: 'old', ids: idOf(stage, 'h9') },
    { by: 'target', target: 'other', id: 't1' },
  ];
  for (const selection of unknown) {
    const ended = await stage.with({ logoutEnds: 'person' }).end({ selection, ...LOGOUT });
    expect(ended).toMatchObject({ opSessions: 0, legacySessions: 0, targetSessions: 0, deliveries: 0 });
  }
  expect(await stage.alive()).toEqual(ALL);
  expect(await stage.sql('select 1 from session_endings')).toEqual([]);
});

test('two endings of one session at the same moment tell everybody once (10 rounds)', async () => {
  for (let round = 0; round < 10; round += 1) {
    await openWorld(stage);
    const endings = stage.with({ logoutEnds: 'person' });
    const ended = await Promise.all(
      Object.values(BY).map((selection) => endings.end({ selection: selection(), ...LOGOUT })),
    );
    expect(ended.reduce((sum, { opSessions }) => sum + opSessions, 0)).toBe(2);
    expect((await stage.deliveries()).filter((told) => !told.includes('all of'))).toEqual(
      TOLD_ANNA.filter((told) => !told.includes('all of')),
    );
  }
});

test('a session that gets a new id at this moment ends under that one, with the client that joined it', async () => {
  const ended = await stage.db.connection(async (client) => {
    await client.query('begin');
    await client.query(
      `update oidc_records set id = $2, payload = jsonb_set(payload, '{authorizations,forum,sid}', '"a9"') where uid = $1`,
      [uid('A'), Buffer.from('renamed')],
    );
    const ending = stage.endings.end({ selection: BY['op-session']!(), ...LOGOUT });
    // It waits for the row; nothing else tells when it has begun to.
    for (let waits: unknown[] = []; waits.length === 0; )
      waits = await stage.sql(`select 1 from pg_locks where not granted`);
    await client.query('commit');
    return ending;
  });
  expect(ended.opSessions).toBe(1);
  expect((await stage.alive()).ops).toEqual(['B', 'C']);
  expect(await stage.deliveries()).toContain('client forum a9');
});

test('what ended is written down with its cause, and in the audit log under a pseudonym where it is about the person', async () => {
  const selection = { by: 'person', sub: 'anna' } as const;
  await stage.endings.end({ selection, cause: 'operator', actor: 'operator:x' });
  const [listed] = await endingsOfPerson(stage.db, 'anna', 10);
  expect(listed).toMatchObject({
    cause: 'operator',
    actor: 'operator:x',
    scope: 'person',
    ended: { opSessions: 2, legacySessions: 3, targetSessions: 2 },
  });
  const audit = openAuditLog({ db: stage.db, keyring: stage.keyring });
  const [entry] = await audit.records({ sub: 'anna', newestFirst: true, limit: 1 });
  expect(entry).toMatchObject({ actor: 'operator:x', subject: audit.pseudonym('anna') });
  expect(entry!.detail).toMatchObject({ ending: listed!.id, cause: 'operator' });
  expect(JSON.stringify(entry!.detail)).not.toContain('anna');
});

test('parts of a larger statement end the same', async () => {
  const { id, parts, afterCommit } = stage.endings.parts({ selection: BY['op-session']!(), ...LOGOUT });
  await stage.db.runParts(parts, 'select 1');
  afterCommit();
  expect(await stage.alive()).toEqual(WITHOUT_A);
  expect(await stage.sql('select id::text from session_endings')).toEqual([{ id }]);
  expect(stage.kicks).toBe(1);
});

test('an ending is forgotten with its deliveries when it is old, and not before they are done', async () => {
  await stage.endings.end({ selection: BY['op-session']!(), ...LOGOUT });
  await stage.sql(`update logout_deliveries set created_at = now() - interval '31 days',
    done_at = case when kind = 'client' then now() end`);
  expect(await sweepSessions(stage.db, { keepDays: 30 })).toBe(2);
  await stage.sql(`update session_endings set created_at = now() - interval '31 days'`);
  await stage.sql(`update logout_deliveries set due_at = 'infinity'`);
  expect(await sweepSessions(stage.db, { keepDays: 30 })).toBe(4);
});
