/** What is told at `POST /legacy/changes`: one change, or many of which a bad one does not stop the others. */
import { z } from 'zod';
import type { ErrorCode } from '../../errors.ts';
import { FootbridgeError } from '../../errors.ts';
import { InvalidInput, parseInput } from '../../migration/json-routes.ts';
import type { Hint, Lane } from '../queue/change-queue.ts';

export const MAX_ITEMS = 1_000;

const isText = (value: string) => !/[\u0000-\u001f\u007f]/.test(value) && value.isWellFormed();
const text = (longest: number) => z.string().min(1).max(longest).refine(isText, { error: 'expected text' });

export const changeItem = z
  .strictObject({
    id: text(150).describe(
      'Of this change: the same each time it is sent, and of no other change of the store.',
    ),
    user: text(512).describe('The id in the legacy store, with or without its prefix.'),
    store: text(255).optional().describe('Whose id it is, where there are several stores.'),
    kind: z
      .enum(['changed', 'deleted', 'password'])
      .default('changed')
      .describe('Only a hint: what is so is read in the store.'),
    at: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('When it was, by the store’s clock; what is to come is now.'),
    password: z
      .string()
      .min(1)
      .max(4_096)
      .optional()
      .describe(
        'With `password`: as it was chosen. It counts if it opens what the store has now, and is not kept: only hashes for the targets are.',
      ),
  })
  .refine(({ kind, password }) => password === undefined || kind === 'password', {
    path: ['password'],
    error: 'goes with the kind `password`',
  });
export type ChangeItem = z.output<typeof changeItem>;

const envelope = z.strictObject({
  changes: z.array(z.unknown()).min(1).max(MAX_ITEMS),
  lane: z.enum(['live', 'backlog']).default('live'),
});

/** For the API's description. */
export const changesRequest = z.union([
  changeItem,
  z.strictObject({
    changes: z.array(changeItem).min(1).max(MAX_ITEMS),
    lane: z
      .enum(['live', 'backlog'])
      .default('live')
      .describe('`backlog`: nobody waits for these, as with an import.'),
  }),
]);

const itemProblem = z.object({
  index: z.int().describe('Which of `changes`.'),
  code: z.string(),
  pointer: z.string().describe('What is wrong, as RFC 6901 points.'),
  detail: z.string(),
});
export type ItemProblem = z.output<typeof itemProblem> & { readonly code: ErrorCode };

export const changesAnswer = z.object({
  taken: z.int().describe('So many are kept, and were not known.'),
  again: z.int().describe('So many were known.'),
  idle: z.int().optional().describe('So many were not kept: nobody is kept equal at the moment.'),
  problems: z.array(itemProblem).optional().describe('Those that were not taken. The others were.'),
});

export interface Told {
  readonly items: readonly { readonly index: number; readonly item: ChangeItem }[];
  readonly problems: readonly ItemProblem[];
  readonly lane: Lane;
  /** One alone: its problem is the answer. */
  readonly isSingle: boolean;
}

/** Throws InvalidInput for one that is none, and for what are no changes at all. */
export function toldIn(input: unknown): Told {
  if (typeof input !== 'object' || input === null || !('changes' in input))
    return {
      items: [{ index: 0, item: parseInput(changeItem, input) }],
      problems: [],
      lane: 'live',
      isSingle: true,
    };
  const { changes, lane } = parseInput(envelope, input);
  const read = changes.map((change, index) => ({ index, result: changeItem.safeParse(change) }));
  return {
    items: read.flatMap(({ index, result }) => (result.success ? [{ index, item: result.data }] : [])),
    problems: read.flatMap(({ index, result }) =>
      result.success ? [] : invalid(index, result.error.issues),
    ),
    lane,
    isSingle: false,
  };
}

function invalid(index: number, issues: readonly z.core.$ZodIssue[]): ItemProblem[] {
  return new InvalidInput(issues).errors
    .slice(0, 1)
    .map(({ pointer, detail }) => ({ index, code: 'bad_request', pointer: at(index, pointer), detail }));
}

/** The item's own pointer, in the whole body. */
const at = (index: number, pointer: string) => pointer.replace('#', `#/changes/${index}`);

/** Of an item that is well-formed and could not be taken all the same. */
export function refused(index: number, code: ErrorCode, pointer: string, detail?: string): ItemProblem {
  return { index, code, pointer: at(index, pointer), detail: detail ?? new FootbridgeError(code).message };
}

/** What the change makes us look at, never later than now. */
export function hintFor({ kind, at }: Pick<ChangeItem, 'kind' | 'at'>, nowMs: number): Hint {
  const toldMs = at === undefined ? nowMs : Date.parse(at);
  const moment = new Date(Math.min(Number.isNaN(toldMs) ? nowMs : toldMs, nowMs)).toISOString();
  return kind === 'deleted' ? { goneAt: moment } : { legacyAt: moment };
}
