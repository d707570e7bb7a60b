import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { isFootbridgeError } from '../../../src/errors.ts';
import type { LegacyRow } from '../../../src/legacy/connector.ts';
import { openConnector } from '../../../src/legacy/directory.ts';
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { anyBytes, damagedBytes, fuzz } from '../hostile.ts';

let folder: string;
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-fuzz-'));
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const PEOPLE = Array.from({ length: 5 }, (_, id) => ({
  id: id + 1,
  email: `p${id + 1}@example.com`,
  note: 'a "quoted", note\nof two lines',
  inside: { hash: 'x' },
}));
const JSONL = PEOPLE.map((one) => JSON.stringify(one)).join('\n');
const JSON_FILE = JSON.stringify({ about: { users: [] }, data: { users: PEOPLE, more: 1 } }, null, 1);
const cell = (value: unknown) => `"${String(value).replaceAll('"', '""')}"`;
const CSV = [
  'id,email,note',
  ...PEOPLE.map(({ id, email, note }) => [id, email, note].map(cell).join(',')),
].join('\r\n');

const KINDS = [
  { kind: 'jsonl', good: JSONL },
  { kind: 'json', path: 'data.users', good: JSON_FILE },
  { kind: 'csv', good: CSV },
] as const;

/** All rows of a file, whatever it is; `undefined` where the store says that it cannot be read. */
async function rowsIn(bytes: Buffer, writing: object): Promise<LegacyRow[] | undefined> {
  files += 1;
  const path = join(folder, `users-${files}`);
  writeFileSync(path, bytes, { mode: 0o600 });
  const settings = legacySettings.parse({
    store: 'shop',
    exportFile: { files: [path], login: ['email'], reloadSeconds: 0, maxRecordBytes: 2_000, ...writing },
    mapping: { email: 'email' },
    timeoutMs: 30_000,
  });
  const connector = openConnector(settings);
  try {
    const rows: LegacyRow[] = [];
    for (;;) {
      const page = await connector.page!(rows.at(-1)?.id ?? '', 3);
      rows.push(...page);
      if (page.length < 3) break;
    }
    // Two records with one id are two, and one row that nobody gets in by.
    expect(await connector.count!()).toBeGreaterThanOrEqual(rows.length);
    for (const { id } of rows)
      if (!id.includes(' ')) expect((await connector.findById(id)).length).toBeGreaterThan(0);
    return rows;
  } catch (error) {
    if (isFootbridgeError(error, 'legacy_unavailable') || isFootbridgeError(error, 'user_ambiguous'))
      return undefined;
    throw error;
  } finally {
    await connector.close();
    rmSync(path);
  }
}

describe('whatever an export holds', () => {
  for (const { good, ...writing } of KINDS) {
    fuzz(
      `${writing.kind}: each record is one person or counted as none, and no damage makes two of one`,
      40,
      fc.asyncProperty(
        fc.oneof(
          { weight: 4, arbitrary: damagedBytes(Buffer.from(good)) },
          { weight: 1, arbitrary: anyBytes() },
        ),
        fc.boolean(),
        async (bytes, isPacked) => {
          const rows = await rowsIn(isPacked ? gzipSync(bytes) : bytes, writing);
          const ids = rows?.map(({ id }) => id) ?? [];
          expect(new Set(ids).size).toBe(ids.length);
        },
      ),
    );
  }

  fuzz(
    'a packed file that was damaged is read as far as it is whole, or not at all',
    40,
    fc.asyncProperty(damagedBytes(gzipSync(JSONL)), async (bytes) => {
      await rowsIn(bytes, { kind: 'jsonl' });
    }),
  );

  fuzz(
    'what a record says is what it said, in whatever file it stands',
    40,
    fc.asyncProperty(
      fc.array(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0')),
        { minLength: 1, maxLength: 4 },
      ),
      async (notes) => {
        const people = notes.map((note, at) => ({ id: String(at), email: `p${at}@example.com`, note }));
        const jsonl = people.map((one) => JSON.stringify(one)).join('\n');
        const json = JSON.stringify(people);
        const csv = ['id,email,note', ...people.map((one) => Object.values(one).map(cell).join(','))].join(
          '\n',
        );
        for (const [kind, text] of Object.entries({ jsonl, json, csv })) {
          const rows = await rowsIn(Buffer.from(text), { kind });
          const told = new Map(rows?.map(({ id, columns }) => [id, columns.note]));
          expect(
            people.map(({ id }) => told.get(id)),
            kind,
          ).toEqual(notes);
        }
      },
    ),
  );
});
