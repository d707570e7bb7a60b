/** How a flow ends for a person. */
import { expect } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { Bridge } from './bridge.ts';
import { subOf } from './bridge.ts';
import { ROLES } from './settings.ts';
import type { SeenUser } from './zitadel-view.ts';

/** One user there, complete, with the old password, and nothing left to do. */
export async function expectArrived(
  bridge: Bridge,
  person: Person,
  wanted: Partial<SeenUser> & { readonly password?: string } = {},
): Promise<SeenUser> {
  const { password = person.password, ...more } = wanted;
  const users = await bridge.usersOf(person);
  expect(users).toHaveLength(1);
  const [user] = users as [SeenUser];
  expect(user).toMatchObject({
    username: person.login,
    state: 'USER_STATE_ACTIVE',
    email: person.email,
    isEmailVerified: person.emailConfirmed,
    hasPassword: true,
    hasTotp: person.otpSeed !== undefined,
    metadata: { legacy_id: String(person.id) },
    grants: { [bridge.project]: [ROLES[person.role as keyof typeof ROLES]] },
    ...more,
  });
  if (!wanted.links) expect(user.links).toEqual([`${await bridge.idp()}/${subOf(person)}`]);
  expect([
    await bridge.view.opens(user.id, password),
    await bridge.view.opens(user.id, `${password}!`),
  ]).toEqual([true, false]);
  expect(await bridge.row(person)).toMatchObject({ state: 'migrated', targetUserId: user.id });
  expect(await bridge.work(person)).toEqual([]);
  expect(await bridge.isFlagged(person)).toBe(true);
  return user;
}

/** Nobody there, and nothing on the way. */
export async function expectNobody(bridge: Bridge, person: Person): Promise<void> {
  expect(await bridge.usersOf(person)).toEqual([]);
  expect(await bridge.work(person)).toEqual([]);
  expect(await bridge.isFlagged(person)).toBe(false);
}

/** The stand-in has refused and dropped nothing, and is well itself. */
export function expectWellFormed({ standIn }: Bridge): void {
  expect(standIn.violations).toEqual([]);
  expect(standIn.faults).toEqual([]);
}
