/** What becomes of a legacy user at a target, rule by rule. */
import { describe, expect, test } from 'vitest';
import { refuse } from '../../../src/credentials/reasons.ts';
import type { GivenPassword } from '../../../src/migration/given-password.ts';
import { targetUserFor, targetUserIdOf } from '../../../src/migration/moving/target-user.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { Credentials, LegacyEntry, User } from '../../../src/user.ts';

const NO_PASSWORD: GivenPassword = { password: refuse('no_hash'), outcome: 'none' };
const SEED = {
  secret: Buffer.from('12345678901234567890'),
  algorithm: 'SHA1',
  digits: 6,
  periodSeconds: 30,
} as const;

const anna: User = {
  sub: 'shop:7',
  legacyId: '7',
  username: 'anna',
  email: 'Anna@Example.com',
  emailVerified: true,
  phoneNumberVerified: false,
  givenName: 'Anna',
  familyName: 'Able',
  state: 'active',
  roles: [],
  attributes: {},
};

function targetOf(users: object = {}, kind = 'zitadel') {
  const settings = { name: 'main', kind, displayName: 'New', loginUrl: 'https://new.example', users };
  return openTargets(targetSettings.parse([settings])).byName('main')!;
}

function made(
  user: Partial<User> = {},
  users: object = {},
  { given = NO_PASSWORD, ...credentials }: Partial<Credentials> & { given?: GivenPassword } = {},
) {
  const entry: LegacyEntry = { user: { ...anna, ...user }, credentials: { passwords: [], ...credentials } };
  return targetUserFor({ entry, target: targetOf(users), given, targetUserId: 'fb-7', blocked: [] });
}

const user = (...input: Parameters<typeof made>) => {
  const answer = made(...input);
  if (answer.kind !== 'user') throw new Error(answer.sentence);
  return answer.user;
};

describe('the id at the target', () => {
  test('is the same at every try, and another one after a removal, for somebody else and at another target', () => {
    const ids = [
      targetUserIdOf('main', 'shop:7', 0),
      targetUserIdOf('main', 'shop:7', 1),
      targetUserIdOf('main', 'shop:8', 0),
      targetUserIdOf('mai', 'nshop:7', 0),
    ];
    expect(targetUserIdOf('main', 'shop:7', 0)).toBe(ids[0]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('the username', () => {
  test.each([
    ['username', {}, {}, 'anna'],
    ['email', {}, { from: 'email' }, 'Anna@Example.com'],
    ['legacyId', {}, { from: 'legacyId' }, '7'],
    ['without its domain', {}, { from: 'email', dropDomain: true }, 'Anna'],
    ['without the last domain only', { username: 'a@b@c' }, { dropDomain: true }, 'a@b'],
    ['whole where nothing stands before the @', { username: '@anna' }, { dropDomain: true }, '@anna'],
    ['with a suffix', {}, { suffix: '.shop' }, 'anna.shop'],
    ['with another domain', {}, { from: 'email', dropDomain: true, suffix: '@new' }, 'Anna@new'],
    ['trimmed', { username: ' anna ' }, {}, 'anna'],
    ['the address where there is none', { username: '  ' }, {}, 'Anna@Example.com'],
  ])('is made of rules: %s', (_what, person, username, expected) => {
    expect(user(person, { username }).username).toBe(expected);
  });

  test('is never empty, though the person has neither name nor address', () => {
    const { username: _, email: __, ...nobody } = anna;
    const answer = targetUserFor({
      entry: { user: nobody, credentials: { passwords: [] } },
      target: targetOf({ username: { from: 'email' }, placeholders: { email: '{id}@users.invalid' } }),
      given: NO_PASSWORD,
      targetUserId: 'fb-7',
      blocked: [],
    });
    expect(answer).toMatchObject({ user: { username: 'shop:7', linkUserName: 'shop:7' } });
  });

  test('is refused when it is longer than targets store', () => {
    expect(made({ username: 'a'.repeat(200) })).toMatchObject({ kind: 'user' });
    expect(made({ username: 'a'.repeat(200) }, { username: { suffix: 'b' } })).toMatchObject({
      kind: 'refused',
      code: 'username_too_long',
    });
  });

  test('leaves the link’s name what the person types at us', () => {
    expect(user({}, { username: { suffix: '.shop' } }).linkUserName).toBe('anna');
  });
});

describe('the email address', () => {
  test('is verified only where the mapping has proved it', () => {
    expect(user().email).toEqual({ address: 'Anna@Example.com', isVerified: true });
    expect(user({ emailVerified: false }).email).toEqual({ address: 'Anna@Example.com', isVerified: false });
  });

  const bare = { email: undefined as never, emailVerified: true };

  test('is a placeholder, never verified, where there is none', () => {
    const placeholders = { email: '{id}@users.invalid' };
    expect(user(bare, { placeholders }).email).toEqual({ address: '7@users.invalid', isVerified: false });
  });

  test('is a placeholder that is an address, whatever the id', () => {
    const placeholders = { email: 'p-{id}@users.invalid' };
    for (const legacyId of ['a b', 'x@y', 'ü', '.dot', 'l'.repeat(60)])
      expect(user({ ...bare, legacyId }, { placeholders }).email?.address).toMatch(
        /^p-[0-9a-f]{32}@users\.invalid$/,
      );
  });

  test('is needed by a target that insists on it, when no placeholder is configured', () => {
    expect(made(bare)).toMatchObject({ kind: 'refused', code: 'email_missing' });
  });
});

describe('names', () => {
  test('are placeholders where there are none', () => {
    const nameless = { givenName: undefined as never, familyName: ' ' };
    expect(user(nameless)).toMatchObject({ givenName: '-', familyName: '-' });
    const placeholders = { givenName: 'Customer', familyName: '(unknown)' };
    expect(user(nameless, { placeholders })).toMatchObject({
      givenName: 'Customer',
      familyName: '(unknown)',
    });
  });

  test('come along with nickname, display name and locale only where there are any', () => {
    expect(Object.keys(user())).not.toEqual(expect.arrayContaining(['nickname', 'displayName', 'locale']));
    expect(user({ nickname: 'An', name: 'Anna Able', locale: 'de-CH' })).toMatchObject({
      nickname: 'An',
      displayName: 'Anna Able',
      locale: 'de-CH',
    });
  });
});

describe('the phone number', () => {
  test.each([
    ['+41 44 668 18 00', '+41446681800'],
    ['+49 (0)30 123-456', '+4930123456'],
    ['030 123456', undefined],
    ['0049 30 123456', undefined],
    ['+0 123 456 789', undefined],
    ['+1', undefined],
  ])('%s is %s', (phoneNumber, expected) => {
    expect(user({ phoneNumber, phoneNumberVerified: true }).phone).toEqual(
      expected && { number: expected, isVerified: true },
    );
  });
});

describe('the organization', () => {
  const users = {
    organization: 'default',
    organizations: [
      { when: { role: 'staff' }, organization: 'staff' },
      { when: { emailDomain: 'example.COM' }, organization: 'example' },
      { when: { group: 'press' }, organization: 'press' },
    ],
  };

  test.each([
    ['the first rule that fits', { roles: ['staff'], groups: ['press'] }, 'staff'],
    ['a verified address', {}, 'example'],
    ['a group', { email: 'a@b.example', groups: ['press'] }, 'press'],
    ['no rule', { email: 'a@b.example' }, 'default'],
    ['an address that nobody has verified, which leads nowhere', { emailVerified: false }, 'default'],
  ])('comes of %s', (_what, person, expected) => {
    expect(user(person, users).organization).toBe(expected);
  });

  test('is left to the target without settings', () => {
    expect(user()).not.toHaveProperty('organization');
  });
});

describe('roles, links and metadata', () => {
  test('legacy roles become grants, one per project', () => {
    const grants = [
      { role: 'buyer', project: 'shop', roles: ['customer', 'reader'] },
      { role: 'editor', project: 'shop', roles: ['reader', 'writer'] },
      { role: 'editor', project: 'shop', projectGrant: 'g', roles: ['guest'] },
      { role: 'admin', project: 'desk', roles: ['root'] },
    ];
    expect(user({ roles: ['editor', 'buyer', 'unknown'] }, { grants }).grants).toEqual([
      { project: 'shop', roles: ['customer', 'reader', 'writer'] },
      { project: 'shop', projectGrant: 'g', roles: ['guest'] },
    ]);
    expect(user({ roles: [] }, { grants }).grants).toEqual([]);
  });

  test('accounts at providers that the target knows are linked, by a name that is never empty', () => {
    const identityProviderLinks = [
      { provider: 'google', userId: '106', username: 'anna@gmail.example' },
      { provider: 'github', userId: '7', username: '' },
      { provider: 'constructor', userId: '8' },
    ];
    const users = { identityProviders: { google: 'idp-g', github: 'idp-h' } };
    expect(user({}, users, { identityProviderLinks }).identityProviderLinks).toEqual([
      { idpId: 'idp-g', userId: '106', userName: 'anna@gmail.example' },
      { idpId: 'idp-h', userId: '7', userName: '7' },
    ]);
  });

  test('metadata are texts, with the legacy id, which nothing overwrites', () => {
    const metadata = {
      tier: 'gold',
      points: 12,
      prefs: { dark: true },
      none: null,
      empty: '',
      old_id: 'forged',
    };
    expect(user({ metadata }, { legacyIdKey: 'old_id' }).metadata).toEqual({
      tier: 'gold',
      points: '12',
      prefs: '{"dark":true}',
      old_id: '7',
    });
  });
});

describe('what somebody proves themselves with', () => {
  const carried: GivenPassword = { password: { encoded: '$2b$…', format: 'bcrypt' }, outcome: 'carried' };
  const stored = [{ format: 'bcrypt', columns: {} }];

  test('goes along', () => {
    const answer = made({}, {}, { given: carried, passwords: stored, totp: SEED });
    expect(answer).toMatchObject({
      user: {
        password: { encoded: '$2b$…', format: 'bcrypt' },
        totpSecret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      },
      missing: [],
    });
  });

  test('is missing, with the reason, where the target cannot have it', () => {
    const given: GivenPassword = { password: refuse('untranslatable_algorithm'), outcome: 'reset' };
    const totp = { ...SEED, algorithm: 'SHA512' } as const;
    const answer = made({}, {}, { given, passwords: stored, totp });
    expect(answer).toMatchObject({
      missing: [
        { what: 'password', code: 'untranslatable_algorithm' },
        { what: 'totp', code: 'totp_not_supported' },
      ],
    });
    expect(answer).not.toHaveProperty('user.password');
    expect(answer).not.toHaveProperty('user.totpSecret');
  });

  test('is a second factor that no target can be given when it is a passkey', () => {
    const factor = { passkeys: [], passkeyIsFactor: true };
    expect(made({}, {}, factor)).toMatchObject({ missing: [{ what: 'totp', code: 'passkey_not_portable' }] });
    expect(made({}, {}, { passkeys: [], passkeyIsFactor: false })).toMatchObject({ missing: [] });
  });

  test('is the first device whose codes the target computes', () => {
    const totp = { ...SEED, digits: 8 } as const;
    expect(made({}, {}, { totp, furtherTotp: [SEED] })).toMatchObject({
      user: { totpSecret: expect.any(String) },
      missing: [],
    });
  });

  test('is nothing for somebody who has no password, and then nothing is missing', () => {
    expect(made()).toMatchObject({ missing: [] });
    const storeCheck = { only: true, verify: async () => true };
    expect(made({}, {}, { storeCheck })).toMatchObject({ missing: [{ what: 'password', code: 'no_hash' }] });
  });
});
