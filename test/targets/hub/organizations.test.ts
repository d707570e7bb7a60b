import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { openHubOrganizations } from '../../../src/targets/hub/organizations.ts';
import type { TargetOrganizations } from '../../../src/targets/organizations.ts';
import type { Hub, Person } from '../../support/hub/index.ts';
import { openStage, targetOf } from './stage.ts';

const SCOPES = ['organization.r', 'organization_members.r'];

let hub: Hub;
let organizations: TargetOrganizations;
let jane: Person;
let acme: string;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.now();
  const stage = await openStage({ now: () => new Date(nowMs) });
  hub = stage.hub;
  organizations = openHubOrganizations(stage.target, { nowSeconds: () => nowMs / 1_000 });
  jane = hub.addPerson({ email: 'jane@example.com' });
  acme = hub.addOrganization({ name: 'Acme', owner: jane.id }).id;
  hub.connect({ type: 'Organization', id: acme }, SCOPES);
  return async () => {
    await organizations.close();
    await hub.close();
  };
});

const asked = (path: string) => hub.heard.filter(({ url }) => url.split('?')[0] === path).length;
const tokens = () => asked('/oauth/access_token');

describe('an organization', () => {
  test('has a name and members with sorted roles', async () => {
    const john = hub.addPerson({ email: 'john@example.com' });
    hub.addMember(acme, john.id, ['member', 'designer']);
    expect(await organizations.organization(acme)).toEqual({ targetOrganizationId: acme, name: 'Acme' });
    expect(await organizations.members(acme)).toEqual([
      { targetUserId: jane.id, membershipId: expect.any(String), roles: ['owner'] },
      { targetUserId: john.id, membershipId: expect.any(String), roles: ['designer', 'member'] },
    ]);
  });

  test('is as it is now, and not as it was', async () => {
    const john = hub.addPerson({ email: 'john@example.com' });
    hub.addMember(acme, john.id);
    expect(await organizations.members(acme)).toHaveLength(2);
    hub.setRoles(acme, john.id, ['admin']);
    expect((await organizations.members(acme))?.[1]?.roles).toEqual(['admin']);
    hub.removeMember(acme, john.id);
    expect(await organizations.members(acme)).toHaveLength(1);
  });

  test('is told with all members, should they come in pages', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      hub.addMember(acme, hub.addPerson({ email: `${name}@example.com` }).id);
    hub.options.membersPerPage = 2;
    const found = await organizations.members(acme);
    expect(new Set(found?.map(({ targetUserId }) => targetUserId)).size).toBe(6);
    expect(asked('/api/v1/organization/memberships')).toBe(3);
  });

  test('is not there where there is none, or it never let us in', async () => {
    const other = hub.addOrganization({ name: 'Other', owner: jane.id }).id;
    for (const id of [randomUUID(), other, 'x', `${acme},Org/${acme}`]) {
      expect(await organizations.organization(id)).toBeUndefined();
      expect(await organizations.members(id)).toBeUndefined();
    }
  });

  test('is not there where it let us in for something else only', async () => {
    const other = hub.addOrganization({ name: 'Other', owner: jane.id }).id;
    hub.connect({ type: 'Organization', id: other }, ['organization.r']);
    expect(await organizations.members(other)).toBeUndefined();
  });

  test('is not there any more once it has taken our access away, also where we hold a token', async () => {
    expect(await organizations.members(acme)).toHaveLength(1);
    hub.disconnect({ type: 'Organization', id: acme });
    expect(await organizations.members(acme)).toBeUndefined();
    expect(await organizations.organization(acme)).toBeUndefined();
    hub.connect({ type: 'Organization', id: acme }, SCOPES);
    expect(await organizations.members(acme)).toHaveLength(1);
  });

  test('is refused, and not gone, where the settings do not ask for its members', async () => {
    const less = openHubOrganizations(
      targetOf(hub, { settings: { organizationScopes: ['organization.r'] } }),
    );
    expect(await less.organization(acme)).toMatchObject({ name: 'Acme' });
    await expect(less.members(acme)).rejects.toMatchObject({
      code: 'target_refused',
      detail: 'GET /api/v1/organization/memberships answers 401: unpermitted_scope',
    });
    await less.close();
  });

  test('is refused, and not gone, where the hub does not let our app ask at all', async () => {
    hub.app.desiredScopes.splice(0);
    await expect(organizations.members(acme)).rejects.toMatchObject({
      code: 'target_refused',
      detail: expect.stringContaining('scope_is_not_included_in_desired_scopes'),
    });
  });

  test('is refused, and not gone, where our secret is wrong', async () => {
    const wrong = openHubOrganizations(targetOf(hub, { signIn: { clientSecret: 'not-it' } }));
    await expect(wrong.members(acme)).rejects.toMatchObject({ code: 'target_refused' });
    await wrong.close();
  });

  test('is refused where the hub answers about another one', async () => {
    hub.rewrite(/GET .*organization$/, (body) => ({ ...body, id: randomUUID() }));
    await expect(organizations.organization(acme)).rejects.toMatchObject({ code: 'target_refused' });
    hub.recover();
    const bearer = { type: 'Organization', id: randomUUID() };
    hub.rewrite(/access_token/, (body) => ({ ...body, bearer }));
    nowMs += 3_600_000;
    await expect(organizations.members(acme)).rejects.toMatchObject({ code: 'target_refused' });
  });
});

describe('a token of an organization', () => {
  test('is asked for once, however many want it, and again before it ends', async () => {
    await Promise.all([organizations.members(acme), organizations.organization(acme)]);
    await organizations.members(acme);
    expect(tokens()).toBe(1);
    nowMs += 3_530_000;
    await organizations.members(acme);
    expect(tokens()).toBe(1);
    nowMs += 20_000;
    await organizations.members(acme);
    expect(tokens()).toBe(2);
  });

  test('whose end is told as a date is held as long', async () => {
    hub.options.expiresIn = 'date';
    await organizations.members(acme);
    nowMs += 3_530_000;
    await organizations.members(acme);
    expect(tokens()).toBe(1);
    nowMs += 20_000;
    await organizations.members(acme);
    expect(tokens()).toBe(2);
  });

  test('is asked for anew where the hub has revoked it', async () => {
    await organizations.members(acme);
    for (const jti of hub.tokens.issued.keys()) hub.tokens.revoked.add(jti);
    expect(await organizations.members(acme)).toHaveLength(1);
    expect(tokens()).toBe(2);
  });

  test('is asked for once more only, where the new one is refused as well', async () => {
    hub.fail({ kind: 'http', status: 403, only: /memberships/ });
    await expect(organizations.members(acme)).rejects.toMatchObject({ code: 'target_refused' });
    expect(tokens()).toBe(2);
  });

  test('is one organization’s own', async () => {
    const other = hub.addOrganization({ name: 'Other', owner: jane.id }).id;
    hub.connect({ type: 'Organization', id: other }, SCOPES);
    expect(await organizations.organization(acme)).toMatchObject({ name: 'Acme' });
    expect(await organizations.organization(other)).toMatchObject({ name: 'Other' });
    expect(tokens()).toBe(2);
  });
});

describe('too many calls', () => {
  test('are not made until the hub’s limit is reset', async () => {
    hub.limit(2, 30);
    expect(await organizations.members(acme)).toHaveLength(1);
    await expect(organizations.members(acme)).rejects.toMatchObject({ code: 'target_unavailable' });
    const before = hub.heard.length;
    nowMs += 20_000;
    await expect(organizations.members(acme)).rejects.toMatchObject({
      code: 'target_unavailable',
      retryAfterSeconds: expect.closeTo(10, -1),
    });
    expect(hub.heard).toHaveLength(before);
    hub.recover();
    nowMs += 12_000;
    expect(await organizations.members(acme)).toHaveLength(1);
  });

  test('do not silence us for longer than a minute at a time', async () => {
    hub.limit(0, 86_400);
    await expect(organizations.members(acme)).rejects.toMatchObject({ retryAfterSeconds: 3_600 });
    hub.recover();
    nowMs += 61_000;
    expect(await organizations.members(acme)).toHaveLength(1);
  });
});
