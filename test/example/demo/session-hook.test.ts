import { expect, test } from 'vitest';
import { readSessionHook } from '../../../example/demo/session-hook.ts';
import { signatureOf } from './footbridge-double.ts';

const KEY = 'a key of the demo';
const NOW = 1_800_000_000;
const BODY = '{"sub":"shop:1001","legacyId":"1001"}';
const told = (signature: string, body = BODY) =>
  readSessionHook(KEY)({ signature, body: Buffer.from(body), unixSeconds: NOW });

test('a signed and fresh message names the customer', () => {
  expect(told(signatureOf(BODY, KEY, NOW))).toEqual({ customerId: 1001 });
});
test.each([
  ['no signature', ''],
  ['no signature', `t=${NOW},v1=00`],
  ['wrong signature', signatureOf(BODY, 'another key', NOW)],
  ['wrong signature', signatureOf(`${BODY} `, KEY, NOW)],
  ['too old or too new', signatureOf(BODY, KEY, NOW - 301)],
  ['too old or too new', signatureOf(BODY, KEY, NOW + 301)],
])('%s is refused', (refused, signature) => {
  expect(told(signature)).toEqual({ refused });
});
test('a message is good once', () => {
  const hook = readSessionHook(KEY);
  const message = { signature: signatureOf(BODY, KEY, NOW), body: Buffer.from(BODY), unixSeconds: NOW };
  expect(hook(message)).toEqual({ customerId: 1001 });
  expect(hook(message)).toEqual({ refused: 'used before' });
});
test.each([
  '{}',
  'null',
  'not json',
  '{"legacyId":"1001; drop"}',
  '{"legacyId":1001}',
  '{"session":{"id":7}}',
  '{"session":{"cookies":{"other":"x"}}}',
])('a body %s names nobody', (body) => {
  const refused = 'neither legacyId nor session';
  expect(told(signatureOf(body, KEY, NOW), body)).toEqual({ refused });
});
test('a session is named by its id, or by the browser’s cookie', () => {
  const byId = '{"legacyId":"1001","session":{"id":"abc"}}';
  expect(told(signatureOf(byId, KEY, NOW), byId)).toEqual({ customerId: 1001, session: { id: 'abc' } });
  const byCookie = '{"session":{"cookies":{"shop_session":"xyz"}}}';
  expect(told(signatureOf(byCookie, KEY, NOW), byCookie)).toEqual({ session: { cookie: 'xyz' } });
});
