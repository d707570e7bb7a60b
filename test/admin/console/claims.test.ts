/** How claim campaigns are shown: by day, by rule, by letter; and with the legacy store out of the way. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { targetPanels } from '../../../src/admin/console/claims.ts';
import { claimsPage } from '../../../src/admin/console/pages/claims.ts';
import type { Desk } from '../../../src/admin/operation.ts';
import * as tokens from '../../../src/migration/claim-tokens/claim-tokens.ts';
import type { ClaimStage } from '../claim-stage.ts';
import { openClaimStage } from '../claim-stage.ts';

const who = { name: 'ada', role: 'operator' } as const;
let stage: ClaimStage;
beforeAll(async () => {
  stage = await openClaimStage({
    claimTokens: [
      { target: 'main', enforcement: [{ name: 'staff', from: '2020-01-01', who: { roles: ['staff'] } }] },
    ],
  });
});
afterAll(() => stage?.close());

const panelsOf = () => targetPanels(stage.desk as Desk, stage.desk.claimTokens[0]!, { who, now: new Date() });

test('without a link it says so, and what comes next', async () => {
  const [first, campaigns] = await panelsOf();
  expect(first?.empty?.sentence).toBe('No link was made within 30 days.');
  expect(first?.chart).toBeUndefined();
  expect(campaigns?.empty?.command).toContain('footbridge claim invite --target main');
});

test('links are counted by what became of them, and drawn by their day', async () => {
  const sub = stage.someone();
  const { id } = await stage.issue({ sub, origin: 'campaign', campaign: 'autumn' });
  await tokens.noteClaim(stage.db, id, 'opened');
  await stage.issue({ sub: stage.someone() });
  stage.state.isLegacyDown = true;
  const panels = await panelsOf();
  stage.state.isLegacyDown = false;
  const figures = Object.fromEntries((panels[0]?.figures ?? []).map(({ label, value }) => [label, value]));
  expect(figures).toMatchObject({ issued: '2', opened: '1', claimed: '0' });
  const drawn = panels[0]?.chart?.table;
  expect(drawn?.head.slice(1)).toEqual(['claimed', 'opened, not claimed', 'not opened']);
  expect(drawn?.rows[0]?.values).toEqual(['0', '1', '1']);
  const rules = panels.find(({ title }) => title?.startsWith('Rules'));
  expect(rules?.table?.rows[0]?.slice(0, 2)).toEqual(['staff', { badge: { text: 'refuses', tone: 'bad' } }]);
  const links = panels.find(({ title }) => title?.startsWith('The newest links'));
  expect(links?.table?.rows).toHaveLength(2);
});

test('of a target without claim tokens there is nothing', async () => {
  const ask = { params: {}, query: new URLSearchParams('target=elsewhere'), who, now: new Date() };
  const { data } = await claimsPage.load(stage.desk as Desk, ask);
  expect(JSON.stringify(data)).toContain('nobody links an account by themselves');
});
