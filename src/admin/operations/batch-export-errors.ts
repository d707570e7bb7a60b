import { closeSync, openSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { BatchUser, Outcome } from '../../migration/batch/batch.ts';
import type { Batches } from '../../migration/batch/batches.ts';
import { batchName } from '../../migration/batch/selection.ts';
import type { ExportFormat } from '../batch/error-lines.ts';
import { csvHead, csvLine, errorRow, FORMATS, jsonLine } from '../batch/error-lines.ts';
import { exportInput } from '../batch/export-input.ts';
import { place, placeText } from '../batch/place.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';

const PAGE_USERS = 1_000;
/** Whoever is not at the target, or lacks something there. */
const ERRORS_OF: readonly Outcome[] = ['failed', 'created', 'skipped'];

interface Output {
  readonly batch: string;
  readonly format: ExportFormat;
  readonly users: number;
  /** Empty where a file was written. */
  readonly lines: readonly string[];
  readonly file?: string;
  /** Where the next answer begins. */
  readonly next?: string;
}

export const batchExportErrors = defineOperation({
  name: 'batch export-errors',
  summary:
    'Writes out who of a batch is not, or not wholly, at the target: with stable codes, what each means, and what to do.',
  input: z.strictObject({
    batch: batchName.describe('The batch’s name.'),
    format: z.enum(FORMATS).default('csv').describe('csv (RFC 4180) or jsonl (one JSON object per line).'),
    outcome: z
      .enum(['failed', 'created', 'skipped'])
      .optional()
      .describe('Only these: dead letters, people who lack something, people who are not to be moved.'),
    code: z.string().min(1).max(200).optional().describe('Only people with this code.'),
    after: z
      .string()
      .regex(/^(failed|created|skipped)\/.+$/, { error: 'expected what the answer before gave as `next`' })
      .optional()
      .describe('The lines after these: what the answer before gave as `next`.'),
    ...exportInput,
  }),
  positional: ['batch'],
  changes: false,
  async run(desk, { batch, format, outcome, code, after, limit, output }, options): Promise<Output> {
    await desk.batches.status(batch);
    const asked = { batch, code, outcomes: outcome ? [outcome] : ERRORS_OF };
    if (output !== undefined) return toFile(desk, { ...asked, format, file: output });
    const lines: string[] = after === undefined && format === 'csv' ? [csvHead] : [];
    let users = 0;
    let next: string | undefined;
    for await (const user of errorsOf(desk.batches, { ...asked, after })) {
      lines.push(lineOf(user, format));
      users += 1;
      if (users < limit) continue;
      next = `${user.outcome}/${placeText(user)}`;
      break;
    }
    tellMore(options, users, next);
    return { batch, format, users, lines, ...(next ? { next } : {}) };
  },
  print: ({ lines, file, users, format }) =>
    file === undefined ? textOf(lines, format) : `${file} is written: ${users.toLocaleString('en')} people.`,
});

/** RFC 4180 ends lines with CR and LF; whoever prints ends the last one with LF. */
const textOf = (lines: readonly string[], format: ExportFormat) =>
  format === 'csv' ? lines.map((line) => `${line}\r`).join('\n') : lines.join('\n');

const lineOf = (user: BatchUser, format: ExportFormat) =>
  format === 'csv' ? csvLine(errorRow(user)) : jsonLine(errorRow(user));

interface Asked {
  readonly batch: string;
  readonly code: string | undefined;
  readonly outcomes: readonly Outcome[];
  readonly after?: string | undefined;
}

/** By outcome, and then in the batch's order. */
async function* errorsOf(
  batches: Batches,
  { batch, code, outcomes, after: from }: Asked,
): AsyncGenerator<BatchUser> {
  const [first, ...rest] = (from ?? '').split('/');
  const begin = from === undefined ? undefined : readPlace(rest.join('/'));
  const left = begin ? outcomes.slice(outcomes.indexOf(first as Outcome)) : outcomes;
  for (const outcome of left) {
    let after = outcome === first ? begin : undefined;
    for (;;) {
      const page = await batches.users(batch, {
        ...{ outcome, limit: PAGE_USERS },
        ...(code === undefined ? {} : { code }),
        ...(after ? { after } : {}),
      });
      yield* page;
      after = page.at(-1);
      if (page.length < PAGE_USERS) break;
    }
  }
}

function readPlace(text: string) {
  const found = place.safeParse(text);
  if (found.success) return found.data;
  throw new FootbridgeError('bad_request', {
    detail: 'after: expected what the answer before gave as `next`',
  });
}

/** A page in memory at a time; a file that is there is not written over. */
async function toFile(
  { batches, setup }: Desk,
  { format, file, ...asked }: Asked & { readonly format: ExportFormat; readonly file: string },
): Promise<Output> {
  if (setup?.configFile === undefined)
    throw new FootbridgeError('bad_request', { detail: 'Only the command line writes a file.' });
  const end = format === 'csv' ? '\r\n' : '\n';
  const opened = openNew(file);
  let users = 0;
  try {
    if (format === 'csv') writeSync(opened, csvHead + end);
    for await (const user of errorsOf(batches, asked)) {
      writeSync(opened, lineOf(user, format) + end);
      users += 1;
    }
  } finally {
    closeSync(opened);
  }
  return { batch: asked.batch, format, users, lines: [], file };
}

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    const detail = `${file} cannot be written (${(error as NodeJS.ErrnoException).code}).`;
    throw new FootbridgeError('bad_request', { detail });
  }
}

/** On stderr, where it is not taken for a line. */
function tellMore({ onProgress }: RunOptions, users: number, next: string | undefined): void {
  if (next === undefined) return;
  const sentence = `There is more: go on with --after '${next}', or write all of it with --output FILE.`;
  onProgress?.({ users, total: undefined, continuedFrom: 0, perSecond: 0, note: { code: 'more', sentence } });
}
