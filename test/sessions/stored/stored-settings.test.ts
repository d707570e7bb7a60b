import { describe, expect, test } from 'vitest';
import { redis } from '../../../src/sessions/apps/redis.ts';
import { sqlTable } from '../../../src/sessions/apps/sql-table.ts';

const problemsOf = (
  result: ReturnType<typeof redis.settings.safeParse | typeof sqlTable.settings.safeParse>,
) => result.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('the settings of a table', () => {
  const TABLE = {
    kind: 'sql-table',
    name: 'shop',
    database: { engine: 'postgresql', connection: 'postgres://shop@localhost/shop' },
    framework: { format: 'express', secrets: ['the-shop-signs-with-it'] },
  };
  const problems = (more: object) => problemsOf(sqlTable.settings.safeParse({ ...TABLE, ...more }));
  const PHP = { format: 'php', userField: 'user_id' };

  test('need only the database and the framework where it has a table of its own', () => {
    expect(problems({})).toEqual([]);
  });

  test('name the columns where it has none', () => {
    expect(problems({ framework: PHP })).toEqual([expect.stringContaining('table.name: php has no table')]);
    expect(problems({ framework: PHP, table: { name: 'sessions' } })[0]).toContain('table.key');
    expect(problems({ framework: PHP, table: { name: 'sessions', key: 'id' } })[0]).toContain('table.data');
    expect(problems({ framework: PHP, table: { name: 'sessions', key: 'id', data: 'data' } })).toEqual([]);
  });

  test('say how long a session is good where the table says only when it was used', () => {
    const framework = { format: 'rails' };
    expect(problems({ framework })).toEqual([expect.stringContaining('idleSeconds: ')]);
    expect(problems({ framework, idleSeconds: 7_200 })).toEqual([]);
    expect(problems({ framework, table: { time: false } })).toEqual([]);
  });

  test.each([['sessions"; drop table users; --'], ['a.b.c'], ['1st'], ['sessions as s'], ['']])(
    'take no name like %s',
    (name) => {
      expect(problems({ table: { name } })).not.toEqual([]);
      expect(problems({ table: { key: name } })).not.toEqual([]);
    },
  );

  test('know the zones of the world', () => {
    expect(problems({ table: { timeZone: 'Europe/Berlin' } })).toEqual([]);
    expect(problems({ table: { timeZone: 'Shop/Backroom' } })[0]).toContain('expected a time zone');
  });

  test('are the framework’s own, and no other’s', () => {
    expect(problems({ framework: { format: 'cobol' } })).not.toEqual([]);
    expect(problems({ framework: { ...TABLE.framework, userFeild: 'id' } })).not.toEqual([]);
    expect(
      problems({ framework: { format: 'laravel', appKeys: ['too-short'] }, idleSeconds: 60 }),
    ).not.toEqual([]);
  });
});

describe('the settings of Redis', () => {
  const REDIS = {
    kind: 'redis',
    name: 'shop',
    url: 'redis://:secret@localhost:6379/1',
    framework: { format: 'express', secrets: ['the-shop-signs-with-it'] },
  };
  const problems = (more: object) => problemsOf(redis.settings.safeParse({ ...REDIS, ...more }));

  test('need only where it is and the framework', () => {
    expect(problems({})).toEqual([]);
  });

  test.each([
    ['http://localhost'],
    ['localhost:6379'],
    ['redis://'],
    ['redis://localhost/shop'],
    ['unix:/tmp/redis'],
  ])('take no URL like %s', (url) => {
    expect(problems({ url })).toEqual([expect.stringContaining('url: expected redis://')]);
  });

  test('say what stands before an id where the framework does not', () => {
    const framework = { format: 'json', userField: 'user' };
    expect(problems({ framework })).toEqual([expect.stringContaining('prefix: json has none')]);
    expect(problems({ framework, prefix: '' })).toEqual([]);
  });

  test('trust a certificate authority only where there is TLS', () => {
    expect(problems({ ca: 'PEM' })).toEqual(['ca: only with rediss://']);
    expect(problems({ ca: 'PEM', url: 'rediss://localhost' })).toEqual([]);
  });

  test('print no secret', () => {
    const settings = redis.settings.parse({ ...REDIS, url: 'redis://:do-not-print@localhost' });
    expect(JSON.stringify(settings)).not.toMatch(/do-not-print|signs-with-it/);
  });
});
