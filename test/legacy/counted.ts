/** What a store holds, in numbers: for tests that look at all of its users. */

import type { DirectoryEntry } from '../../src/legacy/entries.ts';
import type { UserState } from '../../src/user.ts';

export interface Survey {
  readonly users: number;
  readonly states: Readonly<Record<UserState, number>>;
  /** Users per password format; one with two passwords counts in both. */
  readonly formats: Readonly<Record<string, number>>;
  readonly withoutPassword: number;
  readonly withTotp: number;
  readonly withEmail: number;
  readonly withVerifiedEmail: number;
  /** Users that cannot be mapped, by reason. */
  readonly unmappable: Readonly<Record<string, number>>;
}

export async function survey(entries: AsyncIterable<DirectoryEntry>): Promise<Survey> {
  const count = { users: 0, withoutPassword: 0, withTotp: 0, withEmail: 0, withVerifiedEmail: 0 };
  const states: Record<UserState, number> = { active: 0, disabled: 0, locked: 0 };
  // Keyed by the mapping's own words: as many as the mapping has lines.
  const formats: Record<string, number> = {};
  const unmappable: Record<string, number> = {};
  for await (const entry of entries) {
    count.users += 1;
    if (entry.error) {
      increment(unmappable, entry.error.detail ?? entry.error.code);
      continue;
    }
    const { user, credentials } = entry;
    states[user.state] += 1;
    for (const format of new Set(credentials.passwords.map((password) => password.format)))
      increment(formats, format);
    count.withoutPassword += Number(credentials.passwords.length === 0);
    count.withTotp += Number(credentials.totp !== undefined);
    count.withEmail += Number(user.email !== undefined);
    count.withVerifiedEmail += Number(user.emailVerified);
  }
  return { ...count, states, formats, unmappable };
}

function increment(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
