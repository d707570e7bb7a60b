/** A target for whose people the old login is over keeps its credentials, and they open nothing any more. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationRoutes } from '../../src/migration/migration-routes.ts';
import type { Stage } from '../migration/stage.ts';
import { ALL_SCOPES, entryOf, openStage, signed, tokenOf } from '../migration/stage.ts';

let stage: Stage;
const over = new Set<string>();
beforeAll(async () => {
  stage = await openStage({
    routes: (deps) => migrationRoutes({ ...deps, isOver: (target) => over.has(target) }),
  });
  stage.people.set('shop:1', entryOf('1'));
});
afterAll(() => stage?.close());

/** Everything that a target may ask, by token and by signature. */
async function everything(token: string) {
  const ticket = await stage.login('shop:1');
  stage.nowSeconds += 1;
  const answers = [
    await stage.call('GET', '/migration/users/shop:1', { token }),
    await stage.call('GET', '/migration/users?login=user-1', { token }),
    await stage.call('POST', '/migration/users/shop:1/secrets', { token, body: { ticket } }),
    await stage.call('POST', '/migration/users/shop:1/secrets', signed(stage, { ticket })),
  ];
  return answers.map(({ status, json }) => [status, json.code].filter(Boolean).join(' '));
}

test('while it is not, both its token and its signature open what they are for', async () => {
  expect(await everything(ALL_SCOPES)).toEqual(['200', '200', '200', '409 ticket_used']);
});

test('once it is, neither reads a profile nor fetches a secret, whose ticket stays unspent', async () => {
  over.add('main');
  const gone = '410 already_retired';
  expect(await everything(ALL_SCOPES)).toEqual([gone, gone, gone, gone]);
  expect(stage.outcomes.filter((outcome) => outcome === 'released')).toHaveLength(1);
});

test('the other target’s credentials go on, and a wrong one hears nothing of who is retired', async () => {
  over.add('main');
  const other = tokenOf('other-login', 'migration:read');
  expect((await stage.call('GET', '/migration/users/shop:1', { token: other })).status).toBe(200);
  expect((await stage.call('GET', '/migration/users/shop:1', { token: 'nobody' })).status).toBe(401);
  const scopeless = tokenOf('main-machine', 'sync:write');
  expect((await stage.call('GET', '/migration/users/shop:1', { token: scopeless })).status).toBe(403);
});
