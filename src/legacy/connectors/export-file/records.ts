/** A file as a sequence of records, whatever its kind: where each one stands, and what it says or why it says nothing. */
import type { Document } from '../../documents.ts';
import type { SourceFile } from './source-file.ts';

export interface RecordSpan {
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
  /** Of its first letter, from 1. */
  readonly line: number;
  readonly document?: Document;
  /** Why there is no document: a sentence without a value. */
  readonly problem?: string;
  /** The file ends in the middle of it. */
  readonly isCut?: boolean;
}

export interface RecordFile {
  readonly source: SourceFile;
  /** All records, in the order of the file, some at a time. */
  spans(): AsyncGenerator<readonly RecordSpan[]>;
  /** The record in these bytes, which were a span's. */
  parse(bytes: Buffer): Document;
}

export const tooLong = (maxBytes: number) => `longer than ${maxBytes} bytes`;

/** What `parse` makes of a span. */
export function spanOf(
  place: Pick<RecordSpan, 'offset' | 'length' | 'line'>,
  parse: () => Document,
): RecordSpan {
  try {
    return { ...place, document: parse() };
  } catch (error) {
    return { ...place, problem: (error as Error).message };
  }
}
