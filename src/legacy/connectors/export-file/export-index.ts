/** An export, indexed: people by id and by login, and what belongs to them in other files. */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { FootbridgeError } from '../../../errors.ts';
import type { Document } from '../../documents.ts';
import { textsAt } from '../../documents.ts';
import { CsvFile } from './csv-records.ts';
import type { ExportFileSettings, Writing } from './export-file-settings.ts';
import type { FoundFile } from './file-paths.ts';
import { findFiles } from './file-paths.ts';
import { jsonFile } from './json-records.ts';
import { jsonlFile } from './jsonl-records.ts';
import { Lookup } from './lookup.ts';
import { RecordTable } from './record-table.ts';
import type { RecordFile } from './records.ts';
import type { SourceFile } from './source-file.ts';
import { openSource } from './source-file.ts';

export interface SideFile {
  readonly table: RecordTable;
  readonly keys: Lookup;
  /** Where its records say whose they are. */
  readonly by: readonly string[];
}

export interface ExportIndex {
  readonly version: string;
  readonly users: RecordTable;
  readonly ids: Lookup;
  readonly logins: Lookup;
  /** Other files, by the name of the related rows. */
  readonly sides: ReadonlyMap<string, SideFile>;
  /** The records that cannot be used: where each stands, and why. The last one says how many more there are. */
  readonly unusable: readonly string[];
  /** What an operator should hear, once per index. */
  readonly warnings: readonly string[];
  isCut(): boolean;
  close(): Promise<void>;
}

/** As a login is compared: outer blanks aside, and without regard to case where the settings say so. */
export function foldLogin(login: string, ignoreCase: ExportFileSettings['ignoreCase']): string {
  const text = login.normalize('NFC').trim();
  const isFolded = ignoreCase === 'all' || (ignoreCase === 'email' && text.includes('@'));
  return isFolded ? text.toLowerCase() : text;
}

export const idIn = (document: Document, { id }: ExportFileSettings) => textsAt(document, id)[0];

export const loginsIn = (
  document: Document,
  { login, ignoreCase }: ExportFileSettings,
): readonly string[] => [
  ...new Set(login.flatMap((path) => textsAt(document, path)).map((text) => foldLogin(text, ignoreCase))),
];

/** The first of some paths that has a text. */
export const firstTextIn = (document: Document, paths: readonly string[]): string | undefined =>
  paths.flatMap((path) => textsAt(document, path))[0];

/** What the files are just now. Throws legacy_unavailable. */
export async function versionOf(settings: ExportFileSettings): Promise<string> {
  const all = await Promise.all(patternsOf(settings).map(findFiles));
  return JSON.stringify(all);
}

const patternsOf = ({ files, related }: ExportFileSettings): (readonly string[])[] => [
  files,
  ...Object.values(related).flatMap(({ file }) => (file ? [file.files] : [])),
];

/** Reads all files once. Throws legacy_unavailable where that makes no index. */
export async function buildIndex(settings: ExportFileSettings, signal: AbortSignal): Promise<ExportIndex> {
  const opened: RecordTable[] = [];
  try {
    const version = await versionOf(settings);
    const table = async (writing: Writing, patterns: readonly string[]) => {
      const one = await openTable(writing, await findFiles(patterns), settings.maxRecordBytes);
      opened.push(one);
      return one;
    };
    const users = await table(settings, settings.files);
    const { ids, logins } = await indexUsers(users, settings, signal);
    const sides = new Map<string, SideFile>();
    for (const [name, { file }] of Object.entries(settings.related)) {
      if (!file) continue;
      const side = await table(file, file.files);
      sides.set(name, { table: side, keys: await indexSide(side, file.by, signal), by: file.by });
    }
    if (version !== (await versionOf(settings))) throw unavailable('the files change while they are indexed');
    return {
      version,
      users,
      ids,
      logins,
      sides,
      unusable: opened.flatMap((one) => [...unusableIn(one)]),
      warnings: opened.flatMap((one) => [...warningsOf(one)]),
      isCut: () => opened.some(({ isCut }) => isCut),
      close: async () => void (await Promise.all(opened.map((one) => one.close()))),
    };
  } catch (error) {
    await Promise.all(opened.map((one) => one.close()));
    throw error instanceof FootbridgeError ? error : unavailable(reasonOf(error));
  }
}

async function indexUsers(users: RecordTable, settings: ExportFileSettings, signal: AbortSignal) {
  const ids = new Lookup();
  const logins = new Lookup(randomBytes(16).toString('hex'));
  const seen = new Set<string>();
  const take = (document: Document, record: number) => {
    const id = idIn(document, settings);
    if (id === undefined) return `nothing at ${settings.id}`;
    ids.add(id, record);
    for (const path of settings.login)
      if (!seen.has(path) && textsAt(document, path).length > 0) seen.add(path);
    for (const login of loginsIn(document, settings)) logins.add(login, record);
    return undefined;
  };
  await users.fill(take, signal);
  if (users.length === 0) throw unavailable(nobodyIn(users, settings.path));
  if (seen.size === 0) throw unavailable(`no record has anything at ${settings.login.join(', ')}`);
  await ids.sort();
  await logins.sort();
  for await (const [first, again] of ids.duplicates()) users.addDuplicate(again, first, 'id');
  return { ids, logins };
}

const nobodyIn = ({ problems: [first], problemCount }: RecordTable, path: string) =>
  first
    ? `none of ${problemCount} records can be read, the first (${first.place}): ${first.why}`
    : `the files hold no record${path === '' ? '' : ` at ${path}`}`;

async function indexSide(side: RecordTable, by: readonly string[], signal: AbortSignal): Promise<Lookup> {
  const keys = new Lookup();
  const take = (document: Document, record: number) => {
    const key = firstTextIn(document, by);
    if (key === undefined) return `nothing at ${by.join(', ')}`;
    keys.add(key, record);
    return undefined;
  };
  await side.fill(take, signal);
  await keys.sort();
  return keys;
}

async function openTable(
  writing: Writing,
  found: readonly FoundFile[],
  maxBytes: number,
): Promise<RecordTable> {
  const sources: SourceFile[] = [];
  try {
    for (const { path } of found) sources.push(await openSource(path, writing.encoding));
    return new RecordTable(sources.map((source) => recordFile(source, writing, maxBytes)));
  } catch (error) {
    await Promise.all(sources.map((source) => source.close()));
    throw error;
  }
}

function recordFile(source: SourceFile, writing: Writing, maxBytes: number): RecordFile {
  switch (writing.kind) {
    case 'jsonl':
      return jsonlFile(source, maxBytes);
    case 'json':
      return jsonFile(source, { path: writing.path.split('.').filter(Boolean), maxBytes });
    case 'csv':
      return new CsvFile(source, { ...writing, maxBytes });
  }
}

function* warningsOf({ problems: [first], problemCount, sources }: RecordTable): Generator<string> {
  if (first) yield `${problemCount} records cannot be used, the first (${first.place}): ${first.why}`;
  for (const { isOpenToOthers, path } of sources)
    if (isOpenToOthers) yield `${basename(path)} can be read by others than its owner`;
}

function* unusableIn({ problems, problemCount }: RecordTable): Generator<string> {
  for (const { place, why } of problems) yield `${place}: ${why}`;
  if (problemCount > problems.length) yield `${problems[0]?.place} and ${problemCount - 1} more records`;
}

const unavailable = (detail: string) =>
  new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: 2 });

/** Errors of the file system carry paths, those of ours sentences; no error of a parser comes here. */
const reasonOf = (error: unknown) => {
  const { code, path, message } = error as NodeJS.ErrnoException;
  return code ? `${path ?? 'the export'}: ${code}` : message;
};
