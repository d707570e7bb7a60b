import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Connector } from '../../src/legacy/connector.ts';
import { openConnector } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { Slapd } from '../servers/slapd.ts';
import { ADMIN, requiresSlapd, SUFFIX } from '../servers/slapd.ts';
import type { Certificate } from './certificates.ts';
import { certificateFor, requiresOpenssl } from './certificates.ts';
import { PASSWORD, PEOPLE_LDIF, reach, shop, shopServer } from './ldap-store.ts';

const needed = [requiresSlapd(), requiresOpenssl()];
const missing = needed.some(({ skip }) => skip);

const ANNA = { id: '1', columns: { dn: `uid=anna,ou=people,${SUFFIX}` } };

const opened: Connector[] = [];
function open(url: string, part: Record<string, unknown>, timeoutMs = 10_000): Connector {
  const ldap = { ...reach(url), ...shop, startTls: true, ...part };
  const connector = openConnector(legacySettings.parse({ store: 'shop', ldap, timeoutMs }));
  opened.push(connector);
  return connector;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((connector) => connector.close()));
});
const detailOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('it worked'),
    (error) => {
      expect(error.code).toBe('legacy_unavailable');
      return error.detail as string;
    },
  );

describe.skipIf(missing)(`TLS to ${needed.map(({ name }) => name).join(', ')}`, () => {
  let server: Slapd;
  let elsewhere: Slapd;
  let certificate: Certificate;
  let another: Certificate;
  beforeAll(async () => {
    certificate = certificateFor('IP:127.0.0.1');
    another = certificateFor('DNS:directory.example.com');
    server = await shopServer(PEOPLE_LDIF, { certificate, global: ['security simple_bind=128'] });
    elsewhere = await shopServer(PEOPLE_LDIF, { certificate: another });
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), elsewhere?.stop()]);
    certificate?.drop();
    another?.drop();
  });
  const urlOf = (kind: string, of: Slapd) => (kind === 'ldaps' ? of.tlsUrl : of.url);

  describe.each(['StartTLS', 'ldaps'])('%s', (kind) => {
    test('serves whoever trusts the authority, also after a restart', async () => {
      const connector = open(urlOf(kind, server), { tls: { ca: certificate.caPem } });
      const [anna] = await connector.findByLogin('anna');
      expect(anna?.id).toBe('1');
      expect(await connector.verifyPassword!(anna!, PASSWORD)).toBe(true);
      expect(await connector.verifyPassword!(anna!, 'wrong')).toBe(false);
      await server.restart();
      expect(await connector.findByLogin('anna')).toEqual([anna]);
      expect(await connector.page!('', 2)).toHaveLength(2);
    });

    test('refuses an authority that is not known', async () => {
      const connector = open(urlOf(kind, server), {});
      expect(await detailOf(connector.ping())).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET_ISSUER/);
      await detailOf(connector.verifyPassword!(ANNA, PASSWORD));
    });

    test('refuses another authority than the one that is named', async () => {
      const connector = open(urlOf(kind, server), { tls: { ca: another.caPem } });
      expect(await detailOf(connector.ping())).toMatch(/UNABLE_TO_VERIFY|CERT_SIGNATURE_FAILURE|SELF_SIGNED/);
    });

    test('refuses a certificate for another name, unless that is the name to expect', async () => {
      const tls = { ca: another.caPem };
      const connector = open(urlOf(kind, elsewhere), { tls });
      expect(await detailOf(connector.ping())).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
      const named = open(urlOf(kind, elsewhere), { tls: { ...tls, serverName: 'directory.example.com' } });
      expect(await named.findByLogin('anna')).toHaveLength(1);
    });
  });

  test('a server that wants TLS says so to whoever comes without', async () => {
    const connector = open(server.url, { startTls: false });
    expect(await detailOf(connector.ping())).toContain('confidentialityRequired: the server wants TLS (13)');
  });

  test('what is slipped in before TLS begins opens no door', async () => {
    const fake = await fakeServer(Buffer.concat([STARTED, BEGUN]), certificate);
    const connector = open(fake.url, { tls: { ca: certificate.caPem } });
    await detailOf(connector.verifyPassword!(ANNA, 'wrong'));
    await fake.close();
  });

  test('a server that cannot is told no secret', async () => {
    const plain = await shopServer(PEOPLE_LDIF);
    const said: Buffer[] = [];
    const ear = createServer((socket) => {
      const upstream = connect(plain.port, '127.0.0.1').on('error', () => undefined);
      socket.on('data', (data) => said.push(data)).on('error', () => undefined);
      socket.pipe(upstream).pipe(socket);
    });
    const url = await listening(ear);
    const connector = open(url, {});
    await detailOf(connector.ping());
    expect(Buffer.concat(said).toString('latin1')).toContain('1.3.6.1.4.1.1466.20037');
    expect(Buffer.concat(said).toString('latin1')).not.toContain(ADMIN.password);
    await connector.close();
    await new Promise((resolve) => ear.close(resolve));
    await plain.stop();
  });
});

/** Message 2, extended response, success. */
const STARTED = Buffer.from('300c02010278070a010004000400', 'hex');
/** Message 3, a bind response with success: all but its end. */
const BEGUN = Buffer.from('300c02010361070a0100', 'hex');
const END = Buffer.from('04000400', 'hex');

/** A server that answers StartTLS with these bytes, and does TLS after it where it has a certificate. */
async function fakeServer(answer: Buffer, certificate?: Certificate) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    socket.once('data', () => {
      socket.write(answer);
      if (!certificate) return;
      const [cert, key] = [certificate.cert, certificate.key].map((file) => readFileSync(file));
      const encrypted = new TLSSocket(socket, { isServer: true, cert: cert!, key: key! });
      encrypted.on('error', () => undefined).on('data', () => encrypted.write(END));
    });
  });
  const url = await listening(server);
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, close };
}

test('a server that promises TLS and then hangs is unavailable', async () => {
  const fake = await fakeServer(STARTED);
  const connector = open(fake.url, {}, 400);
  expect(await detailOf(connector.ping())).toContain('in time');
  await fake.close();
});

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `ldap://127.0.0.1:${(server.address() as { port: number }).port}`;
}
