/** An old shop moves to cidaas: in small calls, and with the passwords that cidaas cannot verify checked here. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { HashKindName } from '../../../example/demo/hash-kinds.ts';
import type { Person } from '../../../example/demo/people.ts';
import type { CidaasStandIn } from '../../support/cidaas/index.ts';
import { APP, openCidaas } from '../../support/cidaas/index.ts';
import { until } from '../server.ts';
import type { Some, Town } from './town.ts';
import { openRelay, openTown, SEED, subOf } from './town.ts';

vi.setConfig({ testTimeout: 90_000 });

const ALGORITHM = 'CUSTOM_FOOTBRIDGE';
const SECRET = 'secret-of-the-verifier-0123456789';
const READ = ['bcrypt', 'argon2'] as const;
/** cidaas computes neither; we do. */
const UNREAD = ['phpass', 'wp', 'md5salt'] as const;
const OF_EACH_READ = 50;
const OF_EACH_UNREAD = 6;
const CALL = 50;

let cidaas: CidaasStandIn;
/** Adds the secret, for nothing is known that cidaas could send itself. */
let proxy: Awaited<ReturnType<typeof openRelay>>;
let town: Town;
let crowd: Person[];
let withCode: Person;
let throwAway: Person;

const times = (count: number, one: Some): Some[] => Array.from({ length: count }, () => one);

beforeAll(async () => {
  proxy = await openRelay(() => town.issuer, { authorization: `Bearer ${SECRET}` });
  const custom = { algorithm: ALGORITHM, url: `${proxy.url}/hooks/cidaas/password` };
  cidaas = await openCidaas({ custom, migrationMode: true });
  town = await openTown({
    target: {
      kind: 'cidaas',
      api: { url: cidaas.url, clientCredentials: APP, identityProvider: 'footbridge', perSecond: 1_000 },
      cidaas: { migrationMode: true, customAlgorithm: ALGORITHM },
      move: { typedPasswords: true },
    },
    change: (settings) => {
      settings.dropIns = [{ name: 'hashes', kind: 'cidaas', target: 'cidaas', auth: { bearer: SECRET } }];
    },
  });
  crowd = await town.settle([
    ...READ.flatMap((kind) => times(OF_EACH_READ, { kind })),
    ...UNREAD.flatMap((kind) => times(OF_EACH_UNREAD, { kind })),
  ]);
  [throwAway, withCode] = (await town.settle([{ email: 'rosa@disposable.example' }, { otpSeed: SEED }])) as [
    Person,
    Person,
  ];
});
afterAll(async () => {
  await town?.close();
  await cidaas?.close();
  await proxy?.close();
});

const ofKind = (kind: HashKindName) => crowd.filter((person) => person.kind === kind);
/** Whether a wrong and the right password let the person in. */
const logins = async ({ email = '', password }: Person) => [
  await cidaas.login(email, `${password}!`),
  await cidaas.login(email, password),
];
const asked = () => proxy.heard.splice(0).map(({ status, body }) => [status, JSON.parse(body).algorithm]);

describe('the batch', () => {
  test('brings 120 people in calls of at most 50, but for the one whose address cidaas refuses', async () => {
    expect(town.people).toHaveLength(120);
    await town.told('batch', 'plan', '--target', 'cidaas', '--name', 'move', '--execute');
    const { state, counts } = await town.told('batch', 'run', 'move', '--execute');
    expect({ state, ...counts }).toEqual({
      state: 'done',
      users: 120,
      migrated: READ.length * OF_EACH_READ,
      created: UNREAD.length * OF_EACH_UNREAD + [withCode].length,
      failed: [throwAway].length,
      there: 0,
      skipped: 0,
      waiting: 0,
    });
    expect([Math.max(...cidaas.batches), cidaas.batches.reduce((sum, size) => sum + size, 0)]).toEqual([
      CALL,
      120,
    ]);
    const emails = cidaas.tenant.all().map(({ identities: [own] }) => own?.email);
    expect([...emails].sort()).toEqual([...crowd, withCode].map(({ email }) => email).sort());
  });

  test('keeps the one as a dead letter, with what cidaas said', async () => {
    const { users } = await town.told<{ users: { sub: string; problem: object }[] }>(
      ...['batch', 'users', 'move', '--outcome', 'failed'],
    );
    expect(users).toMatchObject([
      { sub: subOf(throwAway), problem: { code: expect.stringMatching(/^target:/) } },
    ]);
  });

  test.each(READ)(
    'people with a %s hash log in there with the old password, and with no other',
    async (kind) => {
      for (const person of ofKind(kind)) expect(await logins(person)).toEqual([false, true]);
      expect(proxy.heard).toEqual([]);
    },
  );

  test('no password is there without the second factor that cidaas does not take', async () => {
    expect(await logins(withCode)).toEqual([false, false]);
    expect(proxy.heard).toEqual([]);
  });

  test('the dead letter arrives once the address is mended and it is replayed', async () => {
    await town.shop.sql('update customers set email = $2 where id = $1', [throwAway.id, 'rosa@example.com']);
    await town.told('batch', 'replay', 'move', '--execute');
    expect((await town.done('move')).counts).toMatchObject({
      failed: 0,
      waiting: 0,
      migrated: READ.length * OF_EACH_READ + 1,
    });
    expect(await logins({ ...throwAway, email: 'rosa@example.com' })).toEqual([false, true]);
  });
});

describe('a password that cidaas cannot verify', () => {
  test('is no verdict while the shop is down, and counts for nobody', async () => {
    const [{ email = '', password } = throwAway] = ofKind('phpass');
    await town.shop.switchTo(false);
    await expect(cidaas.login(email, password)).rejects.toThrow('not an answer');
    await expect(cidaas.login(email, `${password}!`)).rejects.toThrow('not an answer');
    expect([asked(), await town.failures()]).toEqual([
      [
        [503, ALGORITHM],
        [503, ALGORITHM],
      ],
      0,
    ]);
    await town.shop.switchTo(true);
    await until(() => cidaas.login(email, password).catch(() => false));
    proxy.heard.splice(0);
  });

  test.each(UNREAD)(
    '(%s) is checked here once, and is cidaas’ own from then on',
    async (kind) => {
      // One has typed theirs already.
      for (const person of ofKind(kind).slice(kind === 'phpass' ? 1 : 0)) {
        expect(await logins(person)).toEqual([false, true]);
        expect(asked()).toEqual([
          [200, ALGORITHM],
          [200, ALGORITHM],
        ]);
        expect(await logins(person)).toEqual([false, true]);
        expect(asked()).toEqual([]);
      }
    },
    60_000,
  );

  test('is at cidaas with everything afterwards, for all who have typed it', async () => {
    const all = UNREAD.flatMap((kind) => ofKind(kind));
    for (const person of all) await until(async () => (await town.state(person)) === 'migrated');
    for (const kind of UNREAD) expect(await logins(ofKind(kind)[1]!)).toEqual([false, true]);
    expect(proxy.heard).toEqual([]);
    expect(cidaas.tenant.all()).toHaveLength(120);
  });

  test('is asked about by nobody who makes up a reference, or lacks the secret', async () => {
    const body = JSON.stringify({
      passwordVerification: { passwordHash: 'fb1.c2hvcDox.AAAAAAAAAAAAAAAAAAAAAA', hData: { salt: '' } },
      password: 'whatever',
      algorithm: ALGORITHM,
    });
    const post = async (url: string) =>
      (
        await fetch(`${url}/hooks/cidaas/password`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        })
      ).status;
    expect([await post(proxy.url), await post(town.issuer)]).toEqual([400, 401]);
  });
});
