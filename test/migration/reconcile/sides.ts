/** Random pairs of sides, and what a reconciliation must say of them: worked out from plain values, without the code. */
import fc from 'fast-check';
import { fingerprintOf } from '../../../src/migration/captured-passwords.ts';
import { comparedManyPart } from '../../../src/migration/reconcile/compared.ts';
import { digestsOf } from '../../../src/migration/reconcile/marks.ts';
import type { TargetUser } from '../../../src/targets/connection.ts';
import type { MemoryUser } from './memory-target.ts';
import type { LegacyPerson, World } from './world.ts';
import { HASHES, ownIdOf, personOf, SEED, subOf, userOf } from './world.ts';

const CHANGED = ['nobody', 'left', 'right', 'both', 'alike'] as const;
type Changed = (typeof CHANGED)[number];
const changed = fc.constantFrom<Changed>(...CHANGED);

export const somebody = fc.record({
  left: fc.constantFrom('active', 'active', 'active', 'disabled', 'gone'),
  ledger: fc.constantFrom(
    'none',
    'authenticated',
    'migrated',
    'migrated',
    'migrated',
    'excluded',
    'deleted',
    'failed',
  ),
  there: fc.constantFrom('linked', 'linked', 'linked', 'inactive', 'nobody'),
  wasCompared: fc.boolean(),
  email: changed,
  given: changed,
  nick: changed,
  password: fc.constantFrom('same', 'same', 'changed', 'lost'),
  totp: fc.constantFrom('none', 'none', 'both', 'left', 'right'),
});
type Somebody = typeof somebody extends fc.Arbitrary<infer T> ? T : never;
export const sides = fc.array(somebody, { minLength: 1, maxLength: 6 });

const FIELDS = { email: 'email', given: 'givenName', nick: 'nickname' } as const;
type Column = keyof typeof FIELDS;
const COLUMNS = Object.keys(FIELDS) as Column[];

/** What each side has, and what both had. */
function valuesOf(id: number, column: Column, how: Changed) {
  const value = (side: string) => (column === 'email' ? `${side}-${id}@example.com` : `${side} ${id}`);
  const alike = how === 'alike';
  return {
    before: value('old'),
    left: alike ? value('alike') : how === 'left' || how === 'both' ? value('left') : value('old'),
    right: alike ? value('alike') : how === 'right' || how === 'both' ? value('right') : value('old'),
  };
}

function rowOf(id: number, one: Somebody, side: 'before' | 'left' | 'right'): LegacyPerson {
  const of = (column: Column) => valuesOf(id, column, one[column])[side];
  const hasTotp = one.totp === 'both' || one.totp === side;
  return personOf(id, {
    email: of('email'),
    given: of('given'),
    nick: of('nick'),
    disabled: one.left === 'disabled' ? 1 : 0,
    hash: side === 'left' && one.password === 'changed' ? HASHES[1] : HASHES[0],
    totp: hasTotp ? SEED : null,
  });
}

/** Somebody whom nothing ever happened to, so that the target is seen to tell of nicknames. */
export const STEADY = personOf(99);

export async function writeSides(world: World, people: readonly Somebody[]): Promise<void> {
  await world.forget();
  const all = people.map((one, at) => ({ id: at + 1, one }));
  const leftRows = all.filter(({ one }) => one.left !== 'gone').map(({ id, one }) => rowOf(id, one, 'left'));
  world.writeLegacy([...leftRows, STEADY]);
  const users = all
    .filter(({ one }) => one.there !== 'nobody')
    .map(({ id, one }) => rightOf(id, one, rowOf(id, one, 'right')));
  world.writeTarget([...users, userOf(STEADY)]);
  const standings = all
    .filter(({ one }) => one.ledger !== 'none')
    .map(({ id, one }) => ({
      id,
      state: one.ledger,
      releasedOf: one.ledger === 'migrated' ? releasedOf(world, id) : null,
    }));
  await world.writeLedger([...standings, { id: 99, state: 'migrated' }]);
  const bases = all
    .filter(({ one }) => one.wasCompared)
    .map(({ id, one }) => ({ sub: subOf(id), digests: baseOf(world, id, rowOf(id, one, 'before')) }));
  await world.db.runParts([comparedManyPart('main', bases)], 'select 1');
}

function rightOf(id: number, one: Somebody, row: LegacyPerson): MemoryUser {
  const { password, ...user } = userOf(row, { state: one.there === 'inactive' ? 'inactive' : 'active' });
  return { ...user, id: ownIdOf(id), ...(one.password === 'lost' || !password ? {} : { password }) };
}

const releasedOf = (world: World, id: number) =>
  fingerprintOf(world.keyring, { target: 'main', sub: subOf(id) }, [
    { format: 'auto', columns: { hash: HASHES[0] } },
  ]);

function baseOf(world: World, id: number, { login, email, given, family, nick }: LegacyPerson) {
  const user: Partial<TargetUser> = {
    targetUserId: ownIdOf(id),
    username: login,
    givenName: given,
    familyName: family,
    nickname: nick ?? '',
    email: { address: email, isVerified: true },
  };
  return digestsOf(world.keyring, 'main', user as TargetUser);
}

/** `kind` or `kind field` of each difference. */
export function expectedOf(id: number, one: Somebody): string[] {
  const isThere = one.there !== 'nobody';
  const isActiveThere = one.there === 'linked';
  if (one.ledger === 'deleted') return isThere ? ['resurrected'] : [];
  if (one.left === 'gone') return isActiveThere ? ['extra'] : [];
  const wasToBe = one.ledger === 'migrated' || one.ledger === 'failed';
  if (!isThere) return one.left === 'active' && wasToBe ? ['missing'] : [];
  if (one.ledger !== 'migrated') return one.left === 'active' || isActiveThere ? ['unrecorded'] : [];
  return [...profileOf(id, one), ...restOf(one)];
}

function profileOf(id: number, one: Somebody): string[] {
  return COLUMNS.flatMap((column) => {
    const { before, left, right } = valuesOf(id, column, one[column]);
    if (left === right) return [];
    const kind = !one.wasCompared
      ? 'conflict'
      : right === before
        ? 'changed-left'
        : left === before
          ? 'changed-right'
          : 'conflict';
    return [`${kind} ${FIELDS[column]}`];
  });
}

function restOf({ left, there, password, totp }: Somebody): string[] {
  const state =
    (left === 'active') === (there === 'linked')
      ? []
      : [left === 'active' ? 'changed-right state' : 'changed-left state'];
  const factor = totp === 'left' ? ['changed-left totp'] : totp === 'right' ? ['changed-right totp'] : [];
  return [...state, ...(password === 'same' ? [] : ['changed-left password']), ...factor];
}

/** What must be at the target once everything was repaired that only the legacy store changed. */
export function leftValues(id: number, one: Somebody): Partial<MemoryUser> {
  const of = (column: Column) =>
    expectedOf(id, one).includes(`changed-left ${FIELDS[column]}`)
      ? valuesOf(id, column, one[column]).left
      : undefined;
  const [email, given, nick] = [of('email'), of('given'), of('nick')];
  const hasPassword = expectedOf(id, one).includes('changed-left password');
  return {
    ...(email ? { email: { address: email, isVerified: true } } : {}),
    ...(given ? { givenName: given } : {}),
    ...(nick ? { nickname: nick } : {}),
    ...(hasPassword ? { password: one.password === 'changed' ? HASHES[1] : HASHES[0] } : {}),
  };
}
