/** What may be wrong with an export: each has to be seen, and none may keep anybody else out. */
import {
  appendFileSync,
  chmodSync,
  createWriteStream,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Connector, LegacyRow } from '../../src/legacy/connector.ts';
import { openConnector, openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

let folder: string;
let path: string;
let connectors: Connector[];
let warnings: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-export-test-'));
  path = join(folder, 'users');
  connectors = [];
  warnings = [];
  vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(String(warning)));
});
afterEach(async () => {
  await Promise.all(connectors.map((connector) => connector.close()));
  rmSync(folder, { recursive: true, force: true });
  vi.restoreAllMocks();
});

const write = (bytes: string | Uint8Array, to = path) => writeFileSync(to, bytes, { mode: 0o600 });
const settingsOf = (settings: object) =>
  legacySettings.parse({
    store: 'shop',
    exportFile: { kind: 'jsonl', files: [path], login: ['email'], reloadSeconds: 0, ...settings },
    mapping: { email: 'email' },
    timeoutMs: 30_000,
  });
function open(settings: object = {}): Connector {
  const connector = openConnector(settingsOf(settings));
  connectors.push(connector);
  return connector;
}

const person = (id: number | string, more: object = {}) => ({ id, email: `p${id}@example.com`, ...more });
const lines = (...records: unknown[]) => records.map((one) => `${JSON.stringify(one)}\n`).join('');
const logins = async (connector: Connector, ...ids: (number | string)[]) => {
  const found = await Promise.all(ids.map((id) => connector.findByLogin(`p${id}@example.com`)));
  return found.map(([row]) => row?.id);
};
/** All rows of all pages. */
async function all(connector: Connector): Promise<readonly LegacyRow[]> {
  const rows: LegacyRow[] = [];
  for (;;) {
    const page = await connector.page!(rows.at(-1)?.id ?? '', 2);
    rows.push(...page);
    if (page.length < 2) return rows;
  }
}
const unusable = async (connector: Connector) =>
  (await all(connector)).map(({ id }) => id).filter((id) => id.includes(' '));

describe('one bad record', () => {
  test.each([
    ['JSON that is none', '{"id":2,"email":', 'users:2: not JSON'],
    ['no object', '[1,2]', 'users:2: no JSON object'],
    ['no id', '{"email":"p2@example.com"}', 'users:2: nothing at id'],
    ['an empty id', '{"id":"","email":"p2@example.com"}', 'users:2: nothing at id'],
    [
      'a letter of another encoding',
      Buffer.from('{"id":2,"email":"m\xfcller@example.com"}', 'latin1'),
      'users:2: not in the encoding expected',
    ],
    [
      'too many bytes',
      JSON.stringify(person(2, { bio: 'x'.repeat(2_000) })),
      'users:2: longer than 1024 bytes',
    ],
  ])('in JSON Lines (%s) is named, and the others are served', async (_what, bad, report) => {
    write(
      Buffer.concat([
        Buffer.from(lines(person(1))),
        Buffer.from(bad),
        Buffer.from(`\n\n${lines(person(3))}`),
      ]),
    );
    const connector = open({ maxRecordBytes: 1_024 });
    expect(await logins(connector, 1, 2, 3)).toEqual(['1', undefined, '3']);
    expect(await unusable(connector)).toEqual([report]);
    expect(warnings).toEqual([
      expect.stringContaining(`1 records cannot be used, the first (${report.split(': ')[0]})`),
    ]);
  });

  test.each([
    ['JSON that is none', '{"id":2,"email":}', 'not JSON'],
    ['no object', '"text, [with] {brackets}"', 'no JSON object'],
    ['no id', '{"email":"p2@example.com"}', 'nothing at id'],
    ['too many bytes', JSON.stringify(person(2, { bio: ['}x"]'.repeat(2_000)] })), 'longer than 1024 bytes'],
  ])('in a JSON document (%s) is named, and the others are served', async (_what, bad, report) => {
    const before = '{"other": {"users": [{"id": 9}]}, "a\\"b": [[{"users": [8]}]], "users": null,\n';
    write(
      `${before}"users": [${JSON.stringify(person(1))},\n${bad}\n,${JSON.stringify(person(3))}], "last": 1}`,
    );
    const connector = open({ kind: 'json', path: 'users', maxRecordBytes: 1_024 });
    expect(await logins(connector, 1, 2, 3, 8, 9)).toEqual(['1', undefined, '3', undefined, undefined]);
    expect(await unusable(connector)).toEqual([`users:3: ${report}`]);
  });

  test.each([
    ['too few columns', '2', '1 columns instead of 3'],
    ['too many columns', '2,p2@example.com,x,y', 'more columns than the 3 that have names'],
    ['a quote that is not closed', '2,p2@example.com,"x', 'a quote is not closed'],
    ['too many bytes', `2,p2@example.com,${'x'.repeat(2_000)}`, 'longer than 1024 bytes'],
    [
      'a letter of another encoding',
      Buffer.from('2,m\xfcller@example.com,x', 'latin1'),
      'not in the encoding expected',
    ],
  ])('in CSV (%s) is named, and the others are served', async (_what, bad, report) => {
    const head = 'id,email,name\r\n1,p1@example.com,"Anna ""A"", of\r\ntwo lines"\r\n\r\n';
    const tail = '\r\n3,p3@example.com,5" disk\r\n4,p4@example.com,';
    write(Buffer.concat([Buffer.from(head), Buffer.from(bad), Buffer.from(tail)]));
    const connector = open({ kind: 'csv', maxRecordBytes: 1_024 });
    expect(await logins(connector, 1, 2, 3, 4)).toEqual(['1', undefined, '3', '4']);
    const names = (await all(connector)).flatMap(({ columns }) => columns.name ?? []);
    expect(names.sort()).toEqual(['', '5" disk', 'Anna "A", of\r\ntwo lines']);
    expect(await unusable(connector)).toEqual([`users:5: ${report}`]);
  });

  test('is found by whoever goes through all users, under its place', async () => {
    write(`${lines(person(1))}{"id":\n${lines(person(3))}`);
    const directory = openDirectory(settingsOf({}));
    const errors: unknown[] = [];
    const subs: string[] = [];
    for await (const { sub, error } of directory.entries!()) {
      subs.push(sub);
      if (error) errors.push([sub, error.code]);
    }
    expect(subs).toHaveLength(3);
    expect(errors).toEqual([['shop:users:2: not JSON', 'mapping_failed']]);
    await directory.close();
  });

  test('is one of so many that they are only counted in the end', async () => {
    write(`${'x\n'.repeat(1_500)}${lines(person(1))}`);
    const found = await unusable(open());
    expect(found).toHaveLength(1_001);
    expect(found.at(-1)).toBe('users:1 and 1499 more records');
  });

  test.each([
    [
      'jsonl',
      ['{"id":1,"email":"p1@example.com"}\n{"id":2,"x":"', '"}\n{"id":3,"email":"p3@example.com"}\n'],
    ],
    ['csv', ['id,email\n1,p1@example.com\n2,"', '"\n3,p3@example.com\n']],
    ['json', ['[{"id":1,"email":"p1@example.com"},{"id":2,"x":"', '"},{"id":3,"email":"p3@example.com"}]']],
  ])('of 100 MB (%s) is left out like any other', async (kind, [before, after]) => {
    const mebibyte = 'x'.repeat(1_024 ** 2);
    const text = [before, ...Array.from({ length: 100 }, () => mebibyte), after];
    await pipeline(Readable.from(text), createWriteStream(path, { mode: 0o600 }));
    const connector = open({ kind });
    expect(await logins(connector, 1, 3)).toEqual(['1', '3']);
    expect(await unusable(connector)).toEqual([
      expect.stringMatching(/^users:\d: longer than 1048576 bytes$/),
    ]);
  });
});

describe('two records', () => {
  test('with one id are nobody: two people must not be one subject', async () => {
    write(lines(person(1), person(2), person(1, { email: 'other@example.com' })));
    const connector = open();
    for (const login of ['p1@example.com', 'other@example.com'])
      await expect(connector.findByLogin(login)).rejects.toMatchObject({ code: 'user_ambiguous' });
    expect(await connector.findById('1')).toHaveLength(2);
    expect(await unusable(connector)).toEqual(['users:3: has the id of users:1']);
    expect(await logins(connector, 2)).toEqual(['2']);
  });

  test('with one login are both given, for the caller to refuse', async () => {
    write(lines(person(1, { email: 'Same@example.com' }), person(2, { email: 'same@Example.com ' })));
    expect(await open().findByLogin('SAME@example.com')).toHaveLength(2);
  });

  test('with ids that only differ beyond what a double holds are two', async () => {
    write(
      '{"id":12345678901234567890,"email":"p1@example.com"}\n{"id":12345678901234567891,"email":"p2@example.com"}\n',
    );
    expect(await logins(open(), 1, 2)).toEqual(['12345678901234567890', '12345678901234567891']);
  });
});

test('pages of any size give everybody once, also those who share a place in the order', async () => {
  const ids = ['u58659', 'u67268', ...Array.from({ length: 20 }, (_, id) => `p${id}`)];
  write(lines(...ids.map((id) => person(id))));
  const connector = open();
  for (const limit of [1, 2, 3, 7, 22, 23, 50]) {
    const seen: string[] = [];
    for (let page = await connector.page!('', limit); page.length > 0; ) {
      seen.push(...page.map(({ id }) => id));
      page = await connector.page!(seen.at(-1)!, limit);
    }
    expect([...seen].sort(), `pages of ${limit}`).toEqual([...ids].sort());
  }
  expect(await connector.count!()).toBe(ids.length);
  // Who was deleted meanwhile still marks the place.
  const [first, second] = (await connector.page!('', 2)).map(({ id }) => id);
  write(lines(...ids.filter((id) => id !== first).map((id) => person(id))));
  await vi.waitFor(async () =>
    expect((await connector.page!(first!, 1)).map(({ id }) => id)).toEqual([second]),
  );
});

describe('logins', () => {
  const record = {
    id: 1,
    email: 'Änna@Example.com',
    name: 'Änna',
    inner: { logins: [{ value: 'x1' }, { value: 'x2' }] },
  };
  test.each([
    ['email', { 'änna@example.com': 1, Änna: 1, änna: 0 }],
    ['all', { 'änna@example.com': 1, Änna: 1, änna: 1 }],
    ['none', { 'Änna@Example.com': 1, 'änna@example.com': 0, änna: 0 }],
  ])('are compared as ignoreCase: %s says', async (ignoreCase, expected) => {
    write(lines(record));
    const connector = open({ login: ['email', 'name', 'inner.logins.value'], ignoreCase });
    for (const [login, count] of Object.entries({ ...expected, x1: 1, ' x2': 1, x3: 0 }))
      expect(await connector.findByLogin(login), login).toHaveLength(count);
  });
});

describe('an encoding', () => {
  const text = 'id;email;name\r\n1;p1@example.com;Jürgen\r\n';
  const utf16be = Buffer.from(`\uFEFF${text}`, 'utf16le').swap16();
  test.each([
    ['UTF-8 with a byte order mark', Buffer.from(`\uFEFF${text}`), undefined],
    ['UTF-16LE with a byte order mark', Buffer.from(`\uFEFF${text}`, 'utf16le'), undefined],
    ['UTF-16BE with a byte order mark', utf16be, undefined],
    ['UTF-16LE', Buffer.from(text, 'utf16le'), 'utf-16le'],
    ['Latin-1', Buffer.from(text, 'latin1'), 'latin1'],
    ['UTF-16LE, packed', gzipSync(Buffer.from(`\uFEFF${text}`, 'utf16le')), undefined],
  ])('%s is read', async (_name, bytes, encoding) => {
    write(bytes);
    const connector = open({ kind: 'csv', delimiter: ';', ...(encoding ? { encoding } : {}) });
    const [row] = await connector.findByLogin('p1@example.com');
    expect({ ...row?.columns }).toEqual({ id: '1', email: 'p1@example.com', name: 'Jürgen' });
  });

  test('that is another one than the settings say is no silent loss', async () => {
    write(Buffer.from(text, 'utf16le'));
    const error = await open({ kind: 'csv', delimiter: ';' })
      .ping()
      .catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'legacy_unavailable',
      detail: expect.stringContaining('not in the encoding expected'),
    });
  });
});

describe('a file that is cut off', () => {
  const document = (...records: unknown[]) => JSON.stringify({ users: records }, null, 1);
  test.each([
    ['jsonl', lines(person(1), person(2)).slice(0, -5), 'users:2: not JSON'],
    ['json', document(person(1), person(2)).slice(0, -20), 'users:9: the document ends too early'],
    ['csv', 'id,email\n1,p1@example.com\n2', 'users:3: 1 columns instead of 2'],
    [
      'jsonl',
      gzipSync(
        lines(person(1), ...Array.from({ length: 5_000 }, (_, n) => person(n + 2, { x: Math.sin(n) }))),
      ).subarray(0, -30_000),
      'the packed file is damaged',
    ],
  ])('(%s) gives what is whole, and is reported', async (kind, bytes, report) => {
    write(bytes);
    const connector = open({ kind, ...(kind === 'json' ? { path: 'users' } : {}) });
    expect(await logins(connector, 1)).toEqual(['1']);
    expect((await unusable(connector))[0]).toContain(report);
  });

  test('is not taken in place of a whole one that can still be read', async () => {
    write(lines(person(1), person(2)));
    const connector = open();
    expect(await logins(connector, 2)).toEqual(['2']);
    const half = join(folder, 'half');
    write(lines(person(1), person(2), person(3)).slice(0, -9), half);
    renameSync(half, path);
    await vi.waitFor(async () => {
      expect(await logins(connector, 1, 2)).toEqual(['1', '2']);
      expect(warnings).toEqual([
        expect.stringContaining('the new export is not taken: it ends in the middle'),
      ]);
    });
    write(lines(person(1), person(3)), half);
    renameSync(half, path);
    await vi.waitFor(async () => expect(await logins(connector, 1, 2, 3)).toEqual(['1', undefined, '3']));
  });
});

describe('a file that changes', () => {
  test('is indexed again, and the new index takes its place as a whole', async () => {
    write(lines(person(1), person(2)));
    const connector = open();
    expect(await logins(connector, 1, 2, 3)).toEqual(['1', '2', undefined]);
    const next = join(folder, 'next');
    write(lines(person(2, { name: 'new' }), person(3)), next);
    renameSync(next, path);
    await vi.waitFor(async () => expect(await logins(connector, 1, 2, 3)).toEqual([undefined, '2', '3']));
    expect((await connector.findById('2'))[0]?.columns.name).toBe('new');
  });

  test('in its place is an outage until it has been indexed again', async () => {
    write(lines(person(1), person(2)));
    const connector = open();
    expect(await logins(connector, 2)).toEqual(['2']);
    appendFileSync(path, lines(person(3)));
    const answers = new Set<unknown>();
    await vi.waitFor(async () => {
      const [row] = await connector.findByLogin('p3@example.com').catch((error) => [{ id: error.code }]);
      answers.add(row?.id);
      expect(row?.id).toBe('3');
    });
    expect(
      [...answers].every((one) => one === undefined || one === 'legacy_unavailable' || one === '3'),
    ).toBe(true);
  });

  test('and shrinks gives nobody somebody else’s record', async () => {
    write(lines(person(1), person(2)));
    const connector = open();
    expect(await logins(connector, 2)).toEqual(['2']);
    truncateSync(path, 30);
    await expect(connector.findByLogin('p2@example.com')).rejects.toMatchObject({
      code: 'legacy_unavailable',
    });
    write(lines(person(7)));
    await vi.waitFor(async () => expect(await logins(connector, 7)).toEqual(['7']));
  });

  test('and is gone is an outage until it is back', async () => {
    write(lines(person(1)));
    const connector = open();
    expect(await logins(connector, 1)).toEqual(['1']);
    const away = join(folder, 'away');
    renameSync(path, away);
    const outage = { code: 'legacy_unavailable', detail: expect.stringContaining('there is no file') };
    await expect(connector.findByLogin('p1@example.com')).rejects.toMatchObject(outage);
    await expect(connector.ping()).rejects.toMatchObject(outage);
    renameSync(away, path);
    expect(await logins(connector, 1)).toEqual(['1']);
  });
});

describe('secrets at rest', () => {
  test('of a packed file lie in no file that has a name', async () => {
    const before = readdirSync(tmpdir())
      .filter((name) => name.startsWith('footbridge-export-'))
      .sort();
    write(gzipSync(lines(person(1))));
    const connector = open();
    expect(await logins(connector, 1)).toEqual(['1']);
    const unpacked = readdirSync('/proc/self/fd').length;
    const after = readdirSync(tmpdir())
      .filter((name) => name.startsWith('footbridge-export-'))
      .sort();
    expect(after.filter((name) => !name.startsWith('footbridge-export-test-'))).toEqual(
      before.filter((name) => !name.startsWith('footbridge-export-test-')),
    );
    expect(unpacked).toBeGreaterThan(0);
  });

  test('in a file that others may read are worth a warning', async () => {
    write(lines(person(1)));
    await open().ping();
    expect(warnings).toEqual([]);
    chmodSync(path, 0o644);
    await open().ping();
    expect(warnings).toEqual(['exportFile: users can be read by others than its owner']);
  });

  test('never stand in an error', async () => {
    write('{"id":1,"email":"p1@example.com","hash":"a-secret-hash\n');
    const error = await open()
      .findByLogin('a-secret-login')
      .catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'legacy_unavailable',
      detail: 'none of 1 records can be read, the first (users:1): not JSON',
    });
    expect(JSON.stringify([error.message, error.detail, error.stack, String(error.cause)])).not.toContain(
      'a-secret',
    );
  });
});

test('an empty export is an outage, not a store without people', async () => {
  write('');
  await expect(open().ping()).rejects.toMatchObject({ detail: 'the files hold no record' });
  write('{"users": []}');
  await expect(open({ kind: 'json', path: 'persons' }).ping()).rejects.toMatchObject({
    detail: 'the files hold no record at persons',
  });
});
