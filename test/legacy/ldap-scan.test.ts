import { expect, test } from 'vitest';
import type { Connection } from '../../src/legacy/connectors/ldap/connection.ts';
import { scanOf } from '../../src/legacy/connectors/ldap/scan.ts';

/** A server that gives these pages; connections count themselves. */
function scanning(pages: readonly (readonly string[])[]) {
  let open = 0;
  const row = (id: string) => ({ id, columns: { dn: `uid=${id}` } });
  const scan = scanOf({
    pageSize: 10,
    open: async () => {
      let isOpen = true;
      open++;
      const close = () => {
        if (isOpen) open--;
        isOpen = false;
      };
      return {
        close,
        get isOpen() {
          return isOpen;
        },
      } as Connection;
    },
    readPage: async (_connection, { cookie }) => {
      const index = cookie.length === 0 ? 0 : Number(cookie);
      const next = index + 1 < pages.length ? Buffer.from(String(index + 1)) : Buffer.alloc(0);
      return { rows: pages[index]!.map(row), cookie: next };
    },
    readOne: async (dn) => row(dn.replace('uid=', '')),
  });
  const ids = async (after: string, limit: number) => (await scan.page(after, limit)).map(({ id }) => id);
  return { scan, ids, connections: () => open };
}

test('a page that the server leaves empty does not end the scan', async () => {
  const { ids, connections } = scanning([['a'], [], [], ['b'], []]);
  expect(await ids('', 10)).toEqual(['a', 'b']);
  expect(connections()).toBe(0);
});

test('an entry without an id is given, and never the one to go on after', async () => {
  const { ids } = scanning([['a', '', 'b', '']]);
  expect(await ids('', 4)).toEqual(['', '', 'a', 'b']);
  expect(await ids('a', 4)).toEqual(['', '', 'b']);
});

test('scans that nobody goes on with are given up, the oldest first, and all of them at the end', async () => {
  const { scan, ids, connections } = scanning(Array.from({ length: 20 }, (_, index) => [`n${index}`]));
  for (let length = 1; length <= 8; length++) {
    expect(await ids('', length)).toHaveLength(length);
    await expect.poll(connections).toBe(Math.min(length, 4));
  }
  expect(await ids('n0', 1)).toEqual(['n1']);
  scan.close();
  await expect.poll(connections).toBe(0);
});
