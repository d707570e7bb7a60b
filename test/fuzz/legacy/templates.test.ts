import fc from 'fast-check';
import { FilterParser } from 'ldapts';
import { describe, expect } from 'vitest';
import {
  fillPath,
  fillText,
  pathProblem,
  textProblem,
} from '../../../src/legacy/connectors/http/template.ts';
import { isWithin, partsOf } from '../../../src/legacy/connectors/ldap/dn.ts';
import { decodeEscapes, isFilter } from '../../../src/legacy/connectors/ldap/filter.ts';
import { compileTemplate } from '../../../src/legacy/sql-template.ts';
import { anyText, damaged, fuzz } from '../hostile.ts';

const SQL = [
  'select * from u where a = :login and b = :id',
  `select "a:id2", 'it''s 10:30' from u where x::text = :id::text and p = a[1:2]`,
  'update users set `flag` = 1 where id = :id and note <> "x";',
];
const BINDS = ['id', 'login'];

describe('whatever an SQL template holds', () => {
  const compiled = (sql: string) => {
    try {
      return compileTemplate(sql, ['id'], ['login']);
    } catch (error) {
      const { message } = error as Error;
      expect(error).toBeInstanceOf(Error);
      expect(message).not.toBe('');
      return undefined;
    }
  };

  fuzz(
    'has as many places as values, each outside of quotes, and nothing of two statements',
    1_500,
    fc.property(
      fc.oneof({ weight: 3, arbitrary: damaged(...SQL) }, { weight: 1, arbitrary: anyText() }),
      (sql) => {
        const { text, binds } = compiled(sql) ?? {};
        if (text === undefined || binds === undefined) return;
        for (const bind of binds) expect(BINDS).toContain(bind);
        // Read once more by somebody who only knows quotes.
        const bare = text.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`/g, '');
        expect(bare.split('?').length - 1).toBe(binds.length);
        expect(text.split('?').length - 1).toBe(binds.length);
        expect(bare).not.toMatch(/[;'"`\\]|--|\/\*/);
      },
    ),
  );
});

describe('whatever an LDAP filter of the operator’s holds', () => {
  const FILTERS = [
    '(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))',
    '(|(mail=*@example.com)(cn=M\\c3\\bcller))',
  ];

  fuzz(
    'is none, or one that the driver takes as well',
    1_000,
    fc.property(
      fc.oneof({ weight: 3, arbitrary: damaged(...FILTERS) }, { weight: 1, arbitrary: anyText() }),
      (text) => {
        if (isFilter(text)) expect(() => FilterParser.parseString(decodeEscapes(text))).not.toThrow();
      },
    ),
  );
});

describe('whatever a distinguished name holds', () => {
  const BASE = 'ou=people,dc=example,dc=com';

  fuzz(
    'is within the base only where its last parts are the base',
    1_500,
    fc.property(
      fc.oneof(
        { weight: 3, arbitrary: damaged(`uid=anna,${BASE}`, BASE) },
        { weight: 1, arbitrary: anyText() },
      ),
      (dn) => {
        const parts = partsOf(dn);
        if (isWithin(dn, BASE)) expect(parts?.slice(-3)).toEqual(partsOf(BASE));
      },
    ),
  );

  // What people type goes into an entry's name as a value: whatever it is, it makes no other part.
  const value = anyText({ maxLength: 30, longest: 300 });
  const escaped = (text: string) =>
    [...Buffer.from(text.toWellFormed())].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
  fuzz(
    'stays as many parts as were put together',
    800,
    fc.property(value, (text) => {
      expect(partsOf(`uid=${escaped(text)},${BASE}`)?.length).toBe(4);
    }),
  );
});

describe('whatever is filled into a request of the HTTP connector', () => {
  const PATHS = ['users/{login}', 'users/{login}.json', 'a/{id}/b-{login}', 'scim/{login:json}/x'];

  fuzz(
    'stays within one segment of the path, or nobody is asked for',
    1_500,
    fc.property(
      fc.constantFrom(...PATHS.filter((path) => pathProblem(path, BINDS) === undefined)),
      anyText(),
      (path, login) => {
        const filled = fillPath(path, { login, id: 'i' });
        if (filled === undefined) return;
        expect(filled.split('/').length).toBe(path.split('/').length);
        expect(filled).toMatch(/^[\w.~!$&'()*+,;=:@%/-]*$/);
        // A server that decodes and resolves comes to the same number of steps.
        expect(new URL(filled, 'http://store.example/root/').pathname).toBe(`/root/${filled}`);
        expect(decodeURIComponent(filled)).toContain(login);
      },
    ),
  );

  fuzz(
    'stays one JSON text where it stands within a filter',
    800,
    fc.property(anyText(), (login) => {
      const text = fillText('userName eq {login:json}', { login });
      expect(JSON.parse(String(text).slice('userName eq '.length))).toBe(login);
    }),
  );

  fuzz(
    'has a template that is refused with a sentence, or holds names that are known',
    600,
    fc.property(fc.oneof(damaged(...PATHS), anyText()), (template) => {
      for (const problem of [pathProblem(template, BINDS), textProblem(template, BINDS)])
        expect(problem).not.toBe('');
      if (pathProblem(template, BINDS) === undefined)
        expect(() => fillPath(template, { login: 'anna', id: 'i' })).not.toThrow();
    }),
  );
});
