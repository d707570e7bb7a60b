import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { openKept, placeOfPhase } from '../../migration/batch/undo-kept.ts';
import { keptOfPhase } from '../../migration/phases/return-tally.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { exportInput } from '../batch/export-input.ts';
import type { KeptLine } from '../batch/undo-export.ts';
import { writeLines } from '../batch/undo-export.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { targetOf, whichTarget } from '../rollout/rollout-desk.ts';

const PAGE_USERS = 500;

export const rolloutKept = defineOperation({
  name: 'rollout kept',
  summary:
    'Writes out what could only be kept of people whom rollout return has taken back: one JSON object per line and person, each field with the old value (as it was brought) and the new one (as it was at the target).',
  input: z.strictObject({
    phase: z.string().min(1).max(255).describe('The phase’s name.'),
    target: whichTarget,
    after: z.string().max(255).default('').describe('The people after this sub.'),
    ...exportInput,
  }),
  positional: ['phase'],
  changes: false,
  role: 'operator',
  async run(desk, { phase, target: named, after, limit, output }) {
    const target = await targetOf(desk, named);
    if (output !== undefined && desk.setup?.configFile === undefined)
      throw new FootbridgeError('bad_request', { detail: 'Only the command line writes a file.' });
    // Recorded before the first line leaves: it is personal data of people.
    const detail = { target, phase, file: output !== undefined };
    await appendAudit(desk.db, { actor: desk.actor, action: 'rollout.kept-exported', detail });
    const asked = { target, phase, after, limit: output === undefined ? limit : Number.POSITIVE_INFINITY };
    const lines = linesOf(desk, asked);
    if (output !== undefined) return { phase, ...(await writeLines(output, lines)), lines: [], file: output };
    const read: KeptLine[] = [];
    for await (const line of lines) read.push(line);
    const next = read.length === limit ? read.at(-1)?.place.sub : undefined;
    return {
      ...{ phase, users: read.length, unreadable: read.filter(({ isReadable }) => !isReadable).length },
      lines: read.map(({ text }) => text),
      ...(next === undefined ? {} : { next }),
    };
  },
  print: (output) =>
    'file' in output
      ? `${output.file} is written: ${output.users.toLocaleString('en')} people.`
      : output.lines.join('\n'),
  foundWrong: ({ unreadable }) => unreadable > 0,
});

interface Asked {
  readonly target: string;
  readonly phase: string;
  readonly after: string;
  readonly limit: number;
}

/** A page in memory at a time. */
async function* linesOf(
  { db, keyring }: Desk,
  { target, phase, after, limit }: Asked,
): AsyncGenerator<KeptLine> {
  const batch = placeOfPhase(target, phase);
  for (let [from, left] = [after, limit]; left > 0; ) {
    const size = Math.min(PAGE_USERS, left);
    const page = await keptOfPhase(db, { target, phase }, { after: from, limit: size });
    for (const { sub, kept } of page) {
      const fields = openKept(keyring, { batch, sub, kept }) ?? null;
      const text = JSON.stringify({ sub, phase, fields });
      yield { text, place: { rank: '0', sub }, isReadable: fields !== null };
    }
    if (page.length < size) return;
    left -= page.length;
    from = page.at(-1)!.sub;
  }
}
