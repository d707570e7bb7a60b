import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { beforeEach, describe, expect, test } from 'vitest';
import { listen } from '../../../src/listener.ts';
import { targetEvent } from '../../../src/targets/hub/events.ts';
import { openHubWebhook } from '../../../src/targets/hub/webhook.ts';
import type { TargetWebhook } from '../../../src/targets/webhook.ts';
import type { Hub } from '../../support/hub/index.ts';
import { openStage, targetOf } from './stage.ts';

/** Of the guide “Receiving events”, with what its signature is of. */
const EXAMPLE = {
  secret: 'nq9oZo7haPgNVdNRccWhK551',
  signature: '853fcdb7a11e0106694f5e5033df2210a0876548b68292bed6f6917602498400',
  body: '{"id":"62abcc92-e17e-4db0-b78e-13369251474b","name":"accounting.invoice_paid","subject":"Org/2b271d51-e447-4a16-810f-5abdc596700a","timestamp":"2019-11-26T10:58:09.664Z","version":"1.0","payload":{"invoice_number":"b1a2eaa9-11ba-4cab-8580-40f091e37742"},"link":"https://account.example.tld/api/v1/payments/1234","received_at":"2019-11-26T10:58:09.664Z"}',
};
const ID = '2b271d51-e447-4a16-810f-5abdc596700a';

let hub: Hub;
let webhook: TargetWebhook;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.now();
  const stage = await openStage({ now: () => new Date(nowMs) });
  hub = stage.hub;
  webhook = openHubWebhook(stage.target, { nowSeconds: () => nowMs / 1_000 })!;
  return async () => {
    await webhook.close();
    await hub.close();
  };
});

const signed = (body: string, secret = hub.app.sharedSecret) => ({
  'x-loom-signature': createHmac('sha256', secret).update(body).digest('hex'),
});
const read = (body: string, headers: IncomingHttpHeaders = signed(body)) =>
  webhook.read(headers, Buffer.from(body));
const event = (more: object = {}) =>
  JSON.stringify({
    id: '62abcc92-e17e-4db0-b78e-13369251474b',
    name: 'zaikio.member_joined',
    subject: `Org/${ID}`,
    timestamp: '2026-03-01T12:00:00.000Z',
    version: '1.0',
    payload: {},
    ...more,
  });

describe('a signature', () => {
  test('is that of the documentation’s example', () => {
    const theirs = openHubWebhook(targetOf(hub, { settings: { webhook: { secret: EXAMPLE.secret } } }))!;
    const headers = { 'x-loom-signature': EXAMPLE.signature };
    expect(theirs.read(headers, Buffer.from(EXAMPLE.body))).toEqual({
      id: '62abcc92-e17e-4db0-b78e-13369251474b',
      name: 'accounting.invoice_paid',
      about: { kind: 'nothing-of-ours' },
      at: new Date('2019-11-26T10:58:09.664Z'),
    });
  });

  test('is of the bytes that came', () => {
    const body = event();
    expect(read(body)).toMatchObject({ name: 'zaikio.member_joined' });
    for (const other of [`${body} `, body.replace('1.0', '1.1'), JSON.stringify(JSON.parse(body), null, 1)])
      expect(() => read(other, signed(body))).toThrow(expect.objectContaining({ code: 'bad_signature' }));
  });

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['of another secret', createHmac('sha256', 'other').update('').digest('hex')],
    ['too short', 'ab'],
    ['too long', `${'ab'.repeat(32)}cd`],
    ['no hexadecimal number', 'x'.repeat(64)],
    ['in letters that look alike', 'а'.repeat(64)],
  ])('is refused that is %s', (_what, signature) => {
    const headers = signature === undefined ? {} : { 'x-loom-signature': signature };
    expect(() => read(event(), headers)).toThrow(expect.objectContaining({ code: 'bad_signature' }));
  });

  test('is looked at before anything else: what is no event says nothing of that without it', () => {
    for (const body of ['', '{', event({ subject: 17 })]) {
      expect(() => read(body, {})).toThrow(expect.objectContaining({ code: 'bad_signature' }));
      expect(() => read(body)).toThrow(expect.objectContaining({ code: 'bad_request' }));
    }
  });
});

describe('an event', () => {
  const about = (name: string, subject = `Org/${ID}`) =>
    targetEvent({ id: '1', name, subject, timestamp: '2026-03-01T12:00:00.000Z' }).about;

  test.each(['zaikio', 'directory'])('of %s says where to look', (prefix) => {
    for (const name of ['member_joined', 'member_roles_updated', 'member_left'])
      expect(about(`${prefix}.${name}`)).toEqual({ kind: 'memberships', targetOrganizationId: ID });
    for (const name of [
      'established_connection',
      'connection_established',
      'connection_changed',
      'revoked_connection',
      'connection_revoked',
      'revoked_access_token',
      'organization_deleted',
    ])
      expect(about(`${prefix}.${name}`)).toEqual({
        kind: 'organization-connection',
        targetOrganizationId: ID,
      });
    for (const name of [
      'connection_established',
      'connection_revoked',
      'revoked_access_token',
      'person_deleted',
    ])
      expect(about(`${prefix}.${name}`, `Per/${ID}`)).toEqual({
        kind: 'person-connection',
        targetUserId: ID,
      });
  });

  test('names ids in small letters, as all else does', () => {
    expect(about('zaikio.member_left', `Org/${ID.toUpperCase()}`)).toMatchObject({
      targetOrganizationId: ID,
    });
  });

  test.each([
    ['another app’s', 'accounting.member_joined', `Org/${ID}`],
    ['of a name that begins like ours', 'zaikio_x.member_joined', `Org/${ID}`],
    ['of another thing', 'zaikio.machine_added', `Org/${ID}`],
    ['of a name that has one of ours in it', 'zaikio.disconnections', `Org/${ID}`],
    ['about something else', 'zaikio.member_joined', `App/${ID}`],
    ['about a person in no organization', 'zaikio.member_joined', `Per/${ID}`],
    ['about no id', 'zaikio.member_joined', 'Org/../x'],
  ])('is nothing of ours where it is %s', (_what, name, subject) => {
    expect(about(name, subject)).toEqual({ kind: 'nothing-of-ours' });
  });

  test('that the hub sends is read', async () => {
    const got: { headers: IncomingHttpHeaders; body: Buffer }[] = [];
    const server = await listen(
      async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        got.push({ headers: request.headers, body: Buffer.concat(chunks) });
        response.writeHead(204).end();
      },
      { host: '127.0.0.1', port: 0 },
    );
    hub.subscribe(`http://127.0.0.1:${server.port}/webhooks/hub`);
    const jane = hub.addPerson({ email: 'jane@example.com' });
    const { id } = hub.addOrganization({ name: 'Acme' });
    hub.connect({ type: 'Organization', id }, ['organization.r']);
    hub.addMember(id, jane.id);
    await hub.loom.settled();
    const read = await Promise.all(got.map(async ({ headers, body }) => webhook.read(headers, body)));
    expect(read.map(({ about: one }) => one.kind).sort()).toEqual(['memberships', 'organization-connection']);
    await hub.loom.deliver(() => hub.loom.events.slice(-1), { signature: 'bad' });
    const { headers, body } = got.at(-1)!;
    expect(() => webhook.read(headers, body)).toThrow(expect.objectContaining({ code: 'bad_signature' }));
    await server.close(0);
  });
});

describe('reading again', () => {
  const happened = (count: number) => {
    const { id } = hub.addOrganization({ name: 'Acme' });
    hub.loom.mode = 'lost';
    const ids: string[] = [];
    for (let made = 0; made < count; made++) {
      nowMs += 1_000;
      ids.push(hub.loom.tell('member_left', { type: 'Organization', id }, { apps: [hub.app] }).id);
    }
    return ids;
  };

  test('gives all of them, oldest first, a hundred at a time', async () => {
    const since = new Date(nowMs);
    const ids = happened(250);
    const pages = [];
    for (let page = 1; page === 1 || !pages.at(-1)!.isLast; page++)
      pages.push(await webhook.replay!(since, page));
    expect(pages.map(({ events }) => events.length)).toEqual([100, 100, 50]);
    expect(pages.flatMap(({ events }) => events.map(({ id }) => id))).toEqual(ids);
  });

  test('ends with a page that is just full', async () => {
    const since = new Date(nowMs);
    happened(100);
    expect(await webhook.replay!(since, 1)).toMatchObject({ isLast: true });
    expect(await webhook.replay!(since, 2)).toEqual({ events: [], isLast: true });
  });

  test('gives those since then, to the second', async () => {
    const ids = happened(5);
    const { events } = await webhook.replay!(new Date(nowMs - 1_000), 1);
    expect(events.map(({ id }) => id)).toEqual(expect.arrayContaining(ids.slice(3)));
    expect(events.length).toBeLessThan(5);
  });

  test('leaves out what cannot be read', async () => {
    happened(2);
    hub.rewrite(/GET .*events/, (all) => ['x', null, { id: 1 }, ...(all as unknown as object[])]);
    expect((await webhook.replay!(new Date(0), 1)).events).toHaveLength(2);
  });

  test('is an outage, or a refusal, and says which', async () => {
    hub.fail({ kind: 'http', status: 503 });
    await expect(webhook.replay!(new Date(0), 1)).rejects.toMatchObject({ code: 'target_unavailable' });
    hub.recover();
    hub.rewrite(/GET .*events/, () => ({ events: [] }));
    await expect(webhook.replay!(new Date(0), 1)).rejects.toMatchObject({ code: 'target_refused' });
    const { app, sharedSecret } = { ...hub, ...hub.app };
    const wrong = openHubWebhook(
      targetOf(hub, {
        settings: { webhook: { secret: sharedSecret, eventsUrl: hub.url, app: app.name, password: 'no' } },
      }),
    )!;
    await expect(wrong.replay!(new Date(0), 1)).rejects.toMatchObject({ code: 'target_refused' });
    await wrong.close();
  });

  test('is not possible where the settings do not say where', async () => {
    const pushed = openHubWebhook(targetOf(hub, { settings: { webhook: { secret: 'a-secret' } } }))!;
    expect(pushed.replay).toBeUndefined();
    await pushed.close();
    const { webhook: _, ...asked } = targetOf(hub).hub!;
    expect(openHubWebhook({ ...targetOf(hub), hub: asked })).toBeUndefined();
  });
});
