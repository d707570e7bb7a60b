/** What people do at Kratos by themselves arrives as an event that says who, and is believed in nothing else. */

import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { openKratosWebhook } from '../../../src/targets/kratos/webhook.ts';
import { oneTargetSettings, targetSettings } from '../../../src/targets/target-settings.ts';
import type { TargetEvent } from '../../../src/targets/webhook.ts';
import { startKratos } from '../../support/kratos/index.ts';
import { HASH } from './people.ts';

const KEY = 'a key of sixteen letters or more';
const ADA = 'b60f0743-e947-49f8-873b-b99a9a5799ef';
const TRIGGER = 'd047a8aa-2706-41b8-a24f-76244ab02f10';
const NOW = new Date('2026-11-22T05:00:00.000Z');

const settingsOf = (webhook?: object) => ({
  name: 'ory',
  kind: 'kratos',
  displayName: 'New',
  loginUrl: 'https://id.example/',
  ...(webhook && { webhook }),
});
const open = (webhook: object = { apiKey: { name: 'X-Footbridge-Key', value: KEY } }, now = NOW) =>
  openKratosWebhook(oneTargetSettings.parse(settingsOf(webhook)), { now: () => now })!;
const HEADERS = { 'x-footbridge-key': KEY, 'ory-webhook-trigger-id': TRIGGER };
/** As a v26.2.0 wrote it. */
const body = (more: object = {}) =>
  `${JSON.stringify(
    {
      event: 'settings',
      flow: '995f4187-1a88-4780-b1ee-e14c860f11f3',
      identity_id: ADA,
      updated_at: '2026-11-22T04:48:07.133171Z',
      ...more,
    },
    null,
    3,
  )}\n`;
const read = (text: string, headers: IncomingHttpHeaders = HEADERS, webhook = open()) =>
  webhook.read(headers, Buffer.from(text)) as TargetEvent;

describe('an event', () => {
  test('says who, what and when, with the id of the call', () => {
    expect(read(body())).toEqual({
      id: TRIGGER,
      name: 'settings',
      about: { kind: 'user', targetUserId: ADA, change: 'changed' },
      at: new Date('2026-11-22T04:48:07.133Z'),
    });
  });

  test('of a password says so, and any other is a change', () => {
    const changeOf = (event: string) => {
      const { about } = read(body({ event }));
      return about.kind === 'user' && about.change;
    };
    expect(changeOf('password')).toBe('password');
    for (const event of ['registration', 'verification', 'recovery', 'something.new'])
      expect(changeOf(event)).toBe('changed');
  });

  test('is never later than when it came', () => {
    expect(read(body({ updated_at: '2999-01-01T00:00:00Z' })).at).toEqual(NOW);
    for (const updated_at of [undefined, null, 'yesterday', 5])
      expect(read(body({ updated_at })).at).toEqual(NOW);
  });

  test('without the id of the call is the same where all of it is, and another one where the person has changed again', () => {
    const { 'ory-webhook-trigger-id': _id, ...bare } = HEADERS;
    const [one, again] = [read(body(), bare), read(body(), bare)];
    const other = read(body({ updated_at: '2026-11-22T04:48:07.040653Z' }), bare);
    expect(one.id).toMatch(/^[\w-]{43}$/);
    expect(again.id).toBe(one.id);
    expect(other.id).not.toBe(one.id);
    // Without a time nobody could tell two of one flow apart: none may be lost.
    const later = open(undefined, new Date(NOW.getTime() + 1));
    const text = body({ updated_at: undefined });
    expect(read(text, bare, later).id).not.toBe(read(text, bare).id);
  });

  test('with an id that is none gets one', () => {
    for (const id of ['', 'x', 'a b'.repeat(10), 'ü'.repeat(20), 'x'.repeat(300)])
      expect(read(body(), { ...HEADERS, 'ory-webhook-trigger-id': id }).id).toMatch(/^[\w-]{43}$/);
  });

  test.each([
    '',
    'x',
    '[]',
    '{}',
    body({ identity_id: 'ada' }),
    body({ identity_id: null }),
    body({ event: '' }),
    body({ event: 'x\u0000' }),
    body({ event: 7 }),
    '{"event":"settings","identity_id":"../../x"}',
  ])('that is none is refused: %j', (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });
});

describe('a call', () => {
  test.each([
    ['no key', {}],
    ['another key', { 'x-footbridge-key': `${KEY}.` }],
    ['an empty key', { 'x-footbridge-key': '' }],
    ['its key elsewhere', { authorization: KEY }],
  ])('with %s is refused, before its body is read', (_what, headers) => {
    for (const text of [body(), 'x'])
      expect(() => read(text, headers)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
  });

  test('proves itself with a name and a password (RFC 7617) as well', () => {
    const value = `Basic ${Buffer.from(`ory:${KEY}`).toString('base64')}`;
    const webhook = open({ apiKey: { name: 'Authorization', value } });
    expect(read(body(), { authorization: value }, webhook)).toMatchObject({ name: 'settings' });
    expect(() => read(body(), { authorization: `${value}=` }, webhook)).toThrow(
      expect.objectContaining({ code: 'unauthorized' }),
    );
  });

  test('is expected where the settings say how it proves itself, and in no way that Kratos has not', () => {
    expect(openKratosWebhook(oneTargetSettings.parse(settingsOf()))).toBeUndefined();
    const hmac = targetSettings.safeParse([settingsOf({ hmacKey: KEY })]);
    expect(hmac.success).toBe(false);
  });
});

test('what people do at the stand-in arrives, though the first try is lost, with one id for both', async () => {
  const kratos = await startKratos();
  const events: TargetEvent[] = [];
  let lost = 0;
  const webhook = openKratosWebhook(
    oneTargetSettings.parse(settingsOf({ apiKey: { name: 'X-Footbridge-Key', value: KEY } })),
  )!;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    events.push((await webhook.read(request.headers, Buffer.concat(chunks))) as TargetEvent);
    lost += 1;
    response.writeHead(lost === 1 ? 503 : 200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  kratos.setWebHook({ url: `http://127.0.0.1:${port}/`, headers: { 'X-Footbridge-Key': KEY } });
  const made = await fetch(`${kratos.url}/admin/identities`, {
    method: 'POST',
    body: JSON.stringify({
      schema_id: 'default',
      traits: { email: 'ada@example.test' },
      credentials: { password: { config: { hashed_password: HASH } } },
    }),
  });
  const { id } = (await made.json()) as { id: string };
  await kratos.people.profile(id, { email: 'ada@example.test', name: { first: 'Ada' } });
  await kratos.people.told();
  await kratos.people.password(id, 'chosen by Ada');
  await kratos.people.told();
  expect(events.map(({ name, about }) => [name, about])).toEqual([
    ['settings', { kind: 'user', targetUserId: id, change: 'changed' }],
    ['settings', { kind: 'user', targetUserId: id, change: 'changed' }],
    ['password', { kind: 'user', targetUserId: id, change: 'password' }],
  ]);
  expect(events[0]!.id).toBe(events[1]!.id);
  expect(events[2]!.id).not.toBe(events[0]!.id);
  expect(await kratos.login('ada@example.test', 'chosen by Ada')).toMatchObject({ outcome: 'in' });
  server.close();
  server.closeAllConnections();
  await kratos.close();
});
