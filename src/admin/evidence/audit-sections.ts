/** The audit log in a pack: once as it is, seal by seal, and what of it is about secrets, the rollout and deletions. */
import type { RecordText, Seal } from '../../store/audit-chain.ts';
import { sealedBlocks } from '../../store/audit-copy.ts';
import type { Json } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import type { LinesFile, PackWriter } from './pack-writing.ts';

export const AUDIT = 'audit.jsonl';
export const SEALS = 'seals.jsonl';

/** What lets a secret of somebody out of our hands, or shows it. */
const SECRET_ACTIONS: ReadonlySet<string> = new Set([
  'secrets.released',
  'drop-in.seeds',
  'batch.kept-exported',
  'sync.values-shown',
  'sync.legacy-password',
]);
const ROLLOUT_ACTION = /^(?:rollout|approval|retirement(?!\.wiped)|evidence|forecast|census)\./;
const DELETED_ACTION = /^(?:ledger\.delete|user\.(?:erased|exported|deleted)|retirement\.wiped)$/;

export interface AuditSections {
  readonly secrets: LinesFile;
  readonly rollout: LinesFile;
  readonly deletions: LinesFile;
}

export const sealRow = ({ seq, last_tx, last_id, floor_id, ids, digests, previous, hash }: Seal) => ({
  ...{ seq, last_tx, last_id, floor_id, ids },
  digests: digests.toString('base64url'),
  previous: previous.toString('base64url'),
  hash: hash.toString('base64url'),
});

/** As a pack has it, a seal again; undefined for what is none. */
export function sealOf(row: unknown): Seal | undefined {
  const { digests, previous, hash, ...rest } = (row ?? {}) as Record<string, unknown>;
  const bytes = [digests, previous, hash].map((text) =>
    typeof text === 'string' ? Buffer.from(text, 'base64url') : undefined,
  );
  if (bytes.includes(undefined) || typeof rest.seq !== 'string' || !/^\d{1,19}$/.test(rest.seq))
    return undefined;
  if (!Array.isArray(rest.ids) || rest.ids.some((id) => typeof id !== 'string')) return undefined;
  return { ...rest, digests: bytes[0], previous: bytes[1], hash: bytes[2] } as unknown as Seal;
}

/** In the order of the chain. What the sealer has not come to is in the next pack. */
export async function writeAudit(q: Queryable, pack: PackWriter, sections: AuditSections): Promise<void> {
  const records = await pack.lines(
    AUDIT,
    'Every sealed record of the audit log, in the text that its digest is of: tx, id, micros (since 1970), actor, action, subject (pseudonym), detail.',
  );
  const seals = await pack.lines(
    SEALS,
    'The seals that chain the records: the SHA-256 of each record, and the hash of the seal before. Their own hash is keyed.',
  );
  for await (const { seal, records: block } of sealedBlocks(q)) {
    await seals.add(sealRow(seal));
    for (const record of block) {
      await records.add(record);
      await sort(record, sections);
    }
  }
}

async function sort(record: RecordText, { secrets, rollout, deletions }: AuditSections): Promise<void> {
  const { action } = record;
  if (SECRET_ACTIONS.has(action)) await secrets.add(readable(record));
  if (ROLLOUT_ACTION.test(action)) await rollout.add({ kind: 'decision', ...readable(record) });
  if (DELETED_ACTION.test(action)) await deletions.add({ kind: 'record', ...readable(record) });
}

const readable = ({ id, micros, actor, action, subject, detail }: RecordText) => ({
  ...{ id, at: new Date(Number(BigInt(micros) / 1_000n)).toISOString(), actor, action, person: subject },
  detail: JSON.parse(detail) as Json,
});
