/** Letters that something of somebody's has caused, over real mail and a real database. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { findByText } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import { forgetNotices, noticePart, SWEEP_NOTICES } from '../../../src/migration/claim-tokens/notices.ts';
import { move } from '../../../src/migration/ledger.ts';
import { sweep } from '../../../src/migration/sweeper.ts';
import type { MailStage } from '../../mail/smtp-stage.ts';
import { openMailStage, refusal } from '../../mail/smtp-stage.ts';
import { execute } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { NoticeWorld, NoticeWorldOptions } from './notice-world.ts';
import { LINK, legacyDown, openNoticeWorld } from './notice-world.ts';

let stage: MailStage;
let database: TestDatabase;
let world: NoticeWorld;
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

function open(more: Partial<NoticeWorldOptions> = {}): void {
  world = openNoticeWorld({ databaseUrl: database.url, smtpPort: stage.port, ...more });
}
async function reopen(more: Partial<NoticeWorldOptions>): Promise<void> {
  await world.close();
  open(more);
}

const states = async () =>
  (await sql('select state, problem from claim_notices order by id')).map(({ state, problem }) => {
    const { code } = (problem ?? {}) as { code?: string };
    return code ? `${state} ${code}` : state;
  });
/** As when it is so much later. */
const later = (interval: string) =>
  sql(
    `update claim_notices set created_at = created_at - $1::interval, due_at = due_at - $1::interval,
      leased_until = leased_until - $1::interval, ended_at = ended_at - $1::interval`,
    [interval],
  );
const linkIn = async (to: string) => LINK.exec((await stage.parsed(to)).text ?? '');

describe('a letter with a link', () => {
  test.each([
    ['claim-enforced', 'Your link to sign in to Shop with New & Co'],
    ['claim-account', 'Please link your Shop account to New & Co'],
  ] as const)('of %s brings a new one that is good, in both parts', async (notice, subject) => {
    const sub = world.person('anna', { name: 'Anna Tester' });
    await world.ask(sub, notice);
    expect(await world.round()).toBe(1);
    const mail = await stage.parsed('anna@example.com');
    expect(mail).toMatchObject({ subject, to: [{ name: 'Anna Tester', address: 'anna@example.com' }] });
    const [link, text] = (await linkIn('anna@example.com')) ?? [];
    expect(mail.html).toContain(`href="${link}"`);
    expect(await findByText(world.db, text!)).toMatchObject({ sub, purpose: 'person', state: 'open' });
    expect(await states()).toEqual(['sent']);
  });

  test('leaves its secret in no row and in no audit record', async () => {
    await world.ask(world.person('anna'), 'claim-enforced');
    await world.round();
    const [, text = ''] = (await linkIn('anna@example.com')) ?? [];
    const kept = await sql(
      `select row_to_json(n)::text as row from claim_notices n union all select row_to_json(a)::text from audit_log a
        union all select row_to_json(t)::text from claim_tokens t`,
    );
    expect(kept.length).toBeGreaterThan(3);
    for (const part of [text, text.slice(6), 'anna@example.com'])
      expect(JSON.stringify(kept)).not.toContain(part);
  });

  test('asks for the second factor as a campaign’s does: it lies in a mailbox', async () => {
    await world.ask(world.person('anna'), 'claim-enforced');
    await world.round();
    expect(await sql('select origin from claim_tokens')).toEqual([{ origin: 'letter' }]);
  });

  test('is not sent to somebody who has linked their account since, and makes no link', async () => {
    const sub = world.person('anna');
    await world.ask(sub, 'claim-enforced');
    const common = { target: 'main', sub, actor: 'test', subject: world.audit.pseudonym(sub) };
    await move(world.db, { ...common, event: 'enqueue', legacyId: 'anna' });
    await move(world.db, { ...common, event: 'create', targetUserId: 'there' });
    expect(await world.round()).toBe(1);
    expect([await states(), stage.mails]).toEqual([['skipped linked'], []]);
    expect(await sql('select from claim_tokens')).toEqual([]);
  });
});

describe('a letter after the fact', () => {
  test.each([
    ['de-AT', 'Europe/Vienna', 'Ihr Konto bei Shop ist jetzt mit New & Co verknüpft', 'MEZ|MESZ'],
    ['fr', undefined, 'Votre compte Shop est maintenant lié à New & Co', 'UTC'],
    ['nl', undefined, 'Your Shop account is now linked to New & Co', 'UTC'],
  ])('is written in %s where we speak it, and says when', async (locale, zoneinfo, subject, zone) => {
    const sub = world.person('anna', { locale, ...(zoneinfo ? { zoneinfo } : {}) });
    await world.ask(sub, 'account-linked', { there: 'a…@new.example' });
    await world.round();
    const mail = await stage.parsed('anna@example.com');
    expect(mail.subject).toBe(subject);
    expect(mail.text).toContain('a…@new.example');
    expect(mail.text).toMatch(new RegExp(`\\d{4}.*\\d\\d:\\d\\d.*(${zone})`));
  });

  test.each(['account-linked', 'link-tried'] as const)('has no link in it: %s', async (notice) => {
    await world.ask(world.person('anna'), notice, { there: 'Anna', organization: 'Anna & Co' });
    await world.round();
    const mail = await stage.parsed('anna@example.com');
    expect(`${mail.text}${mail.html}`).not.toMatch(/https?:|href/);
    expect(mail.text).toContain('Anna & Co');
  });

  test('names whom to tell: of the claim tokens, of the brand, or whoever the mail is from', async () => {
    const told = async (name: string, more: Partial<NoticeWorldOptions>) => {
      await reopen(more);
      await world.ask(world.person(name), 'link-tried');
      await world.round();
      return (await stage.parsed(`${name}@example.com`)).text;
    };
    const brand = { brand: { contact: 'brand@shop.example' } };
    expect(await told('anna', {})).toContain('please answer this mail');
    expect(await told('ben', { mail: brand })).toContain('tell us at once: brand@shop.example');
    expect(await told('chloe', { mail: brand, claimTokens: { contact: 'links@shop.example' } })).toContain(
      'tell us at once: links@shop.example',
    );
  });

  test.each([
    { there: 'Win at https://evil.example', organization: 'evil.example' },
    { there: 'x\r\nBcc: victim@example.com\r\n\r\n<script>', organization: 'a\r\n.\r\nMAIL FROM:<x>' },
    { there: '\u202eevil', organization: '\0<b>&amp;</b>' },
  ])('says nothing of what is no name: %j', async (detail) => {
    const sub = world.person('anna', { name: 'Eve\r\nBcc: victim@example.com <b>' });
    await world.ask(sub, 'link-tried', detail);
    await world.round();
    const [mail] = stage.mails;
    expect(mail?.to).toEqual(['anna@example.com']);
    const { text = '', html = '', subject, bcc } = await stage.parsed('anna@example.com');
    expect(bcc).toBeUndefined();
    expect(`${subject}${text}${html}`).not.toMatch(/evil\.example|victim|<script>|<b>|\r\nBcc/);
    expect(subject).toContain('your organization');
  });
});

describe('what is asked for again', () => {
  const count = async () => (await sql('select from claim_notices')).length;

  test('waits once, and is not sent again within a day', async () => {
    const sub = world.person('anna');
    for (let i = 0; i < 3; i += 1) await world.ask(sub, 'link-tried');
    await world.round();
    await later('23 hours');
    await world.ask(sub, 'link-tried');
    expect([await count(), await world.round(), stage.mails.length]).toEqual([1, 0, 1]);
    await later('2 hours');
    await world.ask(sub, 'link-tried');
    expect([await count(), await world.round(), stage.mails.length]).toEqual([2, 1, 2]);
  });

  test('at the same moment waits once', async () => {
    const sub = world.person('anna');
    await Promise.all(Array.from({ length: 10 }, () => world.ask(sub, 'link-tried')));
    expect(await count()).toBe(1);
  });

  test('is throttled for each person, kind and organization alone', async () => {
    const anna = world.person('anna');
    await world.ask(anna, 'account-linked');
    await world.ask(anna, 'account-linked', { organization: 'One' });
    await world.ask(anna, 'account-linked', { organization: 'Two' });
    await world.ask(anna, 'account-linked', { organization: 'Two' });
    await world.ask(anna, 'link-tried');
    await world.ask(world.person('ben'), 'account-linked');
    expect(await count()).toBe(5);
    expect(await world.round()).toBe(5);
    expect(stage.sentTo('anna@example.com')).toBe(4);
  });

  test('after it came to nothing is there again in an hour, not before', async () => {
    const sub = world.person('anna', { emailVerified: false });
    await world.ask(sub, 'claim-enforced');
    await world.round();
    await world.ask(sub, 'claim-enforced');
    expect(await count()).toBe(1);
    await later('61 minutes');
    world.person('anna');
    await world.ask(sub, 'claim-enforced');
    await world.round();
    expect(await states()).toEqual(['skipped no_verified_address', 'sent']);
  });

  test('is asked for only if the earlier part returned a row', async () => {
    const sub = world.person('anna');
    const notice = { target: 'main', sub, notice: 'account-linked', detail: {} } as const;
    const after = (text: string) =>
      world.db.runParts(
        [{ name: 'linked', text, values: [] }, noticePart(notice, 'linked')],
        'select count(*) from linked',
      );
    await after('select 1 where false');
    expect(await count()).toBe(0);
    await after('select 1 from generate_series(1, 3)');
    expect(await count()).toBe(1);
  });

  test('that no table can hold as it is does not fail what caused it', async () => {
    await world.ask(world.person('anna'), 'account-linked', { there: 'a\0\ud800b'.repeat(2_000) });
    expect(await count()).toBe(1);
  });
});

describe('nobody is written to', () => {
  test.each([
    ['no_verified_address', { emailVerified: false }],
    ['no_verified_address', { email: 'a@b.example, c@d.example' }],
    ['disabled', { state: 'disabled' }],
    ['disabled', { state: 'locked' }],
  ] as const)('where it could reach somebody else or should reach nobody: %s, %o', async (code, user) => {
    await world.ask(world.person('anna', user), 'account-linked');
    await world.round();
    expect([await states(), stage.mails]).toEqual([[`skipped ${code}`], []]);
  });

  test('who is gone, or whose target is', async () => {
    await world.ask('shop:nobody', 'claim-enforced');
    await world.round();
    expect(await states()).toEqual(['skipped gone']);
    await world.ask(world.person('anna'), 'link-tried');
    await reopen({ claimTokens: { target: 'other' } });
    await world.round();
    expect(await states()).toEqual(['skipped gone', 'skipped target_gone']);
  });

  test('where the settings have no mail, and nothing waits for ever', async () => {
    await reopen({ mail: false });
    await world.ask(world.person('anna'), 'link-tried');
    expect(await world.round()).toBe(1);
    expect(await states()).toEqual(['skipped no_mail']);
  });

  test('whose record cannot be read; the next one is', async () => {
    await world.ask(world.person('anna'), 'link-tried');
    world.state.trouble = new FootbridgeError('mapping_failed', { detail: 'anna@example.com is odd' });
    await world.round();
    world.state.trouble = undefined;
    await world.ask(world.person('ben'), 'link-tried');
    await world.round();
    expect(await states()).toEqual(['failed mapping_failed', 'sent']);
    expect(inspect(await sql('select * from claim_notices'))).not.toContain('is odd');
  });
});

describe('an outage', () => {
  test('of the mail server is waited for, and uses up one try of one person a round', async () => {
    await world.ask(world.person('anna'), 'claim-enforced');
    await world.ask(world.person('ben'), 'link-tried');
    await stage.stop();
    expect(await world.round()).toBe(1);
    expect(await states()).toEqual(['waiting mail_unavailable', 'waiting']);
    await stage.start();
    expect(await world.round()).toBe(1);
    await later('61 seconds');
    expect(await world.round()).toBe(1);
    expect(await states()).toEqual(['sent', 'sent']);
    expect((await stage.parsed('anna@example.com')).text).toMatch(LINK);
  });

  test('of the legacy store skips nobody', async () => {
    await world.ask(world.person('anna'), 'account-linked');
    world.state.trouble = legacyDown();
    await world.round();
    expect(await states()).toEqual(['waiting legacy_unavailable']);
    world.state.trouble = undefined;
    await later('61 seconds');
    await world.round();
    expect(await states()).toEqual(['sent']);
  });

  test('of one mailbox holds up nobody else, is tried again later each time, and is given up in the end', async () => {
    stage.refusals.set('anna@example.com', '452 4.2.2 full');
    await world.ask(world.person('anna'), 'link-tried');
    await world.ask(world.person('ben'), 'link-tried');
    expect(await world.round()).toBe(2);
    expect(await states()).toEqual(['waiting mail_later', 'sent']);
    const waits: unknown[] = [];
    for (let i = 0; i < 5; i += 1) {
      const [row] = await sql(
        `select round(extract(epoch from due_at - now()) / 60)::int as minutes from claim_notices where state = 'waiting'`,
      );
      waits.push(row?.minutes);
      await later(`${Number(row?.minutes) * 60 + 30} seconds`);
      expect(await world.round()).toBe(1);
    }
    expect(waits).toEqual([1, 5, 25, 125, 625]);
    expect(await states()).toEqual(['failed mail_later', 'sent']);
    expect(await world.round()).toBe(0);
  });

  test('that is none: an address that is refused for good is not tried again', async () => {
    stage.refusals.set('anna@example.com', '550 5.1.1 <anna@example.com> has gone');
    await world.ask(world.person('anna'), 'claim-enforced');
    await world.round();
    const [row] = await sql('select problem from claim_notices');
    expect(row?.problem).toEqual({ code: 'mail_refused', detail: '550 5.1.1' });
    await later('2 days');
    expect(await world.round()).toBe(0);
  });
});

describe('a node', () => {
  test('beside others sends each letter once', async () => {
    for (let i = 0; i < 20; i += 1) await world.ask(world.person(`p${i}`), 'link-tried');
    const others = [1, 2].map(() => openNoticeWorld({ databaseUrl: database.url, smtpPort: stage.port }));
    for (const other of others) for (let i = 0; i < 20; i += 1) other.person(`p${i}`);
    await Promise.all([world, ...others].map(({ round }) => round()));
    await Promise.all(others.map(({ close }) => close()));
    expect(new Set(stage.mails.map(({ to }) => to[0])).size).toBe(20);
    expect(stage.mails).toHaveLength(20);
  });

  test.each([true, false])(
    'that dies while a mail is under way (taken: %s) leaves it unsure, and nobody repeats it',
    async (taken) => {
      const sub = world.person('anna');
      await world.ask(sub, 'claim-enforced');
      const child = childWith(['anna', 'ben']);
      stage.onMail = async () => {
        stage.onMail = undefined;
        child.kill('SIGKILL');
        await once(child, 'close');
        if (!taken) throw refusal('451 4.3.0 not taken');
      };
      await once(child, 'close');
      expect(await states()).toEqual(['sending']);
      expect(await world.round()).toBe(0);
      await later('16 minutes');
      await world.ask(world.person('ben'), 'claim-enforced');
      expect(await world.round()).toBe(2);
      expect(await states()).toEqual(['unsure process_ended', 'sent']);
      expect(stage.sentTo('anna@example.com')).toBe(taken ? 1 : 0);
      await world.ask(sub, 'claim-enforced');
      expect(await world.round()).toBe(0);
      const [record] = await world.audit.records({ sub, action: 'mail.unsure' });
      expect(record?.detail).toEqual({ target: 'main', notice: 'claim-enforced', code: 'process_ended' });
    },
  );

  test('that dies before anything goes out leaves it to the next', async () => {
    const sub = world.person('anna');
    await world.ask(sub, 'claim-enforced');
    await sql(`update claim_notices set lease = 'dead', leased_until = now() + interval '10 minutes'`);
    expect(await world.round()).toBe(0);
    await later('11 minutes');
    expect(await world.round()).toBe(1);
    expect(await states()).toEqual(['sent']);
  });
});

function childWith(names: readonly string[]) {
  const path = fileURLToPath(new URL('notice-child.ts', import.meta.url));
  const errand = { databaseUrl: database.url, smtpPort: stage.port, names };
  const child = spawn(process.execPath, [path, JSON.stringify(errand)], { stdio: 'inherit' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

describe('what is kept', () => {
  test('says in the audit log who was told of what, and no address', async () => {
    const sub = world.person('anna');
    await world.ask(sub, 'account-linked', { there: 'a…@new.example' });
    await world.round();
    const [record] = await world.audit.records({ sub, action: 'mail.sent' });
    expect(record).toMatchObject({
      actor: 'footbridge',
      detail: { target: 'main', notice: 'account-linked' },
    });
    expect(JSON.stringify(record)).not.toContain('@');
  });

  test('is forgotten with the person, and of nobody else', async () => {
    const [anna, ben] = [world.person('anna'), world.person('ben')];
    for (const sub of [anna, ben]) await world.ask(sub, 'account-linked');
    await forgetNotices(world.db, 'main', anna);
    expect(await sql('select sub from claim_notices')).toEqual([{ sub: ben }]);
  });

  test('is swept after three months, what waits is not', async () => {
    await world.ask(world.person('anna'), 'account-linked');
    await world.round();
    await world.ask(world.person('ben'), 'account-linked');
    expect(await sweep(world.db, SWEEP_NOTICES)).toBe(0);
    await later('91 days');
    expect(await sweep(world.db, SWEEP_NOTICES)).toBe(1);
    expect(await sql('select sub from claim_notices')).toEqual([{ sub: 'shop:ben' }]);
  });
});
