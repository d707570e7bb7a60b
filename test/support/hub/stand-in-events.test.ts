import type { IncomingHttpHeaders } from 'node:http';
import { beforeEach, expect, test } from 'vitest';
import type { Listener } from '../../../src/listener.ts';
import { listen } from '../../../src/listener.ts';
import type { Hub, HubEvent } from './index.ts';
import { startHub } from './index.ts';

let hub: Hub;
let server: Listener;
let got: { readonly headers: IncomingHttpHeaders; readonly event: HubEvent }[];
let status: number;
let acme: string;

beforeEach(async () => {
  got = [];
  status = 204;
  hub = await startHub();
  server = await listen(
    async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      got.push({ headers: request.headers, event: JSON.parse(Buffer.concat(chunks).toString()) });
      if (status > 0) response.writeHead(status).end();
    },
    { host: '127.0.0.1', port: 0 },
  );
  hub.subscribe(`http://127.0.0.1:${server.port}/webhook`);
  acme = hub.addOrganization({ name: 'Acme' }).id;
  return async () => {
    await hub.close();
    await server.close(0);
  };
});

const names = () => got.map(({ event }) => event.name);
const join = () => hub.addMember(acme, hub.addPerson({ email: `${got.length}@example.com` }).id);
const connect = () => hub.connect({ type: 'Organization', id: acme }, ['organization_members.r']);

test('only those who are connected hear of an organization', async () => {
  join();
  await hub.loom.settled();
  expect(got).toEqual([]);
  connect();
  await hub.loom.settled();
  join();
  await hub.loom.settled();
  expect(names()).toEqual(['zaikio.connection_established', 'zaikio.member_joined']);
  expect(got[1]?.event).toMatchObject({ subject: `Org/${acme}`, version: '1.0' });
  expect(got[1]?.headers['x-loom-signature']).toMatch(/^[0-9a-f]{64}$/);
});

test('events can be held, and come twice, in another order, or never', async () => {
  hub.loom.mode = 'held';
  connect();
  join();
  await hub.loom.settled();
  expect(got).toEqual([]);
  await hub.loom.deliver((held) => [...held, ...held].reverse());
  expect(names()).toEqual([
    'zaikio.member_joined',
    'zaikio.connection_established',
    'zaikio.member_joined',
    'zaikio.connection_established',
  ]);
  join();
  await hub.loom.deliver(() => []);
  await hub.loom.deliver();
  expect(got).toHaveLength(4);
});

test('what is not answered with success is sent again', async () => {
  status = 500;
  connect();
  await hub.loom.settled();
  expect(hub.loom.failed).toHaveLength(1);
  status = 204;
  await hub.loom.redeliver();
  expect(hub.loom.failed).toEqual([]);
  expect(got[0]?.event).toEqual(got[1]?.event);
});

test('what is not answered within a second has failed', async () => {
  status = 0;
  connect();
  await hub.loom.settled();
  expect(hub.loom.deliveries).toMatchObject([{ status: undefined }]);
  expect(hub.loom.failed).toHaveLength(1);
});

test('a lost event can be read again', async () => {
  hub.loom.mode = 'lost';
  connect();
  join();
  const basic = Buffer.from(`${hub.app.name}:${hub.app.eventPassword}`).toString('base64');
  const answer = await fetch(`${hub.url}/api/v1/events?page=1`, {
    headers: { authorization: `Basic ${basic}` },
  });
  expect(answer.headers.get('total-count')).toBe('2');
  expect(((await answer.json()) as HubEvent[]).map(({ name }) => name)).toEqual([
    'zaikio.connection_established',
    'zaikio.member_joined',
  ]);
  expect(got).toEqual([]);
  expect((await fetch(`${hub.url}/api/v1/events`)).status).toBe(401);
});

test('too many calls are refused until the limit is reset', async () => {
  hub.limit(1, 60);
  const ask = () => fetch(`${hub.url}/api/v1/roles`);
  expect((await ask()).status).toBe(200);
  const refused = await ask();
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('ratelimit-reset'))).toBeGreaterThan(Date.now() / 1_000);
  hub.recover();
  expect((await ask()).status).toBe(200);
});
