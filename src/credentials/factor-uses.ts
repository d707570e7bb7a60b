/**
 * What second factors were used for: the counter of each passkey, challenges that were answered, recovery codes that
 * are spent. Ours to keep, because the legacy store is only read. One statement each, so that of two at once one loses.
 */
import { createHash } from 'node:crypto';
import type { Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Passkey, RecoveryCode } from '../user.ts';
import { textOfCode } from './recovery-codes.ts';

/** `spent`: this challenge was answered before. `regressed`: the counter did not move on: there may be a copy of the key. */
export type AssertionUse = 'fresh' | 'spent' | 'regressed';

export class FactorUses {
  readonly #db: Queryable;
  readonly #keyring: Keyring;

  constructor(db: Queryable, keyring: Keyring) {
    this.#db = db;
    this.#keyring = keyring;
  }

  /** Counters of 0 on both sides mean that the authenticator does not count (Web Authentication Level 3, section 6.1.1). */
  async spendAssertion(passkey: Passkey, challenge: string, signCount: number): Promise<AssertionUse> {
    if (passkey.signCount > 0 && signCount <= passkey.signCount) return 'regressed';
    const values = [digest(challenge), digest(passkey.credentialId), signCount];
    const [use] = await this.#db.run<{ fresh: boolean; counted: boolean }>(SPEND_ASSERTION, values);
    if (!use?.fresh) return 'spent';
    return use.counted ? 'fresh' : 'regressed';
  }

  /** False when it was spent before. `all` are the codes the store has now: uses of others are forgotten. */
  async spendCode(sub: string, code: RecoveryCode, all: readonly RecoveryCode[]): Promise<boolean> {
    const [use] = await this.#db.run<{ spent: boolean }>(SPEND_CODE, [
      this.#keyring.mac(CODE, sub, textOfCode(code)),
      this.#keyring.mac(OWNER, sub),
      this.#macs(sub, [code]),
      this.#keyring.macs(OWNER, sub),
      this.#macs(sub, all),
    ]);
    return use?.spent ?? false;
  }

  async unspent(sub: string, codes: readonly RecoveryCode[]): Promise<RecoveryCode[]> {
    if (codes.length === 0) return [];
    const rows = await this.#db.run<{ code: Buffer }>(SPENT_CODES, [this.#macs(sub, codes)]);
    const spent = new Set(rows.map(({ code }) => code.toString('hex')));
    return codes.filter((code) => !this.#macs(sub, [code]).some((mac) => spent.has(mac.toString('hex'))));
  }

  /** The passkeys with the counter as the store or we saw it last. */
  async counted(passkeys: readonly Passkey[]): Promise<Passkey[]> {
    if (passkeys.length === 0) return [];
    const names = passkeys.map(({ credentialId }) => digest(credentialId));
    const rows = await this.#db.run<{ credential: Buffer; count: number }>(COUNTERS, [names]);
    return passkeys.map((passkey, i) => {
      const seen = rows.find(({ credential }) => credential.equals(names[i]!))?.count ?? 0;
      return { ...passkey, signCount: Math.max(passkey.signCount, seen) };
    });
  }

  #macs(sub: string, codes: readonly RecoveryCode[]): Buffer[] {
    return codes.flatMap((code) => this.#keyring.macs(CODE, sub, textOfCode(code)));
  }
}

const CODE = 'recovery-code-use';
const OWNER = 'recovery-code-owner';
/** Whose uses of codes they are. */
export const codeOwner = (sub: string) => [OWNER, sub] as const;
const digest = (text: string) => createHash('sha256').update(text).digest();

const SPEND_ASSERTION = statement(`with fresh as (
    insert into spent_challenges (challenge) values ($1) on conflict do nothing returning 1),
  counted as (
    insert into passkey_counters as c (credential, sign_count) select $2::bytea, $3::bigint from fresh
    on conflict (credential) do update set sign_count = excluded.sign_count, used_at = now()
      where c.sign_count < excluded.sign_count or (c.sign_count = 0 and excluded.sign_count = 0)
    returning 1)
  select exists (select from fresh) as fresh, exists (select from counted) as counted`);
const SPEND_CODE = statement(`with gone as (
    delete from recovery_code_uses where subject = any($4::bytea[]) and code <> all($5::bytea[])),
  spent as (
    insert into recovery_code_uses (code, subject) select $1::bytea, $2::bytea
    where not exists (select from recovery_code_uses where code = any($3::bytea[]))
    on conflict do nothing returning 1)
  select exists (select from spent) as spent`);
const SPENT_CODES = statement('select code from recovery_code_uses where code = any($1::bytea[])');
const COUNTERS = statement(
  'select credential, sign_count::float8 as count from passkey_counters where credential = any($1::bytea[])',
);
const FORGET_COUNTERS = statement('delete from passkey_counters where credential = any($1::bytea[])');
/** Their owner is erased. */
export const forgetPasskeys = async (db: Queryable, credentialIds: readonly string[]): Promise<void> => {
  if (credentialIds.length > 0) await db.run(FORGET_COUNTERS, [credentialIds.map(digest)]);
};
/** A challenge is answered within minutes. A key unused for two years is judged by the store's own counter again. */
const SWEEP = [
  `delete from spent_challenges where challenge in
    (select challenge from spent_challenges where spent_at < now() - interval '1 hour' limit 10000)`,
  `delete from passkey_counters where credential in
    (select credential from passkey_counters where used_at < now() - interval '2 years' limit 10000)`,
].map(statement);

/** A bounded batch of each; called again and again. */
export async function sweepFactorUses(db: Queryable): Promise<void> {
  for (const sweep of SWEEP) await db.run(sweep);
}
