/** Names that stand for a column of several kinds: each kind is taken for what it is. */
import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { corpus, storedOf } from '../vectors.ts';

const UMBRELLAS: Readonly<Record<string, RegExp>> = {
  django: /^django-/,
  symfony: /^symfony-/,
  magento: /^magento/,
  wordpress: /^wordpress-/,
  mediawiki: /^mediawiki-/,
  phpbb: /^phpbb-/,
  spring: /^spring-(?!pbkdf2|scrypt|argon2|sha256)/,
  keycloak: /^keycloak-/,
  'aspnet-identity': /^aspnet-identity-/,
  joomla: /^joomla/,
  ldap: /^(?:ldap-(?!crypt)|openldap-|389ds-)/,
};

const passwords = openPasswords(passwordSettings.parse({ queueLength: 1000, queueWaitSeconds: 60 }));
afterAll(() => passwords.close());
/** One of each kind. */
const vectors = corpus()
  .flatMap((group) => group.vectors)
  .filter(({ password }) => password !== null)
  .filter((vector, at, all) => all.findIndex(({ format }) => format === vector.format) === at);

describe.each(Object.entries(UMBRELLAS))('%s', (umbrella, kinds) => {
  const members = vectors.filter(({ format }) => kinds.test(format));

  test('stands for several kinds', () => {
    expect(members.length).toBeGreaterThan(1);
  });

  test.each(members)('reads $format as $format does', { timeout: 60_000 }, async (vector) => {
    const stored = { ...storedOf(vector), format: umbrella };
    expect((await passwords.verify(stored, vector.password!)).verified).toBe(true);
    expect((await passwords.verify(stored, vector.wrong[0]!.password)).verified).toBe(false);
  });
});
