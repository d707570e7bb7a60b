/** What an operator asks and orders about people whom a batch could not carry wholly. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RemediesDesk } from '../../src/admin/batch/remedies-desk.ts';
import type { Operation } from '../../src/admin/operation.ts';
import { batchRemedies } from '../../src/admin/operations/batch-remedies.ts';
import { batchRemind } from '../../src/admin/operations/batch-remind.ts';
import type { MailStage } from '../mail/smtp-stage.ts';
import { openMailStage } from '../mail/smtp-stage.ts';
import type { World } from '../migration/remedies/world.ts';
import { BATCH, CANARY, emailOf, openWorld } from '../migration/remedies/world.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

let stage: MailStage;
let database: TestDatabase;
let world: World;
beforeAll(async () => {
  stage = await openMailStage();
});
afterAll(() => stage.stop());
beforeEach(async () => {
  stage.mails.length = 0;
  stage.refusals.clear();
  database = await testDatabase();
  world = openWorld({ databaseUrl: database.url, smtpPort: stage.port, reset: 'link' });
});
afterEach(async () => {
  await world.close();
  await database.drop();
});

/** As the command line gives it: numbers as text. */
async function run(operation: Operation, input: object, { execute = false } = {}) {
  const { deps, audit } = world;
  const desk = { ...deps, audit, actor: 'operator:test' } as unknown as RemediesDesk;
  const output = await operation.run(desk, operation.input.parse({ id: BATCH, ...input }) as never, {
    execute,
  });
  return { output, text: operation.print(output), wrong: operation.foundWrong?.(output) ?? false };
}
const lacks = (what: string, code: string) => ({
  problem: { problem: { code: 'incomplete', sentence: '…', missing: [{ what, code }] } },
});

describe('batch remedies', () => {
  test('counts who needs what and says what to do', async () => {
    await world.people(3);
    await world.people(1, lacks('grants', 'role-not-found') as never);
    const { text, wrong } = await run(batchRemedies, {});
    expect(text).toContain('reset-by-us: 3 people\n  They choose a new password: New & Co gives us a link');
    expect(text).toContain('password (unsupported_algorithm): 3\n  such as shop:0000, shop:0001, shop:0002');
    expect(text).toContain('mend-record: 1 person');
    expect(wrong).toBe(true);
  });

  test('says that nobody needs anything where that is so', async () => {
    expect(await run(batchRemedies, {})).toMatchObject({
      text: 'Nobody of this batch needs anything at main.',
      wrong: false,
    });
  });

  test('lists people, a page at a time', async () => {
    await world.people(3);
    const first = await run(batchRemedies, { remedy: 'reset-by-us', limit: '2' });
    expect(first.text).toContain('shop:0000  created  reset-by-us (password: unsupported_algorithm)');
    const { next } = (first.output as { page: { next: string } }).page;
    expect(first.text).toContain(`More: --after '${next}'`);
    const second = await run(batchRemedies, { remedy: 'reset-by-us', after: next });
    expect(second.text).toBe('shop:0002  created  reset-by-us (password: unsupported_algorithm)');
    expect((await run(batchRemedies, { remedy: 'mend-record' })).text).toBe('Nobody.');
  });

  test('knows no batch that there is not', async () => {
    await expect(run(batchRemedies, { id: 'other' })).rejects.toMatchObject({ code: 'batch_not_found' });
  });
});

describe('batch remind', () => {
  test('shows what it would do, with a mail without its link, and does it only with --execute', async () => {
    const [sub] = await world.people(2);
    const dry = await run(batchRemind, { perHour: '2' });
    expect(dry.text).toContain(
      'Campaign spring-reset for 2 people, 2 of them not in it yet. We mail each of them a link',
    );
    expect(dry.text).toContain('It takes 1 hour at most.');
    expect(dry.text).toContain(`To: ${emailOf(sub!)}\nSubject: Please choose a new password for New & Co`);
    expect(dry.text).toContain('[link]');
    expect(dry.text).toContain('Nothing was sent: add --execute.');
    expect(stage.mails).toEqual([]);
    const done = await run(batchRemind, { perHour: '36000' }, { execute: true });
    expect(done).toMatchObject({ wrong: false });
    expect(done.text).toBe('Campaign spring-reset: sent to 2 people in this run.\n  sent: 2');
    expect(JSON.stringify([dry, done])).not.toContain(CANARY);
    expect(stage.mails).toHaveLength(2);
  });

  test('says who was skipped, who failed and why', async () => {
    const [gone, refused] = await world.people(2);
    world.users.delete(gone!);
    stage.refusals.set(emailOf(refused!), '550 5.1.1 unknown');
    const dry = await run(batchRemind, {});
    expect(dry.text).toContain('Would be skipped: shop:0000 (gone): The legacy store has them no more.');
    const { text, wrong } = await run(batchRemind, { campaign: 'may' }, { execute: true });
    expect(text).toContain('failed (mail_refused): 1  such as shop:0001');
    expect(text).toContain('skipped (gone): 1 The legacy store has them no more.  such as shop:0000');
    expect(wrong).toBe(true);
  });

  test.each([
    { perHour: '0' },
    { campaign: 'a b' },
    { language: 'nl' },
    { remedy: 'other' },
    { limit: '-1' },
  ])('refuses %o', async (input) => {
    await expect(run(batchRemind, input)).rejects.toThrow();
  });
});
