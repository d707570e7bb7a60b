/** Whose password was caught at a login here already, and is still that password: a page of people at a time. */
import type { Captured } from '../../migration/captured-passwords.ts';
import { capturedEachPart, openCaptured } from '../../migration/captured-passwords.ts';
import type { Queryable } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { LegacyEntry } from '../../user.ts';

interface Found {
  readonly sub: string;
  readonly sealed: string;
  readonly madeOf: string;
}

export async function capturedFor(
  { db, keyring }: { readonly db: Queryable; readonly keyring: Keyring },
  target: string,
  entries: readonly LegacyEntry[],
): Promise<ReadonlyMap<string, Captured>> {
  if (entries.length === 0) return new Map();
  const subs = entries.map(({ user }) => user.sub);
  const people = { name: 'people', text: 'select unnest($1::text[]) as sub', values: [subs] };
  const rows = await db.runParts<Found>(
    [people, capturedEachPart(target, 'people')],
    'select * from captured_each',
  );
  const found = new Map(rows.map((row) => [row.sub, row]));
  return new Map(
    entries.flatMap(({ user: { sub }, credentials }) => {
      const captured = openCaptured(keyring, { target, sub }, found.get(sub) ?? {}, credentials.passwords);
      return captured ? [[sub, captured] as const] : [];
    }),
  );
}
