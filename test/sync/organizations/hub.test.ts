/** A hub over HTTP, a legacy store in SQLite, and events on a real port: what happens at the hub is so in the store. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import Koa from 'koa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Directory } from '../../../src/legacy/directory.ts';
import { openDirectory } from '../../../src/legacy/directory.ts';
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { linkOf } from '../../../src/migration/claim-tokens/organization-links.ts';
import type { Following } from '../../../src/sync/organizations/following.ts';
import { rolesOf } from '../../../src/sync/organizations/roles.ts';
import { webhooksRoutes } from '../../../src/sync/webhooks-routes.ts';
import { openTargets } from '../../../src/targets/index.ts';
import type { Targets } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { PEOPLE_SQL } from '../../legacy/connector-contract.ts';
import type { Store } from '../../legacy/stores.ts';
import { sqliteStore } from '../../legacy/stores.ts';
import { sqlWrites } from '../../legacy/write-contract.ts';
import type { Hub } from '../../support/hub/index.ts';
import { startHub } from '../../support/hub/index.ts';
import type { Place } from './place.ts';
import { openPlace, TARGET } from './place.ts';

let place: Place;
let hub: Hub;
let shop: Store;
let directory: Directory;
let targets: Targets;
let server: Server;
let node: Following;
beforeAll(async () => {
  place = await openPlace();
  hub = await startHub();
  shop = sqliteStore(PEOPLE_SQL);
  const people = { engine: 'sqlite', file: shop.file, table: 'people', login: ['login'] };
  directory = openDirectory(
    legacySettings.parse({ store: 'shop', sql: { ...people, writes: sqlWrites('sqlite') }, mapping: {} }),
  );
  targets = openTargets(
    targetSettings.parse([
      {
        name: TARGET,
        displayName: 'Hub',
        loginUrl: `${hub.url}/`,
        clientIds: [],
        ...hub.settings({ timeoutMs: 1_000 }),
      },
    ]),
  );
  const app = new Koa();
  const onError = (error: unknown) => place.errors.push(error);
  app.use(webhooksRoutes({ db: place.db, targets, onError }).routes());
  server = await new Promise((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  hub.subscribe(`http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/${TARGET}`);
});
afterAll(async () => {
  await hub.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await targets.close();
  await directory.close();
  shop.drop();
  await place.close();
});

const inStore = () => {
  const store = new DatabaseSync(shop.file);
  try {
    const rows = store.prepare('select organization, person_id, roles from members order by 1, 2').all();
    return rows.map(({ organization, person_id, roles }) => `${organization} ${person_id} ${roles}`);
  } finally {
    store.close();
  }
};

/** Anna owns the mill at the hub and in the shop, Bob works there at both. */
interface Mill {
  readonly id: string;
  readonly anna: string;
  readonly bob: string;
}
async function mill(): Promise<Mill> {
  const anna = hub.addPerson({ email: 'anna@hub.example' }).id;
  const bob = hub.addPerson({ email: 'bob@hub.example' }).id;
  const { id } = hub.addOrganization({ name: 'Mill', owner: anna });
  hub.connect({ type: 'Organization', id }, ['organization.r', 'organization_members.r']);
  hub.addMember(id, bob, ['designer']);
  await hub.loom.settled();
  await place.person('shop:1', anna);
  await place.person('shop:2', bob);
  await place.link('shop:o1', id);
  // The first reads what the hub has kept, the second takes it.
  for (let round = 0; round < 2; round += 1) await node.round();
  return { id, anna, bob };
}
const heard = async () => {
  await hub.loom.settled();
  await node.round();
};

beforeEach(async () => {
  await place.clear();
  hub.recover();
  hub.loom.mode = 'at-once';
  const store = new DatabaseSync(shop.file);
  store.exec('delete from members');
  store.close();
  node = place.node({ targets, directory });
});

describe('at a hub', () => {
  test('members have their roles in the legacy store as soon as it says so', async () => {
    const { id, bob } = await mill();
    expect(inStore()).toEqual(['o1 1 billing,manager', 'o1 2 designer']);
    hub.setRoles(id, bob, ['admin', 'designer']);
    await heard();
    expect(inStore()).toEqual(['o1 1 billing,manager', 'o1 2 designer,manager']);
    expect(await rolesOf(place.db, 'shop:2')).toMatchObject([{ legacyRoles: ['designer', 'manager'] }]);
    hub.removeMember(id, bob);
    await heard();
    expect(inStore()).toEqual(['o1 1 billing,manager']);
    expect(await rolesOf(place.db, 'shop:2')).toEqual([]);
  });

  test('events that come twice and in reverse lead to what is so now', async () => {
    const { id, bob } = await mill();
    hub.loom.mode = 'held';
    hub.removeMember(id, bob);
    hub.addMember(id, bob, ['purchaser']);
    hub.setRoles(id, bob, ['developer']);
    await hub.loom.deliver((held) => [...held, ...held].reverse());
    await heard();
    expect(inStore()).toEqual(['o1 1 billing,manager', 'o1 2 developer']);
  });

  test('events that never came are read again', async () => {
    const { id, bob } = await mill();
    hub.loom.mode = 'lost';
    hub.removeMember(id, bob);
    await heard();
    expect(inStore()).toHaveLength(2);
    await place.sql(`update target_replays set read_at = now() - interval '16 minutes'`);
    node = place.node({ targets, directory });
    await node.round();
    await node.round();
    expect(inStore()).toEqual(['o1 1 billing,manager']);
  });

  test('events that are signed wrongly lead to nothing', async () => {
    const { id, bob } = await mill();
    hub.loom.mode = 'held';
    hub.removeMember(id, bob);
    await hub.loom.deliver((held) => held, { signature: 'bad' });
    expect(hub.loom.deliveries.at(-1)).toMatchObject({ status: 401 });
    expect(await node.takeEvents()).toBe(0);
    await node.refreshDue(1);
    expect(inStore()).toHaveLength(2);
  });

  test.each([
    ['answers 503', { kind: 'http', status: 503 }],
    ['shows a page for everything', { kind: 'html', status: 404 }],
    ['breaks off', { kind: 'cut' }],
  ] as const)('an outage that %s removes nobody', async (_, fault) => {
    const { id } = await mill();
    hub.fail({ ...fault, only: /memberships|access_token/ });
    await place.timePasses();
    await node.round();
    expect(inStore()).toHaveLength(2);
    expect(Object.keys(await place.members('shop:o1'))).toHaveLength(2);
    expect((await linkOf(place.db, TARGET, 'shop:o1'))?.problem?.code).toMatch(/^target_/);
    expect((await linkOf(place.db, TARGET, 'shop:o1'))?.targetOrganizationId).toBe(id);
  });

  test('who takes our access away is believed when it is still so an hour later', async () => {
    const { id } = await mill();
    hub.disconnect({ type: 'Organization', id });
    await heard();
    expect((await linkOf(place.db, TARGET, 'shop:o1'))?.problem?.code).toBe('connection_revoked');
    expect(inStore()).toHaveLength(2);
    await place.sql(`update organization_links set due_at = now(), problem = jsonb_set(problem, '{goneSince}',
      to_jsonb(now() - interval '61 minutes'))`);
    await node.round();
    expect(inStore()).toEqual([]);
  });
});
