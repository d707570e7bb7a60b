import { describe, expect, test } from 'vitest';
import { kratosSettings } from '../../../src/targets/kratos/kratos-settings.ts';
import { fieldAt, traitAt, traitsOf, withTrait } from '../../../src/targets/kratos/traits.ts';
import { someone, TRAITS } from './people.ts';

const { traits: paths } = kratosSettings.parse({ traits: TRAITS });

describe('traits', () => {
  test('are made of what there is, without what is blank or left out', () => {
    const user = someone('ada', { nickname: ' ', locale: 'de' });
    expect(traitsOf(user, paths, new Set(['familyName']))).toEqual({
      email: 'ada@example.test',
      username: 'ada',
      name: { first: 'Some' },
      locale: 'de',
    });
  });

  test('are read at a path, and nothing is found where there is something else', () => {
    const traits = { name: { first: 'A' }, list: ['a'], empty: '', number: 1 };
    expect(traitAt(traits, 'name.first')).toBe('A');
    for (const path of [
      null,
      'name',
      'name.last',
      'name.first.more',
      'list.0',
      'empty',
      'number',
      'toString',
    ])
      expect(traitAt(traits, path)).toBeUndefined();
    expect(traitAt(undefined, 'email')).toBeUndefined();
  });

  test('change at a path and nowhere else', () => {
    const before = { email: 'a', name: { first: 'A', last: 'B' } };
    expect(withTrait(before, 'name.first', 'C')).toEqual({ email: 'a', name: { first: 'C', last: 'B' } });
    expect(withTrait(before, 'name.first', undefined)).toEqual({ email: 'a', name: { last: 'B' } });
    expect(withTrait(before, 'address.city', 'X')).toEqual({ ...before, address: { city: 'X' } });
    expect(withTrait(before, 'address.city', undefined)).toEqual(before);
    expect(withTrait(null, 'email', 'b')).toEqual({ email: 'b' });
    expect(before).toEqual({ email: 'a', name: { first: 'A', last: 'B' } });
  });

  test('are known by the pointer that Kratos names', () => {
    expect(fieldAt(paths, '/traits/name/first')).toBe('givenName');
    for (const pointer of [undefined, '/traits', '/traits/name', '/traits/other'])
      expect(fieldAt(paths, pointer)).toBeUndefined();
  });
});
