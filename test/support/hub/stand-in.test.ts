import { beforeEach, describe, expect, test } from 'vitest';
import { Browser, field } from '../browser.ts';
import { appClient, BACK } from './app-client.ts';
import type { AtHub, Hub, Organization, Person } from './index.ts';
import { startHub } from './index.ts';

let hub: Hub;
let app: ReturnType<typeof appClient>;
let jane: Person;
let acme: Organization;

const asJane: AtHub = { email: 'jane@example.com' };

beforeEach(async () => {
  hub = await startHub({ app: { redirectUris: [BACK] } });
  app = appClient(hub, asJane);
  jane = hub.addPerson({ email: 'jane@example.com' });
  acme = hub.addOrganization({ name: 'Acme', owner: jane.id });
  return () => hub.close();
});

describe('the authorize request', () => {
  test.each([
    ['an unknown client', { client_id: 'x' }],
    ['another address', { redirect_uri: `${BACK}/` }],
    ['an address with a query', { redirect_uri: `${BACK}?a=b` }],
  ])('with %s is shown to nobody but the person', async (_what, more) => {
    const answer = await new Browser().visit(app.authorizeUrl(more));
    expect([answer.status, answer.location]).toEqual([400, undefined]);
  });

  test.each([
    ['malformed_scope', 'zaikio.person.r zaikio.person.w'],
    ['malformed_scope', ''],
    ['malformed_scope', 'openid'],
    ['different_bearer_types', 'Per.zaikio.person.r,Org.zaikio.organization.r'],
    ['different_bearer_ids', 'Org/a.zaikio.organization.r,Org/b.zaikio.organization.r'],
    ['scope_is_not_included_in_desired_scopes', 'zaikio.machines.r'],
    ['unpermitted_bearer_id', 'Per/1.zaikio.person.r'],
  ])('is sent back with %s for the scope "%s"', async (error, scope) => {
    const { location } = await new Browser().visit(app.authorizeUrl({ scope }));
    expect(Object.fromEntries(new URL(location!).searchParams)).toEqual({
      error: 'invalid_scope',
      error_description: error,
      state: 'their-state',
    });
  });

  test.each([
    ['no method', { code_challenge: 'c'.repeat(43) }],
    ['an unknown method', { code_challenge: 'c'.repeat(43), code_challenge_method: 'S512' }],
    ['a short challenge', { code_challenge: 'c', code_challenge_method: 'S256' }],
  ])('is sent back where PKCE has %s', async (_what, more) => {
    const { location } = await new Browser().visit(app.authorizeUrl(more));
    expect(new URL(location!).searchParams.get('error')).toBe('invalid_request');
  });
});

describe('the pages', () => {
  test('are filled in with what the app says', async () => {
    const person = { 'person[first_name]': 'Ann', 'person[name]': 'Lee', 'person[email]': 'a"b@example.com' };
    const login = await new Browser().follow(app.authorizeUrl({ login: 'ann@example.com', ...person }), BACK);
    expect(field(login.body, 'email')).toBe('ann@example.com');
    const signUp = await new Browser().visit(login.url.replace('/login', '/signup'));
    const filledIn = ['first_name', 'name', 'email'].map((name) => field(signUp.body, name));
    expect(filledIn).toEqual(['Ann', 'Lee', 'a"b@example.com']);
  });

  test('let nobody in with a wrong password', async () => {
    await expect(app.back({}, { ...asJane, password: 'wrong' })).rejects.toThrow(
      'Email or password is wrong',
    );
  });

  test('let nobody sign up with an address that somebody has, or where the app does not want it', async () => {
    const signUp = { ...asJane, signUp: true };
    await expect(app.back({ 'person[name]': 'Doe' }, signUp)).rejects.toThrow('already been taken');
    const newcomer = { email: 'x@example.com', signUp: true };
    await expect(app.back({ signup: 'false' }, newcomer)).rejects.toThrow('403');
  });

  test('ask for an organization that somebody manages, and offer no other', async () => {
    const john = hub.addPerson({ email: 'john@example.com' });
    hub.addMember(acme.id, john.id, ['member']);
    const scope = 'Org.zaikio.organization.r';
    expect((await app.back({ scope }, { ...asJane, organization: acme.id })).get('code')).toBeTruthy();
    const asJohn = { email: 'john@example.com', organization: acme.id };
    await expect(app.back({ scope }, asJohn)).rejects.toThrow('You do not manage this organization.');
    const preset = await app.back({ scope: `Org/${acme.id}.zaikio.organization.r` }, asJohn);
    expect(preset.get('error_description')).toBe('unpermitted_bearer_id');
  });

  test('send back who says no, and connect nothing', async () => {
    expect(Object.fromEntries(await app.back({}, { ...asJane, deny: true }))).toMatchObject({
      error: 'access_denied',
      state: 'their-state',
    });
    expect(hub.directory.connections.size).toBe(0);
  });

  test('let people change to another account', async () => {
    const john = hub.addPerson({ email: 'john@example.com' });
    const code = await app.codeOf({}, { ...asJane, other: { email: 'john@example.com' } });
    const person = await app.api('GET /person', `Bearer ${await app.tokenOf(code)}`);
    expect(person.body.id).toBe(john.id);
  });

  test('ask once only, and again with force_login', async () => {
    const browser = new Browser();
    const wrong = { email: 'x', password: 'x' };
    await app.back({}, asJane, browser);
    await app.back({}, wrong, browser);
    await expect(app.back({ force_login: 'true' }, wrong, browser)).rejects.toThrow('is wrong');
  });

  test('can be used only by whoever has the request, and once', async () => {
    const browser = new Browser();
    const login = await browser.follow(app.authorizeUrl(), BACK);
    expect((await browser.visit(login.url.replace(/request=.*/, 'request=other'))).status).toBe(400);
    const request = new URL(login.url).searchParams.get('request');
    await browser.visit(login.url, { form: { email: jane.email, password: jane.password } });
    const consent = `${hub.url}/consent?request=${request}`;
    expect((await browser.visit(consent, { form: { decision: 'approve' } })).location).toContain('code=');
    expect((await browser.visit(consent, { form: { decision: 'approve' } })).status).toBe(400);
  });
});
