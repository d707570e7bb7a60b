import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { readsTotp } from '../../src/targets/target.ts';
import { zitadel } from '../../src/targets/zitadel/index.ts';
import { storedOf } from '../credentials/vectors.ts';
import { everyHash, targetKindContract } from './target-kind-contract.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

describe('zitadel', () => {
  targetKindContract(zitadel);

  test('is given exactly what its own library imported and then verified, and nothing else', () => {
    const vectors = everyHash();
    const given = vectors.map((vector) => {
      const made = passwords.translate(storedOf(vector), zitadel.accepts);
      return [vector.id, 'encoded' in made ? made.encoded : null];
    });
    const importable = vectors.map(({ id, translate: { zitadel: run } }) => {
      const isTaken = run.accepted_at_import && (run.status === 'lossless' || run.status === 'conditional');
      return [id, isTaken ? run.encoded : null];
    });
    expect(given).toEqual(importable);
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
