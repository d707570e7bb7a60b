/** A legacy app has people moved: who may, with what proof, and what it is told. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { ensureRoutes } from '../../src/migration/ensure-routes.ts';
import { find, move } from '../../src/migration/ledger.ts';
import { openTargetLinks } from '../../src/migration/target-link.ts';
import { passwordProof } from '../../src/provider/password-proof.ts';
import { providerSettings } from '../../src/provider/provider-settings.ts';
import { Throttle } from '../../src/provider/throttle.ts';
import { execute } from '../support/database.ts';
import type { LedgerMover } from '../support/mover.ts';
import { ledgerMover } from '../support/mover.ts';
import { UNPLANNED } from '../support/unplanned.ts';
import type { Stage } from './stage.ts';
import { CANARY, entryOf, openStage, TARGETS, tokenOf } from './stage.ts';

const PASSWORD = 'Tr0ub4dor&3';
const SHOP = tokenOf('shop', 'migration:write');
const TRUSTED = tokenOf('trusted', 'migration:write');
const CLIENTS = {
  shop: { mayEnsure: ['main'], trustedProof: false },
  trusted: { mayEnsure: ['main', 'other'], trustedProof: true },
};

let stage: Stage;
let mover: LedgerMover;
let close: () => Promise<void>;
beforeAll(async () => {
  stage = await openStage({
    targets: TARGETS.map((target) => ({ ...target, loginUrl: `${target.loginUrl}?as={login_hint}` })),
    routes: (deps) => {
      const { db, keyring, directory, pseudonym, targets, resolveToken, onError } = deps;
      const { login } = providerSettings.parse({
        login: { failureFloorMs: 0, accountFailures: 3, blockSeconds: 60 },
      });
      const passwords = openPasswords(passwordSettings.parse({}));
      close = () => passwords.close();
      mover = ledgerMover(db, pseudonym);
      const throttle = new Throttle(db, keyring, login);
      return ensureRoutes({
        db,
        routing: UNPLANNED,
        directory,
        mover,
        targets,
        resolveToken,
        nowSeconds: () => stage.nowSeconds,
        onError,
        pseudonym,
        links: openTargetLinks({ db, targets, issuer: 'https://id.example.com' }),
        provePassword: passwordProof({ db, directory, passwords, throttle, failureFloorMs: 0 }),
        ensuring: (clientId) => CLIENTS[clientId as keyof typeof CLIENTS],
      });
    },
  });
});
afterAll(async () => {
  await close();
  await stage.close();
});
afterEach(() => {
  stage.legacyDown = false;
  mover.instead = undefined;
  mover.requests.length = 0;
});

let serial = 0;
function someone(more: Parameters<typeof entryOf>[1] = {}) {
  const id = `ensured-${++serial}`;
  const { user } = entryOf(id, more);
  const passwords = [{ format: 'generic-plaintext', columns: { password: PASSWORD } }];
  stage.people.set(user.sub, { user, credentials: { passwords } });
  return { sub: user.sub, login: user.username!, email: user.email! };
}

const ensure = (body: object, token = SHOP) =>
  stage.call('POST', '/migration/users/ensure', { token, body: { target: 'main', ...body } });
const stateOf = async (sub: string) => (await find(stage.db, 'main', sub))?.state;
const proof = (more: object = {}) => ({ proof: { authTime: stage.nowSeconds - 10, amr: ['pwd'], ...more } });

describe('a person with their password', () => {
  test.each(['login', 'sub'] as const)(
    'is moved, by %s, and the app is told where to send them',
    async (by) => {
      const person = someone();
      const answer = await ensure({ [by]: person[by], password: PASSWORD });
      expect(answer.status).toBe(200);
      const redirectUrl = `https://new.example/?as=${encodeURIComponent(`${person.sub}@there`)}`;
      expect(answer.json).toEqual({ sub: person.sub, state: 'migrated', proved: true, redirectUrl });
      expect(await stateOf(person.sub)).toBe('migrated');
      expect(mover.requests).toEqual([
        { target: 'main', sub: person.sub, road: 'ensure', actor: 'client:shop' },
      ]);
    },
  );

  test('who cannot be moved now is proved and remembered, and goes on as before', async () => {
    const { sub, login } = someone();
    mover.instead = async () => ({ kind: 'later', code: 'target_unavailable' });
    expect((await ensure({ login, password: PASSWORD })).json).toEqual({
      sub,
      state: 'authenticated',
      proved: true,
    });
    const work = await execute(stage.databaseUrl, `select road from target_work where sub = '${sub}'`);
    expect(work).toEqual([{ road: 'ensure' }]);
  });

  test('of whom something is missing at the target is not sent there', async () => {
    const { sub, login } = someone();
    mover.instead = async () => ({
      kind: 'moved',
      state: 'created',
      targetUserId: 'there',
      loginName: 'them',
      missing: [{ what: 'totp', code: 'X' }],
    });
    expect((await ensure({ login, password: PASSWORD })).json).toEqual({
      sub,
      state: 'created',
      proved: true,
    });
  });

  test.each([
    ['target_conflict', 409, 'target_conflict'],
    ['COMMAND-Xyz12', 502, 'target_refused'],
    ['user_excluded', 403, 'user_excluded'],
  ])('whom the target never takes (%s) is answered with %i', async (code, status, told) => {
    const { login } = someone();
    mover.instead = async () => ({ kind: 'refused', code, sentence: 'no' });
    const answer = await ensure({ login, password: PASSWORD });
    expect([answer.status, answer.json.code]).toEqual([status, told]);
  });
});

describe('a password that proves nothing', () => {
  test.each([
    ['wrong', () => ({ login: someone().login, password: 'wrong' })],
    ['of nobody', () => ({ login: 'nobody', password: PASSWORD })],
    ['of a subject of nobody', () => ({ sub: 'shop:nobody', password: PASSWORD })],
  ])('because it is %s is a 401 that blames no token, and moves nobody', async (_why, who) => {
    const answer = await ensure(who());
    expect([answer.status, answer.json.code]).toEqual([401, 'wrong_password']);
    expect(answer.headers.get('www-authenticate')).toBe('FormBased');
    expect(answer.text).not.toContain(PASSWORD);
    expect(mover.requests).toEqual([]);
  });

  test('and was tried too often is a 429, from wherever the app says that the person comes', async () => {
    const { sub, login } = someone();
    for (const network of ['192.0.2.1', '198.51.100.1', '2001:db8::1'])
      expect((await ensure({ login, password: 'wrong', network })).json.code).toBe('wrong_password');
    const answer = await ensure({ login, password: PASSWORD, network: '203.0.113.1' });
    expect([answer.status, answer.json.code]).toEqual([429, 'throttled']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(30);
    expect(await stateOf(sub)).toBeUndefined();
  });

  test('because the legacy store is down is a 503, and neither locks nor counts', async () => {
    const { login } = someone();
    stage.legacyDown = true;
    for (let i = 0; i < 4; i++)
      expect((await ensure({ login, password: PASSWORD })).json.code).toBe('legacy_unavailable');
    stage.legacyDown = false;
    expect((await ensure({ login, password: PASSWORD })).status).toBe(200);
  });

  test('because the user is disabled is told only to who knows it', async () => {
    const { login } = someone({ state: 'disabled' });
    expect((await ensure({ login, password: 'wrong' })).json.code).toBe('wrong_password');
    expect((await ensure({ login, password: PASSWORD })).json.code).toBe('user_disabled');
  });
});

describe('without a proof', () => {
  test('nobody is moved, whether or not there is such a person', async () => {
    const { login } = someone();
    for (const who of [login, 'nobody']) {
      const answer = await ensure({ login: who });
      expect([answer.status, answer.json.code]).toEqual([403, 'proof_needed']);
    }
    expect(mover.requests).toEqual([]);
  });

  test('whoever has moved is sent on at once', async () => {
    const { sub, login, email } = someone();
    await ensure({ login, password: PASSWORD });
    mover.requests.length = 0;
    for (const state of ['migrated', 'cut-over']) {
      // No API of the target is open here: it gets what the person is known by.
      const redirectUrl = `https://new.example/?as=${encodeURIComponent(email)}`;
      expect((await ensure({ login })).json).toEqual({ sub, state, proved: false, redirectUrl });
      // Nor is a wrong password looked at: nobody may take this answer for a login.
      expect((await ensure({ login, password: 'wrong' })).json).toMatchObject({ proved: false });
      const common = { target: 'main', sub, actor: 'test', subject: stage.pseudonym(sub) };
      if (state === 'migrated') await move(stage.db, { ...common, event: 'cut-over' });
    }
    expect(mover.requests).toEqual([]);
  });

  test('who is only created and linked is not sent on', async () => {
    const { sub, login } = someone();
    await stage.login(sub);
    const common = { target: 'main', sub, actor: 'test', subject: stage.pseudonym(sub) };
    await move(stage.db, { ...common, event: 'create', targetUserId: `there-${sub}` });
    expect((await ensure({ login })).json.code).toBe('proof_needed');
  });
});

describe('the app’s own word', () => {
  test('proves a person, and is kept as its word, each time', async () => {
    const { sub, login } = someone();
    mover.instead = async () => ({ kind: 'later', code: 'target_unavailable' });
    const authTime = stage.nowSeconds - 10;
    await ensure({ login, ...proof({ amr: ['pwd', 'otp'] }) }, TRUSTED);
    await ensure({ login, ...proof() }, TRUSTED);
    expect(await find(stage.db, 'main', sub)).toMatchObject({ state: 'authenticated', amr: ['pwd'] });
    const subject = stage.pseudonym(sub).toString('hex');
    const words = (await stage.auditRecords()).filter(
      (record) =>
        record.action === 'ensure.trusted-proof' &&
        Buffer.from(record.subject ?? '').toString('hex') === subject,
    );
    expect(words.map(({ actor, detail }) => ({ actor, detail }))).toEqual(
      expect.arrayContaining([
        { actor: 'client:trusted', detail: { target: 'main', authTime, amr: ['pwd', 'otp'] } },
        { actor: 'client:trusted', detail: { target: 'main', authTime, amr: ['pwd'] } },
      ]),
    );
  });

  test.each([
    ['of a client that is not trusted', {}, SHOP],
    ['that is too old', { authTime: 1_800_000_000 - 301 }, TRUSTED],
    ['from the future', { authTime: 1_800_000_000 + 60 }, TRUSTED],
  ])('%s proves nothing', async (_why, more, token) => {
    const { sub, login } = someone();
    const answer = await ensure({ login, ...proof(more) }, token);
    expect([answer.status, answer.json.code]).toEqual([403, 'proof_needed']);
    expect(await stateOf(sub)).toBeUndefined();
  });

  test('for nobody, or for somebody disabled, moves nobody', async () => {
    expect((await ensure({ login: 'nobody', ...proof() }, TRUSTED)).json.code).toBe('user_not_found');
    const { login } = someone({ state: 'locked' });
    expect((await ensure({ login, ...proof() }, TRUSTED)).json.code).toBe('user_disabled');
    expect(mover.requests).toEqual([]);
  });
});

describe('the caller', () => {
  test.each([
    ['without a token', undefined, 401, 'unauthorized'],
    ['with a token of nobody', 'nonsense', 401, 'unauthorized'],
    ['without the scope', tokenOf('shop', 'migration:read'), 403, 'insufficient_scope'],
    ['that may ensure nobody', tokenOf('main-machine', 'migration:write'), 403, 'insufficient_scope'],
  ])('%s gets nothing', async (_who, token, status, code) => {
    const { login } = someone();
    const body = { target: 'main', login, password: PASSWORD };
    const answer = await stage.call('POST', '/migration/users/ensure', {
      body,
      ...(token ? { token } : {}),
    });
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  test.each(['other', 'nowhere'])('may name its own targets only, and not %s', async (target) => {
    const { login } = someone();
    expect((await ensure({ login, target, password: PASSWORD })).json.code).toBe('insufficient_scope');
  });

  test.each([
    ['neither login nor sub', {}],
    ['both', { login: 'a', sub: 'b' }],
    ['password and proof', { login: 'a', password: 'p', ...{ proof: { authTime: 1, amr: ['pwd'] } } }],
    ['a network that is no address', { login: 'a', network: 'here' }],
    ['an unknown member', { login: 'a', clientId: 'b' }],
  ])('is told what is wrong with a request that has %s', async (_what, body) => {
    const answer = await ensure(body);
    expect(answer.status).toBe(400);
    expect(answer.json.errors).toHaveLength(1);
  });
});

test('no answer holds a secret', async () => {
  const { login } = someone();
  const answer = await ensure({ login, password: PASSWORD });
  for (const secret of [PASSWORD, CANARY.hash, CANARY.seed]) expect(answer.text).not.toContain(secret);
});
