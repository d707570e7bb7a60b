/** How far a directory was read. A pass reads everything that is newer than its marks, in the order of the stamps. */
import { z } from 'zod';
import { FootbridgeError } from '../../../errors.ts';

/** The newest stamp of each series: of a server, of the log of accesses, or of all together (''). */
export type Marks = Readonly<Record<string, string>>;

/** Of more servers than that a position has no room for the marks. */
export const MAX_SERIES = 12;
export const MAX_ID_LENGTH = 250;
const stamp = z.string().max(64);
const marks = z
  .record(z.string().max(40), stamp)
  .refine((all) => Object.keys(all).length <= MAX_SERIES, { error: 'too many' });

const position = z.strictObject({
  marks,
  /** In the middle of a pass: the marks when it is over, and what was read last. */
  pass: z.strictObject({ next: marks, stamp, id: z.string().max(MAX_ID_LENGTH) }).optional(),
});
export type Position = z.output<typeof position>;

export const positionText = (value: Position): string => JSON.stringify(value);

/** Throws bad_request. */
export function positionFrom(text: string): Position {
  const parsed = position.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new FootbridgeError('bad_request', { detail: 'no position of this feed' });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
