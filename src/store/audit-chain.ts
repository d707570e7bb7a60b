/**
 * How audit records are chained: each has a digest, a block of digests is a seal, and each seal's hash takes in the
 * one before. The hash is keyed, so whoever can write to the database but lacks the master key cannot mend a chain.
 */
import { hash } from 'node:crypto';
import type { Keyring } from './encryption.ts';

/** A record as the database writes it. Its text is the canonical form: jsonb has one order of keys and one spelling. */
export interface RecordText {
  readonly tx: string;
  readonly id: string;
  /** Microseconds since 1970. */
  readonly micros: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string | null;
  readonly detail: string;
}

export interface Seal {
  readonly seq: string;
  readonly last_tx: string;
  readonly last_id: string;
  readonly floor_id: string;
  readonly ids: readonly string[];
  readonly digests: Buffer;
  readonly previous: Buffer;
  readonly hash: Buffer;
}

export const DIGEST_BYTES = 32;
/** What the first seal follows. */
export const GENESIS = Buffer.alloc(DIGEST_BYTES);

export function digest(record: RecordText): Buffer {
  const { tx, id, micros, actor, action, subject, detail } = record;
  return hash('sha256', JSON.stringify([tx, id, micros, actor, action, subject, detail]), 'buffer');
}

/** The seal of the records that follow `previous`; they are in the order (tx, id) and at least one. */
export function makeSeal(
  keyring: Keyring,
  { previous, floor, records }: { previous: Seal | undefined; floor: string; records: readonly RecordText[] },
): Seal {
  const last = records.at(-1)!;
  const unsigned = {
    seq: String(BigInt(previous?.seq ?? 0) + 1n),
    last_tx: last.tx,
    last_id: last.id,
    floor_id: floor,
    ids: records.map(({ id }) => id),
    digests: Buffer.concat(records.map(digest)),
    previous: previous?.hash ?? GENESIS,
  };
  return { ...unsigned, hash: keyring.mac('audit-chain', ...signedParts(unsigned)) };
}

/** What is wrong with a seal and its place after `previous`; nothing when all is well. */
export function checkSeal(keyring: Keyring, seal: Seal, previous: Seal | undefined): string[] {
  const expected = BigInt(previous?.seq ?? 0) + 1n;
  const seq = BigInt(seal.seq);
  const gap =
    seq - 1n === expected ? `seal ${expected} is missing` : `seals ${expected} to ${seq - 1n} are missing`;
  if (!keyring.macs('audit-chain', ...signedParts(seal)).some((mac) => keyring.equal(mac, seal.hash))) {
    return [...(seq > expected ? [gap] : []), `seal ${seq} was changed`];
  }
  if (seq > expected) return [gap];
  const follows = keyring.equal(seal.previous, previous?.hash ?? GENESIS);
  return follows ? [] : [`seal ${seq} does not follow the seal before it`];
}

/** Which of a seal's records were changed or removed since. */
export function checkRecords(seal: Seal, records: readonly RecordText[]): string[] {
  const found = new Map(records.map((record) => [record.id, record]));
  return seal.ids.flatMap((id, index) => {
    const record = found.get(id);
    if (!record) return [`record ${id} was removed`];
    const sealed = seal.digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
    return digest(record).equals(sealed) ? [] : [`record ${id} was changed`];
  });
}

function signedParts(seal: Omit<Seal, 'hash'>): (string | Buffer)[] {
  const { previous, seq, last_tx, last_id, floor_id, ids, digests } = seal;
  return [previous, seq, last_tx, last_id, floor_id, ids.join(), digests];
}
