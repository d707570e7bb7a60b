/** How people come along with linking their accounts, as an operator sees it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { chart } from '../../src/admin/claim-tokens/status-text.ts';
import { claimStatus } from '../../src/admin/operations/claim-status.ts';
import * as tokens from '../../src/migration/claim-tokens/claim-tokens.ts';
import { HOUR } from '../migration/claim-tokens/claimants.ts';
import type { ClaimStage } from './claim-stage.ts';
import { openClaimStage } from './claim-stage.ts';

let stage: ClaimStage;
/** UTC days, by the database's clock. */
let days: { today: string; before: string };
const secrets: string[] = [];
beforeAll(async () => {
  stage = await openClaimStage({
    claimTokens: [
      {
        target: 'main',
        enforcement: [
          { name: 'listed', from: '2027-01-01', who: { subs: ['shop:p1', 'shop:p2', 'shop:nobody'] } },
          { name: 'staff', from: '2027-01-01', who: { roles: ['staff'] } },
          { name: 'everybody', from: '2027-01-01' },
        ],
      },
    ],
  });
});
afterAll(() => stage.close());
afterEach(() => {
  stage.state.isLegacyDown = false;
});

const BY = Buffer.alloc(32, 1);
async function issue(
  steps: readonly ('sent' | 'opened' | 'started' | 'failed' | 'claimed')[],
  campaign?: string,
) {
  const sub = stage.someone();
  const { id, text } = await stage.issue({ sub, ...(campaign ? { origin: 'campaign', campaign } : {}) });
  secrets.push(text.reveal().slice(6));
  for (const step of steps) {
    if (step === 'failed') await tokens.noteFailure(stage.db, id, 'cancelled');
    else if (step !== 'claimed') await tokens.noteClaim(stage.db, id, step);
    else {
      await tokens.holdClaim(stage.db, id, BY);
      await stage.db.runParts(tokens.takeParts(id, BY), 'select 1');
      await stage.linked(sub);
    }
  }
  return id;
}

test('before there is any link, it says so', async () => {
  const { text, page } = await stage.run(claimStatus);
  expect(text.split('\n').slice(0, 2)).toEqual(['Links for main, within 30 days', '  None was made.']);
  expect(page).not.toContain('<svg');
});

describe('claim status', () => {
  beforeAll(async () => {
    await issue(['sent', 'opened', 'started', 'claimed'], 'spring');
    await issue(['sent', 'opened', 'started', 'failed'], 'spring');
    await issue(['sent'], 'spring');
    await issue(['opened', 'claimed']);
    await stage.sql('update claim_tokens set issued_at = now()');
    const expired = await issue([], 'spring');
    await stage.age(expired, 48 * HOUR);
    const [row] = await stage.sql(
      `select to_char(max(issued_at) at time zone 'UTC', 'YYYY-MM-DD') as today,
         to_char(min(issued_at) at time zone 'UTC', 'YYYY-MM-DD') as before from claim_tokens`,
    );
    days = row as typeof days;
    await stage.sql(
      `insert into mailings (campaign, target, sub, remedy, state, due_at, enrolled_at, ended_at)
       select 'spring', 'main', 'shop:m' || i, 'claim', case when i < 3 then 'sent' else 'failed' end, now(), now(), now()
       from generate_series(1, 4) i`,
    );
  });

  test('shows totals, shares, each day, letters, and how many are linked', async () => {
    const { text, output } = await stage.run(claimStatus);
    const lines = text.split('\n').map((line) => line.trim().replace(/ {2,}/g, '  '));
    expect(lines.slice(0, 10)).toEqual([
      'Links for main, within 30 days',
      'links  share  which',
      '5  100.0 %  issued  links were made',
      '3  60.0 %  sent  went out in a letter',
      '3  60.0 %  opened  were opened, or led there at once',
      '2  40.0 %  started  led somebody to the target',
      '2  40.0 %  claimed  have linked an account or organization',
      '1  20.0 %  expired  were not used in time',
      '0  0.0 %  revoked  were taken back, most because another link of the same person was used',
      '1  20.0 %  failed  were tried in vain, and nothing came of them since',
    ]);
    expect(text).toContain('█ claimed  ▓ opened, and not claimed  ░ not opened');
    expect(lines).toContain(`${days.today}  4  3  3  2  2  0  1  ████████████▓▓▓▓▓▓░░░░░░`);
    expect(lines).toContain(`${days.before}  1  0  0  0  0  1  0  ░░░░░░`);
    const shown = output.byDay.map(({ day }: { day: string }) => day);
    expect([shown[0], shown[2]]).toEqual([days.before, days.today]);
    expect(lines.slice(-5)).toEqual([
      '2 people are linked at main, by whatever road.',
      'Letters of campaigns: 4 enrolled, 2 sent, 2 failed, 0 skipped, 0 unsure.',
      'Rule listed: 1 of 3 people linked (33.3 %).',
      'Rule staff: not counted, the legacy store would have to be read for it.',
      'Rule everybody: 2 of 5 people linked (40.0 %).',
    ]);
  });

  test('shows one campaign, and no more days than asked for', async () => {
    const spring = await stage.run(claimStatus, { campaign: 'spring', target: 'main' });
    expect(spring.text).toContain('Links for main, campaign spring, within 30 days');
    expect(spring.output.totals).toMatchObject({ issued: 4, sent: 3, claimed: 1, expired: 1, failed: 1 });
    const today = await stage.run(claimStatus, { days: '1' });
    expect(today.output.totals).toMatchObject({ issued: 4, expired: 0 });
    expect(today.output.byDay[0]).toMatchObject({ day: days.today, issued: 4 });
    expect((await stage.run(claimStatus, { campaign: 'none' })).text).toContain('None was made.');
  });

  test('leaves out only what the legacy store would say, while it is down', async () => {
    stage.state.isLegacyDown = true;
    const { output, text } = await stage.run(claimStatus);
    expect(output.totals.issued).toBe(5);
    expect(text).toContain('Rule everybody: not counted');
    expect(text).toContain('Rule listed: 1 of 3 people linked');
  });

  test('is a page that asks nobody for anything, and has neither a name nor a link on it', async () => {
    const { page = '', output } = await stage.run(claimStatus, { campaign: 'spring' });
    expect(page).toContain('<title>Accounts linked at main: campaign spring</title>');
    expect(page).toContain("default-src 'none'; style-src 'unsafe-inline'");
    expect(page).not.toMatch(/https?:|src=|<script|url\(|@import/);
    expect(page).not.toMatch(/shop:|@example/);
    // A column for each day, drawn from the figures of the table below.
    expect(page.match(/<g>/g)).toHaveLength(output.byDay.length);
    expect(page).toContain(`<title>${days.today}: 3 issued, 2 opened, 1 claimed</title>`);
    expect(page).toContain(`<td>${days.today}</td><td class="n">3</td><td class="n">3</td>`);
  });

  test('has no secret in any of its faces', async () => {
    const { text, output, page } = await stage.run(claimStatus);
    const all = JSON.stringify([text, output, page]);
    expect(secrets).toHaveLength(5);
    for (const secret of secrets) expect(all).not.toContain(secret);
  });

  test('escapes what a campaign is called', async () => {
    const { page } = await stage.run(claimStatus, { campaign: '<img src=x>' });
    expect(page).toContain('campaign &lt;img src=x&gt;');
  });

  test.each([{ days: '0' }, { days: '367' }, { days: 'x' }])('refuses %j', async (input) => {
    await expect(stage.run(claimStatus, input)).rejects.toThrow();
  });

  test('knows no target without claim tokens', async () => {
    await expect(stage.run(claimStatus, { target: 'other' })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a bar of the chart', () => {
  const day = { day: '2026-03-01', sent: 0, started: 0, expired: 0, revoked: 0, failed: 0 };
  test.each([
    [{ issued: 0, opened: 0, claimed: 0 }, ''],
    [{ issued: 10, opened: 0, claimed: 0 }, '░░░░░░░░░░'],
    [{ issued: 10, opened: 10, claimed: 10 }, '██████████'],
    [{ issued: 10, opened: 5, claimed: 2 }, '██▓▓▓░░░░░'],
    [{ issued: 5, opened: 1, claimed: 2 }, '██░░░'],
    [{ issued: 0.01, opened: 0, claimed: 0 }, '░'],
  ])('of %j is %s', (figures, bar) => {
    expect(chart({ ...day, ...figures }, 10, 10)).toBe(bar);
  });
});
