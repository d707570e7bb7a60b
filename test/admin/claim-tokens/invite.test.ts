/** A campaign of claim tokens as an operator begins it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { claimInvite } from '../../../src/admin/operations/claim-invite.ts';
import type { MailStage } from '../../mail/smtp-stage.ts';
import { openMailStage } from '../../mail/smtp-stage.ts';
import type { CampaignWorld } from '../../migration/claim-tokens/campaign-world.ts';
import { emailOf, openCampaignWorld } from '../../migration/claim-tokens/campaign-world.ts';
import { execute as sql } from '../../support/database.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';

let stage: MailStage;
let database: TestDatabase;
let world: CampaignWorld;
beforeAll(async () => {
  stage = await openMailStage();
});
afterAll(() => stage.stop());
beforeEach(async () => {
  stage.mails.length = 0;
  stage.refusals.clear();
  stage.onMail = undefined;
  database = await testDatabase();
  world = openCampaignWorld({ databaseUrl: database.url, smtpPort: stage.port });
});
afterEach(async () => {
  await world.close();
  await database.drop();
});

const PLACE = { target: 'main', campaign: 'spring', perHour: '3600000' };

/** As the command line gives it: text. */
async function run(
  input: object,
  { execute = false, signal }: { readonly execute?: boolean; readonly signal?: AbortSignal } = {},
) {
  const legacySettings = { stores: [{ store: 'shop' }] };
  const desk = { ...world.deps, audit: world.audit, actor: 'operator:test', legacySettings };
  const parsed = claimInvite.input.parse({ ...PLACE, ...input });
  const progress: { readonly users: number }[] = [];
  const output = await claimInvite.run(desk as never, parsed as never, {
    execute,
    signal,
    onProgress: (told) => progress.push(told),
  });
  return {
    ...{ output, progress },
    text: claimInvite.print(output),
    wrong: claimInvite.foundWrong?.(output) ?? false,
  };
}

describe('claim invite', () => {
  test('without --execute says whom it is for and shows a letter without its link', async () => {
    const [first, unverified] = world.add(2);
    world.change(unverified!, { emailVerified: false });
    world.add(1, { roles: ['staff'] });
    const { text, wrong, progress } = await run({ perHour: '1' });
    expect(text).toContain('Campaign spring: of 3 people, 2 letters with a link to their accounts at main');
    expect(text).toContain('It takes 2 hours at most.');
    expect(text).toContain(
      `Not written to (no_verified_address): 1 No email address of theirs was verified: mail could reach somebody else.  such as ${unverified}`,
    );
    expect(text).toContain(`First: ${first}\n\nTo: ${emailOf(first!)}\nSubject: `);
    expect(text).toContain('[link]');
    expect(text).toContain('Nothing was sent, and there is no link: add --execute.');
    expect([wrong, stage.mails, progress.at(-1)?.users]).toEqual([false, [], 3]);
    expect(await sql(database.url, 'select * from mailings')).toEqual([]);
  });

  test('with --execute sends, shows how far it is, and what became of them', async () => {
    const [first, second] = world.add(2);
    stage.refusals.set(emailOf(second!), '550 5.1.1 unknown');
    const { text, wrong, progress } = await run({}, { execute: true });
    expect(text).toContain('Campaign spring: 2 letters new in it, 1 sent in this run.');
    expect(text).toContain(`failed (mail_refused): 1  such as ${second}`);
    expect([wrong, stage.sentTo(emailOf(first!)), progress.at(-1)]).toMatchObject([
      true,
      1,
      { users: 2, total: 2 },
    ]);
    expect(text).not.toMatch(/fbcp1|\/claim\//);
    stage.refusals.clear();
    expect(await run({ repeatFailed: true }, { execute: true })).toMatchObject({ wrong: false });
  });

  test('is for people by role, domain, metadata, list or login, as text with commas', async () => {
    const [vip] = world.add(1, { roles: ['vip'], email: 'v@big.example', metadata: { tier: 'gold' } });
    world.change(vip!, { lastLoginAt: Date.now() / 1_000 });
    world.add(2);
    for (const asked of [
      { roles: 'vip,staff' },
      { emailDomains: '@big.example' },
      { metadata: 'tier=gold' },
      { subs: '00000' },
      { lastLoginAfter: '2d' },
    ]) {
      const { output } = await run(asked);
      expect(output, JSON.stringify(asked)).toMatchObject({ rehearsal: { meant: 1, sample: { sub: vip } } });
    }
  });

  test('ends after the letter that is under way when Ctrl-C is pressed, and goes on later', async () => {
    const subs = world.add(3);
    const stop = new AbortController();
    stage.onMail = () => stop.abort();
    const { text, wrong } = await run({}, { execute: true, signal: stop.signal });
    expect(text).toContain('Stopped (interrupted): Stopped as you asked');
    expect([wrong, stage.mails.length]).toEqual([true, 1]);
    await run({}, { execute: true });
    expect(subs.map((sub) => stage.sentTo(emailOf(sub)))).toEqual([1, 1, 1]);
  });

  test('that is interrupted while it reads the legacy store has written to nobody', async () => {
    world.add(2);
    const { output } = await run({}, { execute: true, signal: AbortSignal.abort() });
    expect(output).toMatchObject({ report: { sent: 0, enrolled: 2, stopped: { code: 'interrupted' } } });
    expect(stage.mails).toEqual([]);
  });

  test('refuses the name of a reminder, strangers in a list, and logins that contradict one another', async () => {
    world.add(1);
    expect(() => claimInvite.input.parse({ ...PLACE, campaign: 'remind:main:a:2026-03-01' })).toThrow(
      'the name of a reminder',
    );
    Object.assign(world.deps.directory, { legacyIdOf: () => undefined });
    await expect(run({ subs: 'x' })).rejects.toMatchObject({ code: 'bad_request' });
    await expect(run({ neverLoggedIn: true, lastLoginAfter: '2d' })).rejects.toMatchObject({
      code: 'bad_request',
    });
  });
});
