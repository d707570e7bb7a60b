import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { keycloak } from '../../../src/targets/keycloak/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { targetKindContract } from '../target-kind-contract.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

const API = {
  url: 'http://127.0.0.1:9',
  realm: 'shop',
  clientCredentials: { clientId: 'footbridge-api', secret: 'a-secret' },
};
const openWith = (api: object) =>
  openTargets(
    targetSettings.parse([
      { name: 'kc', kind: 'keycloak', displayName: 'New', loginUrl: 'https://new.example/', api },
    ]),
    { issuer: 'https://login.example' },
  );

describe('keycloak', () => {
  targetKindContract(keycloak);

  test('is never given bcrypt, which it stores and cannot verify', () => {
    const bcrypt = {
      format: 'bcrypt',
      columns: { password: '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy' },
    };
    expect(passwords.translate(bcrypt, keycloak.accepts)).toHaveProperty('reason');
    expect(passwords.translate(bcrypt, [{ write: 'bcrypt', cost: [4, 31] }])).toHaveProperty('encoded');
  });

  test('has a connection where the realm and a client of it are named', async () => {
    const targets = openWith(API);
    expect(targets.connection('kc')).toBeDefined();
    await targets.close();
  });

  test.each([
    ['the realm', { ...API, realm: undefined }],
    ['the client', { ...API, clientCredentials: undefined, token: 'a-token' }],
  ])('does not open without %s', (_what, api) => {
    expect(() => openWith(api)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});
