/** Which legacy organization is which at the target: linking, and what the database keeps anybody from. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  leaseDueLinks,
  linkByThere,
  linkedAmong,
  linkOf,
  linkOrganizationPart,
  linksOf,
  releaseLink,
  unlinkPart,
} from '../../../src/migration/claim-tokens/organization-links.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb, sqlStateOf, statement, UNIQUE_VIOLATION } from '../../../src/store/db.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});
beforeEach(async () => {
  await db.run(statement('delete from organization_links'));
});

/** As after a token of this organization was spent. */
function link(organization: string, targetOrganizationId: string, purpose = 'organization') {
  const taken = {
    name: 'claim_taken',
    text: `select 'hub'::text as target, $1::text as organization, $2::text as purpose, 'shop:1'::text as sub`,
    values: [organization, purpose],
  };
  const parts = [taken, linkOrganizationPart({ targetOrganizationId, name: 'Mill' })];
  return db.runParts<{ organization: string }>(parts, 'select * from organization_linked');
}
const unlink = (organization: string) =>
  db.runParts([unlinkPart('hub', organization)], 'select * from organization_unlinked');
const lease = (name: string, limit = 10) => leaseDueLinks(db, { lease: name, targets: ['hub'], limit });

describe('a link', () => {
  test('is made by an organization’s token, and found from both sides', async () => {
    expect(await link('shop:7', 'mill')).toMatchObject([
      { state: 'linked', name: 'Mill', ownerSub: 'shop:1' },
    ]);
    expect(await linkOf(db, 'hub', 'shop:7')).toMatchObject({ targetOrganizationId: 'mill' });
    expect(await linkByThere(db, 'hub', 'mill')).toMatchObject({ organization: 'shop:7' });
    expect(await linkByThere(db, 'other', 'mill')).toBeUndefined();
  });

  test('is not made by a person’s token', async () => {
    expect(await link('shop:7', 'mill', 'person')).toEqual([]);
    expect(await linkOf(db, 'hub', 'shop:7')).toBeUndefined();
  });

  test('stays as it is when the organization is linked again', async () => {
    await link('shop:7', 'mill');
    expect(await link('shop:7', 'press')).toEqual([]);
    expect(await linkOf(db, 'hub', 'shop:7')).toMatchObject({ targetOrganizationId: 'mill' });
  });

  test('to an organization there that is another’s is refused', async () => {
    await link('shop:7', 'mill');
    const error = await link('shop:8', 'mill').catch((thrown: unknown) => thrown);
    expect(sqlStateOf(error)).toBe(UNIQUE_VIOLATION);
  });

  test('that has ended gives way to others, and to a new one', async () => {
    await link('shop:7', 'mill');
    expect(await unlink('shop:7')).toHaveLength(1);
    expect(await unlink('shop:7')).toEqual([]);
    expect(await linkByThere(db, 'hub', 'mill')).toBeUndefined();
    expect(await link('shop:8', 'mill')).toHaveLength(1);
    expect(await link('shop:7', 'press')).toMatchObject([
      { state: 'linked', readAt: null, unlinkedAt: null, legacyEndedAt: null },
    ]);
  });

  test('counts among others only while it lasts', async () => {
    await link('shop:7', 'mill');
    await link('shop:8', 'press');
    await unlink('shop:8');
    const keys = ['shop:7', 'shop:8', 'shop:9'];
    expect([...(await linkedAmong(db, ['hub'], keys))]).toEqual(['shop:7']);
    expect([...(await linkedAmong(db, ['other'], keys))]).toEqual([]);
    expect(await linksOf(db, 'hub', keys)).toMatchObject([{ organization: 'shop:7' }]);
  });
});

describe('a lease', () => {
  test('is one node’s until it gives it back', async () => {
    await link('shop:7', 'mill');
    const [leased] = await lease('a');
    expect(await lease('b')).toEqual([]);
    await releaseLink(db, { ...leased!, lease: 'b' }, { failures: 0, seconds: 0 });
    expect(await lease('b')).toEqual([]);
    await releaseLink(db, leased!, { failures: 0, seconds: 0 });
    expect(await lease('b')).toHaveLength(1);
  });

  test('is given to each once, however many ask at the same time', async () => {
    for (let at = 0; at < 20; at += 1) await link(`shop:${at}`, `there-${at}`);
    const leased = await Promise.all(Array.from({ length: 8 }, (_, at) => lease(`lease-${at}`, 4)));
    expect(
      leased
        .flat()
        .map(({ organization }) => organization)
        .sort(),
    ).toHaveLength(20);
    expect(new Set(leased.flat().map(({ organization }) => organization)).size).toBe(20);
  });

  test('ends with the link', async () => {
    await link('shop:7', 'mill');
    const [leased] = await lease('a');
    await unlink('shop:7');
    await releaseLink(db, leased!, { failures: 3, seconds: 0, isSettled: true });
    expect(await linkOf(db, 'hub', 'shop:7')).toMatchObject({ failures: 0 });
  });

  test('of an ended link is given until nothing is left to be told', async () => {
    await link('shop:7', 'mill');
    await unlink('shop:7');
    const [leased] = await lease('a');
    await releaseLink(db, leased!, { failures: 0, seconds: 0, isSettled: true });
    expect(await lease('b')).toEqual([]);
  });
});
