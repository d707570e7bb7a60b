/** Places in MySQL's binary log: which server's, which file, and the offset in it. Names of files count up. */
import { FootbridgeError } from '../../../../../errors.ts';

export interface BinlogPlace {
  readonly serverId: string;
  readonly file: string;
  readonly offset: number;
}

const PLACE = /^(\d{1,10})\/([^/+]{1,400}\.\d{1,20}):(\d{1,15})$/;

/** Throws bad_request. */
export function binlogPlaceFrom(text: string): BinlogPlace {
  const [, serverId, file, offset] = PLACE.exec(text) ?? [];
  if (!serverId || !file || !offset)
    throw new FootbridgeError('bad_request', { detail: 'no position of this feed' });
  return { serverId, file, offset: Number(offset) };
}

export const binlogPlaceText = ({ serverId, file, offset }: BinlogPlace): string =>
  `${serverId}/${file}:${offset}`;

const numberOf = (file: string) => Number(file.slice(file.lastIndexOf('.') + 1));

/** Less than 0: the first is before the second. */
export const compareBinlogPlaces = (one: BinlogPlace, other: BinlogPlace): number =>
  numberOf(one.file) - numberOf(other.file) || one.offset - other.offset;
