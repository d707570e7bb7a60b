import { describe, expect, test } from 'vitest';
import { legacyStores } from '../../src/legacy/legacy-settings.ts';
import { PRESETS, presetsOf } from '../../src/legacy/presets/index.ts';
import { writeOut } from '../../src/legacy/shorthand.ts';

const URL = 'mysql://reader:pw@db.example/blog';

/** What an operator has to add. */
const WHERE: Readonly<Record<string, object>> = {
  sql: { engine: 'mysql', connection: URL },
  ldap: { url: 'ldaps://ldap.example', bindDn: 'cn=reader', bindPassword: 'pw' },
  http: { url: 'https://api.example' },
  mongodb: { url: 'mongodb://db.example/shop' },
  exportFile: { files: ['users.json'] },
};

describe('the short way to write a store', () => {
  test('is a connector, a preset and a URL', () => {
    const { stores } = legacyStores.parse(writeOut({ connector: 'sql', preset: 'wordpress', url: URL }));
    expect(stores).toHaveLength(1);
    expect(stores[0]).toMatchObject({
      store: 'wordpress',
      sql: { engine: 'mysql', table: 'wp_users', id: 'ID' },
    });
    expect((stores[0]!.sql as { connection: { reveal(): string } }).connection.reveal()).toBe(URL);
  });

  test('takes parameters of the preset', () => {
    const written = writeOut({ preset: 'wordpress', url: URL, parameters: { prefix: 'blog7_' } });
    expect(written).toMatchObject({ sql: { table: 'blog7_users' } });
    expect(JSON.stringify(written)).toContain('blog7_capabilities');
  });

  test('refuses a parameter that the preset does not have, and names those it has', () => {
    expect(() => writeOut({ preset: 'wordpress', parameters: { praefix: 'x' } })).toThrow(
      'the preset wordpress has no parameter praefix; it has prefix',
    );
  });

  test('lets the operator’s own words stand over the preset’s', () => {
    const own = { mapping: { nickname: 'nick' }, sql: { login: ['user_login'] } };
    const written = writeOut({ preset: 'wordpress', url: URL, store: 'blog', ...own });
    expect(written).toMatchObject({
      store: 'blog',
      sql: { login: ['user_login'], table: 'wp_users' },
      mapping: { nickname: 'nick', email: 'user_email' },
    });
  });

  test('writes out each of several stores', () => {
    const stores = [
      { preset: 'wordpress', url: URL },
      { store: 'shop', connector: 'sql', url: 'sqlite:/data/shop.db', sql: { table: 'people' } },
    ];
    expect(writeOut({ stores })).toMatchObject({
      stores: [{ store: 'wordpress' }, { sql: { engine: 'sqlite', file: '/data/shop.db' } }],
    });
  });

  test('says which URLs it reads', () => {
    expect(() => writeOut({ connector: 'sql', url: 'ftp://x' })).toThrow(/begins with one of postgres/);
  });

  test.each([
    ['an unknown preset', { preset: 'geocities', url: URL }, 'preset'],
    ['an unknown connector', { store: 'a', connector: 'carrier-pigeon', url: URL }, 'connector'],
    ['a URL without a connector', { store: 'a', url: URL }, 'url'],
  ])('leaves %s to the check of the settings', (_what, legacy, path) => {
    const { error } = legacyStores.safeParse(writeOut(legacy));
    expect(JSON.stringify(error?.issues)).toContain(path);
  });

  test('leaves everything else as it is', () => {
    for (const legacy of [undefined, null, 'text', [1], { store: 'a', sql: { engine: 'sqlite', file: 'f' } }])
      expect(writeOut(legacy)).toEqual(legacy);
  });
});

/** These stand beside another one. */
const BESIDE: Readonly<Record<string, string>> = {
  'aspnet-identity-passkeys': 'aspnet-identity',
  'devise-confirmable': 'rails-devise',
  'devise-lockable': 'rails-devise',
  'devise-trackable': 'rails-devise',
  'django-otp': 'django',
  'django-otp-webauthn': 'django',
  'laravel-fortify': 'laravel',
};

describe('every preset', () => {
  test.each(PRESETS)('%s is a whole store once it is told where', (preset) => {
    const written = writeOut({ preset: [BESIDE[preset] ?? preset, preset] }) as Record<string, object>;
    const [connector] = Object.keys(WHERE).filter((name) => written[name]);
    const part = { ...WHERE[connector!], ...written[connector!] };
    // A secret that only the operator knows.
    const text = JSON.stringify({ ...written, [connector!]: part }).replaceAll(':""', ':"base64:AAAA"');
    expect(legacyStores.safeParse(JSON.parse(text)).error).toBeUndefined();
  });

  test('names no table, host or secret of somebody in particular', () => {
    for (const preset of PRESETS)
      expect(JSON.stringify(presetsOf([preset]))).not.toMatch(/password123|localhost|127\.0\.0\.1/);
  });
});
