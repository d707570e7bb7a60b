/** Every code that a batch may give somebody, from `src/admin/batch/codes.ts`, with what to do. */
import type { CodeAdvice } from '../../src/admin/batch/codes.ts';
import {
  adviceFor,
  MISSING_CODES,
  NOTE_CODES,
  PERSON_CODES,
  REPLAY_WORDS,
} from '../../src/admin/batch/codes.ts';
import { code, page, table } from './markdown.ts';

export function batchCodesPage(): string {
  const text = [
    INTRODUCTION,
    '## Why somebody is not at the target',
    codes(PERSON_CODES),
    '## What somebody at the target lacks',
    codes(MISSING_CODES),
    '## Codes of a target',
    `${code('target:')} and the target’s own code. ${adviceFor('target:').todo}`,
    '## Why a batch is slow, or stands still',
    table(
      ['Code', 'Means', 'What to do'],
      Object.entries<CodeAdvice>(NOTE_CODES).map(([name, { sentence, todo }]) => [
        code(name),
        sentence,
        todo,
      ]),
    ),
  ].join('\n\n');
  return page('Codes of batches', { from: '`src/admin/batch/codes.ts`', text });
}

const codes = (all: Readonly<Record<string, CodeAdvice>>) =>
  table(
    ['Code', 'Means', 'What to do', 'Replay'],
    Object.entries(all).map(([name, { sentence, todo, replay }]) => [
      code(name),
      sentence,
      todo,
      REPLAY_WORDS[replay],
    ]),
  );

const INTRODUCTION = `What \`footbridge batch status\`, \`batch users\` and \`batch export-errors\` say of people, with what to do. A code never
changes its meaning. How batches are run: [batches.md](../batches.md).`;
