import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { appClient, BACK } from './app-client.ts';
import type { Hub, Organization, Person } from './index.ts';
import { startHub } from './index.ts';

const VERIFIER = 'v'.repeat(43);
const CHALLENGE = {
  code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  code_challenge_method: 'S256',
};

let hub: Hub;
let app: ReturnType<typeof appClient>;
let jane: Person;
let acme: Organization;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.now();
  hub = await startHub({ now: () => new Date(nowMs), app: { redirectUris: [BACK] } });
  app = appClient(hub, { email: 'jane@example.com' });
  jane = hub.addPerson({ email: 'jane@example.com' });
  acme = hub.addOrganization({ name: 'Acme', owner: jane.id });
  return () => hub.close();
});

const connect = (scopes = ['organization.r', 'organization_members.r']) =>
  hub.connect({ type: 'Organization', id: acme.id }, scopes);

describe('a code', () => {
  test('is good once', async () => {
    const code = await app.codeOf();
    expect((await app.post({ ...app.own, code })).body).toMatchObject({
      token_type: 'bearer',
      scope: 'zaikio.person.r',
      bearer: { type: 'Person', id: jane.id },
    });
    expect(await app.post({ ...app.own, code })).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
  });

  test('is good for a minute', async () => {
    const code = await app.codeOf();
    nowMs += 61_000;
    expect(await app.post({ ...app.own, code })).toMatchObject({ status: 400 });
  });

  test('is the client’s to whom it was given, with its secret', async () => {
    const other = hub.addApp({});
    const theirs = { client_id: other.clientId, client_secret: other.clientSecret };
    expect(await app.post({ ...theirs, code: await app.codeOf() })).toMatchObject({ status: 400 });
    const { client_id } = app.own;
    expect(await app.post({ client_id, code: await app.codeOf() })).toMatchObject({ status: 401 });
  });

  test('needs the verifier that it was asked for with', async () => {
    for (const verifier of [{}, { code_verifier: 'w'.repeat(43) }]) {
      const code = await app.codeOf(CHALLENGE);
      expect(await app.post({ ...app.own, code, ...verifier })).toMatchObject({ status: 400 });
    }
    const code = await app.codeOf(CHALLENGE);
    expect(await app.post({ ...app.own, code, code_verifier: VERIFIER })).toMatchObject({ status: 200 });
  });
});

describe('tokens', () => {
  test('end after an hour', async () => {
    const token = `Bearer ${await app.tokenOf(await app.codeOf())}`;
    const email = 'jane@example.com';
    expect(await app.api('GET /person', token)).toMatchObject({ status: 200, body: { email } });
    nowMs += 3_601_000;
    expect(await app.api('GET /person', token)).toMatchObject({ status: 403 });
  });

  test('are refreshed once, within seven days, with HTTP Basic', async () => {
    const { body } = await app.post({ ...app.own, code: await app.codeOf() });
    const refresh = { grant_type: 'refresh_token', refresh_token: body.refresh_token! };
    expect(await app.post({ ...refresh, ...app.own })).toMatchObject({ status: 401 });
    const next = await app.post(refresh, app.basic);
    expect(next.status).toBe(200);
    expect(await app.post(refresh, app.basic)).toMatchObject({ status: 400 });
    nowMs += 7 * 86_400_000 + 1_000;
    const late = { ...refresh, refresh_token: next.body.refresh_token! };
    expect(await app.post(late, app.basic)).toMatchObject({ status: 400 });
  });

  test('without a code are for those who have let the app in', async () => {
    const scope = `Org/${acme.id}.zaikio.organization.r`;
    const refused = (error_description: string) => ({ status: 400, body: { error_description } });
    expect(await app.credentials(scope)).toMatchObject(refused('bearer_does_not_exist'));
    connect(['organization_members.r']);
    expect(await app.credentials(scope)).toMatchObject(refused('ungranted_scope'));
    connect();
    expect(await app.credentials(scope)).toMatchObject({ status: 200, body: { bearer: { id: acme.id } } });
    const inForm = { grant_type: 'client_credentials', scope, ...app.own };
    expect(await app.post(inForm)).toMatchObject({ status: 401 });
    hub.disconnect({ type: 'Organization', id: acme.id });
    expect(await app.credentials(scope)).toMatchObject(refused('bearer_does_not_exist'));
  });

  test('open what they are for, until they are revoked', async () => {
    const person = `Bearer ${await app.tokenOf(await app.codeOf())}`;
    const unpermitted = { status: 401, body: { errors: ['unpermitted_scope'] } };
    expect(await app.api('GET /organization', person)).toMatchObject(unpermitted);
    connect();
    const { body } = await app.credentials(`Org/${acme.id}.zaikio.organization.r`);
    const token = `Bearer ${body.access_token}`;
    expect(await app.api('GET /organization', token)).toMatchObject({ body: { name: 'Acme' } });
    expect(await app.api('GET /organization/memberships', token)).toMatchObject(unpermitted);
    expect(await app.api('POST /revoked_access_tokens', token)).toMatchObject({ status: 201 });
    expect(await app.api('GET /organization', token)).toMatchObject({ status: 403 });
    expect((await app.api('GET /revoked_access_tokens')).body.revoked_token_ids).toHaveLength(1);
  });

  test('are none without a signature of the hub', async () => {
    const token = await app.tokenOf(await app.codeOf());
    const [header, claims] = token.split('.');
    for (const other of [`${header}.${claims}.`, `${header}.${claims}.AAAA`, 'x'])
      expect(await app.api('GET /person', `Bearer ${other}`)).toMatchObject({ status: 403 });
    expect(await app.api('GET /person')).toMatchObject({ status: 403 });
  });
});

describe('the API', () => {
  test('makes an organization that is the person’s, and connected', async () => {
    const code = await app.codeOf({ scope: 'zaikio.person.r,zaikio.organizations.w' });
    const token = `Bearer ${await app.tokenOf(code)}`;
    const organization = { name: 'New', country_code: 'DE' };
    const made = await app.api('POST /person/organizations', token, { organization });
    expect(made).toMatchObject({ status: 201, body: { name: 'New' } });
    expect(await app.credentials(`Org/${made.body.id}.zaikio.organization_members.r`)).toMatchObject({
      status: 200,
    });
    expect((await app.api('GET /person/organization_memberships', token)).body).toHaveLength(2);
  });

  test('changes and ends memberships, but not the owner’s', async () => {
    hub.app.desiredScopes.push('organization_members.rw');
    connect(['organization_members.rw']);
    const member = hub.addMember(acme.id, hub.addPerson({ email: 'john@example.com' }).id).id;
    const owner = hub.directory.membership(acme.id, jane.id)!.id;
    const { body } = await app.credentials(`Org/${acme.id}.zaikio.organization_members.rw`);
    const ask = (method: string, id: string, document?: object) =>
      app.api(`${method} /organization/memberships/${id}`, `Bearer ${body.access_token}`, document);
    const admin = { membership: { roles: ['admin'] } };
    expect(await ask('PATCH', member, admin)).toMatchObject({ body: { roles: ['admin'] } });
    expect(await ask('PATCH', owner, admin)).toMatchObject({ status: 422 });
    expect(await ask('DELETE', owner)).toMatchObject({ status: 403 });
    expect(await ask('DELETE', member)).toMatchObject({ status: 204 });
    expect(await ask('GET', member)).toMatchObject({ status: 404 });
    expect(hub.loom.events.map(({ event }) => event.name)).toEqual([
      'zaikio.connection_established',
      'zaikio.member_joined',
      'zaikio.member_roles_updated',
      'zaikio.member_left',
    ]);
  });

  test('lists connections for the app with its secret', async () => {
    connect();
    expect((await app.api('GET /connections', app.basic)).body).toMatchObject([{ connectable_id: acme.id }]);
    expect(await app.api('GET /connections')).toMatchObject({ status: 401 });
  });

  test('lists roles and keys for everybody', async () => {
    expect((await app.api('GET /roles')).body).toContainEqual({ id: 'owner', name: 'Owner' });
    expect((await app.api('GET /jwt_public_keys')).body).toMatchObject({ keys: [{ kty: 'RSA', e: 'AQAB' }] });
  });
});
