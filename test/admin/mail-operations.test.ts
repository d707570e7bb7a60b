/** What an operator sees of letters and of the mail server before anybody is written to. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Desk, Operation } from '../../src/admin/operation.ts';
import { mailCheck } from '../../src/admin/operations/mail-check.ts';
import { mailPreview } from '../../src/admin/operations/mail-preview.ts';
import { SAMPLE_NAMES } from '../../src/mail/samples.ts';
import type { MailStage } from '../mail/smtp-stage.ts';
import { openMailStage, refusal } from '../mail/smtp-stage.ts';
import type { NoticeWorld, NoticeWorldOptions } from '../migration/claim-tokens/notice-world.ts';
import { openNoticeWorld } from '../migration/claim-tokens/notice-world.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

let stage: MailStage;
let database: TestDatabase;
let world: NoticeWorld;
beforeAll(async () => {
  stage = await openMailStage();
  database = await testDatabase();
});
afterAll(async () => {
  await stage.stop();
  await database.drop();
});
beforeEach(() => {
  stage.mails.length = 0;
  stage.onMail = undefined;
  stage.refusals.clear();
  open();
});
afterEach(() => world.close());

function open(more: Partial<NoticeWorldOptions> = {}): void {
  world = openNoticeWorld({ databaseUrl: database.url, smtpPort: stage.port, ...more });
}

async function run(operation: Operation, input: object, { execute = false } = {}) {
  const desk = { ...world.deps, actor: 'operator:test' } as unknown as Desk;
  const output = await operation.run(desk, operation.input.parse(input) as never, { execute });
  return {
    text: operation.print(output),
    page: operation.page?.(output),
    wrong: operation.foundWrong?.(output) ?? false,
  };
}

describe('mail preview', () => {
  test('shows subject and text, and as a page the HTML, without the link', async () => {
    const { text, page } = await run(mailPreview, { letter: 'claim-account', target: 'main' });
    expect(text).toMatch(/^Subject: Please link your Shop account to New & Co\n\nHello Anna Tester,\n\n/);
    expect(text).toContain('\n[link]\n');
    expect(page).toContain('<html lang="en">');
    expect(page).toContain('href="[link]"');
    expect(stage.mails).toEqual([]);
  });

  test.each(SAMPLE_NAMES)('knows %s, in every language', async (letter) => {
    const subjects = await Promise.all(
      ['en', 'de', 'fr'].map(async (language) => (await run(mailPreview, { letter, language })).text),
    );
    expect(new Set(subjects).size).toBe(3);
  });

  test('takes the settings’ language, brand, and whom to ask', async () => {
    await world.close();
    open({
      mail: { language: 'de', brand: { name: 'Laden' } },
      claimTokens: { contact: 'hilfe@laden.example' },
    });
    const { text } = await run(mailPreview, { letter: 'link-tried' });
    expect(text).toContain('Subject: Jemand wollte Ihr Konto bei Laden mit New & Co verknüpfen');
    expect(text).toContain('hilfe@laden.example');
  });

  test('refuses a letter, a language and a target that there are not, and settings without mail', async () => {
    await expect(run(mailPreview, { letter: 'other' })).rejects.toThrow();
    await expect(run(mailPreview, { letter: 'link-tried', language: 'nl' })).rejects.toThrow();
    await expect(run(mailPreview, { letter: 'link-tried', target: 'x' })).rejects.toMatchObject({
      code: 'not_found',
    });
    await world.close();
    open({ mail: false });
    await expect(run(mailPreview, { letter: 'link-tried' })).rejects.toMatchObject({
      code: 'config_invalid',
    });
  });
});

describe('mail check', () => {
  const to = 'me@shop.example';

  test('greets the server and sends nothing', async () => {
    expect(await run(mailCheck, {})).toMatchObject({
      text: 'The mail server answers and lets us in.',
      wrong: false,
    });
    expect(await run(mailCheck, {}, { execute: true })).toMatchObject({ wrong: false });
    expect(stage.mails).toEqual([]);
  });

  test('says what would be sent, and sends it with --execute, without a link', async () => {
    const dry = await run(mailCheck, { to });
    expect(dry.text).toBe(
      [
        'The mail server answers and lets us in.',
        'Would send “Please link your Shop account to New & Co” to me@shop.example.',
        'Nothing was sent: add --execute.',
      ].join('\n'),
    );
    expect(stage.mails).toEqual([]);
    const done = await run(mailCheck, { to, letter: 'claim-enforced', language: 'fr' }, { execute: true });
    expect(done).toMatchObject({ wrong: false });
    expect(done.text).toContain('A letter for me@shop.example was taken');
    const mail = await stage.parsed(to);
    expect(mail.subject).toBe('Votre lien pour vous connecter à Shop avec New & Co');
    expect(mail.text).toContain('[link]');
    const [record] = await world.audit.records({ action: 'mail.checked' });
    expect(record).toMatchObject({
      actor: 'operator:test',
      detail: { letter: 'claim-enforced', outcome: 'sent' },
    });
    expect(JSON.stringify(record)).not.toContain(to);
  });

  test('says by its code that the server is away, and tries to send nothing', async () => {
    await stage.stop();
    const { text, wrong } = await run(mailCheck, { to }, { execute: true });
    await stage.start();
    expect(text).toContain('The mail server does not take our mail (ECONNREFUSED).');
    expect(text).not.toContain('--execute');
    expect(wrong).toBe(true);
  });

  test.each([
    ['550 5.1.1 unknown', 'It was refused for good (550 5.1.1).'],
    ['450 4.2.0 greylisted', 'It was put off: the server wants us to come again (450 4.2.0).'],
  ])('says that the letter was not taken: %s', async (answer, sentence) => {
    stage.onMail = () => {
      throw refusal(answer);
    };
    const { text, wrong } = await run(mailCheck, { to }, { execute: true });
    expect(text).toContain(sentence);
    expect(wrong).toBe(true);
  });

  test.each([{ to: 'nobody' }, { to: 'a@b.example, c@d.example' }, { letter: 'x' }])(
    'refuses %j',
    async (input) => {
      await expect(run(mailCheck, input)).rejects.toThrow();
    },
  );
});
