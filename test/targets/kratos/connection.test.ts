/** The connection over HTTP: whom it makes, whom it finds, what it changes and what it leaves alone. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import argon2 from 'argon2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codeOfStep, stepAt } from '../../../example/demo/totp.ts';
import type { FoundUser, TargetUser } from '../../../src/targets/connection.ts';
import type { At } from './people.ts';
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

const NOBODY = '00000000-0000-4000-8000-00000000000f';

let at: At;
beforeAll(async () => {
  at = await openKratos();
});
afterAll(() => at.close());

const importOne = async (user: TargetUser) => (await at.connection.importUsers([user]))[0]!;
/** The id; throws where nobody was made. */
async function made(user: TargetUser): Promise<string> {
  const outcome = await importOne(user);
  if (outcome.kind !== 'created') throw new Error(`${user.username}: ${JSON.stringify(outcome)}`);
  return outcome.targetUserId;
}
const found = async (id: string): Promise<FoundUser> => (await at.connection.userById(id))!;
const codeNow = () => codeOfStep(SEED, stepAt(Date.now() / 1_000));

describe('somebody new', () => {
  test('is made with everything, and logs in with the old password', async () => {
    const user = someone('ada', {
      nickname: 'Ad',
      displayName: 'Ada One',
      locale: 'de-DE',
      phone: { number: '+4915112345678', isVerified: true },
      identityProviderLinks: [{ idpId: 'google', userId: '117', userName: 'ada' }],
    });
    const outcome = await importOne(user);
    expect(outcome).toEqual({
      kind: 'created',
      targetUserId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      stored: ['profile', 'password', 'links', 'metadata'],
      missing: [],
    });
    expect(await found(outcome.kind === 'created' ? outcome.targetUserId : '')).toMatchObject({
      username: 'ada',
      loginName: 'ada',
      state: 'active',
      email: { address: 'ada@example.test', isVerified: true },
      phone: { number: '+4915112345678', isVerified: true },
      givenName: 'Some',
      familyName: 'One',
      nickname: 'Ad',
      displayName: 'Ada One',
      locale: 'de-DE',
      hasPassword: true,
      hasTotp: false,
      hasPasskeys: false,
      externalId: externalId('ada'),
      links: expect.arrayContaining([
        { idpId: PROVIDER, userId: 'shop:ada', userName: 'shop:ada' },
        { idpId: 'google', userId: '117', userName: '117' },
      ]),
      metadata: { legacy_id: 'ada' },
    });
    expect(await at.logIn('ADA@example.test', PASSWORD)).toMatchObject({ outcome: 'in' });
    expect(await at.logIn('ada@example.test', 'another one')).toEqual({ outcome: 'refused' });
  });

  test('is not verified where the address is not, and stored without one that is blank', async () => {
    const email = { address: 'bob@example.test', isVerified: false };
    const id = await made(someone('bob', { email, nickname: '  ' }));
    expect(await found(id)).toMatchObject({ email });
    expect(await found(id)).not.toHaveProperty('nickname');
  });

  test('with an Argon2 hash logs in too, and with its parameters in another order is refused', async () => {
    const written = await argon2.hash('made here', { memoryCost: 64, timeCost: 1, parallelism: 1 });
    const encoded = written.replace('m=64,p=1,t=1', 'm=64,t=1,p=1');
    const refused = someone('cora', { password: { format: 'argon2', encoded: written } });
    expect(await importOne(refused)).toMatchObject({ kind: 'refused', code: 'password-hash-malformed' });
    await made(someone('cora', { password: { format: 'argon2', encoded } }));
    expect(await at.logIn('cora', 'made here')).toMatchObject({ outcome: 'in' });
    expect(await at.logIn('cora', PASSWORD)).toEqual({ outcome: 'refused' });
  });

  test('has no password where we have none, though Kratos keeps the login name', async () => {
    const { password: _password, ...user } = someone('dora');
    const id = await made(user);
    expect(await found(id)).toMatchObject({ hasPassword: false, loginName: 'dora' });
    expect(await at.logIn('dora', '')).toEqual({ outcome: 'refused' });
  });

  test('with a second factor is asked for its code', async () => {
    const outcome = await importOne(someone('emil', { totpSecret: SEED, recoveryCodes: ['one-two'] }));
    expect(outcome).toMatchObject({ kind: 'created', missing: [] });
    expect(await found(externalId('emil'))).toMatchObject({ hasTotp: true, hasPassword: true });
    expect(await at.logIn('emil', PASSWORD)).toEqual({ outcome: 'code-wanted' });
    expect(await at.logIn('emil', PASSWORD, '000000')).toEqual({ outcome: 'refused' });
    expect(await at.logIn('emil', PASSWORD, codeNow())).toMatchObject({ outcome: 'in' });
  });

  test('whose codes Kratos cannot compute gets no password, which alone would open the door', async () => {
    const totpRules = { algorithm: 'SHA256', digits: 6, periodSeconds: 30 } as const;
    const outcome = await importOne(someone('fina', { totpSecret: SEED, totpRules }));
    expect(outcome).toMatchObject({
      kind: 'created',
      missing: [
        { what: 'password', code: 'second_factor_missing' },
        { what: 'totp', code: 'totp-not-supported' },
      ],
    });
    expect(await found(externalId('fina'))).toMatchObject({ hasPassword: false, hasTotp: false });
  });

  test('keeps passkeys whose user handle is text, and not the others', async () => {
    const passkeys = [passkey('AQID', 'handle of gina'), passkey('BAUG', Buffer.from([255, 0, 254]))];
    const user = someone('gina', { passkeys, passkeyIsFactor: false });
    expect(await importOne(user)).toMatchObject({
      stored: expect.arrayContaining(['passkeys', 'password']),
      missing: [{ what: 'passkeys', code: 'user-handle' }],
    });
    expect(await found(externalId('gina'))).toMatchObject({ hasPasskeys: true });
    const kept = await at.admin(
      'GET',
      `/identities/by/external/${externalId('gina')}?include_credential=passkey`,
    );
    expect(kept).toMatchObject({
      credentials: {
        passkey: {
          identifiers: ['handle of gina'],
          config: {
            credentials: [
              {
                id: 'AQID',
                is_passwordless: true,
                transport: ['internal'],
                authenticator: { sign_count: 3 },
              },
            ],
          },
        },
      },
    });
    expect(await at.logIn('gina', PASSWORD)).toMatchObject({ outcome: 'in' });
  });

  test('whose keys are a second factor, or may be one, is asked for them after the password', async () => {
    const passkeys = [passkey('AQIE', Buffer.from([255, 0, 254]))];
    for (const [name, more] of [
      ['gerd', { passkeyIsFactor: true }],
      ['gwen', {}],
    ] as const) {
      expect(await importOne(someone(name, { passkeys, ...more }))).toMatchObject({
        stored: expect.arrayContaining(['passkeys', 'password']),
        missing: [],
      });
      expect(await found(externalId(name))).toMatchObject({ hasPasskeys: true, hasPassword: true });
      expect(await at.logIn(name, PASSWORD)).toEqual({ outcome: 'code-wanted' });
    }
  });

  test('without a trait that the schema wants is refused, and the sentence does not repeat what was sent', async () => {
    const { email: _email, ...user } = someone('hugo');
    expect(await importOne(user)).toEqual({
      kind: 'refused',
      code: 'traits-required',
      sentence: 'POST /admin/identities answers 400: traits-required (/traits, email)',
    });
    const outcome = await importOne(someone('hulda', { email: { address: 'CANARY', isVerified: false } }));
    expect(outcome).toMatchObject({ kind: 'refused', code: 'traits-format' });
    expect(JSON.stringify(outcome)).not.toContain('CANARY');
  });

  test('whose phone number is none is made without it', async () => {
    const phone = { number: '+49', isVerified: true };
    expect(await importOne(someone('ida', { phone }))).toMatchObject({
      kind: 'created',
      missing: [{ what: 'profile', code: 'trait-phone' }],
    });
    expect(await found(externalId('ida'))).not.toHaveProperty('phone');
  });

  test('gets no roles, and is told so', async () => {
    const outcome = await importOne(someone('jo', { grants: [{ project: 'p', roles: ['r'] }] }));
    expect(outcome).toMatchObject({ missing: [{ what: 'grants', code: 'not-supported' }] });
  });

  test.each([
    ['a hash of another system', { password: { format: 'phpass', encoded: '$P$B1234' } }, 'password-format'],
    [
      'a hash that is none',
      { password: { ...bcryptHash, encoded: '$2b$04$tooshort' } },
      'password-hash-malformed',
    ],
    [
      'a hash that costs too much',
      { password: { ...bcryptHash, encoded: bcryptHash.encoded.replace('$04', '$16') } },
      'password-hash-bounds',
    ],
    ['an organization that is no UUID', { organization: 'acme' }, 'organization'],
    ['an endless username', { username: 'u'.repeat(256) }, 'trait-username'],
    ['a NUL in the username', { username: 'kim\u0000' }, 'trait-username'],
  ] as const)('with %s never reaches Kratos', async (_what, more, code) => {
    expect(await importOne(someone('kim', more))).toMatchObject({ kind: 'refused', code });
    expect(await at.connection.userById(externalId('kim'))).toBeUndefined();
  });
});

describe('somebody who is there', () => {
  test('is the same person by our id, also when the first answer was lost', async () => {
    const id = await made(someone('lena'));
    expect(await importOne(someone('lena', { username: 'renamed' }))).toMatchObject({
      kind: 'exists',
      found: { targetUserId: id, username: 'lena' },
    });
  });

  test('is the same person by our link', async () => {
    const id = await made(someone('mia'));
    const other = someone('mia', { targetUserId: externalId('mia again') });
    expect(await importOne(other)).toMatchObject({ kind: 'exists', found: { targetUserId: id } });
  });

  test('is somebody else by anything else', async () => {
    const id = await made(someone('nils'));
    const other = someone('nora', { email: { address: 'nils@example.test', isVerified: true } });
    expect(await importOne(other)).toMatchObject({
      kind: 'conflict',
      code: 'conflict',
      found: { targetUserId: id },
    });
    expect(await at.connection.userBySubject('shop:nora')).toBeUndefined();
  });

  test('is found by id, by ours, by subject and by login, and nobody else is', async () => {
    const id = await made(someone('olga'));
    const { connection } = at;
    for (const same of [
      await connection.userById(id),
      await connection.userById(externalId('olga')),
      await connection.userBySubject('shop:olga'),
      await connection.userByLogin('OLGA'),
      await connection.userByLogin('olga@example.test'),
    ]) {
      expect(same?.targetUserId).toBe(id);
    }
    for (const none of ['', '.', '..', '../users', 'no such id', NOBODY, externalId('nobody')])
      expect(await connection.userById(none)).toBeUndefined();
    for (const none of ['', 'olg', `${PROVIDER}:shop:olga`])
      expect(await connection.userByLogin(none)).toBeUndefined();
    expect(await connection.userBySubject('olga')).toBeUndefined();
    expect(await connection.userByLogin('olga', NOBODY)).toBeUndefined();
  });
});

describe('completing', () => {
  test('adds what is missing, and the second time nothing', async () => {
    const { password: _password, ...bare } = someone('paul', { metadata: {} });
    const id = await made(bare);
    const user = someone('paul', {
      totpSecret: SEED,
      recoveryCodes: ['one'],
      locale: 'de',
      metadata: { legacy_id: 'paul', plan: 'gold' },
      identityProviderLinks: [{ idpId: 'google', userId: '42', userName: 'paul' }],
    });
    const done = await at.connection.complete(await found(id), user);
    expect(done).toEqual({
      stored: ['profile', 'metadata', 'links', 'totp', 'recoveryCodes', 'password'],
      missing: [],
    });
    expect(await found(id)).toMatchObject({
      locale: 'de',
      hasPassword: true,
      hasTotp: true,
      metadata: { legacy_id: 'paul', plan: 'gold' },
      email: { isVerified: true },
    });
    expect(await at.logIn('paul', PASSWORD, codeNow())).toMatchObject({ outcome: 'in' });
    expect(await at.connection.userById(externalId('paul'))).toMatchObject({ targetUserId: id });
    expect(await at.connection.complete(await found(id), user)).toEqual({ stored: [], missing: [] });
  });

  test('brings keys as second factor before the password', async () => {
    const { password: _password, ...bare } = someone('pia');
    const id = await made(bare);
    expect(await found(id)).toMatchObject({ hasPasskeys: false });
    const user = someone('pia', { passkeys: [passkey('AQIF', 'h')], passkeyIsFactor: true });
    expect(await at.connection.complete(await found(id), user)).toEqual({
      stored: ['passkeys', 'password'],
      missing: [],
    });
    expect(await at.logIn('pia', PASSWORD)).toEqual({ outcome: 'code-wanted' });
    expect(await at.connection.complete(await found(id), user)).toEqual({ stored: [], missing: [] });
  });

  test('replaces no password and no address, and links somebody whom Kratos had before', async () => {
    const traits = { email: 'quinn@example.test', username: 'quinn' };
    const config = { hashed_password: bcryptHash.encoded };
    const { id } = await at.admin<{ id: string }>('POST', '/identities', {
      schema_id: 'default',
      traits,
      state: 'inactive',
      metadata_public: { theirs: true },
      credentials: { password: { config } },
    });
    const user = someone('quinn', {
      password: { format: 'bcrypt', encoded: bcryptHash.encoded.replace('$2b$', '$2a$') },
      email: { address: 'other@example.test', isVerified: true },
    });
    const done = await at.connection.complete(await found(id), user);
    expect(done).toEqual({ stored: ['profile', 'metadata', 'links'], missing: [] });
    expect(await found(id)).toMatchObject({
      state: 'inactive',
      email: { address: 'quinn@example.test', isVerified: false },
    });
    expect(await at.admin('GET', `/identities/${id}`)).toMatchObject({ metadata_public: { theirs: true } });
    expect((await at.connection.userBySubject('shop:quinn'))?.targetUserId).toBe(id);
    expect(await found(id)).not.toHaveProperty('externalId');
    // It would be taken for somebody whom we have made.
    expect(await at.connection.userById(externalId('quinn'))).toBeUndefined();
  });

  test('tells a link that somebody else has, and does the rest', async () => {
    const google = [{ idpId: 'google', userId: 'shared', userName: 'x' }];
    await made(someone('rita', { identityProviderLinks: google }));
    const { password: _password, ...bare } = someone('ruth');
    const id = await made(bare);
    const user = someone('ruth', { identityProviderLinks: google });
    expect(await at.connection.complete(await found(id), user)).toEqual({
      stored: ['password'],
      missing: [{ what: 'links', code: 'conflict' }],
    });
  });

  test('of somebody who is gone is refused', async () => {
    const gone = { ...(await found(await made(someone('sven')))), targetUserId: NOBODY };
    await expect(at.connection.complete(gone, someone('sven'))).rejects.toMatchObject({
      code: 'target_refused',
    });
  });
});

describe('a password', () => {
  test('is set anew', async () => {
    const id = await made(
      someone('tess', { password: { ...bcryptHash, encoded: bcryptHash.encoded.replace(/.$/, 'x') } }),
    );
    expect(await at.logIn('tess', PASSWORD)).toEqual({ outcome: 'refused' });
    await at.connection.setPassword(id, bcryptHash);
    expect(await at.logIn('tess', PASSWORD)).toMatchObject({ outcome: 'in' });
    await expect(at.connection.setPassword(id, { format: 'phpass', encoded: '$P$B' })).rejects.toMatchObject({
      code: 'target_refused',
    });
    await expect(at.connection.setPassword(NOBODY, bcryptHash)).rejects.toMatchObject({
      code: 'target_refused',
    });
  });

  test('that we are asked about is none until it was right once', async () => {
    const asked: string[] = [];
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = JSON.parse(Buffer.concat(chunks).toString());
      asked.push(`${request.headers['x-api-key']} ${JSON.stringify(body)}`);
      response.writeHead(body.password === 'typed' ? 200 : 403, { 'content-type': 'application/json' });
      response.end(body.password === 'typed' ? '{"status":"password_match"}' : '{}');
    });
    const port = needsStandIn ? Number(process.env.KRATOS_HOOK_PORT) : 0;
    await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/ory/password`;
    if (!needsStandIn) at.kratos.setHook({ url, headers: { 'x-api-key': 'k' } });

    const { password: _password, ...bare } = someone('ulla', { isTypedHere: true });
    const id = await made(bare);
    expect(await found(id)).toMatchObject({ hasPassword: false });
    expect(await at.logIn('ulla', 'wrong')).toEqual({ outcome: 'refused' });
    expect(await at.logIn('ulla', 'typed')).toMatchObject({ outcome: 'in' });
    expect(await found(id)).toMatchObject({ hasPassword: true });
    expect(await at.logIn('ulla', 'typed')).toMatchObject({ outcome: 'in' });
    expect(asked).toEqual([
      'k {"identifier":"ulla","password":"wrong"}',
      'k {"identifier":"ulla","password":"typed"}',
    ]);
    await new Promise((resolve) => server.close(resolve));
  });

  test('can be chosen anew through a link that ends', async () => {
    const id = await made(someone('vera'));
    const { url, expiresAt } = await at.connection.resetLink!(id);
    expect(url.reveal()).toMatch(/^http.*token=/);
    expect(String(url)).toBe('[secret]');
    const hours = (expiresAt.getTime() - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThan(24.1);
    await expect(at.connection.resetLink!(NOBODY)).rejects.toMatchObject({ code: 'target_refused' });
  });
});

describe('a person', () => {
  test('is deactivated, reactivated and removed; what is so already, and who is gone, is no failure', async () => {
    const id = await made(someone('wim'));
    const { connection } = at;
    for (let twice = 0; twice < 2; twice++) await connection.deactivate(id);
    expect(await found(id)).toMatchObject({ state: 'inactive' });
    expect(await at.logIn('wim', PASSWORD)).toEqual({ outcome: 'refused' });
    for (let twice = 0; twice < 2; twice++) await connection.reactivate(id);
    expect(await at.logIn('wim', PASSWORD)).toMatchObject({ outcome: 'in' });
    for (let twice = 0; twice < 2; twice++) await connection.remove(id);
    expect(await connection.userById(id)).toBeUndefined();
    for (const none of [NOBODY, externalId('nobody'), 'no such id']) {
      await connection.deactivate(none);
      await connection.reactivate(none);
      await connection.remove(none);
      await connection.unlink(none, 'shop:none');
    }
  });

  test('is removed by our id, too, which Kratos would read as one of its own', async () => {
    const id = await made(someone('xena'));
    await at.connection.remove(externalId('xena'));
    expect(await at.connection.userById(id)).toBeUndefined();
  });

  test('is unlinked from this subject, and stays linked to others', async () => {
    const id = await made(
      someone('yara', { identityProviderLinks: [{ idpId: 'google', userId: '7', userName: 'y' }] }),
    );
    await at.connection.unlink(id, 'shop:somebody else');
    expect(await at.connection.userBySubject('shop:yara')).toBeDefined();
    for (let twice = 0; twice < 2; twice++) await at.connection.unlink(id, 'shop:yara');
    expect(await at.connection.userBySubject('shop:yara')).toBeUndefined();
    expect((await found(id)).links).toEqual([{ idpId: 'google', userId: '7', userName: '7' }]);
  });

  test('who could not log in any more is not unlinked', async () => {
    const { password: _password, ...bare } = someone('zoe');
    const id = await made(bare);
    await expect(at.connection.unlink(id, 'shop:zoe')).rejects.toMatchObject({
      code: 'target_refused',
      detail: expect.stringContaining('last-first-factor'),
    });
    expect(await at.connection.userBySubject('shop:zoe')).toBeDefined();
  });

  test('gets the fields of the profile that are named, and loses those that are gone', async () => {
    const id = await made(someone('abe', { locale: 'de', nickname: 'A' }));
    const next = someone('abe', {
      email: { address: 'Abe.New@example.test', isVerified: true },
      givenName: 'Abraham',
      familyName: 'Other',
    });
    await at.connection.update!(await found(id), next, ['email', 'givenName', 'locale', 'phone']);
    expect(await found(id)).toMatchObject({
      email: { address: 'Abe.New@example.test', isVerified: true },
      givenName: 'Abraham',
      familyName: 'One',
      nickname: 'A',
      hasPassword: true,
    });
    expect(await found(id)).not.toHaveProperty('locale');
    expect(await at.logIn('abe.new@example.test', PASSWORD)).toMatchObject({ outcome: 'in' });
    expect(await at.logIn('abe@example.test', PASSWORD)).toEqual({ outcome: 'refused' });
    const unverified = { ...next, email: { address: 'Abe.New@example.test', isVerified: false } };
    await at.connection.update!(await found(id), unverified, ['email']);
    expect(await found(id)).toMatchObject({ email: { isVerified: false } });
  });

  test('is not given an address that somebody else has', async () => {
    await made(someone('bea'));
    const id = await made(someone('ben'));
    const next = someone('ben', { email: { address: 'bea@example.test', isVerified: true } });
    await expect(at.connection.update!(await found(id), next, ['email'])).rejects.toMatchObject({
      code: 'target_refused',
    });
    expect(await found(id)).toMatchObject({ email: { address: 'ben@example.test' } });
  });
});

describe('all people', () => {
  test('are listed once each, a page at a time, with what the rest of us asks', async () => {
    const at40 = await openKratos();
    const people = someones(40, 'listed');
    await at40.connection.importUsers(people, { bulk: true });
    const seen: FoundUser[] = [];
    let after: string | undefined;
    for (let pages = 0; pages < 100; pages++) {
      const page = await at40.connection.users!({ limit: 7, ...(after !== undefined && { after }) });
      seen.push(...page.users);
      after = page.next;
      if (after === undefined) break;
    }
    const names = new Set(people.map(({ username }) => username));
    const ours = seen.filter(({ username }) => names.has(username));
    expect(ours).toHaveLength(40);
    expect(new Set(seen.map(({ targetUserId }) => targetUserId)).size).toBe(seen.length);
    expect(ours[0]).toMatchObject({ hasPassword: true, links: [{ idpId: PROVIDER }], metadata: {} });
    await at40.close();
  });
});

describe('sessions', () => {
  test('are told, and end one by one or all at once', async () => {
    const { connection } = at;
    const id = await made(someone('cleo'));
    const before = Math.floor(Date.now() / 1_000);
    const first = await at.logIn('cleo', PASSWORD);
    await at.logIn('cleo', PASSWORD);
    const sessions = await connection.sessionsOf!(id);
    expect(sessions).toHaveLength(2);
    for (const one of sessions) {
      expect(one).toMatchObject({ targetUserId: id, provedAt: expect.any(Number) });
      expect(one.startedAt).toBeGreaterThanOrEqual(before - 1);
    }
    const sessionId = first.outcome === 'in' ? first.sessionId : '';
    expect(await connection.sessionById!(sessionId)).toMatchObject({ id: sessionId, targetUserId: id });
    for (let twice = 0; twice < 2; twice++) await connection.endSession!(sessionId);
    expect(await connection.sessionById!(sessionId)).toBeUndefined();
    expect(await connection.sessionsOf!(id)).toHaveLength(1);
    for (let twice = 0; twice < 2; twice++) await connection.endSessionsOf!(id);
    expect(await connection.sessionsOf!(id)).toEqual([]);
    for (const none of ['', '..', 'no such id', NOBODY]) {
      await connection.endSession!(none);
      await connection.endSessionsOf!(none);
      expect(await connection.sessionById!(none)).toBeUndefined();
      expect(await connection.sessionsOf!(none)).toEqual([]);
    }
  });
});
