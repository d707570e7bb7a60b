/** Signed receipts of exports and erasures in a pack; no name is in them. */
import type { Queryable } from '../../store/db.ts';
import { receiptsAfter } from '../data-protection/receipts.ts';
import type { LinesFile } from './pack-writing.ts';

const PAGE_RECEIPTS = 500;

/** Of every target: a request is about a person. */
export async function writeReceipts(q: Queryable, deletions: LinesFile): Promise<void> {
  for (let after = ''; ; ) {
    const page = await receiptsAfter(q, after, PAGE_RECEIPTS);
    for (const { id, kind, subject, at, actor, jws } of page)
      await deletions.add({
        ...{ kind: 'receipt', id, of: kind, person: subject },
        ...{ at: at.toISOString(), actor, signed: jws },
      });
    if (page.length < PAGE_RECEIPTS) return;
    after = page.at(-1)!.id;
  }
}
