/** People of a batch who are not, or not wholly, at the target, as lines for other programs. */
import type { BatchUser } from '../../migration/batch/batch.ts';
import { adviceFor } from './codes.ts';

export const FORMATS = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof FORMATS)[number];

/** In this order; a column never changes its meaning. */
export const COLUMNS = [
  'sub',
  'legacy_id',
  'outcome',
  'code',
  'sentence',
  'what_to_do',
  'replay',
  'detail',
  'missing',
  'failed_tries',
  'target_user_id',
  'finished_at',
] as const;

type Row = Readonly<Record<(typeof COLUMNS)[number], string>>;

export function errorRow({
  sub,
  legacyId,
  outcome,
  problem,
  attempts,
  targetUserId,
  finishedAt,
}: BatchUser): Row {
  const advice = problem ? adviceFor(problem.code, problem.sentence) : undefined;
  return {
    sub,
    legacy_id: legacyId ?? '',
    outcome: outcome ?? 'waiting',
    code: problem?.code ?? '',
    sentence: problem?.sentence ?? '',
    what_to_do: advice?.todo ?? '',
    replay: advice?.replay ?? '',
    detail: problem?.detail ?? '',
    missing: problem?.missing?.map(({ what, code }) => `${what}: ${code}`).join('; ') ?? '',
    failed_tries: String(attempts),
    target_user_id: targetUserId ?? '',
    finished_at: finishedAt?.toISOString() ?? '',
  };
}

export const csvHead = COLUMNS.join(',');

export const csvLine = (row: Row): string => COLUMNS.map((column) => csvCell(row[column])).join(',');

export const jsonLine = (row: Row): string => JSON.stringify(row);

/** What spreadsheets take for the beginning of a formula, also behind blanks. */
const FORMULA = /^[\s\0]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

/** RFC 4180 section 2; a text that a spreadsheet would compute is marked as text with an apostrophe. */
export function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
