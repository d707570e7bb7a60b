import { expect, test } from 'vitest';
import { withAliases } from '../../src/credentials/format-aliases.ts';
import { FORMATS } from '../../src/credentials/formats/index.ts';
import { sourceOf } from '../../src/credentials/source.ts';

test('an alias reads what its format reads, and is never recognised', () => {
  const source = sourceOf({ format: 'x', columns: { password: `*${'0A'.repeat(20)}` } });
  const named = (name: string) => FORMATS.find((format) => format.name === name);
  expect(named('mysql_native_password')?.parse(source)).toEqual(named('mysql41')?.parse(source));
  expect(named('mysql_native_password')?.recognises).toBeUndefined();
});

test('no two formats have one name', () => {
  const names = FORMATS.map(({ name }) => name);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

test('an alias of nothing is a mistake', () => {
  expect(() => withAliases([])).toThrow(TypeError);
});
