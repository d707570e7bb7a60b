/** What `user show` tells of somebody's links, organizations and old login. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { claimExcept } from '../../src/admin/operations/claim-except.ts';
import { claimIssue } from '../../src/admin/operations/claim-issue.ts';
import { claimShow } from '../../src/admin/operations/claim-show.ts';
import { userShow } from '../../src/admin/operations/user-show.ts';
import { addException } from '../../src/migration/claim-tokens/exceptions.ts';
import { organizationOf } from '../migration/claim-tokens/claimants.ts';
import type { ClaimStage } from './claim-stage.ts';
import { openClaimStage, steady } from './claim-stage.ts';

let stage: ClaimStage;
beforeAll(async () => {
  stage = await openClaimStage({
    claimTokens: [
      {
        target: 'main',
        organizations: {},
        enforcement: [
          { name: 'staff', from: '2020-01-01', who: { roles: ['staff'] } },
          { name: 'soon', from: '2020-01-01', graceDays: 365, who: { roles: ['later'] } },
        ],
      },
    ],
  });
});
afterAll(() => stage.close());
afterEach(() => {
  stage.state.isLegacyDown = false;
});

const linesOf = (text: string) =>
  steady(text)
    .split('\n')
    .filter((line) => /^ {2}(links|old login|owner of|member of)/.test(line));

test('somebody without any of it has no such line', async () => {
  const sub = stage.someone();
  expect(linesOf((await stage.run(userShow, { user: sub })).text)).toEqual([]);
});

test('links are counted, and the newest is named', async () => {
  const sub = stage.someone();
  await stage.issue({ sub });
  await stage.sql(`update claim_tokens set state = 'revoked', ended_at = now() where sub = $1`, [sub]);
  const { id } = await stage.issue({ sub });
  const { text, output } = await stage.run(userShow, { user: sub });
  expect(linesOf(text)).toEqual([
    '  links      at main: 2 made, 1 open; the newest is issued (claim show [id])',
  ]);
  expect(text).toContain(id);
  expect(output.links).toMatchObject([{ target: 'main', isLinked: false, made: 2, open: 1, newest: { id } }]);
});

test('organizations are told with their link, and with what the target makes somebody in them', async () => {
  const sub = stage.someone({
    organizations: [organizationOf('linked'), { ...organizationOf('else'), isOwner: false, roles: ['x'] }],
  });
  await stage.linked(sub, 'there-1');
  await stage.sql(
    `insert into organization_links (target, organization, target_organization_id, state, name, owner_sub)
     values ('main', 'shop:linked', 'o1', 'linked', 'Works', $1), ('main', 'shop:only', 'o2', 'linked', 'Only there', 'x')`,
    [sub],
  );
  await stage.sql(
    `insert into organization_members (target, organization, target_user_id, roles, legacy_roles)
     values ('main', 'shop:only', 'there-1', '{admin}', '{manager}')`,
  );
  const { text, output } = await stage.run(userShow, { user: sub });
  expect(linesOf(text)).toEqual([
    '  member of  Works else (shop:else), x: not linked at main',
    '  owner of   Works linked (shop:linked): linked at main as o1; nothing there',
    '  member of  Only there (shop:only), manager: linked at main as o2',
  ]);
  expect(output.links[0].isLinked).toBe(true);
});

test('an old login that ends is told, and otherwise for whoever is linked or excepted', async () => {
  const shown = async (sub: string) => linesOf((await stage.run(userShow, { user: sub })).text);
  const [asked, refused] = [stage.someone({ roles: ['later'] }), stage.someone({ roles: ['staff'] })];
  await stage.sql(`delete from claim_exceptions`);
  expect(await shown(refused)).toEqual([
    '  old login  at main: lets them in no more since 2020-01-15 (rule staff)',
  ]);
  await stage.linked(refused);
  expect(await shown(refused)).toEqual([
    '  old login  at main: leads to the target since 2020-01-15 (rule staff)',
  ]);
  const { audit, db } = stage;
  await addException(db, {
    ...{ target: 'main', sub: asked, reason: 'Is \u001b[31mblind', until: null },
    ...{ actor: 'operator:test', subject: audit.pseudonym(asked) },
  });
  expect(await shown(asked)).toEqual([
    '  old login  at main: goes on, excepted until it is taken back: Is  [31mblind',
  ]);
});

test('an exception in the place of another does not say what would be without it', async () => {
  const sub = stage.someone({ roles: ['staff'] });
  const asked = { user: sub, target: 'main', reason: 'first' };
  await stage.run(claimExcept, asked, { execute: true });
  const { text } = await stage.run(claimExcept, { ...asked, reason: 'second' });
  expect(text).toContain('in the place of: first');
  expect(text).not.toContain('without it');
});

test('while the legacy store is down, links are told of, and nothing is made up about the rest', async () => {
  const sub = stage.someone({ roles: ['staff'], organizations: [organizationOf('works')] });
  await stage.issue({ sub });
  stage.state.isLegacyDown = true;
  const { text, output } = await stage.run(userShow, { user: sub });
  expect(linesOf(text)).toHaveLength(1);
  expect(output.links).toMatchObject([{ oldLogin: null, organizations: [], made: 1 }]);
});

test('a name in the legacy store moves no terminal', async () => {
  const sub = stage.someone({ name: 'Eve\u001b[2J\u202e' });
  const { id } = await stage.issue({ sub });
  for (const { text } of [
    await stage.run(claimIssue, { user: sub, target: 'main' }),
    await stage.run(claimShow, { id }),
  ])
    expect(text).not.toMatch(/[\u001b\u202e]/);
});
