/** Passwords that are newer at a target: asked there when they are typed here, and the legacy store's from then on. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { openPasswordSync } from '../../../src/sync/passwords/index.ts';
import type { World } from './world.ts';
import { idAt, openWorld, php, subOf, zitadel } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld({ writes: 'ldap' });
});
afterAll(() => world.close());
afterEach(async () => {
  Object.assign(world.fails, { target: undefined, legacy: undefined, lost: false });
  Object.assign(world.counts, { setPassword: 0, checkPassword: 0, apply: 0 });
  await world.sql(`update sync_pairs set state = 'running'`);
  world.errors.length = 0;
});

const AT = new Date(Date.UTC(2026, 0, 1)).toISOString();

/** Somebody who has chosen a new password at the target, of which nothing is told. */
async function changedThere(password = 'new there') {
  const id = await world.arrive({ legacy: await world.hashed('ldap', 'old'), there: zitadel('old') });
  await world.turn(id);
  world.atTarget.set(id, zitadel(password));
  expect(await world.turn(id, { passwordAt: AT })).toMatchObject({ kind: 'waits', side: 'legacy' });
  return id;
}

describe('somebody whose password is newer at the target', () => {
  test('comes in with the new one, which the legacy store has from then on', async () => {
    const id = await changedThere();
    expect(await world.typed(id, 'new there')).toMatchObject({
      kind: 'right',
      entry: { user: { sub: subOf(id) } },
      opened: { columns: { hash: world.inLegacy.hash(id) } },
    });
    expect(await world.inLegacy.opens(id, 'new there')).toBe(true);
    expect(await world.state(id)).toMatchObject({ state: 'equal', problem: null, intended: null });
    expect(await world.typed(id, 'new there')).toBeUndefined();
    expect(await world.turn(id)).toEqual({ kind: 'equal' });
    expect(world.counts).toMatchObject({ apply: 1, checkPassword: 1, setPassword: 0 });
  });

  test('does not come in with the old one, nor with any other', async () => {
    const id = await changedThere();
    for (const password of ['old', 'something else', 'new there '])
      expect(await world.typed(id, password)).toEqual({ kind: 'wrong' });
    expect(await world.state(id)).toMatchObject({ state: 'at-target' });
    expect(world.counts.apply).toBe(0);
  });

  test('hears of an outage where the target does not answer: nothing was wrong', async () => {
    const id = await changedThere();
    for (const code of ['target_unavailable', 'target_refused'] as const) {
      world.fails.target = new FootbridgeError(code);
      await expect(world.typed(id, 'new there')).rejects.toMatchObject({ code: 'target_unavailable' });
      await expect(world.typed(id, 'old')).rejects.toMatchObject({ code: 'target_unavailable' });
    }
  });

  test('comes in where the legacy store cannot be written to just now, and the next time writes it', async () => {
    const id = await changedThere();
    world.fails.legacy = new FootbridgeError('legacy_unavailable');
    expect(await world.typed(id, 'new there')).toMatchObject({ kind: 'right' });
    expect(world.errors).toMatchObject([{ code: 'legacy_unavailable' }]);
    expect(await world.state(id)).toMatchObject({ state: 'at-target' });
    world.fails.legacy = undefined;
    expect(await world.typed(id, 'new there')).toMatchObject({ kind: 'right' });
    expect(await world.state(id)).toMatchObject({ state: 'equal' });
  });

  test('comes in where the store refuses it for good, and the state says so', async () => {
    const id = await changedThere();
    world.fails.legacy = new FootbridgeError('bad_request');
    expect(await world.typed(id, 'new there')).toMatchObject({ kind: 'right' });
    expect(await world.state(id)).toMatchObject({ state: 'at-target', problem: 'legacy_refused' });
  });

  test('has nothing written twice, where the reply was lost', async () => {
    const id = await changedThere();
    world.fails.lost = true;
    expect(await world.typed(id, 'new there')).toMatchObject({ kind: 'right' });
    world.fails.lost = false;
    const written = world.inLegacy.hash(id);
    // Whoever comes first settles it: a turn by the mark, a login by the password.
    if (id % 2) expect(await world.turn(id)).toEqual({ kind: 'equal' });
    expect(await world.typed(id, 'new there')).toEqual(
      id % 2 ? undefined : expect.objectContaining({ kind: 'right' }),
    );
    expect(world.inLegacy.hash(id)).toBe(written);
    expect(await world.state(id)).toMatchObject({ state: 'equal' });
  });

  test('has the lost reply settled in their turn as well', async () => {
    const id = await changedThere();
    world.fails.lost = true;
    await world.typed(id, 'new there');
    world.fails.lost = false;
    expect(await world.turn(id, {}, 'ask')).toEqual({ kind: 'equal' });
    expect(await world.typed(id, 'new there')).toBeUndefined();
    expect(world.counts).toMatchObject({ apply: 1, setPassword: 0 });
  });

  test('types it at many places at once, and it is written so that it opens', async () => {
    const id = await changedThere();
    const all = await Promise.all(Array.from({ length: 8 }, () => world.typed(id, 'new there')));
    expect(all.every((one) => one === undefined || one.kind === 'right')).toBe(true);
    expect(await world.inLegacy.opens(id, 'new there')).toBe(true);
    while ((await world.state(id))?.state !== 'equal') await world.typed(id, 'new there');
    expect(await world.turn(id)).toEqual({ kind: 'equal' });
    expect(world.counts.setPassword).toBe(0);
  });

  test('types what the target tells of only now, and it is the legacy store’s all the same', async () => {
    const id = await changedThere('second');
    const later = new Date(Date.parse(AT) + 60_000).toISOString();
    let told = 0;
    const overtaken = openPasswordSync({
      ...world.deps,
      passwords: {
        ...world.passwords,
        hashFor: async (...asked) => {
          if (told++ === 0) await world.turn(id, { passwordAt: later });
          return world.passwords.hashFor(...asked);
        },
      },
    });
    const entry = (await world.directory.findBySub(subOf(id)))!;
    expect(await overtaken.throughTarget({ entry, password: 'second' })).toMatchObject({ kind: 'right' });
    expect([told, await world.inLegacy.opens(id, 'second')]).toEqual([2, true]);
    expect(await world.state(id)).toMatchObject({ state: 'equal' });
  });

  test('who has chosen yet another one meanwhile is asked for that one', async () => {
    const id = await changedThere('second');
    const later = new Date(Date.parse(AT) + 60_000).toISOString();
    const overtaken = openPasswordSync({
      ...world.deps,
      passwords: {
        ...world.passwords,
        hashFor: async (...asked) => {
          world.atTarget.set(id, zitadel('third'));
          await world.turn(id, { passwordAt: later });
          return world.passwords.hashFor(...asked);
        },
      },
    });
    const entry = (await world.directory.findBySub(subOf(id)))!;
    expect(await overtaken.throughTarget({ entry, password: 'second' })).toMatchObject({ kind: 'right' });
    expect(await world.inLegacy.opens(id, 'second')).toBe(false);
    expect(await world.typed(id, 'second')).toEqual({ kind: 'wrong' });
    expect(await world.typed(id, 'third')).toMatchObject({ kind: 'right' });
    expect(await world.inLegacy.opens(id, 'third')).toBe(true);
  });

  test('and whose write of the older one came last is asked at the target again', async () => {
    const id = await changedThere('second');
    const later = new Date(Date.parse(AT) + 60_000).toISOString();
    const slow = openPasswordSync({
      ...world.deps,
      directory: {
        ...world.directory,
        apply: async (sub, input) => {
          world.atTarget.set(id, zitadel('third'));
          await world.turn(id, { passwordAt: later });
          return world.directory.apply(sub, input);
        },
      },
    });
    const entry = (await world.directory.findBySub(subOf(id)))!;
    expect(await slow.throughTarget({ entry, password: 'second' })).toMatchObject({ kind: 'right' });
    expect(await world.state(id)).toMatchObject({ state: 'at-target' });
    expect(await world.typed(id, 'second')).toEqual({ kind: 'wrong' });
    expect(await world.typed(id, 'third')).toMatchObject({ kind: 'right' });
    expect(world.counts.setPassword).toBe(0);
  });

  test('who has chosen another one in the legacy store since comes in with that one as well', async () => {
    const id = await changedThere();
    world.inLegacy.set(id, await world.hashed('ldap', 'newest here'));
    expect(await world.typed(id, 'newest here')).toBeUndefined();
    expect(await world.typed(id, 'new there')).toMatchObject({ kind: 'right' });
  });
});

describe('nobody is asked at the target', () => {
  test('whose password is equal, or newer here', async () => {
    const id = await world.arrive({ legacy: php('one') });
    expect(await world.typed(id, 'one')).toBeUndefined();
    await world.turn(id);
    expect(await world.typed(id, 'wrong')).toBeUndefined();
    expect(world.counts.checkPassword).toBe(0);
  });

  test('when the two are not kept equal any more', async () => {
    const id = await changedThere();
    await world.sql(`update sync_pairs set state = 'paused'`);
    expect(await world.typed(id, 'old')).toEqual({ kind: 'wrong' });
    await world.sql(`update sync_pairs set state = 'stopped'`);
    expect(await world.typed(id, 'old')).toBeUndefined();
  });

  test('who has gone back to the legacy store', async () => {
    const id = await changedThere();
    await world.sql(`update ledger set state = 'legacy' where sub = $1`, [subOf(id)]);
    expect(await world.typed(id, 'old')).toBeUndefined();
  });

  test('where the target cannot be asked', async () => {
    const id = await changedThere();
    const { checkPassword: _, ...connection } = world.connection;
    const blind = openPasswordSync({
      ...world.deps,
      targets: { ...world.targets, connection: () => connection },
    });
    const entry = (await world.directory.findBySub(subOf(id)))!;
    expect(await blind.throughTarget({ entry, password: 'old' })).toBeUndefined();
    expect(
      await world.turn(id, { passwordAt: new Date(Date.parse(AT) + 9e5).toISOString() }, 'last-writer', {
        by: blind,
      }),
    ).toMatchObject({
      code: 'password_not_checkable',
    });
  });

  test('who was removed there: the answer is that it is wrong', async () => {
    const id = await changedThere();
    world.memory.users.delete(idAt(id));
    expect(await world.typed(id, 'old')).toEqual({ kind: 'wrong' });
  });
});
