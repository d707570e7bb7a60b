/** Whether what an app says is enough to let somebody in. People are in real stores, what we know of sessions in a real database. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../src/errors.ts';
import type { FoundSession } from '../../src/sessions/legacy-app.ts';
import { legacySessionSettings } from '../../src/sessions/legacy-session-settings.ts';
import type { JudgeDeps } from '../../src/sessions/recognition.ts';
import { judge } from '../../src/sessions/recognition.ts';
import type { NewLegacySession } from '../../src/sessions/registry.ts';
import { idsOf, noteOver, notePart } from '../../src/sessions/registry.ts';
import { hasSecondFactor, plausibleAmr, showsTwoFactors } from '../../src/sessions/second-factor.ts';
import { openDb } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { Ground } from './side-by-side.ts';
import { DAY, HOUR, key, newMasterKey, nowSeconds, openGround } from './side-by-side.ts';

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
});
afterAll(() => ground.close());
beforeEach(() => ground.sql('delete from legacy_sessions'));

const appOf = (more: object = {}) =>
  legacySessionSettings.parse([
    {
      kind: 'http-hook',
      name: 'forum',
      url: 'https://forum.example/',
      cookies: ['SID'],
      keys: [{ id: 'one', key: 'a-key-that-nobody-uses-here' }],
      store: 'shop',
      ...more,
    },
  ])[0]!;
const found = (more: Partial<FoundSession> = {}): FoundSession => ({
  handle: 's1',
  person: { by: 'id', value: '1' },
  amr: [],
  authTime: nowSeconds() - HOUR,
  ...more,
});
const ask = (
  session: FoundSession,
  settings: object = {},
  deps: Partial<JudgeDeps> = {},
  askedMs = performance.now(),
) => judge({ ...ground, ...deps }, appOf(settings), session, askedMs);
const outcome = async (...args: Parameters<typeof ask>) => (await ask(...args)).outcome;
const good = async (...args: Parameters<typeof ask>) => {
  const judgement = await ask(...args);
  if (judgement.outcome !== 'recognised') throw new Error(`not recognised: ${judgement.outcome}`);
  return judgement.session;
};
/** Everything but `authTime`. */
const timeless = (more: Partial<FoundSession> = {}): FoundSession => {
  const { authTime: _, ...rest } = found(more);
  return rest;
};
/** We have seen it before. */
const known = async (more: Partial<NewLegacySession> = {}) => {
  const session = {
    app: 'forum',
    sub: 'shop:1',
    handle: 's1',
    origin: 'recognised' as const,
    amr: [],
    expiresAt: nowSeconds() + DAY,
    ...more,
  };
  await ground.db.runParts([notePart(ground.keyring, [session], { opSession: key() })], 'select 1');
};

describe('the person', () => {
  test.each<[string, FoundSession['person'], object, string]>([
    ['the primary key of the store that the app belongs to', { by: 'id', value: '4711' }, {}, 'shop:4711'],
    ['the same key in another store', { by: 'id', value: '4711' }, { store: 'club' }, 'club:4711'],
    ['our own subject', { by: 'subject', value: 'club:2' }, { store: 'club' }, 'club:2'],
    ['what they type', { by: 'login', value: 'bob' }, {}, 'shop:2'],
  ])('is found by %s', async (_what, person, settings, sub) => {
    expect((await good(found({ person }), settings)).user.sub).toBe(sub);
  });

  test.each<[string, FoundSession['person'], object]>([
    ['a key that nobody has', { by: 'id', value: '99' }, {}],
    ['a key as it is not written', { by: 'id', value: '04711' }, {}],
    ['a key with something behind', { by: 'id', value: '4711 ' }, {}],
    ['a subject in the place of a key', { by: 'id', value: 'shop:1' }, {}],
    ['another store’s subject', { by: 'subject', value: 'club:1' }, {}],
    ['the subject of no store', { by: 'subject', value: '1' }, {}],
    ['a key in the place of a subject', { by: 'subject', value: '4711' }, {}],
    ['somebody whom another store comes first with', { by: 'login', value: 'bob' }, { store: 'club' }],
    ['nobody', { by: 'login', value: '' }, {}],
    ['a login that is too long', { by: 'login', value: 'a'.repeat(5_000) }, {}],
  ])('is not found by %s', async (_what, person, settings) => {
    expect(await outcome(found({ person }), settings)).toBe('unknown_user');
  });

  test('is found by the bare key where there is one store without a prefix', async () => {
    const bob = (await ground.directory.findBySub('shop:2'))!;
    const directory = {
      ...ground.directory,
      legacyIdOf: (sub: string) => sub,
      findBySub: async (sub: string) =>
        sub === '2' ? { ...bob, user: { ...bob.user, sub: '2' } } : undefined,
    };
    const deps = { stores: [{ name: 'shop', prefix: '' }], directory };
    expect((await good(found({ person: { by: 'id', value: '2' } }), {}, deps)).user.sub).toBe('2');
  });

  test('who may not log in is not let in by an app either', async () => {
    expect(await outcome(found({ person: { by: 'id', value: '4' } }))).toBe('inactive');
  });

  test.each(['legacy_unavailable', 'storage_unavailable'] as const)(
    'is nobody while the answer is %s',
    async (code) => {
      const findBySub = () => Promise.reject(new FootbridgeError(code));
      expect(await outcome(found(), {}, { directory: { ...ground.directory, findBySub } })).toBe('outage');
    },
  );

  test.each(['user_ambiguous', 'mapping_failed'] as const)('is nobody when they are %s', async (code) => {
    const findBySub = () => Promise.reject(new FootbridgeError(code));
    expect(await outcome(found(), {}, { directory: { ...ground.directory, findBySub } })).toBe(
      'unknown_user',
    );
  });

  test('is nobody while our own database does not answer', async () => {
    const db = openDb({ url: 'postgres://127.0.0.1:1/none' });
    expect(await outcome(found(), {}, { db })).toBe('outage');
    await db.close();
  });
});

describe('the time', () => {
  const NOW = 1_900_000_000;
  const at = { nowSeconds: () => NOW };
  const limits = { maxAgeSeconds: 1_000, maxIdleSeconds: 100 };

  test.each<[string, Partial<FoundSession>, string]>([
    ['as old as may be', { authTime: NOW - 1_000 }, 'recognised'],
    ['a second older', { authTime: NOW - 1_001 }, 'too_old'],
    ['unused for as long as may be', { authTime: NOW - 500, lastUsedAt: NOW - 100 }, 'recognised'],
    ['unused for a second longer', { authTime: NOW - 500, lastUsedAt: NOW - 101 }, 'idle'],
    ['good for another second', { authTime: NOW, expiresAt: NOW + 1 }, 'recognised'],
    ['over this second', { authTime: NOW, expiresAt: NOW }, 'nobody'],
  ])('of a session that is %s', async (_what, session, expected) => {
    expect(await outcome(found(session), limits, at)).toBe(expected);
  });

  test('when somebody proved who they are is what the app says', async () => {
    const session = await good(found({ authTime: NOW - 5 }), limits, at);
    expect([session.authTime, session.note.authTime]).toEqual([NOW - 5, NOW - 5]);
  });

  test('counts from the longest ago that still counts, where the app does not say', async () => {
    const session = await good(timeless(), limits, at);
    expect(session.authTime).toBe(NOW - 1_000);
    // It is an assumption, and not written down as if it was known.
    expect(session.note.authTime).toBeUndefined();
  });

  test('of a clock that is a little ahead is now, and of one that is far ahead none', async () => {
    expect((await good(found({ authTime: NOW + 60 }), limits, at)).authTime).toBe(NOW);
    expect((await good(found({ authTime: NOW + 61 }), limits, at)).authTime).toBe(NOW - 1_000);
  });

  test('does not begin anew with every look: a session known for longer than it may be old is too old', async () => {
    await known();
    const age = (seconds: number) =>
      ground.sql('update legacy_sessions set created_at = now() - make_interval(secs => $1)', [seconds]);
    await age(DAY - HOUR);
    expect(await outcome(timeless())).toBe('recognised');
    await age(DAY + 10);
    expect(await outcome(timeless())).toBe('too_old');
    expect(await outcome(found())).toBe('recognised');
    expect(await outcome(timeless({ person: { by: 'id', value: '2' } }))).toBe('recognised');
  });

  test('is that of the login here, where that made the session, and never later', async () => {
    const authTime = nowSeconds() - 2 * HOUR;
    await known({ origin: 'created', authTime });
    expect((await good(timeless())).authTime).toBe(authTime);
    expect((await good(found({ authTime: authTime + HOUR }))).authTime).toBe(authTime);
    expect((await good(found({ authTime: authTime - HOUR }))).authTime).toBe(authTime - HOUR);
  });

  test('until which it is written down has a bound, whatever the app says', async () => {
    const forever = await good(found({ authTime: NOW, expiresAt: 95_617_584_000 }), limits, at);
    expect(forever.note.expiresAt).toBe(NOW + 400 * DAY);
    expect((await good(found({ authTime: NOW }), limits, at)).note.expiresAt).toBe(NOW + 1_000);
  });
});

describe('a session that we have ended', () => {
  const ended = () => ground.sql(`update legacy_sessions set ended_at = now() - interval '10 minutes'`);

  test('lets nobody in again while the app still has it', async () => {
    await known();
    expect(await outcome(found())).toBe('recognised');
    await ended();
    expect(await outcome(found())).toBe('nobody');
    expect(await outcome(timeless())).toBe('nobody');
  });

  test('lets them in when they have logged in there since', async () => {
    await known();
    await ended();
    expect(await outcome(found({ authTime: nowSeconds() - 5 }))).toBe('recognised');
  });

  test('lets them in when the app has confirmed that it was over, and has it again', async () => {
    await known();
    await ended();
    await noteOver(ground.db, idsOf(ground.keyring, 'forum', 's1'), 'confirmed');
    await ground.sql("update legacy_sessions set over_at = now() - interval '1 second'");
    expect(await outcome(timeless())).toBe('recognised');
  });

  test('lets nobody in by what the app has said before it confirmed the end', async () => {
    await known();
    const askedMs = performance.now();
    await ended();
    await noteOver(ground.db, idsOf(ground.keyring, 'forum', 's1'), 'confirmed');
    expect(await outcome(timeless(), {}, {}, askedMs)).toBe('nobody');
    expect(await outcome(timeless(), {}, {}, performance.now())).toBe('nobody');
  });

  test('stays ended when somebody whom the app knew before is written down behind its end', async () => {
    await known();
    const { note } = await good(timeless());
    await ended();
    await noteOver(ground.db, idsOf(ground.keyring, 'forum', 's1'), 'confirmed');
    await ground.db.runParts([notePart(ground.keyring, [note], { opSession: key() })], 'select 1');
    expect(await ground.sql('select ended_at is not null as over from legacy_sessions')).toEqual([
      { over: true },
    ]);
  });

  test('is known under a new master key as well', async () => {
    const [old, fresh] = [newMasterKey(), newMasterKey()];
    const session = { app: 'forum', sub: 'shop:1', handle: 's1', origin: 'created' as const, amr: [] };
    const part = notePart(openKeyring(old), [{ ...session, expiresAt: nowSeconds() + DAY }], {
      opSession: key(),
    });
    await ground.db.runParts([part], 'select 1');
    await ended();
    expect(await outcome(found(), {}, { keyring: openKeyring([fresh, old]) })).toBe('nobody');
    expect(await outcome(found(), {}, { keyring: openKeyring(fresh) })).toBe('recognised');
  });

  test('is every one that began before everything of the person was ended', async () => {
    const personEndedAt = async (sub: string) => (sub === 'shop:1' ? nowSeconds() - 600 : undefined);
    expect(await outcome(found({ authTime: nowSeconds() - 601 }), {}, { personEndedAt })).toBe('nobody');
    expect(await outcome(timeless(), {}, { personEndedAt })).toBe('nobody');
    expect(await outcome(found({ authTime: nowSeconds() - 500 }), {}, { personEndedAt })).toBe('recognised');
    const bob = { by: 'id', value: '2' } as const;
    expect(await outcome(found({ person: bob }), {}, { personEndedAt })).toBe('recognised');
    const fails = () => Promise.reject(new Error('down'));
    expect(await outcome(found(), {}, { personEndedAt: fails })).toBe('outage');
  });
});

describe('the second factor', () => {
  const fay = (amr: readonly string[]) => found({ person: { by: 'id', value: '3' }, amr });

  test.each([[['pwd', 'otp']], [['mfa']], [['pwd', 'pop']], [['hwk', 'pin']], [['pwd', 'sms', 'made-up']]])(
    'of somebody who has one was used where the session says %j',
    async (amr) => {
      expect(await good(fay(amr))).toMatchObject({ amr, isTwoFactor: true });
    },
  );

  test.each([
    [[]],
    [['pwd']],
    [['otp']],
    [['pwd', 'pin']],
    [['pwd', 'geo', 'user']],
    [['MFA']],
    [['pwd', 'totp']],
  ])('of somebody who has one is asked for where it says %j', async (amr) => {
    expect(await outcome(fay(amr))).toBe('factor');
  });

  test('is taken for granted where the app makes no session without it, and only of those who have one', async () => {
    const assured = { secondFactor: 'assured' };
    expect(await good(fay([]), assured)).toMatchObject({ amr: ['mfa'], isTwoFactor: true });
    expect(await good(fay(['pwd']), assured)).toMatchObject({ amr: ['pwd', 'mfa'] });
    expect(await good(fay(['pwd', 'otp']), assured)).toMatchObject({ amr: ['pwd', 'otp'] });
    expect(await good(found({ amr: ['pwd'] }), assured)).toMatchObject({ amr: ['pwd'], isTwoFactor: false });
  });

  test('is not asked of those who have none, and nothing is made up for them', async () => {
    expect(await good(found())).toMatchObject({ amr: [], isTwoFactor: false });
    expect(await good(found({ amr: ['pwd', 'otp'] }))).toMatchObject({ isTwoFactor: true });
  });

  test('is a one-time code or a passkey that is asked for after the password, and nothing else', () => {
    const totp = { secret: Buffer.from('seed'), digits: 6, periodSeconds: 30, algorithm: 'SHA1' } as const;
    const passkeys = [{ credentialId: 'a', publicKey: Buffer.from('k'), signCount: 0, transports: [] }];
    const has = (more: object) => hasSecondFactor({ passwords: [], ...more });
    expect([has({ totp }), has({ furtherTotp: [totp] }), has({ passkeys, passkeyIsFactor: true })]).toEqual([
      true,
      true,
      true,
    ]);
    expect([
      has({}),
      has({ passkeys }),
      has({ passkeys: [], passkeyIsFactor: true }),
      has({ recoveryCodes: [{ code: '1' }] }),
    ]).toEqual([false, false, false, false]);
  });

  test('is no property of JavaScript’s objects', () => {
    expect(showsTwoFactors(['pwd', 'constructor', '__proto__', 'toString'])).toBe(false);
  });

  test('passes on what may stand in a token, and at most eight methods', () => {
    expect(plausibleAmr(['pwd', 'pwd', '', 'two words', 'a"b', '\u00e4', 'x'.repeat(17), 'otp'])).toEqual([
      'pwd',
      'otp',
    ]);
    expect(plausibleAmr(Array.from({ length: 20 }, (_, i) => `m${i}`))).toHaveLength(8);
    expect(plausibleAmr([1, null, {}] as unknown as string[])).toEqual([]);
  });
});
