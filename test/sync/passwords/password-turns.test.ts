/** A password in its owner's turn: carried where it can be, waited for where it cannot, and never lost on the way. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { carryFor } from '../../../src/migration/carrying.ts';
import { find } from '../../../src/migration/ledger.ts';
import { Secret } from '../../../src/settings.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openPasswordSync } from '../../../src/sync/passwords/index.ts';
import { openPasswords } from '../../../src/sync/passwords/password-states.ts';
import { sealPassword } from '../../../src/sync/passwords/sealing.ts';
import { decideConflict, listConflicts } from '../../../src/sync/people/conflicts.ts';
import type { Hint } from '../../../src/sync/queue/change-queue.ts';
import type { LegacyEntry } from '../../../src/user.ts';
import type { World } from './world.ts';
import { idAt, openWorld, php, subOf, zitadel } from './world.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

/** A store that the target reads, and one whose salted digests it does not. */
let world: World;
let ssha: World;
beforeAll(async () => {
  [world, ssha] = await Promise.all([openWorld(), openWorld({ writes: 'ldap' })]);
});
afterAll(() => Promise.all([world.close(), ssha.close()]));
afterEach(() => {
  for (const { fails, counts, woken } of [world, ssha]) {
    Object.assign(fails, { target: undefined, legacy: undefined, lost: false });
    Object.assign(counts, { setPassword: 0, checkPassword: 0, apply: 0 });
    woken.length = 0;
  }
});

const sealed = (id: number, password: { hash: string } | { clear: string }, { keyring } = world) => {
  const secret =
    'hash' in password ? { hash: new Secret(password.hash) } : { clear: new Secret(password.clear) };
  return sealPassword(keyring, { target: 'main', person: subOf(id) }, secret);
};

/** Equal, and seen to be. */
async function equalOnes(password = 'the first one'): Promise<number> {
  const id = await world.arrive({ legacy: php(password) });
  expect(await world.turn(id)).toEqual({ kind: 'equal' });
  return id;
}

describe('somebody whose password nobody has changed', () => {
  test('is left alone, however often it is their turn', async () => {
    const id = await equalOnes();
    expect(await world.turn(id, { legacyAt: at(1), targetAt: at(2) })).toEqual({ kind: 'equal' });
    expect(await world.state(id)).toMatchObject({ state: 'equal', problem: null });
    expect(world.counts).toMatchObject({ setPassword: 0, apply: 0, checkPassword: 0 });
  });

  test('is left alone under a new master key as well', async () => {
    const id = await equalOnes();
    const rotated = openKeyring([
      new Secret(Buffer.alloc(32, 9).toString('base64')),
      new Secret(world.master),
    ]);
    const by = openPasswordSync({ ...world.deps, keyring: rotated });
    expect(await world.turn(id, {}, 'last-writer', { by })).toEqual({ kind: 'equal' });
    expect(world.counts.setPassword).toBe(0);
  });

  test('keeps a password that the target had before us', async () => {
    const id = await world.arrive({ legacy: php('ours'), there: zitadel('theirs') });
    await world.sql('update ledger set made = false where sub = $1', [subOf(id)]);
    expect(await world.turn(id)).toEqual({ kind: 'equal' });
    expect(await world.atTarget.opens(id, 'theirs')).toBe(true);
  });

  test('of whom the field is left to itself is never looked at', async () => {
    const id = await equalOnes();
    world.inLegacy.set(id, php('another'));
    expect(await world.turn(id, { passwordAt: at(5) }, 'never')).toEqual({ kind: 'equal' });
    expect(await world.atTarget.opens(id, 'another')).toBe(false);
  });
});

describe('a password that was changed in the legacy store', () => {
  test('is given to the target once, and recorded before', async () => {
    const id = await equalOnes();
    world.inLegacy.set(id, php('the second one'));
    expect(await world.turn(id, { legacyAt: at(3) })).toEqual({ kind: 'wrote', side: 'target' });
    expect(await world.atTarget.opens(id, 'the second one')).toBe(true);
    expect(await world.turn(id)).toEqual({ kind: 'equal' });
    expect(world.counts).toMatchObject({ setPassword: 1, apply: 0 });
    const [record] = await world.audit.records({ sub: subOf(id), action: 'secrets.released' });
    expect(record).toMatchObject({ actor: 'sync', detail: { road: 'sync', password: { format: 'bcrypt' } } });
    expect((await find(world.db, 'main', subOf(id)))?.password).toBe('carried');
  });

  test('is given at the first turn, where the ledger knows which one the target had', async () => {
    const id = await world.arrive({ legacy: php('before') });
    await world.sql('update ledger set released_of = $2 where sub = $1', [subOf(id), 'ab'.repeat(32)]);
    expect(await world.turn(id)).toEqual({ kind: 'wrote', side: 'target' });
  });

  test('is recorded, and still another one, where the target does not answer', async () => {
    const id = await equalOnes();
    world.inLegacy.set(id, php('the second one'));
    world.fails.target = new FootbridgeError('target_unavailable');
    await expect(world.turn(id)).rejects.toMatchObject({ code: 'target_unavailable' });
    expect(await world.audit.records({ sub: subOf(id), action: 'secrets.released' })).toHaveLength(1);
    world.fails.target = undefined;
    expect(await world.turn(id)).toEqual({ kind: 'wrote', side: 'target' });
    expect(await world.atTarget.opens(id, 'the second one')).toBe(true);
  });

  test('waits where the target refuses it, and what the person does there then is heard', async () => {
    const id = await equalOnes();
    world.inLegacy.set(id, php('the second one'));
    world.fails.target = new FootbridgeError('target_refused');
    expect(await world.turn(id)).toEqual({ kind: 'waits', side: 'target', code: 'target_refused' });
    expect(await world.state(id)).toMatchObject({ state: 'waits', problem: 'target_refused' });
    world.fails.target = undefined;
    const passwordAt = new Date(Date.now() + 60_000).toISOString();
    expect(await world.turn(id, { passwordAt }, 'target')).toMatchObject({ kind: 'waits', side: 'legacy' });
  });

  test('never opens the target without the second factor that is asked for today', async () => {
    const id = await world.arrive({ legacy: php('one'), totp: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' });
    await world.turn(id);
    world.inLegacy.set(id, php('two'));
    const waits = { kind: 'waits', side: 'target', code: 'second_factor_missing' };
    expect(await world.turn(id)).toEqual(waits);
    expect(await world.turn(id)).toEqual(waits);
    expect(world.counts.setPassword).toBe(0);
    expect(await world.audit.records({ sub: subOf(id), action: 'secrets.released' })).toEqual([]);
    world.atTarget.user(id).totp = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
    expect(await world.turn(id)).toEqual({ kind: 'wrote', side: 'target' });
  });

  test('is taken away from nobody at the target', async () => {
    const id = await equalOnes();
    world.inLegacy.set(id, null);
    expect(await world.turn(id)).toEqual({ kind: 'equal' });
    expect(await world.atTarget.opens(id, 'the first one')).toBe(true);
  });
});

describe('a legacy password that the target cannot read', () => {
  const changed = async () => {
    const id = await ssha.arrive({
      legacy: await ssha.hashed('ldap', 'one'),
      there: zitadel('one'),
      outcome: 'captured',
    });
    expect(await ssha.turn(id)).toEqual({ kind: 'equal' });
    ssha.inLegacy.set(id, await ssha.hashed('ldap', 'two'));
    return id;
  };

  test('waits until a login captures it, which wakes its owner', async () => {
    const id = await changed();
    expect(await ssha.turn(id)).toEqual({ kind: 'waits', side: 'target', code: 'password_not_portable' });
    expect(await openPasswords(ssha.db)).toEqual([
      { target: 'main', state: 'waits', problem: 'password_not_portable', people: 1 },
    ]);
    expect(await ssha.loginCaptures(id, 'two')).toEqual(['password_captured_0', 'password_due_0']);
    expect(await ssha.sync.round()).toBe(1);
    expect(ssha.woken).toEqual([{ target: 'main', sub: subOf(id) }]);
    expect(await ssha.turn(id)).toEqual({ kind: 'wrote', side: 'target' });
    expect(await ssha.atTarget.opens(id, 'two')).toBe(true);
    expect(await ssha.sql('select 1 from captured_passwords')).toEqual([]);
    expect(await ssha.loginCaptures(id, 'two')).toEqual([]);
    expect(await ssha.sync.round()).toBe(0);
  });

  test('is captured before its turn has come as well, and of nobody who needs nothing', async () => {
    const id = await changed();
    expect(await ssha.loginCaptures(id, 'two')).toEqual(['password_captured_0', 'password_due_0']);
    const other = await ssha.arrive({ legacy: await ssha.hashed('ldap', 'one'), there: zitadel('one') });
    expect(await ssha.loginCaptures(other, 'one')).toEqual([]);
    await ssha.turn(other);
    expect(await ssha.loginCaptures(other, 'one')).toEqual([]);
  });

  test('is captured where an app tells of it, if it is theirs', async () => {
    const id = await changed();
    expect(await ssha.sync.caught(subOf(id), 'one')).toEqual({ kind: 'not-theirs' });
    expect(await ssha.sync.caught(subOf(id), 'a\0b')).toEqual({ kind: 'not-theirs' });
    expect(await ssha.sync.caught('shop:4711', 'two')).toEqual({ kind: 'not-theirs' });
    expect(ssha.woken).toEqual([]);
    expect(await ssha.sync.caught(subOf(id), 'two')).toEqual({ kind: 'caught', targets: ['main'] });
    expect(ssha.woken).toEqual(expect.arrayContaining([{ target: 'main', sub: subOf(id) }]));
    expect(await ssha.turn(id)).toEqual({ kind: 'wrote', side: 'target' });
    expect(await ssha.atTarget.opens(id, 'two')).toBe(true);
  });

  test('wakes again where waking failed, and where more was captured meanwhile', async () => {
    const id = await changed();
    await ssha.turn(id);
    await ssha.loginCaptures(id, 'two');
    const down = openPasswordSync({
      ...ssha.deps,
      wake: () => Promise.reject(new FootbridgeError('storage_unavailable')),
    });
    await expect(down.round()).rejects.toMatchObject({ code: 'storage_unavailable' });
    const meanwhile = openPasswordSync({
      ...ssha.deps,
      wake: async () => {
        await ssha.sql('update sync_passwords set due_at = clock_timestamp() where sub = $1', [subOf(id)]);
      },
    });
    expect(await meanwhile.round()).toBe(1);
    expect(await ssha.sync.round()).toBe(1);
    expect(await ssha.sync.round()).toBe(0);
  });
});

describe('a password that was changed at the target', () => {
  test('is written to the store as its hash, where the store reads that', async () => {
    const id = await equalOnes();
    const hash = zitadel('new there');
    world.atTarget.set(id, hash);
    const hint = { passwordAt: at(9), sealedPassword: sealed(id, { hash }) };
    expect(await world.turn(id, hint)).toEqual({ kind: 'wrote', side: 'legacy' });
    expect(world.inLegacy.hash(id)).toBe(hash.replace('$2a$', '$2y$'));
    expect(await world.turn(id, hint)).toEqual({ kind: 'equal' });
    expect(await world.turn(id)).toEqual({ kind: 'equal' });
    expect(world.counts).toMatchObject({ apply: 1, setPassword: 0 });
    const [record] = await world.audit.records({ sub: subOf(id), action: 'sync.legacy-password' });
    expect(record).toMatchObject({ actor: 'target:main', detail: { layout: '$2' } });
    expect(JSON.stringify(record)).not.toContain(hash.slice(7, 29));
  });

  test('is hashed in the store’s own way, where the target tells itself', async () => {
    const id = await ssha.arrive({ legacy: await ssha.hashed('ldap', 'one'), there: zitadel('one') });
    await ssha.turn(id);
    const hint = { passwordAt: at(9), sealedPassword: sealed(id, { clear: 'two ü' }, ssha) };
    expect(await ssha.turn(id, hint)).toEqual({ kind: 'wrote', side: 'legacy' });
    expect(ssha.inLegacy.hash(id)).toMatch(/^\{SSHA\}/);
    expect(await ssha.inLegacy.opens(id, 'two ü')).toBe(true);
  });

  test('is not written where the store has it already', async () => {
    const id = await equalOnes();
    const hint = { passwordAt: at(9), sealedPassword: sealed(id, { clear: 'the first one' }) };
    expect(await world.turn(id, hint)).toEqual({ kind: 'equal' });
    expect(world.counts.apply).toBe(0);
  });

  test.each([
    ['nothing of it is told', () => undefined, 'caught_at_login'],
    [
      'what is told was sealed for somebody else',
      (id: number) => sealed(id + 1, { clear: 'x' }),
      'caught_at_login',
    ],
    ['what is told is garbage', () => 'AAAA', 'caught_at_login'],
    [
      'the store cannot read the hash',
      (id: number) =>
        sealed(id, {
          hash: '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NTY$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
        }),
      'untranslatable_algorithm',
    ],
    ['the hash is none', (id: number) => sealed(id, { hash: 'no hash' }), 'unrecognised'],
  ])('is waited for where %s', async (_why, told, code) => {
    const id = await equalOnes();
    const sealedPassword = told(id);
    const hint = { passwordAt: at(9), ...(sealedPassword ? { sealedPassword } : {}) };
    expect(await world.turn(id, hint)).toEqual({ kind: 'waits', side: 'legacy', code });
    expect(await world.state(id)).toMatchObject({
      state: 'at-target',
      problem: code,
      since: new Date(at(9)),
    });
    expect(world.counts.apply).toBe(0);
    // It waits for a login, and for nothing else.
    expect(await world.turn(id)).toMatchObject({ kind: 'waits', side: 'legacy' });
  });

  test('is written in the next turn, where the store did not answer', async () => {
    const id = await equalOnes();
    const hash = zitadel('new there');
    const hint = { passwordAt: at(9), sealedPassword: sealed(id, { hash }) };
    world.fails.legacy = new FootbridgeError('legacy_unavailable');
    await expect(world.turn(id, hint)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    expect(await world.state(id)).toMatchObject({ state: 'at-target' });
    world.fails.legacy = undefined;
    expect(await world.turn(id, hint)).toEqual({ kind: 'wrote', side: 'legacy' });
    expect(await world.inLegacy.opens(id, 'new there')).toBe(true);
  });

  test.each([
    ['a hash', (id: number) => sealed(id, { hash: zitadel('new there') })],
    ['itself', (id: number) => sealed(id, { clear: 'new there' })],
  ])('is known again where the reply was lost: %s', async (_what, told) => {
    const id = await equalOnes();
    const hint = { passwordAt: at(9), sealedPassword: told(id) };
    world.fails.lost = true;
    await expect(world.turn(id, hint)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    world.fails.lost = false;
    // Whoever goes on may have lost the hint as well.
    expect(await world.turn(id, { legacyAt: at(20) }, 'ask')).toEqual({ kind: 'equal' });
    expect(await world.inLegacy.opens(id, 'new there')).toBe(true);
    expect(world.counts).toMatchObject({ apply: 1, setPassword: 0 });
    expect(await world.state(id)).toMatchObject({ state: 'equal', intended: null });
  });

  test('is refused by the store without anybody’s failure, and the state says so', async () => {
    const id = await equalOnes();
    world.fails.legacy = new FootbridgeError('bad_request');
    const hint = { passwordAt: at(9), sealedPassword: sealed(id, { clear: 'new there' }) };
    expect(await world.turn(id, hint)).toEqual({ kind: 'waits', side: 'legacy', code: 'legacy_refused' });
  });

  test('where the store is not written to, says so', async () => {
    const none = await openWorld({ writes: '' });
    const id = await none.arrive({ legacy: php('one') });
    await none.turn(id);
    const hint = { passwordAt: at(9), sealedPassword: sealed(id, { clear: 'two' }, none) };
    expect(await none.turn(id, hint)).toEqual({
      kind: 'waits',
      side: 'legacy',
      code: 'legacy_password_not_written',
    });
    await none.close();
  });

  test('that was heard late is old news: doubled, or from before what is there now', async () => {
    const id = await equalOnes();
    const hint = { passwordAt: at(9), sealedPassword: sealed(id, { clear: 'at nine' }) };
    await world.turn(id, hint);
    expect(await world.turn(id, { passwordAt: at(9) })).toEqual({ kind: 'equal' });
    expect(await world.turn(id, { passwordAt: at(8) })).toEqual({ kind: 'equal' });
    world.inLegacy.set(id, php('later here'));
    await world.turn(id);
    // Before our own writing, which is now.
    expect(await world.turn(id, { passwordAt: at(30), othersAt: at(30) })).toEqual({ kind: 'equal' });
    expect(await world.state(id)).toMatchObject({ state: 'equal', heardAt: new Date(at(30)) });
  });
});

describe('what we have written at the target', () => {
  const wrote = async () => {
    const id = await equalOnes();
    world.inLegacy.set(id, php('ours'));
    await world.turn(id);
    return id;
  };
  const now = () => new Date().toISOString();

  test('comes back as nobody’s change', async () => {
    const id = await wrote();
    expect(await world.turn(id, { passwordAt: now() })).toEqual({ kind: 'equal' });
    expect(await world.state(id)).toMatchObject({ state: 'equal' });
  });

  test('is somebody else’s change where the target says so, or much later', async () => {
    const id = await wrote();
    const moment = now();
    expect(await world.turn(id, { passwordAt: moment, othersAt: moment })).toMatchObject({ kind: 'waits' });
    const other = await wrote();
    const later = new Date(Date.now() + 3_600_000).toISOString();
    expect(await world.turn(other, { passwordAt: later })).toMatchObject({ kind: 'waits', side: 'legacy' });
  });
});

describe('a password that was changed on both sides', () => {
  const both = async () => {
    const id = await equalOnes();
    world.inLegacy.set(id, php('here'));
    world.atTarget.set(id, zitadel('there'));
    const hint = (second: number) => ({
      legacyAt: at(30),
      passwordAt: at(second),
      sealedPassword: sealed(id, { hash: world.atTarget.user(id).password! }),
    });
    return { id, hint };
  };
  const ends = async (id: number, password: string) => {
    expect(await world.inLegacy.opens(id, password)).toBe(true);
    expect(await world.atTarget.opens(id, password)).toBe(true);
    expect(await world.turn(id)).toEqual({ kind: 'equal' });
  };

  test.each([
    ['legacy', 10, 'last-writer', 'here'],
    ['target', 50, 'last-writer', 'there'],
    ['legacy', 32, 'last-writer', 'here'],
    ['legacy', 50, 'legacy', 'here'],
    ['target', 10, 'target', 'there'],
  ] as const)(
    'is the %s’s when the target’s is of second %i, by %s',
    async (side, second, authority, password) => {
      const { id, hint } = await both();
      expect(await world.turn(id, hint(second), authority)).toEqual({
        kind: 'wrote',
        side: side === 'legacy' ? 'target' : 'legacy',
      });
      await ends(id, password);
      const [conflict] = await listConflicts(world.db, world.keyring, {
        target: 'main',
        sub: subOf(id),
        onlyOpen: false,
        limit: 10,
      });
      expect(conflict).toMatchObject({
        field: 'password',
        kind: 'password',
        decided: side,
        values: undefined,
      });
    },
  );

  test.each([
    ['legacy', 'here'],
    ['target', 'there'],
  ] as const)('waits for a person where they are asked, who says %s', async (side, password) => {
    const { id, hint } = await both();
    expect(await world.turn(id, hint(50), 'ask')).toEqual({ kind: 'conflict' });
    expect(await world.turn(id, hint(50), 'ask')).toEqual({ kind: 'conflict' });
    expect(world.counts).toMatchObject({ apply: 0, setPassword: 0 });
    const open = { target: 'main', sub: subOf(id), onlyOpen: true, limit: 10 };
    const conflicts = await listConflicts(world.db, world.keyring, open);
    expect(conflicts).toMatchObject([{ field: 'password', decided: null }]);
    // Until then both open our door.
    expect(await world.typed(id, 'here')).toBeUndefined();
    await decideConflict(world.db, conflicts[0]!.id, side);
    expect(await world.turn(id, hint(50), 'ask')).toEqual({
      kind: 'wrote',
      side: side === 'legacy' ? 'target' : 'legacy',
    });
    await ends(id, password);
    expect(await listConflicts(world.db, world.keyring, open)).toEqual([]);
  });
});

test('of whoever is not at the target any more nothing is asked', async () => {
  const id = await equalOnes();
  world.inLegacy.set(id, php('another'));
  world.memory.users.delete(idAt(id));
  expect(await world.turn(id)).toEqual({ kind: 'equal' });
});

test('a login at any client of ours captures what a synced target lacks, also of people who have arrived', async () => {
  const id = await ssha.arrive({ legacy: await ssha.hashed('ldap', 'one'), there: zitadel('one') });
  await ssha.turn(id);
  ssha.inLegacy.set(id, await ssha.hashed('ldap', 'two'));
  const stored = (await ssha.directory.findBySub(subOf(id)))!.credentials.passwords;
  const login = { ...{ sub: subOf(id), password: 'two', stored, opened: stored[0] }, captured: undefined };
  const common = { ...login, clientId: 'any', state: 'migrated', blocked: [] };
  const names = async (synced: boolean, byClient: () => typeof ssha.target | undefined) => {
    const carrying = { ...ssha.carrying, ...(synced ? { synced: ssha.sync.captures } : {}) };
    return (await carryFor(carrying, { byClient })(common)).map(({ name }) => name);
  };
  for (const byClient of [() => ssha.target, () => undefined])
    expect(await names(true, byClient)).toEqual(['password_captured_0', 'password_due_0']);
  expect(await names(false, () => ({ ...ssha.target, rollbackWindowSeconds: 0 }))).toEqual([]);
  await ssha.sql(`update sync_pairs set state = 'stopped'`);
  expect(await names(true, () => undefined)).toEqual([]);
  await ssha.sql(`update sync_pairs set state = 'running'`);
});

describe('a store that keeps its hashes to itself', () => {
  test('is believed as to what opens it: what is caught there is given to the target once', async () => {
    const id = await world.arrive({ legacy: null, there: zitadel('old') });
    const verify = async (password: string) => password === 'new';
    const { user } = (await world.directory.findBySub(subOf(id)))!;
    const entry: LegacyEntry = { user, credentials: { passwords: [], storeCheck: { only: true, verify } } };
    const directory = { ...world.directory, findBySub: async () => entry };
    const by = openPasswordSync({ ...world.deps, directory });
    const turn = async (hint: Hint = {}) =>
      by.turn({
        ...{ pair: world.pair, target: world.target, row: (await find(world.db, 'main', subOf(id)))! },
        ...{ entry, found: await world.connection.userById(idAt(id)), hint, authority: 'last-writer' },
      });
    expect(await turn()).toEqual({ kind: 'equal' });
    expect(await turn({ legacyAt: at(5) })).toEqual({ kind: 'equal' });
    expect(await by.caught(subOf(id), 'old')).toEqual({ kind: 'not-theirs' });
    const login = { sub: subOf(id), stored: [], opened: undefined };
    expect(await by.captures({ ...login, password: 'old' }, undefined)).toEqual([]);
    expect(await by.caught(subOf(id), 'new')).toEqual({ kind: 'caught', targets: ['main'] });
    expect(await turn({ legacyAt: at(6) })).toEqual({ kind: 'wrote', side: 'target' });
    expect(await world.atTarget.opens(id, 'new')).toBe(true);
    expect(await by.captures({ ...login, password: 'new' }, undefined)).toEqual([]);
    expect(await turn({ legacyAt: at(7) })).toEqual({ kind: 'equal' });
    expect(world.counts.setPassword).toBe(1);
  });
});
