/** The rules of ARCHITECTURE.md, so that they stay true. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');
const FILE_LINES = 300;

/** From the ground up; rooms on one line are strangers to one another. */
const FLOORS: readonly (readonly string[])[] = [
  [
    'user',
    'errors',
    'settings',
    'body',
    'clock',
    'colour',
    'yaml-file',
    'issue-words',
    'lately',
    'leaving',
    'config-sources',
    'store',
    'observability',
  ],
  ['credentials', 'mail'],
  ['legacy', 'rollout', 'targets'],
  ['migration'],
  ['sessions', 'sync'],
  ['provider', 'admin'],
  ['config'],
  ['observed', 'fixed-settings'],
  ['ground'],
  ['counting'],
  ['side-by-side', 'self-linking', 'two-way', 'logins'],
  ['two-way-routes'],
  ['desk', 'public'],
  ['standing'],
  ['generation'],
  ['app'],
  ['main', 'cli', 'cli-errors', 'run', 'upkeep', 'hash-command', 'progress-line', 'listener'],
];
/** The ground is one floor whose parts know each other; the top is one program; the desk shows what the provider keeps. */
const NEIGHBOURS = new Set([...FLOORS[0]!, ...FLOORS.at(-1)!].flatMap((a) => [a]));
const ALLOWED = new Set(['admin→provider', 'app→listener', 'public→upkeep']);

/** Folders whose files are members of one shelf. */
const SHELVES = [
  'credentials/formats',
  'credentials/algorithms',
  'credentials/writers',
  'credentials/readers',
  'legacy/connectors',
  'targets',
  'migration/drop-ins/contracts',
  'sessions/apps',
  'sessions/formats',
  'admin/operations',
  'admin/console/pages',
];
const DRIVERS: Record<string, RegExp> = {
  '@nats-io/jetstream': /^src\/sync\/queue\/nats-/,
  '@nats-io/transport-node': /^src\/sync\/queue\/nats-/,
  '@redis/client': /^src\/sessions\/apps\/redis/,
  'csv-parse': /^src\/legacy\/connectors\/export-file\//,
  '@powersync/mysql-zongji': /^src\/legacy\/connectors\/sql\/changes\/log\//,
  'pg-logical-replication': /^src\/legacy\/connectors\/sql\/changes\/log\//,
  oracledb: /^src\/legacy\/connectors\/sql\//,
  'oidc-provider': /^(src\/provider\/|example\/)/,
  koa: /^(src\/(provider|admin)\/|src\/app\.ts|src\/.*-routes\.ts|example\/)/,
  knex: /^src\/legacy\/connectors\//,
  ldapts: /^src\/legacy\/connectors\/ldap\//,
  mongodb: /^src\/legacy\/connectors\/mongodb\//,
  nodemailer: /^src\/mail\//,
  mysql2: /^src\/legacy\/connectors\//,
  'node:sqlite': /^src\/legacy\/connectors\//,
  pg: /^(src\/store\/|src\/legacy\/connectors\/|example\/)/,
  tedious: /^src\/legacy\/connectors\/sql\//,
};

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function sources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const text = readFileSync(file, 'utf8');
      const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
      const path = relative(ROOT, file);
      return { path, room: path.split('/')[1]!.replace(/\.ts$/, ''), text, imports };
    });
}

const all = sources(SRC);
const floorOf = (room: string) => FLOORS.findIndex((floor) => floor.includes(room));
const local = (source: Source) =>
  source.imports
    .filter((name) => name.startsWith('.'))
    .map((name) => relative(ROOT, resolve(ROOT, dirname(source.path), name)));

describe('the rooms', () => {
  test('are all on the plan', () => {
    const unknown = [...new Set(all.map((source) => source.room))].filter((room) => floorOf(room) < 0);
    expect(unknown).toEqual([]);
  });

  test('import downward only, and strangers never each other', () => {
    const wrong = all.flatMap((source) =>
      local(source)
        .filter((path) => path.startsWith('src/'))
        .map((path) => ({ path, room: path.split('/')[1]!.replace(/\.ts$/, '') }))
        .filter(({ room }) => room !== source.room && !ALLOWED.has(`${source.room}→${room}`))
        .filter(({ room }) => {
          const [from, to] = [floorOf(source.room), floorOf(room)];
          return to > from || (to === from && !(NEIGHBOURS.has(source.room) && NEIGHBOURS.has(room)));
        })
        .map(({ path }) => `${source.path} → ${path}`),
    );
    expect(wrong).toEqual([]);
  });

  test('stand without the examples: these are loaded when somebody asks for them', () => {
    const wrong = all.filter(({ text }) => /from\s+'[^']*\/example\//.test(text)).map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  test('each say in at most 15 lines what they own', () => {
    const rooms = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const missing = rooms
      .filter(({ name }) => !existsSync(join(SRC, name, 'README.md')))
      .map(({ name }) => name);
    expect(missing).toEqual([]);
    const long = rooms.filter(
      ({ name }) =>
        readFileSync(join(SRC, name, 'README.md'), 'utf8')
          .trimEnd()
          .split('\n').length > 15,
    );
    expect(long.map(({ name }) => name)).toEqual([]);
  });
});

describe('the shelves', () => {
  test.each(SHELVES)('members of %s never import one another', (shelf) => {
    const folder = `src/${shelf}/`;
    const memberOf = (path: string) => path.slice(folder.length).split('/')[0]!;
    const wrong = all
      .filter((source) => source.path.startsWith(folder) && isMember(memberOf(source.path), shelf))
      .flatMap((source) =>
        local(source)
          .filter(
            (path) =>
              path.startsWith(folder) &&
              memberOf(path) !== memberOf(source.path) &&
              isMember(memberOf(path), shelf),
          )
          .map((path) => `${source.path} → ${path}`),
      );
    expect(wrong).toEqual([]);
  });
});

/** `targets` holds its shelf's members as folders beside the files they share. */
const isMember = (name: string, shelf: string) =>
  name !== 'index.ts' && (shelf !== 'targets' || !name.endsWith('.ts'));

describe('the tables', () => {
  test('are each named in exactly one source file', () => {
    const steps = readdirSync(join(ROOT, 'migrations'))
      .map((name) => readFileSync(join(ROOT, 'migrations', name), 'utf8'))
      .join('\n');
    const tables = [...steps.matchAll(/create (?:unlogged )?table (\w+)/gi)].map((match) => match[1]!);
    expect(tables.length).toBeGreaterThan(5);
    const shared = tables.flatMap((table) => {
      const inSql = new RegExp(`\\b(?:from|into|update|table|join|lock)\\s+${table}\\b`, 'i');
      const files = all.filter((source) => inSql.test(source.text)).map((source) => source.path);
      return files.length === 1 ? [] : [`${table}: ${files.join(', ') || 'nobody'}`];
    });
    expect(shared).toEqual([]);
  });
});

describe('foreign packages', () => {
  test.each(Object.keys(DRIVERS))('%s is imported only where it belongs', (name) => {
    const wrong = all.filter(
      (source) =>
        source.imports.some((i) => i === name || i.startsWith(`${name}/`)) &&
        !DRIVERS[name]!.test(source.path),
    );
    expect(wrong.map((source) => source.path)).toEqual([]);
  });
});

describe('the files', () => {
  test(`have at most ${FILE_LINES} lines`, () => {
    const long = all
      .filter((source) => source.text.split('\n').length > FILE_LINES + 1)
      .map((source) => source.path);
    expect(long).toEqual([]);
  });

  test('have names that say what they hold', () => {
    const vague = all
      .map((source) => source.path)
      .filter((path) =>
        /(^|[-/])(service|manager|helper|utils?|common|lib|types)\.ts$|[A-Z_]/.test(
          path.replace(/^src\//, ''),
        ),
      );
    expect(vague).toEqual([]);
  });
});
