/** What contradicts the FAPI 2.0 Security Profile is refused when the file is read, with its place. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError, parseConfig } from '../../src/config.ts';
import { createProvider } from '../../src/provider/provider.ts';

const P256 = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }) };
const P384 = { ...generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' }) };
const ED25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
/** As a JWK writes a modulus of so many bits; nobody needs the private half. */
const rsa = (bits: number) => ({
  kty: 'RSA',
  e: 'AQAB',
  n: Buffer.concat([Buffer.from([0x80]), Buffer.alloc(bits / 8 - 1, 1)]).toString('base64url'),
});

const GOOD = {
  clientId: 'bank',
  authMethod: 'private_key_jwt',
  jwks: { keys: [{ ...P256, kid: 'k1', alg: 'ES256' }] },
  redirectUris: ['https://bank.example/cb'],
};

/** The problems of a file that sets the profile, each as `path: message`; and its text. */
function problemsOf(provider: object, profile = 'fapi-2.0') {
  const text = stringify({
    database: { url: 'postgres://localhost/footbridge' },
    masterKey: Buffer.alloc(32, 7).toString('base64'),
    provider: { issuer: 'https://login.example.com', profile, clients: [GOOD], ...provider },
    legacy: {
      store: 'shop',
      sql: { engine: 'sqlite', file: '/x', table: 'users', id: 'id', login: ['email'] },
      mapping: { email: 'email', password: [{ format: 'auto', columns: { hash: 'password' } }] },
    },
  });
  try {
    parseConfig(text, { file: 'footbridge.yaml', env: {} });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
const told = (provider: object) => problemsOf(provider).map(({ path, message }) => `${path}: ${message}`);
const withClient = (more: object) => told({ clients: [{ ...GOOD, ...more }] });
const withKey = (...keys: object[]) => withClient({ jwks: { keys } });

describe('provider.profile: fapi-2.0', () => {
  test('FAPI 2.0 SP 5.3.2.1: is accepted with clients that have a key, and needs nothing else', () => {
    expect(told({})).toEqual([]);
    expect(withKey({ ...P256, kid: 'a' }, { ...ED25519, kid: 'b' }, { ...rsa(2048), kid: 'c' })).toEqual([]);
  });

  test.each([
    [{ authMethod: 'client_secret_basic', secret: 'a-secret-0123456789' }, 'authMethod: expected private_k'],
    [{ authMethod: 'client_secret_post', secret: 'a-secret-0123456789' }, 'authMethod: expected private_k'],
    [{ secret: 'a-secret-0123456789' }, 'secret: a client proves itself with its key'],
    [{ pkce: 'optional' }, 'pkce: expected required'],
    [{ idTokenAlg: 'RS256' }, 'idTokenAlg: expected ES256'],
    [{ userinfoAlg: 'RS256' }, 'userinfoAlg: expected ES256'],
    [{ redirectUris: ['http://bank.example/cb'] }, 'redirectUris.0: expected an https address'],
    [{ jwks: undefined, jwksUri: 'http://bank.example/jwks' }, 'jwksUri: expected an https address'],
    [{ backchannelLogoutUri: 'http://bank.example/out' }, 'backchannelLogoutUri: expected an https'],
    [{ mayIssueClaimTokens: ['hub'] }, 'mayIssueClaimTokens: its routes take a bearer token'],
  ])('FAPI 2.0 SP 5.3.2: refuses a client with %j', (more, expected) => {
    expect(withClient(more)).toContainEqual(expect.stringContaining(`provider.clients.0.${expected}`));
  });

  test.each([
    [{ issuer: 'http://login.example.com' }, 'provider.issuer: expected an https address'],
    [{ lifetimes: { codeSeconds: 61 } }, 'provider.lifetimes.codeSeconds: expected 60 at most'],
    [{ jwtIdp: { target: 'zitadel', audience: 'https://id.example' } }, 'provider.jwtIdp: the JWT hand-over'],
  ])('FAPI 2.0 SP 5.3.2: refuses %j', (provider, expected) => {
    expect(told(provider)).toContainEqual(expect.stringContaining(expected));
  });

  test.each([
    ['of 1024 bits', [rsa(1024)], '0: expected 2048 bits at least'],
    ['for RS256', [{ ...rsa(2048), alg: 'RS256' }], '0: expected alg PS256'],
    ['on another curve', [P384], '0: expected an RSA key for PS256, a P-256 key'],
    ['that is private', [{ ...P256, d: 'x' }], '0: this is a secret'],
    [
      'with the kid of another',
      [
        { ...P256, kid: 'k' },
        { ...ED25519, kid: 'k' },
      ],
      '1.kid: two keys share this kid',
    ],
  ])('FAPI 2.0 SP 5.4.1: refuses a key %s', (_what, keys, expected) => {
    expect(withKey(...keys)).toContainEqual(
      expect.stringContaining(`provider.clients.0.jwks.keys.${expected}`),
    );
  });

  test('names file, line and path of what it refuses', () => {
    const [problem] = problemsOf({ clients: [{ ...GOOD, pkce: 'optional' }] });
    expect(problem).toMatchObject({ file: 'footbridge.yaml', path: 'provider.clients.0.pkce' });
    expect(problem!.line).toBeGreaterThan(10);
    expect(problem!.message).toContain('fapi-2.0');
  });

  test('the same settings are welcome without the profile', () => {
    const loose = { ...GOOD, pkce: 'optional', redirectUris: ['http://127.0.0.1:9/cb'], idTokenAlg: 'RS256' };
    expect(problemsOf({ clients: [loose] }, 'openid-connect')).toEqual([]);
  });

  test('a provider whose own pages would be a client with a secret is not made', () => {
    const settings = { issuer: 'https://id.example', profile: 'fapi-2.0', clients: [], lifetimes: {} };
    const keys = { signing: [{ kid: 'a', alg: 'ES256' }], cookie: ['k'] };
    const make = () => createProvider({ keys, settings, hasClaimTokens: true } as never);
    expect(make).toThrow(/footbridge-claim has no key/);
  });
});

test('a modulus that only looks long is measured in bits', () => {
  const padded = Buffer.concat([Buffer.alloc(128), Buffer.from(rsa(1024).n, 'base64url')]);
  expect(withKey({ ...rsa(1024), n: padded.toString('base64url') })).toHaveLength(1);
  const real = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  expect(createPublicKey({ key: real, format: 'jwk' }).asymmetricKeyDetails?.modulusLength).toBe(2048);
  expect(withKey(real)).toEqual([]);
});
