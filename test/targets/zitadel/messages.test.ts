/** Every message that is sent about users is one of ZITADEL's protobufs, at its path and within its rules. */
import { describe, expect, test } from 'vitest';
import type { TargetUser } from '../../../src/targets/connection.ts';
import { importData } from '../../../src/targets/zitadel/bulk.ts';
import type { FittingUser } from '../../../src/targets/zitadel/fitting.ts';
import { fit } from '../../../src/targets/zitadel/fitting.ts';
import * as grants from '../../../src/targets/zitadel/grant-messages.ts';
import * as messages from '../../../src/targets/zitadel/messages.ts';
import * as sessions from '../../../src/targets/zitadel/session-messages.ts';
import { problemsOf } from '../../support/zitadel/protobuf.ts';
import { anna, everything } from './people.ts';

function fitting(user: TargetUser): FittingUser {
  const fitted = fit(user, 'idp-1');
  if (fitted.kind !== 'fits') throw new Error(fitted.sentence);
  return fitted.user;
}

const least = fitting(anna);
const most = fitting(everything);
const link = { idpId: 'idp/2', userId: 'a b/c', userName: 'anna' };
const grant = { project: 'p1', projectGrant: 'pg1', roles: ['editor'] };

const ALL: Readonly<Record<string, messages.Message>> = {
  'a user with the least': messages.addHumanUser(least),
  'a user with everything': messages.addHumanUser(most),
  'a hash': messages.setHash('1', '$2b$10$hash', '9'),
  'a link': messages.addLink('1', link, '9'),
  'a link taken away': messages.removeLink('1', link),
  metadata: messages.setMetadata('1', [['legacy_id', '7']], '9'),
  'a grant': grants.addGrant('1', grant, '9'),
  'looking for a grant': grants.findGrants('1', grant, '9'),
  'the roles of a grant': grants.setRoles('1', { id: '5', roles: ['editor'] }, '9'),
  'grants of a user': grants.listGrants('1', { offset: 100, limit: 100 }, '9'),
  'one grant': grants.getGrant('1', 'none', '9'),
  'a grant taken away': grants.removeGrant('1', '5', '9'),
  'a grant that holds again': grants.reactivateGrant('1', '5', '9'),
  'a user by id': messages.getUser('a b/c'),
  'links of a user': messages.findLinks('1'),
  'methods of a user': messages.findMethods('1'),
  'metadata of a user': messages.findMetadata('1', '9'),
  'looking for users': messages.findUsers({ loginName: 'a', username: 'a', email: 'a@b', organization: '9' }),
  'a page of users': messages.listUsers({ offset: 100, limit: 1_000 }),
  'a mail for a new password': messages.mailReset('1'),
  'a change of everything': messages.changeUser(
    '1',
    {
      username: 'anna',
      profile: { givenName: 'A', familyName: 'B', nickName: '', displayName: 'A B', preferredLanguage: '' },
      email: { address: 'a@example.com', isVerified: false },
      phone: { number: '+41446681800', isVerified: true },
    },
    '9',
  ),
  'a number taken away': messages.removePhone('1', '9'),
  'looking for events': messages.findLinkEvents(1_000),
  'what has become of users': messages.listUserEvents('2026-01-02T03:04:05.678Z', 1_000),
  'how a grant began': messages.findGrantAdded('5'),
  'our organization': messages.myOrganization,
  'our user': messages.myUser,
  'our rights': messages.myPermissions,
  'sessions of a user': sessions.findSessions('1', { offset: 100, limit: 100 }),
  'a session': sessions.getSession('1'),
  'the end of a session': sessions.deleteSession('1'),
  'the end of a session by its token': sessions.deleteSession('1', 'token'),
  'a session that checks a password': sessions.checkingSession('1', 'x'.repeat(200)),
  deactivation: messages.deactivate('1'),
  reactivation: messages.reactivate('1'),
  removal: messages.remove('1'),
  'many users': importData([least, most], { organization: '9', timeoutMs: 10_000 }),
};

describe('ZITADEL’s protobufs', () => {
  test.each(Object.entries(ALL))('have the message: %s', (_name, { method, path, body }) => {
    expect(problemsOf(method, path, body)).toEqual([]);
  });

  test('have every message there is', () => {
    const made = [messages, grants, sessions]
      .flatMap((file) => Object.keys(file))
      .filter(
        (name) => !['send', 'grantBody', 'LINK_ADDED', 'PLACEHOLDER_MARK', 'CHECK_MARK'].includes(name),
      );
    // `addHumanUser` and `deleteSession` stand there twice, and `importData` comes from another file.
    expect(Object.keys(ALL)).toHaveLength(made.length + 3);
  });

  test('would tell of a misspelt field, of a wrong path and of a broken rule', () => {
    const { method, path, body } = messages.addHumanUser(least);
    expect(problemsOf(method, path, { ...body, userName: 'anna' })).toMatchObject([
      { kind: 'unknown-field' },
    ]);
    expect(problemsOf(method, '/v2/users/humans', body)).toMatchObject([{ kind: 'malformed' }]);
    expect(problemsOf(method, path, { ...body, username: 'x'.repeat(201) })).toMatchObject([
      { kind: 'rule' },
    ]);
  });
});

describe('a verified address', () => {
  test('is said to be one', () => {
    expect(messages.addHumanUser(least).body).toMatchObject({ email: { isVerified: true } });
  });

  test('and an unverified one has its code returned, so that nobody gets a mail', () => {
    const unverified = { ...least, email: { ...least.email, isVerified: false } };
    expect(messages.addHumanUser(unverified).body).toMatchObject({
      email: { email: 'anna@example.com', returnCode: {} },
    });
  });
});

describe('a user that ZITADEL would refuse', () => {
  const long = 'x'.repeat(201);
  const password = (encoded: string | object) => ({ password: { encoded, format: 'bcrypt' } });
  const email = (address: string) => ({ email: { address, isVerified: true } });
  test.each<[string, Partial<TargetUser>, string]>([
    ['has no username', { username: ' ' }, 'V2-zzad3'],
    ['has a username that is too long', { username: long }, 'V2-zzad3'],
    ['has no given name', { givenName: '' }, 'USER-UCej2'],
    ['has no family name', { familyName: ' ' }, 'USER-4hB7d'],
    ['has an address without a host', email('anna@'), 'EMAIL-599BI'],
    ['has an address with a space', email('an na@example.com'), 'EMAIL-599BI'],
    ['has an address with a host that is none', email('anna@-example.com'), 'EMAIL-599BI'],
    ['has no address', email(''), 'EMAIL-spblu'],
    ['has a nickname that is too long', { nickname: long }, 'invalid_nickname'],
    ['has a hash that is too long', password(`$2b$10$${long}`), 'invalid_hash'],
    ['has a hash in columns', password({ hash: 'x' }), 'invalid_hash'],
    ['has an id that is too long', { targetUserId: long }, 'invalid_id'],
  ])('%s', (_what, change, code) => {
    expect(fit({ ...anna, ...change }, 'idp-1')).toMatchObject({ kind: 'refused', code });
  });

  test('is told from one at the very bound', () => {
    const most200 = { username: '𝒳'.repeat(200), givenName: 'x'.repeat(200), ...email('anna@a.example') };
    const user = fitting({ ...anna, ...most200 });
    expect(problemsOf('POST', '/v2/users/human', messages.addHumanUser(user).body)).toEqual([]);
  });
});

describe('what nobody is refused for', () => {
  test('is left out, and said', () => {
    const fitted = fit(
      {
        ...anna,
        phone: { number: '0711 123456', isVerified: true },
        locale: 'de-DE-x-very-long',
        metadata: { empty: '', fine: 'yes', big: 'x'.repeat(500_001) },
        identityProviderLinks: [{ idpId: 'idp-2', userId: 'x'.repeat(201), userName: 'anna' }],
      },
      undefined,
    );
    expect(fitted).toMatchObject({
      kind: 'fits',
      leftOut: [
        { what: 'profile', code: 'invalid_phone' },
        { what: 'links', code: 'no_identity_provider' },
        { what: 'links', code: 'invalid_link' },
        { what: 'metadata', code: 'invalid_metadata' },
      ],
      user: { links: [], metadata: [['fine', 'yes']] },
    });
    expect(fitted).not.toHaveProperty('user.locale');
    expect(fitted).not.toHaveProperty('user.phone');
  });

  test('is a link that is said twice: it counts once', () => {
    const same = { idpId: 'idp-1', userId: 'sub-anna', userName: 'again' };
    expect(fitting({ ...anna, identityProviderLinks: [same] }).links).toEqual([
      { ...same, userName: 'anna' },
    ]);
  });

  test('stays where it is fine', () => {
    const fitted = fit({ ...everything, phone: { number: '+49 711 / 123-456', isVerified: false } }, 'idp-1');
    expect(fitted).toMatchObject({
      leftOut: [],
      user: { phone: { number: '+49711123456' }, links: [{ userId: 'sub-all' }, { idpId: 'idp-2' }] },
    });
  });
});
