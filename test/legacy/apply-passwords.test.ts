/** How passwords are to be written to a store: what cannot be is refused when the settings are loaded. */
import { describe, expect, test } from 'vitest';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

function parse(written: object, read: object = {}) {
  const password = { column: 'hash', ...written };
  return legacySettings.safeParse({
    store: 'shop',
    sql: { engine: 'sqlite', file: '/nowhere', table: 'people', login: ['login'], apply: { password } },
    mapping: { username: 'login', password: [{ format: 'auto', columns: { hash: 'hash' }, ...read }] },
  });
}

describe('a format of passwords that are written', () => {
  test.each(['bcrypt', 'django', 'wordpress', 'ldap', 'aspnet-identity', 'clear'])('may be %s', (format) => {
    expect(parse({ format }, format === 'clear' ? {} : { format }).success).toBe(true);
  });

  test.each([
    ['generic-hex_sha1', 'No new hash is written in this format'],
    ['prestashop-1.6', 'No new hash is written in this format'],
    ['devise-bcrypt-pepper', 'The format needs a site-wide setting'],
  ])('is refused when it is %s, with the reason and the path', (format, sentence) => {
    const { error } = parse({ format }, { format });
    const issue = error?.issues.find(({ path }) => path.at(-1) === 'format');
    expect(issue?.message).toContain(sentence);
    expect(issue?.path.join('.')).toContain('apply.password.format');
  });

  test('takes its pepper from the mapping, or has its own', () => {
    const format = 'devise-bcrypt-pepper';
    const settings = { pepper: 'a pepper of the site' };
    expect(parse({ format }, { format, settings }).success).toBe(true);
    expect(parse({ format, settings }, { format }).success).toBe(true);
  });
});
