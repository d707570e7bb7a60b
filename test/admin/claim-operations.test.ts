/** What an operator does with single links: makes, mails, finds, tells of and takes them back. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Desk } from '../../src/admin/operation.ts';
import { claimIssue } from '../../src/admin/operations/claim-issue.ts';
import { claimList } from '../../src/admin/operations/claim-list.ts';
import { claimRevoke } from '../../src/admin/operations/claim-revoke.ts';
import { claimShow } from '../../src/admin/operations/claim-show.ts';
import * as tokens from '../../src/migration/claim-tokens/claim-tokens.ts';
import { addException } from '../../src/migration/claim-tokens/exceptions.ts';
import { HOUR, ISSUER, organizationOf } from '../migration/claim-tokens/claimants.ts';
import type { ClaimStage } from './claim-stage.ts';
import { openClaimStage, steady } from './claim-stage.ts';

let stage: ClaimStage;
beforeAll(async () => {
  stage = await openClaimStage({
    claimTokens: [
      {
        target: 'main',
        organizations: {},
        contact: 'help@shop.example',
        enforcement: [{ name: 'everybody', from: '2020-01-01' }],
      },
    ],
  });
});
afterAll(() => stage.close());
afterEach(() => {
  stage.state.isLegacyDown = false;
  stage.mail.refusals.clear();
  stage.mail.mails.length = 0;
});

const EXECUTE = { execute: true };
const tokenIn = (text: string) => /fbc[po]1\.[\w-]{43}/.exec(text)?.[0] ?? '';
const issuedTo = (sub: string) => tokens.countClaimTokens(stage.db, { sub });

/** All that is kept of it, and all that a later command says. */
async function everythingKept(sub: string, id: string): Promise<string> {
  const rows = await stage.sql('select to_jsonb(t) as all from claim_tokens t where sub = $1', [sub]);
  const shown = await stage.run(claimShow, { id });
  const listed = await stage.run(claimList, { user: sub });
  return JSON.stringify([rows, await stage.audit.records({ sub }), shown, listed]);
}

describe('claim issue', () => {
  test('says whom and what for, and makes nothing, without --execute', async () => {
    const sub = stage.someone();
    const { text, output, wrong } = await stage.run(claimIssue, { user: sub, target: 'main' });
    expect(text).toBe(
      [
        `Would make a link by which ${sub} links their account at main:`,
        `  ${sub}  user-p1  Person p1  p1@example.com (verified)`,
        '  Good for 72 hours, once. Shown once, here.',
        'Nothing was changed: add --execute.',
      ].join('\n'),
    );
    expect(output.link).toBeUndefined();
    expect(wrong).toBe(false);
    expect(await issuedTo(sub)).toBe(0);
    expect(await stage.audit.records({ sub })).toEqual([]);
  });

  test('shows the link once, and nothing else has it', async () => {
    const sub = stage.someone();
    const { text, output } = await stage.run(claimIssue, { user: sub, target: 'main' }, EXECUTE);
    expect(steady(text)).toBe(
      [
        `A link by which ${sub} links their account at main, good until [minute] UTC, once:`,
        `  ${ISSUER}/claim/[token]`,
        'It is shown this once. Whoever opens it may link: give it to nobody else.',
        'footbridge claim show [id] says what becomes of it.',
      ].join('\n'),
    );
    expect(output.link).toBe(`${ISSUER}/claim/${tokenIn(text)}`);
    const found = await tokens.findByText(stage.db, tokenIn(text));
    expect(found).toMatchObject({ id: output.id, sub, origin: 'operator', sentAt: null });
    const secret = tokenIn(text).slice(6);
    expect(secret).toHaveLength(43);
    expect(await everythingKept(sub, output.id)).not.toContain(secret);
    expect(await stage.audited('claim-token.issued', sub)).toMatchObject([
      { actor: 'operator:test', detail: { target: 'main', purpose: 'person', origin: 'operator' } },
    ]);
  });

  test('is for an organization of a linked owner', async () => {
    const sub = stage.someone({ organizations: [organizationOf('works')] });
    const asked = { user: sub, target: 'main', organization: 'works' };
    const early = await stage.run(claimIssue, asked);
    expect(early.text).toBe(
      `No link for ${sub} at main: The owner has to link their own account first. (person_first)`,
    );
    expect(early.wrong).toBe(true);
    await stage.linked(sub);
    const { text } = await stage.run(claimIssue, asked, EXECUTE);
    expect(text).toContain(`A link by which ${sub} links the organization Works works (shop:works) at main`);
    expect(tokenIn(text)).toMatch(/^fbco1/);
  });

  test('mails the link instead, and neither shows it nor keeps it', async () => {
    const sub = stage.someone({ locale: 'de-CH' });
    const to = stage.people.get(sub)!.user.email!;
    const asked = { user: sub, target: 'main', mail: true };
    expect((await stage.run(claimIssue, asked)).text).toContain(`Good for 72 hours, once. Mailed to ${to}.`);
    expect(stage.mail.mails).toEqual([]);
    const { text, output, wrong } = await stage.run(claimIssue, asked, EXECUTE);
    expect(steady(text)).toBe(
      [
        `A link by which ${sub} links their account at main was mailed to ${to}, good until [minute] UTC.`,
        'footbridge claim show [id] says what becomes of it.',
      ].join('\n'),
    );
    expect([wrong, output.link]).toEqual([false, undefined]);
    const mail = await stage.mail.parsed(to);
    expect(mail.headers.find(({ key }) => key === 'content-language')?.value).toBe('de');
    const token = tokenIn(mail.text ?? '');
    expect(await tokens.findByText(stage.db, token)).toMatchObject({ id: output.id, state: 'open', sub });
    expect((await tokens.findClaimToken(stage.db, output.id))?.sentAt).toBeInstanceOf(Date);
    expect(JSON.stringify([text, output, await everythingKept(sub, output.id)])).not.toContain(
      token.slice(6),
    );
    expect(await stage.audited('mail.sent', sub)).toMatchObject([
      { detail: { target: 'main', letter: 'claim-account' } },
    ]);
  });

  test('takes the link back that the mail server did not take', async () => {
    const sub = stage.someone();
    const to = stage.people.get(sub)!.user.email!;
    stage.mail.refusals.set(to, '550 5.1.1 unknown');
    const { text, output, wrong } = await stage.run(
      claimIssue,
      { user: sub, target: 'main', mail: true },
      EXECUTE,
    );
    expect(text).toBe(`The mail to ${to} was not sent (550 5.1.1). The link was taken back.`);
    expect(wrong).toBe(true);
    expect(await tokens.findClaimToken(stage.db, output.id)).toMatchObject({
      state: 'revoked',
      sentAt: null,
    });
    expect(await stage.audited('mail.refused', sub)).toHaveLength(1);
  });

  test('mails to nobody whose address is not verified', async () => {
    const sub = stage.someone({ emailVerified: false });
    const asked = { user: sub, target: 'main', mail: true };
    const dry = await stage.run(claimIssue, asked);
    expect(dry.text).toContain('mail could reach somebody else. (no_verified_address)');
    expect(dry.wrong).toBe(true);
    await expect(stage.run(claimIssue, asked, EXECUTE)).rejects.toMatchObject({
      code: 'no_verified_address',
    });
    expect(await issuedTo(sub)).toBe(0);
  });

  test('mails nothing where the settings have no mail server', async () => {
    const sub = stage.someone();
    const at = { ...stage.desk, mailer: undefined } as Desk;
    const asked = { user: sub, target: 'main', mail: true };
    await expect(stage.run(claimIssue, asked, { at, execute: true })).rejects.toMatchObject({
      code: 'config_invalid',
    });
    expect(await issuedTo(sub)).toBe(0);
  });

  test.each([
    ['nobody', async (): Promise<string> => 'shop:nobody', 'user_not_found'],
    ['who is disabled', async (): Promise<string> => stage.someone({ state: 'disabled' }), 'user_disabled'],
    [
      'who is linked',
      async (): Promise<string> => {
        const sub = stage.someone();
        await stage.linked(sub);
        return sub;
      },
      'user_linked',
    ],
  ] as const)('is refused for %s, by a dry run as well', async (_who, whom, code) => {
    const asked = { user: await whom(), target: 'main' };
    expect(await stage.run(claimIssue, asked)).toMatchObject({ wrong: true, output: { refused: { code } } });
    await expect(stage.run(claimIssue, asked, EXECUTE)).rejects.toMatchObject({ code });
    expect(await issuedTo(asked.user)).toBe(0);
  });

  test('tells an outage as one, and knows no target without claim tokens', async () => {
    const user = stage.someone();
    await expect(stage.run(claimIssue, { user, target: 'other' })).rejects.toMatchObject({
      code: 'not_found',
    });
    stage.state.isLegacyDown = true;
    await expect(stage.run(claimIssue, { user, target: 'main' })).rejects.toMatchObject({
      code: 'legacy_unavailable',
    });
  });
});

describe('claim list', () => {
  test('has a line for each link, newest first, and says when there are more', async () => {
    const sub = stage.someone();
    const first = await stage.issue({ sub, origin: 'campaign', campaign: 'spring' });
    const second = await stage.issue({ sub, purpose: 'organization', organization: 'shop:works' });
    await tokens.noteClaim(stage.db, first.id, 'sent');
    await tokens.noteClaim(stage.db, second.id, 'opened');
    await tokens.noteFailure(stage.db, second.id, 'cancelled');
    const { text, output } = await stage.run(claimList, { user: sub });
    expect(output.tokens.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
    expect(
      steady(text)
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/ {2,}/)),
    ).toEqual([
      ['[id]', sub, 'main: shop:works', 'opened', '[minute]', '[minute]', 'operator', 'cancelled'],
      ['[id]', sub, 'main', 'sent', '[minute]', '[minute]', 'campaign spring'],
    ]);
    const one = await stage.run(claimList, { user: sub, limit: '1' });
    expect(one.text).toContain('The newest 1 of 2 links.');
    expect(one.output.tokens).toHaveLength(1);
  });

  test('filters by state and campaign, and says where there is none', async () => {
    const sub = stage.someone();
    const old = await stage.issue({ sub, origin: 'campaign', campaign: 'listed' });
    await stage.issue({ sub });
    await stage.age(old.id, 2 * HOUR);
    const expired = await stage.run(claimList, { user: sub, state: 'expired', campaign: 'listed' });
    expect(expired.output).toMatchObject({ total: 1, tokens: [{ id: old.id }] });
    expect((await stage.run(claimList, { user: 'shop:nobody' })).text).toContain('There is no such link.');
  });

  test.each([{ state: 'lost' }, { purpose: 'x' }, { limit: '0' }, { limit: '1001' }])(
    'refuses %j',
    async (input) => {
      await expect(stage.run(claimList, input)).rejects.toThrow();
    },
  );
});

describe('claim show', () => {
  test('tells what became of a link, and where its person stands', async () => {
    const sub = stage.someone();
    const { id } = await stage.issue({ sub, origin: 'campaign', campaign: 'spring' });
    await stage.issue({ sub });
    for (const what of ['sent', 'opened', 'started'] as const) await tokens.noteClaim(stage.db, id, what);
    await tokens.noteFailure(stage.db, id, 'cancelled');
    const { text } = await stage.run(claimShow, { id });
    expect(steady(text)).toBe(
      [
        'Link [id], at the target',
        `  for the account of ${sub} at main, good until [minute] UTC`,
        '  [minute]  issued   in the campaign spring',
        '  [minute]  sent     a letter with it went out',
        '  [minute]  opened   its page was shown',
        '  [minute]  started  somebody went to the target with it',
        '  [minute]  failed   the last try came to nothing: cancelled',
        `Person ${sub}  user-${sub.slice(5)}  Person ${sub.slice(5)}  ${sub.slice(5)}@example.com (verified)`,
        '  at main: legacy (never seen here)',
        '  old login: lets them in no more since 2020-01-15 (rule everybody)',
        '  1 link besides, 1 of them open',
      ].join('\n'),
    );
  });

  test('says that it was claimed, as whom, and that the person is excepted', async () => {
    const sub = stage.someone();
    const { id } = await stage.issue({ sub });
    const by = Buffer.alloc(32, 1);
    await tokens.holdClaim(stage.db, id, by);
    await stage.db.runParts(tokens.takeParts(id, by), 'select 1');
    await stage.linked(sub);
    const subject = stage.deps.pseudonym(sub);
    const doing = { target: 'main', sub, actor: 'operator:test', subject };
    await addException(stage.db, { ...doing, reason: 'Is blind', until: null });
    const { text } = await stage.run(claimShow, { id });
    expect(text).toContain(`Link ${id}, claimed`);
    expect(text).toContain('claimed  the link was made');
    expect(text).toContain(`at main: migrated as there-${sub}`);
    expect(text).toContain('old login: goes on');
    expect(text).toContain('excepted until it is taken back: Is blind');
    expect(text).toContain('no other links');
  });

  test('says that it is over, also while the legacy store is down', async () => {
    const sub = stage.someone();
    const { id } = await stage.issue({ sub });
    await stage.age(id, 2 * HOUR);
    stage.state.isLegacyDown = true;
    const { text } = await stage.run(claimShow, { id });
    expect(text).toContain(`Link ${id}, expired`);
    expect(text).toContain('expired  its time was over');
    expect(text).toContain(`Person ${sub}: The legacy user store cannot be asked at the moment.`);
    stage.state.isLegacyDown = false;
    stage.people.delete(sub);
    expect((await stage.run(claimShow, { id })).text).toContain(`Person ${sub}: the legacy store has nobody`);
  });

  test.each(['x', '7f0e7dd0-0000-4000-8000-000000000000'])('knows no link %s', async (id) => {
    await expect(stage.run(claimShow, { id })).rejects.toMatchObject({ code: 'claim_token_unknown' });
  });
});

describe('claim revoke', () => {
  const openOf = (sub: string) => tokens.countClaimTokens(stage.db, { sub, state: 'open' });

  test('counts what it would take back, and takes it back only with --execute', async () => {
    const [sub, other] = [stage.someone(), stage.someone()];
    for (const one of [sub, sub, other])
      await stage.issue({ sub: one, origin: 'campaign', campaign: 'revoked' });
    const dry = await stage.run(claimRevoke, { campaign: 'revoked' });
    expect(dry.text).toBe('Would take back 3 links that are open.\nNothing was changed: add --execute.');
    expect(await openOf(sub)).toBe(2);
    const done = await stage.run(claimRevoke, { campaign: 'revoked', user: sub }, EXECUTE);
    expect(done.text).toBe('2 links taken back.');
    expect([await openOf(sub), await openOf(other)]).toEqual([0, 1]);
    expect(await stage.audited('claim-token.revoked', sub)).toMatchObject([
      { actor: 'operator:test', detail: { tokens: 2, campaign: 'revoked' } },
    ]);
  });

  test('takes one back, and leaves alone what is no longer open', async () => {
    const sub = stage.someone();
    const [one, other] = [await stage.issue({ sub }), await stage.issue({ sub })];
    expect((await stage.run(claimRevoke, { id: one.id })).text).toContain('1 link that is open');
    expect((await stage.run(claimRevoke, { id: one.id }, EXECUTE)).output.revoked).toBe(1);
    expect((await stage.run(claimRevoke, { id: one.id }, EXECUTE)).output.revoked).toBe(0);
    expect(await stage.audited('claim-token.revoked', sub)).toHaveLength(1);
    expect((await tokens.findClaimToken(stage.db, other.id))?.state).toBe('open');
    await expect(tokens.findByText(stage.db, one.text.reveal()).then(tokens.checkOpen)).rejects.toMatchObject(
      { code: 'claim_token_spent' },
    );
  });

  test('never means everything by accident', async () => {
    const sub = stage.someone();
    await stage.issue({ sub });
    await expect(stage.run(claimRevoke, {}, EXECUTE)).rejects.toThrow('say whose');
    expect(await openOf(sub)).toBe(1);
  });
});
