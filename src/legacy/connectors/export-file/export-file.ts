/**
 * Export files, for a vendor that gives nothing but a dump: CSV, JSON Lines, or one JSON document. They are indexed
 * once; a record is read back from its file when it is asked for, so that no hash stays in memory.
 */
import { fileURLToPath } from 'node:url';
import { FootbridgeError } from '../../../errors.ts';
import type { Connector, LegacyRow, Related, Row } from '../../connector.ts';
import { connectorKind, MAX_CANDIDATES, MAX_RELATED_ROWS } from '../../connector.ts';
import type { Document } from '../../documents.ts';
import { columnsOf, rowsAt, textsAt } from '../../documents.ts';
import { CurrentIndex } from './current-index.ts';
import type { ExportFileSettings } from './export-file-settings.ts';
import { exportFileSettings } from './export-file-settings.ts';
import type { ExportIndex } from './export-index.ts';
import { buildIndex, firstTextIn, foldLogin, idIn, loginsIn, versionOf } from './export-index.ts';

/** A share of the caller's deadline is left to say that the index is not there yet. */
const WAIT_SHARE = 0.8;

function openExportFile(settings: ExportFileSettings, { timeoutMs }: { timeoutMs: number }): Connector {
  const current = new CurrentIndex(
    {
      version: () => versionOf(settings),
      build: (signal) => buildIndex(settings, signal),
      warn: (sentence) => process.emitWarning(`exportFile: ${sentence}`, 'ExportFileWarning'),
    },
    { reloadMs: settings.reloadSeconds * 1_000, waitMs: timeoutMs * WAIT_SHARE },
  );
  current.start();
  return {
    sparse: settings.kind !== 'csv',
    findByLogin: (login) => current.use((index) => findByLogin(index, settings, login)),
    findById: (id) =>
      current.use(async (index) => (await withId(index, settings, id)).map((one) => rowOf(one, settings))),
    ping: () =>
      current.use(async (index) => {
        await index.users.readAll([0]);
      }),
    ready: () => current.ready(),
    close: () => current.close(),
    ...(Object.keys(settings.related).length > 0
      ? { related: (id: string) => current.use((index) => relatedOf(index, settings, id)) }
      : {}),
    count: () => current.use(async ({ users, unusable }) => users.length + unusable.length),
    page: (after, limit) => current.use((index) => pageOf(index, settings, after, limit)),
  };
}

export const exportFile = connectorKind({
  settings: exportFileSettings,
  open: openExportFile,
  fromUrl: (url) => ({ files: [fileURLToPath(url)] }),
  relatedNames: ({ related }) => Object.keys(related),
  loginColumns: ({ login }) => login,
});

const rowOf = (document: Document, settings: ExportFileSettings): LegacyRow => ({
  id: idIn(document, settings) ?? '',
  columns: columnsOf(document),
});

/** Two records with one id would be one subject: neither of them is let in. */
async function findByLogin(
  index: ExportIndex,
  settings: ExportFileSettings,
  login: string,
): Promise<readonly LegacyRow[]> {
  const wanted = foldLogin(login, settings.ignoreCase);
  const records = [...new Set(index.logins.find(wanted))].slice(0, MAX_CANDIDATES + 1);
  const rows = (await index.users.readAll(records))
    .filter((document) => loginsIn(document, settings).includes(wanted))
    .map((document) => rowOf(document, settings));
  for (const { id } of rows) await refuseDuplicate(index, settings, id);
  return rows;
}

async function refuseDuplicate(index: ExportIndex, settings: ExportFileSettings, id: string): Promise<void> {
  if (index.ids.find(id).length === 1) return;
  const { length } = await withId(index, settings, id);
  if (length > 1) throw new FootbridgeError('user_ambiguous', { detail: `${length} records have one id` });
}

async function withId(index: ExportIndex, settings: ExportFileSettings, id: string): Promise<Document[]> {
  const records = index.ids.find(id).slice(0, MAX_CANDIDATES + 1);
  return (await index.users.readAll(records)).filter((document) => idIn(document, settings) === id);
}

async function relatedOf(index: ExportIndex, settings: ExportFileSettings, id: string): Promise<Related> {
  const [document] = await withId(index, settings, id);
  const named = Object.entries(settings.related).map(async ([name, { path, file }]) => {
    const rows = !document
      ? []
      : path !== undefined
        ? rowsAt(document, path)
        : await besideRows(index, name, file ? keysOf(document, file, settings) : []);
    return [name, rows] as const;
  });
  return Object.fromEntries(await Promise.all(named));
}

type OtherFile = NonNullable<ExportFileSettings['related'][string]['file']>;

function keysOf(document: Document, { key, keyAfter }: OtherFile, { id }: ExportFileSettings): string[] {
  const texts = (key ?? [id]).flatMap((path) => textsAt(document, path));
  const cut = (text: string) =>
    keyAfter !== undefined && text.includes(keyAfter)
      ? text.slice(text.indexOf(keyAfter) + keyAfter.length)
      : text;
  return [...new Set(texts.map(cut))];
}

async function besideRows(index: ExportIndex, name: string, keys: readonly string[]): Promise<Row[]> {
  const side = index.sides.get(name);
  if (!side) return [];
  const documents = await side.table.readAll(
    keys.flatMap((key) => side.keys.find(key)).slice(0, MAX_RELATED_ROWS + 1),
  );
  return documents
    .filter((document) => keys.includes(firstTextIn(document, side.by) ?? ''))
    .map((document) => columnsOf(document));
}

/**
 * In the order of a hash of the ids, which stays the same when the file is exported again. At the end come the records
 * that cannot be used, each as a row that nobody can be made of, under an id that says where it stands: so whoever goes
 * through all users counts and names them.
 */
async function pageOf(
  { users, ids, unusable }: ExportIndex,
  settings: ExportFileSettings,
  after: string,
  limit: number,
): Promise<readonly LegacyRow[]> {
  const listed = unusable.indexOf(after);
  const rows: LegacyRow[] = [];
  let at = listed >= 0 ? ids.length : after === '' ? 0 : ids.positionOf(after);
  while (at < ids.length && rows.length < limit) {
    const groups: (readonly number[])[] = [];
    for (let count = rows.length; at < ids.length && count < limit; ) {
      const { records, next } = ids.groupAt(at);
      groups.push(records);
      count += records.length;
      at = next;
    }
    const read = (await users.readAll(groups.flat())).map((document) => rowOf(document, settings));
    for (const { length } of groups) {
      // Few ids share a place in the order: there, they follow each other as texts.
      const group = read.splice(0, length).sort((one, other) => (one.id < other.id ? -1 : 1));
      rows.push(...group.filter(({ id }) => id > after || !ids.areTogether(id, after)));
    }
  }
  const rest = unusable.slice(listed + 1).map((id) => ({ id, columns: {} }));
  return [...rows, ...rest].slice(0, limit);
}
