/** Batch (docs/patterns/batch.md): everybody at once, because the operator says so, and nobody has typed a password. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import type { Person } from '../../../example/demo/people.ts';
import { loadConfig } from '../../../src/config.ts';
import type { Ground } from '../../../src/ground.ts';
import { openGround } from '../../../src/ground.ts';
import { passwordFor } from '../../../src/migration/given-password.ts';
import { move } from '../../../src/migration/ledger.ts';
import { targetUserFor, targetUserIdOf } from '../../../src/migration/moving/target-user.ts';
import type { TargetUser } from '../../../src/targets/connection.ts';
import type { Bridge } from './bridge.ts';
import { openBridge, subOf } from './bridge.ts';
import { expectArrived, expectNobody, expectWellFormed } from './ends.ts';
import { standInTest } from './place.ts';
import { expectSequence } from './sequences.ts';
import { SEED, TARGET } from './settings.ts';

let bridge: Bridge;
let ground: ReturnType<typeof openGround>;
beforeAll(async () => {
  bridge = await openBridge();
  ground = openGround(loadConfig(bridge.configFile));
});
afterAll(async () => {
  await ground?.close();
  await bridge?.close();
});
beforeEach(() => bridge.fresh());

const LOOK = 'facade → zitadel reads the user';
const GRANT = 'facade → zitadel ManagementService/AddUserGrant';
const MADE = [
  LOOK,
  'facade → zitadel reads the newest links',
  'facade → zitadel UserService/AddHumanUser',
  GRANT,
  LOOK,
];
const IMPORT = 'facade → zitadel AdminService/ImportData';

const enqueue = async ({ db, audit }: Ground, person: Person) => {
  const sub = subOf(person);
  const who = { actor: 'operator:test', subject: audit.pseudonym(sub), legacyId: String(person.id) };
  await move(db, { target: TARGET, sub, event: 'enqueue', ...who });
};
const moveQueued = (person: Person) =>
  ground.mover.move({ target: TARGET, sub: subOf(person), road: 'batch', actor: 'operator:test' });

/** The person as they are to be at ZITADEL. */
async function userFor({ directory, passwords, targets }: Ground, person: Person): Promise<TargetUser> {
  const sub = subOf(person);
  const [entry, target] = [(await directory.findBySub(sub))!, targets.byName(TARGET)!];
  const given = await passwordFor(passwords, target.accepts, { entry, captured: undefined, blocked: [] });
  const targetUserId = targetUserIdOf(TARGET, sub, 0);
  const answer = targetUserFor({ entry, captured: undefined, blocked: [], target, given, targetUserId });
  if (answer.kind !== 'user') throw new Error(answer.sentence);
  return answer.user;
}

describe('one by one', () => {
  test('whoever is queued is made with everything, and moved', async () => {
    const anna = await bridge.someone('argon2', { otpSeed: SEED, role: 'clerk' });
    await enqueue(ground, anna);
    expect(await bridge.row(anna)).toMatchObject({ state: 'queued' });
    expect(await moveQueued(anna)).toMatchObject({ kind: 'moved', state: 'migrated', missing: [] });
    expectSequence(bridge, MADE);
    await expectArrived(bridge, anna);
  });

  test('whoever is not queued is nobody’s: nothing is asked of ZITADEL', async () => {
    const anna = await bridge.someone();
    expect(await moveQueued(anna)).toEqual({ kind: 'not-proved' });
    expectSequence(bridge, []);
    await expectNobody(bridge, anna);
  });

  test('whose hash ZITADEL cannot read stays `created`, without a password', async () => {
    const rosa = await bridge.someone('wp');
    await enqueue(ground, rosa);
    expect(await moveQueued(rosa)).toMatchObject({ state: 'created', missing: [{ what: 'password' }] });
    expect(await bridge.usersOf(rosa)).toMatchObject([{ hasPassword: false }]);
    expect(await bridge.isFlagged(rosa)).toBe(false);
  });

  test('whom ZITADEL never takes fails, with the reason', async () => {
    const priya = await bridge.someone('bcrypt', { email: undefined as never });
    await bridge.shop.sql('update customers set email = null where id = $1', [priya.id]);
    await enqueue(ground, priya);
    expect(await moveQueued(priya)).toMatchObject({ kind: 'refused', code: 'email_missing' });
    expectSequence(bridge, []);
    expect(await bridge.row(priya)).toMatchObject({ state: 'failed' });
  });

  test('the command does the same for one person, and says it before', async () => {
    const anna = await bridge.someone('sha512');
    const asked = ['user', 'move', subOf(anna), '--target', TARGET];
    const dry = await bridge.cli(...asked);
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('Nothing was changed')]);
    await expectNobody(bridge, anna);
    expect(await bridge.cli(...asked, '--execute')).toMatchObject({ code: 0 });
    expectSequence(bridge, MADE);
    await expectArrived(bridge, anna);
  });
});

describe('many in one call', () => {
  const KINDS: readonly HashKindName[] = ['bcrypt', 'bcrypt', 'bcrypt', 'phpass', 'phpass', 'django'];

  test('takes those whom the import takes well, after one of each kind of hash', async () => {
    const people: Person[] = [];
    for (const kind of KINDS) people.push(await bridge.someone(kind));
    const ines = await bridge.someone('bcrypt', { otpSeed: SEED });
    const lars = await bridge.someone('bcrypt', { emailConfirmed: false });
    const all = [...people, ines, lars];
    for (const person of all) await enqueue(ground, person);
    const users = await Promise.all(all.map((person) => userFor(ground, person)));
    bridge.fresh();
    const outcomes = await ground.targets.connection(TARGET)!.importUsers(users, { bulk: true });
    expect(outcomes.map(({ kind }) => kind)).toEqual(all.map(() => 'created'));
    const said = bridge.messages.taken();
    const times = (text: string) => said.filter((one) => one === text).length;
    // One of each kind of hash first, and alone whoever the import would treat worse.
    expect([times('facade → zitadel UserService/AddHumanUser'), times(IMPORT)]).toEqual([5, 1]);
    expect(said.lastIndexOf('facade → zitadel UserService/AddHumanUser')).toBeLessThan(said.indexOf(IMPORT));
    for (const person of all)
      expect(await moveQueued(person)).toMatchObject({ kind: 'moved', state: 'migrated', missing: [] });
    for (const person of all) await expectArrived(bridge, person);
  });

  standInTest(
    'is found again when the answer is lost: nobody is made twice',
    'a real one cannot be told to fail',
    async () => {
      const people = [await bridge.someone('bcrypt'), await bridge.someone('bcrypt')];
      for (const person of people) await enqueue(ground, person);
      const users = await Promise.all(people.map((person) => userFor(ground, person)));
      bridge.standIn.failNext('ImportData', 'drop-after');
      const connection = ground.targets.connection(TARGET)!;
      const outcomes = await connection.importUsers(users, { bulk: true });
      expect(outcomes.map(({ kind }) => kind)).toEqual(['unavailable', 'unavailable']);
      for (const person of people) {
        expect(await moveQueued(person)).toMatchObject({ kind: 'moved', state: 'migrated' });
        await expectArrived(bridge, person);
      }
    },
  );
});

standInTest('the stand-in was asked for nothing malformed', 'it looks at itself', async () =>
  expectWellFormed(bridge),
);
