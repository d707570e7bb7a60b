/** Clients that send slowly, never finish, never read, come in crowds, send too much, or send what is no HTTP. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { BODY_BYTES } from '../../../src/settings.ts';
import { basic, CALLBACK } from '../../provider/harness.ts';
import { Browser } from '../../support/browser.ts';
import { tellFault } from '../../support/fault-row.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Caller } from './caller.ts';
import { call, trickle } from './caller.ts';
import { openClosing } from './closing.ts';
import { LIMIT_MS, LONG, randomOf, SEED } from './form.ts';
import type { Place } from './place.ts';
import { authorizationUrl, logIn, openPlace } from './place.ts';
import { crowd, seconds, Tally } from './tally.ts';

vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS });

/** Three times the bar's ten seconds: no clock runs true on a busy machine. */
const CLOSED_MS = 30_000;

const closing = openClosing();
let place: Place;
let stylesheet: string;
beforeAll(async () => {
  const database = closing.keep(await testDatabase(), ({ drop }) => drop());
  place = closing.keep(await openPlace({ databaseUrl: database.url }), ({ close }) => close());
  const { body } = await new Browser().follow(authorizationUrl(place), CALLBACK);
  stylesheet = /\/assets\/style\.[^"]+/.exec(body)![0];
});
afterAll(closing.close);

const host = () => `Host: 127.0.0.1:${place.port}\r\n`;
const post = () => `POST /token HTTP/1.1\r\n${host()}Content-Type: application/x-www-form-urlencoded\r\n`;

/** Says `text` and then `rest` a byte a second. */
function begin(text: string, rest = ''): Caller {
  const caller = call(place.port);
  caller.socket.write(text);
  trickle(caller.socket, rest);
  return caller;
}

const SLOW: readonly (readonly [string, () => Caller])[] = [
  ['say nothing', () => call(place.port)],
  [
    'send a byte of their headers a second',
    () => begin(`GET /jwks HTTP/1.1\r\n${host()}X-Padding: `, 'x'.repeat(500)),
  ],
  ['never finish their body', () => begin(`${post()}Content-Length: 1000\r\n\r\ngrant_type=`)],
  [
    'send a byte of their body a second',
    () => begin(`${post()}Content-Length: 1000\r\n\r\n`, 'x'.repeat(1_000)),
  ],
  ['never end their chunks', () => begin(`${post()}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)],
  [
    'ask on and on and never read',
    () => {
      const caller = call(place.port, { reads: false });
      caller.socket.write(`GET ${stylesheet} HTTP/1.1\r\n${host()}\r\n`.repeat(2_000));
      // Who reads nothing learns of the end only by writing.
      trickle(caller.socket, `GET ${stylesheet} HTTP/1.1\r\n${host()}\r\n`.repeat(10));
      return caller;
    },
  ],
];

test('clients that are slow on purpose are closed within seconds, and others log in meanwhile', async () => {
  const each = LONG ? 20 : 5;
  const tally = new Tally();
  const town = crowd(2, (at) => tally.ask('a login', () => logIn(place, new Browser(), at)));
  const slow = SLOW.map(([what, open]) => ({ what, callers: Array.from({ length: each }, open) }));
  const ends = await Promise.all(
    slow.map(async ({ what, callers }) => {
      const all = await Promise.all(callers.map(({ ended }) => ended));
      return { what, slowestMs: Math.max(...all.map(({ ms }) => ms)), said: all.map(({ said }) => said) };
    }),
  );
  await town.stop();
  for (const { what, slowestMs, said } of ends) {
    expect(slowestMs, what).toBeLessThan(CLOSED_MS);
    for (const text of said) expect(text, what).not.toMatch(/^HTTP\/1\.1 5/);
  }
  expect(tally.byStatus).toEqual(new Map([['303', tally.total]]));
  // A sender that gives up is no failure of ours, neither in the log nor in the figures.
  const metrics = (await new Browser().visit(`${place.inside}/metrics`)).body;
  expect(metrics).not.toMatch(/footbridge_request_seconds_count\{[^}]*status="5/);
  expect(place.node.output()).not.toContain('a request failed');
  tellFault({
    id: 'R27',
    fault: 'clients that send or read as slowly as they can',
    load: `${each} each that ${SLOW.map(([what]) => what).join(', ')}; logins meanwhile: ${tally}`,
    lost: 0,
    doubled: 0,
    unexplained5xx: tally.unexplained.length,
    recovery: `all closed after ${seconds(Math.max(...ends.map(({ slowestMs }) => slowestMs)))}`,
  });
});

test.runIf(LONG)(
  'of ten thousand connections and some more, the last are closed at once, and all that say nothing soon',
  async () => {
    const open: Caller[] = [];
    // In turns, so that the queue of the listener is never the limit.
    for (let turn = 0; turn < 104; turn++) {
      const some = Array.from({ length: 100 }, () => call(place.port));
      await Promise.all(
        some.map(({ socket }) => Promise.race([once(socket, 'connect'), once(socket, 'close')])),
      );
      open.push(...some);
    }
    await expect.poll(() => open.at(-1)?.socket.closed, { timeout: CLOSED_MS }).toBe(true);
    await Promise.all(open.map(({ ended }) => ended));
    const tally = new Tally();
    await tally.ask('a login', () => logIn(place, new Browser()));
    expect(tally.byStatus).toEqual(new Map([['303', 1]]));
    tellFault({
      id: 'R27',
      fault: 'more connections than may be open',
      load: `${open.length} connections at once that say nothing`,
      lost: 0,
      doubled: 0,
      unexplained5xx: 0,
      recovery: 'logins as soon as they are closed',
    });
  },
);

const TOO_MUCH = (): readonly (readonly [string, string, RegExp])[] => [
  ['headers of 64 KiB', `GET /jwks HTTP/1.1\r\n${host()}X: ${'x'.repeat(65_536)}\r\n\r\n`, /^HTTP\/1\.1 431/],
  [
    'an address of 64 KiB',
    `GET /auth?state=${'x'.repeat(65_536)} HTTP/1.1\r\n${host()}\r\n`,
    /^HTTP\/1\.1 4/,
  ],
  ['an address of 8 KiB', `GET /auth?state=${'x'.repeat(8_192)} HTTP/1.1\r\n${host()}\r\n`, /^HTTP\/1\.1 4/],
  [
    'thousands of headers',
    `GET /jwks HTTP/1.1\r\n${host()}${'A: b\r\n'.repeat(5_000)}\r\n`,
    /^HTTP\/1\.1 431/,
  ],
  ['an announced body too large', `${post()}Content-Length: ${BODY_BYTES + 1}\r\n\r\n`, /^HTTP\/1\.1 413/],
  [
    'chunks without end',
    `${post()}Transfer-Encoding: chunked\r\n\r\n${`1000\r\n${'x'.repeat(0x1000)}\r\n`.repeat(17)}`,
    /^HTTP\/1\.1 413/,
  ],
  ['two lengths', `${post()}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, /^HTTP\/1\.1 400/],
  [
    'a length and chunks',
    `${post()}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1\.1 400/,
  ],
  ['no host', 'GET /jwks HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400/],
  ['a tunnel', `CONNECT example.org:443 HTTP/1.1\r\n${host()}\r\n`, /^(HTTP\/1\.1 4|$)/],
  ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^HTTP\/1\.1 400/],
  ['an expectation nobody meets', `${post()}Expect: tea\r\nContent-Length: 0\r\n\r\n`, /^HTTP\/1\.1 417/],
  ['an unknown method', `BREW /auth HTTP/1.1\r\n${host()}\r\n`, /^HTTP\/1\.1 4/],
];

/** Says it all and leaves the rest to them: half-closed, so that nobody is waited for until a time runs out. */
async function saying(bytes: Buffer): Promise<string> {
  const { socket, ended } = call(place.port);
  socket.end(bytes);
  return (await ended).said;
}

/** What well-formed requests are made of, for those that spoil them. */
const GOOD = () => [
  `GET /.well-known/openid-configuration HTTP/1.1\r\n${host()}\r\n`,
  `GET /auth?client_id=app&state=s HTTP/1.1\r\n${host()}Cookie: _interaction=abc\r\nAccept: text/html\r\n\r\n`,
  `${post()}Authorization: ${basic().authorization}\r\nContent-Length: 29\r\n\r\ngrant_type=client_credentials`,
  `POST /webhooks/x HTTP/1.1\r\n${host()}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
];

test(`too much of anything, and requests of which any byte is spoilt, are refused and never a failure (FOOTBRIDGE_SEED=${SEED})`, async () => {
  for (const [what, text, expected] of TOO_MUCH())
    expect(await saying(Buffer.from(text, 'latin1')), what).toMatch(expected);
  const random = randomOf(SEED);
  const pick = (below: number) => Math.floor(random() * below);
  const spoilt = (): Buffer => {
    const all = GOOD();
    const bytes = Buffer.from(all[pick(all.length)]!, 'latin1');
    for (let times = pick(4); times >= 0; times--)
      bytes[pick(bytes.length)] = pick(2) === 0 ? pick(256) : 0x20 + pick(0x5f);
    if (pick(8) === 0) return bytes.subarray(0, pick(bytes.length));
    return pick(8) === 0 ? Buffer.concat([bytes, bytes]) : bytes;
  };
  const requests = Array.from({ length: LONG ? 20_000 : 400 }, spoilt);
  const tally = new Tally();
  const work = async () => {
    for (let bytes = requests.pop(); bytes; bytes = requests.pop())
      for (const [, status] of (await saying(bytes)).matchAll(/^HTTP\/1\.1 (\d{3})/gm))
        tally.note(JSON.stringify(bytes.toString('latin1')), { status: Number(status), headers: {} });
  };
  const rounds = requests.length;
  await Promise.all(Array.from({ length: 8 }, work));
  expect(tally.unexplained).toEqual([]);
  expect(tally.total).toBeGreaterThan(rounds / 2);
  tellFault({
    id: 'R27',
    fault: 'too much of anything, and requests with spoilt bytes',
    load: `${TOO_MUCH().length} ways of too much; ${rounds} spoilt requests: ${tally}`,
    lost: 0,
    doubled: 0,
    unexplained5xx: tally.unexplained.length,
    recovery: 'nothing to recover from',
  });
});
