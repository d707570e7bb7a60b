/** Claim tokens in the database: what opens them, how long, who holds them, and that each is spent once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimLink, newSecret, readSecret } from '../../../src/migration/claim-tokens/claim-token.ts';
import * as tokens from '../../../src/migration/claim-tokens/claim-tokens.ts';
import { Secret } from '../../../src/settings.ts';
import type { Part } from '../../../src/store/statement.ts';
import type { Claimants } from './claimants.ts';
import { HOUR, ISSUER, openClaimants } from './claimants.ts';

let stage: Claimants;
beforeAll(async () => {
  stage = await openClaimants();
});
afterAll(() => stage.close());

const [ANNA, BERT] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const stateOf = async (id: string) => (await tokens.findClaimToken(stage.db, id))?.state;
const failsWith = (code: string) => expect.objectContaining({ code });

async function take(id: string, by: Buffer): Promise<boolean> {
  const taken = await stage.db.runParts(tokens.takeParts(id, by), 'select id from claim_taken');
  return taken.length > 0;
}

describe('a token’s secret', () => {
  test('is 256 bits, never the same, and known only by its hash', async () => {
    const [one, other] = [newSecret('person'), newSecret('person')];
    expect(one.text.reveal()).toMatch(/^fbcp1\.[\w-]{43}$/);
    expect(one.text.reveal()).not.toBe(other.text.reveal());
    expect(readSecret(one.text.reveal())).toEqual({ purpose: 'person', digest: one.digest });
    expect(`${one.text} ${JSON.stringify(one.text)}`).toBe('[secret] "[secret]"');

    const issued = await stage.issue({ sub: stage.someone() });
    const [row] = await stage.sql('select to_jsonb(t)::text as all from claim_tokens t where id = $1', [
      issued.id,
    ]);
    expect(row?.all).not.toContain(issued.text.reveal().slice(6));
  });

  test('says what it is for', () => {
    expect(newSecret('organization').text.reveal()).toMatch(/^fbco1\./);
    expect(claimLink(ISSUER, new Secret('fbcp1.x')).reveal()).toBe(`${ISSUER}/claim/fbcp1.x`);
  });

  test.each([
    '',
    'x',
    'fbcp1.',
    `fbcp1.${'a'.repeat(42)}`,
    `fbcp1.${'a'.repeat(44)}`,
    `fbcp2.${'a'.repeat(43)}`,
  ])('is not %o', async (text) => {
    expect(readSecret(text)).toBeUndefined();
    await expect(tokens.findByText(stage.db, text)).rejects.toEqual(failsWith('claim_token_unknown'));
  });
});

describe('a token', () => {
  test('is found by its text, with all that it is for', async () => {
    const sub = stage.someone();
    const issued = await stage.issue({ sub, origin: 'campaign', campaign: 'spring' });
    expect(await tokens.findByText(stage.db, issued.text.reveal())).toEqual({
      ...{ id: issued.id, target: 'main', purpose: 'person', sub, organization: null, origin: 'campaign' },
      ...{ campaign: 'spring', state: 'open', issuedAt: expect.any(Date), expiresAt: issued.expiresAt },
      ...{ sentAt: null, openedAt: null, startedAt: null, endedAt: null, failedAt: null, failure: null },
    });
    expect(await tokens.findClaimToken(stage.db, issued.id)).toMatchObject({ id: issued.id, sub });
  });

  test('that was never issued is unknown, and so is an id that is none', async () => {
    await expect(tokens.findByText(stage.db, newSecret('person').text.reveal())).rejects.toEqual(
      failsWith('claim_token_unknown'),
    );
    for (const id of ['x', '', '7f0e7dd0-0000-4000-8000-000000000000'])
      expect(await tokens.findClaimToken(stage.db, id)).toBeUndefined();
  });

  test.each([
    ['organization', 'person', 'fbcp1'],
    ['person', 'organization', 'fbco1'],
  ] as const)('for %s does not open as one for %s', async (purpose, _other, prefix) => {
    const sub = stage.someone();
    const more = purpose === 'organization' ? { organization: 'shop:o1' } : {};
    const { text } = await stage.issue({ sub, purpose, ...more });
    const disguised = `${prefix}${text.reveal().slice(5)}`;
    await expect(tokens.findByText(stage.db, disguised)).rejects.toEqual(failsWith('claim_token_purpose'));
    expect(await tokens.findByText(stage.db, text.reveal())).toMatchObject({ purpose });
  });

  test('for an organization has one, and one for a person has none', async () => {
    const sub = stage.someone();
    await expect(stage.issue({ sub, purpose: 'organization' })).rejects.toMatchObject({ code: '23514' });
    await expect(stage.issue({ sub, organization: 'shop:o1' })).rejects.toMatchObject({ code: '23514' });
  });

  test('expires by the database’s clock', async () => {
    const { id, text, expiresAt } = await stage.issue({ sub: stage.someone(), ttlSeconds: HOUR });
    const [row] = await stage.sql('select issued_at from claim_tokens where id = $1', [id]);
    expect(expiresAt.getTime() - (row!.issued_at as Date).getTime()).toBe(HOUR * 1_000);
    await stage.age(id, HOUR - 60);
    expect(await stateOf(id)).toBe('open');
    await tokens.holdClaim(stage.db, id, ANNA);
    await stage.age(id, 60);
    const token = await tokens.findByText(stage.db, text.reveal());
    expect(() => tokens.checkOpen(token)).toThrow(failsWith('claim_token_expired'));
    await expect(tokens.holdClaim(stage.db, id, ANNA)).rejects.toEqual(failsWith('claim_token_expired'));
    expect(await take(id, ANNA)).toBe(false);
  });

  test('is issued with an audit record that does not have it', async () => {
    const sub = stage.someone();
    const { text } = await stage.issue({ sub, purpose: 'organization', organization: 'shop:o9' });
    const records = await stage.audited('claim-token.issued', sub);
    expect(records).toMatchObject([
      {
        actor: 'operator:test',
        detail: { target: 'main', purpose: 'organization', origin: 'operator', organization: 'shop:o9' },
      },
    ]);
    expect(JSON.stringify(records)).not.toContain(text.reveal().slice(6));
  });
});

describe('of the links of one person', () => {
  test('the newest five are good; those of others and for something else are left alone', async () => {
    const [sub, other] = [stage.someone(), stage.someone()];
    const aside = [
      await stage.issue({ sub: other }),
      await stage.issue({ sub, target: 'elsewhere' }),
      await stage.issue({ sub, purpose: 'organization', organization: 'shop:o1' }),
    ];
    const issued: string[] = [];
    for (let i = 0; i < 7; i++) issued.push((await stage.issue({ sub })).id);
    const states = await Promise.all(issued.map(stateOf));
    expect(states).toEqual(['revoked', 'revoked', 'open', 'open', 'open', 'open', 'open']);
    expect(await Promise.all(aside.map(({ id }) => stateOf(id)))).toEqual(['open', 'open', 'open']);
  });

  test('those that are over crowd nobody out', async () => {
    const sub = stage.someone();
    const old = await Promise.all(Array.from({ length: 4 }, () => stage.issue({ sub })));
    for (const { id } of old) await stage.age(id, 2 * HOUR);
    const issued: string[] = [];
    for (let i = 0; i < 5; i++) issued.push((await stage.issue({ sub })).id);
    expect(new Set(await Promise.all(issued.map(stateOf)))).toEqual(new Set(['open']));
    expect(await tokens.countLately(stage.db, { target: 'main', sub, seconds: HOUR })).toBe(5);
    expect(await tokens.countLately(stage.db, { target: 'main', sub, seconds: 3 * HOUR })).toBe(9);
  });
});

describe('who has begun with a link', () => {
  test('holds it against everybody else, until they leave', async () => {
    const { id } = await stage.issue({ sub: stage.someone() });
    await tokens.holdClaim(stage.db, id, ANNA);
    await tokens.holdClaim(stage.db, id, ANNA);
    await expect(tokens.holdClaim(stage.db, id, BERT)).rejects.toEqual(failsWith('claim_token_held'));
    expect(await take(id, BERT)).toBe(false);
    await tokens.letGo(stage.db, id, BERT);
    await expect(tokens.holdClaim(stage.db, id, BERT)).rejects.toEqual(failsWith('claim_token_held'));
    await tokens.letGo(stage.db, id, ANNA);
    await tokens.holdClaim(stage.db, id, BERT);
    expect(await take(id, ANNA)).toBe(false);
    expect(await take(id, BERT)).toBe(true);
  });

  test('holds it no longer than a page may stay open', async () => {
    const { id } = await stage.issue({ sub: stage.someone() });
    await tokens.holdClaim(stage.db, id, ANNA);
    await stage.age(id, tokens.HOLD_SECONDS + 1);
    expect(await take(id, ANNA)).toBe(false);
    await tokens.holdClaim(stage.db, id, BERT);
    expect(await take(id, BERT)).toBe(true);
  });

  test('is told when it is spent, taken back or unknown', async () => {
    const [spent, revoked] = [
      await stage.issue({ sub: stage.someone() }),
      await stage.issue({ sub: stage.someone() }),
    ];
    await tokens.holdClaim(stage.db, spent.id, ANNA);
    await take(spent.id, ANNA);
    await tokens.revokeClaimTokens(stage.db, { id: revoked.id });
    for (const { id } of [spent, revoked])
      await expect(tokens.holdClaim(stage.db, id, ANNA)).rejects.toEqual(failsWith('claim_token_spent'));
    const nobodys = '7f0e7dd0-0000-4000-8000-000000000000';
    await expect(tokens.holdClaim(stage.db, nobodys, ANNA)).rejects.toEqual(failsWith('claim_token_unknown'));
  });
});

describe('a link is spent', () => {
  test('once, by twenty who come at the same time', async () => {
    const { id } = await stage.issue({ sub: stage.someone() });
    await tokens.holdClaim(stage.db, id, ANNA);
    const taken = await Promise.all(Array.from({ length: 20 }, () => take(id, ANNA)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await stateOf(id)).toBe('claimed');
    expect(await take(id, ANNA)).toBe(false);
  });

  test('by nobody who does not hold it', async () => {
    const { id } = await stage.issue({ sub: stage.someone() });
    expect(await take(id, ANNA)).toBe(false);
    expect(await stateOf(id)).toBe('open');
  });

  test('and the others of the same person and purpose are of no use any more', async () => {
    const sub = stage.someone();
    const [one, second] = [await stage.issue({ sub }), await stage.issue({ sub })];
    const organization = await stage.issue({ sub, purpose: 'organization', organization: 'shop:o1' });
    await tokens.holdClaim(stage.db, one.id, ANNA);
    await take(one.id, ANNA);
    expect(await stateOf(second.id)).toBe('revoked');
    expect(await stateOf(organization.id)).toBe('open');
  });

  test('once, where five links of one person are confirmed at the same time', async () => {
    const sub = stage.someone();
    const issued = [];
    for (let i = 0; i < 5; i++) issued.push(await stage.issue({ sub }));
    for (const { id } of issued) await tokens.holdClaim(stage.db, id, ANNA);
    const taken = await Promise.all(issued.map(({ id }) => take(id, ANNA)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    const states = await Promise.all(issued.map(({ id }) => stateOf(id)));
    expect(states.toSorted()).toEqual(['claimed', 'revoked', 'revoked', 'revoked', 'revoked']);
  });

  test('not, where the rest of its transaction fails', async () => {
    const { id } = await stage.issue({ sub: stage.someone() });
    await tokens.holdClaim(stage.db, id, ANNA);
    const failing: Part = {
      name: 'failing',
      text: 'select 1 / (count(*) - 1) as x from claim_taken',
      values: [],
    };
    const parts = [...tokens.takeParts(id, ANNA), failing];
    await expect(stage.db.runParts(parts, 'select * from failing')).rejects.toThrow();
    expect(await stateOf(id)).toBe('open');
    expect(await take(id, ANNA)).toBe(true);
  });
});

describe('links are taken back', () => {
  test('by what they are for, and only those that are open', async () => {
    const [sub, other] = [stage.someone(), stage.someone()];
    const spring = await stage.issue({ sub, origin: 'campaign', campaign: 'back-1' });
    const plain = await stage.issue({ sub });
    const old = await stage.issue({ sub, origin: 'campaign', campaign: 'back-1' });
    const theirs = await stage.issue({ sub: other, origin: 'campaign', campaign: 'back-1' });
    await stage.age(old.id, 2 * HOUR);
    expect(await tokens.revokeClaimTokens(stage.db, { campaign: 'back-1', sub })).toBe(1);
    expect(await tokens.revokeClaimTokens(stage.db, { campaign: 'back-1', sub })).toBe(0);
    const ids = [spring, plain, old, theirs].map(({ id }) => id);
    expect(await Promise.all(ids.map(stateOf))).toEqual(['revoked', 'open', 'expired', 'open']);
    await expect(tokens.findByText(stage.db, spring.text.reveal()).then(tokens.checkOpen)).rejects.toEqual(
      failsWith('claim_token_spent'),
    );
  });

  test('with what happens to somebody, of all purposes, and nobody else’s', async () => {
    const [sub, other] = [stage.someone(), stage.someone()];
    const theirs = [
      await stage.issue({ sub }),
      await stage.issue({ sub, purpose: 'organization', organization: 'shop:o1' }),
    ];
    const kept = [await stage.issue({ sub, target: 'elsewhere' }), await stage.issue({ sub: other })];
    const people: Part = {
      name: 'people',
      text: 'select $1::text as target, $2::text as sub',
      values: ['main', sub],
    };
    await stage.db.runParts([people, tokens.revokeOfPart('people')], 'select 1');
    expect(await Promise.all(theirs.map(({ id }) => stateOf(id)))).toEqual(['revoked', 'revoked']);
    expect(await Promise.all(kept.map(({ id }) => stateOf(id)))).toEqual(['open', 'open']);
  });

  test('and forgotten with their person', async () => {
    const [sub, other] = [stage.someone(), stage.someone()];
    const [gone, kept] = [await stage.issue({ sub }), await stage.issue({ sub: other })];
    await tokens.forgetClaimTokens(stage.db, 'main', sub);
    expect(await tokens.findClaimToken(stage.db, gone.id)).toBeUndefined();
    expect(await stateOf(kept.id)).toBe('open');
  });
});

describe('an operator', () => {
  test('finds tokens by each of their properties, the newest first, and no more than asked for', async () => {
    const [sub, other] = [stage.someone(), stage.someone()];
    const target = 'listed';
    const first = await stage.issue({ sub, target, origin: 'campaign', campaign: 'list-1' });
    const second = await stage.issue({ sub, target, purpose: 'organization', organization: 'shop:listed' });
    const third = await stage.issue({ sub: other, target });
    await stage.age(third.id, 2 * HOUR);
    const found = async (filter: Parameters<typeof tokens.listClaimTokens>[1], limit = 10) => {
      const listed = await tokens.listClaimTokens(stage.db, { target, ...filter }, limit);
      if (limit === 10)
        expect(await tokens.countClaimTokens(stage.db, { target, ...filter })).toBe(listed.length);
      return listed.map(({ id }) => id);
    };
    expect(await found({})).toEqual([second.id, first.id, third.id]);
    expect(await found({}, 1)).toEqual([second.id]);
    expect(await found({ id: first.id })).toEqual([first.id]);
    expect(await found({ sub })).toEqual([second.id, first.id]);
    expect(await found({ organization: 'shop:listed' })).toEqual([second.id]);
    expect(await found({ campaign: 'list-1', sub })).toEqual([first.id]);
    expect(await found({ purpose: 'person', state: 'open' })).toEqual([first.id]);
    expect(await found({ state: 'expired' })).toEqual([third.id]);
    expect(await found({ state: 'claimed' })).toEqual([]);
  });

  test('sees by day how far links came', async () => {
    const target = 'counted';
    const issue = () => stage.issue({ sub: stage.someone(), target, origin: 'campaign', campaign: 'days' });
    const [claimed, failed, expired, revoked] = [await issue(), await issue(), await issue(), await issue()];
    await stage.issue({ sub: stage.someone(), target });
    for (const what of ['sent', 'opened', 'started'] as const)
      for (const { id } of [claimed, failed]) await tokens.noteClaim(stage.db, id, what);
    await tokens.noteFailure(stage.db, failed.id, 'cancelled');
    await tokens.noteFailure(stage.db, claimed.id, 'cancelled');
    await tokens.holdClaim(stage.db, claimed.id, ANNA);
    await take(claimed.id, ANNA);
    await tokens.noteFailure(stage.db, claimed.id, 'too_late');
    await tokens.revokeClaimTokens(stage.db, { id: revoked.id });
    await stage.sql(`update claim_tokens set issued_at = now() where target = 'counted'`);
    await stage.age(expired.id, 24 * HOUR);
    const [row] = await stage.sql(
      `select to_char(issued_at at time zone 'UTC', 'YYYY-MM-DD') as today,
         to_char(issued_at at time zone 'UTC' - interval '1 day', 'YYYY-MM-DD') as before from claim_tokens where id = $1`,
      [claimed.id],
    );
    const none = { sent: 0, opened: 0, started: 0, claimed: 0, expired: 0, revoked: 0, failed: 0 };
    const days = [
      { day: row?.before, issued: 1, ...none, expired: 1 },
      {
        day: row?.today,
        issued: 3,
        sent: 2,
        opened: 2,
        started: 2,
        claimed: 1,
        expired: 0,
        revoked: 1,
        failed: 1,
      },
    ];
    expect(await tokens.claimsByDay(stage.db, { target, campaign: 'days', days: 7 })).toEqual(days);
    expect(await tokens.findClaimToken(stage.db, claimed.id)).toMatchObject({ failure: 'cancelled' });
    const all = await tokens.claimsByDay(stage.db, { target, days: 7 });
    expect(all.map(({ issued }) => issued)).toEqual([1, 4]);
    expect(await tokens.claimsByDay(stage.db, { target, campaign: 'other', days: 7 })).toEqual([]);
  });

  test('sees when something happened first', async () => {
    const { id } = await stage.issue({ sub: stage.someone() });
    await tokens.noteClaim(stage.db, id, 'opened');
    const first = (await tokens.findClaimToken(stage.db, id))?.openedAt;
    expect(first).toBeInstanceOf(Date);
    await tokens.noteClaim(stage.db, id, 'opened');
    expect((await tokens.findClaimToken(stage.db, id))?.openedAt).toEqual(first);
  });
});

test('tokens are swept away a year after they were over', async () => {
  const [old, young] = [
    await stage.issue({ sub: stage.someone() }),
    await stage.issue({ sub: stage.someone() }),
  ];
  await stage.age(old.id, 367 * 24 * HOUR);
  await stage.age(young.id, 364 * 24 * HOUR);
  expect(await stage.db.run(tokens.SWEEP_CLAIM_TOKENS, [100])).toEqual([{ gone: 1 }]);
  expect(await tokens.findClaimToken(stage.db, old.id)).toBeUndefined();
  expect(await stateOf(young.id)).toBe('expired');
});
