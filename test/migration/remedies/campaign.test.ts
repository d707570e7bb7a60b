/** Campaigns over real mail and a real database: nobody gets two, nobody is forgotten, no link is seen. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Progress } from '../../../src/admin/operation.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import { find, move, proveParts } from '../../../src/migration/ledger.ts';
import { rehearse } from '../../../src/migration/remedies/rehearsal.ts';
import type { CampaignReport } from '../../../src/migration/remedies/run.ts';
import { fakeClock } from '../../mail/fake-clock.ts';
import type { MailStage } from '../../mail/smtp-stage.ts';
import { openMailStage, refusal } from '../../mail/smtp-stage.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Errand } from './child.ts';
import type { World, WorldOptions } from './world.ts';
import { CANARY, emailOf, idOf, openWorld, requestOf } from './world.ts';

let stage: MailStage;
let database: TestDatabase;
let world: World;
const masterKey = randomBytes(32).toString('base64');
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
});
afterEach(async () => {
  await world.close();
  await database.drop();
});

function open(reset: WorldOptions['reset'], more: Partial<WorldOptions> = {}): World {
  world = openWorld({ databaseUrl: database.url, smtpPort: stage.port, reset, masterKey, ...more });
  return world;
}

const rows = async () =>
  (await sql('select * from mailings order by sub')) as {
    sub: string;
    state: string;
    problem: { code: string } | null;
  }[];
const stateOf = async (sub: string) => {
  const row = (await rows()).find((one) => one.sub === sub);
  return row && (row.problem ? `${row.state} ${row.problem.code}` : row.state);
};
const counted = ({ counts }: CampaignReport) =>
  Object.fromEntries(counts.map(({ state, code, users }) => [code ? `${state} ${code}` : state, users]));

describe('a campaign that mails links', () => {
  test('gives everybody their own link in their own language, and says who and when', async () => {
    open('link');
    const [anna, ben, chloe] = await world.people(3);
    world.users.set(anna!, { ...world.users.get(anna!)!, locale: 'de-AT', zoneinfo: 'Europe/Vienna' });
    world.users.set(chloe!, { ...world.users.get(chloe!)!, locale: 'fr', name: 'Chloé <b> & Cie' });
    const report = await world.run({}, fakeClock());
    expect(report).toMatchObject({ way: 'link', sent: 3, stopped: undefined });
    for (const sub of [anna, ben, chloe]) {
      const mail = await stage.parsed(emailOf(sub!));
      const link = world.there.linkOf(idOf(sub!));
      expect(mail.text).toContain(link);
      expect(mail.html).toContain(link.replace('&', '&amp;'));
    }
    const subjects = await Promise.all(
      [anna, ben, chloe].map(async (sub) => (await stage.parsed(emailOf(sub!))).subject),
    );
    expect(subjects).toEqual([
      'Bitte wählen Sie ein neues Passwort für New & Co',
      'Please choose a new password for New & Co',
      'Choisissez un nouveau mot de passe pour New & Co',
    ]);
    expect((await stage.parsed(emailOf(anna!))).text).toContain('4. Mai 2026 um 12:00 MESZ');
    expect((await stage.parsed(emailOf(chloe!))).html).not.toContain('<b>');
    const [record] = await world.audit.records({ sub: ben!, action: 'mail.sent' });
    expect(record).toMatchObject({
      actor: 'operator:test',
      detail: { campaign: 'spring-reset', target: 'main', remedy: 'reset' },
    });
  });

  test('asks nobody twice, however often it is run', async () => {
    open('link');
    const subs = await world.people(5);
    await world.run({}, fakeClock());
    const [late] = await world.people(1);
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 1 });
    expect([...subs, late!].map((sub) => stage.sentTo(emailOf(sub)))).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await world.run({ campaign: 'second-call' }, fakeClock())).toMatchObject({ sent: 6 });
  });

  test('has one language for all where it is told so, and stops at the limit', async () => {
    open('link');
    await world.people(4);
    const report = await world.run({ language: 'de', limit: 2 }, fakeClock());
    expect(report).toMatchObject({ sent: 2, stopped: { code: 'limit' } });
    expect(stage.mails).toHaveLength(2);
    expect((await stage.parsed(stage.mails[0]!.to[0]!)).subject).toContain('Bitte');
    expect(counted(report)).toEqual({ sent: 2, waiting: 2 });
  });

  test('shows no link to anybody but its reader', async () => {
    open('link');
    const [good, bad, failing] = await world.people(3);
    const { linkOf } = world.there;
    world.there.linkOf = (id) => (id === idOf(bad!) ? `javascript:${CANARY}` : linkOf(id));
    stage.refusals.set(emailOf(failing!), `550 5.1.1 ${CANARY} is unknown`);
    const progress: Progress[] = [];
    const report = await world.run({}, fakeClock(), { onProgress: (one) => progress.push(one) });
    expect(await stateOf(good!)).toBe('sent');
    expect(await stateOf(bad!)).toBe('failed mail_refused');
    expect(await stateOf(failing!)).toBe('failed mail_refused');
    const kept =
      await sql(`select (select jsonb_agg(m) from mailings m) as m, (select jsonb_agg(a) from audit_log a) as a,
      (select jsonb_agg(l) from ledger l) as l`);
    expect(JSON.stringify([report, progress, kept])).not.toContain(CANARY);
    expect(stage.mails.filter(({ raw }) => raw.replaceAll('=\r\n', '').includes(CANARY))).toHaveLength(1);
    expect(progress.at(-1)).toMatchObject({ users: 3, total: 3, continuedFrom: 0 });
  });
});

describe('somebody', () => {
  const changes: readonly (readonly [string, (sub: string) => Promise<void> | void])[] = [
    ['gone', (sub) => void world.users.delete(sub)],
    ['disabled', (sub) => void world.users.set(sub, { ...world.users.get(sub)!, state: 'disabled' })],
    [
      'no_verified_address',
      (sub) => void world.users.set(sub, { ...world.users.get(sub)!, emailVerified: false }),
    ],
    ['has_password', (sub) => void thereAs(sub, { hasPassword: true })],
    ['inactive_at_target', (sub) => void thereAs(sub, { state: 'locked' })],
    ['not_at_target', (sub) => void world.there.users.delete(idOf(sub))],
    ['not_at_target', (sub) => happens(sub, 'revert')],
    ['moved_since', (sub) => happens(sub, 'confirm')],
    ['logged_in_since', (sub) => proves(sub)],
  ];
  const thereAs = (sub: string, more: object) =>
    world.there.users.set(idOf(sub), { ...world.there.users.get(idOf(sub))!, ...more });
  const common = (sub: string) => ({ target: 'main', sub, subject: world.audit.pseudonym(sub) });
  const happens = async (sub: string, event: 'confirm' | 'revert') =>
    void (await move(world.db, { ...common(sub), event, actor: 'operator:test' }));
  const proves = async (sub: string) =>
    void (await world.db.runParts(proveParts({ ...common(sub), legacyId: sub, amr: ['pwd'] }), 'select 1'));

  test.each(changes)('who is %s by their turn is not written to', async (code, change) => {
    open('link');
    const [sub, other] = await world.people(2);
    await change(sub!);
    await world.run({}, fakeClock());
    expect(await stateOf(sub!)).toBe(`skipped ${code}`);
    expect(await stateOf(other!)).toBe('sent');
    expect(stage.mails.map(({ to }) => to[0])).toEqual([emailOf(other!)]);
    expect(world.there.linked).toEqual([idOf(other!)]);
  });

  test('who logged in before the batch was done with them is written to', async () => {
    open('link');
    const [sub] = await world.people(1);
    await proves(sub!);
    await sql(`update ledger set proved_at = '2026-01-01'`);
    await world.run({}, fakeClock());
    expect(await stateOf(sub!)).toBe('sent');
    expect(await find(world.db, 'main', sub!)).toMatchObject({ state: 'created' });
  });

  test('whose old password is there, and was changed since, is written to', async () => {
    open('link');
    const missing = [{ what: 'password', code: 'changed_meanwhile' }] as const;
    const problem = { problem: { code: 'incomplete', sentence: '…', missing } };
    const [sub] = await world.people(1, { problem, found: { hasPassword: true } });
    await world.run({ alsoCapturable: true }, fakeClock());
    expect(await stateOf(sub!)).toBe('sent');
  });

  test('who need only log in is written to only when the operator says so', async () => {
    open('link');
    const missing = [{ what: 'password', code: 'untranslatable_algorithm' }] as const;
    const target = { ...world.target, clientIds: ['app'] };
    world = Object.assign(world, {
      deps: Object.assign(world.deps, { targets: { ...world.deps.targets, byName: () => target } }),
    });
    const [sub] = await world.people(1, {
      problem: { problem: { code: 'incomplete', sentence: '…', missing } },
    });
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 0, counts: [] });
    expect(await world.run({ alsoCapturable: true }, fakeClock())).toMatchObject({ sent: 1 });
    expect(stage.sentTo(emailOf(sub!))).toBe(1);
  });

  test('whose second factor is missing gets no way to a password alone', async () => {
    open('link');
    const missing = [
      { what: 'password', code: 'unsupported_algorithm' },
      { what: 'totp', code: 'totp_not_supported' },
    ] as const;
    await world.people(1, { problem: { problem: { code: 'incomplete', sentence: '…', missing } } });
    expect(await world.run({ alsoCapturable: true }, fakeClock())).toMatchObject({ sent: 0, counts: [] });
    expect(stage.mails).toEqual([]);
  });
});

describe('a campaign where the target writes', () => {
  test('has it write, at the same pace, and writes nothing itself', async () => {
    open('mail');
    const subs = await world.people(3);
    const clock = fakeClock();
    const report = await world.run({ perHour: 60 }, clock);
    expect(report).toMatchObject({ way: 'target', sent: 3 });
    expect(world.there.mailed).toEqual(subs.map(idOf));
    expect(stage.mails).toEqual([]);
    expect(clock.ms - fakeClock().ms).toBe(120_000);
  });

  test('announces it where it is told to, once, though the target is away in between', async () => {
    open('mail');
    const [sub] = await world.people(1);
    let times = 0;
    world.there.trouble = (call) => {
      times += Number(call === 'mailReset');
      return call === 'mailReset' && times === 1
        ? new FootbridgeError('target_unavailable', { retryAfterSeconds: 30 })
        : undefined;
    };
    expect(await world.run({ announce: true }, fakeClock())).toMatchObject({ sent: 1 });
    expect(world.there.mailed).toEqual([idOf(sub!)]);
    expect(stage.sentTo(emailOf(sub!))).toBe(1);
    expect((await stage.parsed(emailOf(sub!))).subject).toBe(
      'New & Co will send you a mail about your password',
    );
  });

  test('does not know whether it wrote when it did not answer, and repeats that only on demand', async () => {
    open('mail');
    const [sub] = await world.people(1);
    world.there.trouble = (call) =>
      call === 'mailReset' ? new FootbridgeError('target_unavailable', { detail: 'ETIMEDOUT' }) : undefined;
    expect(counted(await world.run({}, fakeClock()))).toEqual({ 'unsure target_unavailable': 1 });
    world.there.trouble = undefined;
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 0 });
    expect(await world.run({ repeatUnsure: true }, fakeClock())).toMatchObject({ sent: 1 });
    expect(world.there.mailed).toEqual([idOf(sub!)]);
  });

  test.each([
    ['no_verified_address', { address: '0000@example.com', isVerified: false }],
    ['address_differs', { address: 'other@example.com', isVerified: true }],
  ])('does not let it write to an address for which %s holds', async (code, email) => {
    open('mail');
    const [sub] = await world.people(1, { found: { email } });
    await world.run({}, fakeClock());
    expect(await stateOf(sub!)).toBe(`skipped ${code}`);
    expect(world.there.mailed).toEqual([]);
  });

  test('that it refuses keeps its code, and not its words', async () => {
    open('mail');
    const [sub, other] = await world.people(2);
    world.there.trouble = (call, id) => {
      if (call !== 'mailReset') return undefined;
      const detail = id === idOf(sub!) ? 'COMMAND-x7' : 'Anna Tester <anna@example.com> is unknown';
      return new FootbridgeError('target_refused', { detail });
    };
    await world.run({}, fakeClock());
    const found = await rows();
    expect(found.find((row) => row.sub === sub)?.problem).toEqual({
      code: 'target_refused',
      detail: 'COMMAND-x7',
    });
    expect(found.find((row) => row.sub === other)?.problem).toEqual({ code: 'target_refused' });
  });
});

describe('a campaign for passkeys', () => {
  const missing = [{ what: 'passkeys', code: 'cannot_be_imported' }] as const;
  const problem = { problem: { code: 'incomplete', sentence: '…', missing } };
  const passkeys = { remedy: 'passkey', campaign: 'spring-passkey' } as const;

  test('leads people to where they log in, with their name filled in', async () => {
    open('no');
    const [sub, other] = await world.people(2, { problem });
    world.there.users.set(idOf(other!), { ...world.there.users.get(idOf(other!))!, hasPasskeys: true });
    expect(await world.run(passkeys, fakeClock())).toMatchObject({ way: 'login', sent: 1 });
    const mail = await stage.parsed(emailOf(sub!));
    expect(mail.subject).toBe('Please register your passkey again at New & Co');
    expect(mail.text).toContain('https://new.example/login?hint=0000%40main');
    expect(await stateOf(other!)).toBe('skipped has_passkey');
  });

  test('is for nobody who lacks something else, and is not the campaign for passwords', async () => {
    open('link');
    await world.people(2);
    expect(await world.run(passkeys, fakeClock())).toMatchObject({ sent: 0, counts: [] });
    await world.run({ campaign: 'one' }, fakeClock());
    await expect(world.run({ ...passkeys, campaign: 'one' }, fakeClock())).rejects.toMatchObject({
      code: 'bad_request',
    });
  });
});

describe('the pace', () => {
  test('is kept over the whole campaign, over runs and over nodes', async () => {
    open('link');
    await world.people(30);
    const clock = fakeClock();
    const perHour = 120;
    await world.run({ perHour, limit: 10 }, clock);
    await Promise.all([world.run({ perHour }, clock), world.run({ perHour }, clock)]);
    const starts = (
      await sql('select extract(epoch from started_at)::float8 * 1000 as ms from mailings order by 1')
    ).map(({ ms }) => Number(ms));
    const gaps = starts.slice(1).map((ms, i) => ms - starts[i]!);
    expect(starts).toHaveLength(30);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(30_000);
    expect(new Set(stage.mails.map(({ to }) => to[0])).size).toBe(30);
    expect(stage.mails).toHaveLength(30);
  });

  test('is not made slower by people who are skipped', async () => {
    open('link');
    const subs = await world.people(50);
    for (const sub of subs.slice(0, 49)) world.users.delete(sub);
    const clock = fakeClock();
    expect(await world.run({ perHour: 1 }, clock)).toMatchObject({ sent: 1 });
    expect(clock.waits).toEqual([]);
  });
});

describe('trouble', () => {
  test('of the mail server is waited for; everybody gets theirs when it is back', async () => {
    open('link');
    const subs = await world.people(6);
    stage.onMail = async () => {
      if (stage.mails.length === 2) throw refusal('421 4.3.2 going down');
    };
    const clock = fakeClock();
    const sleep = clock.sleep;
    let outages = 0;
    clock.sleep = async (ms) => {
      if (ms >= 10_000) outages += 1;
      if (outages === 3) stage.onMail = undefined;
      await sleep(ms);
    };
    expect(await world.run({}, clock)).toMatchObject({ sent: 6, stopped: undefined });
    expect(subs.map((sub) => stage.sentTo(emailOf(sub)))).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('that does not pass ends the run, and the next one goes on', async () => {
    open('link');
    await world.people(3);
    await stage.stop();
    const clock = fakeClock();
    const report = await world.run({}, clock);
    expect(report).toMatchObject({ sent: 0, stopped: { code: 'unavailable' } });
    expect(counted(report)).toEqual({ 'waiting mail_unavailable': 3 });
    expect(clock.ms - fakeClock().ms).toBeGreaterThan(20 * 60_000);
    await stage.start();
    expect(await world.run({}, clock)).toMatchObject({ sent: 3, stopped: undefined });
  });

  test('of the legacy store or the target skips nobody', async () => {
    open('link');
    await world.people(2);
    world.state.legacyDown = true;
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 0, stopped: { code: 'unavailable' } });
    world.state.legacyDown = false;
    world.there.trouble = () => new FootbridgeError('target_unavailable');
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 0, stopped: { code: 'unavailable' } });
    world.there.trouble = undefined;
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 2 });
  });

  test('with one address is that person’s alone', async () => {
    open('link');
    const [sub, ...others] = await world.people(4);
    stage.refusals.set(emailOf(sub!), '550 5.1.1 unknown');
    const report = await world.run({}, fakeClock());
    expect(report).toMatchObject({ sent: 3, stopped: undefined });
    expect((await rows()).find((row) => row.sub === sub)).toMatchObject({
      state: 'failed',
      problem: { code: 'mail_refused', detail: '550 5.1.1' },
    });
    expect(others.every((one) => stage.sentTo(emailOf(one)) === 1)).toBe(true);
    stage.refusals.clear();
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 0 });
    expect(await world.run({ repeatFailed: true }, fakeClock())).toMatchObject({ sent: 1 });
  });

  test('with a mailbox that is full is tried again later, and not for ever', async () => {
    open('link');
    const [sub, other] = await world.people(2);
    stage.refusals.set(emailOf(sub!), '452 4.2.2 full');
    stage.refusals.set(emailOf(other!), '450 4.2.0 greylisted');
    const clock = fakeClock();
    const sleep = clock.sleep;
    clock.sleep = async (ms) => {
      stage.refusals.delete(emailOf(other!));
      await sleep(ms);
    };
    await world.run({}, clock);
    expect(await stateOf(other!)).toBe('sent');
    expect(await stateOf(sub!)).toBe('failed mail_later');
    expect(clock.ms - fakeClock().ms).toBeGreaterThan(60 * 60_000);
  });

  test('with everybody stops the campaign before everybody has failed', async () => {
    open('link');
    const subs = await world.people(100);
    for (const sub of subs) stage.refusals.set(emailOf(sub), '550 5.7.1 relaying denied');
    const report = await world.run({}, fakeClock());
    expect(report).toMatchObject({ sent: 0, stopped: { code: 'too_many_failures' } });
    expect(counted(report)).toEqual({ 'failed mail_refused': 10, waiting: 90 });
  });
});

describe('a campaign cannot begin', () => {
  test('for a batch that there is not, that nobody was sent of, or at a target without a way', async () => {
    open('link');
    await expect(world.run({ batch: 'other' })).rejects.toMatchObject({ code: 'batch_not_found' });
    for (const state of ['planning', 'planned', 'undoing', 'undone'] as const) {
      world.state.batch = state;
      await expect(world.run()).rejects.toMatchObject({ code: 'batch_state' });
    }
    await world.close();
    open('no');
    await expect(world.run()).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('without a mail server where we are to write, and can where the target does', async () => {
    open('link');
    const without = { ...world.deps, mailer: undefined };
    await expect(rehearse(without, requestOf())).rejects.toMatchObject({ code: 'config_invalid' });
    await world.close();
    open('mail');
    const quiet = { ...world.deps, mailer: undefined };
    await world.people(1);
    expect(await rehearse(quiet, requestOf())).toMatchObject({ way: 'target', meant: 1 });
    await expect(rehearse(quiet, requestOf({ announce: true }))).rejects.toMatchObject({
      code: 'config_invalid',
    });
  });
});

describe('a rehearsal', () => {
  test('counts, shows one mail without its link, and changes nothing', async () => {
    open('link');
    const subs = await world.people(4);
    await world.run({ limit: 1 }, fakeClock());
    stage.mails.length = 0;
    world.there.linked.length = 0;
    world.users.delete(subs[0]!);
    const before = await rows();
    await world.people(2);
    const seen = await rehearse(world.deps, requestOf({ perHour: 2 }));
    expect(seen).toMatchObject({ meant: 6, fresh: 2, hours: 2.5, skipped: [{ sub: subs[0], code: 'gone' }] });
    expect(seen.sample).toMatchObject({ sub: subs[1], to: emailOf(subs[1]!) });
    expect(seen.sample?.mail?.text).toContain('\n[link]\n');
    expect(seen.sample?.mail?.html).toContain('href="[link]"');
    expect(JSON.stringify(seen)).not.toContain(CANARY);
    expect([stage.mails, world.there.linked]).toEqual([[], []]);
    expect(await rows()).toEqual(before);
  });
});

describe('a process that dies', () => {
  const PEOPLE = 80;
  const KILLED_EVERY = 15;
  const child = (startMs: number) => {
    const errand: Errand = {
      ...{ databaseUrl: database.url, smtpPort: stage.port, reset: 'link', masterKey },
      ...{ people: PEOPLE, startMs },
    };
    const path = fileURLToPath(new URL('child.ts', import.meta.url));
    const running = spawn(process.execPath, [path, JSON.stringify(errand)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.stdout.resume();
    onTestFinished(() => void running.kill('SIGKILL'));
    const ended = new Promise<string | null>((resolve, reject) => {
      running.once('error', reject);
      running.once('close', (_code, signal) => resolve(signal));
    });
    return { ended, kill: () => running.kill('SIGKILL') };
  };
  /** As when it has been dead for ten minutes. */
  const leasesRunOut = () =>
    sql(`update mailings set leased_until = now() - interval '1 second' where leased_until > now()`);

  test('anywhere leaves nobody with two mails and nobody without; of who may have got one it says so', async () => {
    open('link');
    // Twice with the mail taken and not yet answered, twice with it not taken.
    for (const [round, taken] of [true, false, true, false].entries()) {
      const until = (round + 1) * KILLED_EVERY;
      const running = child(Date.parse('2026-03-01T08:00:00Z') + round * 3_600_000);
      stage.onMail = async () => {
        if (stage.mails.length !== until) return;
        stage.onMail = undefined;
        running.kill();
        await running.ended;
        if (!taken) throw refusal('451 4.3.0 not taken');
      };
      expect(await running.ended).toBe('SIGKILL');
      await leasesRunOut();
    }
    await world.people(PEOPLE);
    const clock = fakeClock(Date.parse('2026-03-02T08:00:00Z'));
    const report = await world.run({}, clock);
    const got = world.batch.map(({ sub }) => stage.sentTo(emailOf(sub)));
    expect(Math.max(...got)).toBe(1);
    expect(counted(report)).toEqual({ sent: PEOPLE - 4, 'unsure process_ended': 4 });
    const unsure = (await rows()).filter(({ state }) => state === 'unsure').map(({ sub }) => sub);
    const without = world.batch.filter((_, i) => got[i] === 0).map(({ sub }) => sub);
    expect(without).toHaveLength(2);
    expect(unsure).toEqual(expect.arrayContaining(without));
    expect(await world.run({ repeatUnsure: true }, clock)).toMatchObject({ sent: 4 });
    expect(world.batch.every(({ sub }) => stage.sentTo(emailOf(sub)) >= 1)).toBe(true);
    expect(stage.mails).toHaveLength(PEOPLE + 2);
  }, 120_000);

  test('before anything went out leaves the next run to begin again', async () => {
    open('link');
    const [sub] = await world.people(1);
    await sql(
      `insert into mailings (campaign, target, batch, sub, remedy, state, due_at, lease, leased_until)
      values ('spring-reset', 'main', 'spring', $1, 'reset', 'waiting', '2026-01-01', 'dead', now() + interval '1 hour')`,
      [sub],
    );
    expect(counted(await world.run({}, fakeClock()))).toEqual({ waiting: 1 });
    await leasesRunOut();
    expect(await world.run({}, fakeClock())).toMatchObject({ sent: 1 });
  });
});
