/**
 * CSV (RFC 4180) by csv-parse. Where it cannot go on (a stray quote, a record without an end), the line is taken by
 * itself and the parser starts afresh on the next one, so that one stray letter costs one record.
 */
import type { CsvError, Info, Options, Parser } from 'csv-parse';
import { parse as csvParser } from 'csv-parse';
import { parse as parseAll } from 'csv-parse/sync';
import type { Document } from '../../documents.ts';
import type { RecordFile, RecordSpan } from './records.ts';
import { spanOf, tooLong } from './records.ts';
import type { SourceFile } from './source-file.ts';
import { textOfRecord } from './source-file.ts';

export interface CsvOptions {
  readonly delimiter: string;
  /** Empty: quotes are letters. */
  readonly quote: string;
  /** Names of the columns where the file does not begin with them. */
  readonly columns?: readonly string[] | undefined;
  readonly maxBytes: number;
}

const [NEWLINE, RETURN] = [0x0a, 0x0d];
/** Each reads up to the longest record once more. */
const MAX_RESCANS = 1_000;
const STRAY_QUOTE = 'a quote in the middle of a field';

interface Place {
  readonly offset: number;
  readonly line: number;
}
/** A line that the parser cannot take. */
interface Stop extends Place {
  readonly why: string;
}
interface Parsed {
  readonly values: readonly string[];
  /** Bytes until its end, and lines without anything, from where the parser began. */
  readonly bytes: number;
  readonly emptyLines: number;
}
type Spans<Return> = AsyncGenerator<readonly RecordSpan[], Return>;

export class CsvFile implements RecordFile {
  readonly source: SourceFile;
  readonly #maxBytes: number;
  readonly #options: Options;
  /** Known from the settings, or after the first record. */
  #names: readonly string[] | undefined;

  constructor(source: SourceFile, { delimiter, quote, columns, maxBytes }: CsvOptions) {
    this.source = source;
    this.#maxBytes = maxBytes;
    this.#names = columns;
    this.#options = {
      delimiter,
      quote: quote === '' ? null : quote,
      record_delimiter: ['\n', '\r\n'],
      relax_column_count: true,
      skip_empty_lines: true,
    };
  }

  parse(bytes: Buffer): Document {
    textOfRecord(bytes, this.source);
    return this.#named(this.#valuesIn(bytes));
  }

  async *spans(): Spans<void> {
    let place: Place | undefined = { offset: this.source.start, line: 1 };
    for (let rescans = 0; place && rescans < MAX_RESCANS; ) {
      const stop: Stop | undefined = yield* this.#spansFrom(place);
      place = stop && (yield* this.#lineAt(stop));
      if (stop?.why !== STRAY_QUOTE) rescans += 1;
    }
    const problem = 'too much before it cannot be read: the rest is left out';
    if (place) yield [{ ...place, length: 0, problem, isCut: true }];
  }

  /** As far as the parser comes. */
  async *#spansFrom(from: Place): Spans<Stop | undefined> {
    const parsed: Parsed[] = [];
    const parser = this.#parserInto(parsed);
    let { offset, line } = from;
    let emptyLines = 0;
    let last: RecordSpan | undefined;
    const take = async (): Promise<{ spans: RecordSpan[]; stop?: Stop }> => {
      const spans: RecordSpan[] = [];
      for (const one of parsed.splice(0)) {
        const first = line + one.emptyLines - emptyLines;
        const end = from.offset + one.bytes;
        const lines = 1 + one.values.reduce((sum, value) => sum + value.split('\n').length - 1, 0);
        last = await this.#spanOf({ offset, length: end - offset, line: first }, one.values);
        // An open quote may have swallowed the lines that follow.
        if (last?.problem && lines > 1) return { spans, stop: { offset, line, why: last.problem } };
        if (last) spans.push(last);
        [offset, line, emptyLines] = [end, first + lines, one.emptyLines];
      }
      return { spans };
    };
    for await (const chunk of this.source.chunks(from.offset)) {
      const error = await feed(parser, chunk);
      const { spans, stop } = await take();
      yield spans;
      if (stop) return stop;
      if (error) return { offset, line, why: this.#reasonOf(error) };
    }
    const error = await feed(parser);
    const { spans, stop } = await take();
    yield await this.#markCut(spans, last);
    return stop ?? (error && { offset, line, why: this.#reasonOf(error) });
  }

  /** What it has parsed is put aside at once: a stream loses what it holds when it fails. */
  #parserInto(parsed: Parsed[]): Parser {
    const take = (values: string[], info: Info) => {
      parsed.push({ values, bytes: (info as Info & { bytes: number }).bytes, emptyLines: info.empty_lines });
      return null;
    };
    const parser = csvParser({
      ...this.#options,
      max_record_size: this.#maxBytes,
      on_record: take as unknown as NonNullable<Options['on_record']>,
    });
    // Whoever feeds it hears of the error.
    return parser.on('error', () => undefined);
  }

  #reasonOf({ code }: CsvError): string {
    if (code === 'INVALID_OPENING_QUOTE') return STRAY_QUOTE;
    return code === 'CSV_MAX_RECORD_SIZE' ? tooLong(this.#maxBytes) : 'a quote is not closed';
  }

  async #spanOf(
    place: Pick<RecordSpan, 'offset' | 'length' | 'line'>,
    values: readonly string[],
  ): Promise<RecordSpan | undefined> {
    if (!this.#names) {
      this.#names = values.map((name) => name.trim());
      return undefined;
    }
    // Only the bytes tell a letter that cannot be read from one that stands there.
    const isDoubtful = values.some((value) => value.includes('\uFFFD'));
    const bytes = isDoubtful ? await this.source.read(place.offset, place.length) : undefined;
    return spanOf(place, () => (bytes ? this.parse(bytes) : this.#named(values)));
  }

  /** A last record that lacks columns and has no end: there was more. */
  async #markCut(spans: readonly RecordSpan[], last: RecordSpan | undefined): Promise<readonly RecordSpan[]> {
    if (!last?.problem || spans.at(-1) !== last) return spans;
    const end = await this.source.read(last.offset + last.length - 1, 1);
    return end?.[0] === NEWLINE ? spans : [...spans.slice(0, -1), { ...last, isCut: true }];
  }

  /** One line that stands alone, blank ones before it aside, and the place behind it. */
  async *#lineAt({ offset, line, why }: Stop): Spans<Place | undefined> {
    const found = await this.#findLine(offset, line);
    const { start, end, isLast } = found;
    const place = { offset: start, length: end - start, line: found.line };
    const whole = why === STRAY_QUOTE && place.length <= this.#maxBytes;
    const bytes = whole ? await this.source.read(start, end - start) : undefined;
    const span = bytes ? spanOf(place, () => this.parse(bytes)) : { ...place, problem: why };
    yield [{ ...span, isCut: isLast && span.problem !== undefined }];
    return isLast ? undefined : { offset: end, line: found.line + 1 };
  }

  async #findLine(offset: number, line: number) {
    let [start, at, first] = [undefined as number | undefined, offset, line];
    for await (const chunk of this.source.chunks(offset)) {
      for (let index = 0; index < chunk.length; index++, at++) {
        const byte = chunk[index];
        if (start === undefined && byte !== NEWLINE && byte !== RETURN) start = at;
        if (byte !== NEWLINE) continue;
        if (start !== undefined) return { start, end: at + 1, line: first, isLast: false };
        first += 1;
      }
    }
    return { start: start ?? at, end: at, line: first, isLast: true };
  }

  /** A quote in the middle of a field is a letter, as long as the record has one line. */
  #valuesIn(bytes: Buffer): readonly string[] {
    try {
      return (parseAll(bytes, this.#options) as string[][])[0] ?? [];
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'INVALID_OPENING_QUOTE') throw new Error('a quote is not closed');
      const records = parseAll(bytes, { ...this.#options, relax_quotes: true }) as string[][];
      const [values = []] = records;
      if (records.length === 1 && !values.some((value) => value.includes('\n'))) return values;
      throw new Error(STRAY_QUOTE);
    }
  }

  #named(values: readonly string[]): Document {
    const names = this.#names ?? [];
    if (values.length < names.length) throw new Error(`${values.length} columns instead of ${names.length}`);
    if (values.slice(names.length).some((value) => value !== ''))
      throw new Error(`more columns than the ${names.length} that have names`);
    const document: Record<string, unknown> = Object.create(null);
    for (const [index, name] of names.entries()) document[name] = values[index];
    return document;
  }
}

/** Nothing: that was the end. */
const feed = (parser: Parser, bytes?: Buffer): Promise<CsvError | undefined> =>
  new Promise((resolve) => {
    const done = (error?: Error | null) => resolve((error ?? undefined) as CsvError | undefined);
    if (bytes) parser.write(bytes, done);
    else parser.end(done);
  });
