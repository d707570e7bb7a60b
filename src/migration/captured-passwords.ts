/**
 * Passwords captured behind a login: a fresh hash of what the person typed, for a target that computes nothing the
 * legacy store has. Sealed for one user at one target; gone when the target confirms, or after a quarter.
 */
import { statement } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import type { StoredPassword } from '../user.ts';

/** What to import: `format` is the accepted format's `write`. */
export interface Captured {
  readonly encoded: string | object;
  readonly format: string;
}

interface Owner {
  readonly target: string;
  readonly sub: string;
}

const PURPOSE = 'captured-password';
const aad = ({ target, sub }: Owner) => `${target} ${sub}`;

/** Tells whether the legacy store holds another password now; hex. */
export function fingerprintOf(keyring: Keyring, owner: Owner, stored: readonly StoredPassword[]): string {
  const columns = stored.map(({ format, columns, username }) => [format, columns, username ?? null]);
  return keyring.mac('made-of', aad(owner), JSON.stringify(columns)).toString('hex');
}

/** The same with every master key, newest first: what an older one has made must not look like another password. */
export function fingerprintsOf(
  keyring: Keyring,
  owner: Owner,
  stored: readonly StoredPassword[],
  masterKeys = keyring.macs('made-of').length,
): readonly string[] {
  return Array.from({ length: masterKeys }, (_, age) => {
    if (age === 0) return fingerprintOf(keyring, owner, stored);
    const mac: Keyring['mac'] = (purpose, ...parts) => keyring.macs(purpose, ...parts)[age]!;
    return fingerprintOf({ ...keyring, mac }, owner, stored);
  });
}

/** The scalar `captured` in a query that has target and sub as $1 and $2: the fingerprint of what was captured. */
export const CAPTURED_OF = `(select encode(made_of, 'hex') from captured_passwords c where c.target = $1::text and c.sub = $2::text)`;

/** Keeps it, instead of an earlier one. */
export function capturePart(
  keyring: Keyring,
  owner: Owner,
  captured: { readonly hash: Captured; readonly madeOf: string; readonly reason: string },
): Part {
  const sealed = keyring.seal(PURPOSE, JSON.stringify(captured.hash), aad(owner));
  return {
    name: 'password_captured',
    text: `insert into captured_passwords (target, sub, sealed, made_of, reason)
      values ($1::text, $2::text, $3::text, decode($4::text, 'hex'), $5::text)
      on conflict (target, sub) do update set sealed = excluded.sealed, made_of = excluded.made_of,
        reason = excluded.reason, captured_at = now()`,
    values: [owner.target, owner.sub, sealed, captured.madeOf, captured.reason],
  };
}

/** A part named `captured` with the columns sealed and madeOf. */
export function capturedPart({ target, sub }: Owner): Part {
  return {
    name: 'captured',
    text: `select sealed, encode(made_of, 'hex') as "madeOf" from captured_passwords where target = $1::text and sub = $2::text`,
    values: [target, sub],
  };
}

/** A part named `captured_each` with sub, sealed and madeOf for the users of an earlier part. */
export const capturedEachPart = (target: string, after: string): Part => ({
  name: 'captured_each',
  text: `select sub, sealed, encode(made_of, 'hex') as "madeOf" from captured_passwords
    where target = $1::text and sub = any(array(select sub from ${after}))`,
  values: [target],
});

/** What `capturedPart` found, if it is still of the password that the legacy store has now. */
export function openCaptured(
  keyring: Keyring,
  owner: Owner,
  found: { readonly sealed?: string | null; readonly madeOf?: string | null },
  stored: readonly StoredPassword[],
): Captured | undefined {
  if (!found.sealed || found.madeOf !== fingerprintOf(keyring, owner, stored)) return undefined;
  const text = keyring.open(PURPOSE, found.sealed, aad(owner));
  return text && JSON.parse(text.toString('utf8'));
}

/** Removes those of the users in an earlier part with the columns target and sub. */
export const wipePart = (moved: string): Part => ({
  name: 'captured_wiped',
  text: `delete from captured_passwords where sub = any(array(select sub from ${moved}))
    and target = any(array(select target from ${moved})) and (target, sub) in (select target, sub from ${moved})`,
  values: [],
});

export const SWEEP_CAPTURED = statement(`with gone as (delete from captured_passwords where (target, sub) in (
    select target, sub from captured_passwords where captured_at < now() - interval '90 days' limit $1) returning 1)
  select count(*)::int as gone from gone`);
