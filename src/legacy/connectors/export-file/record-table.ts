/** All records of some files: where each stands, found by what the caller looks them up by. Texts stay in the files. */
import { basename } from 'node:path';
import { FootbridgeError } from '../../../errors.ts';
import type { Document } from '../../documents.ts';
import { extended } from './lookup.ts';
import type { RecordFile } from './records.ts';
import type { SourceFile } from './source-file.ts';

const FIRST_CAPACITY = 1_024;
/** More are counted; nobody reads a longer list. */
const MAX_PROBLEMS = 1_000;

export interface Problem {
  /** `users.jsonl:17` */
  readonly place: string;
  readonly why: string;
}

export class RecordTable {
  readonly #files: readonly RecordFile[];
  #length = 0;
  #fileOf = new Uint16Array(FIRST_CAPACITY);
  #offsets = new Float64Array(FIRST_CAPACITY);
  #lengths = new Uint32Array(FIRST_CAPACITY);
  #lines = new Uint32Array(FIRST_CAPACITY);
  readonly problems: Problem[] = [];
  problemCount = 0;
  /** A file ends in the middle of something: it may still be written. */
  isCut = false;

  constructor(files: readonly RecordFile[]) {
    this.#files = files;
    this.isCut = files.some(({ source }) => source.isCut);
    for (const { source } of files)
      if (source.isCut)
        this.#addProblem(basename(source.path), 'the packed file is damaged: the rest was left');
  }

  get sources(): readonly SourceFile[] {
    return this.#files.map(({ source }) => source);
  }

  get length(): number {
    return this.#length;
  }

  /** Goes through all files once. `take` gets each record's number, and says why where it is of no use. */
  async fill(
    take: (document: Document, record: number) => string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    for (const [index, file] of this.#files.entries()) {
      for await (const spans of file.spans()) {
        signal.throwIfAborted();
        for (const span of spans) {
          const why = span.document ? take(span.document, this.#length) : span.problem;
          if (why === undefined) this.#add(index, span);
          else this.#addProblem(`${basename(file.source.path)}:${span.line}`, why);
          this.isCut ||= span.isCut ?? false;
        }
      }
    }
  }

  /** Throws legacy_unavailable where a file is no longer what was indexed. */
  async readAll(records: readonly number[]): Promise<Document[]> {
    const found = await Promise.all(
      records.map(async (record) => {
        const file = this.#files[this.#fileOf[record]!]!;
        return { file, bytes: await file.source.read(this.#offsets[record]!, this.#lengths[record]!) };
      }),
    );
    // Looked at afterwards: then what was read is what was indexed.
    for (const { source } of new Set(found.map(({ file }) => file)))
      if (!(await source.isUnchanged())) throw changed(source);
    return found.map(({ file, bytes }) => {
      if (!bytes) throw changed(file.source);
      return file.parse(bytes);
    });
  }

  placeOf(record: number): string {
    const { source } = this.#files[this.#fileOf[record]!]!;
    return `${basename(source.path)}:${this.#lines[record]}`;
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map(({ source }) => source.close()));
  }

  addDuplicate(record: number, first: number, of: string): void {
    this.#addProblem(this.placeOf(record), `has the ${of} of ${this.placeOf(first)}`);
  }

  #addProblem(place: string, why: string): void {
    this.problemCount += 1;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ place, why });
  }

  #add(file: number, { offset, length, line }: { offset: number; length: number; line: number }): void {
    if (this.#length === this.#lengths.length) this.#grow();
    const record = this.#length++;
    this.#fileOf[record] = file;
    this.#offsets[record] = offset;
    this.#lengths[record] = length;
    this.#lines[record] = line;
  }

  #grow(): void {
    const capacity = this.#lengths.length * 2;
    this.#fileOf = extended(this.#fileOf, new Uint16Array(capacity));
    this.#offsets = extended(this.#offsets, new Float64Array(capacity));
    this.#lengths = extended(this.#lengths, new Uint32Array(capacity));
    this.#lines = extended(this.#lines, new Uint32Array(capacity));
  }
}

const changed = ({ path }: SourceFile) =>
  new FootbridgeError('legacy_unavailable', {
    detail: `${basename(path)} has changed since it was indexed`,
    retryAfterSeconds: 2,
  });
