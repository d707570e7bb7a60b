import { describe, expect, test } from 'vitest';
import { compileTemplate } from '../../src/legacy/sql-template.ts';

const compiled = (sql: string, binds = ['id']) => compileTemplate(sql, binds);

describe('an SQL template', () => {
  test('becomes text with places for values, in the order of their names', () => {
    expect(compiled('select * from u where a = :login and b = :id or c = :login;', ['login', 'id'])).toEqual({
      text: 'select * from u where a = ? and b = ? or c = ?',
      binds: ['login', 'id', 'login'],
    });
  });

  test('keeps casts, times and quoted names apart from binds', () => {
    const sql = `select "a:id2", 'it''s 10:30' from u where x::text = :id::text and p = a[1:2]`;
    expect(compiled(sql)).toEqual({ text: sql.replace(':id::', '?::'), binds: ['id'] });
  });

  test.each([
    ["select * from u where id = '$" + "{id}'", /bound by name/],
    ["select * from u where id = '{{id}}'", /bound by name/],
    ['select * from u where id = %s', /bound by name/],
    ['select * from u where id = ?', /not positions/],
    ['select * from u where id = $1', /not positions/],
    ["select * from u where id = ':id'", /inside quotes/],
    ['select * from u where id = ":id"', /inside quotes/],
    ['select * from u where id = `:id`', /inside quotes/],
    ['select * from u where id = :user', /no bind :user/],
    ['select * from u', /:id is missing/],
    ['select * from u where id = :id; delete from u', /one statement/],
    ["select * from u where id = :id and a = 'x", /not closed/],
    ['select * from u where id = :id -- all', /comments/],
    ['select * from u where id = :id /* all */', /comments/],
    ['select * from u where id = :id # all', /comments/],
    ["select * from u where id = :id and a = '\\'", /backslashes/],
    ['select * from u where id = :id and a = $x$ $x$', /dollar quotes/],
  ])('is refused: %s', (sql, why) => {
    expect(() => compiled(sql)).toThrow(why);
  });
});
