import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { lastReport } from '../../sync/reports.ts';
import { checkFiles } from '../batch/reconcile-desk.ts';
import { defineOperation } from '../operation.ts';
import { equalityText } from '../sync/report-text.ts';
import { pairAt, whichTarget } from '../sync/sync-desk.ts';
import { readReport, verdictLines } from '../sync/verifying.ts';

const OWNER_ONLY = 0o600;

export const syncReport = defineOperation({
  name: 'sync report',
  summary: 'Prints the last report that both sides were equal when sync was stopped.',
  input: z.strictObject({
    target: whichTarget,
    out: z.string().min(1).optional().describe('Writes the signed report (JWS) to this file.'),
  }),
  changes: false,
  async run(desk, { target: named, out }) {
    checkFiles(desk, out);
    const { target } = pairAt(desk, named);
    const kept = await lastReport(desk.db, target);
    if (!kept)
      throw new FootbridgeError('not_found', {
        detail: `There is no report of ${target}: footbridge sync stop makes one.`,
      });
    if (out !== undefined) writeFileSync(out, `${kept.signed}\n`, { mode: OWNER_ONLY });
    return { report: kept.report, jws: kept.signed };
  },
  print: ({ report }) => equalityText(report),
});

/** A report of a store with many feeds is some kilobytes. */
const MAX_BYTES = 1_048_576;

export const syncVerify = defineOperation({
  name: 'sync verify',
  summary: 'Checks the signature and the checksum of a report that sync stop has made.',
  input: z.strictObject({ file: z.string().min(1).describe('Where the signed report (JWS) stands.') }),
  positional: ['file'],
  changes: false,
  run(desk, { file }) {
    checkFiles(desk, file);
    return readReport(desk, contentOf(file));
  },
  print: (verdict) => verdictLines(verdict).join('\n'),
  foundWrong: ({ isGood }) => !isGood,
});

function contentOf(file: string): string {
  const fail = (why: string) => new FootbridgeError('bad_request', { detail: `${file} ${why}.` });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw fail(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (text.length > MAX_BYTES) throw fail('is too long for a report');
  return text.trim();
}
