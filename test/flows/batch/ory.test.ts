/** An old shop moves to Ory Kratos: the batch, the logins after it, and the passwords that Kratos asks us about. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import type { Person } from '../../../example/demo/people.ts';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import type { StandInKratos } from '../../support/kratos/index.ts';
import { startKratos } from '../../support/kratos/index.ts';
import { until } from '../server.ts';
import type { Some, Town } from './town.ts';
import { openRelay, openTown, SEED, subOf } from './town.ts';

vi.setConfig({ testTimeout: 90_000 });

const TOKEN = 'token-of-the-project-0123456789';
const HOOK = { name: 'X-Footbridge-Key', value: 'secret-of-the-hook-0123456789' };
const READ = ['bcrypt', 'argon2', 'django', 'sha512', 'md5', 'md5salt'] as const;
/** Kratos computes neither; we do. */
const UNREAD = ['phpass', 'wp'] as const;
const OF_EACH_READ = 16;
const OF_EACH_UNREAD = 8;

/** A call has so many people. */
const SIZE = '20';

let kratos: StandInKratos;
let hook: Awaited<ReturnType<typeof openRelay>>;
let town: Town;
let crowd: Person[];
let withCode: Person;
let unreadWithCode: Person;
let disabled: Person;
let leaving: Person;
let addressless: Person;
let uncomputable: Person;

const times = (count: number, one: Some): Some[] => Array.from({ length: count }, () => one);

beforeAll(async () => {
  kratos = await startKratos({ token: TOKEN });
  town = await openTown({
    target: {
      kind: 'kratos',
      api: { url: kratos.url, token: TOKEN, identityProvider: 'footbridge', perSecond: 1_000 },
      kratos: { traits: { username: 'username', givenName: 'name.first', familyName: 'name.last' } },
      move: { typedPasswords: true },
    },
    change: (settings) => {
      // Kratos asks for the code itself: it has the seeds from the batch.
      const auth = { apiKey: HOOK };
      settings.dropIns = [{ name: 'ory', kind: 'ory', target: 'kratos', auth, secondFactors: 'allow' }];
    },
  });
  hook = await openRelay(() => town.issuer);
  kratos.setHook(asked());
  crowd = await town.settle([
    ...READ.flatMap((kind) => times(OF_EACH_READ, { kind })),
    ...UNREAD.flatMap((kind) => times(OF_EACH_UNREAD, { kind })),
  ]);
  [withCode, unreadWithCode, disabled, leaving, addressless, uncomputable] = (await town.settle([
    { otpSeed: SEED },
    { kind: 'phpass', otpSeed: SEED },
    { active: false },
    {},
    {},
    { kind: 'gost-yescrypt' },
  ])) as [Person, Person, Person, Person, Person, Person];
  await town.shop.sql('update customers set email = null where id = $1', [addressless.id]);
});
afterAll(async () => {
  await town?.close();
  await hook?.close();
  await kratos?.close();
});

const asked = (value = HOOK.value) => ({
  url: `${hook.url}/hooks/ory/password`,
  headers: { [HOOK.name]: value },
});
const outcome = async ({ email = '' }: Person, password: string, code?: string) =>
  (await kratos.login(email, password, code)).outcome;
/** Of a wrong and of the right password. */
const outcomes = async (person: Person) => [
  await outcome(person, `${person.password}!`),
  await outcome(person, person.password),
];
const ofKind = (kind: HashKindName) => crowd.filter((person) => person.kind === kind);
const codeNow = () => codeOfStep(SEED, stepAt(Date.now() / 1_000));
const migrated = (person: Person) => until(async () => (await town.state(person)) === 'migrated');

describe('the batch', () => {
  const PLAN = ['batch', 'plan', '--target', 'kratos', '--name', 'move', '--size', SIZE];

  test('is only told about by a plan without --execute', async () => {
    const { executed, report } = await town.told<{ executed: boolean; report: { people: number } }>(...PLAN);
    expect(executed).toBe(false);
    expect(report).toBeDefined();
    expect((await town.told<{ batches: object[] }>('batch', 'list')).batches).toEqual([]);
    expect([kratos.calls, await town.states()]).toEqual([[], {}]);
  });

  test('brings everybody once, and says of each who is left why', async () => {
    const planned = await town.told<{ executed: boolean; members: number }>(...PLAN, '--execute');
    // Whoever is disabled is left out.
    expect(planned).toMatchObject({ executed: true, members: town.people.length - 1 });
    await town.shop.sql(`update customers set active = 'N' where id = $1`, [leaving.id]);
    const { state, counts } = await town.told('batch', 'run', 'move', '--execute');
    const unread = UNREAD.length * OF_EACH_UNREAD + [unreadWithCode, uncomputable].length;
    expect({ state, ...counts }).toEqual({
      state: 'done',
      users: town.people.length - 1,
      migrated: READ.length * OF_EACH_READ + [withCode].length,
      created: unread,
      skipped: [leaving].length,
      failed: [addressless].length,
      there: 0,
      waiting: 0,
    });
    expect(kratos.state()).toMatchObject({ identities: counts.migrated! + unread, duplicates: 0 });
    for (const { email = '' } of [disabled, leaving])
      expect(kratos.identities.byIdentifier('password', email)).toBeUndefined();
  });

  test('is written out with a code and something to do for each who is left', async () => {
    const { code, out } = await town.cli('batch', 'export-errors', 'move', '--format', 'jsonl');
    expect(code).toBe(0);
    const rows = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    const row = (person: Person) => rows.filter(({ sub }) => sub === subOf(person));
    expect(row(addressless)).toMatchObject([{ outcome: 'failed', code: 'target:traits-required' }]);
    expect(row(leaving)).toMatchObject([{ outcome: 'skipped', code: 'user_disabled' }]);
    expect(row(uncomputable)).toMatchObject([
      { outcome: 'created', missing: 'password: unsupported_algorithm' },
    ]);
    for (const kind of UNREAD)
      for (const person of ofKind(kind))
        expect(row(person)).toMatchObject([{ outcome: 'created', code: 'password_missing' }]);
    expect(rows).toHaveLength(UNREAD.length * OF_EACH_UNREAD + 4);
    expect(rows.filter(({ what_to_do }) => !what_to_do)).toEqual([]);
  });

  test('has a remedy for each who is left', async () => {
    const { remedies } = await town.told<{
      remedies: { remedy: string; users: number; examples: string[] }[];
    }>('batch', 'remedies', 'move');
    expect(remedies).toMatchObject([
      { remedy: 'capture-at-login', users: UNREAD.length * OF_EACH_UNREAD + [unreadWithCode].length },
      { remedy: 'reset-by-us', users: 1, examples: [subOf(uncomputable)] },
      { remedy: 'ask-operator', users: 1, examples: [subOf(addressless)] },
    ]);
  });
});

describe('at Kratos', () => {
  test.each(READ)('people with a %s hash log in with the old password, and with no other', async (kind) => {
    for (const person of ofKind(kind)) expect(await outcomes(person)).toEqual(['refused', 'in']);
    expect(hook.heard).toEqual([]);
  });

  test('the code of the old authenticator app is asked for', async () => {
    expect(await outcomes(withCode)).toEqual(['refused', 'code-wanted']);
    expect(await outcome(withCode, withCode.password, '000000')).toBe('refused');
    expect(await outcome(withCode, withCode.password, codeNow())).toBe('in');
  });

  test('nobody logs in whom the batch has not brought', async () => {
    for (const person of [disabled, leaving, addressless])
      expect(await outcome(person, person.password)).toBe('refused');
    expect(hook.heard).toEqual([]);
  });
});

describe('a password that Kratos cannot read', () => {
  test('is nobody’s business without the key of the hook', async () => {
    const [person] = ofKind('phpass') as [Person];
    kratos.setHook(asked('secret-of-somebody-else-0123456789'));
    expect(await outcome(person, person.password)).toBe('unavailable');
    expect(hook.heard.splice(0).map(({ status }) => status)).toEqual([401]);
    kratos.setHook(asked());
    expect(await town.state(person)).toBe('created');
  });

  test('is neither right nor wrong while the shop is down, and counts for nobody', async () => {
    const [person] = ofKind('wp') as [Person];
    await town.shop.switchTo(false);
    expect(await outcomes(person)).toEqual(['unavailable', 'unavailable']);
    // Kratos sends it again twice.
    expect(hook.heard.splice(0).map(({ status }) => status)).toEqual(Array(6).fill(503));
    expect([await town.failures(), await town.state(person)]).toEqual([0, 'created']);
    await town.shop.switchTo(true);
    await until(async () => (await outcome(person, person.password)) === 'in');
    hook.heard.splice(0);
    await migrated(person);
  });

  test.each(UNREAD)(
    '(%s) is checked here once, and Kratos’ own from then on',
    async (kind) => {
      const [, ...people] = ofKind(kind);
      for (const person of people) {
        const failures = await town.failures();
        expect(await outcome(person, `${person.password}!`)).toBe('refused');
        expect(await town.failures()).toBeGreaterThan(failures);
        expect(await outcome(person, person.password)).toBe('in');
        expect(hook.heard.splice(0).map(({ status }) => status)).toEqual([403, 200]);
        expect(await outcomes(person)).toEqual(['refused', 'in']);
        expect(hook.heard).toEqual([]);
      }
      for (const person of people) await migrated(person);
    },
    60_000,
  );

  test('opens nothing without the code where there is one', async () => {
    expect(await outcomes(unreadWithCode)).toEqual(['refused', 'code-wanted']);
    expect(await outcome(unreadWithCode, unreadWithCode.password, '000000')).toBe('refused');
    expect(await outcome(unreadWithCode, unreadWithCode.password, codeNow())).toBe('in');
    // Kratos had the hash when it asked for the code.
    expect(hook.heard.splice(0).map(({ status }) => status)).toEqual([403, 200]);
    await migrated(unreadWithCode);
  });
});

test('a dead letter arrives once it is mended and replayed', async () => {
  const { id, email, password } = addressless;
  await town.shop.sql('update customers set email = $2 where id = $1', [id, email]);
  expect(await town.cli('batch', 'replay', 'move', '--user', subOf(addressless), '--execute')).toMatchObject({
    code: 0,
  });
  expect((await town.done('move')).counts).toMatchObject({ failed: 0, waiting: 0 });
  expect(await outcome(addressless, password)).toBe('in');
  expect(kratos.state()).toMatchObject({ identities: town.people.length - 2, duplicates: 0 });
  await until(async () => (await town.openWork()).length === 0);
});
