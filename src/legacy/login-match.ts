/**
 * Which of the rows that the store found is the person who typed this? Stores compare by rules of their own: MySQL's
 * collations ignore case, accents and trailing blanks, `lower()` depends on the locale, a number equals a word that
 * begins with it. So the facade compares once more, by one rule of its own: NFC, outer blanks aside, JavaScript's
 * lower case. `ANNA ` may be `anna`, but `mueller` is not `müller`, and `İ` is not `i`, whatever the store says.
 *
 * One row: it has to pass. Several: the one that is letter for letter what was typed, if there is exactly one.
 */
import { FootbridgeError } from '../errors.ts';
import type { LegacyRow } from './connector.ts';
import { MAX_CANDIDATES } from './connector.ts';

/** `loginsOf` gives what a row's owner may type; without it the store's verdict stands, if it is one row. */
export function chooseRow(
  rows: readonly LegacyRow[],
  typed: string,
  loginsOf: ((row: LegacyRow) => readonly string[]) | undefined,
): LegacyRow | undefined {
  if (rows.length > MAX_CANDIDATES) throw ambiguous(rows);
  if (!loginsOf) {
    if (rows.length > 1) throw ambiguous(rows);
    return rows[0];
  }
  const folded = fold(typed);
  const passing = rows.filter((row) => loginsOf(row).some((login) => fold(login) === folded));
  if (rows.length === 1 || passing.length === 0) return passing[0];
  const exact = passing.filter((row) =>
    loginsOf(row).some((login) => login.normalize('NFC') === typed.normalize('NFC')),
  );
  if (exact.length !== 1) throw ambiguous(rows);
  return exact[0];
}

const fold = (text: string) => text.normalize('NFC').trim().toLowerCase();

function ambiguous(rows: readonly LegacyRow[]): FootbridgeError {
  return new FootbridgeError('user_ambiguous', { detail: `${rows.length} records answer to one login` });
}
