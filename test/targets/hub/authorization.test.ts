import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { openHubSignIn } from '../../../src/targets/hub/sign-in.ts';
import type { SignInRequest, TargetSignIn } from '../../../src/targets/sign-in.ts';
import type { Hub } from '../../support/hub/index.ts';
import { openStage, REDIRECT_URI, request, targetOf } from './stage.ts';

let hub: Hub;
let signIn: TargetSignIn;

beforeEach(async () => {
  const stage = await openStage();
  hub = stage.hub;
  signIn = openHubSignIn(stage.target);
  return async () => {
    await signIn.close();
    await hub.close();
  };
});

const queryOf = async (more: Partial<SignInRequest> = {}, of = signIn) =>
  new URL((await of.begin(request(more))).url).searchParams;

describe('the way to the hub', () => {
  test('has all that OAuth 2.0 with PKCE asks for', async () => {
    const { url, checks } = await signIn.begin(request());
    const { origin, pathname, searchParams } = new URL(url);
    expect(`${origin}${pathname}`).toBe(`${hub.url}/oauth/authorize`);
    expect(Object.fromEntries(searchParams)).toEqual({
      client_id: hub.app.clientId,
      redirect_uri: REDIRECT_URI,
      state: checks.state,
      scope: 'zaikio.person.r',
      code_challenge: createHash('sha256').update(checks.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
  });

  test('has 256 new random bits each time, for the state and for the verifier', async () => {
    const all = await Promise.all([1, 2].map(() => signIn.begin(request())));
    const random = all.flatMap(({ checks }) => [checks.state, checks.verifier]);
    expect(new Set(random).size).toBe(4);
    for (const one of random) expect(Buffer.from(one, 'base64url')).toHaveLength(32);
  });

  test('asks of an organization with commas between the scopes', async () => {
    const query = await queryOf({ purpose: 'organization' });
    expect(query.get('scope')).toBe('Org.zaikio.organization.r,Org.zaikio.organization_members.r');
  });

  test('names scopes in the older way where the settings say so', async () => {
    const older = openHubSignIn(targetOf(hub, { settings: { scopeNames: 'directory' } }));
    expect((await queryOf({}, older)).get('scope')).toBe('directory.person.r');
    expect((await queryOf({ purpose: 'organization' }, older)).get('scope')).toMatch(
      /^Org\.directory\.organization\.r,/,
    );
    await older.close();
  });

  test('asks for the scopes of a person that the settings name', async () => {
    const more = openHubSignIn(
      targetOf(hub, { signIn: { scopes: ['zaikio.person.r', 'zaikio.organizations.w'] } }),
    );
    expect((await queryOf({}, more)).get('scope')).toBe('zaikio.person.r,zaikio.organizations.w');
    await more.close();
  });

  test('brings further parameters along', async () => {
    const more = openHubSignIn(targetOf(hub, { signIn: { parameters: { signup: 'false' } } }));
    expect((await queryOf({}, more)).get('signup')).toBe('false');
    await more.close();
  });

  test('says what is known of somebody who may have to sign up', async () => {
    const query = await queryOf({
      hints: {
        email: 'jane@example.com',
        givenName: 'Jane',
        familyName: 'Döe & Sons',
        organization: { name: 'Acme', countryCode: 'AT', kinds: ['printer', 'designer'] },
      },
      locale: 'de-AT',
    });
    expect(query.get('login')).toBe('jane@example.com');
    expect(query.get('person[first_name]')).toBe('Jane');
    expect(query.get('person[name]')).toBe('Döe & Sons');
    expect(query.get('person[email]')).toBe('jane@example.com');
    expect(query.get('organization[name]')).toBe('Acme');
    expect(query.get('organization[country_code]')).toBe('AT');
    expect(query.getAll('organization[kinds][]')).toEqual(['printer', 'designer']);
    expect(query.get('lang')).toBe('de');
  });

  test('stays short, however long a name is and however many kinds there are', async () => {
    const kinds = Array.from({ length: 500 }, () => 'k'.repeat(500));
    const long = 'x'.repeat(5_000);
    const { url } = await signIn.begin(
      request({ hints: { givenName: long, familyName: long, organization: { name: long, kinds } } }),
    );
    expect(url.length).toBeLessThan(4_000);
  });
});
