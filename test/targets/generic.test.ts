import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { generic } from '../../src/targets/generic/index.ts';
import { targetKindContract } from './target-kind-contract.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

describe('generic', () => {
  targetKindContract(generic);

  test('is given no bare hex, which could be taken for anything, unless the operator says so', () => {
    const md5 = { format: 'generic-hex_md5', columns: { password: 'b055072efe47bfd7de33574d926914c6' } };
    expect(passwords.translate(md5, generic.accepts)).toHaveProperty('reason');
    expect(passwords.translate(md5, [{ write: 'md5plain' }])).toHaveProperty('encoded');
  });
});
