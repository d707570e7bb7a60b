import { z } from 'zod';
import { HASH_READERS } from '../../targets/index.ts';
import type { Target } from '../../targets/target.ts';
import { defineOperation } from '../operation.ts';
import { reportPage } from '../survey/report-page.ts';
import { reportText } from '../survey/report-text.ts';
import { fingerprint, runSurvey } from '../survey/survey.ts';

export const legacySurvey = defineOperation({
  name: 'legacy survey',
  summary:
    'Reads the legacy store from end to end and says what a move would meet: formats, what becomes of the passwords at each target, missing addresses and names, shared logins. Read-only; goes on where it was cut off.',
  input: z.strictObject({
    rate: z.coerce.number().int().min(1).max(1_000_000).optional().describe('Users per second at most.'),
    restart: z.boolean().optional().describe('Begins afresh instead of going on with one that was cut off.'),
  }),
  changes: false,
  // It reads a whole store.
  role: 'operator',
  run({ db, keyring, directory, passwords, targets, legacySettings }, { rate, restart }, { onProgress }) {
    const readers = readersOf(targets.all);
    // Secrets print as such: a changed password of the store is no other store.
    const settingsFingerprint = fingerprint([legacySettings, readers]);
    return runSurvey(
      { db, keyring, directory, passwords, readers, settingsFingerprint },
      { rate, restart, onProgress },
    );
  },
  print: reportText,
  page: reportPage,
  foundWrong: ({ unmappable, findings }) =>
    unmappable.length > 0 || findings.some(({ severity }) => severity === 'stops'),
});

/** The configured targets by name, and what else there is to move to. */
function readersOf(configured: readonly Target[]) {
  const known = new Set(configured.map(({ name }) => name));
  const kinds = Object.values(HASH_READERS).filter(({ kind }) => !known.has(kind));
  return [
    ...configured.map(({ name, accepts, totp }) => ({ name, accepts, totp })),
    ...kinds.map(({ kind, accepts }) => ({ name: kind as string, accepts })),
  ];
}
