/** An outage is told as one, whatever it looks like; and a refusal is none. */
import { beforeEach, describe, expect, test } from 'vitest';
import { isFootbridgeError } from '../../../src/errors.ts';
import { openHubOrganizations } from '../../../src/targets/hub/organizations.ts';
import { openHubSignIn } from '../../../src/targets/hub/sign-in.ts';
import { SignInFailed } from '../../../src/targets/sign-in.ts';
import type { Hub } from '../../support/hub/index.ts';
import { broughtBack, openStage, request, targetOf } from './stage.ts';

let hub: Hub;
let organization: string;

beforeEach(async () => {
  ({ hub } = await openStage());
  const jane = hub.addPerson({ email: 'jane@example.com' });
  organization = hub.addOrganization({ name: 'Acme', owner: jane.id }).id;
  hub.connect({ type: 'Organization', id: organization }, ['organization.r', 'organization_members.r']);
  return () => hub.close();
});

/** What becomes of somebody who comes back while the hub is like that. */
async function signedIn(arrange: () => void, timeoutMs = 5_000): Promise<SignInFailed> {
  const signIn = openHubSignIn(targetOf(hub, { timeoutMs }));
  const { url, checks } = await signIn.begin(request());
  const query = await broughtBack(url, { email: 'jane@example.com' });
  arrange();
  const error = await signIn.finish(query, checks).catch((one) => one);
  await signIn.close();
  if (!(error instanceof SignInFailed)) throw new Error('they came back', { cause: error });
  return error;
}

async function members(arrange: () => void, timeoutMs = 5_000): Promise<unknown> {
  const organizations = openHubOrganizations(targetOf(hub, { timeoutMs }));
  arrange();
  const outcome = await organizations.members(organization).catch((error) => error);
  await organizations.close();
  return isFootbridgeError(outcome) ? outcome.code : outcome;
}

const CALLS = [/access_token/, /jwt_public_keys/, /GET .*person/] as const;

describe.each(CALLS)('an outage of %s', (only) => {
  test.each([
    ['500 with JSON', { kind: 'http', status: 500 }],
    ['502 with a page', { kind: 'html', status: 502 }],
    ['200 with a page', { kind: 'html', status: 200 }],
    ['404 with a page, from whoever stands before it', { kind: 'html', status: 404 }],
    ['a redirect', { kind: 'redirect' }],
    ['a connection that breaks off', { kind: 'cut' }],
    ['an answer without an end', { kind: 'oversized' }],
  ] as const)('is one as %s', async (_what, fault) => {
    const error = await signedIn(() => hub.fail({ ...fault, only }));
    expect(error).toMatchObject({ kind: 'unavailable' });
  });

  test('is one where nobody answers', async () => {
    const error = await signedIn(() => hub.fail({ kind: 'hang', only }), 500);
    expect(error).toMatchObject({ kind: 'unavailable', code: 'no_answer' });
  });
});

test('somebody who signs in is not sent away for a connection that broke off once', async () => {
  const signIn = openHubSignIn(targetOf(hub));
  const { url, checks } = await signIn.begin(request());
  const query = await broughtBack(url, { email: 'jane@example.com' });
  hub.fail({ kind: 'cut', times: 1, only: /GET .*person/ });
  expect(await signIn.finish(query, checks)).toMatchObject({ email: 'jane@example.com' });
  await signIn.close();
});

test('a code is sent once, for it may have been spent', async () => {
  await signedIn(() => hub.fail({ kind: 'cut', times: 1, only: /access_token/ }));
  expect(hub.heard.filter(({ url }) => url === '/oauth/access_token')).toHaveLength(1);
});

test('an answer that says something else than is documented is no outage', async () => {
  const error = await signedIn(() => hub.rewrite(/GET .*person/, ({ id }) => ({ id, email: 17 })));
  expect(error).toMatchObject({ kind: 'refused', code: 'not_as_documented' });
});

test('what goes wrong never says what was sent', async () => {
  const signIn = openHubSignIn(targetOf(hub));
  const { url, checks } = await signIn.begin(request());
  const query = await broughtBack(url, { email: 'jane@example.com' });
  const code = query.get('code')!;
  hub.rewrite(/access_token/, (body) => ({ ...body, bearer: 'nobody' }));
  const error: Error = await signIn.finish(query, checks).catch((one) => one);
  const told = `${error.message} ${error.stack} ${(error.cause as Error).message} ${JSON.stringify(error)}`;
  for (const secret of [code, checks.verifier, hub.app.clientSecret, 'eyJ'])
    expect(told).not.toContain(secret);
  await signIn.close();
});

describe('of an organization', () => {
  test.each([
    ['500 with JSON', { kind: 'http', status: 500 }],
    ['200 with a page', { kind: 'html', status: 200 }],
    ['404 with a page', { kind: 'html', status: 404 }],
    ['a redirect', { kind: 'redirect' }],
    ['a connection that breaks off', { kind: 'cut' }],
    ['an answer without an end', { kind: 'oversized' }],
  ] as const)('an outage is one as %s', async (_what, fault) => {
    for (const only of [/access_token/, /memberships/]) {
      expect(await members(() => hub.fail({ ...fault, only }))).toBe('target_unavailable');
      hub.recover();
    }
  });

  test('an outage is one where nobody answers', async () => {
    expect(await members(() => hub.fail({ kind: 'hang' }), 500)).toBe('target_unavailable');
  });

  test.each([
    ['a sentence', '{"errors":["No route matches /api/v1"]}'],
    ['another document', '{"message":"not_found"}'],
    ['nothing', ''],
  ])('404 with %s does not mean that everybody has left', async (_what, body) => {
    const only = /memberships/;
    expect(await members(() => hub.fail({ kind: 'http', status: 404, body, only }))).toBe('target_refused');
  });

  test('404 in the hub’s own words means that it is gone', async () => {
    const body = '{"errors":["not_found"]}';
    expect(
      await members(() => hub.fail({ kind: 'http', status: 404, body, only: /memberships/ })),
    ).toBeUndefined();
  });
});
