/** Where settings come from. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { configSchema, parseConfig } from '../src/config.ts';
import type { SettingNode } from '../src/config-sources.ts';
import { masked, settingsTree } from '../src/config-sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'footbridge-sources-'));
const secretFile = join(folder, 'token');
writeFileSync(secretFile, 'the-token-in-a-file-0123456789\n');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEY = Buffer.alloc(32, 7).toString('base64');
const TEXT = `
database:
  url: \${DB_URL}
  poolSize: 7
masterKey: \${MASTER_KEY:-${KEY}}
legacy:
  store: shop
  preset: django
  connector: sql
  url: postgres://app:a-long-p%40ssword-of-ours@db.example/shop
targets:
  - name: main
    kind: zitadel
    displayName: &name The new one
    loginUrl: https://new.example/
    clientIds: [one, two]
    hmacKeys:
      - { id: first, key: the-key-of-the-calls-0123456789 }
pages: { name: *name }
admin:
  token: { file: ${secretFile} }
`;
const ENV = { DB_URL: 'postgres://footbridge:the-password-of-the-database@localhost/f' };
const SECRETS = [
  KEY,
  'the-password-of-the-database',
  'a-long-p',
  'the-key-of-the-calls',
  'the-token-in-a-file',
];

const settings = parseConfig(TEXT, { file: 'conf/footbridge.yaml', env: ENV });
const tree = settingsTree(settings, configSchema())!;
const all = (nodes: readonly SettingNode[]): SettingNode[] =>
  nodes.flatMap((node) => [node, ...all(node.children ?? [])]);
const at = (path: string) => all(tree).find((node) => node.path === path);

describe('a setting', () => {
  test('of the file has its line, its value and its sentence', () => {
    expect(at('database.poolSize')).toEqual({
      name: 'poolSize',
      path: 'database.poolSize',
      says: 'Connections per node.',
      value: '7',
      source: { kind: 'file', at: 'conf/footbridge.yaml:4', variables: [] },
    });
    expect(at('targets.0.clientIds')).toMatchObject({
      value: 'one, two',
      source: { at: 'conf/footbridge.yaml:16' },
    });
  });

  test('of the environment names the variable, and whether it was set', () => {
    expect(at('database.url')).toMatchObject({
      value: '[secret]',
      source: { kind: 'file', at: 'conf/footbridge.yaml:3', variables: [{ name: 'DB_URL', isSet: true }] },
    });
    expect(at('masterKey')?.source?.variables).toEqual([{ name: 'MASTER_KEY', isSet: false }]);
  });

  test('that nobody wrote has our default', () => {
    expect(at('provider.login.accountFailures')).toMatchObject({ value: '5', source: { kind: 'default' } });
    expect(at('mail')).toBeUndefined();
  });

  test('that a preset, a URL or an anchor brings along says where that stands', () => {
    expect(at('legacy.sql.table')).toMatchObject({
      value: 'auth_user',
      source: { kind: 'nearby', at: 'conf/footbridge.yaml:7' },
    });
    expect(at('pages.name')).toMatchObject({
      value: 'The new one',
      source: { at: 'conf/footbridge.yaml:19' },
    });
  });

  test('of a list is named for what it is', () => {
    expect(at('targets.0')?.name).toBe('0: main');
  });

  test('that is a secret is shown by nobody, wherever it came from', () => {
    const text = JSON.stringify(tree);
    for (const secret of SECRETS) expect(text).not.toContain(secret);
    expect(at('admin.token')?.value).toBe(`[secret] of the file ${secretFile}`);
    expect(at('targets.0.hmacKeys.0.key')?.value).toBe('[secret]');
    expect(text).not.toMatch(/\$2[aby]\$/);
  });
});

test('settings that were not read from a file have no tree', () => {
  expect(settingsTree({ ...settings }, configSchema())).toBeUndefined();
});

test('a secret is hidden in a text around it, unless it is short enough to be a part of any word', () => {
  const secrets = new Set(['short', 'long-enough-to-be-known']);
  expect(masked({ a: ['short', 'shortly', 'x long-enough-to-be-known y', 3] }, secrets)).toEqual({
    a: ['[secret]', 'shortly', 'x [secret] y', 3],
  });
  expect(masked('https://me:word@host/', new Set())).toBe('https://me:[secret]@host/');
});
