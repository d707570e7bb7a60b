import { describe, expect, test } from 'vitest';
import { dropInSettings, wrongDropIns } from '../../../src/migration/drop-ins/drop-in-settings.ts';
import { BEARER, SECRET } from './stage.ts';

const ORY = { name: 'ory', kind: 'ory', auth: BEARER };
const problemsOf = (...dropIns: object[]) => {
  const { error } = dropInSettings.safeParse(dropIns);
  return (error?.issues ?? []).map(({ path }) => path.join('.'));
};

describe('the settings', () => {
  test('are an empty list by default, and print no secret', () => {
    expect(dropInSettings.parse(undefined)).toEqual([]);
    expect(JSON.stringify(dropInSettings.parse([ORY]))).not.toContain(SECRET);
  });

  test.each([
    ['one way to authenticate', ORY],
    ['Basic', { ...ORY, auth: { basic: { user: 'kratos', password: SECRET } } }],
    ['a key in a header', { ...ORY, auth: { apiKey: { name: 'X-Key', value: SECRET, in: 'header' } } }],
    ['a plugin with seeds and a target', { ...ORY, kind: 'keycloak', totp: true, target: 'main' }],
  ])('take %s', (_what, dropIn) => {
    expect(problemsOf(dropIn)).toEqual([]);
  });

  test.each([
    ['no way to authenticate', { ...ORY, auth: {} }, '0.auth'],
    ['two ways at once', { ...ORY, auth: { ...BEARER, apiKey: { name: 'X', value: SECRET } } }, '0.auth'],
    ['no auth at all', { name: 'ory', kind: 'ory' }, '0.auth'],
    ['a short secret', { ...ORY, auth: { bearer: 'x'.repeat(15) } }, '0.auth.bearer'],
    ['a secret that no header can have', { ...ORY, auth: { bearer: 'sechzehn Zeichen' } }, '0.auth.bearer'],
    [
      'a key in the query',
      { ...ORY, auth: { apiKey: { name: 'k', value: SECRET, in: 'query' } } },
      '0.auth.apiKey.in',
    ],
    ['what another kind has', { ...ORY, totp: true }, '0'],
    ['seeds without a target', { ...ORY, kind: 'keycloak', totp: true }, '0.totp'],
    ['a cidaas without a target', { ...ORY, kind: 'cidaas' }, '0.target'],
    ['a kind that there is not', { ...ORY, kind: 'other' }, '0.kind'],
    ['a name that is no path', { ...ORY, name: 'a/b' }, '0.name'],
  ])('refuse %s', (_what, dropIn, path) => {
    expect(problemsOf(dropIn)).toEqual([path]);
  });

  test('refuse a name that is there already', () => {
    expect(problemsOf(ORY, { ...ORY, kind: 'okta' })).toEqual(['1.name']);
  });

  test('name targets that are there, of a kind that fits', () => {
    const targets = [
      { name: 'main', kind: 'generic' },
      { name: 'tenant', kind: 'cidaas' },
    ] as const;
    const wrong = (...dropIns: object[]) =>
      wrongDropIns(dropInSettings.parse(dropIns), targets).map(({ path }) => path.join('.'));
    expect(wrong(ORY, { ...ORY, name: 'a', target: 'main' })).toEqual([]);
    expect(wrong({ ...ORY, target: 'other' })).toEqual(['0.target']);
    expect(wrong({ ...ORY, kind: 'cidaas', target: 'tenant' })).toEqual([]);
    expect(wrong({ ...ORY, kind: 'cidaas', target: 'main' })).toEqual(['0.target']);
  });
});
