/** What would be sent to each engine, the two without a server included. */
import knex from 'knex';
import { describe, expect, test } from 'vitest';
import type { ColumnsInput } from '../../src/legacy/apply.ts';
import { marksIn, marksPiece } from '../../src/legacy/connectors/sql/apply-marks.ts';
import { statementsFor } from '../../src/legacy/connectors/sql/apply-statements.ts';
import type { SqlSettings } from '../../src/legacy/connectors/sql/sql-settings.ts';

const ENGINES = ['postgresql', 'mysql', 'sqlite', 'mssql', 'oracle'] as const;
type EngineName = (typeof ENGINES)[number];

/** Only puts text together: names in quotes of one kind, values apart. */
const db = knex({ client: 'pg' });
const settingsFor = (engine: EngineName, apply: object = {}) =>
  ({
    engine,
    table: 'shop.people',
    id: 'id',
    queries: { related: {} },
    apply: { marks: 'footbridge_applied', ...apply },
  }) as unknown as SqlSettings;
const sent = (engine: EngineName, columns: ColumnsInput['columns'], apply: object = {}) =>
  statementsFor({ id: '7', columns, mark: 'm' }, settingsFor(engine, apply)).map(({ query }) => {
    const { sql, bindings } = query(db as never).toSQL();
    return [sql, bindings];
  });

const MOMENT = new Date('2026-11-22T05:00:00Z');

describe.each([
  ['postgresql', '', '', '2026-11-22 05:00:00', 'true'],
  ['mysql', ' collate utf8mb4_bin', ' + 0', '2026-11-22 05:00:00', 1],
  ['sqlite', ' collate binary', '', '2026-11-22 05:00:00', 1],
  ['mssql', '', '', '2026-11-22T05:00:00', 1],
] as const)('an update of %s', (engine, exact, number, moment, yes) => {
  test('compares all of what was there, and sets all of it, in one statement', () => {
    const [statement, ...more] = sent(engine, {
      email: { before: 'a', after: 'b' },
      phone: { before: null, after: null },
      seen: { before: 'x', after: MOMENT },
      ok: { after: true },
    });
    expect(more).toEqual([]);
    expect(statement).toEqual([
      `update "shop"."people" set "email" = ?, "phone" = ?, "seen" = ?, "ok" = ?${number} where "id" = ? and "email" = ?${exact} and "phone" is null and "seen" = ?${exact}`,
      ['b', null, moment, yes, '7', 'a', 'x'],
    ]);
  });

  test.runIf(engine !== 'postgresql')('has no list in a column', () => {
    expect(() => sent(engine, { roles: { before: null, after: ['a'] } })).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    );
  });
});

test('Oracle is told what a moment is', () => {
  expect(sent('oracle', { seen: { before: null, after: MOMENT } })[0]).toEqual([
    `update "shop"."people" set "seen" = to_timestamp(?, 'YYYY-MM-DD HH24:MI:SS') where "id" = ? and "seen" is null`,
    ['2026-11-22 05:00:00', '7'],
  ]);
});

test.each(['mssql', 'oracle'] as const)(
  'moments of %s, which its driver rounds, are compared as being there',
  (engine) => {
    const [[sql, bindings]] = sent(engine, { seen: { before: '2024-01-31T12:30:00.000Z', after: null } }) as [
      [string, unknown],
    ];
    expect(sql).toContain('"seen" is not null');
    expect(bindings).toEqual([null, '7']);
  },
);

test('roles come and go one by one, and nothing is done for those that stay', () => {
  const add = { text: 'insert into r values (?, ?)', binds: ['id', 'value'] };
  const remove = { text: 'delete from r where i = ? and r = ?', binds: ['id', 'value'] };
  const columns = { ':roles': { before: ['a', 'b'], after: ['b', 'c'] } };
  expect(sent('mssql', columns, { roles: { add, remove } })).toEqual([
    [remove.text, ['7', 'a']],
    [add.text, ['7', 'c']],
  ]);
  const statement = { text: 'update p set r = ? where i = ? and r = ?', binds: ['value', 'id', 'before'] };
  expect(sent('mssql', columns, { roles: { statement } })).toEqual([[statement.text, ['b,c', '7', 'a,b']]]);
});

describe.each(ENGINES)('the marks of %s', (engine) => {
  const piece = marksPiece(settingsFor(engine))!;
  const sqlOf = (step: (typeof piece.install)[number]) => (typeof step === 'string' ? step : step.sql);

  test('are set up by statements that change nothing the second time', () => {
    for (const step of piece.install) {
      const again = typeof step === 'string' ? /if not exists|is null create/.test(step) : step.unless !== '';
      expect(again, sqlOf(step)).toBe(true);
      expect(sqlOf(step)).not.toContain('?');
    }
    expect(piece.install.map(sqlOf).join(' ')).toMatch(/mark varchar|mark text/);
    expect(piece.remove.map(sqlOf).join()).toMatch(/^drop table (if exists )?footbridge_applied$/);
    expect(piece.check).toEqual([
      {
        sql: 'select mark from footbridge_applied where 1 = 0',
        expect: 'runs',
        problem: expect.stringContaining('`footbridge sync install`'),
      },
    ]);
    expect(piece.rights).toContain('GRANT');
  });

  test('are noted with their person, and their origin is taken back where it would stay', () => {
    const marks = marksIn(engine, 'footbridge_applied');
    const note = marks.note(db as never, 'm', '7').toSQL();
    expect(note.sql).toMatch(/^insert into footbridge_applied \(mark, person\)/);
    expect(note.bindings).toEqual(['m', '7']);
    const [begin, end] = [marks.begin(db as never), marks.end(db as never)].map((one) => one?.toSQL().sql);
    const isSession = engine === 'mysql' || engine === 'mssql';
    expect([begin !== undefined, end !== undefined]).toEqual([isSession, isSession]);
    if (isSession)
      expect([begin, end]).toEqual([expect.stringContaining('sync'), expect.stringContaining('null')]);
  });
});

test('another role may make the table, and the one that writes is asked whether it sees it', () => {
  const { connection, check } = marksPiece(settingsFor('postgresql', { connection: 'w', setup: 's' }))!;
  expect([connection, check[0]?.connection]).toEqual(['s', 'w']);
  expect(marksPiece(settingsFor('postgresql', { connection: 'w' }))?.connection).toBe('w');
});
