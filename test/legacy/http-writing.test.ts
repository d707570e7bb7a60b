import { afterEach, describe, expect, test } from 'vitest';
import type { Connector } from '../../src/legacy/connector.ts';
import { openConnector } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import type { Handler, Reply } from './http-api.ts';
import { serve, shopHttp } from './http-api.ts';
import { httpWrites } from './http-writes.ts';

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

async function connected(answer: Reply | Handler, writes: object = httpWrites) {
  const api = await serve(typeof answer === 'function' ? answer : () => answer);
  const http = { ...shopHttp(api.url), authorization: { bearer: 'reads' }, writes };
  const connector: Connector = openConnector(legacySettings.parse({ store: 'shop', http }));
  opened.push(() => connector.close(), api.close);
  return { api, write: connector.write! };
}

const LINK = { id: '1', targetUserId: 'there-canary' };
const PERSON = { targetUserId: 't', email: null, name: 'Anna', givenName: null, familyName: null };

describe('a write to an API', () => {
  test('is one request, with null for what is taken away', async () => {
    const { api, write } = await connected({ status: 204 });
    expect(await write('linkPerson', { id: 'a/b', targetUserId: null })).toBeUndefined();
    await write('endMember', { organization: 'o?1', id: '1' });
    await write('createPerson', PERSON);
    expect(api.seen.map(({ method, target, body }) => [method, target, body])).toEqual([
      ['PATCH', '/api/v1/users/a%2Fb', '{"targetUserId":null}'],
      ['DELETE', '/api/v1/organizations/o%3F1/members/1', ''],
      ['POST', '/api/v1/users', '{"targetUserId":"t","email":null,"name":"Anna"}'],
    ]);
  });

  test('in a form or a query is empty where there is nothing, so that nothing stays', async () => {
    const { api, write } = await connected(
      { status: 204 },
      {
        setMember: { path: 'set', form: { o: '{organization}', who: '{id}', roles: '{roles}' } },
        linkPerson: { path: 'link', query: { id: '{id}', target: '{targetUserId}' } },
      },
    );
    await write('setMember', { organization: 'o1', id: '1', roles: '' });
    await write('linkPerson', { id: '1', targetUserId: null });
    expect(api.seen.map(({ target, body }) => [target, body])).toEqual([
      ['/api/v1/set', 'o=o1&who=1&roles='],
      ['/api/v1/link?id=1&target=', ''],
    ]);
  });

  test('stays one value, whatever it is', async () => {
    const { api, write } = await connected({ status: 204 });
    const targetUserId = '","admin":true,"x":"{id}&a=b';
    await write('linkPerson', { id: '1', targetUserId });
    expect(JSON.parse(api.seen[0]!.body)).toEqual({ targetUserId });
  });

  test.each(['..', '%2e%2e', '../admin', 'a\r\nb', ''])(
    'with an id that no path can name, %j, is refused',
    async (id) => {
      const { api, write } = await connected({ status: 204 });
      await expect(write('linkPerson', { ...LINK, id })).rejects.toMatchObject({ code: 'bad_request' });
      expect(api.seen).toEqual([]);
    },
  );

  test.each([
    [404, 0],
    [410, 0],
    [200, undefined],
    [201, undefined],
  ])('answered with %s changes %s', async (status, changed) => {
    const { write } = await connected({ status });
    expect(await write('linkPerson', LINK)).toBe(changed);
  });

  test.each([
    ['linkPerson', LINK, 409, 'already_linked'],
    ['linkPerson', LINK, 422, 'bad_request'],
    ['linkPerson', LINK, 400, 'bad_request'],
    ['linkPerson', LINK, 401, 'legacy_unavailable'],
    ['linkPerson', LINK, 403, 'legacy_unavailable'],
    ['linkPerson', LINK, 302, 'legacy_unavailable'],
    ['linkPerson', LINK, 500, 'legacy_unavailable'],
    ['createPerson', PERSON, 409, 'user_ambiguous'],
    // The path is wrong, and nobody was made.
    ['createPerson', PERSON, 404, 'legacy_unavailable'],
    ['setMember', { organization: 'o', id: '1', roles: '' }, 409, 'config_invalid'],
  ] as const)('%s of %o answered with %s is %s', async (what, values, status, code) => {
    const { api, write } = await connected({ status, json: { error: 'canary' } });
    const error = await write(what, values).catch((thrown) => thrown);
    expect(error).toMatchObject({ code });
    expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain('canary');
    expect(api.seen).toHaveLength(1);
  });

  test('may have other statuses for what they say', async () => {
    const createPerson = { ...httpWrites.createPerson, taken: [422], refused: [] };
    const { write } = await connected({ status: 422 }, { createPerson });
    await expect(write('createPerson', PERSON)).rejects.toMatchObject({ code: 'user_ambiguous' });
  });

  test('may be of somebody else than who reads', async () => {
    const { api, write } = await connected(
      { status: 204 },
      { ...httpWrites, authorization: { bearer: 'writes' } },
    );
    await write('linkPerson', LINK);
    expect(api.seen.map(({ authorization }) => authorization)).toEqual(['Bearer writes']);
  });
});
