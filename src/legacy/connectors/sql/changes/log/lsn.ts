/** PostgreSQL's places in its log: 64 bits, written as two hexadecimal numbers. */
import { FootbridgeError } from '../../../../../errors.ts';

const LSN = /^([\da-f]{1,8})\/([\da-f]{1,8})$/i;

/** Throws bad_request. */
export function lsnFrom(text: string): bigint {
  const [, high, low] = LSN.exec(text) ?? [];
  if (!high || !low) throw new FootbridgeError('bad_request', { detail: 'no position of this feed' });
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** As the server writes them. */
export const lsnText = (lsn: bigint): string =>
  `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
