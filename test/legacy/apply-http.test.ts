import { afterEach, describe, expect, test } from 'vitest';
import type { Directory } from '../../src/legacy/directory.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { applyContract, HASH } from './apply-contract.ts';
import { httpApplyStore, peopleApi, personSettings } from './apply-http-api.ts';

applyContract('an API that compares what was there', () => httpApplyStore({ compares: 'before' }), {
  marks: false,
  unique: true,
});
applyContract('an API that compares versions', () => httpApplyStore({ compares: 'etag' }), {
  marks: false,
  unique: true,
});
applyContract('an API that has versions in its records', () => httpApplyStore({ compares: 'version' }), {
  marks: false,
  unique: true,
});

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function connected(
  apply: (own: ReturnType<typeof personSettings>['http']['apply']) => object,
  more = {},
) {
  const api = await peopleApi({ compares: 'nothing' });
  const settings = personSettings(api.url, 'nothing');
  const http = { ...settings.http, ...more, apply: apply(settings.http.apply) };
  const directory: Directory = openDirectory(legacySettings.parse({ store: 'shop', ...settings, http }));
  opened.push(api.close, () => directory.close());
  return { api, directory };
}
const NICK = { nickname: { before: 'ann', after: 'new' } };
const writes = (api: Awaited<ReturnType<typeof connected>>['api']) =>
  api.seen.filter(({ method }) => method !== 'GET');

describe('a change of an API’s record', () => {
  test('is one request with what changes, and says which write it is', async () => {
    const { api, directory } = await connected((own) => own);
    const fields = {
      ...NICK,
      emailVerified: { before: 'false', after: 'true' },
      phoneNumber: { before: '+49 30 1234567', after: null },
    };
    expect(await directory.apply('shop:1', { fields, password: HASH, mark: 'mark-1' })).toBe('applied');
    const [write, ...more] = writes(api);
    expect(more).toEqual([]);
    expect([write?.method, write?.target, JSON.parse(write!.body)]).toEqual([
      'PATCH',
      '/people/1',
      { profile: { nick: 'new', mail: { confirmed: true } }, phone: '', hash: HASH },
    ]);
    expect(write?.headers).toMatchObject({ 'idempotency-key': 'mark-1', 'content-type': 'application/json' });
    expect(write?.headers['if-match']).toBeUndefined();
  });

  test('may be wrapped as the API wants it, with what was there', async () => {
    const { api, directory } = await connected((own) => ({
      ...own,
      request: {
        method: 'POST',
        path: 'people/{id}/changes/{mark}',
        body: { set: '{changes}', was: '{before}', by: 'sync', id: '{id}', list: ['{mark}'] },
      },
    }));
    await directory.apply('shop:1', { fields: NICK, password: HASH, mark: 'm{id}/1' });
    const [write] = writes(api);
    expect([write?.target, JSON.parse(write!.body)]).toEqual([
      '/people/1/changes/m%7Bid%7D%2F1',
      {
        set: { profile: { nick: 'new' }, hash: HASH },
        was: { profile: { nick: 'ann' } },
        by: 'sync',
        id: '1',
        list: ['m{id}/1'],
      },
    ]);
  });

  test('keeps braces and quotes of a value for what they are', async () => {
    const { api, directory } = await connected((own) => own);
    const after = '{id}","admin":true,"x":"{changes}';
    await directory.apply('shop:1', { fields: { nickname: { before: 'ann', after } }, mark: 'm' });
    expect(JSON.parse(writes(api)[0]!.body)).toEqual({ profile: { nick: after } });
  });

  test('has another identity where the settings say so', async () => {
    const { api, directory } = await connected((own) => ({ ...own, authorization: { bearer: 'writes' } }), {
      authorization: { bearer: 'reads' },
    });
    await directory.apply('shop:1', { fields: NICK, mark: 'm' });
    expect(api.seen.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['GET', 'Bearer reads'],
      ['PATCH', 'Bearer writes'],
    ]);
  });

  test.each([
    [200, 'applied'],
    [204, 'applied'],
    [404, 'gone'],
    [410, 'gone'],
    [412, 'changed'],
    [409, 'user_ambiguous'],
    [400, 'bad_request'],
    [422, 'bad_request'],
    [401, 'legacy_unavailable'],
    [403, 'legacy_unavailable'],
    [302, 'legacy_unavailable'],
    [429, 'legacy_unavailable'],
    [500, 'legacy_unavailable'],
  ])('answered with %s is %s', async (status, outcome) => {
    const { api, directory } = await connected((own) => own);
    api.answerWrites(status);
    const said = await directory
      .apply('shop:1', { fields: { nickname: { before: 'ann', after: 'canary' } }, mark: 'm' })
      .catch((error) => {
        expect(JSON.stringify([error.message, error.detail, error.stack, error.cause])).not.toContain(
          'canary',
        );
        return error.code;
      });
    expect(said).toBe(outcome);
  });

  test.each([
    [204, 'applied'],
    [404, 'gone'],
    [409, 'user_ambiguous'],
    [422, 'bad_request'],
    [500, 'legacy_unavailable'],
  ])('that ends somebody, answered with %s, is %s', async (status, outcome) => {
    const { api, directory } = await connected((own) => own);
    api.answerWrites(status);
    const said = await directory
      .apply('shop:1', { fields: {}, remove: true, mark: 'end' })
      .catch(({ code }) => code);
    expect(said).toBe(outcome);
    expect(
      writes(api).map(({ method, target, headers }) => [method, target, headers['idempotency-key']]),
    ).toEqual([['DELETE', '/people/1', 'end']]);
  });

  test('whose answer is lost is done, and another try hears of it', async () => {
    const { api, directory } = await connected((own) => own);
    api.loseAnswer();
    const input = { fields: NICK, mark: 'm' };
    await expect(directory.apply('shop:1', input)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    expect(await directory.apply('shop:1', input)).toBe('already');
    expect(writes(api)).toHaveLength(1);
  });

  test('is not sent where the API says no version', async () => {
    const { api, directory } = await connected((own) => ({
      ...own,
      request: { ...own.request, ifMatch: 'etag' },
    }));
    await expect(directory.apply('shop:1', { fields: NICK, mark: 'm' })).rejects.toMatchObject({
      code: 'legacy_unavailable',
      detail: expect.stringContaining('no ETag'),
    });
    expect(writes(api)).toEqual([]);
  });

  test('writes the clear password where the API makes the hash itself', async () => {
    const { api, directory } = await connected((own) => ({
      ...own,
      password: { column: 'newPassword', format: 'clear' },
    }));
    expect(directory.applies('shop:1').password).toEqual({ format: 'clear' });
    await directory.apply('shop:1', { fields: {}, password: 'Pass "word" ü', mark: 'm' });
    expect(JSON.parse(writes(api)[0]!.body)).toEqual({ newPassword: 'Pass "word" ü' });
  });
});
