/**
 * The table `receipts`: signed answers to people's requests about their own data. A receipt names nobody: it has the pseudonym
 * of the audit log, and so outlives the erasure that it is about.
 */
import { randomUUID } from 'node:crypto';
import { readSigned } from '../../provider/signed-reports.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Json } from '../../store/audit-record.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Desk } from '../operation.ts';

export type ReceiptKind = 'export' | 'erasure';

export interface Receipt {
  readonly type: 'footbridge-receipt';
  readonly version: 1;
  readonly id: string;
  readonly kind: ReceiptKind;
  /** The audit log's pseudonym, hex. */
  readonly subject: string;
  /** ISO 8601. */
  readonly at: string;
  readonly actor: string;
  /** Of an export its sides and digest; of an erasure what became of each side. */
  readonly detail: Readonly<Record<string, Json>>;
}

export interface SignedReceipt {
  readonly receipt: Receipt;
  /** Compact (RFC 7515); /jwks has the key. */
  readonly jws: string;
}

export interface ReceiptDeps extends Pick<Desk, 'db' | 'audit' | 'actor'> {
  /** Throws config_invalid where there is no signing key yet. */
  readonly sign: (payload: object) => Promise<string>;
}

export interface NewReceipt {
  readonly kind: ReceiptKind;
  readonly sub: string;
  readonly detail: Receipt['detail'];
  readonly now: Date;
}

/** Signed, and not kept yet: what cannot be signed is not begun. */
export async function signReceipt(
  { audit, actor, sign }: ReceiptDeps,
  { kind, sub, detail, now }: NewReceipt,
): Promise<SignedReceipt> {
  const receipt: Receipt = {
    type: 'footbridge-receipt',
    version: 1,
    id: randomUUID(),
    kind,
    subject: audit.pseudonym(sub).toString('hex'),
    at: now.toISOString(),
    actor,
    detail,
  };
  return { receipt, jws: await sign(receipt) };
}

const KEEP = statement(`insert into receipts (id, kind, subject, at, actor, receipt)
  values ($1, $2, decode($3, 'hex'), $4, $5, $6)`);
const ACTIONS = { export: 'user.exported', erasure: 'user.erased' } as const;

export async function keepReceipt(db: Db, { receipt, jws }: SignedReceipt): Promise<void> {
  const { id, kind, subject, at, actor, detail } = receipt;
  await db.transaction(async (tx) => {
    await tx.run(KEEP, [id, kind, subject, at, actor, jws]);
    const about = { subject: Buffer.from(subject, 'hex'), detail: { receipt: id, ...detail } };
    await appendAudit(tx, { actor, action: ACTIONS[kind], ...about });
  });
}

/** One person's requests are few; whoever looks sees the newest. */
const SHOWN = 100;
const OF = statement(`select id, kind, at, actor, receipt as jws from receipts
  where subject = any($1::bytea[]) order by at desc limit ${SHOWN}`);

export interface KeptReceipt {
  readonly id: string;
  readonly kind: ReceiptKind;
  readonly at: Date;
  readonly actor: string;
  readonly jws: string;
}

/** Newest first; found under the pseudonyms of older master keys too. */
export const receiptsOf = (q: Queryable, keyring: Keyring, sub: string): Promise<KeptReceipt[]> =>
  q.run<KeptReceipt>(OF, [keyring.macs('audit-subject', sub)]);

export type Signature = 'signed' | 'forged' | 'unknown-key';

/** Whether it is as we have signed it; `unknown-key`: by none of the keys that are kept. */
export const checkReceipt = async (db: Db, keyring: Keyring, jws: string): Promise<Signature> =>
  (await readSigned(db, keyring, jws)).kind;

const AFTER =
  statement(`select id, kind, encode(subject, 'hex') as subject, at, actor, receipt as jws from receipts
  where id > $1 order by id limit $2`);
/** A page of all, in the order of their ids: for an auditor. */
export const receiptsAfter = (
  q: Queryable,
  after: string,
  limit: number,
): Promise<(KeptReceipt & { readonly subject: string })[]> => q.run(AFTER, [after, limit]);
