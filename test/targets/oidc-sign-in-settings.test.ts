import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isLoopback, signInSettings, wrongSignIn } from '../../src/targets/sign-in-settings.ts';

const pemOf = (pair: { privateKey: { export(options: object): string | Buffer } }, more: object = {}) =>
  pair.privateKey.export({ type: 'pkcs8', format: 'pem', ...more }).toString();
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const SHORT = generateKeyPairSync('rsa', { modulusLength: 1024 });
const P256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const P384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ED = generateKeyPairSync('ed25519');

const problemsOf = (settings: object) =>
  signInSettings.safeParse({ clientId: 'us', ...settings }).error?.issues.map(({ path }) => path.join('.')) ??
  [];

describe('the settings of signing in', () => {
  test('take a secret, a key, or neither, and never both', () => {
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({ clientSecret: 's' })).toEqual([]);
    expect(problemsOf({ privateKey: pemOf(RSA) })).toEqual([]);
    expect(problemsOf({ clientSecret: 's', privateKey: pemOf(RSA) })).toEqual(['']);
  });

  test.each<[string, string, string]>([
    ['RS256', pemOf(RSA), 'RSA'],
    ['RS256', pemOf(RSA, { type: 'pkcs1' }), 'RSA in the older form'],
    ['PS256', pemOf(RSA), 'RSA'],
    ['ES256', pemOf(P256), 'P-256'],
    ['EdDSA', pemOf(ED), 'Ed25519'],
  ])('take for %s the key %#: %3$s', (algorithm, privateKey) => {
    expect(problemsOf({ algorithm, privateKey })).toEqual([]);
  });

  test.each<[string, string]>([
    ['RS256', pemOf(SHORT)],
    ['RS256', pemOf(P256)],
    ['PS256', pemOf(ED)],
    ['ES256', pemOf(P384)],
    ['EdDSA', pemOf(RSA)],
    ['RS256', pemOf(RSA, { cipher: 'aes-256-cbc', passphrase: 'p' })],
    ['RS256', 'CANARY'],
  ])('refuse for %s a key that is none for it: %#', (algorithm, privateKey) => {
    const { error } = signInSettings.safeParse({ clientId: 'us', algorithm, privateKey });
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['privateKey']);
    expect(JSON.stringify(error?.issues)).not.toContain('CANARY');
  });

  test.each(['state', 'nonce', 'redirect_uri', 'scope', 'request', 'request_uri', 'response_mode'])(
    'leave %s to us',
    (name) => {
      expect(problemsOf({ parameters: { [name]: 'x' } })).toEqual(['parameters']);
    },
  );

  test('take further parameters', () => {
    expect(problemsOf({ parameters: { prompt: 'create', kc_idp_hint: 'x', 'person[email]': 'y' } })).toEqual(
      [],
    );
  });
});

describe('all targets together', () => {
  const target = (kind: string, issuer?: string) => ({
    kind,
    signIn: signInSettings.parse({ clientId: 'us', ...(issuer !== undefined && { issuer }) }),
  });
  const wrong = (...targets: { kind: string }[]) => wrongSignIn(targets).map(({ path }) => path.join('.'));

  test('need an issuer each, and a hub none', () => {
    expect(
      wrong(target('hub'), target('keycloak', 'https://id.example/realms/a'), { kind: 'zitadel' }),
    ).toEqual([]);
    expect(wrong({ kind: 'zitadel' }, target('keycloak'))).toEqual(['1.signIn.issuer']);
    expect(wrong(target('hub', 'https://hub.example'))).toEqual(['0.signIn.issuer']);
  });

  test.each(['http://id.example', 'http://127.0.0.1.example', 'http://10.0.0.1', 'https://id.example/?a=b'])(
    'refuse the issuer %s',
    (issuer) => {
      expect(wrong(target('generic', issuer))).toEqual(['0.signIn.issuer']);
    },
  );

  test.each(['http://127.0.0.1:8080', 'http://localhost/x', 'http://[::1]:1', 'http://127.9.9.9'])(
    'take the issuer %s, which is this machine',
    (issuer) => {
      expect(wrong(target('generic', issuer))).toEqual([]);
      expect(isLoopback(new URL(issuer))).toBe(true);
    },
  );
});
