import { beforeEach, describe, expect, test } from 'vitest';
import { openHubSignIn } from '../../../src/targets/hub/sign-in.ts';
import type { SignInRequest, TargetSignIn } from '../../../src/targets/sign-in.ts';
import { Browser } from '../../support/browser.ts';
import type { AtHub, Hub, Person } from '../../support/hub/index.ts';
import { broughtBack, openStage, REDIRECT_URI, request, targetOf } from './stage.ts';

let hub: Hub;
let signIn: TargetSignIn;
let jane: Person;

beforeEach(async () => {
  const stage = await openStage();
  hub = stage.hub;
  signIn = openHubSignIn(stage.target);
  jane = hub.addPerson({ email: 'jane@example.com' });
  return async () => {
    await signIn.close();
    await hub.close();
  };
});

const asJane: AtHub = { email: 'jane@example.com' };

async function walked(more: Partial<SignInRequest> = {}, at: AtHub = asJane, browser = new Browser()) {
  const { url, checks } = await signIn.begin(request(more));
  return { query: await broughtBack(url, at, browser), checks };
}

describe('somebody who comes back', () => {
  test('is who they are at the hub', async () => {
    const { query, checks } = await walked();
    expect(await signIn.finish(query, checks)).toEqual({
      targetUserId: jane.id,
      name: 'Jane Doe',
      givenName: 'Jane',
      familyName: 'Doe',
      email: 'jane@example.com',
      emailVerified: true,
      amr: [],
    });
  });

  test('has no verified address before they confirmed it', async () => {
    const hints = { email: 'new@example.com', givenName: 'Neu', familyName: 'Mann' };
    const { query, checks } = await walked({ hints }, { signUp: true });
    const person = hub.directory.personByEmail('new@example.com')!;
    expect(await signIn.finish(query, checks)).toMatchObject({
      targetUserId: person.id,
      name: 'Neu Mann',
      email: 'new@example.com',
      emailVerified: false,
    });
    person.emailConfirmed = true;
    const again = await walked({}, { email: 'new@example.com' });
    expect(await signIn.finish(again.query, again.checks)).toMatchObject({ emailVerified: true });
  });

  test('may have no first name', async () => {
    hub.addPerson({ email: 'suharto@example.com', firstName: null, name: 'Suharto' });
    const { query, checks } = await walked({}, { email: 'suharto@example.com' });
    const person = await signIn.finish(query, checks);
    expect(person).toMatchObject({ name: 'Suharto', familyName: 'Suharto' });
    expect(person).not.toHaveProperty('givenName');
  });

  test.each(['seconds', 'date'] as const)('is told with the token’s end in %s', async (expiresIn) => {
    hub.options.expiresIn = expiresIn;
    const { query, checks } = await walked();
    expect(await signIn.finish(query, checks)).toMatchObject({ targetUserId: jane.id });
  });

  test('is asked nothing where they are logged in and have agreed before', async () => {
    const browser = new Browser();
    await walked({}, asJane, browser);
    const before = hub.heard.length;
    const { query, checks } = await walked({}, { email: 'nobody', password: 'wrong' }, browser);
    expect(await signIn.finish(query, checks)).toMatchObject({ targetUserId: jane.id });
    expect(hub.heard.slice(before).map(({ url }) => url.split('?')[0])).not.toContain('/login');
  });

  test('can be another one where they are asked although they are logged in', async () => {
    const john = hub.addPerson({ email: 'john@example.com' });
    const browser = new Browser();
    await walked({}, asJane, browser);
    const { query, checks } = await walked({ isOtherAccount: true }, { email: 'john@example.com' }, browser);
    expect(await signIn.finish(query, checks)).toMatchObject({ targetUserId: john.id });
  });

  test('leaves no token and no secret in any address at the hub', async () => {
    const { query, checks } = await walked();
    await signIn.finish(query, checks);
    const addresses = hub.heard
      .flatMap(({ url, referer = '' }) => [decodeURIComponent(url), referer])
      .join('\n');
    expect(addresses).toContain(checks.state);
    for (const secret of [checks.verifier, hub.app.clientSecret, query.get('code')!, 'eyJ'])
      expect(addresses).not.toContain(secret);
  });
});

describe('nobody comes back', () => {
  const refused = (code: string) => ({ name: 'SignInFailed', kind: 'refused', code });

  test('where they say no', async () => {
    const { query, checks } = await walked({}, { ...asJane, deny: true });
    await expect(signIn.finish(query, checks)).rejects.toMatchObject({
      kind: 'cancelled',
      code: 'access_denied',
    });
  });

  test('where they say no, and the hub leaves the state out', async () => {
    hub.options.errorsWithoutState = true;
    const { query, checks } = await walked({}, { ...asJane, deny: true });
    expect(query.has('state')).toBe(false);
    await expect(signIn.finish(query, checks)).rejects.toMatchObject({ kind: 'cancelled' });
  });

  test('where the hub does not let us ask for that', async () => {
    hub.app.desiredScopes.splice(0);
    const { query, checks } = await walked();
    await expect(signIn.finish(query, checks)).rejects.toMatchObject(
      refused('scope_is_not_included_in_desired_scopes'),
    );
  });

  test('where the state is another browser’s', async () => {
    const [own, other] = [await walked(), await walked()];
    await expect(signIn.finish(other.query, own.checks)).rejects.toMatchObject(refused('wrong_state'));
    expect(hub.heard.some(({ url }) => url === '/oauth/access_token')).toBe(false);
  });

  test.each([
    ['no state', { state: '' }, 'wrong_state'],
    ['an error with another state', { error: 'access_denied', state: 'x' }, 'wrong_state'],
    ['no code', { code: '' }, 'no_code'],
    ['a code that is a book', { code: 'x'.repeat(10_000) }, 'no_code'],
    ['an error that there is not', { error: 'made_up_by_somebody' }, 'unknown_error'],
    ['an error that is a page', { error: '<script>' }, 'unknown_error'],
    ['a code of somebody’s making', { code: 'invented' }, 'invalid_grant'],
  ])('with %s', async (_what, changes, code) => {
    const { query, checks } = await walked();
    for (const [name, value] of Object.entries(changes)) {
      if (value === '') query.delete(name);
      else query.set(name, value);
    }
    await expect(signIn.finish(query, checks)).rejects.toMatchObject(refused(code));
  });

  test('with a code that was used', async () => {
    const { query, checks } = await walked();
    await signIn.finish(query, checks);
    await expect(signIn.finish(query, checks)).rejects.toMatchObject(refused('invalid_grant'));
  });

  test('with another client’s code', async () => {
    const other = hub.addApp({ redirectUris: [REDIRECT_URI] });
    const { url, checks } = await signIn.begin(request());
    const theirs = url.replace(hub.app.clientId, other.clientId);
    await expect(signIn.finish(await broughtBack(theirs, asJane), checks)).rejects.toMatchObject(
      refused('invalid_grant'),
    );
  });

  test('with a code that was given to another verifier', async () => {
    const { query, checks } = await walked();
    const { checks: others } = await signIn.begin(request());
    await expect(signIn.finish(query, { ...checks, verifier: others.verifier })).rejects.toMatchObject(
      refused('invalid_grant'),
    );
  });

  test('where our secret is wrong', async () => {
    const wrong = openHubSignIn(targetOf(hub, { signIn: { clientSecret: 'not-it' } }));
    const { query, checks } = await walked();
    await expect(wrong.finish(query, checks)).rejects.toMatchObject(refused('invalid_client'));
    await wrong.close();
  });

  test('as an organization where a person was asked for, and the other way round', async () => {
    const { id } = hub.addOrganization({ name: 'Acme', owner: jane.id });
    const person = await walked();
    const organization = await walked({ purpose: 'organization' }, { ...asJane, organization: id });
    await expect(signIn.finishOrganization!(person.query, person.checks)).rejects.toMatchObject(
      refused('wrong_purpose'),
    );
    await expect(signIn.finish(organization.query, organization.checks)).rejects.toMatchObject(
      refused('wrong_purpose'),
    );
    const crossed = { ...person.checks, purpose: 'organization' as const };
    await expect(signIn.finishOrganization!(person.query, crossed)).rejects.toMatchObject(
      refused('invalid_token'),
    );
  });
});

describe('an organization', () => {
  const purpose = 'organization';

  test('is told with its members and their roles', async () => {
    const john = hub.addPerson({ email: 'john@example.com' });
    const { id } = hub.addOrganization({ name: 'Acme', owner: jane.id });
    hub.addMember(id, john.id, ['member', 'designer', 'admin']);
    const { query, checks } = await walked({ purpose }, { ...asJane, organization: id });
    expect(await signIn.finishOrganization!(query, checks)).toEqual({
      targetOrganizationId: id,
      name: 'Acme',
      members: [
        { targetUserId: jane.id, membershipId: expect.any(String), roles: ['owner'] },
        { targetUserId: john.id, membershipId: expect.any(String), roles: ['admin', 'designer', 'member'] },
      ],
    });
  });

  test('can be made there, filled in with what is known of it', async () => {
    const hints = { organization: { name: 'Acme', countryCode: 'AT', kinds: ['designer'] } };
    const { query, checks } = await walked({ purpose, hints });
    const told = await signIn.finishOrganization!(query, checks);
    expect(told).toMatchObject({ name: 'Acme', members: [{ targetUserId: jane.id, roles: ['owner'] }] });
    expect(hub.directory.organizations.get(told.targetOrganizationId)).toMatchObject({
      countryCode: 'AT',
      kinds: ['designer'],
    });
  });

  test('is told on a person’s behalf as well', async () => {
    const { id } = hub.addOrganization({ name: 'Acme', owner: jane.id });
    const { url, checks } = await signIn.begin(request({ purpose }));
    const query = await broughtBack(
      url.replaceAll('scope=Org.', 'scope=Per%3EOrg.').replaceAll('%2COrg.', '%2CPer%3EOrg.'),
      {
        ...asJane,
        organization: id,
      },
    );
    expect(await signIn.finishOrganization!(query, checks)).toMatchObject({ targetOrganizationId: id });
  });

  test('is told with all of its members, should they come in pages', async () => {
    hub.options.membersPerPage = 2;
    const { id } = hub.addOrganization({ name: 'Acme', owner: jane.id });
    for (const name of ['a', 'b', 'c', 'd'])
      hub.addMember(id, hub.addPerson({ email: `${name}@example.com` }).id);
    const { query, checks } = await walked({ purpose }, { ...asJane, organization: id });
    expect((await signIn.finishOrganization!(query, checks)).members).toHaveLength(5);
  });

  test('is nobody’s where they cancel', async () => {
    const { query, checks } = await walked({ purpose }, { ...asJane, deny: true });
    await expect(signIn.finishOrganization!(query, checks)).rejects.toMatchObject({ kind: 'cancelled' });
  });
});
