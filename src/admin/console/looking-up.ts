/**
 * Looking at one person's story is written down, and nobody looks at more in a minute than a support desk does: whoever took over
 * an operator's browser cannot read the whole store with it.
 */
import { FootbridgeError } from '../../errors.ts';
import { LookupRate } from '../../provider/lookup-rate.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import type { Desk } from '../operation.ts';
import type { Who } from '../perform.ts';

/** A search and the story that it leads to are two. */
export const LOOKS_PER_MINUTE = 60;
const RETRY_SECONDS = 30;

/** Counts one look, whether or not anybody is found. Throws throttled, storage_unavailable. */
export async function mayLook(db: Queryable, { name }: Pick<Who, 'name'>): Promise<void> {
  // Hexadecimal: nothing in a name is taken for a part of an address.
  const network = `console-${Buffer.from(name).toString('hex')}`;
  if (await new LookupRate(db, LOOKS_PER_MINUTE).take(network)) return;
  throw new FootbridgeError('throttled', {
    detail: `more than ${LOOKS_PER_MINUTE} people in a minute`,
    retryAfterSeconds: RETRY_SECONDS,
  });
}

/** Before anything of somebody is shown. Without a subject: nobody was found, which whoever tries out names does often. */
export const noteLook = (
  { db, audit }: Pick<Desk, 'db' | 'audit'>,
  { name }: Pick<Who, 'name'>,
  { sub, how }: { readonly sub?: string; readonly how: string },
): Promise<void> =>
  appendAudit(db, {
    actor: `operator:${name}`,
    action: 'console.looked-up',
    ...(sub === undefined ? {} : { subject: audit.pseudonym(sub) }),
    detail: { how },
  });

export const NOBODY = { how: 'nobody was found' };

/** By an operation that is told of whom to speak: by what they type, or their subject, which nobody knows yet. */
export async function looksBy(
  desk: Pick<Desk, 'db' | 'audit'>,
  who: Pick<Who, 'name'>,
  operation: string,
): Promise<void> {
  await mayLook(desk.db, who);
  await noteLook(desk, who, { how: operation });
}
