/** Who may have a claim token, and what its link is. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { countClaimTokens, findByText } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import type { ClaimWish } from '../../../src/migration/claim-tokens/issuing.ts';
import { claimantOf, claimSettingsOf, issueLink } from '../../../src/migration/claim-tokens/issuing.ts';
import type { Claimants } from './claimants.ts';
import { HOUR, ISSUER, openClaimants, organizationOf } from './claimants.ts';

let stage: Claimants;
beforeAll(async () => {
  stage = await openClaimants({
    claimTokens: [{ target: 'main', ttlHours: 48, organizations: {} }, { target: 'plain' }],
  });
});
afterAll(() => stage.close());
afterEach(() => {
  stage.state.isLegacyDown = false;
});

const HOW = { origin: 'operator', actor: 'operator:test' } as const;
const issue = (wish: Partial<ClaimWish> & { readonly sub: string }) =>
  issueLink(stage.deps, { target: 'main', ...wish }, HOW);

/** Neither is a link made, nor is there another answer to who would only look. */
async function expectRefused(wish: Partial<ClaimWish> & { readonly sub: string }, code: string) {
  await expect(issue(wish)).rejects.toMatchObject({ code });
  await expect(claimantOf(stage.deps, { target: 'main', ...wish })).rejects.toMatchObject({ code });
  expect(await countClaimTokens(stage.db, { sub: wish.sub })).toBe(0);
}

describe('a person', () => {
  test('has a link that opens as theirs, for as long as the settings say', async () => {
    const sub = stage.someone();
    const { id, link, expiresAt, ...more } = await issueLink(
      stage.deps,
      { target: 'main', sub },
      { ...HOW, origin: 'campaign', campaign: 'spring' },
    );
    expect(more).toEqual({ purpose: 'person' });
    expect(String(link)).toBe('[secret]');
    const [, text = ''] = link.reveal().split(`${ISSUER}/claim/`);
    const token = await findByText(stage.db, text);
    expect(token).toMatchObject({
      id,
      sub,
      purpose: 'person',
      origin: 'campaign',
      campaign: 'spring',
      expiresAt,
    });
    expect(expiresAt.getTime() - token.issuedAt.getTime()).toBe(48 * HOUR * 1_000);
    expect(await claimantOf(stage.deps, { target: 'main', sub })).toMatchObject({
      purpose: 'person',
      entry: { user: { sub } },
    });
  });

  test('who has proved themselves and is not at the target has one all the same', async () => {
    const sub = stage.someone();
    await stage.linked(sub);
    await stage.happens(sub, 'revert');
    expect((await issue({ sub })).purpose).toBe('person');
  });

  test.each(['disabled', 'locked'] as const)('who is %s has none', async (state) => {
    await expectRefused({ sub: stage.someone({ state }) }, 'user_disabled');
  });

  test('whom nobody knows has none', async () => {
    await expectRefused({ sub: 'shop:nobody' }, 'user_not_found');
  });

  test.each([
    ['exclude', 'user_excluded'],
    ['delete', 'user_not_found'],
  ] as const)('after %s has none: %s', async (event, code) => {
    const sub = stage.someone();
    await stage.happens(sub, event);
    await expectRefused({ sub }, code);
  });

  test('who is linked has none', async () => {
    const sub = stage.someone();
    await stage.linked(sub);
    await expectRefused({ sub }, 'user_linked');
  });

  test('has none for a target of which the settings say nothing', async () => {
    await expectRefused({ sub: stage.someone(), target: 'other' }, 'not_found');
    expect(() => claimSettingsOf(stage.deps, 'other')).toThrow('There is nothing here.');
    expect(claimSettingsOf(stage.deps, 'plain').ttlHours).toBe(72);
  });

  test('is not taken for unknown while the legacy store is down', async () => {
    const sub = stage.someone();
    stage.state.isLegacyDown = true;
    await expectRefused({ sub }, 'legacy_unavailable');
  });
});

describe('an organization', () => {
  const owned = organizationOf('works');
  const owner = () => stage.someone({ organizations: [organizationOf('first', { isOwner: false }), owned] });

  test.each(['works', 'shop:works'])(
    'has a link for its owner, who is linked: by %s',
    async (organization) => {
      const sub = owner();
      await stage.linked(sub);
      const { link, ...issued } = await issue({ sub, organization });
      expect(issued).toMatchObject({
        purpose: 'organization',
        organization: { id: 'works', key: 'shop:works' },
      });
      expect(link.reveal()).toContain('/claim/fbco1.');
      const [, text = ''] = link.reveal().split('/claim/');
      expect(await findByText(stage.db, text)).toMatchObject({
        organization: 'shop:works',
        purpose: 'organization',
      });
    },
  );

  test('has none before its owner is linked', async () => {
    await expectRefused({ sub: owner(), organization: 'works' }, 'person_first');
  });

  test('has none for who is only a member, linked or not', async () => {
    const sub = owner();
    await expectRefused({ sub, organization: 'first' }, 'owner_needed');
    await stage.linked(sub);
    await expectRefused({ sub, organization: 'first' }, 'owner_needed');
  });

  test('has none for who is not in it', async () => {
    const sub = stage.someone({ organizations: [owned] });
    await stage.linked(sub);
    await expectRefused({ sub, organization: 'others' }, 'organization_not_found');
    const alone = stage.someone();
    await stage.linked(alone);
    await expectRefused({ sub: alone, organization: 'works' }, 'organization_not_found');
  });

  test('has none where the settings link no organizations', async () => {
    await expectRefused({ sub: owner(), target: 'plain', organization: 'works' }, 'organization_not_found');
  });

  test('that is linked has none, and one again after it was unlinked', async () => {
    const sub = stage.someone({ organizations: [organizationOf('taken')] });
    await stage.linked(sub);
    const state = (value: string) =>
      stage.sql(
        `insert into organization_links (target, organization, target_organization_id, state, owner_sub)
         values ('main', 'shop:taken', 'there', $1, $2) on conflict (target, organization) do update set state = $1`,
        [value, sub],
      );
    await state('linked');
    await expectRefused({ sub, organization: 'taken' }, 'organization_linked');
    await state('unlinked');
    expect((await issue({ sub, organization: 'taken' })).purpose).toBe('organization');
  });
});
