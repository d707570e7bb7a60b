/** Many people in one call: who arrives when one of them is nothing that Kratos can take, and when Kratos itself is ill. */
import { afterEach, describe, expect, test } from 'vitest';
import type { ImportOutcome, TargetUser } from '../../../src/targets/connection.ts';
import type { KratosApi } from '../../../src/targets/kratos/api.ts';
import { openKratosApi } from '../../../src/targets/kratos/api.ts';
import { fit } from '../../../src/targets/kratos/fitting.ts';
import { importBulk as sendBulk } from '../../../src/targets/kratos/import.ts';
import { usersOf } from '../../../src/targets/kratos/users.ts';
import type { At, OpenOptions } from './people.ts';
import {
  bcryptHash,
  externalId,
  needsStandIn,
  openKratos,
  PASSWORD,
  PROVIDER,
  passkey,
  SEED,
  someone,
  someones,
} from './people.ts';

const BATCH = 'PATCH /admin/identities';

let at: At | undefined;
afterEach(() => at?.close());
async function open(options: OpenOptions = {}): Promise<At> {
  at = await openKratos(options);
  return at;
}
const importBulk = ({ connection }: At, users: readonly TargetUser[]) =>
  connection.importUsers(users, { bulk: true });
const kinds = (outcomes: readonly ImportOutcome[]) => {
  const counts: Record<string, number> = {};
  for (const { kind } of outcomes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
};
const batches = ({ kratos }: At) => kratos.calls.filter((call) => call === BATCH).length;

describe('many at once', () => {
  test('arrive in one call, each under our id, and log in', async () => {
    const here = await open();
    const outcomes = await importBulk(here, someones(50, 'many'));
    expect(kinds(outcomes)).toEqual({ created: 50 });
    expect(outcomes[7]).toEqual({
      kind: 'created',
      targetUserId: (await here.connection.userById(externalId('many-7')))?.targetUserId,
      stored: ['profile', 'password', 'links', 'metadata'],
      missing: [],
    });
    expect(await here.logIn('many-49', PASSWORD)).toMatchObject({ outcome: 'in' });
  });

  test('who are there already are told so, and nobody is made twice', async () => {
    const here = await open();
    const people = someones(20, 'again');
    await importBulk(here, people.slice(0, 15));
    const outcomes = await importBulk(here, people);
    expect(kinds(outcomes)).toEqual({ exists: 15, created: 5 });
    expect(outcomes[3]).toMatchObject({ found: { username: 'again-3', hasPassword: true } });
  });

  test('of whom one has an address that another has arrive without that one', async () => {
    const here = await open();
    const people = someones(10, 'same');
    const twin = someone('twin', { email: { address: 'SAME-3@example.test', isVerified: false } });
    const outcomes = await importBulk(here, [...people, twin]);
    expect(kinds(outcomes)).toEqual({ created: 10, conflict: 1 });
    expect(outcomes[10]).toMatchObject({ code: 'conflict', found: { username: 'same-3' } });
  });

  test('of whom one is twice in the call arrive once each', async () => {
    const here = await open();
    const outcomes = await importBulk(here, [someone('once'), someone('other'), someone('once')]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['created', 'created', 'exists']);
  });

  test('is one who collides alone, and told so as well', async () => {
    const here = await open();
    await importBulk(here, [someone('alone')]);
    expect(await importBulk(here, [someone('alone')])).toMatchObject([{ kind: 'exists' }]);
    expect(await importBulk(here, [])).toEqual([]);
  });

  test('whose values the schema does not take are refused one by one, or come without the value', async () => {
    const here = await open();
    const outcomes = await importBulk(here, [
      ...someones(8, 'fine'),
      someone('none', { email: { address: 'nonsense', isVerified: true } }),
      someone('phone', { phone: { number: '+49', isVerified: false } }),
    ]);
    expect(kinds(outcomes)).toEqual({ created: 9, refused: 1 });
    expect(outcomes[8]).toMatchObject({ code: 'traits-format' });
    expect(outcomes[9]).toMatchObject({
      kind: 'created',
      missing: [{ what: 'profile', code: 'trait-phone' }],
    });
  });

  test('are sent as the preview shows them', async () => {
    const here = await open();
    const [one, ...more] = await here.connection.preview!([
      someone('seen'),
      someone('bad', { organization: 'x' }),
    ]);
    expect(more).toEqual([]);
    expect(one).toMatchObject({ method: 'PATCH', path: '/admin/identities' });
    expect(one!.body).toEqual({
      identities: [
        {
          patch_id: '00000000-0000-4000-8000-000000000000',
          create: {
            schema_id: 'default',
            external_id: externalId('seen'),
            traits: { email: 'seen@example.test', username: 'seen', name: { first: 'Some', last: 'One' } },
            verifiable_addresses: [
              { value: 'seen@example.test', via: 'email', verified: true, status: 'completed' },
            ],
            metadata_admin: { legacy_id: 'seen' },
            credentials: {
              password: { config: { hashed_password: bcryptHash.encoded } },
              oidc: { config: { providers: [{ provider: PROVIDER, subject: 'shop:seen' }] } },
            },
          },
        },
      ],
    });
    expect(await here.connection.userById(externalId('seen'))).toBeUndefined();
  });

  test('are parted where there are more than Kratos takes in a call', async () => {
    const here = await open();
    const people = someones(1_001, 'part');
    const previews = await here.connection.preview!(people);
    expect(previews.map(({ body }) => (body as { identities: object[] }).identities.length)).toEqual([
      1_000, 1,
    ]);
    expect(kinds(await importBulk(here, people))).toEqual({ created: 1_001 });
  });
});

/** Sent all the same, each of these would take the whole call down. */
describe('one of fifty whom our rules refuse', () => {
  test.each([
    [
      'a hash that Kratos does not know',
      { password: { format: 'bcrypt', encoded: 'nonsense' } },
      'password-format',
    ],
    ['an identifier that is too long', { username: 'x'.repeat(300) }, 'trait-username'],
    ['an external id that is too long', { targetUserId: 'x'.repeat(65) }, 'external-id'],
    ['an organization that is no UUID', { organization: 'x' }, 'organization'],
  ] as const)('for %s costs no further call, and the others arrive', async (_what, poison, code) => {
    const here = await open();
    const people: TargetUser[] = someones(50, code);
    people[17] = someone(`${code}-17`, poison);
    const outcomes = await importBulk(here, people);
    expect(kinds(outcomes)).toEqual({ created: 49, refused: 1 });
    expect(outcomes[17]).toMatchObject({ kind: 'refused', code });
    if (!needsStandIn) expect(batches(here)).toBe(1);
  });
});

/** With one body changed on its way, past all rules of ours. */
async function importPast(
  here: At,
  people: readonly TargetUser[],
  change: (body: object, externalId: string) => object,
): Promise<{ readonly outcomes: readonly ImportOutcome[]; readonly calls: number }> {
  const api = openKratosApi(here.target.api!);
  let calls = 0;
  const call: KratosApi['call'] = (method, path, options = {}) => {
    const { identities } = (options.body ?? {}) as { identities?: { create: { external_id: string } }[] };
    const changed = identities?.map((one) => ({
      ...one,
      create: change(one.create, one.create.external_id),
    }));
    if (changed) calls++;
    return api.call(method, path, { ...options, ...(changed && { body: { identities: changed } }) });
  };
  const settings = here.target.kratos!;
  const outcomes = await sendBulk(
    {
      api: { ...api, call },
      users: usersOf(api, settings),
      settings,
      provider: PROVIDER,
      accepts: here.target.accepts,
      unknownFields: new Set(),
    },
    people,
  );
  await api.close();
  return { outcomes, calls };
}

describe('one of fifty whom only Kratos refuses', () => {
  test.each([
    ['a state that there is not', { state: 'asleep' }, 'http-400'],
    ['a field that there is not', { shoe_size: 44 }, 'unknown-field'],
    [
      'what its database does not keep, for which it answers 500',
      { metadata_admin: { a: '\u0000' } },
      'value-not-text',
    ],
    ['what its database has no room for', { external_id: 'x'.repeat(65) }, 'value-too-long'],
  ])('for %s is found, and the others arrive', async (_what, poison, code) => {
    const here = await open();
    const prefix = `past-${code}`;
    const ill = externalId(`${prefix}-31`);
    const { outcomes, calls } = await importPast(here, someones(50, prefix), (body, id) =>
      id === ill ? { ...body, ...poison } : body,
    );
    expect(kinds(outcomes)).toEqual({ created: 49, refused: 1 });
    expect(outcomes[31]).toMatchObject({ kind: 'refused', code });
    // Two for each time that fifty can be halved.
    expect(calls).toBeLessThanOrEqual(13);
    expect(await here.connection.userById(ill)).toBeUndefined();
  });
});

describe.skipIf(needsStandIn)('a Kratos', () => {
  test('that fails is left alone after some tries, and everybody may come again', async () => {
    const here = await open();
    here.kratos.fail(500);
    const people = someones(200, 'ill');
    const outcomes = await importBulk(here, people);
    expect(kinds(outcomes)).toEqual({ unavailable: 200 });
    expect(outcomes[0]).toEqual({ kind: 'unavailable', code: 'http-500' });
    expect(batches(here)).toBeLessThan(60);
    here.kratos.recover();
    expect(kinds(await importBulk(here, people))).toEqual({ created: 200 });
  });

  test('that fails now and then gets everybody in the end, nobody twice', async () => {
    const here = await open();
    const people = someones(300, 'shaky');
    here.kratos.fail(503, 0.4);
    here.kratos.dropAfter({ times: 3, only: /^PATCH/ });
    let left: readonly TargetUser[] = people;
    for (let tries = 0; left.length > 0 && tries < 50; tries++) {
      const part = left.slice(0, 50);
      const outcomes = await importBulk(here, part);
      const done = new Set(
        part.filter((_user, index) => ['created', 'exists'].includes(outcomes[index]!.kind)),
      );
      left = left.filter((user) => !done.has(user));
    }
    expect(left).toEqual([]);
    expect(here.kratos.state()).toMatchObject({ identities: 300, duplicates: 0 });
  });

  test.each([
    [
      'wants a pause',
      (at: At) => at.kratos.throttle(7),
      { code: 'http-429', retryAfterSeconds: 7, isThrottled: true },
    ],
    ['is down', (at: At) => at.kratos.fail(503), { code: 'http-503' }],
    ['does not answer', (at: At) => at.kratos.hang(), { code: 'no-answer' }],
    ['answers, and the connection is cut', (at: At) => at.kratos.dropAfter(), { code: 'no-answer' }],
    ['does not know us', (at: At) => at.kratos.fail(401), { code: 'http-401' }],
  ] as const)('that %s is unavailable, and says what it says', async (_how, befall, told) => {
    for (const bulk of [true, false]) {
      const here = await open({ api: { timeoutMs: 300 } });
      befall(here);
      const outcomes = await here.connection.importUsers(someones(3, 'down'), { bulk });
      expect(outcomes[0]).toEqual({ kind: 'unavailable', ...told });
      expect(kinds(outcomes)).toEqual({ unavailable: 3 });
      await here.close();
    }
  });

  test('that had done the work before it was cut off finds everybody there', async () => {
    const here = await open();
    here.kratos.dropAfter({ times: 1 });
    const people = someones(30, 'cut');
    expect(kinds(await importBulk(here, people))).toEqual({ unavailable: 30 });
    const before = here.kratos.state();
    expect(kinds(await importBulk(here, people))).toEqual({ exists: 30 });
    expect(here.kratos.state()).toMatchObject({ checksum: before.checksum, duplicates: 0 });
  });

  test('that asks for a token is given it', async () => {
    const here = await open({ token: 'ory_pat_x', api: { open: undefined, token: 'ory_pat_x' } });
    expect(kinds(await importBulk(here, someones(2, 'with')))).toEqual({ created: 2 });
  });

  test('that does not know us as its provider yet gets nobody', async () => {
    const here = await open({ api: { identityProvider: undefined } });
    expect(await here.connection.importUsers([someone('early')])).toEqual([
      { kind: 'unavailable', code: 'no-identity-provider' },
    ]);
  });
});

describe.skipIf(needsStandIn)('a Kratos that imports passwords and links only (v26.2.0)', () => {
  test('gets everybody without what it does not know, and no password without its second factor', async () => {
    const here = await open({ isOld: true });
    const people: TargetUser[] = someones(30, 'old');
    people[4] = someone('old-4', { totpSecret: SEED, recoveryCodes: ['a'] });
    people[5] = someone('old-5', { passkeys: [passkey('AQID', 'h')], passkeyIsFactor: false });
    people[6] = someone('old-6', { passkeys: [passkey('AQIE', 'h')], passkeyIsFactor: true });
    const outcomes = await importBulk(here, people);
    expect(kinds(outcomes)).toEqual({ created: 30 });
    expect(outcomes[4]).toMatchObject({
      missing: [
        { what: 'password', code: 'second_factor_missing' },
        { what: 'totp', code: 'unknown-field' },
        { what: 'recoveryCodes', code: 'without-second-factor' },
      ],
    });
    expect(outcomes[5]).toMatchObject({ missing: [{ what: 'passkeys', code: 'unknown-field' }] });
    expect(outcomes[6]).toMatchObject({
      missing: [
        { what: 'password', code: 'second_factor_missing' },
        { what: 'passkeys', code: 'unknown-field' },
      ],
    });
    for (const name of ['old-4', 'old-6'])
      expect(await here.logIn(name, PASSWORD)).toEqual({ outcome: 'refused' });
    expect(await here.logIn('old-5', PASSWORD)).toMatchObject({ outcome: 'in' });
    // It has learned: the next ones go without a try.
    const before = batches(here);
    await importBulk(here, [someone('old-30', { totpSecret: SEED }), someone('old-31')]);
    expect(batches(here)).toBe(before + 1);
  });

  test('takes an update that it does not understand without a word, and no password follows', async () => {
    const here = await open({ isOld: true });
    const { password: _password, ...bare } = someone('hush');
    await here.connection.importUsers([bare]);
    const found = (await here.connection.userById(externalId('hush')))!;
    const done = await here.connection.complete(found, someone('hush', { totpSecret: SEED }));
    expect(done).toEqual({
      stored: [],
      missing: [
        { what: 'totp', code: 'not-kept' },
        { what: 'password', code: 'second_factor_missing' },
      ],
    });
  });
});

test('no refusal of one of fifty tells what was sent', () => {
  const settings = { accepts: [], provider: PROVIDER, unknownFields: new Set<string>() };
  const refused = fit(someone('CANARY', { password: { format: 'bcrypt', encoded: 'CANARY' } }), {
    ...settings,
    settings: { traits: {} } as never,
  });
  expect(JSON.stringify(refused)).not.toContain('CANARY');
});
