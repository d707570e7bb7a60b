import { describe, expect, test } from 'vitest';
import { oneTargetSettings, targetSettings } from '../../src/targets/target-settings.ts';
import { webhookSettings } from '../../src/targets/webhook-settings.ts';

const KEY = 'a key of the tests';
const TOTP = { name: 'totp', key: 'JBSWY3DPEHPK3PXPJBSWY3DP' };
const OAUTH = { clientId: 'webhooks-of-cidaas' };
const problemsOf = (given: unknown) =>
  webhookSettings.safeParse(given).error?.issues.map(({ path }) => path.join('.')) ?? [];

describe('a webhook’s settings', () => {
  test.each([
    ['a key for signatures', { hmacKey: KEY }],
    ['an API key', { apiKey: { name: 'X-Api-Key', value: KEY } }],
    ['an API key in the query', { apiKey: { name: 'apikey', in: 'query', value: KEY } }],
    ['codes of the time', { totp: TOTP }],
    [
      'codes of a key that is no base 32',
      { totp: { ...TOTP, key: 'not base 32 at all!', encoding: 'text' } },
    ],
    ['tokens', { oauth: OAUTH }],
    ['tokens of another issuer', { oauth: { ...OAUTH, issuer: 'https://id.example.com' } }],
    ['tokens with keys on loopback', { oauth: { ...OAUTH, jwksUrl: 'http://127.0.0.1:8/keys' } }],
  ])('take %s', (_what, given) => {
    expect(problemsOf(given)).toEqual([]);
  });

  test.each([
    ['no way at all', {}, ['']],
    ['two ways', { hmacKey: KEY, oauth: OAUTH }, ['']],
    ['a key that is short', { apiKey: { name: 'k', value: 'short' } }, ['apiKey.value']],
    ['a name that is no header’s', { apiKey: { name: 'a b', value: KEY } }, ['apiKey.name']],
    ['a place that is none', { apiKey: { name: 'k', in: 'cookie', value: KEY } }, ['apiKey.in']],
    ['a key that is no base 32', { totp: { ...TOTP, key: 'not base 32 at all!' } }, ['totp.key']],
    ['seven digits', { totp: { ...TOTP, digits: 7 } }, ['totp.digits']],
    [
      'keys that come in clear',
      { oauth: { ...OAUTH, jwksUrl: 'http://id.example.com/k' } },
      ['oauth.jwksUrl'],
    ],
    ['something unknown', { apiKey: { name: 'k', value: KEY, prefix: 'x' } }, ['apiKey']],
  ])('refuse %s', (_what, given, problems) => {
    expect(problemsOf(given)).toEqual(problems);
  });

  test('do not show their secrets', () => {
    const settings = webhookSettings.parse({ apiKey: { name: 'k', value: KEY } });
    expect(JSON.stringify(settings)).not.toContain(KEY);
  });
});

describe('a target’s webhook', () => {
  const target = (kind: string, webhook: object) => ({
    ...{ name: 'new', kind, displayName: 'New', loginUrl: 'https://new.example/', webhook },
  });
  const wrong = (kind: string, webhook: object) =>
    targetSettings.safeParse([target(kind, webhook)]).error?.issues.map(({ path }) => path.join('.'));

  test('is one that its kind can call', () => {
    expect(wrong('cidaas', { apiKey: { name: 'k', value: KEY } })).toBeUndefined();
    expect(wrong('cidaas', { hmacKey: KEY })).toEqual(['0.webhook.hmacKey']);
    expect(wrong('generic', { oauth: OAUTH })).toEqual(['0.webhook.oauth']);
  });

  test('is not there unless it is named', () => {
    const { webhook: _none, ...bare } = target('cidaas', {});
    expect(oneTargetSettings.parse(bare)).not.toHaveProperty('webhook');
  });
});
