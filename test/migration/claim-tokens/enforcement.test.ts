/** From when on an old login lets nobody in any more, and for whom it does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import { openEnforcement, refusedFrom, ruleFor } from '../../../src/migration/claim-tokens/enforcement.ts';
import { addException, removeException } from '../../../src/migration/claim-tokens/exceptions.ts';
import { pauseRule, resumeRule } from '../../../src/migration/claim-tokens/rules.ts';
import type { Queryable } from '../../../src/store/db.ts';
import type { User } from '../../../src/user.ts';
import type { Claimants } from './claimants.ts';
import { openClaimants, userOf } from './claimants.ts';

const SETTINGS = claimTokensSettings.parse([
  {
    target: 'main',
    enforcement: [
      { name: 'staff', from: '2026-09-01', graceDays: 0, who: { roles: ['staff'] } },
      { name: 'later', from: '2027-01-01', who: { groups: ['vip'] } },
      { name: 'listed', from: '2026-03-01', graceDays: 7, who: { subs: ['shop:z', 'shop:a', 'shop:m'] } },
      {
        name: 'gold-at-example',
        from: '2026-03-01',
        graceDays: 30,
        who: { emailDomains: ['@Gold.example'], metadata: { tier: 'gold' } },
      },
      { name: 'everybody', from: '2026-06-01', graceDays: 14 },
    ],
  },
  { target: 'free' },
]);

let stage: Claimants;
beforeAll(async () => {
  stage = await openClaimants();
});
afterAll(() => stage.close());

let serial = 0;
const entry = (more: Partial<User> = {}) => ({
  user: userOf(`e${++serial}`, more),
  credentials: { passwords: [] },
});
/** Counts how often the database is asked. */
function counting(db: Queryable): Queryable & { asked: number } {
  const counted: Queryable & { asked: number } = {
    asked: 0,
    run: () => Promise.reject(new Error('everything is one statement of parts')),
    runParts: (parts, final) => {
      counted.asked += 1;
      return db.runParts(parts, final);
    },
  };
  return counted;
}
const at = (moment: string, db: Queryable = stage.db) =>
  openEnforcement({ db, claimTokens: SETTINGS, nowMs: () => Date.parse(moment) });
const standing = (moment: string, who = entry()) => at(moment).standingOf('main', who);

describe('the old login', () => {
  test('is free before a rule begins, asks during the days of grace, and refuses then, by the UTC day', async () => {
    const until = new Date('2026-06-15T00:00:00Z');
    const [before, soon] = [{ kind: 'free' }, { kind: 'soon', rule: 'everybody', until }];
    const refused = { kind: 'refused', rule: 'everybody', since: until };
    expect(await standing('2026-05-31T23:59:59.999Z')).toEqual(before);
    expect(await standing('2026-06-01T00:00:00Z')).toEqual(soon);
    expect(await standing('2026-06-14T23:59:59.999Z')).toEqual(soon);
    expect(await standing('2026-06-15T00:00:00Z')).toEqual(refused);
    expect(await standing('2036-06-15T00:00:00Z')).toEqual(refused);
  });

  test('refuses at once where there are no days of grace', async () => {
    const staff = entry({ roles: ['staff'] });
    expect(await standing('2026-08-31T23:59:59Z', staff)).toEqual({ kind: 'free' });
    expect(await standing('2026-09-01T00:00:00Z', staff)).toEqual({
      kind: 'refused',
      rule: 'staff',
      since: new Date('2026-09-01T00:00:00Z'),
    });
  });

  test('follows the first rule that fits, though a later one has begun before it', async () => {
    expect(await standing('2026-08-01T00:00:00Z', entry({ roles: ['staff'] }))).toEqual({ kind: 'free' });
    expect(await standing('2026-08-01T00:00:00Z', entry({ groups: ['vip'] }))).toEqual({ kind: 'free' });
    expect(await standing('2026-08-01T00:00:00Z')).toMatchObject({ kind: 'refused', rule: 'everybody' });
  });

  test.each(['active', 'disabled', 'locked'] as const)('follows its rule for who is %s', async (state) => {
    expect(await standing('2026-08-01T00:00:00Z', entry({ state }))).toMatchObject({ rule: 'everybody' });
  });

  test('follows a list of subjects, in whatever order it was written', async () => {
    for (const sub of ['shop:a', 'shop:m', 'shop:z'])
      expect(await standing('2026-03-02T00:00:00Z', entry({ sub }))).toMatchObject({ rule: 'listed' });
    expect(await standing('2026-03-02T00:00:00Z', entry({ sub: 'shop:b' }))).toEqual({ kind: 'free' });
  });

  test('follows a rule only where all of it fits', async () => {
    const gold = { email: 'x@gold.example', metadata: { tier: 'gold' } };
    const on = '2026-03-02T00:00:00Z';
    expect(await standing(on, entry(gold))).toMatchObject({ kind: 'soon', rule: 'gold-at-example' });
    expect(await standing(on, entry({ ...gold, emailVerified: false }))).toEqual({ kind: 'free' });
    expect(await standing(on, entry({ ...gold, metadata: { tier: 'silver' } }))).toEqual({ kind: 'free' });
    expect(await standing(on, entry({ metadata: gold.metadata }))).toEqual({ kind: 'free' });
  });

  test('is free at a target without rules, and at one without claim tokens', async () => {
    for (const target of ['free', 'unknown'])
      expect(await at('2036-01-01T00:00:00Z').standingOf(target, entry())).toEqual({ kind: 'free' });
  });
});

describe('the database', () => {
  test('is asked once by who would be stopped, and by nobody else', async () => {
    const db = counting(stage.db);
    await at('2026-05-01T00:00:00Z', db).standingOf('main', entry());
    await at('2026-08-01T00:00:00Z', db).standingOf('free', entry());
    expect(db.asked).toBe(0);
    await at('2026-06-02T00:00:00Z', db).standingOf('main', entry());
    await at('2026-08-01T00:00:00Z', db).standingOf('main', entry());
    expect(db.asked).toBe(2);
  });

  test('that is down lets nobody in, and refuses nobody', async () => {
    const down = () => Promise.reject(new FootbridgeError('storage_unavailable'));
    const enforcement = at('2026-08-01T00:00:00Z', { run: down, runParts: down });
    await expect(enforcement.standingOf('main', entry())).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
  });
});

describe('the way back', () => {
  const refusing = '2026-08-01T00:00:00Z';
  const reason = 'The mail went to the wrong people';
  const word = { target: 'main', rule: 'everybody', reason, actor: 'operator:test' };

  test('lets everybody in from the next login on, on a node that was asked before, and so does its end', async () => {
    const [nodes, who] = [[at(refusing), at(refusing)], entry()];
    const kinds = () => Promise.all(nodes.map(async (node) => (await node.standingOf('main', who)).kind));
    expect(await kinds()).toEqual(['refused', 'refused']);
    await pauseRule(stage.db, word);
    expect(await kinds()).toEqual(['free', 'free']);
    await resumeRule(stage.db, word);
    expect(await kinds()).toEqual(['refused', 'refused']);
  });

  test('of one rule is not that of another, nor of its namesake at another target', async () => {
    await pauseRule(stage.db, { ...word, rule: 'listed' });
    await pauseRule(stage.db, { ...word, target: 'free' });
    expect(await standing(refusing)).toMatchObject({ kind: 'refused' });
    expect(await standing(refusing, entry({ sub: 'shop:a' }))).toEqual({ kind: 'free' });
    await resumeRule(stage.db, { ...word, rule: 'listed' });
    expect(await standing(refusing, entry({ sub: 'shop:a' }))).toMatchObject({ rule: 'listed' });
  });

  test('lets one person in whom an operator has excepted, until that ends', async () => {
    const [who, other] = [entry(), entry()];
    const { sub } = who.user;
    const doing = { target: 'main', sub, actor: 'operator:test', subject: stage.deps.pseudonym(sub) };
    await addException(stage.db, { ...doing, reason, until: new Date(Date.now() + 3_600_000) });
    expect(await standing(refusing, who)).toEqual({ kind: 'free' });
    expect(await standing('2026-06-02T00:00:00Z', who)).toEqual({ kind: 'free' });
    expect(await standing(refusing, other)).toMatchObject({ kind: 'refused' });
    await stage.sql(`update claim_exceptions set until = now() - interval '1 second' where sub = $1`, [sub]);
    expect(await standing(refusing, who)).toMatchObject({ kind: 'refused' });
    await addException(stage.db, { ...doing, reason, until: null });
    expect(await standing(refusing, who)).toEqual({ kind: 'free' });
    await removeException(stage.db, doing);
    expect(await standing(refusing, who)).toMatchObject({ kind: 'refused' });
  });
});

test('whoever reminds people finds their rule, begun or not, and when it refuses', () => {
  const [settings] = SETTINGS;
  const rule = ruleFor(settings!, entry({ groups: ['vip'] }));
  expect(rule?.name).toBe('later');
  expect(refusedFrom(rule!)).toEqual(new Date('2027-01-15T00:00:00Z'));
  expect(ruleFor({ target: 'free', enforcement: [] }, entry())).toBeUndefined();
});
