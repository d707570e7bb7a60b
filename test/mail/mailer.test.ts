/** Mail over real SMTP: what arrives, and what is known when nothing does. */

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { mailSettings } from '../../src/mail/mail-settings.ts';
import type { Mailer, Message } from '../../src/mail/mailer.ts';
import { openMailer } from '../../src/mail/mailer.ts';
import { fakeClock } from './fake-clock.ts';
import type { MailStage } from './smtp-stage.ts';
import { CERTIFICATE, LOGIN, openMailStage, refusal, SECURED } from './smtp-stage.ts';

const FROM = 'Müller & Söhne <accounts@shop.example>';
const settingsFor = (smtp: object, more: object = {}) => mailSettings.parse({ smtp, from: FROM, ...more });
const plain = (port: number) => ({ url: `smtp://127.0.0.1:${port}` });

function message(more: Partial<Message> = {}): Message {
  return {
    to: { name: 'Anna Tester', address: 'anna@example.com' },
    locale: 'de',
    subject: 'Bitte wählen Sie ein Passwort',
    text: 'Grüße\n.\nEnde\n',
    html: '<!doctype html><p>Grüße</p>',
    ...more,
  };
}

describe('a mail', () => {
  let stage: MailStage;
  let mailer: Mailer;
  beforeAll(async () => {
    stage = await openMailStage();
  });
  beforeEach(() => {
    stage.mails.length = 0;
    stage.refusals.clear();
    stage.onMail = undefined;
    mailer = openMailer(settingsFor(plain(stage.port), { replyTo: 'help@shop.example', perMinute: 6_000 }));
  });
  afterEach(() => mailer.close());
  afterAll(() => stage.stop());

  test('arrives with both parts and the headers that say what it is', async () => {
    expect(await mailer.send(message())).toEqual({ kind: 'sent' });
    const mail = await stage.parsed('anna@example.com');
    expect(mail).toMatchObject({
      from: { name: 'Müller & Söhne', address: 'accounts@shop.example' },
      to: [{ name: 'Anna Tester', address: 'anna@example.com' }],
      replyTo: [{ address: 'help@shop.example' }],
      subject: 'Bitte wählen Sie ein Passwort',
    });
    expect(mail.text?.replaceAll('\r', '').trim()).toBe('Grüße\n.\nEnde');
    expect(mail.html).toContain('<p>Grüße</p>');
    const header = (key: string) => mail.headers.find((one) => one.key === key)?.value;
    expect(header('auto-submitted')).toBe('auto-generated');
    expect(header('content-language')).toBe('de');
    expect(stage.mails[0]).toMatchObject({ from: 'accounts@shop.example', to: ['anna@example.com'] });
  });

  test.each(['\r\n', '\n', '\r', '\u2028', '\0'])(
    'gets no header and no recipient from a name or subject with %j in it',
    async (newline) => {
      const evil = `Eve${newline}Bcc: victim@example.com${newline}${newline}<p>hello</p>`;
      const to = { name: evil, address: 'eve@example.com' };
      expect(await mailer.send(message({ to, subject: evil }))).toEqual({ kind: 'sent' });
      const [mail] = stage.mails;
      expect(mail?.to).toEqual(['eve@example.com']);
      const heads = mail!.raw.slice(0, mail!.raw.indexOf('\r\n\r\n'));
      expect(heads).not.toMatch(/^bcc:/im);
      expect((await stage.parsed('eve@example.com')).bcc).toBeUndefined();
    },
  );

  test.each([
    'a@b.example, c@d.example',
    'a@b.example\r\nRCPT TO:<c@d.example>',
    '<a@b.example>',
    'a b@c.example',
    '@hop.example:a@b.example',
    'nobody',
    '',
    `${'a'.repeat(250)}@b.example`,
  ])('is not sent to %j, which is no address', async (address) => {
    expect(await mailer.send(message({ to: { address } }))).toEqual({
      kind: 'refused',
      code: 'address_invalid',
    });
    expect(stage.mails).toEqual([]);
  });

  test.each([
    ['550 5.1.1 <anna@example.com> has gone', 'refused', '550 5.1.1'],
    ['551 moved', 'refused', '551'],
    ['450 4.2.0 greylisted', 'later', '450 4.2.0'],
    ['452 4.2.2 mailbox full', 'later', '452 4.2.2'],
  ] as const)('to whom the server answers %j is %s, and to the next one goes', async (answer, kind, code) => {
    stage.refusals.set('anna@example.com', answer);
    expect(await mailer.send(message())).toEqual({ kind, code });
    expect(await mailer.send(message({ to: { address: 'ben@example.com' } }))).toEqual({ kind: 'sent' });
    expect(stage.mails.map(({ to }) => to)).toEqual([['ben@example.com']]);
  });

  test.each([
    ['554 5.7.1 looks like spam', { kind: 'refused', code: '554 5.7.1' }],
    ['451 4.3.0 come again', { kind: 'later', code: '451 4.3.0' }],
  ])('that is there and answered with %j was not taken', async (answer, outcome) => {
    stage.onMail = () => {
      throw refusal(answer);
    };
    expect(await mailer.send(message())).toEqual(outcome);
  });

  test('whose sender the server does not take is nobody’s fault but ours', async () => {
    const strict = await openMailStage({
      onMailFrom: (_from, _session, callback) => callback(refusal('553 5.7.1 not yours')),
    });
    const other = openMailer(settingsFor(plain(strict.port)));
    expect(await other.send(message())).toEqual({ kind: 'unavailable', code: '553 5.7.1' });
    await strict.stop();
  });

  test('finds nobody while the server is down, and goes again when it is back', async () => {
    await stage.stop();
    expect(await mailer.send(message())).toEqual({ kind: 'unavailable', code: 'ECONNREFUSED' });
    expect(await mailer.check()).toEqual({ kind: 'unavailable', code: 'ECONNREFUSED' });
    await stage.start();
    expect(await mailer.check()).toEqual({ kind: 'sent' });
    expect(await mailer.send(message())).toEqual({ kind: 'sent' });
  });

  test('whose answer is lost may have arrived, and is said to be unsure', async () => {
    const cut = await cuttingServer((line, socket) => {
      if (line === '.') socket.destroy();
    });
    const other = openMailer(settingsFor(plain(cut.port)));
    expect(await other.send(message())).toMatchObject({ kind: 'unsure' });
    cut.close();
  });

  test.each(['EHLO', 'MAIL', 'RCPT', 'DATA'])(
    'of which the line is cut at %s has surely not arrived',
    async (verb) => {
      const cut = await cuttingServer((line, socket) => {
        if (line.startsWith(verb)) socket.destroy();
      });
      const other = openMailer(settingsFor(plain(cut.port)));
      expect(await other.send(message())).toMatchObject({ kind: 'unavailable' });
      cut.close();
    },
  );

  test('is given up in time by a server that dribbles without end', async () => {
    const slow = createServer((socket) => {
      const timer = setInterval(() => socket.write('220-still here\r\n'), 50);
      socket.on('close', () => clearInterval(timer)).on('error', () => undefined);
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;
    const other = openMailer(settingsFor({ ...plain(port), timeoutMs: 1_000 }));
    expect(await other.send(message())).toEqual({ kind: 'unavailable', code: 'ETIMEDOUT' });
    slow.close();
  });

  test('waits for its turn: so many a minute', async () => {
    const clock = fakeClock();
    const paced = openMailer(settingsFor(plain(stage.port), { perMinute: 30 }), clock);
    await Promise.all(
      ['a', 'b', 'c'].map((name) => paced.send(message({ to: { address: `${name}@example.com` } }))),
    );
    expect(clock.waits.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(4_000);
    expect(stage.mails).toHaveLength(3);
  });
});

describe('a server with TLS and a login', () => {
  const url = (scheme: string, port: number, password = LOGIN.password) =>
    `${scheme}://${LOGIN.user}:${encodeURIComponent(password)}@localhost:${port}`;

  test('gets the mail encrypted: from the start, and by STARTTLS', async () => {
    tls.setDefaultCACertificates([CERTIFICATE]);
    for (const secure of [true, false]) {
      const stage = await openMailStage({ ...SECURED, secure });
      const mailer = openMailer(
        settingsFor({ url: url(secure ? 'smtps' : 'smtp', stage.port), requireTls: true }),
      );
      expect(await mailer.send(message())).toEqual({ kind: 'sent' });
      expect(stage.mails[0]).toMatchObject({ secure: true, user: LOGIN.user });
      await mailer.close();
      await stage.stop();
    }
    tls.setDefaultCACertificates(tls.getCACertificates('bundled'));
  });

  test('whose certificate nobody vouches for gets neither mail nor password', async () => {
    const seen: unknown[] = [];
    const stage = await openMailStage({
      ...SECURED,
      secure: true,
      onAuth: (auth, _session, callback) => {
        seen.push(auth);
        callback(null, { user: 'x' });
      },
    });
    const mailer = openMailer(settingsFor({ url: url('smtps', stage.port) }));
    expect(await mailer.send(message())).toMatchObject({ kind: 'unavailable' });
    expect([seen, stage.mails]).toEqual([[], []]);
    await stage.stop();
  });

  test('that offers no TLS gets nothing where TLS is wanted', async () => {
    const stage = await openMailStage();
    const mailer = openMailer(settingsFor({ ...plain(stage.port), requireTls: true }));
    expect(await mailer.send(message())).toMatchObject({ kind: 'unavailable' });
    expect(stage.mails).toEqual([]);
    await stage.stop();
  });

  test('that does not let us in is unavailable, and no secret shows in what we say', async () => {
    tls.setDefaultCACertificates([CERTIFICATE]);
    const stage = await openMailStage({ ...SECURED, secure: true });
    const settings = settingsFor({ url: url('smtps', stage.port, 'wrong-canary') });
    const mailer = openMailer(settings);
    const outcomes = [await mailer.send(message()), await mailer.check()];
    expect(outcomes).toEqual([
      { kind: 'unavailable', code: '535 5.7.8' },
      { kind: 'unavailable', code: '535 5.7.8' },
    ]);
    expect(inspect({ outcomes, mailer, settings }, { depth: 9 })).not.toContain('canary');
    await stage.stop();
    tls.setDefaultCACertificates(tls.getCACertificates('bundled'));
  });
});

/** Speaks just enough SMTP to be cut off anywhere. */
async function cuttingServer(onLine: (line: string, socket: import('node:net').Socket) => void) {
  const server = createServer((socket) => {
    let isData = false;
    let rest = '';
    socket.on('error', () => undefined);
    socket.write('220 here\r\n');
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        onLine(line, socket);
        if (socket.destroyed) return;
        if (isData) continue;
        isData = line === 'DATA';
        socket.write(isData ? '354 go on\r\n' : '250 fine\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
