import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { leaving } from '../src/leaving.ts';

const server = createServer();
afterEach(() => server.close());

test('a signal tells of whoever leaves before the answer, and of nobody who has it', async () => {
  const seen: { readonly res: ServerResponse; readonly signal: AbortSignal }[] = [];
  server.on('request', (req, res) => {
    seen.push({ res, signal: leaving({ res }) });
    if (req.url === '/answered') res.end('there');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await (await fetch(`${url}/answered`)).text();
  const asked = get(`${url}/waiting`);
  asked.on('error', () => undefined);
  await once(server, 'request');
  expect(seen.map(({ signal }) => signal.aborted)).toEqual([false, false]);
  asked.destroy();
  await once(seen[1]!.res, 'close');
  expect(seen.map(({ signal }) => signal.aborted)).toEqual([false, true]);
  server.closeAllConnections();
});
