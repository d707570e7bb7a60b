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
        { path: 'legacy.colour', line: 'colour: red' },
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

  const told = (text: string) => problemsOf(text).map(({ path, message }) => `${path}: ${message}`);
  const changed = (from: string | RegExp, to: string) => told(MINIMAL.replace(from, () => to));

  test('without a setting that it needs is told which one is missing', () => {
    expect(told('log: {}')).toEqual([
      'database: is missing',
      'masterKey: is missing: make one with `openssl rand -base64 32`',
      'legacy: is missing',
    ]);
    expect(changed('engine: sqlite', '')).toEqual([
      'legacy.sql.engine: is missing: expected one of postgresql, mysql, mssql, oracle, sqlite',
    ]);
  });

  test.each([
    ['nothing', ''],
    ['comments only', '# masterKey: x\n'],
    ['a null', '~\n'],
  ])('with %s in it is one problem, and told where to begin', (_what, text) => {
    expect(problemsOf(text)).toEqual([
      {
        file: 'footbridge.yaml',
        line: 1,
        column: 1,
        path: '',
        message: 'the file is empty: begin with example/footbridge.yaml',
      },
    ]);
  });

  test('with a secret that is empty, or whose file cannot be read, is told why', () => {
    const hollow = join(folder, 'hollow');
    writeFileSync(hollow, '\n');
    const key = (value: string) => changed('${MASTER_KEY}', value);
    const empty = 'masterKey: is empty: is the environment variable or file that it comes from empty?';
    expect(key('${NOT_SET:-}')).toEqual([empty]);
    expect(key(`{ file: ${hollow} }`)).toEqual([empty]);
    expect(key('{ file: /no/such/file }')).toEqual([
      'masterKey: cannot read the secret file /no/such/file: there is no such file',
    ]);
    expect(key(`{ file: ${folder} }`)).toEqual([
      `masterKey: cannot read the secret file ${folder}: it is a folder`,
    ]);
    expect(key('12')).toEqual([
      'masterKey: expected a text, or a block of settings, or a list, not a number: put it in quotes',
    ]);
    expect(key('[short]')).toEqual([expect.stringMatching(/^masterKey\.0: expected 32 bytes in base64/)]);
  });

  test('with a key that none of several shapes has is told the key, and nothing of the shapes', () => {
    const connection = (value: string) =>
      changed(/engine: sqlite\n.*/, `engine: mysql\n    connection: ${value}`);
    expect(connection('{ url: "mysql://u:p@h/d" }')).toEqual([
      'legacy.sql.connection.url: there is no such setting',
    ]);
    expect(connection('{ host: h, user: u, database: d, tls: { key: k } }')).toEqual([
      'legacy.sql.connection.tls.ca: is missing',
      'legacy.sql.connection.tls.key: there is no such setting',
    ]);
    expect(connection('5')).toEqual([
      'legacy.sql.connection: expected a text, or a block of settings, not a number: put it in quotes',
    ]);
  });

  test('with an unknown key is told where the key stands, and which one was meant', () => {
    const problems = problemsOf(`${MINIMAL}lisen:\n  public: {}\nlog:\n  colour: red\n  Levl: info\n`);
    expect(problems.map(({ line, column, path, message }) => [line, column, `${path}: ${message}`])).toEqual([
      [19, 3, 'log.colour: there is no such setting'],
      [20, 3, 'log.Levl: there is no such setting; did you mean level?'],
      [16, 1, 'lisen: there is no such setting; did you mean listen?'],
    ]);
  });

  test.each([
    ['listen: { public: { port: 99999 } }', 'listen.public.port: expected a number of at most 65535'],
    ['listen: { stopDelaySeconds: 0 }', 'listen.stopDelaySeconds: expected a number of at least 1'],
    ['listen: { public: { port: eighty } }', 'listen.public.port: expected a number, not a text'],
    ['listen: { public: { port: .nan } }', 'listen.public.port: expected a number'],
    ['listen: { public: { port: 1.5 } }', 'listen.public.port: expected a whole number'],
    ['listen: { public: { port: } }', 'listen.public.port: has no value: expected a number'],
    ['listen: []', 'listen: expected a block of settings, not a list'],
    ['listen: { private: { names: x } }', 'listen.private.names: expected a list, not a text'],
    ['log: { level: loud }', 'log.level: expected one of debug, info, warn, error, silent'],
    ['log: { requests: 1 }', 'log.requests: expected true or false, not a number'],
    ['log: {}\nlog: {}', ': log stands there twice'],
  ])('with %j is told in plain words what is expected', (more, problem) => {
    expect(told(`${MINIMAL}${more}\n`)).toEqual([problem]);
  });

  test.each([
    'localhost',
    'http://u:s3cr3t@h/d',
    'mysql://u:s3cr3t@h/d',
    'postgres://u:s3cr3t#x@h/d',
    'postgres://u:1#s3cr3t@h/d',
    'postgres://u:s3cr3t@h:x/d',
  ])('whose database is at %s is told how such a URL is written, and not what stands there', (url) => {
    const message =
      'expected postgres://user:password@host:5432/database; in the password # % @ / are written %23 %25 %40 %2F';
    expect(changed(/url: .*/, `url: "${url}"`)).toEqual([`database.url: ${message}`]);
  });

  test.each([
    'postgres://localhost',
    'postgresql://u:p%23@[::1]:5432/d',
    'postgres:///d?host=/run/postgresql',
    'postgres://u:p@/d?host=/run/postgresql',
    'postgres://u:p@%2Frun%2Fpostgresql/d',
    'socket:/run/postgresql?db=d',
    '/run/postgresql d',
  ])('takes %s for its database, as the driver does', (url) => {
    expect(changed(/url: .*/, `url: "${url}"`)).toEqual([]);
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
