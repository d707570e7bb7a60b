import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { kratos } from '../../../src/targets/kratos/index.ts';
import { kratosSettings } from '../../../src/targets/kratos/kratos-settings.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { targetKindContract } from '../target-kind-contract.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

const openWith = (api: object, more: object = {}) =>
  openTargets(
    targetSettings.parse([
      { name: 'ory', kind: 'kratos', displayName: 'New', loginUrl: 'https://id.example/', api, ...more },
    ]),
    { issuer: 'https://login.example' },
  );
const URL = 'http://127.0.0.1:9';

describe('kratos', () => {
  targetKindContract(kratos);

  test('is never given phpass, which it does not know', () => {
    const phpass = { format: 'phpass', columns: { pass: '$P$BDMJH.qCYhp9m1U9jbDj9l1lCkkJ8x1' } };
    expect(passwords.translate(phpass, kratos.accepts)).toHaveProperty('reason');
  });

  test('has a connection with a token, and without one where its own admin API is open', async () => {
    for (const api of [
      { url: URL, token: 'ory_pat_x' },
      { url: URL, open: true },
    ]) {
      const targets = openWith(api);
      expect(targets.connection('ory')).toBeDefined();
      await targets.close();
    }
  });

  test('does not open with a login that it does not have', () => {
    const api = { url: URL, clientCredentials: { clientId: 'a', secret: 'b' } };
    expect(() => openWith(api)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});

describe('its settings', () => {
  test('put the address into `email`, and nothing else anywhere', () => {
    expect(kratosSettings.parse({})).toEqual({
      schemaId: 'default',
      traits: {
        email: 'email',
        username: null,
        givenName: null,
        familyName: null,
        nickname: null,
        displayName: null,
        locale: null,
        phone: null,
      },
      metadata: 'metadata_admin',
      resetLinkSeconds: 86_400,
    });
  });

  test.each([
    ['the same trait twice', { traits: { email: 'login', username: 'login' } }],
    ['a trait inside of another', { traits: { username: 'name', givenName: 'name.first' } }],
    ['a path that is none', { traits: { email: 'a..b' } }],
    ['a name that JavaScript keeps for itself', { traits: { email: '__proto__.a' } }],
    ['a region that Ory does not have', { region: 'atlantis' }],
    ['a setting that there is not', { schema: 'default' }],
  ])('do not take %s', (_what, settings) => {
    expect(kratosSettings.safeParse(settings).success).toBe(false);
  });

  test('take names that only begin alike', () => {
    const traits = { givenName: 'name.first', familyName: 'name.first_family', email: null };
    expect(kratosSettings.safeParse({ traits }).success).toBe(true);
  });
});
