/** The people of a phase taken back: what they have changed at the target comes back or is kept, and each has one account or none. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { openKept, placeOfPhase } from '../../../src/migration/batch/undo-kept.ts';
import { targetUserIdOf } from '../../../src/migration/moving/target-user.ts';
import { whyNotYet } from '../../../src/migration/phases/return-asked.ts';
import { foreseeReturn } from '../../../src/migration/phases/return-foresight.ts';
import { returnProblems } from '../../../src/migration/phases/return-tally.ts';
import type { PhaseStage } from './phase-stage.ts';
import { openPhaseStage } from './phase-stage.ts';

let stage: PhaseStage;
beforeAll(async () => {
  stage = await openPhaseStage(30);
});
afterAll(async () => {
  expect(stage.errors).toEqual([]);
  await stage.close();
});

/** A phase of these people alone, who are at the target by it. */
async function brought(name: string, ids: readonly number[]): Promise<readonly string[]> {
  const subs = ids.map((id) => `shop:${id}`);
  await stage.plan({
    segments: { [name]: { subs } },
    phases: [{ name, segments: [name], identities: 'bulk' }],
  });
  await stage.turn(name, 'running');
  await stage.run(await stage.gather(name));
  return subs;
}
const foreseen = async (phase: string) =>
  foreseeReturn(stage.returning, {
    scope: stage.scopeOf(phase),
    snapshot: (await stage.rollout.snapshot('main'))!,
  });
const keptOf = async (phase: string, sub: string) => {
  const { kept } = ((await stage.row(sub))?.detail ?? {}) as { kept?: string };
  return kept && openKept(stage.returning.keyring, { batch: placeOfPhase('main', phase), sub, kept });
};
const NONE = { returned: 0, kept: 0, refused: 0, failed: 0, open: 0, withKept: 0, withBrought: 0 };

test('a profile that was changed there comes back, and what the store does not take is kept', async () => {
  const [same, named, rest] = (await brought('profiles', [1, 2, 3])) as [string, string, string];
  stage.change(named, {
    ...{
      givenName: 'Renamed',
      familyName: 'Family2',
      email: { address: 'new@example.net', isVerified: true },
    },
    metadata: { theme: 'dark' },
  });
  // The legacy store has changed this one since: nothing of theirs is newer at the target.
  stage.change(rest, { givenName: 'Given3', familyName: 'Family3' });
  await stage.legacySql(`update people set given = 'Newer' where id = 3`);
  expect(await foreseen('profiles')).toMatchObject({
    people: 3,
    will: { remove: { people: 3 }, refused: { people: 0 } },
    brought: { givenName: { people: 1, examples: [named] }, email: { people: 1 } },
    fields: { metadata: { people: 1 }, givenName: { people: 1 } },
  });
  expect(stage.target.people.size).toBe(3);
  await stage.turn('profiles', 'rolled-back');
  expect(await stage.back('profiles')).toEqual({ ...NONE, returned: 3, withKept: 1, withBrought: 1 });
  expect(stage.target.people.size).toBe(0);
  // Another address is theirs once they have proved it here.
  expect(await stage.person(2)).toMatchObject({
    given: 'Renamed',
    email: 'new@example.net',
    proved: false,
    moved: 0,
  });
  expect(await stage.person(3)).toMatchObject({ given: 'Newer', moved: 0 });
  expect(await keptOf('profiles', named)).toEqual({
    metadata: { old: expect.anything(), new: { theme: 'dark' } },
  });
  expect([await keptOf('profiles', same), await keptOf('profiles', rest)]).toEqual([null, null]);
  expect(await stage.row(named)).toMatchObject({
    back: 'returned',
    detail: { brought: ['givenName', 'email'] },
  });
  const detail = JSON.stringify((await stage.row(named))?.detail);
  expect(detail).not.toContain('Renamed');
  expect(detail).not.toContain('dark');
});

test('what both sides have changed, or nobody knows, is not written over the legacy store', async () => {
  const [both, unknown] = (await brought('both', [4, 5])) as [string, string];
  stage.change(both, { givenName: 'There' });
  await stage.legacySql(`update people set given = 'Here' where id = 4`);
  stage.change(unknown, { givenName: 'There' });
  await stage.sql('delete from compared_users where sub = $1', [unknown]);
  await stage.turn('both', 'rolled-back');
  expect(await stage.back('both')).toEqual({ ...NONE, returned: 2, withKept: 2 });
  expect([(await stage.person(4)).given, (await stage.person(5)).given]).toEqual(['Here', 'Given5']);
  expect(await keptOf('both', both)).toMatchObject({ givenName: { new: 'There' } });
});

test('a store that refuses a field keeps nobody here, and the field is kept', async () => {
  const [sub] = (await brought('refusing', [6])) as [string];
  await stage.legacySql(`alter table people add constraint short check (length(given) < 20)`);
  stage.change(sub, {
    givenName: 'A name that is longer than the store takes',
    email: { address: 'six@example.net', isVerified: true },
  });
  await stage.turn('refusing', 'rolled-back');
  expect(await stage.back('refusing')).toMatchObject({ returned: 1, withKept: 1, withBrought: 1 });
  expect(await stage.person(6)).toMatchObject({ given: 'Given6', email: 'six@example.net' });
  expect((await stage.row(sub))?.detail).toMatchObject({
    ...{ brought: ['email'], fields: ['givenName'], notBrought: { givenName: expect.any(String) } },
  });
  await stage.legacySql('alter table people drop constraint short');
});

test('a newer password that is still to be caught here is waited for, unless it may be lost', async () => {
  const [waits, lost, here] = (await brought('passwords', [7, 8, 9])) as [string, string, string];
  stage.passwords.set(waits, 'catchable').set(lost, 'lost').set(here, 'here');
  expect(await foreseen('passwords')).toMatchObject({
    passwords: { catchable: { examples: [waits] }, lost: { examples: [lost] }, here: { examples: [here] } },
    lost: { password: { people: 1, examples: [lost] } },
  });
  await stage.turn('passwords', 'rolled-back');
  expect(await stage.back('passwords')).toMatchObject({ returned: 2, refused: 1 });
  expect(await returnProblems(stage.db, stage.scopeOf('passwords'), 9)).toMatchObject([
    { sub: waits, back: 'refused', problem: { code: 'password_at_target' } },
  ]);
  expect(await stage.state(waits)).toBe('migrated');
  expect((await stage.row(lost))?.detail).toMatchObject({ lost: ['password'] });
  // Caught meanwhile.
  stage.passwords.set(waits, 'here');
  expect(await stage.back('passwords')).toMatchObject({ returned: 3, refused: 0 });
  expect(await stage.state(waits)).toBe('legacy');
});

test('whoever was there before the phase stays, whoever was only linked is unlinked, and who is gone here is refused', async () => {
  await stage.run({ batches: [{ batch: await plannedFor('shop:10'), people: 1 }] });
  stage.target.put({
    ...{ sub: 'shop:11', targetUserId: 'before-11', username: 'was-there', legacyId: '11' },
    ...{ givenName: 'Was', familyName: 'There', identityProviderLinks: [], metadata: {}, grants: [] },
  });
  await brought('before', [10, 11, 12]);
  await stage.legacySql('delete from people where id = 12');
  await stage.turn('before', 'rolled-back');
  expect(await stage.back('before')).toMatchObject({ returned: 1, kept: 1, refused: 1, failed: 0 });
  expect([await stage.state('shop:10'), await stage.state('shop:11'), await stage.state('shop:12')]).toEqual([
    ...['migrated', 'legacy', 'migrated'],
  ]);
  expect(stage.target.people.get('before-11')?.found.links).toEqual([]);
  expect(await returnProblems(stage.db, stage.scopeOf('before'), 9)).toMatchObject([
    { sub: 'shop:12', problem: { code: 'legacy_user_gone' } },
  ]);
});

/** By another road than a phase. */
async function plannedFor(sub: string): Promise<string> {
  const pace = { size: 50, perSecond: null, workers: 1 };
  await stage.batches.begin({ id: 'other', target: 'main', plan: {}, actor: 'operator:test', ...pace });
  await stage.batches.add('other', [{ sub, legacyId: sub.slice(5), rank: 0 }], sub);
  await stage.batches.planned('other', null);
  return 'other';
}

test('one person goes back alone, and the others of the phase stay', async () => {
  const [one, other] = (await brought('alone', [13, 14])) as [string, string];
  expect(await stage.back('alone', { more: { user: one } })).toMatchObject({ returned: 1 });
  expect([await stage.state(one), await stage.state(other)]).toEqual(['legacy', 'migrated']);
  // By being back they are out of this attempt.
  expect(await stage.gather('alone')).toMatchObject({ batches: [] });
});

test('whoever was stopped at the target is stopped here too', async () => {
  const [sub] = (await brought('stopped', [15])) as [string];
  stage.change(sub, { state: 'inactive' });
  await stage.turn('stopped', 'rolled-back');
  expect(await stage.back('stopped')).toMatchObject({ returned: 1, withBrought: 1 });
  expect(await stage.person(15)).toMatchObject({ active: false });
});

test('one whom the target refuses to let go stops nobody else, and goes when it is mended', async () => {
  const subs = await brought('failing', [16, 17, 18]);
  const { remove } = stage.target;
  const stuck = stage.found(subs[1]!)[0]!.found.targetUserId;
  stage.target.remove = async (id) => {
    if (id === stuck) throw new FootbridgeError('target_refused', { detail: 'no' });
    return remove(id);
  };
  await stage.turn('failing', 'rolled-back');
  expect(await stage.back('failing')).toMatchObject({ returned: 2, failed: 1, open: 0 });
  stage.target.remove = remove;
  expect(await stage.back('failing')).toMatchObject({ returned: 3, failed: 0 });
});

test('a target that is away costs nobody a try: it is waited for', async () => {
  const [sub] = (await brought('away', [19])) as [string];
  const { userById } = stage.target;
  let left = 3;
  stage.target.userById = async (id) => {
    left -= 1;
    if (left > 0) throw new FootbridgeError('target_unavailable');
    return userById(id);
  };
  await stage.turn('away', 'rolled-back');
  expect(await stage.back('away')).toMatchObject({ returned: 1, failed: 0 });
  stage.target.userById = userById;
  expect(await stage.state(sub)).toBe('legacy');
});

test('a phase that goes on is not emptied: its people would come again', async () => {
  await brought('going', [20]);
  const snapshot = (await stage.rollout.snapshot('main'))!;
  expect(whyNotYet(snapshot, stage.scopeOf('going'))).toEqual([
    expect.stringContaining('footbridge rollout rollback --phase going'),
  ]);
  await stage.turn('going', 'rolled-back');
  expect(whyNotYet((await stage.rollout.snapshot('main'))!, stage.scopeOf('going'))).toEqual([]);
});

test('brought again by the next attempt, they have one account, with an id that was not given before', async () => {
  const subs = await brought('again', [21, 22]);
  stage.change(subs[0]!, { metadata: { theme: 'dark' } });
  await stage.turn('again', 'rolled-back');
  await stage.back('again');
  await stage.turn('again', 'running');
  await stage.run(await stage.gather('again'));
  for (const sub of subs) {
    expect(stage.found(sub).map(({ found }) => found.targetUserId)).toEqual([targetUserIdOf('main', sub, 1)]);
    expect(await stage.row(sub)).toMatchObject({ attempt: 2, back: null });
  }
  // Nobody has written out yet what was kept of the first time.
  expect(await keptOf('again', subs[0]!)).toMatchObject({ metadata: { new: { theme: 'dark' } } });
});
