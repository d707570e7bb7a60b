/** Signing in at an issuer that lies, or that somebody else speaks for. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTargets } from '../../src/targets/index.ts';
import type { TargetSignIn } from '../../src/targets/sign-in.ts';
import type { Issuer } from './oidc-sign-in-issuer.ts';
import {
  ACCESS_TOKEN,
  begun,
  CLIENT,
  failureOf,
  json,
  openIssuer,
  PERSON,
  request,
  settingsOf,
  signInAt,
} from './oidc-sign-in-issuer.ts';

let issuer: Issuer;
let signIn: TargetSignIn;
beforeEach(async () => {
  issuer = await openIssuer();
  signIn = signInAt({ issuer: issuer.url, timeoutMs: 500 });
});
afterEach(async () => {
  await signIn.close();
  await issuer.close();
});

const wanted = { kind: 'refused', code: 'wrong_state' } as const;
type Wanted = { readonly kind: string; readonly code: string };
const refused = (code: string): Wanted => ({ kind: 'refused', code });

async function outcome() {
  const { query, checks } = await begun(signIn, issuer);
  return signIn.finish(query, checks);
}

test('an honest issuer is believed, whichever of its keys it signs with', async () => {
  expect(await outcome()).toMatchObject({ targetUserId: PERSON.sub, email: PERSON.email });
  issuer.signs = 'ES256';
  expect(await outcome()).toMatchObject({ targetUserId: PERSON.sub });
});

describe('its metadata', () => {
  test.each<[string, (at: Issuer) => Record<string, unknown>, Wanted]>([
    ['that name another issuer', () => ({ issuer: 'https://id.example' }), refused('wrong_issuer')],
    ['that name one with a slash too many', ({ url }) => ({ issuer: `${url}/x` }), refused('wrong_issuer')],
    ['that name none', () => ({ issuer: undefined }), refused('invalid_response')],
    ['without keys', () => ({ jwks_uri: undefined }), refused('metadata_incomplete')],
    ['without a token endpoint', () => ({ token_endpoint: undefined }), refused('metadata_incomplete')],
    ['with an address that is none', () => ({ token_endpoint: 'token' }), refused('metadata_incomplete')],
    ['that send the secret in clear', () => ({ token_endpoint: 'http://id.example/' }), refused('not_https')],
    [
      'that send people elsewhere',
      () => ({ authorization_endpoint: 'ftp://127.0.0.1/' }),
      refused('not_https'),
    ],
  ])('%s are refused before anybody is sent there', async (_title, lie, expected) => {
    issuer.metadata = lie(issuer);
    expect(await failureOf(signIn.begin(request()))).toMatchObject(expected);
    issuer.metadata = {};
    expect((await signIn.begin(request())).url).toContain(`${issuer.url}/authorize?`);
  });

  test('are not asked for in clear, except on loopback', async () => {
    expect(() => settingsOf({ issuer: 'http://id.example.test' })).toThrow('expected https');
    // Nor where the settings were not looked at.
    const [settings] = settingsOf({ issuer: 'https://id.example.test' });
    const signIn = { ...settings!.signIn!, issuer: 'http://id.example.test' };
    const elsewhere = openTargets([{ ...settings!, signIn }]).signIn('main')!;
    expect(await failureOf(elsewhere.begin(request()))).toMatchObject(refused('not_https'));
    await elsewhere.close();
  });
});

describe('what the browser brings back', () => {
  test.each<[string, Record<string, string | undefined>, Wanted]>([
    ['another state', { state: 'x'.repeat(43) }, wanted],
    ['a state of the same length in letters and not in bytes', { state: 'ü'.repeat(43) }, wanted],
    ['no state', { state: undefined }, wanted],
    ['another issuer (RFC 9207)', { iss: 'https://evil.example' }, refused('wrong_iss')],
    ['no issuer although there always is one', { iss: undefined }, refused('wrong_iss')],
    ['no code', { code: undefined }, refused('invalid_response')],
    ['an ID token beside the code', { id_token: 'a.b.c' }, refused('unsupported')],
    ['a token beside the code', { token: 'a' }, refused('unsupported')],
    ['all of it in a token (JARM)', { response: 'a.b.c' }, refused('invalid_response')],
  ])('%s is refused, and the code stays unused', async (_title, changes, expected) => {
    const { query, checks } = await begun(signIn, issuer);
    const changed = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) changed.delete(name);
      else changed.set(name, value);
    }
    expect(await failureOf(signIn.finish(changed, checks))).toMatchObject(expected);
    expect(issuer.requests).not.toContain('POST /token');
    expect(await signIn.finish(query, checks)).toMatchObject({ targetUserId: PERSON.sub });
  });

  test('a state twice is refused', async () => {
    const { query, checks } = await begun(signIn, issuer);
    query.append('state', checks.state);
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject(refused('invalid_response'));
  });

  test('an issuer that never names itself is believed without', async () => {
    issuer.metadata = { authorization_response_iss_parameter_supported: undefined };
    const { query, checks } = await begun(signIn, issuer);
    query.delete('iss');
    expect(await signIn.finish(query, checks)).toMatchObject({ targetUserId: PERSON.sub });
  });

  test.each<[string, Wanted]>([
    ['access_denied', { kind: 'cancelled', code: 'access_denied' }],
    ['login_required', refused('login_required')],
    ['server_error', { kind: 'unavailable', code: 'server_error' }],
    ['temporarily_unavailable', { kind: 'unavailable', code: 'temporarily_unavailable' }],
    ['<script>', refused('unknown_error')],
  ])('the error %s is told as what it is', async (error, expected) => {
    const { query, checks } = await begun(signIn, issuer);
    query.delete('code');
    query.set('error', error);
    query.set('error_description', 'CANARY of somebody else');
    const failure = await failureOf(signIn.finish(query, checks));
    expect(failure).toMatchObject(expected);
    expect(inspect(failure, { depth: 9 })).not.toContain('CANARY');
  });

  test('the error of a sign-in that is not ours is refused, and no cancellation', async () => {
    const { query, checks } = await begun(signIn, issuer);
    query.set('error', 'access_denied');
    query.set('state', 'other');
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject(wanted);
  });
});

describe('a code', () => {
  test('is good once', async () => {
    const { query, checks } = await begun(signIn, issuer);
    await signIn.finish(query, checks);
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject(refused('invalid_grant'));
  });

  test('of another browser is refused: its verifier is another one', async () => {
    const [mine, theirs] = [await begun(signIn, issuer), await begun(signIn, issuer)];
    mine.query.set('code', theirs.query.get('code')!);
    expect(await failureOf(signIn.finish(mine.query, mine.checks))).toMatchObject(refused('invalid_grant'));
  });

  test('of another issuer is refused', async () => {
    const other = await openIssuer();
    const { query, checks } = await begun(signIn, issuer);
    const code = other.answer((await signIn.begin(request())).url).get('code')!;
    query.set('code', code);
    expect(await failureOf(signIn.finish(query, checks))).toMatchObject(refused('invalid_grant'));
    expect(other.requests).toEqual([]);
    await other.close();
  });

  test('is not redeemed where the cookie holds no nonce', async () => {
    const { query, checks } = await begun(signIn, issuer);
    const { nonce: _, ...less } = checks;
    expect(await failureOf(signIn.finish(query, less))).toMatchObject(refused('wrong_nonce'));
    expect(issuer.requests).not.toContain('POST /token');
  });
});

describe('an ID token', () => {
  const now = Math.floor(Date.now() / 1_000);
  test.each<[string, Record<string, unknown>, Wanted]>([
    ['with another nonce', { nonce: 'other' }, refused('wrong_nonce')],
    ['without a nonce', { nonce: undefined }, refused('invalid_response')],
    ['of another issuer', { iss: 'https://evil.example' }, refused('wrong_iss')],
    ['for another client', { aud: 'other' }, refused('wrong_aud')],
    ['for several, of whom it names none', { aud: [CLIENT.clientId, 'other'] }, refused('wrong_aud')],
    ['for several, and given to another', { aud: [CLIENT.clientId, 'b'], azp: 'b' }, refused('wrong_azp')],
    ['that has expired', { exp: now - 60, iat: now - 360 }, refused('expired')],
    ['that never expires', { exp: undefined }, refused('invalid_response')],
    ['that is good later', { nbf: now + 3_600 }, refused('wrong_time')],
    ['about nobody', { sub: undefined }, refused('invalid_response')],
    ['about somebody without a name to store', { sub: 'a\u0000b' }, refused('wrong_sub')],
    ['about a number', { sub: 7 }, refused('invalid_response')],
  ])('%s is refused', async (_title, claims, expected) => {
    issuer.claims = claims;
    expect(await failureOf(outcome())).toMatchObject(expected);
  });

  test('that says we were meant among several is good', async () => {
    issuer.claims = { aud: [CLIENT.clientId, 'other'], azp: CLIENT.clientId };
    expect(await outcome()).toMatchObject({ targetUserId: PERSON.sub });
  });

  test.each<[Issuer['signs'], Wanted]>([
    ['none', refused('unsupported')],
    ['HS256', refused('unsupported')],
    ['forged', refused('wrong_signature')],
    ['unknown-key', refused('unknown_key')],
  ])('signed with %s is refused, though the issuer lists the algorithm', async (signs, expected) => {
    issuer.signs = signs;
    expect(await failureOf(outcome())).toMatchObject(expected);
  });

  test('signed as the issuer says that it never signs is refused', async () => {
    issuer.metadata = { id_token_signing_alg_values_supported: ['ES256'] };
    expect(await failureOf(outcome())).toMatchObject(refused('wrong_algorithm'));
  });

  test('has to be there', async () => {
    issuer.instead.set('/token', (_req, res) => json(res, { access_token: 'a', token_type: 'Bearer' }));
    expect(await failureOf(outcome())).toMatchObject(refused('invalid_response'));
  });

  test('of a new key is taken once the keys were read again', async () => {
    await outcome();
    await issuer.rotate();
    expect(await failureOf(outcome())).toMatchObject(refused('unknown_key'));
    expect(await outcome()).toMatchObject({ targetUserId: PERSON.sub });
  });

  test('has to say when they logged in, where that is asked for', async () => {
    const strict = signInAt({ issuer: issuer.url, parameters: { max_age: '60' } });
    const finish = async () => {
      const { query, checks } = await begun(strict, issuer);
      return strict.finish(query, checks);
    };
    expect(await failureOf(finish())).toMatchObject(refused('invalid_response'));
    issuer.claims = { auth_time: now - 7_200 };
    expect(await failureOf(finish())).toMatchObject(refused('wrong_time'));
    issuer.claims = { auth_time: now };
    expect(await finish()).toMatchObject({ authTime: now });
    await strict.close();
  });
});

describe('userinfo', () => {
  beforeEach(() => {
    issuer.claims = { email: undefined, email_verified: undefined };
  });

  test('fills in what the ID token leaves out', async () => {
    issuer.userinfo = { ...PERSON, name: 'Somebody Else' };
    expect(await outcome()).toMatchObject({ name: PERSON.name, email: PERSON.email, emailVerified: true });
  });

  test('is not asked for where nothing is left out', async () => {
    issuer.claims = {};
    await outcome();
    expect(issuer.requests).not.toContain('GET /userinfo');
  });

  test('about somebody else is refused', async () => {
    issuer.userinfo = { ...PERSON, sub: 'user-2' };
    expect(await failureOf(outcome())).toMatchObject(refused('wrong_sub'));
  });

  test('as a token that nobody signed is refused', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    issuer.instead.set('/userinfo', (_req, res) => {
      res.writeHead(200, { 'content-type': 'application/jwt' });
      res.end(`${part({ alg: 'none' })}.${part(PERSON)}.`);
    });
    expect(await failureOf(outcome())).toMatchObject(refused('unsupported'));
  });

  test('that is kept from us is a refusal, and one that is down an outage', async () => {
    issuer.instead.set('/userinfo', (_req, res) => {
      res.setHeader('www-authenticate', 'Bearer error="insufficient_scope", error_description="CANARY"');
      json(res, {}, 403);
    });
    expect(await failureOf(outcome())).toMatchObject(refused('insufficient_scope'));
    issuer.instead.set('/userinfo', (_req, res) => json(res, {}, 503));
    expect(await failureOf(outcome())).toMatchObject({ kind: 'unavailable', code: 'status_503' });
  });
});

/** What each of its addresses may answer with. */
describe.each(['/.well-known/openid-configuration', '/token', '/keys', '/userinfo'])('%s', (path) => {
  beforeEach(() => {
    issuer.claims = { name: undefined };
  });

  test('that never answers is an outage', async () => {
    issuer.instead.set(path, () => undefined);
    expect(await failureOf(outcome())).toMatchObject({ kind: 'unavailable', code: 'timeout' });
    issuer.instead.clear();
    expect(await outcome()).toMatchObject({ targetUserId: PERSON.sub });
  });

  test('that hangs up is an outage', async () => {
    issuer.instead.set(path, (req) => void req.socket.destroy());
    expect(await failureOf(outcome())).toMatchObject({ kind: 'unavailable', code: 'UND_ERR_SOCKET' });
  });

  test('with an answer larger than any is cut off', async () => {
    issuer.instead.set(path, (_req, res) => json(res, { keys: [], sub: 'x'.repeat(600 * 1024) }));
    expect(await failureOf(outcome())).toMatchObject(refused('answer_too_large'));
  });

  test('that leads elsewhere is not followed', async () => {
    const elsewhere = await openIssuer();
    issuer.instead.set(path, (_req, res) => {
      res.writeHead(307, { location: `${elsewhere.url}${path}` }).end();
    });
    expect(await failureOf(outcome())).toMatchObject(refused('redirected'));
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });

  test.each([429, 500, 503])('that answers %i is an outage', async (status) => {
    issuer.instead.set(path, (_req, res) => json(res, { error: 'invalid_grant' }, status));
    expect(await failureOf(outcome())).toMatchObject({ kind: 'unavailable', code: `status_${status}` });
  });

  test('with a page instead of JSON is refused', async () => {
    issuer.instead.set(path, (_req, res) => void res.end('<h1>Welcome</h1>'));
    expect(await failureOf(outcome())).toMatchObject(refused('not_json'));
  });

  test('that is not there is refused', async () => {
    issuer.instead.set(path, (_req, res) => void res.writeHead(404).end());
    expect(await failureOf(outcome())).toMatchObject(refused('unexpected_status'));
  });
});

test('a failure holds nothing of what was sent or came', async () => {
  for (const signs of ['none', 'forged', 'unknown-key'] as const) {
    issuer.signs = signs;
    const { query, checks } = await begun(signIn, issuer);
    const failure = await failureOf(signIn.finish(query, checks));
    expect(failure.code).toMatch(/^[\w.-]{1,64}$/);
    expect(failure.cause).toBeUndefined();
    const told = inspect(failure, { depth: 9, showHidden: true });
    for (const secret of [
      query.get('code')!,
      ACCESS_TOKEN,
      CLIENT.clientSecret,
      checks.verifier,
      PERSON.email,
    ])
      expect(told).not.toContain(secret);
  }
});
