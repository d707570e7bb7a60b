/** Which problem has which remedy, and who needs what. */
import { describe, expect, test } from 'vitest';
import { REASONS } from '../../../src/credentials/reasons.ts';
import type { BatchUser } from '../../../src/migration/batch/batch.ts';
import type { Batches } from '../../../src/migration/batch/batches.ts';
import { countRemedies, pageOfPatients } from '../../../src/migration/remedies/listing.ts';
import type { Ways } from '../../../src/migration/remedies/remedies.ts';
import {
  prescribe,
  REMEDIES,
  remedySentence,
  resetOf,
  waysOf,
} from '../../../src/migration/remedies/remedies.ts';
import { FAILED_RULES, MISSING_RULES } from '../../../src/migration/remedies/rules.ts';
import type { NotStored } from '../../../src/targets/connection.ts';
import type { Capabilities } from '../../../src/targets/target.ts';

const NO_WAYS: Ways = { checksTyped: false, logsInHere: false, mailsResets: false, givesResetLinks: false };
const lacking = (...missing: NotStored[]): Pick<BatchUser, 'outcome' | 'problem'> => ({
  outcome: 'created',
  problem: { code: 'incomplete', sentence: '…', missing },
});
const remedies = (user: Pick<BatchUser, 'outcome' | 'problem'>, ways: Partial<Ways> = {}) =>
  prescribe(user, { ...NO_WAYS, ...ways }).map(({ remedy }) => remedy);
const password = (code: string) => lacking({ what: 'password', code });

describe('a password that could not go along', () => {
  test.each(['untranslatable_algorithm', 'target_bounds', 'password_prepared', 'no_hash', 'a_new_reason'])(
    'for %s is caught at a login, where there are any',
    (code) => {
      expect(remedies(password(code), { logsInHere: true, mailsResets: true })).toEqual(['capture-at-login']);
      expect(remedies(password(code), { checksTyped: true })).toEqual(['capture-at-login']);
      expect(remedies(password(code), { mailsResets: true })).toEqual(['reset-by-target']);
      expect(remedies(password(code), { givesResetLinks: true })).toEqual(['reset-by-us']);
      expect(remedies(password(code))).toEqual(['ask-operator']);
    },
  );

  test.each(['unusable', 'unsupported_algorithm', 'parameters_out_of_bounds'])(
    'for %s has to be chosen anew, whoever logs in',
    (code) => {
      expect(remedies(password(code), { logsInHere: true, givesResetLinks: true })).toEqual(['reset-by-us']);
    },
  );

  test.each(['unknown_format', 'setting_missing', 'column_missing', 'malformed'])(
    'for %s is a matter of the mapping',
    (code) => {
      expect(remedies(password(code), { logsInHere: true, mailsResets: true })).toEqual(['mend-record']);
    },
  );

  test('waits for the second factor, and is not reset without it', () => {
    const ways = { mailsResets: true, logsInHere: true };
    const totp = { what: 'totp', code: 'totp_not_supported' } as const;
    for (const code of ['second_factor_missing', 'unsupported_algorithm', 'untranslatable_algorithm'])
      expect(remedies(lacking({ what: 'password', code }, totp), ways)).toEqual(['re-enrol-totp']);
    const passkey = { what: 'totp', code: 'passkey_not_portable' } as const;
    expect(remedies(lacking({ what: 'password', code: 'second_factor_missing' }, passkey), ways)).toEqual([
      're-enrol-passkey',
    ]);
    expect(remedies(password('second_factor_missing'), ways)).toEqual(['re-enrol-totp']);
    expect(remedies(lacking({ what: 'password', code: 'setting_missing' }, totp), ways)).toEqual([
      'mend-record',
      're-enrol-totp',
    ]);
  });
});

describe('everything else', () => {
  test.each([
    [{ what: 'passkeys', code: 'cannot_be_imported' }, 're-enrol-passkey'],
    [{ what: 'recoveryCodes', code: 'x' }, 'none'],
    [{ what: 'links', code: 'no_identity_provider' }, 'ask-operator'],
    [{ what: 'links', code: 'invalid_link' }, 'mend-record'],
    [{ what: 'profile', code: 'inactive' }, 'ask-operator'],
    [{ what: 'profile', code: 'invalid_phone' }, 'mend-record'],
    [{ what: 'metadata', code: 'invalid_metadata' }, 'mend-record'],
    [{ what: 'grants', code: 'role-not-found' }, 'mend-record'],
  ] as const)('missing, %o, has the remedy %s', (missing, remedy) => {
    expect(remedies(lacking(missing), { mailsResets: true, logsInHere: true })).toEqual([remedy]);
  });

  test.each([
    ['target_conflict', 'ask-operator'],
    ['target:COMMAND-1', 'ask-operator'],
    ['mapping_failed', 'mend-record'],
    ['email_missing', 'mend-record'],
    ['user_disabled', 'none'],
  ])('of somebody who failed for %s has the remedy %s', (code, remedy) => {
    expect(remedies({ outcome: 'failed', problem: { code, sentence: '…' } })).toEqual([remedy]);
  });

  test('has a rule for each thing that may be missing, and a sentence for each remedy', () => {
    const what = new Set(MISSING_RULES.map((rule) => rule.what));
    expect([...what].sort()).toEqual(
      ['grants', 'links', 'metadata', 'passkeys', 'password', 'profile', 'recoveryCodes', 'totp'].sort(),
    );
    for (const remedy of REMEDIES) expect(remedySentence(remedy, 'New $& Co')).not.toContain('{');
    expect(remedySentence('reset-by-us', 'New $& Co')).toContain('New $& Co gives us a link');
  });

  test('names only reasons that there are', () => {
    const named = MISSING_RULES.filter(({ what }) => what === 'password').flatMap(({ codes = [] }) => codes);
    const ours = new Set([...Object.keys(REASONS), 'second_factor_missing']);
    expect(named.filter((code) => !ours.has(code))).toEqual([]);
    expect(new Set(FAILED_RULES.flatMap(({ codes }) => codes)).size).toBe(
      FAILED_RULES.flatMap(({ codes }) => codes).length,
    );
  });

  test('is nothing for who has no problem, is still to be sent, or was skipped', () => {
    const problem = { code: 'user_disabled', sentence: '…' };
    for (const outcome of ['migrated', 'there', 'skipped', null] as const)
      expect(remedies({ outcome, problem })).toEqual([]);
    expect(remedies({ outcome: 'created', problem: null })).toEqual([]);
  });
});

describe('what is possible at a target', () => {
  const target = (capabilities: Partial<Capabilities>, more: object = {}) =>
    ({ capabilities, clientIds: [], move: { typedPasswords: false }, ...more }) as never;
  const mailReset = async () => undefined;

  test('is what its kind can do and its connection does', () => {
    expect(waysOf(target({ reset: 'mail' }), { mailReset }).mailsResets).toBe(true);
    expect(waysOf(target({ reset: 'mail' }), {}).mailsResets).toBe(false);
    expect(waysOf(target({ reset: 'link' }), { mailReset })).toMatchObject({
      mailsResets: false,
      givesResetLinks: false,
    });
    expect(waysOf(target({ reset: 'no' }), undefined)).toEqual(NO_WAYS);
    expect(waysOf(target({}, { capabilities: undefined }), { mailReset })).toEqual(NO_WAYS);
  });

  test('is a check of what is typed there only where kind and settings say so', () => {
    const on = { move: { typedPasswords: true } };
    expect(waysOf(target({ typedPasswords: 'mark' }, on), {}).checksTyped).toBe(true);
    expect(waysOf(target({ typedPasswords: 'no' }, on), {}).checksTyped).toBe(false);
    expect(waysOf(target({ typedPasswords: 'mark' }), {}).checksTyped).toBe(false);
  });

  test('prefers the target’s own mail to a link', () => {
    expect(resetOf({ ...NO_WAYS, mailsResets: true, givesResetLinks: true })).toBe('reset-by-target');
    expect(resetOf(NO_WAYS)).toBeUndefined();
  });
});

describe('the list of a batch', () => {
  /** 2,500 who lack something, of whom every third two things, and ten who failed. */
  const users: BatchUser[] = Array.from({ length: 2_510 }, (_, i) => ({
    ...{ rank: String(i % 7), sub: `shop:a:${String(i).padStart(5, '0')}`, legacyId: null, attempts: 0 },
    ...{ targetUserId: null, finishedAt: null, undone: null },
    ...(i < 2_500
      ? lacking(
          { what: 'password', code: 'unusable' },
          ...(i % 3 === 0 ? [{ what: 'grants', code: 'role-not-found' } as const] : []),
        )
      : { outcome: 'failed' as const, problem: { code: `target:${i}`, sentence: '…' } }),
  }));
  const batches: Pick<Batches, 'users'> = {
    users: async (_id, { outcome, after, limit }) =>
      users
        .filter((user) => user.outcome === outcome)
        .sort((a, b) => Number(a.rank) - Number(b.rank) || (a.sub < b.sub ? -1 : 1))
        .filter(
          (user) =>
            !after ||
            Number(user.rank) > Number(after.rank) ||
            (user.rank === after.rank && user.sub > after.sub),
        )
        .slice(0, limit),
  };
  const ways = { ...NO_WAYS, givesResetLinks: true };

  test('counts each remedy with its reasons and some examples', async () => {
    const counts = await countRemedies(batches, { batch: 'b', ways });
    expect(counts).toMatchObject([
      {
        remedy: 'reset-by-us',
        users: 2_500,
        reasons: [{ what: 'password', code: 'unusable', users: 2_500 }],
      },
      { remedy: 'mend-record', users: 834 },
      { remedy: 'ask-operator', users: 10 },
    ]);
    expect(counts.every(({ examples }) => examples.length === 5)).toBe(true);
  });

  test('comes in pages that have everybody once', async () => {
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await pageOfPatients(batches, { batch: 'b', ways, after, limit: 700 });
      seen.push(...page.people.map(({ sub }) => sub));
      after = page.next;
    } while (after !== undefined);
    expect(seen).toHaveLength(2_510);
    expect(new Set(seen).size).toBe(2_510);
    const failed = await pageOfPatients(batches, { batch: 'b', ways, remedy: 'ask-operator', limit: 700 });
    expect(failed.people).toHaveLength(10);
    expect(failed.next).toBeUndefined();
  });

  test('goes on only after a place that it has named', async () => {
    const page = pageOfPatients(batches, { batch: 'b', ways, after: 'migrated:1:x', limit: 1 });
    await expect(page).rejects.toMatchObject({ code: 'bad_request' });
  });
});
