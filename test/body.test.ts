import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readBody } from '../src/body.ts';
import type { Listener } from '../src/listener.ts';
import { listen } from '../src/listener.ts';
import { BODY_BYTES } from '../src/settings.ts';

let listener: Listener;
/** What was read, or why it was not. */
let outcomes: unknown[];
beforeEach(async () => {
  outcomes = [];
  const handle: Parameters<typeof listen>[0] = async (req, res) => {
    outcomes.push(
      await readBody(req).then(
        (body) => body.toString(),
        (error) => error.code,
      ),
    );
    res.end();
  };
  listener = await listen(handle, { host: '127.0.0.1', port: 0 });
});
afterEach(() => listener.close(0));

async function send(text: string, { leaves = false } = {}): Promise<unknown[]> {
  const socket = connect(listener.port, '127.0.0.1').on('error', () => undefined);
  await new Promise<void>((resolve) =>
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${text}`, () => resolve()),
  );
  if (leaves) socket.destroy();
  await expect.poll(() => outcomes.length, { timeout: 10_000 }).toBe(1);
  socket.destroy();
  return outcomes;
}

test('a body is read whole', async () => {
  expect(await send('Content-Length: 5\r\n\r\nhello')).toEqual(['hello']);
});

test('a body whose sender leaves in the middle is a bad request, and no failure of ours', async () => {
  expect(await send('Content-Length: 5\r\n\r\nhel', { leaves: true })).toEqual(['bad_request']);
});

test('a body that is announced, or becomes, too large is refused', async () => {
  expect(await send(`Content-Length: ${BODY_BYTES + 1}\r\n\r\n`)).toEqual(['body_too_large']);
  outcomes = [];
  const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`;
  expect(await send(`Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(BODY_BYTES / 0x1000 + 1)}`)).toEqual([
    'body_too_large',
  ]);
});
