import { describe, expect, test } from 'vitest';
import { legacySettings, writesOf } from '../../src/legacy/legacy-settings.ts';
import { httpWrites } from './http-writes.ts';
import { sqlWrites } from './write-contract.ts';

const sql = (writes: object, more: object = {}) => ({
  store: 'shop',
  sql: {
    engine: 'postgresql',
    connection: 'postgres://h/d',
    table: 'people',
    login: ['login'],
    writes,
    ...more,
  },
});
const http = (writes: object) => ({
  store: 'shop',
  http: {
    url: 'https://api',
    login: ['login'],
    byLogin: { path: '{login}' },
    byId: { path: '{id}' },
    writes,
  },
});
const issues = (settings: object) =>
  (legacySettings.safeParse(settings).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );

describe('writes', () => {
  test.each([
    ['sql', sql(sqlWrites('postgresql'))],
    ['http', http(httpWrites)],
  ])('of %s are those that are named', (_kind, settings) => {
    expect([...writesOf(legacySettings.parse(settings))]).toEqual([
      'linkPerson',
      'linkOrganization',
      'setMember',
      'endMember',
      'endMemberships',
      'createPerson',
    ]);
  });

  test('are none where none is named', () => {
    expect([sql({}), http({})].map((one) => [...writesOf(legacySettings.parse(one))])).toEqual([[], []]);
  });

  test('may make a person of less than all that is known', () => {
    const statement = 'insert into people (target, email) values (:targetUserId, :email)';
    expect(issues(sql({ createPerson: { statement } }))).toEqual([]);
    expect(issues(http({ createPerson: { path: 'users', form: { target: '{targetUserId}' } } }))).toEqual([]);
  });

  test.each([
    ['linkPerson', 'update people set target = :targetUserId', 'the bind :id is missing'],
    ['setMember', 'update members set a = :roles where o = :organization', 'the bind :id is missing'],
    ['endMember', 'delete from members where person = :id', 'the bind :organization is missing'],
    ['createPerson', 'insert into people (email) values (:email)', 'the bind :targetUserId is missing'],
    [
      'linkPerson',
      'update people set target = :target where id = :id',
      'there is no bind :target here, only :id, :targetUserId',
    ],
    [
      'createPerson',
      'insert into people values (:targetUserId, :mail)',
      'there is no bind :mail here, only :targetUserId, :email, :name, :givenName, :familyName',
    ],
    ['linkPerson', 'delete from people where id = :id', 'starts with update or insert or merge'],
    ['endMember', 'insert into gone values (:organization, :id)', 'starts with delete or update'],
    ['endMemberships', 'truncate members', 'starts with delete or update'],
    ['createPerson', 'update people set target = :targetUserId', 'starts with insert or merge'],
    [
      'setMember',
      'with x as (select :roles) update members set a = :id, b = :organization',
      'starts with update',
    ],
    ['linkPerson', "update people set target = ':targetUserId' where id = :id", 'inside quotes'],
    ['createPerson', "insert into people values (:targetUserId, ':email')", 'inside quotes'],
    ['linkPerson', 'update people set a = :targetUserId where id = :id; delete from people', 'one statement'],
  ])('of sql are refused: %s, %s', (what, statement, why) => {
    const [issue, ...more] = issues(sql({ [what]: { statement } }));
    expect(issue).toContain(`sql.writes.${what}.statement: `);
    expect(issue).toContain(why);
    expect(more).toEqual([]);
  });

  test.each([
    [{ linkPerson: { path: 'users/{id}', body: {} } }, 'http.writes.linkPerson: the value {targetUserId}'],
    [
      { endMember: { method: 'DELETE', path: 'members/{id}' } },
      'http.writes.endMember: the value {organization}',
    ],
    [
      { endMember: { method: 'GET', path: '{organization}/{id}' } },
      'http.writes.endMember.method: Invalid option',
    ],
    [
      { linkPerson: { path: 'users/{id}', body: { a: '{targetUserId}', b: '{target:json}' } } },
      'http.writes.linkPerson.body: there is no {target} here',
    ],
    [
      { endMemberships: { path: 'o/{organization}/{id}' } },
      'http.writes.endMemberships.path: there is no {id}',
    ],
    [{ endMemberships: { path: '../{organization}' } }, 'http.writes.endMemberships.path: a path must not'],
    [
      {
        authorization: {
          clientCredentials: { tokenUrl: 'http://id.example.com', clientId: 'a', clientSecret: 'b' },
        },
      },
      'http.authorization: expected https',
    ],
  ])('of http are refused: %j', (writes, why) => {
    expect(issues(http(writes)).join('\n')).toContain(why);
  });

  test('of a kind that is not there are refused', () => {
    expect(issues(sql({ deletePerson: { statement: 'delete from people where id = :id' } }))).toEqual([
      'sql.writes: Unrecognized key: "deletePerson"',
    ]);
  });

  test('of SQLite have no role of their own', () => {
    const settings = {
      store: 'shop',
      sql: {
        engine: 'sqlite',
        file: 'f',
        table: 'people',
        login: ['login'],
        writes: { connection: 'postgres://h/d' },
      },
    };
    expect(issues(settings)[0]).toContain('sql.writes.connection');
  });
});
