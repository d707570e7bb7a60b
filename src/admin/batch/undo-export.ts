/** What was kept of people, as lines for other programs. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { FootbridgeError } from '../../errors.ts';
import type { Place } from '../../migration/batch/batch-users.ts';
import { openKept } from '../../migration/batch/undo-kept.ts';
import type { KeptRow } from '../../migration/batch/undo-tally.ts';
import type { Keyring } from '../../store/encryption.ts';

export interface KeptLine {
  readonly text: string;
  readonly place: Place;
  readonly isReadable: boolean;
}

/**
 * `{"sub", "legacy_id", "target_user_id", "undone", "fields": {"email": {"old", "new"}}}`; `fields` is null where the master
 * key is missing that sealed it.
 */
export function keptLine(keyring: Keyring, batch: string, row: KeptRow): KeptLine {
  const { rank, sub, legacyId, targetUserId, undone, kept } = row;
  const fields = openKept(keyring, { batch, sub, kept }) ?? null;
  const line = { sub, legacy_id: legacyId, target_user_id: targetUserId, undone, fields };
  return { text: JSON.stringify(line), place: { rank, sub }, isReadable: fields !== null };
}

/** A new file, for its owner only; one that is there is not written over. Throws bad_request. */
export async function writeLines(
  file: string,
  lines: AsyncIterable<KeptLine>,
): Promise<{ readonly users: number; readonly unreadable: number }> {
  const opened = openNew(file);
  let [users, unreadable] = [0, 0];
  try {
    for await (const { text, isReadable } of lines) {
      writeSync(opened, `${text}\n`);
      users += 1;
      unreadable += Number(!isReadable);
    }
  } finally {
    closeSync(opened);
  }
  return { users, unreadable };
}

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    const detail = `${file} cannot be written (${(error as NodeJS.ErrnoException).code}).`;
    throw new FootbridgeError('bad_request', { detail });
  }
}
