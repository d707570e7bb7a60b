import { expect, test } from 'vitest';
import type { ApplyField } from '../../src/legacy/apply.ts';
import { syncSettings } from '../../src/sync/sync-settings.ts';
import { wrongSync } from '../../src/sync/wrong-sync.ts';

type Ends = Parameters<typeof wrongSync>[1];
const users = {
  username: { from: 'username', dropDomain: false, suffix: '' },
  grants: [] as { role: string; project: string; roles: string[] }[],
};
const target = (more: object = {}) =>
  ({ name: 'main', api: {}, users, ...more }) as unknown as Ends['targets'][number];
const store = (fields: readonly ApplyField[], more: object = {}): Ends['stores'][number] => ({
  ...{ store: 'shop', fields: new Set(fields), removes: false, createsPeople: false },
  ...more,
});

function wrong(pair: object, ends: Partial<Ends> = {}): string[] {
  const settings = syncSettings.parse({ pairs: [{ target: 'main', ...pair }] });
  return wrongSync(settings, { targets: [target()], stores: [store([])], ...ends }).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );
}

test('defaults fit every store, also one that is only read', () => {
  expect(wrong({})).toEqual([]);
});

test('a target has to be there, and to have an API', () => {
  expect(wrong({ target: 'mian' })).toEqual([
    'pairs.0.target: no target has this name: expected one of `targets` (main)',
  ]);
  expect(wrong({}, { targets: [target({ api: undefined })] })).toEqual([
    'pairs.0.target: main has no `api`: nothing could be read or written there',
  ]);
});

test.each(['target', 'last-writer', 'ask', { before: 'legacy', after: 'last-writer' }])(
  'a field that comes back by %j needs a store that takes it',
  (word) => {
    const fields = { phone: word };
    expect(wrong({ fields })).toEqual([
      'pairs.0.fields.phone: shop cannot be written to: expected `apply.phoneNumber` there, or `legacy` or `never` here',
    ]);
    expect(wrong({ fields }, { stores: [store(['phoneNumber'])] })).toEqual([]);
    expect(wrong({ fields }, { stores: [store([]), store(['phoneNumber'])] })).toEqual([]);
  },
);

test.each(['legacy', 'never'])('a field by %s needs none', (word) => {
  expect(wrong({ fields: { phone: word } })).toEqual([]);
});

test('what the target’s rules make of names and roles has to be undone', () => {
  const stores = [store(['username', 'roles'])];
  const fields = { username: 'last-writer', roles: 'target' };
  const grant = (role: string) => ({ role, project: 'p', roles: ['member'] });
  const merging = target({
    users: {
      username: { ...users.username, suffix: '@old' },
      grants: [grant('customer'), grant('partner')],
    },
  });
  expect(wrong({ fields }, { stores, targets: [merging] })).toEqual([
    expect.stringMatching(/^pairs\.0\.fields\.username: .*cannot come back/),
    expect.stringMatching(/^pairs\.0\.fields\.roles: two legacy roles become the same/),
  ]);
  expect(wrong({ fields }, { stores })).toEqual([]);
});

test('people who are to be removed or made in the legacy store need a way to do so', () => {
  const pair = { gone: { fromTarget: 'remove' }, newAtTarget: 'create' };
  expect(wrong(pair)).toEqual([
    'pairs.0.gone.fromTarget: nobody can be removed in shop: expected `apply.remove` there, or `disable` here',
    'pairs.0.newAtTarget: nobody can be made in shop: expected `writes.createPerson` there',
  ]);
  expect(wrong(pair, { stores: [store([], { removes: true, createsPeople: true })] })).toEqual([]);
});
