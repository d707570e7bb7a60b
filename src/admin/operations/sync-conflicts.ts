import { z } from 'zod';
import { appendAudit } from '../../store/audit-log.ts';
import type { Conflict } from '../../sync/people/conflicts.ts';
import { listConflicts } from '../../sync/people/conflicts.ts';
import { seen } from '../batch/sections.ts';
import { minute } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { shownConflict } from '../sync/person.ts';
import { pairAt, whichTarget } from '../sync/sync-desk.ts';

export const syncConflicts = defineOperation({
  name: 'sync conflicts',
  summary:
    'Lists what both sides have changed and somebody has to decide; when all are asked for also what a rule or somebody has decided in the last 90 days.',
  input: z.strictObject({
    target: whichTarget,
    user: z.string().min(1).optional().describe('Only this person’s: the sub.'),
    all: z.boolean().default(false).describe('Those that are decided as well.'),
    showValues: z
      .boolean()
      .default(false)
      .describe('Shows the values of both sides; the audit log says that you have seen them.'),
    limit: z.coerce.number().int().min(1).max(1_000).default(50).describe('At most so many, newest first.'),
  }),
  changes: false,
  async run(desk, { target: named, user, all, showValues, limit }) {
    const { target } = pairAt(desk, named);
    const found = await listConflicts(desk.db, desk.keyring, { target, sub: user, onlyOpen: !all, limit });
    if (showValues && found.length > 0) await note(desk, { target, found });
    const conflicts: readonly Shown[] = showValues ? found : found.map(shownConflict);
    return { target, conflicts };
  },
  print: ({ target, conflicts }) =>
    conflicts.length === 0
      ? `There is no conflict at ${target}.`
      : [
          ...conflicts.flatMap(lines),
          'One is decided with: footbridge sync resolve ID --keep legacy|target',
        ].join('\n'),
});

type Shown = Omit<Conflict, 'values'> & Partial<Pick<Conflict, 'values'>>;

/** Whose values somebody has seen. */
async function note(
  { db, audit, actor }: Desk,
  { target, found }: { readonly target: string; readonly found: readonly Conflict[] },
): Promise<void> {
  const bySub = Map.groupBy(found, ({ sub }) => sub);
  await db.transaction(async (tx) => {
    for (const [sub, own] of bySub)
      await appendAudit(tx, {
        actor,
        action: 'sync.values-shown',
        subject: audit.pseudonym(sub),
        detail: { target, conflicts: own.map(({ id }) => id) },
      });
  });
}

function lines({
  id,
  sub,
  field,
  kind,
  at,
  legacyAt,
  targetAt,
  decided,
  decidedBy,
  values,
}: Shown): string[] {
  const moments = [
    legacyAt ? `legacy ${minute(legacyAt)}` : undefined,
    targetAt ? `target ${minute(targetAt)}` : undefined,
  ].filter((part) => part !== undefined);
  const when = moments.length > 0 ? ` (${moments.join(', ')} UTC)` : '';
  return [
    seen(`${id}  ${sub}  ${field}  ${kind}  ${minute(at)} UTC${when}  ${verdict(decided, decidedBy)}`),
    ...(values
      ? [
          seen(`    legacy: ${JSON.stringify(values.legacy)}`),
          seen(`    target: ${JSON.stringify(values.target)}`),
        ]
      : []),
  ];
}

const BY: Readonly<Record<string, string>> = {
  rule: 'by a rule',
  person: 'by somebody',
  waits: 'by somebody; it is done in their next turn',
  equal: 'by themselves: both became equal',
};

const verdict = (decided: Conflict['decided'], by: string | null): string =>
  decided === null ? 'to be decided' : `${decided} kept, ${BY[by ?? ''] ?? by ?? ''}`;
