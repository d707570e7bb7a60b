import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { batchName } from '../../migration/batch/selection.ts';
import { NO_PLACE } from '../../migration/batch/undo-rows.ts';
import { keptPage } from '../../migration/batch/undo-tally.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { exportInput } from '../batch/export-input.ts';
import { place, placeText } from '../batch/place.ts';
import type { KeptLine } from '../batch/undo-export.ts';
import { keptLine, writeLines } from '../batch/undo-export.ts';
import type { Desk, RunOptions } from '../operation.ts';
import { defineOperation } from '../operation.ts';

const PAGE_USERS = 1_000;

interface Output {
  readonly batch: string;
  readonly users: number;
  /** Of whom what was kept cannot be opened: it was sealed with a master key that is not there any more. */
  readonly unreadable: number;
  /** Empty where a file was written. */
  readonly lines: readonly string[];
  readonly file?: string;
  /** Where the next answer begins. */
  readonly next?: string;
}

export const batchExportKept = defineOperation({
  name: 'batch export-kept',
  summary:
    'Writes out what undoing a batch took away at the target: one JSON object per line and person, each field with the old value (as it was brought) and the new one (as it was at the target).',
  input: z.strictObject({
    batch: batchName.describe('The batch’s name.'),
    after: place.optional().describe('The lines after these: what the answer before gave as `next`.'),
    ...exportInput,
  }),
  positional: ['batch'],
  changes: false,
  // What people had at the target, in clear: more than looking.
  role: 'operator',
  async run(desk, { batch, after = NO_PLACE, limit, output }, options): Promise<Output> {
    const { target } = await desk.batches.status(batch);
    if (output !== undefined) checkFile(desk);
    const asked = { batch, after, limit: output === undefined ? limit : Number.POSITIVE_INFINITY };
    // Recorded before the first line leaves: it is personal data of people.
    const detail = { batch, target, file: output !== undefined };
    await appendAudit(desk.db, { actor: desk.actor, action: 'batch.kept-exported', detail });
    const lines = linesOf(desk, asked);
    if (output !== undefined) return { batch, ...(await writeLines(output, lines)), lines: [], file: output };
    return gathered(await all(lines), { batch, limit }, options);
  },
  print: ({ lines, file, users, unreadable }) =>
    [
      ...(file === undefined ? lines : [`${file} is written: ${users.toLocaleString('en')} people.`]),
      ...(file !== undefined && unreadable > 0
        ? [`Of ${unreadable.toLocaleString('en')} of them the master key is missing.`]
        : []),
    ].join('\n'),
  foundWrong: ({ unreadable }) => unreadable > 0,
});

function checkFile({ setup }: Desk): void {
  if (setup?.configFile === undefined)
    throw new FootbridgeError('bad_request', { detail: 'Only the command line writes a file.' });
}

interface Asked {
  readonly batch: string;
  readonly after: { readonly rank: string; readonly sub: string };
  readonly limit: number;
}

/** A page in memory at a time. */
async function* linesOf({ db, keyring }: Desk, { batch, after, limit }: Asked): AsyncGenerator<KeptLine> {
  let [from, left] = [after, limit];
  while (left > 0) {
    const page = await keptPage(db, batch, { after: from, limit: Math.min(PAGE_USERS, left) });
    for (const row of page) yield keptLine(keyring, batch, row);
    const last = page.at(-1);
    if (!last || page.length < Math.min(PAGE_USERS, left)) return;
    left -= page.length;
    from = last;
  }
}

async function all(lines: AsyncIterable<KeptLine>): Promise<KeptLine[]> {
  const read: KeptLine[] = [];
  for await (const line of lines) read.push(line);
  return read;
}

function gathered(
  lines: readonly KeptLine[],
  { batch, limit }: Pick<Asked, 'batch' | 'limit'>,
  { onProgress }: RunOptions,
): Output {
  const last = lines.length === limit ? lines.at(-1) : undefined;
  const next = last && placeText(last.place);
  const sentence = `There is more: go on with --after '${next}', or write all of it with --output FILE.`;
  // On stderr, where it is not taken for a line.
  if (next)
    onProgress?.({
      ...{ users: lines.length, total: undefined, continuedFrom: 0, perSecond: 0 },
      note: { code: 'more', sentence },
    });
  return {
    ...{ batch, users: lines.length, unreadable: lines.filter(({ isReadable }) => !isReadable).length },
    ...{ lines: lines.map(({ text }) => text), ...(next ? { next } : {}) },
  };
}
