/** Whether a report is one of ours, and says what it said when it was signed. */
import { readSigned } from '../../provider/signed-reports.ts';
import type { EqualityReport } from '../../sync/reports.ts';
import { checksumOf, reportById } from '../../sync/reports.ts';
import type { Desk } from '../operation.ts';
import { equalityText } from './report-text.ts';

export interface Verdict {
  readonly isGood: boolean;
  /**
   * `signed`: by a key of the provider's; `kept`: its key is gone, and our database has the very same text; `forged`: it is no
   * report of ours, or was changed; `unknown-key`: signed by a key that we do not have, and not kept here.
   */
  readonly signature: 'signed' | 'kept' | 'forged' | 'unknown-key';
  readonly hasItsChecksum: boolean;
  /** It is in our database as well, letter for letter. */
  readonly isKept: boolean;
  /** Null where nothing of it can be believed. */
  readonly report: EqualityReport | null;
}

const FORGED: Verdict = {
  isGood: false,
  signature: 'forged',
  hasItsChecksum: false,
  isKept: false,
  report: null,
};

/** Throws storage_unavailable. */
export async function readReport(
  { db, keyring }: Pick<Desk, 'db' | 'keyring'>,
  jws: string,
): Promise<Verdict> {
  const read = await readSigned(db, keyring, jws);
  if (read.kind === 'forged' || !isReport(read.payload)) return FORGED;
  const report = read.payload;
  const isKept = (await reportById(db, report.id))?.signed === jws;
  if (read.kind === 'unknown-key' && !isKept) return { ...FORGED, signature: 'unknown-key' };
  const hasItsChecksum = checksumOf(report) === report.checksum;
  const signature = read.kind === 'signed' ? 'signed' : 'kept';
  return { isGood: hasItsChecksum, signature, hasItsChecksum, isKept, report };
}

function isReport(payload: unknown): payload is EqualityReport {
  if (typeof payload !== 'object' || payload === null) return false;
  const { type, version, id } = payload as Partial<EqualityReport>;
  return type === 'footbridge-sync-equality' && version === 1 && typeof id === 'string';
}

const SIGNATURES: Readonly<Record<Verdict['signature'], string>> = {
  signed: 'Signed by this provider, and unchanged since.',
  kept: 'Its key is not kept any more, but our database has the very same text.',
  forged: 'This is no report of ours, or it was changed.',
  'unknown-key': 'It is signed by a key that this provider does not have.',
};

export function verdictLines({ signature, hasItsChecksum, isKept, report }: Verdict): string[] {
  return [
    SIGNATURES[signature],
    ...(report
      ? [
          hasItsChecksum ? `The checksum is right: ${report.checksum}` : 'The checksum is wrong.',
          isKept ? 'It is kept in our database as well.' : 'It is not in our database.',
          '',
          equalityText(report),
        ]
      : []),
  ];
}
