import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, configSchema, loadConfig, parseConfig, showConfig } from '../src/config.ts';

const MINIMAL = `
database:
  url: postgres://footbridge:pw@localhost/footbridge
masterKey: \${MASTER_KEY}
legacy:
  store: shop
  sql:
    engine: sqlite
    file: /var/lib/shop.sqlite
    table: users
    id: id
    login: [email]
  mapping:
    email: email
    password: [{ format: auto, columns: { hash: password } }]
`;
const env = { MASTER_KEY: Buffer.alloc(32, 7).toString('base64') };
const parse = (text: string, more: Record<string, string> = {}) =>
  parseConfig(text, { file: 'footbridge.yaml', env: { ...env, ...more } });
const problemsOf = (text: string) => {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

const folder = mkdtempSync(join(tmpdir(), 'footbridge-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a configuration', () => {
  test('of a few lines is enough, and has a default for everything else', () => {
    const settings = parse(MINIMAL);
    expect(settings.provider.issuer).toBe('http://127.0.0.1:8080');
    expect(settings.listen).toEqual({
      public: { host: '127.0.0.1', port: 8080 },
      private: { host: '127.0.0.1', port: 8081, names: [] },
      stopDelaySeconds: 1,
    });
  });

  test('never prints its secrets', () => {
    const settings = parse(MINIMAL);
    for (const text of [
      JSON.stringify(settings),
      inspect(settings, { depth: 9 }),
      String(settings.masterKey),
    ]) {
      expect(text).not.toContain(env.MASTER_KEY);
      expect(text).not.toContain('footbridge:pw');
    }
  });

  test('takes secrets from files, and defaults for variables that are not set', () => {
    const file = join(folder, 'key');
    writeFileSync(file, `${env.MASTER_KEY}\n`);
    const text = MINIMAL.replace('${MASTER_KEY}', `{ file: ${file} }`).replace(
      'store: shop',
      'store: ${STORE:-attic}',
    );
    const settings = parse(text);
    expect(Array.isArray(settings.masterKey) ? '' : settings.masterKey.reveal()).toBe(env.MASTER_KEY);
    expect(settings.legacy.stores[0]?.store).toBe('attic');
    expect(parse(text, { STORE: 'cellar' }).legacy.stores[0]?.store).toBe('cellar');
  });

  test('names file, line, column and path of every problem at once', () => {
    const text = MINIMAL.replace('engine: sqlite', 'engine: access')
      .replace('store: shop', 'store: shop\n  colour: red')
      .concat('listen:\n  public:\n    port: eighty\n');
    const problems = problemsOf(text);
    const told = problems.map(({ line, column, path }) => ({
      path,
      line: text.split('\n')[line - 1]!.slice(column - 1),
    }));
    expect(told).toEqual(
      expect.arrayContaining([
        { path: 'legacy.colour', line: 'red' },
        { path: 'listen.public.port', line: 'eighty' },
      ]),
    );
    expect(problems.some(({ path }) => path.startsWith('legacy.sql'))).toBe(true);
    expect(new ConfigError(problems).message).toMatch(/^footbridge\.yaml:\d+:\d+ \S+: .+$/m);
  });

  test('that is no YAML is told where', () => {
    expect(problemsOf('database: [1,\n  2')).toEqual([
      expect.objectContaining({ file: 'footbridge.yaml', line: 2 }),
    ]);
  });

  test('with a variable that is not set is told its name and place', () => {
    expect(problemsOf(MINIMAL.replace('MASTER_KEY', 'NOWHERE'))).toEqual([
      expect.objectContaining({
        message: 'the environment variable NOWHERE is not set',
        line: 4,
        column: 12,
      }),
    ]);
  });

  test('with a master key of another size is told what is expected', () => {
    const text = MINIMAL.replace('${MASTER_KEY}', 'dG9vIHNob3J0');
    expect(problemsOf(text)).toEqual([
      expect.objectContaining({ path: 'masterKey', message: expect.stringContaining('32 bytes in base64') }),
    ]);
  });

  test('is shown with presets and URLs written out, and without secrets', () => {
    const file = join(folder, 'short.yaml');
    const legacy = 'legacy: { connector: sql, preset: wordpress, url: "${SHOP}" }';
    writeFileSync(file, MINIMAL.replace(/legacy:[\s\S]*/, legacy));
    const shown = showConfig(file, { ...env, SHOP: 'mysql://reader:hidden@db.example/blog' });
    expect(shown).toContain('table: wp_users');
    expect(shown).toContain('connection: "[secret]"');
    for (const secret of ['hidden', env.MASTER_KEY, 'footbridge:pw']) expect(shown).not.toContain(secret);
  });

  test('with a parameter that its preset does not have is told where', () => {
    const legacy = 'legacy:\n  preset: wordpress\n  parameters: { praefix: x }\n';
    expect(problemsOf(MINIMAL.replace(/legacy:[\s\S]*/, legacy))).toContainEqual(
      expect.objectContaining({ path: 'legacy', message: expect.stringContaining('it has prefix') }),
    );
  });

  test('that is not there is told so', () => {
    expect(() => loadConfig(join(folder, 'nothing.yaml'))).toThrow(/there is no such file.*--config/);
  });

  test.each([
    [
      'a client without a secret',
      'provider: { clients: [{ clientId: a, redirectUris: [http://x/cb] }] }',
      'provider.clients.0.secret',
    ],
    [
      'a wildcard redirect URI',
      'provider: { clients: [{ clientId: a, secret: 0123456789abcdef, redirectUris: ["http://x/*"] }] }',
      'provider.clients.0.redirectUris.0',
    ],
    [
      'a short client secret',
      'provider: { clients: [{ clientId: a, secret: short, redirectUris: [http://x/cb] }] }',
      'provider.clients.0.secret',
    ],
    ['an issuer with a path', 'provider: { issuer: https://id.example.com/path }', 'provider.issuer'],
    ['an http issuer', 'provider: { issuer: http://id.example.com }', 'provider.issuer'],
  ])('with %s is refused', (_what, more, path) => {
    expect(problemsOf(`${MINIMAL}${more}\n`).map((p) => p.path)).toContain(path);
  });

  test('has a JSON Schema for editors that says what each setting is for', () => {
    const schema = JSON.stringify(configSchema());
    expect(schema).toContain('"$schema":"http://json-schema.org/draft-07/schema#"');
    expect(schema).toContain('Footbridge’s own database; never the legacy store.');
  });
});
