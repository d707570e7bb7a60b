/** What an operator does about the end of old logins, and about organizations that are linked. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Desk } from '../../src/admin/operation.ts';
import { claimExcept } from '../../src/admin/operations/claim-except.ts';
import { claimOrganizations } from '../../src/admin/operations/claim-organizations.ts';
import { claimRules } from '../../src/admin/operations/claim-rules.ts';
import { claimUnlink } from '../../src/admin/operations/claim-unlink.ts';
import { openEnforcement } from '../../src/migration/claim-tokens/enforcement.ts';
import { linkOf } from '../../src/migration/claim-tokens/organization-links.ts';
import { pauseRule } from '../../src/migration/claim-tokens/rules.ts';
import type { ClaimStage } from './claim-stage.ts';
import { openClaimStage, steady } from './claim-stage.ts';

const EXECUTE = { execute: true };

let stage: ClaimStage;
beforeAll(async () => {
  stage = await openClaimStage({
    claimTokens: [
      {
        target: 'main',
        organizations: {},
        enforcement: [
          { name: 'staff', from: '2999-01-01', graceDays: 7, who: { roles: ['a', 'b', 'c', 'd'] } },
          {
            name: 'listed',
            from: '2020-01-01',
            graceDays: 0,
            who: { subs: ['shop:l1', 'shop:l2'], metadata: { tier: 'gold' } },
          },
          { name: 'everybody', from: '2020-01-01', graceDays: 14 },
        ],
      },
      { target: 'other' },
    ],
  });
});
afterAll(() => stage.close());
afterEach(async () => {
  stage.state.isLegacyDown = false;
  await stage.sql('delete from claim_rules');
  await stage.sql('delete from claim_exceptions');
});

const kindOf = async (sub: string) => {
  const { db, claimTokens } = stage.desk;
  const found = await openEnforcement({ db, claimTokens }).standingOf('main', stage.people.get(sub)!);
  return found.kind;
};

describe('claim rules', () => {
  test('lists from when on whose login ends', async () => {
    const { text } = await stage.run(claimRules);
    expect(text).toBe(
      [
        'main: the first rule that fits somebody counts, 0 excepted',
        '  rule       now      asks from   refuses from  who',
        '  staff      to come  2999-01-01  2999-01-08    people with the role a or b or c or 1 more',
        '  listed     refuses  2020-01-01  2020-01-01    people whose tier is gold, of a list of 2',
        '  everybody  refuses  2020-01-01  2020-01-15    everybody',
        'other: no rules; every old login goes on, 0 excepted',
      ].join('\n'),
    );
    expect((await stage.run(claimRules, { target: 'other' })).text).not.toContain('main');
  });

  test('pauses a rule and lets it go on: at once, and only with --execute', async () => {
    const sub = stage.someone();
    const pause = { target: 'main', pause: 'everybody', reason: 'Mail went wrong' };
    const dry = await stage.run(claimRules, pause);
    expect(dry.text).toContain('Would pause everybody at main.\nNothing was changed: add --execute.');
    expect(await kindOf(sub)).toBe('refused');

    const done = await stage.run(claimRules, pause, EXECUTE);
    expect(
      steady(done.text)
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      'Paused everybody at main: from now on nobody is kept out by it.',
      '',
      'main: the first rule that fits somebody counts, 0 excepted',
      expect.stringContaining('refuses from'),
      expect.stringContaining('staff'),
      expect.stringContaining('listed'),
      '  everybody  paused   2020-01-01  2020-01-15    everybody',
      '  everybody was paused by operator:test at [minute] UTC: Mail went wrong',
    ]);
    expect(await kindOf(sub)).toBe('free');
    expect((await stage.run(claimRules, pause, EXECUTE)).text).toContain(
      'is paused already, for the reason below.',
    );

    const resume = { target: 'main', resume: 'everybody' };
    expect((await stage.run(claimRules, resume)).text).toContain('Would resume everybody at main.');
    expect(await kindOf(sub)).toBe('free');
    expect((await stage.run(claimRules, resume, EXECUTE)).text).toContain('Rule everybody at main goes on.');
    expect(await kindOf(sub)).toBe('refused');
    expect((await stage.run(claimRules, resume, EXECUTE)).text).toContain('was not paused');
  });

  test('shows a pause of a rule that the settings have no more, and ends it', async () => {
    await pauseRule(stage.db, { target: 'main', rule: 'gone', reason: 'old', actor: 'operator:test' });
    expect((await stage.run(claimRules)).text).toContain('gone is paused, and not in the settings any more');
    await stage.run(claimRules, { target: 'main', resume: 'gone' }, EXECUTE);
    expect((await stage.run(claimRules)).text).not.toContain('gone');
  });

  test.each([
    [{ pause: 'x', resume: 'y', reason: 'z' }, 'pause one or resume one'],
    [{ pause: 'everybody', target: 'main' }, 'a pause needs its reason'],
  ])('refuses %j', async (input, words) => {
    await expect(stage.run(claimRules, input, EXECUTE)).rejects.toThrow(words);
  });

  test('names the rules and the targets that there are to who names another', async () => {
    const reason = 'x';
    await expect(
      stage.run(claimRules, { pause: 'nobody', target: 'main', reason }, EXECUTE),
    ).rejects.toMatchObject({
      code: 'not_found',
      detail: 'main has no rule nobody; it has staff, listed, everybody',
    });
    await expect(stage.run(claimRules, { pause: 'everybody', reason }, EXECUTE)).rejects.toMatchObject({
      code: 'bad_request',
      detail: 'Which target? Name one with --target: main, other',
    });
    await expect(stage.run(claimRules, { target: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('claim except', () => {
  const asked = (user: string, more: object = {}) => ({ user, target: 'main', reason: 'Is blind', ...more });

  test('lets one person in again, only with --execute', async () => {
    const sub = stage.someone();
    const dry = await stage.run(claimExcept, asked(sub));
    expect(dry.text).toBe(
      [
        `Would let ${sub} go on with their old login at main until it is taken back.`,
        `  ${sub}  user-${sub.slice(5)}  Person ${sub.slice(5)}  ${sub.slice(5)}@example.com (verified)`,
        '  without it their old login lets them in no more since 2020-01-15 (rule everybody)',
        'Nothing was changed: add --execute.',
      ].join('\n'),
    );
    expect(await kindOf(sub)).toBe('refused');
    const done = await stage.run(claimExcept, asked(sub, { until: '2999-03-01' }), EXECUTE);
    expect(done.text).toContain(`${sub} goes on with their old login at main until 2999-03-01 00:00 UTC.`);
    expect(await kindOf(sub)).toBe('free');
    const { text } = await stage.run(claimRules, { target: 'main', exceptions: true });
    expect(text).toContain('1 excepted');
    expect(text).toContain(`  ${sub}  main    2999-03-01 00:00  operator:test  Is blind`);
    const [record] = await stage.audited('claim-exception.added', sub);
    expect(record).toMatchObject({ actor: 'operator:test', detail: { target: 'main', reason: 'Is blind' } });
  });

  test('is taken back, also of somebody who is gone', async () => {
    const sub = stage.someone();
    await stage.run(claimExcept, asked(sub), EXECUTE);
    const entry = stage.people.get(sub)!;
    stage.people.delete(sub);
    const remove = { user: sub, target: 'main', remove: true };
    expect((await stage.run(claimExcept, remove)).text).toBe(
      `Would take back the exception of ${sub} at main: Is blind\nNothing was changed: add --execute.`,
    );
    expect((await stage.run(claimExcept, remove, EXECUTE)).text).toBe(`${sub} is excepted at main no more.`);
    stage.people.set(sub, entry);
    expect(await kindOf(sub)).toBe('refused');
    expect((await stage.run(claimExcept, remove, EXECUTE)).text).toBe(`${sub} is not excepted at main.`);
  });

  test.each([
    [{ reason: undefined }, 'an exception needs its reason'],
    [{ until: 'tomorrow' }, 'expected a date like'],
    [{ until: '90d' }, 'expected a date like'],
    [{ until: '2999-02-30' }, 'expected a date like'],
    [{ remove: true, until: '2999-03-01' }, 'has no end'],
  ])('refuses %j', async (more, words) => {
    await expect(stage.run(claimExcept, asked('shop:x', more), EXECUTE)).rejects.toThrow(words);
  });

  test('refuses a day that is over, a person whom nobody knows, and a target without claim tokens', async () => {
    const sub = stage.someone();
    await expect(stage.run(claimExcept, asked(sub, { until: '2020-01-01' }), EXECUTE)).rejects.toMatchObject({
      code: 'bad_request',
      detail: '2020-01-01 is over',
    });
    await expect(stage.run(claimExcept, asked('shop:nobody'), EXECUTE)).rejects.toMatchObject({
      code: 'user_not_found',
    });
    await expect(stage.run(claimExcept, asked(sub, { target: 'x' }), EXECUTE)).rejects.toMatchObject({
      code: 'not_found',
    });
    stage.state.isLegacyDown = true;
    await expect(stage.run(claimExcept, asked(sub), EXECUTE)).rejects.toMatchObject({
      code: 'legacy_unavailable',
    });
    stage.state.isLegacyDown = false;
    expect(await kindOf(sub)).toBe('refused');
  });
});

/** As somebody linked it, with so many members. */
async function linkedOrganization(id: string, { members = 0, problem = null as object | null } = {}) {
  const organization = `shop:${id}`;
  await stage.sql(
    `insert into organization_links (target, organization, target_organization_id, state, name, owner_sub, read_at, problem)
     values ('main', $1, 'there-' || $1, 'linked', 'Works', 'shop:owner', now(), $2)`,
    [organization, problem === null ? null : JSON.stringify(problem)],
  );
  for (let i = 0; i < members; i++)
    await stage.sql(
      `insert into organization_members (target, organization, target_user_id, roles, legacy_roles, ended_at)
       values ('main', $1, 'm' || $2::int, '{}', '{}', case when $2 = 0 then now() end)`,
      [organization, i],
    );
  return organization;
}

describe('claim organizations', () => {
  test('lists links with their members, and what is wrong with them', async () => {
    expect((await stage.run(claimOrganizations)).text).toBe('No organization is linked.');
    const well = await linkedOrganization('well', { members: 3 });
    const first = await stage.run(claimOrganizations);
    expect(steady(first.text).split('\n').slice(1)).toEqual([
      `  ${well}     main    there-${well}  Works  linked        2  [minute]  shop:owner`,
    ]);
    expect(first.wrong).toBe(false);
    await linkedOrganization('ill', { problem: { code: 'target_refused', detail: '403' } });
    const both = await stage.run(claimOrganizations, { target: 'main', state: 'linked' });
    expect(both.wrong).toBe(true);
    expect(both.text).toContain('target_refused: 403');
    expect((await stage.run(claimOrganizations, { state: 'unlinked' })).output.organizations).toEqual([]);
    expect((await stage.run(claimOrganizations, { limit: '1' })).output.organizations).toHaveLength(1);
  });
});

describe('claim unlink', () => {
  test('says what hangs on it, and ends it only with --execute', async () => {
    const organization = await linkedOrganization('left', { members: 3 });
    const open = await stage.issue({ sub: 'shop:owner', purpose: 'organization', organization });
    const asked = { organization, target: 'main' };
    const dry = await stage.run(claimUnlink, asked);
    expect(dry.text).toBe(
      [
        `Would unlink ${organization} from Works (there-${organization}) at main.`,
        '  2 members there: what they are here is for the legacy store to say again.',
        'Nothing was changed: add --execute.',
      ].join('\n'),
    );
    expect((await linkOf(stage.db, 'main', organization))?.state).toBe('linked');
    const done = await stage.run(claimUnlink, asked, EXECUTE);
    expect(done.text).toContain(`Unlinked ${organization} from Works`);
    expect((await linkOf(stage.db, 'main', organization))?.state).toBe('unlinked');
    const [token] = await stage.sql('select state from claim_tokens where id = $1', [open.id]);
    expect(token).toEqual({ state: 'revoked' });
    expect(await stage.audited('organization.unlinked')).toMatchObject([
      { actor: 'operator:test', detail: { organization } },
    ]);
  });

  test('warns where the legacy store has no memberships to go back to', async () => {
    const organization = await linkedOrganization('ended');
    await stage.sql('update organization_links set legacy_ended_at = now() where organization = $1', [
      organization,
    ]);
    const { text } = await stage.run(claimUnlink, { organization, target: 'main' });
    expect(text).toContain('Its memberships were deleted in the legacy store: bring them back first');
  });

  test('says of people, and of who is not linked, how it is done', async () => {
    const asked = { organization: stage.someone(), target: 'main' };
    for (const options of [{}, EXECUTE])
      await expect(stage.run(claimUnlink, asked, options)).rejects.toMatchObject({
        code: 'organization_not_found',
        detail: expect.stringContaining('A person is unlinked by footbridge user rollback.'),
      });
  });
});

test('without claim tokens in the settings there is nothing to list', async () => {
  const at = { ...stage.desk, claimTokens: [] } as Desk;
  expect((await stage.run(claimRules, {}, { at })).text).toBe('The settings have no `claimTokens`.');
});
