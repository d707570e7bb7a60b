/** The request that is being served, in lines of the log. */
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { openLog } from '../../src/observability/log.ts';
import type { Noted } from '../../src/observability/requests.ts';
import { openRequests, placeIn } from '../../src/observability/requests.ts';
import { openTracing } from '../../src/observability/tracing.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Each request writes two lines, and waits in between. */
async function open() {
  const requests = openRequests(openTracing());
  const lines: Record<string, unknown>[] = [];
  const to = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const log = openLog({ level: 'debug', fields: requests.fields, to });
  const noted: (Noted | undefined)[] = [];
  const server = createServer(
    requests.around(async (req, res) => {
      log.info({ place: req.url }, 'first');
      await setImmediate();
      log.info({ place: req.url }, 'second');
      const status = req.url === '/refused' ? 421 : 200;
      noted.push(requests.note({ route: 'auth', status, seconds: 0 }));
      res.end(requests.reference());
    }),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = async (path: string, headers: Record<string, string> = {}) =>
    (await fetch(origin + path, { headers })).text();
  return { requests, lines, log, noted, ask };
}

test('every line says the reference of its own request, which is short and read out without mistakes', async () => {
  const { lines, ask } = await open();
  const paths = Array.from({ length: 20 }, (_, index) => `/${index}`);
  const references = await Promise.all(paths.map((path) => ask(path)));
  expect(new Set(references).size).toBe(20);
  for (const [index, reference] of references.entries()) {
    expect(reference).toMatch(/^[0-9A-HJKMNP-TV-Z]{8}$/);
    const own = lines.filter(({ place }) => place === `/${index}`);
    expect(own.map((line) => line.reference)).toEqual([reference, reference]);
  }
});

test('a line outside of a request has none', async () => {
  const { requests, lines, log } = await open();
  log.info('alone');
  expect(lines[0]).not.toHaveProperty('reference');
  expect(requests.reference()).toBeUndefined();
  expect(requests.note({ route: 'auth', status: 200, seconds: 0 })).toBeUndefined();
});

test('the caller’s trace is in its lines', async () => {
  const { lines, ask } = await open();
  await ask('/', { traceparent: PARENT });
  expect(lines.map(({ traceId }) => traceId)).toEqual([TRACE, TRACE]);
});

test.each([
  ['', 'empty'],
  [TRACE, 'only an id'],
  [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, 'the trace of nobody'],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, 'the span of nobody'],
  [`00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`, 'in capitals'],
  [`${PARENT}-more`, 'too long'],
  [`${PARENT}"},{"level":60`, 'something else'],
])('a traceparent that is %s (%s) is nobody’s', async (traceparent) => {
  const { lines, ask } = await open();
  await ask('/', traceparent ? { traceparent } : {});
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).not.toHaveProperty('traceId');
});

test('an address is the one that the front door believes, and of what it refused only the connection’s own', async () => {
  const { noted, ask } = await open();
  await ask('/', { 'x-forwarded-for': '203.0.113.7' });
  await ask('/refused', { 'x-forwarded-for': '203.0.113.7' });
  await ask('/', { 'x-forwarded-for': 'no address\t"' });
  expect(noted.map((one) => one?.address)).toEqual(['203.0.113.7', '127.0.0.1', '127.0.0.1']);
});

test.each([
  ['/token', '/token'],
  ['/auth/oas-c16YgKLd0cqGbrnPaQ9i', '/auth/…'],
  ['/login/anna', '/login/…'],
  ['/claim/of-somebody', '/claim/…'],
  ['/migration/users/anna/secrets', '/migration/users/…'],
  ['/migration/users', '/migration/users'],
  ['/webhooks/zitadel', '/webhooks/zitadel'],
  ['/session/end', '/session/end'],
  ['/legacy/changes', '/legacy/changes'],
  ['/4711', '/…'],
  ['/', '/'],
  ['listener', 'listener'],
])('of %s the log has %s', (path, place) => {
  expect(placeIn(path)).toBe(place);
});
