import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { readsTotp } from '../../src/targets/target.ts';
import { zitadel } from '../../src/targets/zitadel/index.ts';
import { expectedOf, wanted } from '../credentials/translations.ts';
import { storedOf } from '../credentials/vectors.ts';
import { everyHash, targetKindContract } from './target-kind-contract.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

describe('zitadel', () => {
  targetKindContract(zitadel);

  test('is given exactly what its own library imported and then verified, and nothing else', () => {
    const vectors = everyHash().filter((vector) => expectedOf(vector, 'zitadel'));
    expect(vectors.length).toBeGreaterThan(200);
    const given = vectors.map((vector) => {
      const made = passwords.translate(storedOf(vector), zitadel.accepts);
      return [vector.id, 'encoded' in made ? made.encoded : null];
    });
    expect(given).toEqual(vectors.map((vector) => [vector.id, wanted(expectedOf(vector, 'zitadel')!)]));
  });

  test.each([
    [{ algorithm: 'SHA1', digits: 6, periodSeconds: 30 }, true],
    [{ algorithm: 'SHA256', digits: 6, periodSeconds: 30 }, false],
    [{ algorithm: 'SHA1', digits: 8, periodSeconds: 30 }, false],
    [{ algorithm: 'SHA1', digits: 6, periodSeconds: 60 }, false],
  ] as const)('computes codes with %o: %s', (rules, readable) => {
    expect(readsTotp(zitadel.totp, { ...rules, secret: Buffer.alloc(20) })).toBe(readable);
  });
});
