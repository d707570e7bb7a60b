/** What entries say of their last change, as text that is in the order of the changes. */

/** Generalized Time in UTC with seconds (RFC 4517 section 3.3.13), whatever comes behind it: a fraction, the rest of a CSN. */
const MOMENT = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,](\d{1,6})\d*)?Z/;

/** Undefined for what is no such time. */
export function momentOf(stamp: string): Date | undefined {
  const [, year, month, day, hour, minute, second, fraction = ''] = MOMENT.exec(stamp) ?? [];
  if (!year) return undefined;
  const ms = fraction.padEnd(3, '0').slice(0, 3);
  const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** 20260131123000Z. */
const timeStamp = (ms: number): string =>
  `${new Date(Math.max(0, ms)).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
/** The first CSN of a moment (draft-chu-ldap-csn): 20260131123000.000000Z#000000#000#000000. */
const csnStamp = (ms: number): string => `${timeStamp(ms).slice(0, 14)}.000000Z#000000#000#000000`;

export type TimedStamp = 'entryCSN' | 'modifyTimestamp';
export const stampAt = (stamp: TimedStamp, ms: number): string =>
  stamp === 'entryCSN' ? csnStamp(ms) : timeStamp(ms);

const CSN = /^\d{14}\.\d{6}Z#[\da-f]{6}#([\da-f]{3})#[\da-f]{6}$/i;
/** The server that made the change; undefined for what is no CSN. */
export const serverOf = (csn: string): string | undefined => CSN.exec(csn)?.[1]?.toLowerCase();

const USN_DIGITS = 20;
/** A number as text that is in the order of the numbers. */
export const usnStamp = (usn: bigint): string => String(usn).padStart(USN_DIGITS, '0');
