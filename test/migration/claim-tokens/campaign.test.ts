/** Campaigns of claim tokens over real mail and a real database: nobody gets two, and no link is kept. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { rehearseClaims } from '../../../src/migration/claim-tokens/campaign-rehearsal.ts';
import type { ClaimCampaignReport } from '../../../src/migration/claim-tokens/campaign-run.ts';
import { findByText, listClaimTokens } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import { INTERRUPTED } from '../../../src/migration/mailings/health.ts';
import { campaignCounts } from '../../../src/migration/mailings/mailings.ts';
import { fakeClock } from '../../mail/fake-clock.ts';
import type { MailStage } from '../../mail/smtp-stage.ts';
import { openMailStage, refusal } from '../../mail/smtp-stage.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { CampaignPlace, CampaignWorld } from './campaign-world.ts';
import { CAMPAIGN, emailOf, ISSUER, openCampaignWorld, requestOf, selection } from './campaign-world.ts';
import { organizationOf } from './claimants.ts';

let stage: MailStage;
let database: TestDatabase;
let world: CampaignWorld;
const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);

beforeAll(async () => {
  stage = await openMailStage();
});
afterAll(() => stage.stop());
beforeEach(async () => {
  stage.mails.length = 0;
  stage.refusals.clear();
  stage.onMail = undefined;
  database = await testDatabase();
  open();
});
afterEach(async () => {
  await world.close();
  await database.drop();
});

function open(more: Partial<CampaignPlace> = {}): void {
  world = openCampaignWorld({ databaseUrl: database.url, smtpPort: stage.port, ...more });
}
async function reopen(more: Partial<CampaignPlace>): Promise<void> {
  await world.close();
  open(more);
}

const counted = ({ counts }: ClaimCampaignReport) =>
  Object.fromEntries(counts.map(({ state, code, users }) => [code ? `${state} ${code}` : state, users]));
const linkIn = (text = '') =>
  new RegExp(`${ISSUER}/claim/(fbc[po]1\\.[\\w-]{43})`).exec(text)?.[1] ?? 'no link';
const mailsTo = async (sub: string) => (await stage.parsed(emailOf(sub))).text;
const tokensOf = (sub: string) => listClaimTokens(world.deps.db, { sub }, 10);

describe('a campaign of claim tokens', () => {
  test('mails everybody a link of their own, in their language, which opens for them alone', async () => {
    const [anna, ben] = world.add(2);
    world.change(anna!, { locale: 'de-AT', zoneinfo: 'Europe/Vienna' });
    const report = await world.run({}, fakeClock());
    expect(report).toMatchObject({ enrolled: 2, sent: 2, stopped: undefined, organizations: false });
    for (const sub of [anna!, ben!]) {
      const found = await findByText(world.deps.db, linkIn(await mailsTo(sub)));
      expect(found).toMatchObject({ sub, purpose: 'person', origin: 'campaign', campaign: CAMPAIGN });
      expect(found.sentAt).toBeInstanceOf(Date);
    }
    expect((await stage.parsed(emailOf(anna!))).subject).not.toBe(
      (await stage.parsed(emailOf(ben!))).subject,
    );
    const [record] = await world.audit.records({ sub: ben!, action: 'mail.sent' });
    expect(record).toMatchObject({
      actor: 'operator:test',
      detail: { campaign: CAMPAIGN, target: 'main', remedy: 'claim' },
    });
  });

  test('asks nobody twice, however often it is run, and finds those who have come since', async () => {
    const subs = world.add(3);
    await world.run({}, fakeClock());
    const [late] = world.add(1);
    expect(await world.run({}, fakeClock())).toMatchObject({ enrolled: 1, sent: 1 });
    expect([...subs, late!].map((sub) => stage.sentTo(emailOf(sub)))).toEqual([1, 1, 1, 1]);
    expect(await world.run({ campaign: 'again' }, fakeClock())).toMatchObject({ sent: 4 });
  });

  test('is for those who fit, and for nobody who is linked, left out, or without a mailbox of their own', async () => {
    const [vip, linked, excluded, deleted, disabled, unverified] = world.add(6, { roles: ['vip'] });
    world.add(2);
    await world.stand('migrated', linked!);
    await world.stand('excluded', excluded!);
    await world.stand('deleted', deleted!);
    world.change(disabled!, { state: 'disabled' });
    world.change(unverified!, { emailVerified: false });
    const report = await world.run({ selection: selection({ roles: ['vip'] }) }, fakeClock());
    expect(counted(report)).toEqual({ sent: 1 });
    expect(stage.mails.map(({ to }) => to[0])).toEqual([emailOf(vip!)]);
  });

  test('for listed people asks only for them', async () => {
    const [, second] = world.add(3);
    const report = await world.run({ selection: selection({ subs: [second, 'shop:nobody'] }) }, fakeClock());
    expect(report).toMatchObject({ enrolled: 1, sent: 1 });
    expect([stage.sentTo(emailOf(second!)), world.state.read]).toEqual([1, 0]);
  });

  test('stops at its limit, and keeps its pace', async () => {
    world.add(4);
    const clock = fakeClock();
    const report = await world.run({ limit: 2, perHour: 60 }, clock);
    expect(report).toMatchObject({ sent: 2, stopped: { code: 'limit' } });
    expect(await world.run({ perHour: 60 }, clock)).toMatchObject({ sent: 2 });
    const rows = await sql('select extract(epoch from started_at)::float8 as at from mailings order by 1');
    const times = rows.map(({ at }) => Number(at));
    expect(times.slice(1).map((at, i) => at - times[i]!)).toEqual([60, 60, 60]);
  });

  test('ends after the letter that is under way when it is told to, also while it waits', async () => {
    world.add(3);
    const clock = fakeClock();
    const stops = () => (stage.mails.length === 1 ? INTERRUPTED : undefined);
    const report = await world.run({ perHour: 1 }, clock, { stops });
    expect(report).toMatchObject({ sent: 1, stopped: { code: 'interrupted' } });
    expect(clock.waits.length).toBeLessThanOrEqual(1);
    expect(counted(report)).toEqual({ sent: 1, waiting: 2 });
  });

  test('counts by day what became of its letters', async () => {
    const [, refused, gone] = world.add(3);
    stage.refusals.set(emailOf(refused!), '550 5.1.1 unknown');
    await world.run({ limit: 1 });
    world.people.delete(gone!);
    await world.run();
    const day = new Date().toISOString().slice(0, 10);
    const asked = { target: 'main', days: 2 };
    const counts = await campaignCounts(world.deps.db, { ...asked, campaign: CAMPAIGN });
    const sum = (what: 'enrolled' | 'sent' | 'failed' | 'skipped' | 'unsure') =>
      counts.reduce((all, one) => all + one[what], 0);
    expect([sum('enrolled'), sum('sent'), sum('failed'), sum('skipped'), sum('unsure')]).toEqual([
      3, 1, 1, 1, 0,
    ]);
    expect(counts.every((one) => one.day <= day)).toBe(true);
    expect(await campaignCounts(world.deps.db, asked)).toEqual(counts);
    expect(await campaignCounts(world.deps.db, { ...asked, campaign: 'other' })).toEqual([]);
  });
});

describe('whoever was written down', () => {
  const changes: readonly (readonly [string, (sub: string) => Promise<void> | void])[] = [
    ['linked', (sub) => world.stand('migrated', sub)],
    ['excluded', (sub) => world.stand('excluded', sub)],
    ['gone', (sub) => void world.people.delete(sub)],
    ['disabled', (sub) => world.change(sub, { state: 'disabled' })],
    ['no_verified_address', (sub) => world.change(sub, { emailVerified: false })],
  ];
  test.each(changes)('is not written to when it shows right before: %s', async (code, change) => {
    const [first, second] = world.add(2);
    await world.run({ limit: 1 }, fakeClock());
    await change(second!);
    expect(counted(await world.run({}, fakeClock()))).toEqual({ sent: 1, [`skipped ${code}`]: 1 });
    expect(stage.mails.map(({ to }) => to[0])).toEqual([emailOf(first!)]);
    expect(await tokensOf(second!)).toEqual([]);
  });

  test('and may have got it before the process died is asked again only on demand', async () => {
    const [sub] = world.add(1);
    await sql(
      `insert into mailings (campaign, target, sub, remedy, state, due_at, lease, leased_until)
      values ($1, 'main', $2, 'claim', 'sending', '2026-01-01', 'dead', now() - interval '1 second')`,
      [CAMPAIGN, sub],
    );
    expect(counted(await world.run({}, fakeClock()))).toEqual({ 'unsure process_ended': 1 });
    expect(stage.mails).toEqual([]);
    expect(await world.run({ repeatUnsure: true }, fakeClock())).toMatchObject({ sent: 1 });
  });
});

describe('trouble', () => {
  test('with one mailbox is that person’s alone, and their link is taken back', async () => {
    const [bad, good] = world.add(2);
    stage.refusals.set(emailOf(bad!), '550 5.1.1 fbcp1 unknown');
    const report = await world.run({}, fakeClock());
    expect(counted(report)).toEqual({ sent: 1, 'failed mail_refused': 1 });
    expect((await tokensOf(bad!)).map(({ state }) => state)).toEqual(['revoked']);
    expect((await tokensOf(good!)).map(({ state }) => state)).toEqual(['open']);
    stage.refusals.clear();
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 0 });
    expect(await world.run({ repeatFailed: true }, fakeClock())).toMatchObject({ sent: 1 });
  });

  test('of the mail server is waited for; everybody gets theirs when it is back, and one open link', async () => {
    const subs = world.add(3);
    stage.onMail = () => {
      throw refusal('421 4.3.2 going down');
    };
    const clock = fakeClock();
    const { sleep } = clock;
    clock.sleep = async (ms) => {
      if (clock.waits.length > 30) stage.onMail = undefined;
      await sleep(ms);
    };
    expect(await world.run({}, clock, { stops: () => undefined })).toMatchObject({ sent: 3 });
    for (const sub of subs) {
      expect(stage.sentTo(emailOf(sub))).toBe(1);
      expect((await tokensOf(sub)).filter(({ state }) => state === 'open')).toHaveLength(1);
    }
  });

  test('that does not pass ends the run, and the next one goes on', async () => {
    world.add(2);
    await stage.stop();
    const report = await world.run({}, fakeClock());
    expect(report).toMatchObject({ sent: 0, stopped: { code: 'unavailable' } });
    await stage.start();
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 2, stopped: undefined });
  });

  test('of the legacy store in the middle of its people is no end: it is read on from there', async () => {
    const subs = world.add(2_300);
    world.state.readsUntil = subs[1_200];
    await expect(world.run({ limit: 1 }, fakeClock())).rejects.toMatchObject({ code: 'legacy_unavailable' });
    expect(stage.mails).toEqual([]);
    expect(await sql('select count(*)::int as n from mailings')).toEqual([{ n: 1_000 }]);
    world.state.readsUntil = undefined;
    world.state.read = 0;
    expect(await world.run({ limit: 1 }, fakeClock())).toMatchObject({ enrolled: 1_300, sent: 1 });
    expect(world.state.read).toBe(1_300);
  });

  test('of the legacy store between two letters skips nobody', async () => {
    world.add(2);
    const { findBySub } = world.deps.directory;
    let asked = 0;
    const directory = {
      ...world.deps.directory,
      findBySub: async (sub: string) => {
        asked += 1;
        world.state.isLegacyDown = asked === 2;
        return findBySub(sub);
      },
    };
    Object.assign(world.deps, { directory });
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 2, stopped: undefined });
    expect(asked).toBe(3);
  });

  test('asked for somebody else, a reading that was cut off begins anew', async () => {
    const subs = world.add(1_500, { roles: ['one'] });
    world.change(subs[0]!, { roles: ['two'] });
    world.state.readsUntil = subs[900];
    await expect(world.run({ selection: selection({ roles: ['one'] }) })).rejects.toMatchObject({
      code: 'legacy_unavailable',
    });
    world.state.readsUntil = undefined;
    const report = await world.run({ selection: selection({ roles: ['two'] }), limit: 1 }, fakeClock());
    expect(report.enrolled).toBe(1);
  });
});

describe('a campaign for organizations', () => {
  const organizations = { organizations: {} };
  const owning = (...ids: string[]) => ({ organizations: ids.map((id) => organizationOf(id)) });

  test('mails owners who have linked their own account a link for each, and no one else', async () => {
    await reopen({ claimTokens: organizations });
    const [owner] = world.add(1, owning('a', 'b'));
    const [stranger] = world.add(1, owning('c'));
    const [member] = world.add(1, { organizations: [organizationOf('a', { isOwner: false })] });
    await world.stand('migrated', owner!, member!);
    await sql(
      `insert into organization_links (target, organization, target_organization_id, state, owner_sub)
      values ('main', 'shop:b', 'there-b', 'linked', $1)`,
      [owner],
    );
    const asked = { organizations: true, campaign: 'works' };
    expect(await world.run(asked, fakeClock())).toMatchObject({ enrolled: 1, sent: 1 });
    expect([stage.sentTo(emailOf(stranger!)), stage.sentTo(emailOf(member!))]).toEqual([0, 0]);
    const text = await mailsTo(owner!);
    expect(text).toContain('Works a');
    expect(await findByText(world.deps.db, linkIn(text))).toMatchObject({
      purpose: 'organization',
      organization: 'shop:a',
      campaign: 'works',
    });
    await sql('delete from organization_links');
    expect(await world.run(asked, fakeClock())).toMatchObject({ enrolled: 1, sent: 1 });
    expect(stage.sentTo(emailOf(owner!))).toBe(2);
    expect(await world.run(asked, fakeClock())).toMatchObject({ enrolled: 0, sent: 0 });
  });

  test('skips those that were linked, or given away, since they were written down', async () => {
    await reopen({ claimTokens: organizations });
    const [owner] = world.add(1, owning('a', 'b', 'c'));
    await world.stand('migrated', owner!);
    const asked = { organizations: true };
    await world.run({ ...asked, limit: 1 }, fakeClock());
    world.change(owner!, { organizations: [organizationOf('b'), organizationOf('c', { isOwner: false })] });
    await sql(
      `insert into organization_links (target, organization, target_organization_id, state, owner_sub)
      values ('main', 'shop:b', 'there-b', 'linked', $1)`,
      [owner],
    );
    expect(counted(await world.run(asked, fakeClock()))).toEqual({
      sent: 1,
      'skipped organization_linked': 1,
      'skipped not_owner': 1,
    });
  });

  test('writes to one owner about so many at once, and says how many are left', async () => {
    await reopen({ claimTokens: organizations });
    const [owner] = world.add(1, owning(...Array.from({ length: 25 }, (_, i) => `o${i + 10}`)));
    await world.stand('migrated', owner!);
    const seen = await rehearseClaims(world.deps, requestOf({ organizations: true }));
    expect(seen).toMatchObject({ meant: 20, beyond: 5 });
    expect(seen.sample?.mail.text).toContain('Works o10');
  });

  test('there is none where the settings say nothing of organizations', async () => {
    await expect(world.run({ organizations: true })).rejects.toMatchObject({ code: 'bad_request' });
  });
});

describe('a campaign cannot begin', () => {
  test('without a mail server, at a target without claim tokens, or under the name of another', async () => {
    world.add(1);
    await expect(rehearseClaims({ ...world.deps, mailer: undefined }, requestOf())).rejects.toMatchObject({
      code: 'config_invalid',
    });
    await expect(world.run({ selection: selection({ target: 'other' }) })).rejects.toMatchObject({
      code: 'not_found',
    });
    await sql(
      `insert into mailings (campaign, target, sub, remedy, state, due_at)
      values ($1, 'main', 'shop:x', 'reset', 'waiting', now())`,
      [CAMPAIGN],
    );
    await expect(world.run()).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('where the store cannot be read from end to end, but can for listed people', async () => {
    const [sub] = world.add(1);
    Object.assign(world.deps.directory, { entries: undefined });
    await expect(world.run()).rejects.toMatchObject({ code: 'config_invalid' });
    expect(await world.run({ selection: selection({ subs: [sub] }) }, fakeClock())).toMatchObject({
      sent: 1,
    });
  });
});

describe('a rehearsal', () => {
  test('says how many, why others not, who has to log in, how long, and one letter; and changes nothing', async () => {
    const [first, second, linked, disabled] = world.add(4);
    await world.run({ limit: 1 }, fakeClock());
    stage.mails.length = 0;
    await world.stand('migrated', linked!);
    world.change(disabled!, { state: 'disabled' });
    world.add(1);
    const totp = { secret: Buffer.from('seed'), digits: 6, periodSeconds: 30, algorithm: 'SHA1' } as const;
    world.people.set(second!, { ...world.people.get(second!)!, credentials: { passwords: [], totp } });
    const before = [
      await sql('select * from mailings order by sub'),
      await sql('select * from claim_tokens'),
    ];
    const seen = await rehearseClaims(world.deps, requestOf({ perHour: 2 }));
    expect(seen).toMatchObject({ read: 5, meant: 3, fresh: 1, logIn: { users: 1, rule: 'second-factor' } });
    // Those who wait are looked at again when it is their turn.
    expect(seen.hours).toBe(2);
    expect(seen.leftOut).toEqual([
      { reason: 'linked', users: 1, examples: [linked] },
      { reason: 'disabled', users: 1, examples: [disabled] },
    ]);
    expect(seen.sample).toMatchObject({ sub: first, to: emailOf(first!) });
    expect(seen.sample?.mail.text).toContain('[link]');
    expect(seen.sample?.mail.text).not.toContain('/claim/');
    expect(stage.mails).toEqual([]);
    expect([
      await sql('select * from mailings order by sub'),
      await sql('select * from claim_tokens'),
    ]).toEqual(before);
  });
});
