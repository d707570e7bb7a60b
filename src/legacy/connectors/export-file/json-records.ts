/**
 * An array inside a JSON document of any size: a `JsonArrayScanner` finds where its elements begin and end, and only an
 * element is ever parsed. So memory stays flat, an element that is broken but closed costs itself alone, and each is
 * found again by its bytes.
 */
import type { Document } from '../../documents.ts';
import { parseDocument } from '../../documents.ts';
import { JsonArrayScanner } from './json-array-scanner.ts';
import type { RecordFile, RecordSpan } from './records.ts';
import { spanOf, tooLong } from './records.ts';
import type { SourceFile } from './source-file.ts';
import { textOfRecord } from './source-file.ts';

export interface JsonOptions {
  /** Names from the root to the array; none: the root is the array. */
  readonly path: readonly string[];
  readonly maxBytes: number;
}

/** A document without such an array has no records. */
export function jsonFile(source: SourceFile, options: JsonOptions): RecordFile {
  const parse = (bytes: Buffer): Document => parseDocument(textOfRecord(bytes, source));
  return { source, parse, spans: () => spans(source, options, parse) };
}

async function* spans(
  source: SourceFile,
  { path, maxBytes }: JsonOptions,
  parse: RecordFile['parse'],
): AsyncGenerator<readonly RecordSpan[]> {
  const scanner = new JsonArrayScanner(path);
  /** Of the element that goes on into the next chunk; empty once it is too long. */
  let pieces: Buffer[] = [];
  let base = source.start;
  for await (const chunk of source.chunks(source.start)) {
    const found: RecordSpan[] = [];
    for (const { start, end, line } of scanner.feed(chunk)) {
      // Positions are the scanner's: from its first byte on.
      const inChunk = chunk.subarray(Math.max(0, start + source.start - base), end + source.start - base);
      const place = { offset: start + source.start, length: end - start, line };
      const bytes = pieces.length === 0 ? inChunk : Buffer.concat([...pieces, inChunk]);
      pieces = [];
      found.push(
        place.length > maxBytes
          ? { ...place, problem: tooLong(maxBytes) }
          : spanOf(place, () => parse(bytes)),
      );
    }
    yield found;
    if (scanner.isDone) return;
    base += chunk.length;
    const { openSince } = scanner;
    if (openSince === undefined || base - source.start - openSince > maxBytes) pieces = [];
    else pieces.push(chunk.subarray(Math.max(0, chunk.length - (base - source.start - openSince))));
  }
  const { line } = scanner;
  yield [{ offset: base, length: 0, line, problem: 'the document ends too early', isCut: true }];
}
