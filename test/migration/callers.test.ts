import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signBody } from '../../src/migration/signature.ts';
import { Secret } from '../../src/settings.ts';
import type { Answer, Stage } from './stage.ts';
import { ALL_SCOPES, entryOf, openStage, SIGNING_KEY, signed, TARGETS, tokenOf } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({
    targets: [
      {
        ...TARGETS[0],
        hmacKeys: [
          { id: 'new', key: SIGNING_KEY },
          { id: 'old', key: 'the-key-before-this-one' },
          { id: 'session.2', key: 'the-key-of-a-hook-alone' },
        ],
      },
      TARGETS[1]!,
    ],
  });
  stage.people.set('shop:1', entryOf('1'));
});
afterAll(() => stage.close());

const SECRETS = '/migration/users/shop:1/secrets';
const outcomeOf = ({ status, json }: Answer) => [status, json?.code];
/** Signed well and refused later: the caller was let in. */
const LET_IN = [403, 'no_export_ticket'];

describe('a caller', () => {
  test('without any credential is told what to bring', async () => {
    const answer = await stage.call('POST', SECRETS, { body: {} });
    expect(outcomeOf(answer)).toEqual([401, 'unauthorized']);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="footbridge"');
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    ['an unknown token', 'Bearer nonsense'],
    ['no token', 'Bearer '],
    ['two tokens', 'Bearer a b'],
    ['a password', `Basic ${Buffer.from('main-machine:secret').toString('base64')}`],
    ['an endless token', `Bearer ${'a'.repeat(5_000)}`],
  ])('with %s is refused', async (_what, authorization) => {
    const answer = await stage.call('POST', SECRETS, { body: {}, headers: { authorization } });
    expect(outcomeOf(answer)).toEqual([401, 'unauthorized']);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="footbridge", error="invalid_token"');
  });

  test.each([
    ['POST', SECRETS, 'migration:secrets'],
    ['PUT', '/migration/users/shop:1/state', 'migration:write'],
    ['GET', '/migration/users/shop:1', 'migration:read'],
    ['GET', '/migration/users?login=user-1', 'migration:read'],
  ])('needs for %s %s the scope %s and no other', async (method, path, scope) => {
    const others = ['migration:read', 'migration:secrets', 'migration:write', 'sync:write'].filter(
      (other) => other !== scope,
    );
    const body = method === 'GET' ? {} : { body: {} };
    const refused = await stage.call(method, path, { ...body, token: tokenOf('main-machine', ...others) });
    expect(outcomeOf(refused)).toEqual([403, 'insufficient_scope']);
    expect(refused.headers.get('www-authenticate')).toContain(`error="insufficient_scope", scope="${scope}"`);
    const letIn = await stage.call(method, path, { ...body, token: tokenOf('main-machine', scope) });
    expect(letIn.json.code).not.toBe('insufficient_scope');
  });

  test('that belongs to no target is refused, whatever its scopes', async () => {
    const token = tokenOf('some-app', 'migration:read', 'migration:secrets', 'migration:write');
    expect(outcomeOf(await stage.call('POST', SECRETS, { body: {}, token }))).toEqual([
      403,
      'insufficient_scope',
    ]);
  });

  test('with more than 64 KiB is refused', async () => {
    const body = JSON.stringify({ ticket: 'x'.repeat(64 * 1024) });
    expect(outcomeOf(await stage.call('POST', SECRETS, { body, token: ALL_SCOPES }))).toEqual([
      413,
      'body_too_large',
    ]);
  });

  test.each([
    ['no JSON', '{"ticket": "CANARY'],
    ['no object', '["CANARY"]'],
    ['a control character', '{"ticket":"CANARY\\u0000"}'],
    ['half a surrogate pair', '{"ticket":"CANARY\\ud800"}'],
  ])('with %s is refused, and not quoted', async (_what, body) => {
    const answer = await stage.call('POST', SECRETS, { body, token: ALL_SCOPES });
    expect(outcomeOf(answer)).toEqual([400, 'bad_request']);
    expect(answer.text).not.toContain('CANARY');
  });

  test('with bytes that are not UTF-8 is refused', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(
        stage.url + SECRETS,
        { method: 'POST', headers: { authorization: `Bearer ${ALL_SCOPES}` } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      sent.on('error', reject);
      sent.end(Buffer.from([0x22, 0xff, 0x22]));
    });
    expect(status).toBe(400);
  });
});

describe('a signed call', () => {
  /** Every test signs at a second of its own, so that none replays another’s. */
  const at = () => {
    stage.nowSeconds += 1;
    return stage.nowSeconds;
  };
  const header = (body: string, { key = SIGNING_KEY, time = stage.nowSeconds } = {}) =>
    signBody(new Secret(key), Buffer.from(body), time);
  const send = (body: string, headers: Record<string, string>) =>
    stage.call('POST', SECRETS, { body, headers });

  test.each(['ZITADEL-Signature', 'X-ZITADEL-Signature'])('is taken from the header %s', async (name) => {
    at();
    expect(outcomeOf(await stage.call('POST', SECRETS, signed(stage, {}, SIGNING_KEY, name)))).toEqual(
      LET_IN,
    );
  });

  test('is taken once', async () => {
    at();
    const call = signed(stage, { ticket: 'once' });
    expect(outcomeOf(await stage.call('POST', SECRETS, call))).toEqual(LET_IN);
    expect(outcomeOf(await stage.call('POST', SECRETS, call))).toEqual([409, 'replayed']);
    const otherHeader = { 'X-ZITADEL-Signature': call.headers!['ZITADEL-Signature']!.replace(',', ', ') };
    expect(outcomeOf(await stage.call('POST', SECRETS, { ...call, headers: otherHeader }))).toEqual([
      409,
      'replayed',
    ]);
  });

  test('is taken once of twenty at once', async () => {
    at();
    const call = signed(stage, { ticket: 'race' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => stage.call('POST', SECRETS, call)));
    expect(answers.filter(({ json }) => json.code === 'replayed')).toHaveLength(19);
  });

  test('is taken within 300 seconds either way, and not beyond', async () => {
    const now = at();
    for (const [offset, expected] of [
      [-301, [401, 'bad_signature']],
      [301, [401, 'bad_signature']],
      [-300, LET_IN],
      [300, LET_IN],
    ] as const) {
      const answer = await send('{}', { 'ZITADEL-Signature': header('{}', { time: now + offset }) });
      expect(outcomeOf(answer)).toEqual(expected);
    }
  });

  test('is taken with the old key during a rotation, and with no other', async () => {
    at();
    expect(
      outcomeOf(await send('{}', { 'ZITADEL-Signature': header('{}', { key: 'the-key-before-this-one' }) })),
    ).toEqual(LET_IN);
    for (const key of ['a-key-nobody-configured', 'the-key-of-a-hook-alone']) {
      const other = await send('{}', { 'ZITADEL-Signature': header('{}', { key }) });
      expect(outcomeOf(other)).toEqual([401, 'bad_signature']);
    }
  });

  test.each([
    ['for another body', (good: string) => good],
    ['cut short', (good: string) => good.slice(0, -2)],
    ['of odd length', (good: string) => good.slice(0, -1)],
    ['too long', (good: string) => `${good}00`],
    ['empty', () => ''],
  ])('%s is refused', async (what, change) => {
    at();
    const body = what === 'for another body' ? '{ }' : '{}';
    const answer = await send(body, { 'ZITADEL-Signature': change(header('{}')) });
    expect(outcomeOf(answer)).toEqual([401, 'bad_signature']);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="footbridge"');
  });

  test('reads nothing: its signature would cover no path', async () => {
    at();
    const answer = await stage.call('GET', '/migration/users/shop:1', {
      headers: { 'ZITADEL-Signature': header('') },
    });
    expect(outcomeOf(answer)).toEqual([403, 'insufficient_scope']);
  });
});

describe('profile and state', () => {
  const read = (path: string) => stage.call('GET', path, { token: ALL_SCOPES });

  test('are shown by sub and by login, without secrets', async () => {
    const bySub = await read('/migration/users/shop%3A1');
    expect(bySub.status).toBe(200);
    expect(bySub.json).toMatchObject({
      sub: 'shop:1',
      state: 'legacy',
      userState: 'active',
      roles: ['buyer'],
      missing: [],
    });
    expect(bySub.json.profile).toMatchObject({ email: '1@example.com', email_verified: true });
    expect(bySub.text).not.toMatch(/CANARY|INAU4QKS|password/i);
    expect((await read('/migration/users?login=user-1')).json).toEqual(bySub.json);
  });

  test('follow the ledger of the calling target', async () => {
    stage.people.set('shop:2', entryOf('2'));
    await stage.login('shop:2');
    expect((await read('/migration/users/shop:2')).json).toMatchObject({
      state: 'authenticated',
      provedAt: expect.any(String),
    });
    const other = await stage.call('GET', '/migration/users/shop:2', {
      token: tokenOf('other-login', 'migration:read'),
    });
    expect(other.json).toMatchObject({ state: 'legacy' });
    expect(other.json).not.toHaveProperty('provedAt');
  });

  test.each(['/migration/users/shop:nobody', '/migration/users?login=nobody'])(
    'of nobody are not found at %s',
    async (path) => {
      expect(outcomeOf(await read(path))).toEqual([404, 'user_not_found']);
    },
  );

  test.each([
    '/migration/users',
    '/migration/users?login=',
    '/migration/users?login=a&login=b',
    '/migration/users?login=%00',
  ])('need one login: %s', async (path) => {
    expect(outcomeOf(await read(path))).toEqual([400, 'bad_request']);
  });
});
