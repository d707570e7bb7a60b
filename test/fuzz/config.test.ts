import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import pg from 'pg';
import { describe, expect } from 'vitest';
import { ConfigError, parseConfig } from '../../src/config.ts';
import { isPostgresUrl } from '../../src/settings.ts';
import { anyText, damaged, fuzz, NAMES } from './hostile.ts';

const EXAMPLE = readFileSync(new URL('../../example/footbridge.yaml', import.meta.url), 'utf8');
const MINIMAL = `
database: { url: "postgres://footbridge:pw@localhost/footbridge" }
masterKey: \${MASTER_KEY}
legacy: &legacy
  store: shop
  sql: { engine: sqlite, file: /var/lib/shop.sqlite, table: users, id: id, login: [email] }
  mapping:
    email: email
    password: [{ recipe: "hex(md5(password . salt)) = hash", columns: { hash: password, salt: salt } }]
targets:
  - name: new
    clients: []
`;
const PRESET = `
database: { url: "postgres://footbridge:pw@localhost/footbridge" }
masterKey: \${MASTER_KEY}
legacy: { connector: sql, preset: wordpress, url: "mysql://u:p@localhost/shop", parameters: { prefix: wp_ } }
`;
const env = { MASTER_KEY: Buffer.alloc(32, 7).toString('base64') };
const FILE = 'conf/footbridge.yaml';

/** The problems, or nothing where it is taken; any other error is thrown. */
function problemsOf(text: string) {
  try {
    parseConfig(text, { file: FILE, env });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function expectPlaces(text: string): void {
  const lines = text.split('\n');
  for (const { file, line, column, message } of problemsOf(text)) {
    expect(file).toBe(FILE);
    expect(line).toBeGreaterThan(0);
    expect(line).toBeLessThanOrEqual(lines.length + 1);
    expect(column).toBeGreaterThan(0);
    expect(message).not.toBe('');
    expect(message).not.toContain(env.MASTER_KEY);
  }
}

/** YAML's own ways to be more than it looks: anchors, merges, tags, documents, keys that are none. */
const YAML = [
  'a: &a [*a]',
  '<<: *legacy',
  'legacy: *nobody',
  'masterKey: { length: { toString: ~ } }',
  'legacy: [*legacy]',
  '? {a: b}\n: c',
  '!!js/function x: 1',
  'legacy: !!set {a, b}',
  'legacy: !!binary AAAA',
  'legacy: !!omap [a: b]',
  'targets: !!timestamp 2001-12-14',
  '---\n---\n',
  '%YAML 1.1\n---',
  '\tlegacy: x',
  'legacy: "\\ud800"',
  'masterKey: "${A:-${B}}"',
  'masterKey: "${__proto__}"',
  ...NAMES.map((name) => `${name}: { ${name}: [] }`),
  `deep: ${'['.repeat(2_000)}${']'.repeat(2_000)}`,
  `deep: ${'{a: '.repeat(500)}x${'}'.repeat(500)}`,
];
const pieces = fc.array(fc.oneof(fc.constantFrom(...YAML), fc.constantFrom(...MINIMAL.split('\n'))), {
  maxLength: 8,
});

describe('whatever stands in the configuration', () => {
  fuzz(
    'is taken, or every problem of it is told at its place',
    300,
    fc.property(
      fc.oneof(
        damaged(MINIMAL, PRESET, EXAMPLE),
        pieces.map((all) => all.join('\n')),
        anyText(),
      ),
      expectPlaces,
    ),
  );

  const LINES = MINIMAL.split('\n');
  fuzz(
    'also where a single value is another',
    500,
    fc.property(
      fc.nat(LINES.length - 1),
      fc.oneof(
        fc.constantFrom(...YAML),
        anyText({ maxLength: 30, longest: 200 }).map((text) => JSON.stringify(text)),
      ),
      (at, value) =>
        expectPlaces(
          LINES.map((line, index) => (index === at ? line.replace(/(:|-) .*$/, `$1 ${value}`) : line)).join(
            '\n',
          ),
        ),
    ),
  );
});

describe('whatever the password of the database is', () => {
  fuzz(
    'a URL that is taken is one that the driver reads',
    500,
    fc.property(anyText({ maxLength: 30 }), (password) => {
      const url = `postgres://u:${password}@localhost/d`;
      if (isPostgresUrl(url)) expect(() => new pg.Client({ connectionString: url })).not.toThrow();
    }),
  );

  fuzz(
    'it is taken where it is escaped',
    500,
    fc.property(fc.string({ unit: 'grapheme' }), (password) => {
      expect(isPostgresUrl(`postgres://u:${encodeURIComponent(password)}@localhost/d`)).toBe(true);
    }),
  );
});
