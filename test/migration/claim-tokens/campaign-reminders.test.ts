/** Reminders that the old login ends: the latest that is due, to whom it concerns, once, on many nodes. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { dueReminder } from '../../../src/migration/claim-tokens/campaign-reminder-days.ts';
import type { RemindersDeps } from '../../../src/migration/claim-tokens/campaign-reminders.ts';
import { openReminders } from '../../../src/migration/claim-tokens/campaign-reminders.ts';
import { listClaimTokens } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import { addException } from '../../../src/migration/claim-tokens/exceptions.ts';
import { pauseRule, resumeRule } from '../../../src/migration/claim-tokens/rules.ts';
import { fakeClock } from '../../mail/fake-clock.ts';
import type { MailStage } from '../../mail/smtp-stage.ts';
import { openMailStage, refusal } from '../../mail/smtp-stage.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { CampaignWorld } from './campaign-world.ts';
import { emailOf, openCampaignWorld } from './campaign-world.ts';

const DAY_MS = 86_400_000;
/** The old login ends on the 31st of March, when these days are over. */
const RULE = { name: 'spring', from: '2026-03-17', graceDays: 14, remindDays: [14, 7, 1] };
const at = (text: string) => Date.parse(`${text}T09:00:00Z`);

let stage: MailStage;
let database: TestDatabase;
let world: CampaignWorld;
const errors: unknown[] = [];
const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);

beforeAll(async () => {
  stage = await openMailStage();
});
afterAll(() => stage.stop());
beforeEach(async () => {
  stage.mails.length = 0;
  stage.onMail = undefined;
  errors.length = 0;
  database = await testDatabase();
  open([RULE]);
});
afterEach(async () => {
  await world.close();
  await database.drop();
  expect(errors).toEqual([]);
});

function open(enforcement: readonly object[], remindersPerHour = 36_000): void {
  const claimTokens = { enforcement, remindersPerHour };
  world = openCampaignWorld({ databaseUrl: database.url, smtpPort: stage.port, claimTokens });
}

function nodeAt(clock: ReturnType<typeof fakeClock>, more: Partial<RemindersDeps> = {}) {
  return openReminders({ ...world.deps, clock, onError: (error) => errors.push(error), ...more });
}
const roundAt = (day: string, more?: Partial<RemindersDeps>) => nodeAt(fakeClock(at(day)), more).round();
const got = (subs: readonly string[]) => subs.map((sub) => stage.sentTo(emailOf(sub)));
const campaigns = async () =>
  (await sql('select distinct campaign from mailings order by 1')).map(({ campaign }) => campaign);
const rule = { target: 'main', rule: 'spring', reason: 'wait', actor: 'operator:test' };

describe('the reminder that is due', () => {
  const due = (day: string, remindDays = RULE.remindDays) =>
    dueReminder({ from: new Date('2026-03-17'), graceDays: 14, remindDays }, at(day))?.day;
  test('is the latest whose day has come', () => {
    expect(due('2026-03-16')).toBeUndefined();
    expect(due('2026-03-17')).toBe('2026-03-17');
    expect(due('2026-03-23')).toBe('2026-03-17');
    expect(due('2026-03-24')).toBe('2026-03-24');
    expect(due('2026-03-30', [1, 14, 7])).toBe('2026-03-30');
  });

  test('is none once the old login has ended, or where nobody is to be reminded', () => {
    expect(due('2026-03-31')).toBeUndefined();
    expect(due('2026-03-24', [])).toBeUndefined();
  });

  test('says the last moment of the old login', () => {
    const found = dueReminder(
      { from: new Date('2026-03-17'), graceDays: 14, remindDays: [7] },
      at('2026-03-24'),
    );
    expect(found?.until.toISOString()).toBe('2026-03-30T23:59:59.999Z');
  });
});

describe('a reminder', () => {
  test('goes to each whom the rule is for, with the last day and a link; not to who is linked or excepted', async () => {
    const [sub, linked, excepted, disabled] = world.add(4);
    await world.stand('migrated', linked!);
    const common = { target: 'main', actor: 'operator:test' };
    const subject = world.audit.pseudonym(excepted!);
    await addException(world.deps.db, { ...common, sub: excepted!, subject, reason: 'away', until: null });
    world.change(disabled!, { state: 'disabled' });
    await roundAt('2026-03-24');
    expect(got([sub!, linked!, excepted!, disabled!])).toEqual([1, 0, 0, 0]);
    expect((await stage.parsed(emailOf(sub!))).text).toContain('March 30, 2026');
    const [token] = await listClaimTokens(world.deps.db, { sub: sub! }, 5);
    expect(token).toMatchObject({ origin: 'campaign', campaign: 'remind:main:spring:2026-03-24' });
    const [record] = await world.audit.records({ sub: sub!, action: 'mail.sent' });
    expect(record).toMatchObject({ actor: 'footbridge', detail: { remedy: 'claim-reminder' } });
  });

  test('that was missed is not made up for: only the latest is sent', async () => {
    const subs = world.add(2);
    await roundAt('2026-03-30');
    expect(got(subs)).toEqual([1, 1]);
    expect(await campaigns()).toEqual(['remind:main:spring:2026-03-30']);
  });

  test('is sent once, and the next one on its own day', async () => {
    const subs = world.add(2);
    const clock = fakeClock(at('2026-03-17'));
    const node = nodeAt(clock);
    await node.round();
    await node.round();
    expect(got(subs)).toEqual([1, 1]);
    clock.ms = at('2026-03-24');
    await node.round();
    expect(got(subs)).toEqual([2, 2]);
  });

  test('is none before the first day, nor after the end', async () => {
    world.add(1);
    await roundAt('2026-03-16');
    await roundAt('2026-03-31');
    expect([stage.mails, await campaigns(), world.state.read]).toEqual([[], [], 0]);
  });

  test('has the legacy store read once, whatever the rounds', async () => {
    world.add(3);
    const node = nodeAt(fakeClock(at('2026-03-24')));
    for (let round = 0; round < 3; round += 1) await node.round();
    expect(world.state.read).toBe(3);
    const [late] = world.add(1);
    await node.round();
    expect(got([late!])).toEqual([0]);
  });

  test('is of the first rule that fits somebody', async () => {
    await world.close();
    open([
      { ...RULE, name: 'staff', from: '2027-01-01', who: { roles: ['staff'] } },
      { ...RULE, who: { roles: ['staff', 'buyer'] } },
    ]);
    const [staff] = world.add(1, { roles: ['staff'] });
    const [buyer] = world.add(1, { roles: ['buyer'] });
    const [other] = world.add(1);
    await roundAt('2026-03-24');
    expect(got([staff!, buyer!, other!])).toEqual([0, 1, 0]);
  });
});

describe('what operators say', () => {
  test('stops a rule before anything of it, and lets it go on', async () => {
    const subs = world.add(1);
    await pauseRule(world.deps.db, rule);
    await roundAt('2026-03-24');
    expect([got(subs), await campaigns()]).toEqual([[0], []]);
    await resumeRule(world.deps.db, rule);
    await roundAt('2026-03-24');
    expect(got(subs)).toEqual([1]);
  });

  test('counts from the next letter on', async () => {
    const subs = world.add(5);
    stage.onMail = async () => {
      if (stage.mails.length === 1) await pauseRule(world.deps.db, rule);
    };
    await roundAt('2026-03-24');
    expect(stage.mails).toHaveLength(2);
    await resumeRule(world.deps.db, rule);
    stage.onMail = undefined;
    await roundAt('2026-03-24');
    expect(got(subs)).toEqual([1, 1, 1, 1, 1]);
  });

  test('keeps somebody from it who was excepted, or whom the rule is no longer for, after they were written down', async () => {
    await world.close();
    open([{ ...RULE, who: { roles: ['buyer'] } }]);
    const [first, excepted, other] = world.add(3, { roles: ['buyer'] });
    const subject = world.audit.pseudonym(excepted!);
    stage.onMail = async () => {
      const how = { target: 'main', sub: excepted!, subject, reason: 'away', until: null };
      await addException(world.deps.db, { ...how, actor: 'operator:test' });
      world.change(other!, { roles: [] });
    };
    await roundAt('2026-03-24');
    expect(got([first!, excepted!, other!])).toEqual([1, 0, 0]);
    const skipped = await sql(
      `select sub, problem->>'code' as code from mailings where state = 'skipped' order by sub`,
    );
    expect(skipped).toEqual([
      { sub: excepted, code: 'excepted' },
      { sub: other, code: 'not_asked' },
    ]);
  });
});

describe('several nodes', () => {
  test('send one reminder together, to nobody twice', async () => {
    const subs = world.add(40);
    const clock = fakeClock(at('2026-03-24'));
    const nodes = Array.from({ length: 3 }, () => nodeAt(clock));
    for (let round = 0; round < 5; round += 1) await Promise.all(nodes.map((node) => node.round()));
    expect(got(subs)).toEqual(subs.map(() => 1));
    expect(world.state.read).toBe(40);
  });

  test('take over from one that died while it read or sent, when its time is up', async () => {
    const subs = world.add(2);
    const campaign = 'remind:main:spring:2026-03-24';
    await sql(
      `insert into mailing_campaigns (campaign, target, lease, leased_until)
      values ($1, 'main', 'dead', now() + interval '1 minute')`,
      [campaign],
    );
    await roundAt('2026-03-24');
    expect(got(subs)).toEqual([0, 0]);
    await sql(`update mailing_campaigns set leased_until = now() - interval '1 second'`);
    await roundAt('2026-03-24');
    expect(got(subs)).toEqual([1, 1]);
  });
});

describe('trouble', () => {
  test('of the legacy store in the middle: the next round reads on', async () => {
    await world.close();
    open([RULE], 120);
    const subs = world.add(1_200);
    world.state.readsUntil = subs[999];
    await roundAt('2026-03-24');
    expect(errors.splice(0)).toMatchObject([{ code: 'legacy_unavailable' }]);
    world.state.readsUntil = undefined;
    const before = world.state.read;
    await roundAt('2026-03-24');
    expect(world.state.read - before).toBe(200);
    expect(await sql('select count(*)::int as n from mailings')).toEqual([{ n: 1_200 }]);
  });

  test('of the mail server makes no links, and is looked at again after a while', async () => {
    const subs = world.add(2);
    const stopped: string[] = [];
    const onStopped = (campaign: string, { code }: { code: string }) =>
      void stopped.push(`${campaign} ${code}`);
    await stage.stop();
    await roundAt('2026-03-24', { onStopped });
    await roundAt('2026-03-24', { onStopped });
    await stage.start();
    expect(stopped).toEqual(['remind:main:spring:2026-03-24 unavailable']);
    expect(await listClaimTokens(world.deps.db, {}, 5)).toEqual([]);
    await sql(`update mailing_campaigns set leased_until = now() - interval '1 second'`);
    await roundAt('2026-03-24', { onStopped });
    expect(got(subs)).toEqual([1, 1]);
  });

  test('with everybody’s letters stops it for an hour', async () => {
    world.add(30);
    stage.onMail = () => {
      throw refusal('550 5.7.1 relaying denied');
    };
    const stopped: string[] = [];
    await roundAt('2026-03-24', { onStopped: (_, { code }) => void stopped.push(code) });
    await roundAt('2026-03-24');
    expect(stopped).toEqual(['too_many_failures']);
    expect(await sql(`select count(*)::int as n from mailings where state = 'failed'`)).toEqual([{ n: 10 }]);
    const [row] = await sql(
      `select leased_until > now() + interval '59 minutes' as rests from mailing_campaigns`,
    );
    expect(row).toEqual({ rests: true });
  });

  test('without a mail server nobody is reminded, and nothing is wrong', async () => {
    world.add(1);
    await roundAt('2026-03-24', { mailer: undefined });
    expect([await campaigns(), world.state.read]).toEqual([[], 0]);
  });
});

test('a round sends what its half a minute allows, at the pace of the settings, and the next one goes on', async () => {
  await world.close();
  open([RULE], 360);
  world.add(10);
  const clock = fakeClock(at('2026-03-24'));
  const node = nodeAt(clock);
  await node.round();
  const after = stage.mails.length;
  expect(after).toBeGreaterThan(1);
  expect(after).toBeLessThan(10);
  while (stage.mails.length < 10) await node.round();
  expect(clock.ms - at('2026-03-24')).toBeGreaterThanOrEqual(90_000);
  expect(clock.ms - at('2026-03-24')).toBeLessThan(DAY_MS);
});

test('what is closed begins no more letters, and lets go of its reminder', async () => {
  world.add(5);
  const node = nodeAt(fakeClock(at('2026-03-24')));
  let closed: Promise<void> | undefined;
  stage.onMail = () => {
    closed ??= node.close();
  };
  await node.round();
  await closed;
  expect(stage.mails).toHaveLength(1);
  stage.onMail = undefined;
  await roundAt('2026-03-24');
  expect(stage.mails).toHaveLength(5);
});
