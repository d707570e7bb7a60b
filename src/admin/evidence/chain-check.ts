/**
 * The audit chain of a pack, recomputed without any key: each record's digest, and that seals follow one another. A seal's own
 * hash is keyed, so that only whoever has the master key can say whether it is ours: the manifest has that verdict.
 */
import type { RecordText, Seal } from '../../store/audit-chain.ts';
import { checkRecords, GENESIS } from '../../store/audit-chain.ts';
import { AUDIT, SEALS, sealOf } from './audit-sections.ts';
import type { Manifest } from './manifest.ts';
import { linesOf, parsed } from './pack-reading.ts';

export interface ChainFinding {
  readonly file: string;
  readonly line?: number;
  readonly what: string;
}

export interface ChainCheck {
  readonly records: number;
  readonly seals: number;
}

/** What it finds goes to `found`. */
export async function checkChain(
  folder: string,
  { audit: { head } }: Manifest,
  found: (finding: ChainFinding) => void,
): Promise<ChainCheck> {
  const records = linesOf(folder, AUDIT);
  let [count, line, previous]: [number, number, Seal | undefined] = [0, 0, undefined];
  let isHeadThere = head === null;
  for await (const text of linesOf(folder, SEALS)) {
    line += 1;
    const seal = sealOf(parsed(text));
    if (!seal) {
      found({ file: SEALS, line, what: 'is no seal' });
      continue;
    }
    if (
      BigInt(seal.seq) !== BigInt(previous?.seq ?? 0) + 1n ||
      !seal.previous.equals(previous?.hash ?? GENESIS)
    )
      found({ file: SEALS, line, what: `seal ${seal.seq} does not follow the seal before it` });
    const block = await blockOf(records, seal.ids.length);
    count += block.length;
    for (const what of checkRecords(seal, block)) found({ file: AUDIT, what });
    isHeadThere ||= seal.seq === head?.seq && seal.hash.toString('base64url') === head.hash;
    previous = seal;
  }
  if (!(await records.next()).done) found({ file: AUDIT, line: count + 1, what: 'no seal has this record' });
  if (!isHeadThere)
    found({ file: SEALS, what: `the newest seal at the time, ${head?.seq}, is not among them` });
  return { records: count, seals: line };
}

async function blockOf(records: AsyncGenerator<Buffer>, length: number): Promise<RecordText[]> {
  const block: RecordText[] = [];
  while (block.length < length) {
    const { done, value } = await records.next();
    if (done) break;
    const record = parsed(value);
    if (typeof record === 'object' && record !== null) block.push(record as RecordText);
  }
  return block;
}
