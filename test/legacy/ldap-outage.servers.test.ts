import { connect, createServer, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Connector } from '../../src/legacy/connector.ts';
import { openConnector } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { Slapd } from '../servers/slapd.ts';
import { requiresSlapd, SUFFIX } from '../servers/slapd.ts';
import { freePort } from '../support/ports.ts';
import { PASSWORD, PEOPLE_LDIF, reach, record, shop, shopServer } from './ldap-store.ts';
import { Line } from './line.ts';

const slapd = requiresSlapd();
const WAYS: readonly ((connector: Connector) => Promise<unknown>)[] = [
  (connector) => connector.ping(),
  (connector) => connector.findByLogin('anna'),
  (connector) => connector.findById('1'),
  (connector) => connector.page!('', 2),
];
const UNAVAILABLE = { code: 'legacy_unavailable', retryAfterSeconds: 2 };

const opened: Connector[] = [];
function open(ldap: Record<string, unknown>, timeoutMs = 5_000): Connector {
  const connector = openConnector(legacySettings.parse({ store: 'shop', ldap, timeoutMs }));
  opened.push(connector);
  return connector;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((connector) => connector.close()));
});
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('it worked'),
    (error) => error,
  );

describe.skipIf(slapd.skip)(`${slapd.name} in trouble`, () => {
  let server: Slapd;
  beforeAll(async () => {
    const referral = record(`ou=elsewhere,${SUFFIX}`, {
      objectClass: ['referral', 'extensibleObject'],
      ou: 'elsewhere',
      ref: `ldap://127.0.0.1:9/ou=elsewhere,${SUFFIX}`,
    });
    server = await shopServer(PEOPLE_LDIF + referral);
  });
  afterAll(() => server?.stop());
  const anna = async (connector: Connector) => (await connector.findById('1'))[0]!;

  test('that was restarted between two calls is asked on a new connection', async () => {
    const connector = open({ ...reach(server.url), ...shop });
    const row = await anna(connector);
    await server.restart();
    expect(await connector.findByLogin('anna')).toEqual([row]);
    expect(await connector.verifyPassword!(row, PASSWORD)).toBe(true);
    await server.restart();
    expect(await connector.verifyPassword!(row, PASSWORD)).toBe(true);
    expect(await connector.related!('2')).toMatchObject({ roles: [{ name: 'author' }, { name: 'editor' }] });
  });

  test('that is down is unavailable, and no password is wrong', async () => {
    const connector = open({ ...reach(server.url), ...shop });
    const row = await anna(connector);
    await server.halt();
    try {
      expect(await failureOf(connector.findByLogin('anna'))).toMatchObject({
        ...UNAVAILABLE,
        detail: `ldap 127.0.0.1:${server.port} ECONNREFUSED`,
      });
      await expect(connector.verifyPassword!(row, PASSWORD)).rejects.toMatchObject(UNAVAILABLE);
      await expect(connector.verifyPassword!(row, 'wrong')).rejects.toMatchObject(UNAVAILABLE);
      expect(await connector.verifyPassword!(row, '')).toBe(false);
    } finally {
      await server.restart();
    }
    expect(await connector.verifyPassword!(row, PASSWORD)).toBe(true);
  });

  test('is reached at the first address that answers', async () => {
    const dead = `ldap://127.0.0.1:${await freePort()}`;
    const connector = open({ ...reach(server.url), ...shop, url: [dead, server.url] });
    expect(await connector.verifyPassword!(await anna(connector), PASSWORD)).toBe(true);
    const none = open({ ...reach(server.url), ...shop, url: [dead, dead] });
    const { detail } = await failureOf(none.ping());
    expect(detail.match(/ECONNREFUSED/g)).toHaveLength(2);
  });

  test('that refuses our own identity is unavailable, says so, and quotes no secret', async () => {
    const connector = open({ ...reach(server.url), ...shop, bindPassword: 'canary-secret' });
    const error = await failureOf(connector.findByLogin('anna'));
    expect(error).toMatchObject({
      ...UNAVAILABLE,
      detail: `ldap 127.0.0.1:${server.port} refuses ldap.bindDn: invalidCredentials (49)`,
    });
    expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('canary');
    // The person's own bind needs none of ours.
    const row = await anna(open({ ...reach(server.url), ...shop }));
    expect(await connector.verifyPassword!(row, PASSWORD)).toBe(true);
  });

  test('that has no such base is unavailable, not empty', async () => {
    const connector = open({ ...reach(server.url), ...shop, base: `ou=nowhere,${SUFFIX}` });
    for (const work of WAYS)
      expect(await failureOf(work(connector))).toMatchObject({ ...UNAVAILABLE, detail: /noSuchObject/ });
  });

  test('is not followed to another server', async () => {
    let calls = 0;
    const elsewhere = createServer((socket) => {
      calls++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const { port } = elsewhere.address() as { port: number };
    server.change(
      `dn: ou=elsewhere,${SUFFIX}\nchangetype: modify\nreplace: ref\nref: ldap://127.0.0.1:${port}/ou=elsewhere,${SUFFIX}\n`,
    );
    const inside = open({ ...reach(server.url), ...shop, base: `ou=elsewhere,${SUFFIX}` });
    expect(await failureOf(inside.findByLogin('anna'))).toMatchObject({ ...UNAVAILABLE, detail: /referral/ });
    // Met on the way, it is passed by.
    const above = open({ ...reach(server.url), ...shop, base: SUFFIX });
    expect(await above.findByLogin('anna')).toHaveLength(1);
    expect(await above.page!('', 10)).toHaveLength(3);
    expect(calls).toBe(0);
    await new Promise((resolve) => elsewhere.close(resolve));
  });

  describe('behind a line', () => {
    let line: Line;
    let url: string;
    beforeEach(async () => {
      line = new Line(() => connect(server.port, '127.0.0.1'));
      url = `ldap://127.0.0.1:${await line.listen()}`;
    });
    afterEach(() => line.close());

    test('that falls silent is unavailable, and back when it speaks again', async () => {
      const connector = open({ ...reach(url), ...shop }, 600);
      const row = await anna(connector);
      line.mode = 'silent';
      for (const work of WAYS)
        expect(await failureOf(work(connector))).toMatchObject({ ...UNAVAILABLE, detail: /in time/ });
      await expect(connector.verifyPassword!(row, PASSWORD)).rejects.toMatchObject(UNAVAILABLE);
      line.mode = 'open';
      await expect.poll(() => connector.findByLogin('anna').catch(() => [])).toEqual([row]);
      expect(await connector.verifyPassword!(row, PASSWORD)).toBe(true);
    });

    test('that is cut is unavailable at once, and leaks no socket', async () => {
      const connector = open({ ...reach(url), ...shop });
      const row = await anna(connector);
      line.cutAll();
      await expect(connector.findByLogin('anna')).rejects.toMatchObject(UNAVAILABLE);
      await expect(connector.verifyPassword!(row, PASSWORD)).rejects.toMatchObject(UNAVAILABLE);
      line.mode = 'open';
      expect(await connector.findByLogin('anna')).toEqual([row]);
      await connector.close();
      await expect.poll(() => line.connections, { timeout: 10_000 }).toBe(0);
    });

    test('has no more connections than the pool, for however many people', async () => {
      const connector = open({ ...reach(url), ...shop, poolSize: 2 });
      const row = await anna(connector);
      let most = 0;
      const look = async () => {
        expect(await connector.findByLogin('anna')).toEqual([row]);
        most = Math.max(most, line.connections);
      };
      await Promise.all(Array.from({ length: 40 }, look));
      expect(most).toBe(2);
      const binds = Array.from({ length: 20 }, () => connector.verifyPassword!(row, PASSWORD));
      expect(await Promise.all(binds)).toEqual(Array(20).fill(true));
      await connector.close();
      await expect.poll(() => line.connections, { timeout: 10_000 }).toBe(0);
    });
  });
});

test.each(['silent', 'cut'] as const)(
  'an address that is %s is unavailable within the deadline',
  async (mode) => {
    const line = new Line(() => new Socket());
    line.mode = mode;
    const connector = open({ ...reach(`ldap://127.0.0.1:${await line.listen()}`), ...shop }, 300);
    await expect(connector.ping()).rejects.toMatchObject(UNAVAILABLE);
    const row = { id: '1', columns: { dn: `uid=anna,ou=people,${SUFFIX}` } };
    await expect(connector.verifyPassword!(row, PASSWORD)).rejects.toMatchObject(UNAVAILABLE);
    await connector.close();
    await expect.poll(() => line.connections, { timeout: 10_000 }).toBe(0);
    await line.close();
  },
);
