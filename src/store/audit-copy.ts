/** The audit log as it is, seal by seal, for whoever copies it: records in the very text that their digests are of. */
import type { RecordText, Seal } from './audit-chain.ts';
import { RECORD_TEXT, readAudit, SEALS_AFTER } from './audit-log.ts';
import type { Queryable } from './db.ts';
import { statement } from './db.ts';

export interface SealedBlock {
  readonly seal: Seal;
  /** In the seal's order; whoever removed some of them left fewer. */
  readonly records: readonly RecordText[];
}

const RECORDS = statement(readAudit(RECORD_TEXT, 'where id = any($1::bigint[])'));

/** What waits for the sealer is not among it. One block at a time is in memory. */
export async function* sealedBlocks(q: Queryable): AsyncGenerator<SealedBlock> {
  for (let after = '0'; ; ) {
    const seals = await q.run<Seal>(SEALS_AFTER, [after]);
    for (const seal of seals) {
      const found = await q.run<RecordText>(RECORDS, [seal.ids]);
      const byId = new Map(found.map((record) => [record.id, record]));
      yield { seal, records: seal.ids.flatMap((id) => byId.get(id) ?? []) };
    }
    const last = seals.at(-1);
    if (!last) return;
    after = last.seq;
  }
}
