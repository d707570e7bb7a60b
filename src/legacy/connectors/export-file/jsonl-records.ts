/** JSON Lines (NDJSON): one object per line. */
import type { Document } from '../../documents.ts';
import { parseDocument } from '../../documents.ts';
import type { RecordFile, RecordSpan } from './records.ts';
import { spanOf, tooLong } from './records.ts';
import type { SourceFile } from './source-file.ts';
import { textOfRecord } from './source-file.ts';

const NEWLINE = 0x0a;
const BLANK = /^\s*$/;

export function jsonlFile(source: SourceFile, maxBytes: number): RecordFile {
  const parse = (bytes: Buffer): Document => parseDocument(textOfRecord(bytes, source));
  return { source, parse, spans: () => spans(source, maxBytes, parse) };
}

async function* spans(
  source: SourceFile,
  maxBytes: number,
  parse: RecordFile['parse'],
): AsyncGenerator<readonly RecordSpan[]> {
  let offset = source.start;
  let line = 1;
  /** Of the line that goes on into the next chunk; empty once the line is too long. */
  let pieces: Buffer[] = [];
  let pending = 0;
  const spanTo = (rest: Buffer): RecordSpan[] => {
    const length = pending + rest.length;
    const place = { offset, length, line };
    const bytes = pieces.length === 0 ? rest : Buffer.concat([...pieces, rest]);
    pieces = [];
    pending = 0;
    offset += length + 1;
    line += 1;
    if (length > maxBytes) return [{ ...place, problem: tooLong(maxBytes) }];
    return BLANK.test(bytes.toString('latin1')) ? [] : [spanOf(place, () => parse(bytes))];
  };
  for await (const chunk of source.chunks(source.start)) {
    const found: RecordSpan[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      found.push(...spanTo(chunk.subarray(start, end)));
      start = end + 1;
    }
    pending += chunk.length - start;
    if (pending > maxBytes) pieces = [];
    else pieces.push(chunk.subarray(start));
    yield found;
  }
  // A last line without an end may be whole; where it is not, the file is cut off.
  if (pending > 0)
    yield spanTo(Buffer.alloc(0)).map((span) => (span.problem ? { ...span, isCut: true } : span));
}
