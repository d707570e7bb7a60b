/**
 * The repair plan: one JSON object per line, for the operator to look through, change and shorten. What a line says of
 * both sides is for people; what was really found stands in our database, and a line that does not fit it is refused.
 */
import { z } from 'zod';
import type { Kind } from './classify.ts';
import { KINDS } from './classify.ts';
import type { Comparing } from './deps.ts';
import type { KeptDifference } from './differences.ts';
import { differencesOf } from './differences.ts';
import { lookAgain } from './fresh-look.ts';
import type { ComparedField } from './marks.ts';
import { COMPARED_FIELDS, profileValue } from './marks.ts';
import { isProfileField, REPAIRS } from './repair-kinds.ts';

const values = z.partialRecord(z.enum(COMPARED_FIELDS), z.string());

export const planLine = z.strictObject({
  reconciliation: z.string().min(1).max(64),
  sub: z.string().min(1).max(1_000),
  kind: z.enum(KINDS),
  fields: z.array(z.enum(COMPARED_FIELDS)).max(COMPARED_FIELDS.length),
  left: values,
  right: values,
  repair: z.enum(REPAIRS),
  targetUserIds: z.array(z.string()).optional(),
});
export type PlanLine = z.output<typeof planLine>;

/** Read or written in one go; the lines of a plan are some hundred bytes. */
export const MAX_LINE_LENGTH = 64 * 1_024;

/** Undefined where the text is no line of a plan. */
export function parseLine(text: string): PlanLine | undefined {
  if (text.length > MAX_LINE_LENGTH) return undefined;
  try {
    const parsed = planLine.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** All that a reconciliation has found, as lines; with `comparing`, with the values as they are now: to be kept safe. */
export async function* planOf(
  comparing: Comparing,
  reconciliation: string,
  { showValues }: { readonly showValues: boolean },
): AsyncGenerator<PlanLine> {
  for await (const difference of differencesOf(comparing.deps.db, reconciliation)) {
    const { sub, kind, fields, repair, targetUserIds } = difference;
    const shown =
      showValues && fields.length > 0 ? await valuesOf(comparing, difference) : marked(difference);
    yield {
      ...{ reconciliation, sub, kind, fields: [...fields], ...shown, repair },
      targetUserIds: [...targetUserIds],
    };
  }
}

/** Marks of eight digits tell same from other, and nothing else. */
const masked = (field: ComparedField, mark: string): string =>
  mark !== '' && (isProfileField(field) || field === 'password') && mark !== 'another'
    ? `#${mark.slice(0, 8)}`
    : mark;

function marked({ fields, left, right }: KeptDifference) {
  const all = (marks: KeptDifference['left']) =>
    Object.fromEntries(fields.map((field) => [field, masked(field, marks[field] ?? '')]));
  return { left: all(left), right: all(right) };
}

async function valuesOf(comparing: Comparing, difference: KeptDifference) {
  const { sub, fields, targetUserIds } = difference;
  const { person, found } = await lookAgain(comparing, { sub, targetUserIds, isMember: false });
  const user = person.left.kind === 'there' ? person.left.user : undefined;
  const there = found.get(targetUserIds[0] ?? '');
  const known = marked(difference);
  const shown = (from: typeof user | typeof there, marks: Record<string, string>) =>
    Object.fromEntries(
      fields.map((field) => [
        field,
        isProfileField(field) && from ? profileValue(from, field) : (marks[field] ?? ''),
      ]),
    );
  return { left: shown(user, known.left), right: shown(there, known.right) };
}

/** The difference that a line is about: of one kind there may be several of a person, with other fields. */
export function differenceFor(
  { fields, kind }: { readonly fields: readonly ComparedField[]; readonly kind: Kind },
  differences: readonly KeptDifference[],
): KeptDifference | undefined {
  return differences.find(
    (found) =>
      found.kind === kind &&
      fields.every((field) => found.fields.includes(field)) &&
      (fields.length > 0 || found.fields.length === 0),
  );
}
