/** Letters as our database keeps them: whose turn it is, what belongs together, and what is forgotten. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  beginReading,
  endReading,
  keepPlace,
  leaveCampaign,
  openCampaignRow,
  SWEEP_CAMPAIGNS,
  takeCampaign,
} from '../../../src/migration/mailings/campaigns.ts';
import type { Campaign } from '../../../src/migration/mailings/mailing.ts';
import {
  begin,
  checkCampaign,
  claim,
  countKnown,
  countMailings,
  enrol,
  finish,
  forgetMailings,
  markUnsure,
  SWEEP_MAILINGS,
} from '../../../src/migration/mailings/mailings.ts';
import { intervalOf } from '../../../src/migration/mailings/run.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
let db: Db;
const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
beforeEach(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterEach(async () => {
  await db.close();
  await database.drop();
});

const CAMPAIGN: Campaign = { campaign: 'spring', target: 'main', remedy: 'claim' };
const NOW = Date.parse('2026-03-01T08:00:00Z');
const turn = (ms: number) => ({ nowMs: NOW + ms, intervalMs: 1_000 });
const person = (sub: string, organization?: string) => ({
  ...{ sub, code: null, batchedAt: null },
  ...(organization ? { organization } : {}),
});
const enrolled = (...people: ReturnType<typeof person>[]) => enrol(db, { ...CAMPAIGN, nowMs: NOW }, people);
const ending = { nowMs: NOW, actor: 'operator:test', subject: Buffer.from('subject') };

async function taken(ms: number) {
  const mailing = await claim(db, CAMPAIGN.campaign, turn(ms));
  if (!mailing) throw new Error('nobody is due');
  return mailing;
}

describe('somebody of a campaign', () => {
  test('is in it once for themselves and once for each organization', async () => {
    expect(await enrolled(person('a'), person('a', 'x'), person('a', 'y'))).toBe(3);
    expect(await enrolled(person('a'), person('a', 'y'), person('b'))).toBe(1);
    expect(
      await countKnown(db, 'spring', [person('a'), person('a', 'y'), person('a', 'z'), person('c')]),
    ).toBe(2);
    expect(await forgetMailings(db, 'main', 'a')).toBeUndefined();
    expect(await countMailings(db, 'spring')).toMatchObject([{ users: 1, examples: ['b'] }]);
  });

  test('is one node’s at a time, and each of their letters is taken by itself', async () => {
    await enrolled(person('a', 'x'), person('a', 'y'));
    const [one, two] = [await taken(0), await taken(0)];
    expect([one.organization, two.organization]).toEqual(['x', 'y']);
    expect(await claim(db, 'spring', turn(0))).toBeUndefined();
    await openCampaignRow(db, 'spring', 'main');
    expect(await begin(db, one, turn(0))).toBeDefined();
    await finish(db, one, { ...ending, state: 'sent' });
    expect(await sql('select organization, state from mailings order by 1')).toEqual([
      { organization: 'x', state: 'sent' },
      { organization: 'y', state: 'waiting' },
    ]);
  });
});

describe('a turn', () => {
  const part = (name: string) => ({
    name,
    text: `insert into claim_rules (target, rule, paused, reason, actor) select 'main', $1::text, true, '', ''
      where exists (select from mailing_begun) returning rule`,
    values: [name],
  });

  test('is one node’s, and what belongs to it is written with it or not at all', async () => {
    await enrolled(person('a'), person('b'));
    await openCampaignRow(db, 'spring', 'main');
    const [one, two] = [await taken(0), await taken(0)];
    const both = await Promise.all(
      [one, two].map((mailing) =>
        begin(db, mailing, turn(5), { parts: [part(`of_${mailing.sub}`)], row: `of_${mailing.sub}` }),
      ),
    );
    const begun = both.filter((answer) => answer !== undefined);
    expect(begun).toHaveLength(1);
    const rules = await sql('select rule from claim_rules');
    expect(begun).toEqual([{ row: rules[0] }]);
    expect(rules).toHaveLength(1);
    expect(await sql(`select count(*)::int as n from mailings where state = 'sending'`)).toEqual([{ n: 1 }]);
  });

  test('comes after the interval, and at once after one that a clock ahead of ours has taken', async () => {
    await enrolled(person('a'), person('b'), person('c'));
    await openCampaignRow(db, 'spring', 'main');
    const [one, two] = [await taken(0), await taken(0)];
    expect(await begin(db, one, turn(0))).toBeDefined();
    expect(await claim(db, 'spring', turn(999))).toBeUndefined();
    expect(await begin(db, two, turn(999))).toBeUndefined();
    expect(await begin(db, two, turn(1_000))).toBeDefined();
    expect(await begin(db, await taken(5_000), turn(-5_000))).toBeDefined();
  });

  test('is not that of a lease that has run out, and leaves nothing', async () => {
    await enrolled(person('a'));
    await openCampaignRow(db, 'spring', 'main');
    const mailing = await taken(0);
    await sql(`update mailings set leased_until = now() - interval '1 second'`);
    expect(await begin(db, mailing, turn(0), { parts: [part('late')], row: 'late' })).toBeUndefined();
    expect(await sql('select * from claim_rules')).toEqual([]);
  });

  test('that was begun by somebody who died may have been sent', async () => {
    await enrolled(person('a'));
    await openCampaignRow(db, 'spring', 'main');
    await begin(db, await taken(0), turn(0));
    await markUnsure(db, 'spring');
    expect(await countMailings(db, 'spring')).toMatchObject([{ state: 'sending' }]);
    await sql(`update mailings set leased_until = now() - interval '1 second'`);
    await markUnsure(db, 'spring');
    expect(await countMailings(db, 'spring')).toMatchObject([{ state: 'unsure', code: 'process_ended' }]);
  });

  test('comes as often as the slower of campaign and mail server wants it', () => {
    expect([intervalOf(60, 6_000), intervalOf(36_000, 60), intervalOf(36_000, undefined)]).toEqual([
      60_000, 1_000, 100,
    ]);
  });
});

describe('the name of a campaign', () => {
  test('is one target’s and one remedy’s', async () => {
    await enrolled(person('a'));
    await expect(checkCampaign(db, CAMPAIGN)).resolves.toBeUndefined();
    for (const other of [{ target: 'other' }, { remedy: 'reset' as const }])
      await expect(checkCampaign(db, { ...CAMPAIGN, ...other })).rejects.toMatchObject({
        code: 'bad_request',
      });
  });
});

describe('the reading of a legacy store', () => {
  const audience = { campaign: 'spring', target: 'main', plan: { roles: ['a'] } };
  const again = { again: true };

  test('goes on where the same was cut off, and anew for others', async () => {
    expect(await beginReading(db, audience, again)).toMatchObject({ readUpTo: '', isRead: false });
    await keepPlace(db, 'spring', 'shop:7');
    expect(await beginReading(db, audience, again)).toMatchObject({ readUpTo: 'shop:7', isRead: false });
    expect(await beginReading(db, { ...audience, plan: {} }, again)).toMatchObject({ readUpTo: '' });
  });

  test('that came to its end begins anew only where it is to', async () => {
    await beginReading(db, audience, again);
    await keepPlace(db, 'spring', 'shop:7');
    await endReading(db, 'spring');
    const once = { again: false };
    expect(await beginReading(db, audience, once)).toMatchObject({ readUpTo: 'shop:7', isRead: true });
    expect(await beginReading(db, audience, again)).toMatchObject({ readUpTo: '', isRead: false });
  });

  test('is one node’s, until it leaves it or its time is up', async () => {
    const [ours, theirs] = [
      { lease: 'ours', seconds: 60 },
      { lease: 'theirs', seconds: 60 },
    ];
    expect(await takeCampaign(db, audience, ours)).toBe(true);
    expect(await takeCampaign(db, audience, ours)).toBe(true);
    expect(await takeCampaign(db, audience, theirs)).toBe(false);
    await leaveCampaign(db, 'spring', { lease: 'theirs', seconds: 0 });
    expect(await takeCampaign(db, audience, theirs)).toBe(false);
    await leaveCampaign(db, 'spring', { lease: 'ours', seconds: 0 });
    expect(await takeCampaign(db, audience, theirs)).toBe(true);
  });
});

test('what is old is swept, and what still waits is not', async () => {
  await enrolled(person('a'), person('a', 'x'), person('b'));
  await openCampaignRow(db, 'spring', 'main');
  await openCampaignRow(db, 'old', 'main');
  await sql(
    `update mailings set due_at = now() - interval '366 days', state = case sub when 'b' then 'waiting' else 'sent' end`,
  );
  await sql(`update mailing_campaigns set begun_at = now() - interval '801 days' where campaign = 'old'`);
  expect(await db.run(SWEEP_MAILINGS, [10])).toEqual([{ gone: 2 }]);
  expect(await db.run(SWEEP_CAMPAIGNS, [10])).toEqual([{ gone: 1 }]);
  expect(await sql('select campaign from mailing_campaigns')).toEqual([{ campaign: 'spring' }]);
});
