/** Events on a real port: signed, stored once, and answered before anything is done about them. */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BODY_BYTES } from '../../src/settings.ts';
import { openDb } from '../../src/store/db.ts';
import { sweepSync } from '../../src/sync/sweeper.ts';
import { webhooksRoutes } from '../../src/sync/webhooks-routes.ts';
import { freePort } from '../support/ports.ts';
import type { Place } from './organizations/place.ts';
import { membershipsEvent, openPlace, signature } from './organizations/place.ts';

let place: Place;
let server: Server;
let withoutStorage: Server;
const results: string[] = [];

const serve = (db: Place['db']): Promise<Server> => {
  const app = new Koa();
  const { targets, errors } = place;
  const onEvent = ({ target, result }: { target: string; result: string }) =>
    results.push(`${target} ${result}`);
  app.use(webhooksRoutes({ db, targets, onError: (error) => errors.push(error), onEvent }).routes());
  return new Promise((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
};
const lost = openDb({ url: `postgres://nobody@127.0.0.1:${await freePort()}/none` });

beforeAll(async () => {
  place = await openPlace();
  server = await serve(place.db);
  withoutStorage = await serve(lost);
});
afterAll(async () => {
  for (const one of [server, withoutStorage]) {
    one.closeAllConnections();
    await new Promise((resolve) => one.close(resolve));
  }
  await lost.close();
  await place.close();
});
beforeEach(async () => {
  results.length = 0;
  await place.clear();
});

const text = (id = 'e1') => JSON.stringify(membershipsEvent(id, 'acme', new Date('2026-01-02T03:04:05Z')));
interface Posting {
  readonly target?: string;
  readonly signed?: string | undefined;
  readonly to?: Server;
}
const post = (body: string, { target = 'hub', signed = signature(body), to = server }: Posting = {}) =>
  fetch(`http://127.0.0.1:${(to.address() as AddressInfo).port}/webhooks/${target}`, {
    method: 'POST',
    headers: { 'x-signature': signed },
    body,
  });
const stored = () =>
  place.sql('select target, id, name, subject, at, done_at from target_events order by id');

describe('an event of a target', () => {
  test('is stored and answered, and nothing is done yet', async () => {
    const answer = await post(text());
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(await stored()).toEqual([
      {
        target: 'hub',
        id: 'e1',
        name: 'hub.member_roles_updated',
        subject: 'memberships/acme',
        at: new Date('2026-01-02T03:04:05Z'),
        done_at: null,
      },
    ]);
    expect(place.hub.reads).toBe(0);
  });

  test('that comes again is answered the same, and stored once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(text())));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(await stored()).toHaveLength(1);
    expect(results.sort()).toEqual([...Array(9).fill('hub again'), 'hub new']);
  });

  test('about nothing of ours is kept as done', async () => {
    const body = JSON.stringify({ ...membershipsEvent('e2', 'x'), about: { kind: 'nothing-of-ours' } });
    expect((await post(body)).status).toBe(200);
    expect(await stored()).toMatchObject([{ subject: null, done_at: expect.any(Date) }]);
  });

  test('is forgotten after 30 days, and not before', async () => {
    await post(text('old'));
    await post(text('new'));
    await place.sql(
      `update target_events set received_at = now() - interval '31 days', done_at = now() where id = 'old'`,
    );
    await place.sql(`update target_events set received_at = now() - interval '29 days' where id = 'new'`);
    expect(await sweepSync(place.db, { keepDays: 14 })).toBe(1);
    expect(await stored()).toMatchObject([{ id: 'new' }]);
  });
});

describe('nothing is stored', () => {
  test.each([
    [
      'with a signature over another body',
      text('e3'),
      { signed: signature(text('other')) },
      401,
      'bad_signature',
    ],
    ['with another secret', text(), { signed: signature(text(), 'another') }, 401, 'bad_signature'],
    ['without a signature', text(), { signed: '' }, 401, 'bad_signature'],
    ['for a target that there is not', text(), { target: 'nobody' }, 404, 'not_found'],
    ['for a target without webhook', text(), { target: 'silent' }, 404, 'not_found'],
    ['for a target named like a method', text(), { target: 'constructor' }, 404, 'not_found'],
    ['with an id that cannot be stored', text('no\0id'), {}, 400, 'bad_request'],
    ['with an id that is too long', text('x'.repeat(256)), {}, 400, 'bad_request'],
    ['with more than a body may have', 'x'.repeat(BODY_BYTES + 1), {}, 413, 'body_too_large'],
  ])('of an event %s', async (_, body, posting, status, code) => {
    const answer = await post(body, posting);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
    expect(await stored()).toEqual([]);
    expect(place.errors).toEqual([]);
  });
});

test('an event that is signed wrongly is not parsed', async () => {
  const body = `{"id": ${randomBytes(4).toString('hex')}`;
  expect((await post(body, { signed: signature('else') })).status).toBe(401);
  expect(place.errors).toEqual([]);
});

test('an event that cannot be stored is the sender’s to repeat', async () => {
  const answer = await post(text(), { to: withoutStorage });
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
    503,
    'storage_unavailable',
  ]);
  expect(answer.headers.get('retry-after')).not.toBeNull();
  expect(results).toEqual([]);
  expect((await post(text())).status).toBe(200);
  expect(await stored()).toHaveLength(1);
});
