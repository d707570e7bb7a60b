/** That every handler answers with its method's own message: what nobody calls would otherwise be wrong unseen. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Zitadel } from './index.ts';
import { openZitadel } from './index.ts';

let zitadel: Zitadel;
beforeAll(async () => {
  zitadel = await openZitadel();
});
afterAll(() => zitadel?.close());

const IDP = { name: 'a', issuer: 'https://a.example', clientId: 'a', clientSecret: 's', scopes: ['openid'] };
const JWT = {
  name: 'j',
  issuer: 'https://a.example',
  jwtEndpoint: 'https://a.example',
  keysEndpoint: 'https://a.example',
  headerName: 'x',
};
const USER = {
  userId: 'u',
  username: 'u',
  profile: { givenName: 'A', familyName: 'B' },
  email: { email: 'a@b.example', isVerified: true },
};
const ACTION = { name: 'f', script: 'function f() {}', timeout: '3s' };
const POLICY = { passwordlessType: 'PASSWORDLESS_TYPE_ALLOWED', allowUsernamePassword: true };

/** In order; `$name` stands for the id of an earlier answer. */
const CALLS: readonly [verb: string, path: string, body?: object, keep?: string][] = [
  ...['admin', 'management'].flatMap((owner): [string, string, object?, string?][] => [
    ...(owner === 'management'
      ? [['POST', '/management/v1/policies/login', POLICY] as [string, string, object]]
      : []),
    ['POST', `/${owner}/v1/idps/generic_oidc`, IDP, owner],
    ['PUT', `/${owner}/v1/idps/generic_oidc/$${owner}`, IDP],
    ['POST', `/${owner}/v1/idps/generic_jwt`, JWT, `${owner}Jwt`],
    ['PUT', `/${owner}/v1/idps/generic_jwt/$${owner}Jwt`, JWT],
    ['GET', `/${owner}/v1/idps/templates/$${owner}`],
    ['POST', `/${owner}/v1/idps/templates/_search`, {}],
    [
      'POST',
      `/${owner}/v1/policies/login/idps`,
      { idpId: `$${owner}`, ...(owner === 'management' && { ownerType: 'IDP_OWNER_TYPE_ORG' }) },
    ],
    ['POST', `/${owner}/v1/policies/login/idps/_search`, {}],
    ['DELETE', `/${owner}/v1/policies/login/idps/$${owner}`],
    ['GET', `/${owner}/v1/policies/login`],
    ['PUT', `/${owner}/v1/policies/login`, POLICY],
    ['GET', `/${owner}/v1/policies/lockout`],
    ['GET', `/${owner}/v1/policies/password/complexity`],
  ]),
  ['GET', '/v2/idps/$admin'],
  ['GET', '/management/v1/policies/default/login'],
  ['POST', '/v2/users/human', USER],
  [
    'POST',
    '/v2/users/new',
    { organizationId: '$organization', username: 'n', human: { profile: USER.profile, email: USER.email } },
    'new',
  ],
  ['PATCH', '/v2/users/$new', { username: 'm' }],
  ['PUT', '/v2/users/human/u', { profile: USER.profile }],
  ['POST', '/v2/users/u/links', { idpLink: { idpId: '$admin', userId: 'x', userName: 'x' } }],
  ['POST', '/v2/users/u/links/_search', {}],
  ['DELETE', '/v2/users/u/links/$admin/x'],
  ['POST', '/v2/users/u/metadata', { metadata: [{ key: 'a', value: 'YQ==' }] }],
  ['POST', '/v2/users/u/metadata/search', { filters: [{ keyFilter: { key: 'a' } }] }],
  ['GET', '/management/v1/users/u/metadata/a'],
  ['POST', '/management/v1/users/u/metadata/_search', {}],
  ['DELETE', '/v2/users/u/metadata?keys=a'],
  ['POST', '/v2/users/u/totp', {}],
  ['DELETE', '/v2/users/u/totp'],
  ['GET', '/v2/users/u/authentication_methods'],
  ['POST', '/v2/users', { query: { limit: 5, asc: true }, sortingColumn: 'USER_FIELD_NAME_CREATION_DATE' }],
  ['POST', '/v2/users/u/password_reset', { sendLink: {} }],
  ['POST', '/v2/users/u/password_reset', { returnCode: {} }],
  ['DELETE', '/v2/users/u/phone', {}],
  ['POST', '/v2/users/u/lock', {}],
  ['POST', '/v2/users/u/unlock', {}],
  ['POST', '/management/v1/projects', { name: 'p' }, 'project'],
  ['GET', '/management/v1/projects/$project'],
  ['POST', '/management/v1/projects/_search', {}],
  ['POST', '/management/v1/projects/$project/roles', { roleKey: 'r', displayName: 'R' }],
  ['POST', '/management/v1/projects/$project/roles/_search', {}],
  ['POST', '/management/v1/users/u/grants', { projectId: '$project', roleKeys: ['r'] }, 'grant'],
  ['GET', '/management/v1/users/u/grants/$grant'],
  ['PUT', '/management/v1/users/u/grants/$grant', { roleKeys: [] }],
  ['POST', '/management/v1/users/u/grants/$grant/_deactivate', {}],
  ['POST', '/management/v1/users/u/grants/$grant/_reactivate', {}],
  ['POST', '/management/v1/users/grants/_search', { queries: [{ userIdQuery: { userId: 'u' } }] }],
  ['POST', '/v2beta/authorizations/search', {}],
  ['PATCH', '/v2beta/authorizations/$grant', { roleKeys: ['r'] }],
  ['DELETE', '/management/v1/users/u/grants/$grant'],
  ['POST', '/management/v1/actions', ACTION, 'action'],
  ['GET', '/management/v1/actions/$action'],
  ['POST', '/management/v1/actions/_search', { queries: [{ actionNameQuery: { name: 'f' } }] }],
  ['POST', '/management/v1/flows/1/trigger/1', { actionIds: ['$action'] }],
  ['GET', '/management/v1/flows/1'],
  ['DELETE', '/management/v1/actions/$action'],
  ['POST', '/v2/organizations', { name: 'Acme' }, 'acme'],
  ['POST', '/v2/organizations/_search', { queries: [{ nameQuery: { name: 'Acme' } }] }],
  ['GET', '/management/v1/orgs/me'],
  ['POST', '/admin/v1/orgs/_search', {}],
  [
    'POST',
    '/v2/sessions',
    { checks: { user: { userId: 'u' } }, metadata: { footbridge_check: 'eA==' }, lifetime: '60s' },
    'session',
  ],
  ['GET', '/v2/sessions/$session'],
  ['POST', '/v2/sessions/search', {}],
  ['DELETE', '/v2/sessions/$session', {}],
  ...['login', 'lockout', 'password/complexity', 'domain', 'login/idps'].map((what): [string, string] => [
    'GET',
    `/v2/settings/${what}?ctx.instance=true`,
  ]),
  ['GET', '/v2/settings'],
  ['GET', '/admin/v1/instances/me'],
  ['POST', '/admin/v1/events/_search', { asc: true, limit: 5 }],
  [
    'POST',
    '/admin/v1/events/_search',
    {
      asc: true,
      limit: 5,
      from: '2026-01-01T00:00:00Z',
      eventTypes: ['user.human.added'],
      aggregateTypes: ['user'],
    },
  ],
  ['POST', '/admin/v1/events/types/_search', {}],
  ['POST', '/auth/v1/permissions/zitadel/me/_search', {}],
  [
    'POST',
    '/v2/actions/targets',
    { name: 't', restAsync: {}, timeout: '1s', endpoint: 'http://a.example' },
    'target',
  ],
  ['POST', '/v2/actions/targets/$target', { name: 'other' }],
  ['POST', '/v2/actions/targets/search', {}],
  ['GET', '/v2beta/actions/targets/$target'],
  ['PUT', '/v2/actions/executions', { condition: { event: { event: 'user.locked' } }, targets: ['$target'] }],
  ['POST', '/v2/actions/executions/search', {}],
  ['GET', '/v2/actions/executions/methods'],
  ['DELETE', '/v2/actions/targets/$target'],
  [
    'POST',
    '/admin/v1/import',
    {
      timeout: '10s',
      dataOrgs: {
        orgs: [
          {
            orgId: '$organization',
            humanUsers: [
              {
                userId: 'i',
                user: {
                  userName: 'i',
                  profile: { firstName: 'A', lastName: 'B' },
                  email: { email: 'i@b.example', isEmailVerified: true },
                  hashedPassword: { value: 'x' },
                },
              },
            ],
          },
        ],
      },
    },
  ],
  [
    'POST',
    '/management/v1/users/human/_import',
    { userName: 'k', profile: { firstName: 'A', lastName: 'B' }, email: { email: 'k@b.example' } },
  ],
];

test('every answer is a message of its method', async () => {
  const known: Record<string, string> = { organization: zitadel.organization };
  const put = (text: string) => text.replace(/\$(\w+)/g, (_all, name: string) => known[name] ?? `no ${name}`);
  const failed: string[] = [];
  for (const [verb, path, body, keep] of CALLS) {
    const answer = await fetch(zitadel.url + put(path), {
      method: verb,
      headers: { authorization: `Bearer ${zitadel.token}` },
      ...(body && { body: put(JSON.stringify(body)) }),
    });
    const text = await answer.text();
    if (!answer.ok) failed.push(`${verb} ${path}: ${text.slice(0, 300)}`);
    const said = answer.ok ? JSON.parse(text) : {};
    if (keep) known[keep] = said.id ?? said.sessionId ?? said.organizationId ?? said.userGrantId;
  }
  expect(failed).toEqual([]);
  expect([zitadel.faults, zitadel.violations]).toEqual([[], []]);
});
